/* A server's sessions as a run of a store: each look is a wall sample of every session that does something (stack:
 * database, application, statement, what it waits for), backends are threads, whole looks give counters. Gathered in
 * memory, written in one transaction an interval, so that the store is open to others; a run that dies with us is
 * completed by whoever opens the store next. */
#ifndef CLI_PG_STORE_H
#define CLI_PG_STORE_H

#include <stdint.h>

#include "prof/base/hash.h"
#include "prof/cli/pg_look.h"
#include "prof/model/strtab.h"
#include "prof/record/about.h"
#include "prof/spool/session.h"
#include "prof/store/store.h"

struct pg_store_thread;
struct pg_store_stack;
struct pg_store_sample;
struct pg_store_tick;
struct pg_store_counter;
struct pg_store_statement;

struct pg_store {
	struct store *store; /* owned, as all below */
	struct about about;
	struct spool_session *session;
	char session_path[SPOOL_PATH_MAX];
	int lease;
	int64_t run, process, start_ns, last_ns;
	struct strtab *names;                              /* of frames */
	struct idmap frames;                               /* name to id of the store */
	struct idmap stacks, samples, threads, statements; /* of keys to places */
	struct pg_store_stack *stack_rows;
	struct pg_store_sample *sample_rows;
	struct pg_store_thread *thread_rows;
	struct pg_store_tick *ticks;
	struct pg_store_counter *counters;
	struct pg_store_statement *statement_rows;
	uint32_t n_stacks, n_samples, n_threads, n_ticks, n_counters, n_statements;
	uint32_t cap_stacks, cap_samples, cap_threads, cap_ticks, cap_counters, cap_statements;
	int64_t *frame_ids;
	uint32_t cap_frames;
	uint64_t looks, lost_looks; /* of the connection */
	int broken; /* a flush was rolled back: ids that are kept here are of no row */
};

struct pg_store_options {
	const char *path, *name, *labels_json;
	int64_t every_ns;
};

int pg_store_open(struct pg_store *p, const struct pg_store_options *o, const struct pg_look *l,
		  struct err *err);
void pg_store_release(struct pg_store *p);
/* One look at sessions, and a whole one. 0 or ERR_NOMEM. */
int pg_store_look(struct pg_store *p, const struct shot *shot);
int pg_store_whole(struct pg_store *p, const struct pg_look *l);
/* Writes what was gathered. */
int pg_store_flush(struct pg_store *p, struct err *err);
int pg_store_finish(struct pg_store *p, struct err *err);

#endif
