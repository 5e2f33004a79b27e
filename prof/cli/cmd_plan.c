/* protea-prof plan batch: the largest batch under a limit of memory, what it takes, and how many workers fit. */
#include <limits.h>
#include <math.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "prof/base/buf.h"
#include "prof/base/log.h"
#include "prof/cli/cmd.h"
#include "prof/cli/gate_groups.h"
#include "prof/cli/plan.h"
#include "prof/cli/text.h"
#include "prof/cli/usual_runs.h"
#include "prof/store/read.h"

#define NOT_GIVEN  UINT64_MAX
#define NO_CPUS    INT_MIN /* not given */
#define HEADROOM   0.85
#define CANDIDATES 12 /* stages that are named when one must be chosen */

struct arguments {
	const char *store, *stage, *metric, *headroom;
	uint64_t memory, base, shared, per_item;
	int cpus, json;
	struct plan plan;
};

/* ---- which stage ---- */

/* Can a line be drawn through what it has? */
static int has_sizes(const struct batch_stage *s)
{
	size_t i;

	for (i = 1; i < s->n; i++)
		if (s->points[i].items < s->points[0].items ||
		    s->points[i].items > s->points[0].items)
			return 1;
	return 0;
}

static struct batch_stage *stage_named(const struct batch_data *d, const char *name)
{
	size_t i;

	for (i = 0; i < d->n; i++)
		if (d->stages[i].stages && strcmp(d->stages[i].name, name) == 0)
			return &d->stages[i];
	return NULL;
}

static int refuse_choice(const struct batch_data *d, int with_sizes, struct err *err)
{
	struct buf names = BUF_INIT;
	size_t i, shown = 0, all = 0;
	int rc;

	for (i = 0; i < d->n; i++) {
		const struct batch_stage *s = &d->stages[i];

		if (!s->n || (with_sizes && !has_sizes(s)) || all++ >= CANDIDATES)
			continue;
		buf_printf(&names, "%s%s", shown++ ? ", " : "", s->name);
	}
	if (all > CANDIDATES)
		buf_puts(&names, ", …");
	rc = buf_failed(&names) ? err_nomem(err, "names of stages")
				: err_set(err, ERR_ARG,
					  "plan: several stages have batches of different sizes: "
					  "--stage names one of %s",
					  buf_str(&names));
	buf_release(&names);
	return rc;
}

/* The only one that has sizes; else the only one that has items. */
static int choose_stage(struct plan *p, const struct batch_data *d, const char *name,
			struct err *err)
{
	struct batch_stage *with_sizes = NULL, *with_items = NULL;
	size_t i, sizes = 0, items = 0;

	if (name) {
		p->stage = stage_named(d, name);
		return p->stage ? 0
				: err_set(err, ERR_NOTFOUND,
					  "plan: no stage '%s' in these runs; protea-prof report "
					  "--stages lists them",
					  name);
	}
	for (i = 0; i < d->n; i++)
		if (has_sizes(&d->stages[i])) {
			with_sizes = &d->stages[i];
			sizes++;
		} else if (d->stages[i].n) {
			with_items = &d->stages[i];
			items++;
		}
	if (sizes > 1)
		return refuse_choice(d, 1, err);
	p->stage = with_sizes ? with_sizes : with_items;
	return sizes == 0 && items > 1 ? refuse_choice(d, 0, err) : 0;
}

/* ---- runs ---- */

static int read_runs(struct batch_data *d, const struct gate_group *g, const struct plan *p,
		     struct err *err)
{
	size_t i;
	int rc = 0;

	for (i = 0; rc == 0 && i < g->n; i++) {
		struct profile profile;

		rc = gate_group_read(g, i, STORE_READ_STAGES | STORE_READ_COUNTERS, &profile, err);
		if (rc)
			break;
		rc = batch_add_run(d, &profile, p->param, p->memory, err);
		profile_release(&profile);
	}
	if (rc == 0 && d->failed && !d->runs)
		rc = err_set(err, ERR_NOTFOUND,
			     "no plan: %s failed (a signal, or an exit code other than 0)",
			     d->failed > 1 ? "all of these runs" : "this run");
	return rc;
}

