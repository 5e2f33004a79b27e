/* pg without a screen: one period after the other, printed. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "prof/base/clock.h"
#include "prof/base/log.h"
#include "prof/cli/pg.h"
#include "prof/cli/pg_json.h"
#include "prof/cli/pg_page.h"
#include "prof/cli/top.h"

/* What a failure leaves: nothing is shown of the time before. */
static int lose(struct pg_look *l, const struct err *err)
{
	if (!pg_look_is_lost(l, err))
		return err->code;
	blockers_release(&l->blockers);
	sums_rates_release(&l->rates);
	memset(&l->sums, 0, sizeof(l->sums));
	stmts_begin(&l->stmts);
	shot_clear(&l->shot);
	return 0;
}

int pg_part(struct pg_session *r, int *begun, int64_t until, int wake_fd, struct err *err)
{
	struct pg_look *l = &r->look;
	int rc = 0;

	if (!*begun)
		rc = pg_look_begin(l, err);
	*begun = 1;
	if (rc == 0)
		rc = pg_look_watch(l, until, r->every_ns, wake_fd, err);
	if (rc == PG_LOOK_WOKEN)
		return rc;
	if (rc == 0)
		rc = pg_look_end(l, err);
	if (rc < 0)
		rc = lose(l, err);
	*begun = 0;
	return rc;
}

int pg_period(struct pg_session *r, int64_t interval_ns, int wake_fd, struct err *err)
{
	int64_t until = clock_mono_ns() + interval_ns;
	int begun = 0, rc = pg_part(r, &begun, until, wake_fd, err);

	/* No server: not at once again. */
	return rc == 0 && r->look.lost ? pg_nap(until, wake_fd) : rc;
}

static int print(struct pg_session *r, struct err *err)
{
	if (r->json)
		return pg_json(stdout, &r->look, 1, err);
	pg_text(stdout, &r->look, cli_width());
	putchar('\n');
	return fflush(stdout) ? err_sys(err, ERR_IO, "cannot write to standard output") : 0;
}

int pg_frames(struct pg_session *r)
{
	struct err err = ERR_INIT;
	uint64_t left = r->frames;
	uint32_t said = 0;
	int rc, was_lost = 0;

	do {
		rc = pg_period(r, r->interval_ns, r->wake_fd, &err);
		if (top_signals.quit)
			return EXIT_OK;
		if (r->look.lost && !was_lost)
			log_warn("%s; trying again every %.3g s", r->look.lost_note,
				 (double)r->interval_ns / 1e9);
		else if (r->look.reconnects != said)
			log_info("connected again to %s", watch_name(r->look.watch));
		was_lost = r->look.lost;
		said = r->look.reconnects;
		if (rc >= 0)
			rc = print(r, &err);
		if (rc && err.sys == EPIPE) /* whoever read has had enough */
			return EXIT_OK;
		if (rc)
			return cli_fail(&err);
	} while ((!r->until_ns || clock_mono_ns() < r->until_ns) && (!r->frames || --left));
	return EXIT_OK;
}
