/* Statements of a run: how often each was executed, and in which stage. */
#include "prof/store/reader.h"

#define RANGE " BETWEEN ?1 AND ?1 + 4294967295 ORDER BY id"

static int statement_row(struct reader *r, sqlite3_stmt *stmt)
{
	struct profile *p = r->p;
	struct profile_sql row = {.calls = column_count(stmt, 2),
				  .total_ns = column_int(stmt, 3),
				  .rows = column_count(stmt, 4),
				  .distinct_params = column_count(stmt, 5),
				  .stage = PROFILE_NONE,
				  .stack = PROFILE_NONE,
				  .process = PROFILE_NONE,
				  .p95_ns = column_int(stmt, 10),
				  .max_ns = column_int(stmt, 11),
				  .inside_ns = column_int(stmt, 12),
				  .sent = column_count(stmt, 13),
				  .received = column_count(stmt, 14),
				  .errors = column_count(stmt, 15),
				  .unfinished = column_count(stmt, 16),
				  .unjudged = column_count(stmt, 17),
				  .statement_distinct = column_count(stmt, 18)};
	int64_t stage = column_int(stmt, 6), stack = column_int(stmt, 7),
		process = column_int(stmt, 8);
	int rc = stage ? places_get(r, &r->stages, stage, "stage", &row.stage) : 0;

	/* Stacks are not read where only stages are asked for. */
	if (rc == 0 && stack && p->n_stacks > 1)
		rc = places_get(r, &r->stacks, stack, "stack", &row.stack);
	if (rc == 0 && process)
		rc = places_get(r, &r->processes, process, "process", &row.process);
	if (rc == 0)
		rc = reader_text(r, stmt, 9, &row.kind);
	if (rc == 0)
		rc = reader_text(r, stmt, 19, &row.times);
	if (rc == 0)
		rc = reader_text(r, stmt, 20, &row.examples);
	if (rc == 0)
		rc = reader_text(r, stmt, 0, &row.fingerprint);
	if (rc == 0)
		rc = reader_text(r, stmt, 1, &row.text);
	if (rc == 0)
		rc = READER_GROW(r, CAP_SQL, p->sql, p->n_sql + 1);
	if (rc == 0)
		p->sql[p->n_sql++] = row;
	return rc;
}

/* A store that nobody wrote to since version 1 has no more columns than that. */
#define NEWER                                                                                      \
	", kind, p95_ns, max_ns, inside_ns, bytes_sent, bytes_received, errors, unfinished,"       \
	" unjudged, statement_distinct, times, examples"
#define OLDER ", 'query', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL"
#define SELECT(more, process)                                                                      \
	"SELECT fingerprint, text, calls, total_ns, rows, distinct_params, stage, stack, " process \
		more " FROM sql_statement_row WHERE id" RANGE

int read_sql(struct reader *r)
{
	int64_t version = 0;
	int rc = store_query_int(r->s, "PRAGMA user_version", 0, &version, r->err);

	if (rc < 0)
		return rc;
	return reader_rows(r, version < 2 ? SELECT(OLDER, "0") : SELECT(NEWER, "process"), 0,
			   statement_row);
}
