/* Runs of many machines in one PostgreSQL database: the tables of the store in a schema of their own, `protea_prof`, with the
 * same columns, and the same views. Which tables and columns there are is read from the store's own schema, so
 * that both sides cannot drift apart. A run goes over in one transaction, whole or not at all, and is never changed
 * afterwards but for its name and labels. docs/store.md is the reference. One thread per handle. */
#ifndef EXCHANGE_TEAM_H
#define EXCHANGE_TEAM_H

#include <stddef.h>
#include <stdint.h>

#include "prof/base/err.h"
#include "prof/postgres/pg.h"
#include "prof/store/store.h"

#define TEAM_SCHEMA "protea_prof"

struct team;

enum team_mode {
	TEAM_READ,  /* what is there; nothing is made or changed */
	TEAM_WRITE, /* the schema is made if absent and brought forward if older, under a lock */
};

struct team_options {
	pg_stop_fn *stop; /* NULL: nothing ends a wait */
	void *stop_ctx;
};

/* ERR_NOTFOUND: nothing was pushed there yet. ERR_UNSUPPORTED: no libpq, a newer schema, a database whose encoding is not
 * UTF-8. ERR_FORMAT: the schema's name is taken by something else. Else what pg_open() gives. */
int team_open(struct team **out, const char *url, enum team_mode mode,
	      const struct team_options *opt, struct err *err);
void team_close(struct team *t);             /* NULL is fine */
const char *team_name(const struct team *t); /* "postgresql://host:port/database", for people */
/* After a failure for a passing reason (pg_is_transient): a new connection, the same handle. */
int team_reopen(struct team *t, struct err *err);
int team_usable(const struct team *t); /* 0: the connection is lost */

/* ---- what there is ------------------------------------------------------------------------------ */

struct team_run {
	int64_t key, started_at, duration_ns;    /* unix ns; ns */
	char *id, *name, *command, *labels_json; /* owned; "" where there is none */
	int has_exit_code, exit_code, signal;
	double rate_hz;
	int64_t samples; /* -1: not asked for */
};

struct team_runs { /* {0} to begin with; newest first */
	struct team_run *items;
	size_t n;
	size_t more; /* older ones that `last` left out */
};

/* All that is given must hold. */
struct team_pick {
	const char *id;            /* it begins so */
	const char *name;          /* NULL: any */
	const char *const *labels; /* "k=v", n_labels of them */
	size_t n_labels;
	int64_t since_ns; /* unix; 0: ever */
	size_t last;      /* the latest so many; 0: all */
	int samples;      /* count them: reads the samples of the runs that are picked */
};

int team_list(struct team *t, const struct team_pick *pick, struct team_runs *runs,
	      struct err *err);
void team_runs_release(struct team_runs *runs);

/* Do the labels (JSON) have "k=v"? */
int team_has_label(const char *labels_json, const char *label);

/* ---- moving ------------------------------------------------------------------------------------- */

enum team_fate {
	TEAM_MOVED,
	TEAM_KNOWN,   /* it is there already; nothing was changed */
	TEAM_UPDATED, /* it is there already; name and labels were brought in line */
};

struct team_moved { /* sums; {0} to begin with */
	uint64_t rows, bytes;
};

/* A finished run of `s` into the database. ERR_ARG: it has not finished, ERR_EXISTS: another run has its id. With `update`
 * the name and labels of a run that is there become those of `s`. */
int team_push(struct team *t, struct store *s, int64_t run, int update, enum team_fate *fate,
	      struct team_moved *moved, struct err *err);

/* A run into a store of store_open_private(), checked as a foreign store is: rows that contradict each other are
 * ERR_FORMAT. *run is its key there. */
int team_fetch(struct team *t, const struct team_run *from, struct store *to, int64_t *run,
	       struct team_moved *moved, struct err *err);

#endif
