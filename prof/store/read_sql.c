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
				  .stage = PROFILE_NONE};
	int64_t stage = column_int(stmt, 6);
	int rc = stage ? places_get(r, &r->stages, stage, "stage", &row.stage) : 0;

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

int read_sql(struct reader *r)
{
	return reader_rows(r,
			   "SELECT fingerprint, text, calls, total_ns, rows, distinct_params, stage"
			   " FROM sql_statement_row WHERE id" RANGE,
			   0, statement_row);
}