static int show(const struct plan *p, int json, struct err *err)
{
	int rc = 0;

	if (json)
		rc = plan_json(stdout, p, err);
	else
		plan_text(stdout, p);
	if (rc)
		return cli_fail(err);
	if (p->model.reason != BATCH_FITTED)
		return EXIT_INCONCLUSIVE;
	return p->plan.largest >= 1 ? EXIT_OK : EXIT_FAIL;
}

static int plan_from(struct arguments *a, const struct batch_given *given, struct err *err)
{
	struct plan *p = &a->plan;
	int rc = batch_fit(&p->model, p->stage, given, err);

	if (rc)
		return cli_fail(err);
	if (p->model.reason == BATCH_FITTED)
		batch_plan_make(&p->plan, &p->model, p->stage, &p->limits);
	return show(p, a->json, err);
}

static int plan_runs(struct arguments *a, const struct batch_given *given, int n, char **texts)
{
	struct gate_stores stores = {0};
	struct gate_group group = {0};
	struct batch_data data = {0};
	struct err err = ERR_INIT;
	int rc = 0, i;

	if (n == 0)
		rc = usual_runs_add(&stores, &group, a->store, &err);
	for (i = 0; rc == 0 && i < n; i++)
		rc = gate_group_add(&stores, &group, a->store, texts[i], 1, &err);
	if (rc == 0)
		rc = read_runs(&data, &group, &a->plan, &err);
	if (rc == 0)
		rc = choose_stage(&a->plan, &data, a->stage, &err);
	a->plan.what = group.what;
	a->plan.data = &data;
	rc = rc ? cli_fail(&err) : plan_from(a, given, &err);
	batch_data_release(&data);
	gate_group_release(&group);
	gate_stores_release(&stores);
	return rc;
}

/* ---- options ---- */

static int check_headroom(struct arguments *a)
{
	char *end = NULL;
	double v = a->headroom ? strtod(a->headroom, &end) : HEADROOM;

	if (end && end != a->headroom && strcmp(end, "%") == 0) {
		v /= 100;
		end++;
	}
	a->plan.limits.headroom = v;
	if (v > 0 && v <= 1 && (!a->headroom || (end != a->headroom && !*end)))
		return 0;
	log_error("plan: --headroom '%s': the part of the memory that may be used, such as 0.85 or "
		  "85%%",
		  a->headroom);
	return -1;
}

static int count_cpus(void)
{
	cpu_set_t set;

	return sched_getaffinity(0, sizeof set, &set) == 0 ? CPU_COUNT(&set) : 0;
}

static double given(uint64_t bytes)
{
	return bytes == NOT_GIVEN ? (double)NAN : (double)bytes;
}

static int check(struct arguments *a)
{
	static const char *const metrics[] = {"peak_rss", "peak_heap", NULL};
	int metric = 0;

	if (check_headroom(a))
		return -1;
	if (a->metric && cli_choose("plan", "metric", a->metric, metrics, &metric))
		return -1;
	a->plan.memory = metric ? BATCH_HEAP : BATCH_RSS;
	if (a->per_item == 0 || a->memory == 0) {
		log_error("plan: --%s 0: more than nothing", a->memory ? "per-item" : "memory");
		return -1;
	}
	if (a->cpus != NO_CPUS && a->cpus <= 0) {
		log_error("plan: --cpus %d: at least one", a->cpus);
		return -1;
	}
	a->plan.limits.cpus = a->cpus != NO_CPUS ? a->cpus : count_cpus();
	return 0;
}

