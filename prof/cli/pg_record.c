/* pg --record: looks into a store until the time is over or a signal ends it. A server that goes away is waited for. */
#include <stdlib.h>
#include <string.h>

#include "prof/base/clock.h"
#include "prof/base/log.h"
#include "prof/base/units.h"
#include "prof/cli/pg.h"
#include "prof/cli/pg_store.h"
#include "prof/cli/top.h"

static int keep_look(void *ctx, const struct shot *shot)
{
	return pg_store_look(ctx, shot);
}

/* The time without a server is nobody's. */
static void tell(struct pg_session *r, struct pg_store *p, int *was_lost)
{
	if (r->look.lost && !*was_lost)
		log_warn("%s; trying again", r->look.lost_note);
	else if (!r->look.lost && *was_lost)
		log_info("connected again to %s", watch_name(r->look.watch));
	*was_lost = r->look.lost;
	if (r->look.lost)
		p->last_ns = clock_mono_ns();
}

static int record(struct pg_session *r, struct pg_store *p, struct err *err)
{
	int rc = 0, was_lost = 0;

	while (!top_signals.quit && (!r->until_ns || clock_mono_ns() < r->until_ns)) {
		int64_t left = r->until_ns ? r->until_ns - clock_mono_ns() : INT64_MAX;

		rc = pg_period(r, left < r->interval_ns ? left : r->interval_ns, r->wake_fd, err);
		if (rc == PG_LOOK_WOKEN || (rc == ERR_CANCELLED && top_signals.quit))
			rc = 0;
		else if (rc == 0 && !r->look.lost && pg_store_whole(p, &r->look))
			rc = err_nomem(err, "the recording");
		if (rc)
			return rc;
		tell(r, p, &was_lost);
		rc = pg_store_flush(p, err);
		if (rc)
			return rc;
	}
	return 0;
}

int pg_record(struct pg_session *r, const struct pg_keep *keep)
{
	struct pg_store_options o = {
		.path = cli_store_path(keep->store), .name = keep->name, .every_ns = r->every_ns};
	char *labels = cli_labels_json("pg", &keep->labels);
	struct err err = ERR_INIT;
	char took[UNITS_TEXT];
	struct pg_store p;
	int rc, end;

	if (!labels)
		return EXIT_USAGE;
	o.labels_json = labels;
	rc = pg_store_open(&p, &o, &r->look, &err);
	r->look.on_look = keep_look;
	r->look.ctx = &p;
	if (rc == 0) {
		log_info("recording %s as run %.8s into %s%s", watch_name(r->look.watch),
			 p.about.id, o.path, r->until_ns ? "" : "; Ctrl-C ends it");
		rc = record(r, &p, &err);
		end = pg_store_finish(&p, rc ? NULL : &err);
		rc = rc ? rc : end;
	}
	if (rc == 0)
		log_info("recorded %s in %llu looks; next: protea-prof report %.8s --kind wall "
			 "--by stack --store %s",
			 units_ns(took, clock_mono_ns() - p.start_ns), (unsigned long long)p.looks,
			 p.about.id, o.path);
	pg_store_release(&p);
	r->look.on_look = NULL;
	free(labels);
	return rc ? cli_fail(&err) : EXIT_OK;
}
