/* Opening a team's database: see team.h. */
#include "prof/exchange/team.h"

#include <stdlib.h>
#include <time.h>

#include "prof/exchange/internal.h"

#define WAIT_MS  30000 /* while the server has no connection left for us, or is starting */
#define PAUSE_MS 250

/* What the server says in between is none of the caller's business, and a role's own settings must not decide how runs are
 * moved. */
static int prepare(struct team *t, struct err *err)
{
	return pg_exec(t->pg,
		       "SET client_min_messages = warning; SET extra_float_digits = 3;"
		       " SET default_transaction_isolation = 'read committed';"
		       " SET default_transaction_read_only = off; SET lock_timeout = '60s'",
		       err);
}

static int is_busy(const struct err *err)
{
	return pg_sqlstate_is(err, "53300") || pg_sqlstate_is(err, "57P03");
}

/* Many machines may come at once; a server that is not there is not waited for. */
static int connect_to(struct team *t, const char *url, const struct team_options *opt,
		      struct err *err)
{
	const struct timespec pause = {.tv_nsec = PAUSE_MS * 1000000};
	struct pg_options o = {.application = "protea-prof runs"};
	int rc = ERR_NETWORK;

	if (opt) {
		o.stop = opt->stop;
		o.stop_ctx = opt->stop_ctx;
	}
	for (int waited = 0; waited <= WAIT_MS; waited += PAUSE_MS) {
		rc = pg_open_with(&t->pg, url, &o, err);
		if (rc == 0 || !is_busy(err) || (o.stop && o.stop(o.stop_ctx)))
			break;
		nanosleep(&pause, NULL);
	}
	return rc;
}

int team_open(struct team **out, const char *url, enum team_mode mode,
	      const struct team_options *opt, struct err *err)
{
	struct team *t = calloc(1, sizeof *t);
	int rc = t ? store_raw_layout(&t->layout, err) : err_nomem(err, "the database of runs");

	*out = NULL;
	if (rc == 0) {
		t->mode = mode;
		t->have = calloc(t->layout.n, sizeof *t->have);
		rc = t->have ? connect_to(t, url, opt, err)
			     : err_nomem(err, "the database of runs");
	}
	if (rc == 0)
		rc = prepare(t, err);
	if (rc == 0)
		rc = team_make_schema(t, err);
	if (rc < 0)
		team_close(t);
	else
		*out = t;
	return rc;
}

void team_close(struct team *t)
{
	if (!t)
		return;
	pg_close(t->pg);
	store_raw_layout_release(&t->layout);
	free(t->have);
	free(t);
}

const char *team_name(const struct team *t)
{
	return pg_name(t->pg);
}

int team_usable(const struct team *t)
{
	return pg_usable(t->pg);
}

int team_reopen(struct team *t, struct err *err)
{
	int rc = pg_reopen(t->pg, err);

	if (rc == 0)
		rc = prepare(t, err);
	return rc == 0 ? team_make_schema(t, err) : rc;
}
