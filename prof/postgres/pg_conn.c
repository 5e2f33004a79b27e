/* Opening, waiting on and closing a connection. libpq is never left alone in a wait: the socket is polled
 * here, so that a stop and a deadline are seen. */
#include "prof/postgres/pg_int.h"

#ifdef HAVE_LIBPQ

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "prof/base/clock.h"

#define NS_PER_MS       INT64_C(1000000)
#define NS_PER_S        INT64_C(1000000000)
#define SLICE_MS        250 /* how late a stop may be seen */
#define CONNECT_S       10
#define DRAIN_S         5
#define BACK_OFF_MS     100 /* four times longer with each try */
#define REOPEN_MS       500 /* a server that was there is given time to start again */
#define BACK_OFF_MAX_MS 5000

int pg_available(void)
{
	return 1;
}

/* ---- waiting ---------------------------------------------------------------------------------- */

static int stopped(const struct pg *pg, struct err *err)
{
	if (!pg->stop || !pg->stop(pg->stop_ctx))
		return 0;
	return err_set(err, ERR_CANCELLED, "'%s': stopped while waiting for the database",
		       pg->name);
}

/* Milliseconds of the next slice; negative: the time is over. */
static int slice_ms(int64_t until_ns)
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

int pg_wait(struct pg *pg, int writing, int64_t until_ns, struct err *err)
{
	for (;;) {
		struct pollfd fd = {.fd = pg->conn ? PQsocket(pg->conn) : -1,
				    .events = (short)(writing ? POLLIN | POLLOUT : POLLIN)};
		int ms = slice_ms(until_ns);
		int rc = stopped(pg, err);

		if (rc < 0)
			return rc;
		if (fd.fd < 0)
			return pg_fail(pg, NULL, "wait for the server", err);
		if (ms < 0)
			return 1;
		if (poll(&fd, 1, ms) > 0)
			return 0;
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

static void ask_to_cancel(struct pg *pg)
{
	PGcancel *cancel = PQgetCancel(pg->conn);
	char why[256];

	if (cancel)
		PQcancel(cancel, why, sizeof why); /* a refusal shows by the deadline */
	PQfreeCancel(cancel);
}

static void drop(struct pg *pg)
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
		ask_to_cancel(pg);
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
		drop(pg);
}

/* ---- connecting ------------------------------------------------------------------------------- */

static void ignore_notice(void *ctx, const PGresult *res)
{
	(void)ctx;
	(void)res;
}

/* What the URL, a service file or the environment say about one option; 0 if nothing. */
static int option_number(const PQconninfoOption *options, const char *keyword)
{
	for (; options && options->keyword; options++)
		if (strcmp(options->keyword, keyword) == 0 && options->val)
			return (int)strtol(options->val, NULL, 10);
	return 0;
}

/* Servers that the URL names. */
static int n_hosts(const PQconninfoOption *options)
{
	int n = 1;

	for (; options && options->keyword; options++) {
		if (strcmp(options->keyword, "host") != 0 || !options->val)
			continue;
		for (const char *at = options->val; (at = strchr(at, ',')) && n < 64; at++)
			n++;
	}
	return n;
}

static int64_t connect_until(const struct pg *pg)
{
	PQconninfoOption *options = PQconninfo(pg->conn);
	int seconds = option_number(options, "connect_timeout");
	int hosts = n_hosts(options);

	PQconninfoFree(options);
	if (pg->connect_timeout_s > 0)
		seconds = pg->connect_timeout_s;
	return clock_mono_ns() + (int64_t)(seconds > 0 ? seconds : CONNECT_S) * hosts * NS_PER_S;
}

/* A URL that libpq cannot take apart: its own words would quote the part, which may be a password. */
static int check_url(const struct pg *pg, struct err *err)
{
	char *why = NULL;
	PQconninfoOption *options = PQconninfoParse(pg->url, &why);

	PQfreemem(why);
	if (!options || !pg_url_is_clear(pg->url)) {
		PQconninfoFree(options);
		return err_set(
			err, ERR_ARG,
			"'%s': not a database URL: write "
			"postgresql://user:password@host:port/database, with %%-escapes for "
			"the letters / ? # @ %% of a password, or ?host=/folder for a socket",
			pg->name);
	}
	PQconninfoFree(options);
	return 0;
}

/* Later keywords win; those before the URL are what it may say otherwise. */
static int start_connecting(struct pg *pg, struct err *err)
{
	const char *const keywords[] = {"fallback_application_name", "keepalives_idle",
					"keepalives_interval",       "keepalives_count",
					"tcp_user_timeout",          "dbname",
					"client_encoding",           NULL};
	const char *const values[] = {pg->application, "30",    "10",   "3",
				      "60000",         pg->url, "UTF8", NULL};

	pg->conn = PQconnectStartParams(keywords, values, 1);
	if (!pg->conn)
		return err_nomem(err, "a connection");
	PQsetErrorVerbosity(pg->conn, PQERRORS_VERBOSE);
	PQsetNoticeReceiver(pg->conn, ignore_notice, NULL);
	return PQstatus(pg->conn) == CONNECTION_BAD ? pg_fail(pg, NULL, NULL, err) : 0;
}

static int poll_connecting(struct pg *pg, struct err *err)
{
	PostgresPollingStatusType status = PGRES_POLLING_WRITING;
	int64_t until = connect_until(pg);

	while (status != PGRES_POLLING_OK) {
		struct pollfd fd = {.fd = PQsocket(pg->conn)};
		int ms = slice_ms(until);
		int rc = stopped(pg, err);

		fd.events = status == PGRES_POLLING_WRITING ? POLLOUT : POLLIN;
		if (rc < 0)
			return rc;
		if (ms < 0) {
			err_set(err, ERR_NETWORK,
				"'%s': cannot connect: no answer (is the address right, is a "
				"firewall between?)",
				pg->name);
			if (err)
				err->sys = pg_state_pack("08001");
			return ERR_NETWORK;
		}
		if (poll(&fd, 1, ms) <= 0)
			continue;
		status = PQconnectPoll(pg->conn);
		if (status == PGRES_POLLING_FAILED)
			return pg_fail(pg, NULL, NULL, err);
	}
	return 0;
}

/* Once connected the server's own words for where we are: a service file may have said so. */
static int take_name(struct pg *pg, struct err *err)
{
	const char *host = PQhost(pg->conn), *port = PQport(pg->conn), *db = PQdb(pg->conn);
	struct buf text = BUF_INIT;
	char *name;

	if (host && *host == '/')
		buf_printf(&text, "postgresql:///%s?host=%s&port=%s", db, host, port);
	else
		buf_printf(&text, "postgresql://%s:%s/%s", host ? host : "", port ? port : "", db);
	name = buf_steal(&text, NULL);
	buf_release(&text);
	if (!name)
		return err_nomem(err, "a connection");
	for (char *at = name; *at; at++)
		if ((unsigned char)*at < 0x20 || *at == 0x7f)
			*at = '?';
	free(pg->name);
	pg->name = name;
	return 0;
}

static int connect_once(struct pg *pg, struct err *err)
{
	char settings[160];
	int rc = start_connecting(pg, err);

	if (rc == 0)
		rc = poll_connecting(pg, err);
	if (rc == 0 && PQsetnonblocking(pg->conn, 1) != 0)
		rc = pg_fail(pg, NULL, "set up the connection", err);
	if (rc == 0)
		rc = take_name(pg, err);
	if (rc < 0)
		return rc;
	pg->was_open = 1;
	PQsetErrorVerbosity(pg->conn, PQERRORS_DEFAULT);
	snprintf(settings, sizeof settings,
		 "SET DateStyle TO ISO; SET TimeZone TO 'UTC'; SET extra_float_digits TO 3");
	rc = pg_exec(pg, settings, err);
	if (rc == 0 && pg->statement_timeout_ms > 0) {
		snprintf(settings, sizeof settings, "SET statement_timeout TO %d",
			 pg->statement_timeout_ms);
		rc = pg_exec(pg, settings, err);
	}
	return rc;
}

int pg_back_off(struct pg *pg, int attempt, struct err *err)
{
	int64_t ms = (int64_t)(pg->was_open ? REOPEN_MS : BACK_OFF_MS)
		     << (2 * (attempt < 4 ? attempt : 4));
	int64_t until;
	int rc;

	until = clock_mono_ns() + (ms < BACK_OFF_MAX_MS ? ms : BACK_OFF_MAX_MS) * NS_PER_MS;
	while ((rc = stopped(pg, err)) == 0 && slice_ms(until) > 0) {
		struct timespec nap = {.tv_nsec = (long)(slice_ms(until) * NS_PER_MS)};

		nanosleep(&nap, NULL);
	}
	return rc;
}

int pg_reopen(struct pg *pg, struct err *err)
{
	int rc = ERR_INTERNAL;

	for (int attempt = 0; attempt < pg->tries; attempt++) {
		drop(pg);
		if (attempt && (rc = pg_back_off(pg, attempt - 1, err)) < 0)
			return rc;
		rc = connect_once(pg, err);
		if (rc == 0)
			return 0;
		if (!pg_is_transient(err))
			break;
	}
	drop(pg);
	return rc;
}

int pg_open_with(struct pg **out, const char *url, const struct pg_options *opt, struct err *err)
{
	struct err own = ERR_INIT; /* the caller's may be NULL; what failed is asked here */
	struct pg *pg = calloc(1, sizeof *pg);
	int rc;

	*out = NULL;
	if (!pg)
		return err_nomem(err, "a connection");
	pg->url = pg_url_plain(url);
	pg->name = pg_url_public(url);
	pg->application = strdup(opt->application ? opt->application : "protea-prof");
	pg->stop = opt->stop;
	pg->stop_ctx = opt->stop_ctx;
	pg->connect_timeout_s = opt->connect_timeout_s;
	pg->tries = opt->tries > 0 ? opt->tries : 1;
	pg->statement_timeout_ms = opt->statement_timeout_ms;
	if (!pg->url || !pg->name || !pg->application)
		rc = err_nomem(&own, "a connection");
	else
		rc = check_url(pg, &own);
	if (rc == 0)
		rc = pg_reopen(pg, &own);
	if (rc < 0) {
		pg_close(pg);
		if (err)
			*err = own;
		return rc;
	}
	*out = pg;
	return 0;
}

int pg_open(struct pg **out, const char *url, const char *application, struct err *err)
{
	const struct pg_options opt = {.application = application};

	return pg_open_with(out, url, &opt, err);
}

void pg_close(struct pg *pg)
{
	if (!pg)
		return;
	if (pg->conn && PQtransactionStatus(pg->conn) == PQTRANS_ACTIVE)
		ask_to_cancel(pg); /* or the server would go on with it */
	drop(pg);
	free(pg->url);
	free(pg->name);
	free(pg->application);
	free(pg);
}

/* ---- what it is ------------------------------------------------------------------------------- */

void pg_set_stop(struct pg *pg, pg_stop_fn *stop, void *ctx)
{
	pg->stop = stop;
	pg->stop_ctx = ctx;
}

const char *pg_name(const struct pg *pg)
{
	return pg->name;
}

int pg_server_version(const struct pg *pg)
{
	return pg->conn ? PQserverVersion(pg->conn) : 0;
}

int pg_backend_pid(const struct pg *pg)
{
	return pg->conn ? PQbackendPID(pg->conn) : 0;
}

int pg_is_local(const struct pg *pg)
{
	const char *host = pg->conn ? PQhost(pg->conn) : NULL;
	const char *address = pg->conn ? PQhostaddr(pg->conn) : NULL;

	if (host && *host == '/')
		return 1;
	return address && (strncmp(address, "127.", 4) == 0 || strcmp(address, "::1") == 0);
}

int pg_usable(const struct pg *pg)
{
	return pg->conn && PQstatus(pg->conn) == CONNECTION_OK;
}

#endif
