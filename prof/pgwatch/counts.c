/* Reading pg_stat_statements: see counts.h. Its file of texts is not touched for the numbers (showtext off). */
#include "prof/pgwatch/counts.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "prof/base/buf.h"
#include "prof/base/clock.h"
#include "prof/pgwatch/watch_int.h"

void counts_init(struct counts *c)
{
	memset(c, 0, sizeof(*c));
}

static void clear(struct counts *c)
{
	c->n = 0;
	c->at_ns = 0;
	idmap_release(&c->by_key);
}

void counts_release(struct counts *c)
{
	clear(c);
	free(c->rows);
	memset(c, 0, sizeof(*c));
}

int counts_add(struct counts *c, const struct count_row *row)
{
	uint32_t at = idmap_intern(&c->by_key, row->key, c->n);
	struct count_row *old;

	if (at == IDMAP_NONE)
		return ERR_NOMEM;
	if (at < c->n) { /* of a nested and of a top statement */
		old = &c->rows[at];
		old->calls += row->calls;
		old->rows += row->rows;
		old->hit += row->hit;
		old->read += row->read;
		old->total_ms += row->total_ms;
		return 0;
	}
	if (c->n == c->cap) {
		uint32_t cap = c->cap ? 2 * c->cap : 256;
		struct count_row *more = reallocarray(c->rows, cap, sizeof(*more));

		if (!more)
			return ERR_NOMEM;
		c->rows = more;
		c->cap = cap;
	}
	c->rows[c->n++] = *row;
	return 0;
}

static uint64_t more(uint64_t now, uint64_t before)
{
	return now >= before ? now - before : now;
}

int counts_since(const struct counts *now, const struct counts *before, struct counts *d)
{
	uint32_t i, at;
	int rc = 0;

	clear(d);
	d->at_ns = now->at_ns;
	for (i = 0; i < now->n && rc == 0; i++) {
		struct count_row row = now->rows[i];
		const struct count_row *old = NULL;

		at = before ? idmap_get(&before->by_key, row.key) : IDMAP_NONE;
		if (at != IDMAP_NONE)
			old = &before->rows[at];
		if (old && old->calls <= row.calls) {
			row.calls -= old->calls;
			row.rows = more(row.rows, old->rows);
			row.hit = more(row.hit, old->hit);
			row.read = more(row.read, old->read);
			row.total_ms -= old->total_ms < row.total_ms ? old->total_ms : 0;
		}
		if (row.calls)
			rc = counts_add(d, &row);
	}
	return rc;
}

/* The extension's schema may have any name. */
static int function_sql(struct watch *w, struct buf *sql, const char *head, const char *call,
			const char *tail, struct err *err)
{
	int rc;

	if (!*w->facts.statements_schema || *w->facts.statements_advice)
		return err_set(err, ERR_UNSUPPORTED, "pg_stat_statements is not there: %s",
			       w->facts.statements_advice);
	buf_puts(sql, head);
	rc = pg_put_identifier(w->pg, sql, w->facts.statements_schema, err);
	buf_printf(sql, ".%s%s", call, tail);
	return rc ? rc : buf_failed(sql) ? err_nomem(err, "a statement") : 0;
}

static int take_rows(struct counts *c, const struct pg_rows *rows)
{
	int i, rc = 0;

	for (i = 0; i < pg_rows_count(rows) && rc == 0; i++) {
		const uint64_t ids[3] = {(uint64_t)pg_rows_int(rows, i, 0, 0),
					 (uint64_t)pg_rows_int(rows, i, 1, 0),
					 (uint64_t)pg_rows_int(rows, i, 2, 0)};
		const struct count_row row = {
			.key = hash_bytes(ids, sizeof(ids), 0),
			.query_id = (int64_t)ids[2],
			.database = (uint32_t)ids[1],
			.calls = (uint64_t)pg_rows_int(rows, i, 3, 0),
			.total_ms = pg_rows_real(rows, i, 4, 0),
			.rows = (uint64_t)pg_rows_int(rows, i, 5, 0),
			.hit = (uint64_t)pg_rows_int(rows, i, 6, 0),
			.read = (uint64_t)pg_rows_int(rows, i, 7, 0),
		};

		/* Without the right to see it a statement has no number. */
		if (ids[2])
			rc = counts_add(c, &row);
	}
	return rc;
}

int counts_read(struct watch *w, struct counts *c, struct err *err)
{
	struct buf sql = BUF_INIT;
	struct pg_rows *rows = NULL;
	char head[256];
	int rc;

	clear(c);
	snprintf(head, sizeof(head),
		 "SELECT " WATCH_MARK " s.userid, s.dbid, s.queryid, s.calls, s.%s, s.rows,"
		 " s.shared_blks_hit, s.shared_blks_read FROM ",
		 w->facts.statements_old ? "total_time" : "total_exec_time");
	rc = function_sql(w, &sql, head, "pg_stat_statements(false)", " s", err);
	if (rc == 0)
		rc = watch_query(w, &rows, buf_str(&sql), err);
	if (rc == 0 && take_rows(c, rows))
		rc = err_nomem(err, "the numbers of statements");
	c->at_ns = rc ? 0 : clock_mono_ns();
	pg_rows_free(rows);
	buf_release(&sql);
	return rc;
}

int counts_texts(struct watch *w, const int64_t *ids, uint32_t n,
		 int (*each)(void *ctx, int64_t id, const char *text), void *ctx, struct err *err)
{
	struct buf sql = BUF_INIT, tail = BUF_INIT;
	struct pg_rows *rows = NULL;
	uint32_t i;
	int rc, row;

	buf_puts(&tail, " s WHERE s.queryid IN (0");
	for (i = 0; i < n; i++)
		buf_printf(&tail, ",%" PRId64, ids[i]);
	buf_puts(&tail, ") AND s.query IS NOT NULL");
	rc = buf_failed(&tail) ? err_nomem(err, "a statement")
			       : function_sql(w, &sql,
					      "SELECT DISTINCT ON (s.queryid) " WATCH_MARK
					      " s.queryid, s.query FROM ",
					      "pg_stat_statements(true)", buf_str(&tail), err);
	if (rc == 0)
		rc = watch_query(w, &rows, buf_str(&sql), err);
	for (row = 0; rc == 0 && row < pg_rows_count(rows); row++)
		rc = each(ctx, pg_rows_int(rows, row, 0, 0), pg_rows_text(rows, row, 1));
	pg_rows_free(rows);
	buf_release(&sql);
	buf_release(&tail);
	return rc;
}
