/* Rows that come from elsewhere into a store: see raw.h. */
#include "prof/store/raw.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "prof/base/buf.h"
#include "prof/store/internal.h"

struct store_raw_writer {
	struct store *s;
	const struct store_raw_table *t;
	int64_t run;
	sqlite3_stmt *stmt; /* owned */
};

/* INSERT of the columns from `first` on. */
static int prepare_insert(struct store *s, const struct store_raw_table *t, size_t first,
			  sqlite3_stmt **stmt, struct err *err)
{
	struct buf sql = BUF_INIT;
	int rc;

	buf_printf(&sql, "INSERT INTO %s (", t->name);
	for (size_t i = first; i < t->n; i++)
		buf_printf(&sql, "%s\"%s\"", i > first ? ", " : "", t->columns[i].name);
	buf_puts(&sql, ") VALUES (");
	for (size_t i = first; i < t->n; i++)
		buf_puts(&sql, i > first ? ", ?" : "?");
	buf_putc(&sql, ')');
	rc = buf_failed(&sql) ? err_nomem(err, "the rows of a run")
			      : store_prepare(s, buf_str(&sql), stmt, err);
	buf_release(&sql);
	return rc;
}

static int bind(sqlite3_stmt *stmt, int at, const struct store_raw_column *c,
		const struct store_raw_value *v)
{
	if (v->null)
		return sqlite3_bind_null(stmt, at);
	if (c->type == STORE_RAW_INT)
		return sqlite3_bind_int64(stmt, at, v->i);
	if (c->type == STORE_RAW_REAL)
		return sqlite3_bind_double(stmt, at, v->d);
	return sqlite3_bind_text64(stmt, at, v->text, v->len, SQLITE_STATIC, SQLITE_UTF8);
}

/* What a constraint refuses is the fault of the rows, not of the file. */
static int step(struct store *s, const struct store_raw_table *t, sqlite3_stmt *stmt,
		struct err *err)
{
	int rc = sqlite3_step(stmt);

	if ((rc & 0xff) == SQLITE_CONSTRAINT)
		rc = err_set(err, ERR_FORMAT, "a row of %s does not fit: %s", t->name,
			     sqlite3_errmsg(s->db));
	else if ((rc & 0xff) == SQLITE_TOOBIG)
		rc = err_set(err, ERR_FORMAT, "a text of %s is longer than %d MiB", t->name, 64);
	else
		rc = rc == SQLITE_DONE ? 0 : store_fail(s, rc, "write to", err);
	sqlite3_reset(stmt);
	return rc;
}

static int bound(struct store *s, const struct store_raw_table *t, int rc, struct err *err)
{
	if (rc == SQLITE_OK)
		return 0;
	if (rc == SQLITE_TOOBIG)
		return err_set(err, ERR_FORMAT, "a text of %s is longer than %d MiB", t->name, 64);
	return store_fail(s, rc, "write to", err);
}

int store_raw_put_run(struct store *s, const struct store_raw_table *t,
		      const struct store_raw_value *values, int64_t *run, struct err *err)
{
	sqlite3_stmt *stmt;
	int rc = store_must_write(s, err);

	if (rc == 0)
		rc = prepare_insert(s, t, 1, &stmt, err);
	if (rc < 0)
		return rc;
	for (size_t i = 1; rc == 0 && i < t->n; i++)
		rc = bound(s, t, bind(stmt, (int)i, &t->columns[i], &values[i]), err);
	if (rc == 0)
		rc = step(s, t, stmt, err);
	*run = sqlite3_last_insert_rowid(s->db);
	sqlite3_finalize(stmt);
	return rc;
}

int store_raw_writer_open(struct store_raw_writer **out, struct store *s,
			  const struct store_raw_table *t, int64_t run, struct err *err)
{
	struct store_raw_writer *w;
	int rc = store_must_write(s, err);

	*out = NULL;
	if (rc < 0)
		return rc;
	w = calloc(1, sizeof *w);
	if (!w)
		return err_nomem(err, "the rows of a run");
	w->s = s;
	w->t = t;
	w->run = run;
	rc = prepare_insert(s, t, 0, &w->stmt, err);
	if (rc < 0)
		free(w);
	else
		*out = w;
	return rc;
}

int store_raw_put(struct store_raw_writer *w, const struct store_raw_value *values, struct err *err)
{
	int64_t n = values[0].i;
	int rc = SQLITE_OK;

	if (!w->t->by_run && (n < 1 || n > (int64_t)STORE_N_MAX))
		return err_set(err, ERR_FORMAT, "a row of %s has no number", w->t->name);
	sqlite3_bind_int64(w->stmt, 1, w->t->by_run ? w->run : store_id(w->run, (uint32_t)n));
	for (size_t i = 1; rc == SQLITE_OK && i < w->t->n; i++)
		rc = bind(w->stmt, (int)i + 1, &w->t->columns[i], &values[i]);
	rc = bound(w->s, w->t, rc, err);
	return rc < 0 ? rc : step(w->s, w->t, w->stmt, err);
}

void store_raw_writer_close(struct store_raw_writer *w)
{
	if (!w)
		return;
	sqlite3_finalize(w->stmt);
	free(w);
}
