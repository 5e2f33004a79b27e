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
	int was_open; /* once at least */
	int in_copy;  /* a COPY is under way: nothing else may be sent */
};

/* Waits until the socket can be read (or written too). 0, ERR_CANCELLED, ERR_NETWORK. `until_ns`: of
 * clock_mono_ns(), 0 for none; 1: that time is over. */
int pg_wait(struct pg *pg, int writing, int64_t until_ns, struct err *err);
/* Sends what libpq still holds. */
int pg_flush(struct pg *pg, struct err *err);
/* Next result of what was sent; *res NULL: no more. */
int pg_result(struct pg *pg, PGresult **res, struct err *err);
/* Reads results until there are no more, so that the connection takes a new statement. Gives up after a
 * few seconds, and drops the connection then. `cancel`: asks the server to stop first. */
void pg_drain(struct pg *pg, int cancel);
/* Failure of a result or, with NULL, of the connection. `what`: "read table x". */
int pg_fail(struct pg *pg, const PGresult *res, const char *what, struct err *err);
/* The text of `from` without secrets, on one line, into `out`. */
void pg_clean_text(const PGconn *conn, const char *from, char *out, size_t size);
#endif

int pg_code_of(const char *sqlstate); /* enum err_code */
/* 0: its parts cannot be told apart for sure, so that a password may be taken for a host. */
int pg_url_is_clear(const char *url);
/* SQLSTATE as err->sys, and back. */
int pg_state_pack(const char *five);

#endif
