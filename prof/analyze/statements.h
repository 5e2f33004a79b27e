/* SQL statements of a run: what was issued from several stacks, stages and processes is added up by statement, and
 * what looks like a fault is named: the same statement again and again with other parameters (N+1), or with the same
 * ones (duplicates). */
#ifndef ANALYZE_STATEMENTS_H
#define ANALYZE_STATEMENTS_H

#include "prof/base/err.h"
#include "prof/base/sqltimes.h"
#include "prof/model/profile.h"

#define STATEMENTS_MANY 20 /* calls, or repeated calls, that are worth a word */
#define STATEMENTS_ROWS 10 /* rows that a look-up brings at most, in the mean */

struct statement_row {
	uint32_t fingerprint, text, kind; /* strings */
	uint64_t calls, rows, sent, received, errors, unfinished, unjudged;
	uint64_t distinct;   /* sets of parameters; of several processes added up */
	uint64_t duplicates; /* calls whose set had been there before */
	int64_t total_ns, p95_ns, max_ns, inside_ns;
	size_t first, n; /* in sites: places in profile.sql, the longest first */
	int many_sets;   /* N+1 */
	int repeated;    /* duplicates */
};

struct statement_stage { /* of all statements in it and not in a stage inside */
	uint32_t stage;  /* string: its name; STRTAB_EMPTY: in none */
	uint64_t calls;
	int64_t total_ns;
};

struct statement_list {
	struct statement_row *rows; /* owned; by total time */
	size_t n;
	size_t *sites;                  /* owned */
	struct statement_stage *stages; /* owned; by total time */
	size_t n_stages;
	uint64_t calls;
	int64_t total_ns;
};

/* Of queries (and what goes with them) in stages of that name and inside them; NULL: all. 0 or ERR_NOMEM. */
int statements_make(struct statement_list *l, const struct profile *p, const char *stage,
		    struct err *err);
void statements_release(struct statement_list *l);

/* Faults as seen from one stack. */
int statement_site_many_sets(const struct profile *p, const struct profile_sql *q);
uint64_t statement_site_duplicates(const struct profile *p, const struct profile_sql *q);

#endif
