/* One look after the other: see pg_look.h. */
#include "prof/cli/pg_look.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>

#include "prof/base/clock.h"

/* Statements whose texts are asked for: of those that take most time, and as many that are called most. */
#define MOST_STATEMENTS 100

int pg_look_open(struct pg_look *l, const char *url, pg_stop_fn *stop, void *stop_ctx,
		 struct err *err)
{
	memset(l, 0, sizeof(*l));
	shot_init(&l->shot);
	shot_init(&l->sample);
	clients_init(&l->clients);
	counts_init(&l->counts);
	counts_init(&l->before);
	counts_init(&l->delta);
	if (stmts_init(&l->stmts))
		return err_nomem(err, "statements");
	return watch_open(&l->watch, url, stop, stop_ctx, err);
}

void pg_look_release(struct pg_look *l)
{
	blockers_release(&l->blockers);
	shot_release(&l->shot);
	shot_release(&l->sample);
	clients_release(&l->clients);
	counts_release(&l->counts);
	counts_release(&l->before);
	counts_release(&l->delta);
	stmts_release(&l->stmts);
	sums_rates_release(&l->rates);
	sums_base_release(&l->base);
	watch_close(l->watch);
	memset(l, 0, sizeof(*l));
}

/* ---- a whole look ---- */

static int connected(struct pg_look *l, struct err *err)
{
	int rc = 0;

	if (l->lost || !watch_usable(l->watch))
		rc = watch_reopen(l->watch, err);
	if (rc == 0 && l->lost) {
		l->lost = 0;
		l->reconnects++;
		/* Of another life of the server. */
		sums_base_release(&l->base);
		l->before.at_ns = 0;
	}
	return rc;
}

/* Whose statements they are has to be asked while their sessions are there. */
static int see(struct pg_look *l, struct shot *shot, enum clients_how how)
{
	const struct watch_facts *f = watch_facts(l->watch);
	const struct clients_server server = {f->port, f->local};
	int rc = clients_link(&l->clients, shot, &server, how);

	if (rc == 0)
		rc = stmts_look(&l->stmts, shot);

	return rc == 0 && l->on_look ? l->on_look(l->ctx, shot) : rc;
}

static int analyse(struct pg_look *l, struct err *err)
{
	int rc;

	sums_take(&l->sums, &l->shot);
	rc = blockers_find(&l->blockers, &l->shot);
	if (rc == 0)
		rc = sums_rates(&l->rates, &l->base, &l->shot);
	if (rc == 0)
		rc = see(l, &l->shot, CLIENTS_WHOLE);
	return rc ? err_nomem(err, "what the server does") : 0;
}

static int look(struct pg_look *l, struct err *err)
{
	int rc;

	/* Names in these are the shot's. */
	blockers_release(&l->blockers);
	sums_rates_release(&l->rates);
	memset(&l->sums, 0, sizeof(l->sums));
	rc = watch_shot(l->watch, &l->shot, WATCH_LOCKS | WATCH_DATABASES, err);
	return rc ? rc : analyse(l, err);
}

/* Numbers of statements; whatever is wrong with them costs only these. */
static int count(struct pg_look *l, const struct counts *before, double period_s, struct err *err)
{
	struct err why = ERR_INIT;
	int rc;

	l->count_failed = 0;
	if (*watch_facts(l->watch)->statements_advice)
		return 0;
	rc = counts_read(l->watch, &l->counts, &why);
	if (rc == 0 && counts_since(&l->counts, before, &l->delta))
		rc = err_nomem(&why, "statements");
	if (rc == 0)
		rc = stmts_count(&l->stmts, l->watch, &l->delta, period_s, MOST_STATEMENTS, &why);
	if (rc == ERR_NOMEM || rc == ERR_CANCELLED || (rc && !watch_usable(l->watch))) {
		if (err)
			*err = why;
		return rc;
	}
	l->count_failed = rc != 0;
	snprintf(l->count_note, sizeof(l->count_note), "%.250s", why.text);
	return 0;
}

int pg_look_once(struct pg_look *l, struct err *err)
{
	int64_t begun = clock_mono_ns();
	int rc = connected(l, err);

	stmts_begin(&l->stmts);
	if (rc == 0)
		rc = look(l, err);
	if (rc == 0)
		rc = count(l, NULL, 0, err);
	l->period_s = 0;
	stmts_end(&l->stmts, clock_mono_ns());
	l->took_ns = clock_mono_ns() - begun;
	return rc;
}

/* ---- a period ---- */

int pg_look_begin(struct pg_look *l, struct err *err)
{
	struct counts spare;
	int rc = connected(l, err);

	stmts_begin(&l->stmts);
	if (rc || *watch_facts(l->watch)->statements_advice)
		return rc;
	/* What the period before ended with is what this one begins with. */
	spare = l->before;
	l->before = l->counts;
	l->counts = spare;
	if (!l->before.at_ns) {
		struct err why = ERR_INIT;

		rc = counts_read(l->watch, &l->before, &why);
		if (rc && !watch_usable(l->watch)) {
			*err = why;
			return rc;
		}
	}
	return 0;
}

int pg_nap(int64_t until_ns, int wake_fd)
{
	struct pollfd p = {.fd = wake_fd, .events = POLLIN};
	int64_t left;

	while ((left = until_ns - clock_mono_ns()) > 0) {
		int n = poll(&p, wake_fd >= 0, (int)((left + 999999) / 1000000));

		if (n > 0)
			return PG_LOOK_WOKEN;
		if (n < 0 && errno != EINTR)
			return 0;
	}
	return 0;
}

int pg_look_watch(struct pg_look *l, int64_t until_ns, int64_t every_ns, int wake_fd,
		  struct err *err)
{
	int64_t next = clock_mono_ns();
	int rc = 0;

	while (rc == 0 && next < until_ns) {
		/* What is shown meanwhile is the whole look before; the next is pg_look_end()'s. */
		rc = watch_shot(l->watch, &l->sample, WATCH_SESSIONS, err);
		if (rc == 0 && see(l, &l->sample, CLIENTS_NEW))
			rc = err_nomem(err, "statements");
		if (rc)
			return rc;
		next += every_ns;
		if (next < clock_mono_ns())
			next = clock_mono_ns();
		rc = pg_nap(next < until_ns ? next : until_ns, wake_fd);
	}
	return rc;
}

int pg_look_end(struct pg_look *l, struct err *err)
{
	int64_t begun = clock_mono_ns();
	int rc = look(l, err);

	if (rc == 0 && l->before.at_ns)
		rc = count(l, &l->before, (double)(clock_mono_ns() - l->before.at_ns) / 1e9, err);
	else if (rc == 0)
		rc = count(l, NULL, 0, err);
	stmts_end(&l->stmts, clock_mono_ns());
	l->period_s = stmts_period_s(&l->stmts);
	l->took_ns = clock_mono_ns() - begun;
	return rc;
}

int pg_look_is_lost(struct pg_look *l, const struct err *err)
{
	if (err->code == ERR_CANCELLED || err->code == ERR_NOMEM)
		return 0;
	if (watch_usable(l->watch) && !l->lost && !pg_is_transient(err))
		return 0;
	if (!l->lost)
		l->lost_ns = clock_mono_ns();
	l->lost = 1;
	snprintf(l->lost_note, sizeof(l->lost_note), "%.250s", err->text);
	return 1;
}
