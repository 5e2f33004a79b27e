/* Inside of a connection; private to this room. */
#ifndef POSTGRES_PG_INT_H
#define POSTGRES_PG_INT_H

#include "prof/postgres/pg.h"

#ifdef HAVE_LIBPQ
#include <libpq-fe.h>

struct pg {
	PGconn *conn;      /* owned; NULL: dropped */
	char *url;         /* owned: as libpq takes it */
	char *name;        /* owned: what may be shown */
	char *application; /* owned */
	pg_stop_fn *stop;
	void *stop_ctx;
	int connect_timeout_s;
	int tries;
	int statement_timeout_ms;
	int silence_s;
	int64_t deadline_ns; /* of clock_mono_ns(); 0: none */
	int within_s;        /* what it was when it was set, for messages */
	int was_open;        /* once at least */
	int in_copy;         /* a COPY is under way: nothing else may be sent */
};

/* 0, or ERR_CANCELLED: the caller wants to stop. */
int pg_stopped(const struct pg *pg, struct err *err);
/* Milliseconds to poll before a stop is looked for again; negative: `until_ns` is over. */
int pg_slice_ms(int64_t until_ns);
/* Waits until the socket can be read (or written too). 0, ERR_CANCELLED, ERR_NETWORK. `until_ns`: of
 * clock_mono_ns(); 1: that time is over. 0: until the server has been silent for too long; the connection
 * is dropped then, as it is at the deadline. */
int pg_wait(struct pg *pg, int writing, int64_t until_ns, struct err *err);
/* Sends what libpq still holds. */
int pg_flush(struct pg *pg, struct err *err);
/* Next result of what was sent; *res NULL: no more. */
int pg_result(struct pg *pg, PGresult **res, struct err *err);
/* Reads results until there are no more, so that the connection takes a new statement. Gives up after a
 * few seconds, and drops the connection then. `cancel`: asks the server to stop first. */
void pg_drain(struct pg *pg, int cancel);
/* Asks the server to stop what it does for us; waits until it has heard, `ms` at most. */
void pg_ask_to_cancel(struct pg *pg, int ms);
#define PG_CANCEL_MS 2000
void pg_drop(struct pg *pg); /* the connection, not the handle */
/* Failure of a result or, with NULL, of the connection. `what`: "read table x". */
int pg_fail(struct pg *pg, const PGresult *res, const char *what, struct err *err);
/* The first `n` bytes of `from` without secrets, on one line, into `out`: cut there, so that no part of a
 * secret is left. */
void pg_clean_text(const PGconn *conn, const char *from, size_t n, char *out, size_t size);
#endif

int pg_code_of(const char *sqlstate); /* enum err_code */
/* 0: its parts cannot be told apart for sure, so that a password may be taken for a host. */
int pg_url_is_clear(const char *url);
/* SQLSTATE as err->sys, and back. */
int pg_state_pack(const char *five);

#endif
