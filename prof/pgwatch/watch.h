/* Looking at a PostgreSQL server: our own session (read only, never waits for a lock, never runs long) and the
 * statements that fill a shot. Servers 10 to 17; what a version, a right or an extension does not give is left out and
 * said. Not thread-safe. */
#ifndef PGWATCH_WATCH_H
#define PGWATCH_WATCH_H

#include <stdint.h>

#include "prof/base/err.h"
#include "prof/pgwatch/shot.h"
#include "prof/postgres/pg.h"

struct watch;

struct watch_facts { /* of the server and of what we may see */
	int version; /* 150004 */
	char version_text[64], database[64], user[64];
	int max_connections, reserved;
	int all_stats;  /* what other users' sessions do is told to us */
	int recovering; /* a standby */
	int port;
	int64_t started_us;
	int local; /* the server runs on this machine, as far as the connection tells */
	char statements_schema
		[64]; /* of the extension pg_stat_statements in our database; "" it is not there */
	int statements_old;          /* its columns are those of before 1.8: total_time */
	char statements_advice[256]; /* what would make it work, as a line to type; "" it works */
};

/* `url` NULL or "": what libpq's environment says. Codes as pg_open(). */
int watch_open(struct watch **out, const char *url, pg_stop_fn *stop, void *stop_ctx,
	       struct err *err);
void watch_close(struct watch *w); /* NULL is fine */
/* Connects anew after the connection was lost. */
int watch_reopen(struct watch *w, struct err *err);
const struct watch_facts *watch_facts(const struct watch *w);
const char *watch_name(const struct watch *w); /* "postgresql://host:port/database" */
struct pg *watch_connection(struct watch *w);
int watch_usable(const struct watch *w);

enum watch_what {
	WATCH_SESSIONS = 0, /* always */
	WATCH_LOCKS = 1,
	WATCH_DATABASES = 2,
};
/* Fills `s` (initialised, emptied here). Locks that cannot be told are no failure: shot.note says why. */
int watch_shot(struct watch *w, struct shot *s, unsigned what, struct err *err);

/* Asks the server to cancel that session's statement, or to end the session (`terminate`). ERR_DENIED, ERR_NOTFOUND. */
int watch_signal(struct watch *w, int pid, int64_t backend_start_us, int terminate,
		 struct err *err);

/* Private to the room: rows to shots (watch_rows.c), locks in words. */
int watch_session_row(struct shot *s, const struct pg_rows *rows, int row);

#endif
