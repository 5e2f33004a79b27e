/* Runs from one store into another: all rows, their ids moved to the new run's range. The other store may be of an older
 * version: what it lacks gets its default. */
#include "prof/store/internal.h"
#include "prof/store/raw.h"
#include "prof/store/read.h"

struct copy {
	struct store *to, *from;
	struct store_raw_layout layout; /* of `to` */
	int64_t from_run, to_run;
	struct err *err;
};

/* Is a run with that id in the store? */
static int is_there(struct copy *c, const struct store_raw_value *id, int *there)
{
	sqlite3_stmt *stmt;
	int rc = store_prepare(c->to, "SELECT 1 FROM run WHERE id = ?1", &stmt, c->err);

	if (rc < 0)
		return rc;
	sqlite3_bind_text64(stmt, 1, id->text, id->len, SQLITE_STATIC, SQLITE_UTF8);
	rc = sqlite3_step(stmt);
	*there = rc == SQLITE_ROW;
	rc = rc == SQLITE_ROW || rc == SQLITE_DONE ? 0 : store_fail(c->to, rc, "read", c->err);
	sqlite3_finalize(stmt);
	return rc;
}

static int copy_run_row(struct copy *c, int *there)
{
	const struct store_raw_table *run = &c->layout.run;
	struct store_raw_value v[STORE_RAW_COLUMNS];
	struct store_raw_rows *rows;
	int rc = store_raw_open(&rows, c->from, run, c->from_run, c->err);

	if (rc < 0)
		return rc;
	rc = store_raw_next(rows, v, c->err);
	if (rc == 0)
		rc = err_set(c->err, ERR_NOTFOUND, "the run is not in '%s'", c->from->path);
	if (rc > 0)
		rc = is_there(c, &v[store_raw_find(run, "id")], there);
	if (rc == 0 && !*there)
		rc = store_raw_put_run(c->to, run, v, &c->to_run, c->err);
	store_raw_close(rows);
	return rc;
}

static int copy_table(struct copy *c, const struct store_raw_table *t)
{
	struct store_raw_value v[STORE_RAW_COLUMNS];
	struct store_raw_writer *writer = NULL;
	struct store_raw_rows *rows;
	int rc = store_raw_open(&rows, c->from, t, c->from_run, c->err);

	if (rc == 0)
		rc = store_raw_writer_open(&writer, c->to, t, c->to_run, c->err);
	while (rc == 0 && (rc = store_raw_next(rows, v, c->err)) > 0)
		rc = store_raw_put(writer, v, c->err);
	store_raw_close(rows);
	store_raw_writer_close(writer);
	return rc;
}

static int copy_all(struct copy *c, int *copied)
{
	int there = 0;
	int rc = store_raw_layout_of(&c->layout, c->to, c->err);

	if (rc < 0)
		return rc;
	rc = copy_run_row(c, &there);
	for (size_t i = 0; rc == 0 && !there && i < c->layout.n; i++)
		rc = copy_table(c, &c->layout.tables[i]);
	if (rc == 0 && !there)
		rc = copy_table(c, &c->layout.marks);
	store_raw_layout_release(&c->layout);
	*copied = rc == 0 && !there;
	return rc;
}

int store_run_copy(struct store *s, struct store *from, int64_t run, int *copied, struct err *err)
{
	struct copy c = {.to = s, .from = from, .from_run = run, .err = err};
	int own_to = !s->in_transaction;
	int own_from = from != s && sqlite3_get_autocommit(from->db);
	int rc = own_to ? store_begin(s, err) : 0;

	*copied = 0;
	if (rc < 0)
		return rc;
	rc = own_from ? store_exec(from, "BEGIN", "read", err) : store_flush(from, err);
	if (rc == 0)
		rc = copy_all(&c, copied);
	if (own_from && !sqlite3_get_autocommit(from->db))
		sqlite3_exec(from->db, "ROLLBACK", NULL, NULL, NULL);
	if (own_to && rc == 0)
		rc = store_commit(s, err);
	else if (own_to)
		store_rollback(s);
	if (rc < 0)
		*copied = 0;
	return rc;
}
