/* Looking at a server for the command pg: one look after the other, each analysed, sessions linked to local processes,
 * statements gathered over a period. Shows nothing. */
#ifndef CLI_PG_LOOK_H
#define CLI_PG_LOOK_H

#include <stdint.h>

#include "prof/base/err.h"
#include "prof/pgwatch/blockers.h"
#include "prof/pgwatch/clients.h"
#include "prof/pgwatch/counts.h"
#include "prof/pgwatch/stmts.h"
#include "prof/pgwatch/sums.h"
#include "prof/pgwatch/watch.h"

struct pg_look {
	struct watch *watch;      /* owned */
	struct shot shot, sample; /* the whole look; sessions alone, between whole ones */
	struct blockers blockers;
	struct clients clients;
	struct stmts stmts;
	struct counts counts, before, delta;
	struct sums sums;
	struct sums_base base;
	struct sums_rates rates;
	double period_s;  /* of the statements; 0: one look */
	int64_t took_ns;  /* of the last look, all of it */
	int count_failed; /* pg_stat_statements could not be read: `count_note` */
	char count_note[256];
	int lost; /* the connection; `lost_note`, and since when */
	char lost_note[256];
	int64_t lost_ns;
	uint32_t reconnects;
	/* Told of every look, whole or not; a value other than 0 is ERR_NOMEM. NULL: nobody. */
	int (*on_look)(void *ctx, const struct shot *shot);
	void *ctx;
};

int pg_look_open(struct pg_look *l, const char *url, pg_stop_fn *stop, void *stop_ctx,
		 struct err *err);
void pg_look_release(struct pg_look *l); /* a zeroed one is fine */

/* One screen: sessions, locks, databases, statements as they stand. */
int pg_look_once(struct pg_look *l, struct err *err);
/* A period: looks at sessions every `every_ns` until `until_ns` (CLOCK_MONOTONIC) or `wake_fd` (-1: none) is readable,
 * between two readings of the counters; the last look is a whole one. 0, PG_LOOK_WOKEN, or negative. */
#define PG_LOOK_WOKEN 1
int pg_look_begin(struct pg_look *l, struct err *err);
int pg_look_watch(struct pg_look *l, int64_t until_ns, int64_t every_ns, int wake_fd,
		  struct err *err);
int pg_look_end(struct pg_look *l, struct err *err);
/* Until then, or until `wake_fd` is readable (PG_LOOK_WOKEN). */
int pg_nap(int64_t until_ns, int wake_fd);
/* After a failure: 1, the connection was lost and `lost` says so (the next look tries again); 0: it is something else. */
int pg_look_is_lost(struct pg_look *l, const struct err *err);

#endif
