/* Statements of a run, as they were issued. */
#include <string.h>

#include "prof/store/internal.h"
#include "prof/store/write.h"

static void bind_text(sqlite3_stmt *stmt, int at, const char *text)
{
	if (text && *text)
		sqlite3_bind_text(stmt, at, text, -1, SQLITE_STATIC);
	else
		sqlite3_bind_null(stmt, at);
}

static void bind_count(sqlite3_stmt *stmt, int at, uint64_t n)
{
	sqlite3_bind_int64(stmt, at, n > INT64_MAX ? INT64_MAX : (int64_t)n);
}

static void bind_row(sqlite3_stmt *stmt, const struct store_statement *q)
{
	sqlite3_bind_text(stmt, 2, q->fingerprint, -1, SQLITE_STATIC);
	bind_text(stmt, 3, q->text);
	bind_count(stmt, 4, q->calls);
	sqlite3_bind_int64(stmt, 5, q->total_ns);
	bind_count(stmt, 6, q->rows);
	bind_count(stmt, 7, q->distinct_params);
	sqlite3_bind_int64(stmt, 8, store_n(q->stack));
	sqlite3_bind_int64(stmt, 9, store_n(q->stage));
	sqlite3_bind_text(stmt, 10, q->kind, -1, SQLITE_STATIC);
	sqlite3_bind_int64(stmt, 11, store_n(q->process));
	sqlite3_bind_int64(stmt, 12, q->p95_ns);
	sqlite3_bind_int64(stmt, 13, q->max_ns);
	sqlite3_bind_int64(stmt, 14, q->inside_ns);
	bind_count(stmt, 15, q->sent);
	bind_count(stmt, 16, q->received);
	bind_count(stmt, 17, q->errors);
	bind_count(stmt, 18, q->unfinished);
	bind_count(stmt, 19, q->unjudged);
	bind_count(stmt, 20, q->statement_distinct);
	bind_text(stmt, 21, q->times);
	bind_text(stmt, 22, q->examples_json);
}

int store_sql_add(struct store *s, int64_t run, const struct store_statement *row, struct err *err)
{
	sqlite3_stmt *stmt = store_stmt(s, SQL_STATEMENT_ADD, err);
	int64_t id;
	int rc;

	if (!stmt)
		return err ? err->code : ERR_DATABASE;
	rc = store_next_id(s, run, TABLE_SQL, &id, err);
	if (rc < 0)
		return rc;
	sqlite3_bind_int64(stmt, 1, id);
	bind_row(stmt, row);
	return store_step(s, stmt, "write to", err);
}

int store_sql_redact(struct store *s, int64_t run, int64_t *n, struct err *err)
{
	int rc = store_must_write(s, err);

	*n = 0;
	/* What is taken out is overwritten in the file, not only forgotten. */
	if (rc == 0)
		rc = store_exec(s, "PRAGMA secure_delete = ON", "prepare", err);
	if (rc == 0)
		rc = store_query_int(s,
				     "SELECT count(*) FROM sql_statement_row WHERE examples IS NOT"
				     " NULL AND id BETWEEN ?1 << 32 AND (?1 << 32) + 4294967295",
				     run, n, err);
	return rc ? rc
		  : store_run(s,
			      "UPDATE sql_statement_row SET examples = NULL WHERE examples IS NOT"
			      " NULL AND id BETWEEN ?1 << 32 AND (?1 << 32) + 4294967295",
			      run, 0, "write to", err);
}
