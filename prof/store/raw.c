/* Rows of a run as they lie in the file: see raw.h. */
#include "prof/store/raw.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "prof/base/buf.h"
#include "prof/store/internal.h"

#define PRIVATE_CACHE "PRAGMA synchronous = OFF; PRAGMA cache_size = -16384"
#define LENGTH_LIMIT  (64 << 20) /* of one cell, as in every store */

/* ---- a store of one's own ---- */

int store_open_private(struct store **out, const char *shown, struct err *err)
{
	struct store *s = calloc(1, sizeof *s);
	int rc;

	*out = NULL;
	if (!s || !(s->path = strdup(shown))) {
		free(s);
		return err_nomem(err, "a store");
	}
	s->mode = STORE_WRITE;
	/* The empty name: a file without a name, made when memory does not suffice. */
	rc = sqlite3_open_v2("", &s->db,
			     SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX |
				     SQLITE_OPEN_EXRESCODE,
			     NULL);
	rc = rc == SQLITE_OK ? 0 : store_fail(s, rc, "make a private copy of", err);
	if (rc == 0) {
		sqlite3_limit(s->db, SQLITE_LIMIT_LENGTH, LENGTH_LIMIT);
		rc = store_exec(s, PRIVATE_CACHE, "prepare", err);
	}
	if (rc == 0)
		rc = store_make_schema(s, err);
	if (rc < 0)
		store_close(s);
	else
		*out = s;
	return rc;
}

/* ---- the layout ---- */

static enum store_raw_type type_of(const char *declared)
{
	if (strcasecmp(declared, "INTEGER") == 0)
		return STORE_RAW_INT;
	return strcasecmp(declared, "REAL") == 0 ? STORE_RAW_REAL : STORE_RAW_TEXT;
}

static int add_column(struct store_raw_table *t, sqlite3_stmt *stmt, struct err *err)
{
	const char *name = (const char *)sqlite3_column_text(stmt, 1);
	const char *type = (const char *)sqlite3_column_text(stmt, 2);
	const char *standard = (const char *)sqlite3_column_text(stmt, 4);
	struct store_raw_column *c = &t->columns[t->n];

	if (t->n == STORE_RAW_COLUMNS)
		return err_set(err, ERR_INTERNAL, "'%s' has more than %d columns", t->name,
			       STORE_RAW_COLUMNS);
	if (!name || !type || (!standard && sqlite3_column_type(stmt, 4) != SQLITE_NULL))
		return err_nomem(err, "the columns of a store");
	c->name = strdup(name);
	c->standard = standard ? strdup(standard) : NULL;
	t->n++;
	if (!c->name || (standard && !c->standard))
		return err_nomem(err, "the columns of a store");
	c->type = type_of(type);
	c->not_null = sqlite3_column_int(stmt, 3);
	c->key = sqlite3_column_int(stmt, 5);
	return 0;
}

static int read_table(struct store *s, struct store_raw_table *t, const char *name, struct err *err)
{
	sqlite3_stmt *stmt;
	int rc = store_prepare(s, "SELECT * FROM pragma_table_info(?1)", &stmt, err);

	if (rc < 0)
		return rc;
	t->name = name ? strdup(name) : NULL;
	if (!t->name)
		rc = err_nomem(err, "the tables of a store");
	sqlite3_bind_text(stmt, 1, t->name, -1, SQLITE_STATIC);
	while (rc == 0 && (rc = sqlite3_step(stmt)) == SQLITE_ROW)
		rc = add_column(t, stmt, err);
	if (rc > 0)
		rc = rc == SQLITE_DONE ? 0 : store_fail(s, rc, "read", err);
	sqlite3_finalize(stmt);
	t->by_run = rc == 0 && t->n > 0 && strcmp(t->columns[0].name, "run") == 0;
	return rc;
}

static int add_table(struct store *s, struct store_raw_layout *l, const char *name, struct err *err)
{
	struct store_raw_table *more = realloc(l->tables, (l->n + 1) * sizeof *more);

	if (!more)
		return err_nomem(err, "the tables of a store");
	l->tables = more;
	more[l->n] = (struct store_raw_table){0};
	return read_table(s, &more[l->n++], name, err);
}

