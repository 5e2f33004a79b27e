/* Runs from one store into another: all rows, their ids moved to the new run's range. */
#include <stdio.h>
#include <string.h>

#include "prof/store/internal.h"
#include "prof/store/read.h"

#define COLUMNS_MAX 32

struct copy {
	struct store *to, *from;
	int64_t from_run, to_run;
	struct err *err;
};

static int bind_value(sqlite3_stmt *stmt, int at, sqlite3_value *value)
{
	return sqlite3_bind_value(stmt, at, value);
}

/* The row in `get` into `put`; its first column is the id (or, for tables by run, the run's key). */
static int copy_row(struct copy *c, sqlite3_stmt *get, sqlite3_stmt *put, int by_run)
{
	int64_t first = sqlite3_column_int64(get, 0);

	sqlite3_bind_int64(put, 1, by_run ? c->to_run : store_id(c->to_run, store_n(first)));
	for (int i = 1; i < sqlite3_column_count(get); i++)
		if (bind_value(put, i + 1, sqlite3_column_value(get, i)) != SQLITE_OK)
			return err_nomem(c->err, "a row");
	return store_step(c->to, put, "write to", c->err);
}

/* Columns come in the order of the schema, which is the same in both: both are of this version. */
static int copy_table(struct copy *c, const char *table, int by_run)
{
	char sql[256], marks[COLUMNS_MAX * 2 + 2] = "?";
	sqlite3_stmt *get, *put = NULL;
	int rc, n;

	if (by_run)
		snprintf(sql, sizeof sql, "SELECT * FROM %s WHERE run = ?1", table);
	else
		snprintf(sql, sizeof sql,
			 "SELECT * FROM %s WHERE id BETWEEN ?1 AND ?1 + 4294967295", table);
	rc = store_prepare(c->from, sql, &get, c->err);
	if (rc < 0)
		return rc;
	sqlite3_bind_int64(get, 1, by_run ? c->from_run : (int64_t)((uint64_t)c->from_run << 32));
	n = sqlite3_column_count(get);
	for (int i = 1; i < n && i < COLUMNS_MAX; i++)
		memcpy(marks + i * 2 - 1, ",?", 3);
	snprintf(sql, sizeof sql, "INSERT INTO %s VALUES (%s)", table, marks);
	rc = store_prepare(c->to, sql, &put, c->err);
	while (rc == 0 && (rc = sqlite3_step(get)) == SQLITE_ROW)
		rc = copy_row(c, get, put, by_run);
	if (rc > 0)
		rc = rc == SQLITE_DONE ? 0 : store_fail(c->from, rc, "read", c->err);
	sqlite3_finalize(get);
	sqlite3_finalize(put);
	return rc;
}

#define RUN_COLUMNS                                                                                \
	"id, name, command, argv, job, started_at, duration_ns, exit_code, signal, host, "         \
	"cpu_model,"                                                                               \
	" ncpu, kernel, version, git_sha, labels, rate_hz, mode, engine, memory,"                  \
	" memory_rate_bytes, memory_temporary, finished, start_ns,"                                \
	" spool_path, tick_stride"

static int copy_run_row(struct copy *c, sqlite3_stmt *get)
{
	char marks[COLUMNS_MAX * 2 + 2] = "?", sql[512];
	sqlite3_stmt *put;
	int n = sqlite3_column_count(get), rc;

	for (int i = 1; i < n && i < COLUMNS_MAX; i++)
		memcpy(marks + i * 2 - 1, ",?", 3);
	snprintf(sql, sizeof sql, "INSERT INTO run (" RUN_COLUMNS ") VALUES (%s)", marks);
	rc = store_prepare(c->to, sql, &put, c->err);
	if (rc < 0)
		return rc;
	for (int i = 0; i < n && rc == 0; i++)
		if (bind_value(put, i + 1, sqlite3_column_value(get, i)) != SQLITE_OK)
			rc = err_nomem(c->err, "a row");
	if (rc == 0)
		rc = store_step(c->to, put, "write to", c->err);
	c->to_run = sqlite3_last_insert_rowid(c->to->db);
	sqlite3_finalize(put);
	return rc;
}

/* Is a run with the id in column 0 of `get` in the store? */
static int is_there(struct copy *c, sqlite3_stmt *get, int *there)
{
	sqlite3_stmt *stmt;
	int rc = store_prepare(c->to, "SELECT 1 FROM run WHERE id = ?1", &stmt, c->err);

	if (rc < 0)
		return rc;
	bind_value(stmt, 1, sqlite3_column_value(get, 0));
	rc = sqlite3_step(stmt);
	*there = rc == SQLITE_ROW;
	rc = rc == SQLITE_ROW || rc == SQLITE_DONE ? 0 : store_fail(c->to, rc, "read", c->err);
	sqlite3_finalize(stmt);
	return rc;
}

static int copy_all(struct copy *c, int *copied)
{
	static const char *const by_run[] = {"sample_row", "snapshot_sample_row", "loss_row",
					     "mark_row"};
	sqlite3_stmt *get;
	int there = 0;
	int rc = store_prepare(c->from, "SELECT " RUN_COLUMNS " FROM run WHERE key = ?1", &get,
			       c->err);

	if (rc < 0)
		return rc;
	sqlite3_bind_int64(get, 1, c->from_run);
	rc = sqlite3_step(get);
	if (rc == SQLITE_ROW)
		rc = is_there(c, get, &there);
	else
		rc = rc == SQLITE_DONE ? err_set(c->err, ERR_NOTFOUND, "the run is not in '%s'",
						 c->from->path)
				       : store_fail(c->from, rc, "read", c->err);
	if (rc == 0 && !there)
		rc = copy_run_row(c, get);
	sqlite3_finalize(get);
	if (rc < 0 || there)
		return rc;
	for (int i = 0; i < STORE_TABLES && rc == 0; i++)
		rc = copy_table(c, store_table_names[i], 0);
	for (size_t i = 0; i < sizeof by_run / sizeof *by_run && rc == 0; i++)
		rc = copy_table(c, by_run[i], 1);
	*copied = rc == 0;
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
