/* Connections to PostgreSQL: opening by URL, statements, waiting, ending. The only room that sees libpq;
 * built without it (NO_LIBPQ=1) pg_open() answers ERR_UNSUPPORTED and names the package.
 *
 * Every wait is on a non-blocking connection: a stop that the caller hands in ends it within a quarter of
 * a second, with PQcancel() for what the server is still doing. Every wait has an end: a server that sends
 * no byte for `silence_s`, or a call that is not done at the deadline, is ERR_NETWORK, and the connection is
 * dropped. (Names of hosts are looked up by the system, with limits of its own: resolv.conf.) Texts travel as UTF-8 whatever the
 * database's encoding; TimeZone is UTC, DateStyle ISO. Messages name host, port and database, never a
 * password, never the URL's query part. A connection belongs to one thread at a time.
 *
 * Codes: ERR_NETWORK no server, connection lost; ERR_DENIED password or right refused; ERR_NOTFOUND no
 * such database, table or column; ERR_EXISTS unique violation; ERR_LIMIT out of memory, disk or
 * connections on the server; ERR_CANCELLED stopped by the caller; ERR_DATABASE anything else the server
 * says. The five letters of SQLSTATE travel in `err->sys` as a negative number: ask pg_sqlstate(). */
#ifndef POSTGRES_PG_H
#define POSTGRES_PG_H

#include <stddef.h>
#include <stdint.h>

#include "prof/base/buf.h"
#include "prof/base/err.h"

struct pg;

typedef int pg_stop_fn(void *ctx); /* not 0: end the wait */

struct pg_options {
	const char *application; /* application_name; the URL may say otherwise */
	pg_stop_fn *stop;        /* NULL: nothing stops a wait */
	void *stop_ctx;
	int connect_timeout_s;    /* per attempt; 0: 10, or what the URL says */
	int tries;                /* 0: 1. Attempts while the server refuses for a passing reason */
	int statement_timeout_ms; /* 0: the server's own setting stays */
	int silence_s;            /* how long the server may work without a byte for us; 0: 600 */
	int within_ms;            /* a deadline from the beginning on: pg_set_deadline() */
};

int pg_available(void); /* 1: this build has libpq */

/* With defaults: one attempt, nothing stops it. */
int pg_open(struct pg **out, const char *url, const char *application, struct err *err);
int pg_open_with(struct pg **out, const char *url, const struct pg_options *opt, struct err *err);
void pg_close(struct pg *pg); /* NULL is fine; an open transaction is rolled back by the server */
/* Drops the connection and opens it anew with what pg_open was given; handles stay valid. */
int pg_reopen(struct pg *pg, struct err *err);
void pg_set_stop(struct pg *pg, pg_stop_fn *stop, void *ctx);
/* All that is done on the connection from here on, opening it again included, must be over in `ms`; what is
 * not fails with ERR_NETWORK. 0: there is no such end. A call made after it fails at once. */
void pg_set_deadline(struct pg *pg, int64_t ms);
int64_t pg_time_left_ms(const struct pg *pg); /* INT64_MAX: there is no deadline; 0: it is over */

const char *pg_name(const struct pg *pg);   /* for messages: "postgresql://host:port/database" */
int pg_server_version(const struct pg *pg); /* 150004 */
int pg_backend_pid(const struct pg *pg);
int pg_is_local(
	const struct pg *pg); /* 1: socket file or loopback: the backend's pid is of this machine */
int pg_usable(const struct pg *pg); /* 0: the connection is lost; pg_reopen() */

/* Statements without rows that matter; several, parted by ';', are one transaction unless they say
 * otherwise. */
int pg_exec(struct pg *pg, const char *sql, struct err *err);

/* Rows of one statement, as text, held in memory. Parameters are $1, $2, …; NULL is SQL NULL. */
struct pg_rows;
int pg_query(struct pg *pg, struct pg_rows **out, const char *sql, const char *const *params,
	     int n_params, struct err *err);
void pg_rows_free(struct pg_rows *rows); /* NULL is fine */
int pg_rows_count(const struct pg_rows *rows);
int pg_rows_columns(const struct pg_rows *rows);
const char *pg_rows_name(const struct pg_rows *rows, int col);
int pg_rows_find(const struct pg_rows *rows, const char *name); /* column, -1: none of that name */
const char *pg_rows_text(const struct pg_rows *rows, int row, int col); /* NULL: SQL NULL */
size_t pg_rows_len(const struct pg_rows *rows, int row, int col);
int64_t pg_rows_int(const struct pg_rows *rows, int row, int col, int64_t if_null);
double pg_rows_real(const struct pg_rows *rows, int row, int col, double if_null);
int pg_rows_true(const struct pg_rows *rows, int row, int col); /* boolean; NULL is 0 */
long pg_affected(
	const struct pg_rows *rows); /* rows that INSERT, UPDATE, DELETE or SELECT touched */

/* The same without rows: *affected (may be NULL) is how many rows were touched. */
int pg_run(struct pg *pg, const char *sql, const char *const *params, int n_params, long *affected,
	   struct err *err);

int pg_begin(struct pg *pg, struct err *err);
int pg_begin_reading(struct pg *pg,
		     struct err *err); /* REPEATABLE READ READ ONLY: one view of the data */
int pg_commit(struct pg *pg, struct err *err);
void pg_rollback(struct pg *pg); /* fine without a transaction and on a lost connection */

/* Waits for a NOTIFY of a channel that LISTEN named: 1 there was one, 0 the time is over. */
int pg_wait_notify(struct pg *pg, int timeout_ms, struct err *err);

/* Appends a quoted literal or identifier; for COPY and DDL, which take no parameters. */
int pg_put_literal(struct pg *pg, struct buf *out, const char *text, struct err *err);
int pg_put_identifier(struct pg *pg, struct buf *out, const char *text, struct err *err);

/* ---- what went wrong -------------------------------------------------------------------------- */

#define PG_SQLSTATE_TEXT 6
/* "40001"; "" if the failure did not come from a server or libpq. */
const char *pg_sqlstate(const struct err *err, char out[PG_SQLSTATE_TEXT]);
int pg_sqlstate_is(const struct err *err, const char *five); /* a shorter text: the class, "08" */
/* 1: trying again may help: class 08, no server, 40001, 40P01, 53300, 55P03, 57P01 to 57P03. */
int pg_is_transient(const struct err *err);
/* Waits before attempt `attempt` + 1 (from 0): 0.1 s, 0.4 s, 1.6 s, then 5 s; on a connection that was open
 * 0.5 s, 2 s, then 5 s. ERR_CANCELLED: stopped. */
int pg_back_off(struct pg *pg, int attempt, struct err *err);

/* ---- URLs (need no libpq) ----------------------------------------------------------------------- */

/* 1: postgresql://, postgres://, postgresql+psycopg://, postgresql+psycopg2:// */
int pg_url_is(const char *url);
/* "postgresql://host:port/database", malloc'ed: never user, password or query part. What cannot be told
 * apart for sure is left out. NULL: no memory. */
char *pg_url_public(const char *url);
/* The form that libpq takes (malloc'ed): any of the schemes above becomes postgresql://. */
char *pg_url_plain(const char *url);

#endif
