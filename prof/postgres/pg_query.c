/* Statements, rows held in memory, transactions, notifications. */
#include "prof/postgres/pg_int.h"

#ifdef HAVE_LIBPQ

#include <stdlib.h>
#include <string.h>

#include "prof/base/clock.h"

#define WHAT_SHOWN 60

/* ---- sending and collecting ------------------------------------------------------------------- */

/* "run 'SELECT …'": the beginning of a statement for messages, on one line. Statements of ours hold
 * no secrets: values are parameters. */
static const char *what_of(const char *sql, char out[WHAT_SHOWN + 8])
{
	size_t n = 5;

	memcpy(out, "run '", n);
	for (; *sql && n < WHAT_SHOWN; sql++)
		out[n++] = (unsigned char)*sql < 0x20 ? ' ' : *sql;
	out[n++] = '\'';
	out[n] = '\0';
	return out;
}

static int ready(struct pg *pg, const char *what, struct err *err)
{
	if (!pg_usable(pg))
		return pg_fail(pg, NULL, what, err);
	if (pg->in_copy)
		return err_set(err, ERR_INTERNAL, "'%s': a statement in the middle of a COPY",
			       pg->name);
	return 0;
}

/* Takes all results; the last good one into *keep (may be NULL). */
static int collect(struct pg *pg, PGresult **keep, const char *what, struct err *err)
{
	PGresult *res;
	int failed = 0, rc = 0;

	while (!failed || pg_usable(pg)) {
		rc = pg_result(pg, &res, failed ? NULL : err);
		if (rc < 0) {
			pg_drain(pg, 1);
			return failed ? failed : rc;
		}
		if (!res)
			break;
		switch (PQresultStatus(res)) {
		case PGRES_COMMAND_OK:
		case PGRES_TUPLES_OK:
		case PGRES_EMPTY_QUERY:
			if (keep && !failed) {
				PQclear(*keep);
				*keep = res;
				continue;
			}
			break;
		case PGRES_COPY_IN:
		case PGRES_COPY_OUT:
		case PGRES_COPY_BOTH:
			PQclear(res);
			pg_drain(pg, 1);
			return err_set(err, ERR_INTERNAL, "'%s': a COPY among plain statements",
				       pg->name);
		default:
			if (!failed)
				failed = pg_fail(pg, res, what, err);
		}
		PQclear(res);
	}
	return failed;
}

int pg_exec(struct pg *pg, const char *sql, struct err *err)
{
	char text[WHAT_SHOWN + 8];
	const char *what = what_of(sql, text);
	int rc = ready(pg, what, err);

	if (rc < 0)
		return rc;
	if (!PQsendQuery(pg->conn, sql))
		return pg_fail(pg, NULL, what, err);
	rc = pg_flush(pg, err);
	if (rc < 0) {
		pg_drain(pg, 1);
		return rc;
	}
	return collect(pg, NULL, what, err);
}

static int query(struct pg *pg, PGresult **res, const char *sql, const char *const *params,
		 int n_params, struct err *err)
{
	char text[WHAT_SHOWN + 8];
	const char *what = what_of(sql, text);
	int rc = ready(pg, what, err);

	*res = NULL;
	if (rc < 0)
		return rc;
	if (!PQsendQueryParams(pg->conn, sql, n_params, NULL, params, NULL, NULL, 0))
		return pg_fail(pg, NULL, what, err);
	rc = pg_flush(pg, err);
	if (rc < 0)
		pg_drain(pg, 1);
	else
		rc = collect(pg, res, what, err);
	if (rc == 0 && !*res)
		rc = pg_fail(pg, NULL, what, err);
	if (rc < 0) {
		PQclear(*res);
		*res = NULL;
	}
	return rc;
}

/* ---- rows ------------------------------------------------------------------------------------- */

struct pg_rows {
	PGresult *res; /* owned */
};

int pg_query(struct pg *pg, struct pg_rows **out, const char *sql, const char *const *params,
	     int n_params, struct err *err)
{
	struct pg_rows *rows = calloc(1, sizeof *rows);
	int rc;

	*out = NULL;
	if (!rows)
		return err_nomem(err, "rows of a database");
	rc = query(pg, &rows->res, sql, params, n_params, err);
	if (rc < 0) {
		free(rows);
		return rc;
	}
	*out = rows;
	return 0;
}

int pg_run(struct pg *pg, const char *sql, const char *const *params, int n_params, long *affected,
	   struct err *err)
{
	PGresult *res;
	int rc = query(pg, &res, sql, params, n_params, err);

	if (rc == 0 && affected)
		*affected = strtol(PQcmdTuples(res), NULL, 10);
	PQclear(res);
	return rc;
}

void pg_rows_free(struct pg_rows *rows)
{
	if (!rows)
		return;
	PQclear(rows->res);
	free(rows);
}

int pg_rows_count(const struct pg_rows *rows)
{
	return PQntuples(rows->res);
}

int pg_rows_columns(const struct pg_rows *rows)
{
	return PQnfields(rows->res);
}

