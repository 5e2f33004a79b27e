/* A SELECT read as a binary COPY stream. */
#include "prof/postgres/pg_int.h"
#include "prof/postgres/pgcopy.h"

#ifdef HAVE_LIBPQ

#include <string.h>

#define STOP_EVERY 256 /* messages between two looks at the stop, while they come without a wait */
#define READ_ROWS  "read rows"

static int begin(struct pg *pg, const char *select, struct err *err)
{
	struct buf sql = BUF_INIT;
	PGresult *res = NULL;
	int rc = 0;

	buf_printf(&sql, "COPY (%s) TO STDOUT (FORMAT binary)", select);
	if (buf_failed(&sql))
		rc = err_nomem(err, "a statement");
	else if (!PQsendQuery(pg->conn, buf_str(&sql)))
		rc = pg_fail(pg, NULL, READ_ROWS, err);
	buf_release(&sql);
	if (rc == 0)
		rc = pg_flush(pg, err);
	if (rc == 0)
		rc = pg_result(pg, &res, err);
	if (rc == 0 && PQresultStatus(res) != PGRES_COPY_OUT)
		rc = pg_fail(pg, res, READ_ROWS, err);
	PQclear(res);
	return rc;
}

/* Next message: bytes > 0, -1 at the end, another negative code (less than -1: all codes are). */
static int next(struct pg *pg, char **bytes, struct err *err, int *failed)
{
	int n;

	while ((n = PQgetCopyData(pg->conn, bytes, 1)) == 0) {
		*failed = pg_wait(pg, 0, 0, err);
		if (*failed < 0)
			return -1;
		if (!PQconsumeInput(pg->conn)) {
			*failed = pg_fail(pg, NULL, READ_ROWS, err);
			return -1;
		}
	}
	if (n == -2)
		*failed = pg_fail(pg, NULL, READ_ROWS, err);
	return n;
}

static int stop_asked(struct pg *pg, uint64_t messages, struct err *err)
{
	if (messages % STOP_EVERY || !pg->stop || !pg->stop(pg->stop_ctx))
		return 0;
	return err_set(err, ERR_CANCELLED, "'%s': stopped while reading rows", pg->name);
}

static int pump(struct pg *pg, struct pgcopy_parser *p, struct err *err)
{
	uint64_t messages = 0;
	int failed = 0, n;
	char *bytes;

	while ((n = next(pg, &bytes, err, &failed)) > 0) {
		failed = pgcopy_parser_feed(p, bytes, (size_t)n, err);
		PQfreemem(bytes);
		if (failed == 0)
			failed = stop_asked(pg, ++messages, err);
		if (failed < 0)
			break;
	}
	return failed < 0 ? failed : 0;
}

/* The result behind the stream says whether the server went to the end of it. */
static int finish(struct pg *pg, struct err *err)
{
	PGresult *res;
	int failed = 0, rc;

	for (;;) {
		rc = pg_result(pg, &res, failed ? NULL : err);
		if (rc < 0)
			return failed ? failed : rc;
		if (!res)
			return failed;
		if (!failed && PQresultStatus(res) != PGRES_COMMAND_OK)
			failed = pg_fail(pg, res, READ_ROWS, err);
		PQclear(res);
		if (failed && !pg_usable(pg))
			return failed;
	}
}

int pgcopy_read(struct pg *pg, const char *select, int n_fields, pgcopy_fn *fn, void *ctx,
		uint64_t *tuples, struct err *err)
{
	struct pgcopy_parser p;
	int rc;

	if (tuples)
		*tuples = 0;
	if (!pg_usable(pg))
		return pg_fail(pg, NULL, READ_ROWS, err);
	if (pg->in_copy)
		return err_set(err, ERR_INTERNAL, "'%s': a COPY in the middle of another",
			       pg->name);
	pgcopy_parser_init(&p, n_fields, fn, ctx);
	rc = begin(pg, select, err);
	if (rc == 0) {
		pg->in_copy = 1;
		rc = pump(pg, &p, err);
		if (rc == 0)
			rc = finish(pg, err);
		if (rc == 0)
			rc = pgcopy_parser_end(&p, err);
		pg->in_copy = 0;
	}
	if (rc < 0)
		pg_drain(pg, 1);
	if (tuples)
		*tuples = p.tuples;
	pgcopy_parser_release(&p);
	return rc;
}

#endif
