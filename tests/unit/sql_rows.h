/* Rows of statements in profiles made by hand. */
#ifndef TESTS_SQL_ROWS_H
#define TESTS_SQL_ROWS_H

#include "tests/unit/made_profile.h"

/* A query of that text, which is its fingerprint too; what is not told is 0. */
static inline struct profile_sql *sql_row(struct profile *p, const char *text, uint64_t calls,
					  int64_t total_ns)
{
	struct profile_sql *q;

	p->sql = made_grow(p->sql, p->n_sql, sizeof *p->sql);
	q = &p->sql[p->n_sql++];
	q->fingerprint = q->text = made_text(p, text);
	q->kind = made_text(p, "query");
	q->stage = PROFILE_NONE;
	q->stack = PROFILE_NONE;
	q->calls = calls;
	q->total_ns = total_ns;
	return q;
}

/* Its sets of parameters: from this place, and of the whole process. */
static inline void sql_row_sets(struct profile_sql *q, uint64_t here, uint64_t anywhere)
{
	q->distinct_params = here;
	q->statement_distinct = anywhere;
}

#endif