static int plan_batch(struct arguments *a, int n, char **runs)
{
	struct batch_given g = {given(a->base), given(a->shared), given(a->per_item)};
	struct err err = ERR_INIT;

	a->plan.available = (double)NAN;
	if (a->memory != NOT_GIVEN)
		a->plan.limits.memory = (double)a->memory;
	else if (plan_limit_here(&a->plan, &err))
		return cli_fail(&err);
	if (n == 0 && !a->stage && !a->plan.param && !isnan(g.per_item) && !isnan(g.base)) {
		if (isnan(g.shared))
			g.shared = 0;
		return plan_from(a, &g, &err);
	}
	return plan_runs(a, &g, n, runs);
}

static const char about[] =
	"How large a batch may be: fits memory = base + shared + items x per item, and time, to "
	"stages\n"
	"that ran with different numbers of items, and says what fits under a limit, how long it "
	"takes\n"
	"and how many workers fit side by side. Shared is what all workers of a machine map "
	"(files,\n"
	"shared memory); it counts once.\n"
	"\n"
	"RUN is an id prefix, a name (all runs of it), k=v (all with that label), a store FILE,\n"
	"FILE:RUN, or last; default: all runs of the name that the last run has. Runs that failed "
	"are\n"
	"left out. With --base, --shared and --per-item no run is needed.\n"
	"Sizes: 16G and 16GiB are 16 x 1024^3 bytes, 16GB is 16 x 10^9.\n"
	"\n"
	"Exit codes: 0 there is a plan, 1 not one item fits, 2 usage, 3 it cannot be said.";

int cmd_plan(int argc, char **argv)
{
	struct arguments a = {.memory = NOT_GIVEN,
			      .base = NOT_GIVEN,
			      .shared = NOT_GIVEN,
			      .per_item = NOT_GIVEN,
			      .cpus = NO_CPUS};
	const struct opt opts[] = {
		{0, "store", OPT_TEXT, &a.store, "FILE",
		 "store to read ($PROTEA_PROF_STORE, ./protea-prof.sqlite)", 0},
		{0, "stage", OPT_TEXT, &a.stage, "NAME",
		 "stage whose items are the batch (the only one that has different sizes)", 0},
		{0, "param", OPT_TEXT, &a.plan.param, "NAME",
		 "batches are counted in this parameter of the stage instead of its items", 0},
		{0, "metric", OPT_TEXT, &a.metric, "M",
		 "peak_rss (default): all that is resident; peak_heap: what malloc gave", 0},
		{'m', "memory", OPT_BYTES, &a.memory, "SIZE",
		 "limit (of the container, else what this machine has free)", 0},
		{0, "headroom", OPT_TEXT, &a.headroom, "PART", "part of it that may be used (0.85)",
		 0},
		{0, "cpus", OPT_INT, &a.cpus, "N", "CPUs for all workers (those of this machine)",
		 0},
		{0, "base", OPT_BYTES, &a.base, "SIZE", "instead of what was measured", 0},
		{0, "shared", OPT_BYTES, &a.shared, "SIZE", "likewise", 0},
		{0, "per-item", OPT_BYTES, &a.per_item, "SIZE", "likewise", 0},
		{0, "optimistic", OPT_FLAG, &a.plan.limits.optimistic, NULL,
		 "plan with the estimate, not with the upper end of its interval", 0},
		{0, "json", OPT_FLAG, &a.json, NULL, "the same for scripts", 0},
		{0, NULL, OPT_FLAG, NULL, NULL, NULL, 0},
	};
	const struct usage usage = {"plan batch [options] [RUN]…", about, opts};
	int done, first = opts_parse(argc, argv, &usage, 1, &done);

	if (first < 0)
		return EXIT_USAGE;
	if (done)
		return EXIT_OK;
	if (first >= argc || strcmp(argv[first], "batch") != 0) {
		log_error("plan: what is to be planned: plan batch; see protea-prof plan --help");
		return EXIT_USAGE;
	}
	return check(&a) ? EXIT_USAGE : plan_batch(&a, argc - first - 1, argv + first + 1);
}