const char *pg_rows_name(const struct pg_rows *rows, int col)
{
	return PQfname(rows->res, col);
}

int pg_rows_find(const struct pg_rows *rows, const char *name)
{
	for (int i = 0; i < PQnfields(rows->res); i++)
		if (strcmp(PQfname(rows->res, i), name) == 0)
			return i;
	return -1;
}

static int is_null(const struct pg_rows *rows, int row, int col)
{
	return row < 0 || row >= PQntuples(rows->res) || col < 0 || col >= PQnfields(rows->res) ||
	       PQgetisnull(rows->res, row, col);
}

const char *pg_rows_text(const struct pg_rows *rows, int row, int col)
{
	return is_null(rows, row, col) ? NULL : PQgetvalue(rows->res, row, col);
}

size_t pg_rows_len(const struct pg_rows *rows, int row, int col)
{
	return is_null(rows, row, col) ? 0 : (size_t)PQgetlength(rows->res, row, col);
}

int64_t pg_rows_int(const struct pg_rows *rows, int row, int col, int64_t if_null)
{
	return is_null(rows, row, col) ? if_null
				       : strtoll(PQgetvalue(rows->res, row, col), NULL, 10);
}

double pg_rows_real(const struct pg_rows *rows, int row, int col, double if_null)
{
	return is_null(rows, row, col) ? if_null : strtod(PQgetvalue(rows->res, row, col), NULL);
}

int pg_rows_true(const struct pg_rows *rows, int row, int col)
{
	return !is_null(rows, row, col) && PQgetvalue(rows->res, row, col)[0] == 't';
}

long pg_affected(const struct pg_rows *rows)
{
	return strtol(PQcmdTuples(rows->res), NULL, 10);
}

/* ---- transactions ----------------------------------------------------------------------------- */

int pg_begin(struct pg *pg, struct err *err)
{
	return pg_exec(pg, "BEGIN", err);
}

int pg_begin_reading(struct pg *pg, struct err *err)
{
	return pg_exec(pg, "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY", err);
}

/* COMMIT of a transaction that failed is a rollback, which the server reports as success. */
int pg_commit(struct pg *pg, struct err *err)
{
	if (pg->conn && PQtransactionStatus(pg->conn) == PQTRANS_INERROR) {
		pg_rollback(pg);
		return err_set(err, ERR_DATABASE,
			       "'%s': cannot commit: a statement before has failed", pg->name);
	}
	return pg_exec(pg, "COMMIT", err);
}

void pg_rollback(struct pg *pg)
{
	struct err none = ERR_INIT;
	pg_stop_fn *stop = pg->stop;
	PGTransactionStatusType status = pg->conn ? PQtransactionStatus(pg->conn) : PQTRANS_UNKNOWN;

	pg->stop = NULL; /* it is quick, and a stopped caller needs it too */
	if (status == PQTRANS_ACTIVE)
		pg_drain(pg, 1);
	if (pg_usable(pg) && PQtransactionStatus(pg->conn) != PQTRANS_IDLE)
		pg_exec(pg, "ROLLBACK", &none);
	pg->stop = stop;
}

/* ---- notifications ---------------------------------------------------------------------------- */

/* Takes those that have come; 1: there was one. */
static int take_notifies(struct pg *pg)
{
	PGnotify *notify;
	int any = 0;

	while ((notify = PQnotifies(pg->conn))) {
		PQfreemem(notify);
		any = 1;
	}
	return any;
}

int pg_wait_notify(struct pg *pg, int timeout_ms, struct err *err)
{
	int64_t until = clock_mono_ns() + (int64_t)timeout_ms * 1000000;
	int rc = ready(pg, "wait for a notification", err);

	while (rc == 0) {
		if (take_notifies(pg))
			return 1;
		rc = pg_wait(pg, 0, until, err);
		if (rc == 0 && !PQconsumeInput(pg->conn))
			rc = pg_fail(pg, NULL, "wait for a notification", err);
	}
	return rc < 0 ? rc : 0;
}

/* ---- quoting ---------------------------------------------------------------------------------- */

static int put_quoted(struct pg *pg, struct buf *out, char *quoted, struct err *err)
{
	int rc = quoted ? buf_puts(out, quoted) : 0;

	if (!quoted)
		return pg_fail(pg, NULL, "quote a text", err);
	PQfreemem(quoted);
	return rc < 0 ? err_nomem(err, "a statement") : 0;
}

int pg_put_literal(struct pg *pg, struct buf *out, const char *text, struct err *err)
{
	int rc = ready(pg, "quote a text", err);

	return rc < 0 ? rc
		      : put_quoted(pg, out, PQescapeLiteral(pg->conn, text, strlen(text)), err);
}

int pg_put_identifier(struct pg *pg, struct buf *out, const char *text, struct err *err)
{
	int rc = ready(pg, "quote a name", err);

	return rc < 0 ? rc
		      : put_quoted(pg, out, PQescapeIdentifier(pg->conn, text, strlen(text)), err);
}

#endif
