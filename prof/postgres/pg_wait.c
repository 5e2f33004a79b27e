/* Waiting on a connection, and getting out of what is under way. libpq is never left alone in a wait: the
 * socket is polled here, so that a stop, a silent server and a deadline are seen. */
#include "prof/postgres/pg_int.h"

#ifdef HAVE_LIBPQ

#include <poll.h>
#include <stdlib.h>

#include "prof/base/clock.h"

#define NS_PER_MS INT64_C(1000000)
#define NS_PER_S  INT64_C(1000000000)
#define SLICE_MS  250 /* how late a stop may be seen */
#define DRAIN_S   5
#define SILENT_MS 300 /* a server that said nothing will hardly hear */

int pg_stopped(const struct pg *pg, struct err *err)
{
	if (!pg->stop || !pg->stop(pg->stop_ctx))
		return 0;
	return err_set(err, ERR_CANCELLED, "'%s': stopped while waiting for the database",
		       pg->name);
}

int pg_slice_ms(int64_t until_ns)
{
	int64_t left;

	if (!until_ns)
		return SLICE_MS;
	left = until_ns - clock_mono_ns();
	if (left <= 0)
		return -1;
	left = left / NS_PER_MS + 1;
	return left < SLICE_MS ? (int)left : SLICE_MS;
}

void pg_set_deadline(struct pg *pg, int64_t ms)
{
	pg->within_s = (int)((ms + 999) / 1000);
	pg->deadline_ns = ms > 0 ? clock_mono_ns() + ms * NS_PER_MS : 0;
}

int64_t pg_time_left_ms(const struct pg *pg)
{
	int64_t left = pg->deadline_ns - clock_mono_ns();

	if (!pg->deadline_ns)
		return INT64_MAX;
	return left > 0 ? left / NS_PER_MS + 1 : 0;
}

/* Nothing more is expected of this connection: what has not been answered may still happen on the server. */
static int give_up(struct pg *pg, int seconds, struct err *err)
{
	int was_working = PQtransactionStatus(pg->conn) == PQTRANS_ACTIVE;

	err_set(err, ERR_NETWORK,
		"'%s': no answer within %d s (is the server overloaded or stopped, is the "
		"network cut?)",
		pg->name, seconds);
	if (err)
		err->sys = pg_state_pack("08006");
	if (was_working)
		pg_ask_to_cancel(pg, SILENT_MS);
	pg_drop(pg);
	return ERR_NETWORK;
}

int pg_wait(struct pg *pg, int writing, int64_t until_ns, struct err *err)
{
	int64_t silent_ns = clock_mono_ns() + pg->silence_s * NS_PER_S;

	for (;;) {
		struct pollfd fd = {.fd = pg->conn ? PQsocket(pg->conn) : -1,
				    .events = (short)(writing ? POLLIN | POLLOUT : POLLIN)};
		int rc = pg_stopped(pg, err);
		int ms = pg_slice_ms(until_ns ? until_ns : silent_ns);
		int left_ms = pg_slice_ms(pg->deadline_ns);

		if (rc < 0)
			return rc;
		if (fd.fd < 0)
			return pg_fail(pg, NULL, "wait for the server", err);
		if (left_ms < 0)
			return give_up(pg, pg->within_s, err);
		/* Once more when the time is over: this process may have been stopped itself. */
		if (poll(&fd, 1, ms < 0 ? 0 : ms < left_ms ? ms : left_ms) > 0)
			return 0;
		if (ms < 0)
			return until_ns ? 1 : give_up(pg, pg->silence_s, err);
	}
}

int pg_flush(struct pg *pg, struct err *err)
{
	int left, rc;

	while ((left = PQflush(pg->conn)) == 1) {
		rc = pg_wait(pg, 1, 0, err);
		if (rc < 0)
			return rc;
		if (!PQconsumeInput(pg->conn))
			return pg_fail(pg, NULL, "send to the server", err);
	}
	return left < 0 ? pg_fail(pg, NULL, "send to the server", err) : 0;
}

int pg_result(struct pg *pg, PGresult **res, struct err *err)
{
	int rc;

	*res = NULL;
	while (PQisBusy(pg->conn)) {
		rc = pg_wait(pg, 0, 0, err);
		if (rc < 0)
			return rc;
		if (!PQconsumeInput(pg->conn))
			break; /* the next result tells */
	}
	*res = PQgetResult(pg->conn);
	return 0;
}

/* ---- getting out of a statement ----------------------------------------------------------------- */

void pg_drop(struct pg *pg)
{
	PQfinish(pg->conn);
	pg->conn = NULL;
	pg->in_copy = 0;
}

/* One step towards an idle connection: 1 there is more, 0 idle, -1 wait for bytes. */
static int drain_step(struct pg *pg)
{
	PGresult *res;
	char *bytes;
	ExecStatusType status;
	int n;

	if (PQisBusy(pg->conn))
		return -1;
	res = PQgetResult(pg->conn);
	if (!res)
		return 0;
	status = PQresultStatus(res);
	PQclear(res);
	if (status == PGRES_COPY_IN)
		PQputCopyEnd(pg->conn, "given up");
	while (status == PGRES_COPY_OUT && (n = PQgetCopyData(pg->conn, &bytes, 1)) >= 0) {
		if (n == 0)
			return -1;
		PQfreemem(bytes);
	}
	return PQstatus(pg->conn) == CONNECTION_OK;
}

void pg_drain(struct pg *pg, int cancel)
{
	int64_t until = clock_mono_ns() + DRAIN_S * NS_PER_S;
	int more = 1;

	pg->in_copy = 0;
	if (!pg->conn)
		return;
	if (cancel && PQtransactionStatus(pg->conn) == PQTRANS_ACTIVE)
		pg_ask_to_cancel(pg, PG_CANCEL_MS);
	while (more && PQstatus(pg->conn) == CONNECTION_OK) {
		struct pollfd fd = {.fd = PQsocket(pg->conn), .events = POLLIN};
		int unsent = PQflush(pg->conn);

		more = drain_step(pg);
		if (more >= 0)
			continue;
		if (unsent > 0)
			fd.events = POLLIN | POLLOUT;
		if (clock_mono_ns() > until)
			break;
		if (poll(&fd, 1, SLICE_MS) > 0 && !PQconsumeInput(pg->conn))
			break;
	}
	if (more)
		pg_drop(pg);
}

#endif
