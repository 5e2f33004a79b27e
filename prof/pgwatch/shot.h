/* What a PostgreSQL server was doing at one moment: sessions, the locks that are waited for with whoever holds or
 * awaits them, prepared transactions, numbers of databases. Plain rows; texts live as long as the shot. Knows
 * nothing of SQL or of terminals. Not thread-safe. */
#ifndef PGWATCH_SHOT_H
#define PGWATCH_SHOT_H

#include <stddef.h>
#include <stdint.h>

#include "prof/base/arena.h"
#include "prof/base/hash.h"

#define SHOT_NONE UINT32_MAX

enum shot_kind {
	SHOT_CLIENT,
	SHOT_WORKER, /* parallel worker: what it does, its leader does */
	SHOT_VACUUM, /* autovacuum worker */
	SHOT_SENDER, /* walsender: waits for another machine, nobody for it */
	SHOT_OTHER,  /* the server's own */
};

enum shot_state { /* pg_stat_activity.state */
		  SHOT_ACTIVE,
		  SHOT_IDLE,
		  SHOT_IN_TRANSACTION,
		  SHOT_ABORTED, /* idle in transaction (aborted) */
		  SHOT_FASTPATH,
		  SHOT_DISABLED,
		  SHOT_NO_STATE, /* the server's own, or not for us to see */
		  SHOT_STATES
};
const char *shot_state_name(enum shot_state state); /* as the server writes it; "" */
enum shot_state shot_state_of(const char *name);    /* SHOT_NO_STATE: none of them */

struct shot_session {    /* texts: "" when there is none */
	int pid, leader; /* leader: of a parallel worker; 0: none */
	enum shot_kind kind;
	enum shot_state state;
	const char *database, *user, *application, *client_address, *backend_type;
	const char *wait_type, *wait_event, *query;
	int client_port;          /* -1: a Unix socket; 0: not known or none */
	int64_t backend_start_us; /* since 1970; 0: not known */
	int64_t query_start_us;
	double xact_age_s, query_age_s, state_age_s; /* < 0: there is none */
	int hidden;                                  /* what it does is not for us to see */
	uint64_t fingerprint, literals;              /* of `query` (sqlnorm.h); 0: none */
	int client_pid;          /* the process at the other end, 0: not found (clients.h) */
	const char *client_name; /* of that */
};

/* A lock that somebody waits for, as one process holds or awaits it. Rows of one lock have one `object`. */
struct shot_lock {
	int pid;           /* 0: a prepared transaction */
	uint32_t prepared; /* which, or SHOT_NONE */
	uint32_t object;   /* number of the text below, the same for the same lock */
	int granted;
	const char *type, *mode; /* "relation", "ShareLock" */
	const char *text;        /* "tuple (0,1) of public.job" */
	double wait_s;           /* < 0: not told */
};

struct shot_prepared {
	const char *gid, *user, *database;
	double age_s;
};

struct shot_edge { /* `waiter` is blocked by `blocker`; pids, 0: a prepared transaction */
	int waiter, blocker;
};

struct shot_database { /* counters since the server's statistics were reset */
	const char *name;
	uint64_t commits, rollbacks, deadlocks, read, hit, temp_bytes, fetched, changed;
};

struct shot {
	struct arena arena;            /* of all texts */
	struct shot_session *sessions; /* owned, all arrays; by pid */
	struct shot_lock *locks;
	struct shot_prepared *prepared;
	struct shot_edge *edges;
	struct shot_database *databases;
	uint32_t n_sessions, n_locks, n_prepared, n_edges, n_databases;
	uint32_t cap_sessions, cap_locks, cap_prepared, cap_edges, cap_databases;
	struct idmap by_pid, waits; /* pid to place in sessions; in locks, of what it waits for */
	int64_t at_ns, real_ns;     /* CLOCK_MONOTONIC, unix time */
	int64_t took_ns;
	int max_connections, reserved;
	int partial;      /* texts of other people's sessions are hidden */
	int locks_failed; /* locks were not told: `note` */
	char note[256];   /* what could not be read, "" */
};

void shot_init(struct shot *s);
void shot_clear(struct shot *s); /* empty; arrays keep their memory */
void shot_release(struct shot *s);

/* A copy in the shot's memory, of at most SHOT_TEXT_MAX bytes, cut between characters; "" for NULL. NULL: no memory. */
#define SHOT_TEXT_MAX 16384
const char *shot_text(struct shot *s, const char *text);
/* A new row at the end, zeroed (names ""); NULL: no memory. */
struct shot_session *shot_add_session(struct shot *s);
struct shot_lock *shot_add_lock(struct shot *s);
struct shot_prepared *shot_add_prepared(struct shot *s);
struct shot_edge *shot_add_edge(struct shot *s, int waiter, int blocker);
struct shot_database *shot_add_database(struct shot *s);
/* Sorts sessions by pid, locks by object with those who have it first, and makes them findable. 0 or ERR_NOMEM. */
int shot_finish(struct shot *s);
/* Place of the session; SHOT_NONE: there is none. */
uint32_t shot_find(const struct shot *s, int pid);
/* The lock that `pid` waits for; NULL: none. */
const struct shot_lock *shot_waited(const struct shot *s, int pid);
/* The rows of that lock: the first one, *n of them. */
const struct shot_lock *shot_object(const struct shot *s, uint32_t object, uint32_t *n);

#endif
