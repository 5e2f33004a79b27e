/* The rows of pg_stat_statements at one moment, as numbers; what was added between two of them. Texts are asked for
 * only where they are shown. */
#ifndef PGWATCH_COUNTS_H
#define PGWATCH_COUNTS_H

#include <stdint.h>

#include "prof/base/err.h"
#include "prof/base/hash.h"
#include "prof/pgwatch/watch.h"

struct count_row {    /* sums of one statement of one user in one database */
	uint64_t key; /* of user, database and statement */
	int64_t query_id;
	uint32_t database; /* oid */
	uint64_t calls, rows, hit, read;
	double total_ms;
};

struct counts {
	struct count_row *rows; /* owned */
	uint32_t n, cap;
	struct idmap by_key;
	int64_t at_ns; /* CLOCK_MONOTONIC; 0: nothing was read */
};

void counts_init(struct counts *c);
void counts_release(struct counts *c);
/* Replaces what is there. 0; ERR_UNSUPPORTED: there is no such extension (watch_facts() says what to do). */
int counts_read(struct watch *w, struct counts *c, struct err *err);
/* One more row, or added to the one of that key. 0 or ERR_NOMEM. */
int counts_add(struct counts *c, const struct count_row *row);
/* What `now` has more than `before` (NULL: everything), into *d: rows with at least one call. A counter that fell was
 * reset: it counts from zero. 0 or ERR_NOMEM. */
int counts_since(const struct counts *now, const struct counts *before, struct counts *d);

/* Their texts: `each` is called for every one that the server still has; a value other than 0 ends it. */
int counts_texts(struct watch *w, const int64_t *ids, uint32_t n,
		 int (*each)(void *ctx, int64_t id, const char *text), void *ctx, struct err *err);

#endif
