/* One look in numbers: sessions by state, what they wait for, connections, the longest transaction; and between two
 * looks the rates of each database. */
#ifndef PGWATCH_SUMS_H
#define PGWATCH_SUMS_H

#include <stdint.h>

#include "prof/pgwatch/shot.h"

#define SUMS_WAITS 32

struct sums_wait {                /* of active sessions */
	const char *type, *event; /* of the shot */
	uint32_t n;
};

struct sums {
	uint32_t by_state[SHOT_STATES]; /* of clients */
	uint32_t clients, workers, vacuums, senders;
	uint32_t lock_waits;                    /* waiting for a lock of any kind */
	double longest_xact_s, longest_query_s; /* < 0: none; the query's: of an active session */
	int longest_xact_pid;
	struct sums_wait waits[SUMS_WAITS]; /* most first */
	uint32_t n_waits, running;          /* running: active, and on no wait */
};

void sums_take(struct sums *m, const struct shot *s);

struct sums_rate {        /* per second; of all databases, or of one */
	const char *name; /* of the later shot */
	double commits, rollbacks, fetched, changed, read, temp_bytes;
	double hit;         /* share of blocks found in memory, 0 … 1; < 0: none was looked for */
	uint64_t deadlocks; /* in the interval */
};

struct sums_base {                 /* counters of the look before */
	struct sums_counter *rows; /* owned */
	uint32_t n, cap;
	struct idmap by_name;
	int64_t at_ns; /* 0: there was none */
};

struct sums_rates {
	struct sums_rate all;
	struct sums_rate *of; /* owned; of the databases in which something happened */
	uint32_t n;
	double interval_s; /* 0: the first look, nothing is known */
};

/* Rates since the look before, which `base` then is no more. 0 or ERR_NOMEM. */
int sums_rates(struct sums_rates *r, struct sums_base *base, const struct shot *s);
void sums_rates_release(struct sums_rates *r);
void sums_base_release(struct sums_base *b);

#endif
