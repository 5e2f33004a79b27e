/* What is counted while a run goes on: samples, ticks, counters, losses, marks. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "prof/store/internal.h"
#include "prof/store/write.h"

static int no_stmt(const struct err *err)
{
	return err ? err->code : ERR_DATABASE;
}

int store_sample_add(struct store *s, int64_t run, enum profile_kind kind, int64_t stage,
		     int64_t thread, int64_t stack, uint64_t count, int64_t value, struct err *err)
{
	sqlite3_stmt *stmt = store_stmt(s, SQL_SAMPLE_ADD, err);
	int rc = store_must_write(s, err);

	if (rc < 0)
		return rc;
	if (!stmt)
		return no_stmt(err);
	sqlite3_bind_int64(stmt, 1, run);
	sqlite3_bind_int(stmt, 2, (int)kind);
	sqlite3_bind_int64(stmt, 3, store_n(stage));
	sqlite3_bind_int64(stmt, 4, store_n(thread));
	sqlite3_bind_int64(stmt, 5, store_n(stack));
	sqlite3_bind_int64(stmt, 6, count > INT64_MAX ? INT64_MAX : (int64_t)count);
	sqlite3_bind_int64(stmt, 7, value);
	return store_step(s, stmt, "write to", err);
}

int store_counter_add(struct store *s, int64_t run, int64_t t_ns, const char *name, double value,
		      struct err *err)
{
	sqlite3_stmt *stmt = store_stmt(s, SQL_COUNTER_ADD, err);
	struct store_run_state *st;
	uint32_t n, string;
	int64_t id;
	int rc;

	if (!stmt)
		return no_stmt(err);
	rc = store_state(s, run, &st, err);
	if (rc == 0)
		rc = store_string_id(s, st, name, &string, &n, err);
	if (rc == 0)
		rc = store_next_id(s, run, TABLE_COUNTER, &id, err);
	if (rc < 0)
		return rc;
	sqlite3_bind_int64(stmt, 1, id);
	sqlite3_bind_int64(stmt, 2, t_ns - st->start_ns);
	sqlite3_bind_int64(stmt, 3, n);
	sqlite3_bind_double(stmt, 4, isfinite(value) ? value : 0);
	return store_step(s, stmt, "write to", err);
}

int store_loss_add(struct store *s, int64_t run, const char *reason, uint64_t count,
		   struct err *err)
{
	sqlite3_stmt *stmt = store_stmt(s, SQL_LOSS_ADD, err);
	int rc = store_must_write(s, err);

	if (rc < 0)
		return rc;
	if (!stmt)
		return no_stmt(err);
	if (count == 0)
		return 0;
	sqlite3_bind_int64(stmt, 1, run);
	sqlite3_bind_text(stmt, 2, reason, -1, SQLITE_STATIC);
	sqlite3_bind_int64(stmt, 3, count > INT64_MAX ? INT64_MAX : (int64_t)count);
	return store_step(s, stmt, "write to", err);
}

int store_mark_set(struct store *s, int64_t run, const char *file, uint32_t ring, uint64_t opened,
		   uint64_t offset, struct err *err)
{
	sqlite3_stmt *stmt = store_stmt(s, SQL_MARK_SET, err);
	int rc = store_must_write(s, err);

	if (rc < 0)
		return rc;
	if (!stmt)
		return no_stmt(err);
	sqlite3_bind_int64(stmt, 1, run);
	sqlite3_bind_text(stmt, 2, file, -1, SQLITE_STATIC);
	sqlite3_bind_int64(stmt, 3, ring);
	sqlite3_bind_int64(stmt, 4, (int64_t)opened);
	sqlite3_bind_int64(stmt, 5, (int64_t)offset);
	return store_step(s, stmt, "write to", err);
}

int store_marks(struct store *s, int64_t run,
		int (*each)(void *ctx, const char *file, uint32_t ring, uint64_t opened,
			    uint64_t offset),
		void *ctx, struct err *err)
{
	sqlite3_stmt *stmt;
	int rc = store_prepare(s, "SELECT file, ring, opened, offset FROM mark_row WHERE run = ?1",
			       &stmt, err);
	int stop = 0;

	if (rc < 0)
		return rc;
	sqlite3_bind_int64(stmt, 1, run);
	while (!stop && (rc = sqlite3_step(stmt)) == SQLITE_ROW) {
		const char *file = (const char *)sqlite3_column_text(stmt, 0);

		stop = each(ctx, file ? file : "", (uint32_t)sqlite3_column_int64(stmt, 1),
			    (uint64_t)sqlite3_column_int64(stmt, 2),
			    (uint64_t)sqlite3_column_int64(stmt, 3));
	}
	if (!stop && rc != SQLITE_DONE)
		stop = store_fail(s, rc, "read", err);
	sqlite3_finalize(stmt);
	return stop;
}

int store_unfinished(struct store *s,
		     int (*each)(void *ctx, int64_t run, const char *id, const char *spool_path),
		     void *ctx, struct err *err)
{
	sqlite3_stmt *stmt;
	int rc = store_prepare(
		s, "SELECT key, id, spool_path FROM run WHERE finished = 0 ORDER BY key", &stmt,
		err);
	int stop = 0;

	if (rc < 0)
		return rc;
	while (!stop && (rc = sqlite3_step(stmt)) == SQLITE_ROW) {
		const char *id = (const char *)sqlite3_column_text(stmt, 1);
		const char *spool = (const char *)sqlite3_column_text(stmt, 2);

		stop = each(ctx, sqlite3_column_int64(stmt, 0), id ? id : "", spool);
	}
	if (!stop && rc != SQLITE_DONE)
		stop = store_fail(s, rc, "read", err);
	sqlite3_finalize(stmt);
	return stop;
}
