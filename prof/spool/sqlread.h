/* Reading a file of SQL statements (sqlfile.h) while it is written or after its process died. Nothing in it is
 * trusted: offsets and lengths are checked against the file as it was mapped. */
#ifndef SPOOL_SQLREAD_H
#define SPOOL_SQLREAD_H

#include "prof/base/err.h"
#include "prof/spool/sqlfile.h"

struct sql_reader { /* zeroed: closed */
	const struct sql_head *head;
	uint64_t bytes;
};

/* ERR_NOTFOUND (or not complete yet), ERR_IO, ERR_FORMAT, ERR_UNSUPPORTED. */
int sql_reader_open(struct sql_reader *r, const char *path, struct err *err);
void sql_reader_close(struct sql_reader *r);

uint32_t sql_reader_sites(const struct sql_reader *r); /* 1 … n - 1 */

struct sql_site_view {
	uint64_t calls, total_ns, inside_ns, max_ns, rows, sent, received, errors, distinct,
		unjudged, stage;
	uint32_t statement, stack;
	uint32_t times[SQL_BUCKETS];
};
/* 1, or 0: not complete (yet). */
int sql_reader_site(const struct sql_reader *r, uint32_t i, struct sql_site_view *out);

struct sql_statement_view {
	uint64_t fingerprint, distinct, unjudged;
	const char *text; /* borrowed, not terminated */
	uint32_t text_len, kind, params, example;
};
int sql_reader_statement(const struct sql_reader *r, uint32_t i, struct sql_statement_view *out);
/* The example at `*at`, and the one before it there; 0: no more. */
int sql_reader_example(const struct sql_reader *r, uint32_t *at, const char **bytes, uint32_t *len);

struct sql_stack_view {
	const uint64_t *addresses; /* borrowed, the innermost first */
	uint32_t n, flags;
	int64_t t_ns;
};
/* ERR_NOTFOUND: none, ERR_FORMAT. */
int sql_reader_stack(const struct sql_reader *r, uint32_t stack, struct sql_stack_view *out);

/* What connection row `i` waits for; 0: nothing. */
uint32_t sql_reader_waiting(const struct sql_reader *r, uint32_t i, int64_t *since_ns);

const char *sql_kind_name(uint32_t kind); /* "query", "prepare", … */

#endif
