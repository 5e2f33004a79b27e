/* Opening and closing a connection. Nothing here waits longer than what a connection may take to be made. */
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
#define CONNECT_S       10
#define SILENCE_S       600
#define BACK_OFF_MS     100 /* four times longer with each try */
#define REOPEN_MS       500 /* a server that was there is given time to start again */
#define BACK_OFF_MAX_MS 5000

int pg_available(void)
{
	return 1;
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

static int poll_connecting(struct pg *pg, int64_t until, struct err *err)
{
	PostgresPollingStatusType status = PGRES_POLLING_WRITING;

	while (status != PGRES_POLLING_OK) {
		struct pollfd fd = {.fd = PQsocket(pg->conn)};
		int ms = pg_slice_ms(until);
		int rc = pg_stopped(pg, err);

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

/* What every connection begins with. */
static int set_up(struct pg *pg, struct err *err)
{
	char settings[160];
	int rc;

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

static int connect_once(struct pg *pg, struct err *err)
{
	int64_t deadline = pg->deadline_ns, until = 0;
	int rc = start_connecting(pg, err);

	if (rc == 0) {
		until = connect_until(pg);
		if (deadline && deadline < until)
			until = deadline;
		rc = poll_connecting(pg, until, err);
	}
	if (rc == 0 && PQsetnonblocking(pg->conn, 1) != 0)
		rc = pg_fail(pg, NULL, "set up the connection", err);
	if (rc == 0)
		rc = take_name(pg, err);
	if (rc < 0)
		return rc;
	pg->was_open = 1;
	pg->deadline_ns = until;
	rc = set_up(pg, err);
	pg->deadline_ns = deadline;
	return rc;
}

int pg_back_off(struct pg *pg, int attempt, struct err *err)
{
	int64_t ms = (int64_t)(pg->was_open ? REOPEN_MS : BACK_OFF_MS)
		     << (2 * (attempt < 4 ? attempt : 4));
	int64_t until;
	int rc;

	until = clock_mono_ns() + (ms < BACK_OFF_MAX_MS ? ms : BACK_OFF_MAX_MS) * NS_PER_MS;
	if (pg->deadline_ns && pg->deadline_ns < until)
		until = pg->deadline_ns;
	while ((rc = pg_stopped(pg, err)) == 0 && pg_slice_ms(until) > 0) {
		struct timespec nap = {.tv_nsec = (long)(pg_slice_ms(until) * NS_PER_MS)};

		nanosleep(&nap, NULL);
	}
	return rc;
}

int pg_reopen(struct pg *pg, struct err *err)
{
	int rc = ERR_INTERNAL;

	for (int attempt = 0; attempt < pg->tries; attempt++) {
		pg_drop(pg);
		if (attempt && (rc = pg_back_off(pg, attempt - 1, err)) < 0)
			return rc;
		rc = connect_once(pg, err);
		if (rc == 0)
			return 0;
		if (!pg_is_transient(err) || pg_time_left_ms(pg) == 0)
			break;
	}
	pg_drop(pg);
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
	pg->silence_s = opt->silence_s > 0 ? opt->silence_s : SILENCE_S;
	pg_set_deadline(pg, opt->within_ms);
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
		pg_ask_to_cancel(pg, PG_CANCEL_MS); /* or the server would go on with it */
	pg_drop(pg);
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