static int read_tables(struct store *s, struct store_raw_layout *l, struct err *err)
{
	sqlite3_stmt *stmt;
	int rc = store_prepare(s,
			       "SELECT name FROM sqlite_schema WHERE type = 'table' AND name LIKE"
			       " '%\\_row' ESCAPE '\\' AND name <> 'mark_row' ORDER BY rowid",
			       &stmt, err);

	if (rc < 0)
		return rc;
	while (rc == 0 && (rc = sqlite3_step(stmt)) == SQLITE_ROW)
		rc = add_table(s, l, (const char *)sqlite3_column_text(stmt, 0), err);
	if (rc > 0)
		rc = rc == SQLITE_DONE ? 0 : store_fail(s, rc, "read", err);
	sqlite3_finalize(stmt);
	if (rc == 0)
		rc = read_table(s, &l->run, "run", err);
	if (rc == 0)
		rc = read_table(s, &l->marks, "mark_row", err);
	return rc == 0 ? read_table(s, &l->kinds, "sample_kind", err) : rc;
}

int store_raw_layout_of(struct store_raw_layout *l, struct store *s, struct err *err)
{
	int rc;

	*l = (struct store_raw_layout){0};
	rc = read_tables(s, l, err);
	if (rc == 0 && store_raw_find(&l->run, "id") < 0)
		rc = err_set(err, ERR_FORMAT, "'%s' is damaged: its runs have no id", s->path);
	if (rc < 0)
		store_raw_layout_release(l);
	return rc;
}

int store_raw_layout(struct store_raw_layout *l, struct err *err)
{
	struct store *s;
	int rc = store_open_private(&s, "the tables of a store", err);

	*l = (struct store_raw_layout){0};
	if (rc == 0)
		rc = store_raw_layout_of(l, s, err);
	store_close(s);
	return rc;
}

static void table_release(struct store_raw_table *t)
{
	for (size_t i = 0; i < t->n; i++) {
		free(t->columns[i].name);
		free(t->columns[i].standard);
	}
	free(t->name);
}

void store_raw_layout_release(struct store_raw_layout *l)
{
	for (size_t i = 0; i < l->n; i++)
		table_release(&l->tables[i]);
	table_release(&l->run);
	table_release(&l->kinds);
	table_release(&l->marks);
	free(l->tables);
	*l = (struct store_raw_layout){0};
}

int store_raw_find(const struct store_raw_table *t, const char *column)
{
	for (size_t i = 0; i < t->n; i++)
		if (strcmp(t->columns[i].name, column) == 0)
			return (int)i;
	return -1;
}

/* ---- reading ---- */

int store_raw_begin(struct store *s, struct err *err)
{
	if (s->in_transaction)
		return store_flush(s, err);
	return store_exec(s, "BEGIN", "read", err);
}

void store_raw_end(struct store *s)
{
	if (!s->in_transaction && !sqlite3_get_autocommit(s->db))
		sqlite3_exec(s->db, "ROLLBACK", NULL, NULL, NULL);
}

struct store_raw_rows {
	struct store *s;
	const struct store_raw_table *t;
	sqlite3_stmt *stmt; /* owned; NULL: an older file without this table */
};

/* Is the column in the file? 1, 0 or a failure. */
static int file_has(struct store *s, const char *table, const char *column, struct err *err)
{
	sqlite3_stmt *stmt;
	int rc =
		store_prepare(s, "SELECT 1 FROM pragma_table_info(?1) WHERE name = ?2", &stmt, err);

	if (rc < 0)
		return rc;
	sqlite3_bind_text(stmt, 1, table, -1, SQLITE_STATIC);
	sqlite3_bind_text(stmt, 2, column, -1, SQLITE_STATIC);
	rc = sqlite3_step(stmt);
	rc = rc == SQLITE_ROW ? 1 : rc == SQLITE_DONE ? 0 : store_fail(s, rc, "read", err);
	sqlite3_finalize(stmt);
	return rc;
}

static int put_column(struct buf *sql, struct store *s, const struct store_raw_table *t, size_t i,
		      struct err *err)
{
	const struct store_raw_column *c = &t->columns[i];
	int has = file_has(s, t->name, c->name, err);

	if (has < 0)
		return has;
	buf_puts(sql, i ? ", " : "SELECT ");
	if (has)
		buf_printf(sql, "\"%s\"", c->name);
	else
		buf_puts(sql, c->standard ? c->standard : "NULL");
	return 0;
}

/* A SELECT of all columns; `sql` stays empty where the file has no such table. */
static int put_select(struct buf *sql, struct store *s, const struct store_raw_table *t,
		      struct err *err)
{
	int rc = file_has(s, t->name, t->columns[0].name, err);

