/* Snapshots: rows of live memory, one a stack. */
#include "prof/store/internal.h"
#include "prof/store/write.h"

static int no_stmt(const struct err *err)
{
	return err ? err->code : ERR_DATABASE;
}

int store_snapshot_add(struct store *s, int64_t run, int64_t t_ns, const char *name,
		       int64_t heap_bytes, int64_t *id, struct err *err)
{
	sqlite3_stmt *stmt = store_stmt(s, SQL_SNAPSHOT_ADD, err);
	struct store_run_state *st;
	uint32_t n, string;
	int rc;

	if (!stmt)
		return no_stmt(err);
	rc = store_state(s, run, &st, err);
	if (rc == 0)
		rc = store_string_id(s, st, name, &string, &n, err);
	if (rc == 0)
		rc = store_next_id(s, run, TABLE_SNAPSHOT, id, err);
	if (rc < 0)
		return rc;
	sqlite3_bind_int64(stmt, 1, *id);
	sqlite3_bind_int64(stmt, 2, t_ns - st->start_ns);
	sqlite3_bind_int64(stmt, 3, n);
	sqlite3_bind_int64(stmt, 4, heap_bytes);
	return store_step(s, stmt, "write to", err);
}

int store_snapshot_row_add(struct store *s, int64_t snapshot, int64_t stack, uint64_t count,
			   int64_t value, struct err *err)
{
	sqlite3_stmt *stmt = store_stmt(s, SQL_SNAPSHOT_ROW_ADD, err);
	int rc = store_must_write(s, err);

	if (rc < 0)
		return rc;
	if (!stmt)
		return no_stmt(err);
	if (stack && store_run_of(stack) != store_run_of(snapshot))
		return err_set(err, ERR_ARG, "stack %lld of '%s' is none of its snapshot's run",
			       (long long)stack, s->path);
	sqlite3_bind_int64(stmt, 1, store_run_of(snapshot));
	sqlite3_bind_int64(stmt, 2, store_n(snapshot));
	sqlite3_bind_int64(stmt, 3, store_n(stack));
	sqlite3_bind_int64(stmt, 4, count > INT64_MAX ? INT64_MAX : (int64_t)count);
	sqlite3_bind_int64(stmt, 5, value);
	return store_step(s, stmt, "write to", err);
}

int store_snapshot_remove(struct store *s, int64_t snapshot, struct err *err)
{
	int rc = store_must_write(s, err);

	if (rc == 0)
		rc = store_run(s,
			       "DELETE FROM snapshot_sample_row WHERE run = ?1 AND snapshot = ?2",
			       store_run_of(snapshot), store_n(snapshot), "write to", err);
	if (rc == 0)
		rc = store_run(s, "DELETE FROM snapshot_row WHERE id = ?1", snapshot, 0, "write to",
			       err);
	return rc;
}
