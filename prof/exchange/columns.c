/* Columns and values of the store's tables in the words of PostgreSQL: see internal.h. */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "prof/exchange/internal.h"
#include "prof/exchange/oddtext.h"

void team_put_table(struct buf *sql, const struct store_raw_table *t)
{
	buf_printf(sql, TEAM_SCHEMA ".\"%s\"", t->name);
}

void team_put_columns(struct buf *sql, const struct store_raw_table *t, size_t first)
{
	for (size_t i = first; i < t->n; i++)
		buf_printf(sql, "%s\"%s\"", i > first ? ", " : "", t->columns[i].name);
}

const char *team_type(enum store_raw_type type)
{
	static const char *const names[] = {[STORE_RAW_INT] = "bigint",
					    [STORE_RAW_REAL] = "double precision",
					    [STORE_RAW_TEXT] = "text"};

	return names[type];
}

void team_put_selected(struct buf *sql, const struct store_raw_table *t, size_t first,
		       uint64_t have)
{
	for (size_t i = first; i < t->n; i++) {
		const struct store_raw_column *c = &t->columns[i];

		buf_puts(sql, i > first ? ", " : "");
		if (have >> i & 1)
			buf_printf(sql, "\"%s\"::%s", c->name, team_type(c->type));
		else
			buf_printf(sql, "(%s)::%s", c->standard ? c->standard : "NULL",
				   team_type(c->type));
	}
}

const char *team_text(struct buf *room, const char *text, size_t n, size_t *len)
{
	*len = n;
	if (oddtext_is_plain(text, n))
		return text;
	buf_clear(room);
	oddtext_put(room, text, n);
	*len = room->len;
	return buf_failed(room) ? NULL : buf_str(room);
}

/* ---- values as texts, for the row of a run ------------------------------------------------------- */

size_t team_param(struct buf *room, const struct store_raw_column *c,
		  const struct store_raw_value *v)
{
	size_t at = room->len;

	if (v->null)
		return SIZE_MAX;
	if (c->type == STORE_RAW_INT)
		buf_printf(room, "%" PRId64, v->i);
	else if (c->type == STORE_RAW_REAL)
		buf_printf(room, "%.17g", v->d);
	else
		oddtext_put(room, v->text, v->len);
	buf_putc(room, '\0');
	return at;
}

static int not_a_number(const struct store_raw_column *c, struct err *err)
{
	return err_set(err, ERR_FORMAT, "column %s of a run is no number", c->name);
}

static int take_text(struct buf *room, const char *text, size_t n, struct store_raw_value *v,
		     struct err *err)
{
	char *copy = buf_reserve(room, n + 1);

	if (!copy)
		return err_nomem(err, "a run");
	memcpy(copy, text, n);
	v->len = oddtext_back(copy, n);
	copy[v->len] = '\0';
	v->text = copy;
	room->len += v->len + 1;
	return 0;
}

static int team_value(struct buf *room, const struct store_raw_column *c, const char *text,
		      size_t n, struct store_raw_value *v, struct err *err)
{
	char *end = NULL;

	*v = (struct store_raw_value){.null = !text};
	if (!text)
		return 0;
	if (c->type == STORE_RAW_TEXT)
		return take_text(room, text, n, v, err);
	errno = 0;
	if (c->type == STORE_RAW_INT)
		v->i = strtoll(text, &end, 10);
	else
		v->d = strtod(text, &end);
	return end == text || *end || (errno && c->type == STORE_RAW_INT) ? not_a_number(c, err)
									  : 0;
}

/* ---- the row of a run there ---------------------------------------------------------------------- */

int team_query_run(struct team *t, const char *id, struct pg_rows **rows, struct err *err)
{
	const char *params[] = {id};
	struct buf sql = BUF_INIT;
	int rc;

	buf_puts(&sql, "SELECT ");
	team_put_selected(&sql, &t->layout.run, 0, t->have_run);
	buf_puts(&sql, " FROM " TEAM_SCHEMA ".run WHERE id = $1");
	rc = buf_failed(&sql) ? err_nomem(err, "a run")
			      : pg_query(t->pg, rows, buf_str(&sql), params, 1, err);
	buf_release(&sql);
	return rc;
}

int team_run_values(struct team *t, const struct pg_rows *rows, struct store_raw_value *v,
		    struct buf *room, struct err *err)
{
	const struct store_raw_table *run = &t->layout.run;
	size_t bytes = 1;
	int rc = 0;

	for (size_t i = 0; i < run->n; i++)
		bytes += pg_rows_len(rows, 0, (int)i) + 1;
	if (!buf_reserve(room, bytes)) /* all at once: texts point into it */
		return err_nomem(err, "a run");
	for (size_t i = 0; rc == 0 && i < run->n; i++)
		rc = team_value(room, &run->columns[i], pg_rows_text(rows, 0, (int)i),
				pg_rows_len(rows, 0, (int)i), &v[i], err);
	return rc;
}