	if (rc <= 0)
		return rc;
	rc = 0;
	for (size_t i = 0; rc == 0 && i < t->n; i++)
		rc = put_column(sql, s, t, i, err);
	buf_printf(sql, " FROM %s", t->name);
	return rc == 0 && buf_failed(sql) ? err_nomem(err, "the rows of a run") : rc;
}

static int open_rows(struct store_raw_rows **out, struct store *s, const struct store_raw_table *t,
		     const char *where, int64_t a, struct err *err)
{
	struct store_raw_rows *r = calloc(1, sizeof *r);
	struct buf sql = BUF_INIT;
	int rc = r ? put_select(&sql, s, t, err) : err_nomem(err, "the rows of a run");

	*out = NULL;
	if (rc == 0 && sql.len) {
		buf_printf(&sql, " %s", where);
		rc = buf_failed(&sql) ? err_nomem(err, "the rows of a run")
				      : store_prepare(s, buf_str(&sql), &r->stmt, err);
		if (rc == 0)
			sqlite3_bind_int64(r->stmt, 1, a);
	}
	buf_release(&sql);
	if (rc < 0) {
		free(r);
		return rc;
	}
	r->s = s;
	r->t = t;
	*out = r;
	return 0;
}

int store_raw_open(struct store_raw_rows **out, struct store *s, const struct store_raw_table *t,
		   int64_t run, struct err *err)
{
	if (strcmp(t->name, "run") == 0)
		return open_rows(out, s, t, "WHERE key = ?1", run, err);
	if (t->by_run)
		return open_rows(out, s, t, "WHERE run = ?1", run, err);
	return open_rows(out, s, t, "WHERE id BETWEEN ?1 AND ?1 + 4294967295 ORDER BY id",
			 (int64_t)((uint64_t)run << 32), err);
}

int store_raw_open_kinds(struct store_raw_rows **out, struct store *s,
			 const struct store_raw_table *t, struct err *err)
{
	return open_rows(out, s, t, "ORDER BY id", 0, err);
}

static int wrong_type(const struct store_raw_rows *r, size_t i, struct err *err)
{
	return err_set(err, ERR_FORMAT, "'%s' is damaged: %s of %s is no %s", r->s->path,
		       r->t->columns[i].name, r->t->name,
		       r->t->columns[i].type == STORE_RAW_TEXT ? "text" : "number");
}

static int take_value(const struct store_raw_rows *r, size_t i, struct store_raw_value *v,
		      struct err *err)
{
	static const int types[] = {[STORE_RAW_INT] = SQLITE_INTEGER,
				    [STORE_RAW_REAL] = SQLITE_FLOAT,
				    [STORE_RAW_TEXT] = SQLITE_TEXT};
	enum store_raw_type want = r->t->columns[i].type;
	int type = sqlite3_column_type(r->stmt, (int)i);

	*v = (struct store_raw_value){.null = type == SQLITE_NULL};
	if (v->null)
		return r->t->columns[i].not_null ? wrong_type(r, i, err) : 0;
	if (type != types[want])
		return wrong_type(r, i, err);
	if (want == STORE_RAW_INT)
		v->i = sqlite3_column_int64(r->stmt, (int)i);
	else if (want == STORE_RAW_REAL)
		v->d = sqlite3_column_double(r->stmt, (int)i);
	else
		v->text = (const char *)sqlite3_column_text(r->stmt, (int)i);
	if (want == STORE_RAW_TEXT && !v->text)
		return err_nomem(err, "a text of the store");
	v->len = want == STORE_RAW_TEXT ? (size_t)sqlite3_column_bytes(r->stmt, (int)i) : 0;
	return 0;
}

int store_raw_next(struct store_raw_rows *r, struct store_raw_value *values, struct err *err)
{
	int rc = r->stmt ? sqlite3_step(r->stmt) : SQLITE_DONE;

	if (rc != SQLITE_ROW)
		return rc == SQLITE_DONE ? 0 : store_fail(r->s, rc, "read", err);
	for (size_t i = 0; i < r->t->n; i++)
		if ((rc = take_value(r, i, &values[i], err)) < 0)
			return rc;
	if (r->t->by_run)
		values[0].i = 0;
	else if (strcmp(r->t->columns[0].name, "id") == 0)
		values[0].i = (int64_t)store_n(values[0].i);
	return 1;
}

void store_raw_close(struct store_raw_rows *r)
{
	if (!r)
		return;
	sqlite3_finalize(r->stmt);
	free(r);
}
