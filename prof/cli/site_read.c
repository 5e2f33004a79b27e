/* The numbers of a site's runs: see site_read.h. */
#include "prof/cli/site_read.h"
#include "prof/cli/strip.h"

#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "prof/analyze/stages.h"
#include "prof/base/buf.h"
#include "prof/cli/site_pick.h"
#include "prof/cli/site_steps.h"
#include "prof/store/read.h"
#include "viewer/redact.h"

#define VALUE_MAX 1e18 /* what is beyond was not measured: a foreign hand in the file */
#define NAMES_MAX 4    /* of shares, and of throughputs */

/* Stages of the export, whose times people compare first, and what it writes. */
static const char *const usual_shares[] = {"alignment=alignment", "KNN=knn"};
static const char *const usual_per_second[] = {"rows=parquet"};

enum { WALL, PEAK, CPU, OWN }; /* metrics; then those of options, then the cache's */

struct reading {
	struct site_data *d;
	struct store *s;
	const struct site_options *o;
	const char *const *shares, *const *per_second;
	size_t n_shares, n_per_second;
	const char *row, *col;
	struct err *err;
};

static int no_memory(struct reading *r)
{
	return err_nomem(r->err, "the runs of a site");
}

/* A copy in the arena; NULL and "" are NULL. */
static int keep(struct reading *r, const char **to, const char *text)
{
	*to = NULL;
	if (!text || !*text)
		return 0;
	*to = arena_strdup(&r->d->arena, text);
	return *to ? 0 : ERR_NOMEM;
}

/* A name that came with a run: --redact leaves the folders of paths out of it. */
static int keep_name(struct reading *r, const char **to, const char *name)
{
	struct buf shown = BUF_INIT;
	int rc;

	if (!r->o->redact || !name)
		return keep(r, to, name);
	redact_name(&shown, name, strlen(name));
	rc = buf_failed(&shown) ? ERR_NOMEM : keep(r, to, buf_str(&shown));
	buf_release(&shown);
	return rc;
}

static double or_nan(double v)
{
	return !(v >= 0 && v <= VALUE_MAX) ? (double)NAN : v < 1 / VALUE_MAX ? 0 : v;
}

/* ---- metrics ---- */

/* Is `stage` one of those behind the '='? */
static int names_stage(const char *spec, const char *stage)
{
	const char *at = strchr(spec, '=') + 1;
	size_t len = strlen(stage), n;

	for (;; at += n + 1) {
		n = strcspn(at, ",");
		if (n == len && strncmp(at, stage, n) == 0)
			return 1;
		if (!at[n])
			return 0;
	}
}

static double sum_of(const struct site_run *run, const char *spec, int items)
{
	double sum = (double)NAN;
	uint32_t i;

	for (i = 0; i < run->n_stages; i++) {
		const struct site_stage *st = &run->stages[i];
		double v = items ? st->items : st->wall_ns;

		if (names_stage(spec, st->name) && !isnan(v))
			sum = (isnan(sum) ? 0 : sum) + v;
	}
	return sum;
}

/* Hits in look-ups of caches: sizes that stages report. */
static double cache_hits(const struct profile *p)
{
	double hits = 0, lookups = 0;
	uint32_t i;

	for (i = 0; i < p->n_stages; i++) {
		const char *text = strtab_text(p->strings, p->stages[i].params);
		json_t *params = strstr(text, "cache_lookups") ? json_loads(text, 0, NULL) : NULL;

		hits += json_number_value(json_object_get(params, "cache_hits"));
		lookups += json_number_value(json_object_get(params, "cache_lookups"));
		json_decref(params);
	}
	return lookups > 0 ? hits / lookups : (double)NAN;
}

static void measure(struct reading *r, struct site_run *run, const struct profile *p)
{
	double wall = p->run.duration_ns > 0 ? (double)p->run.duration_ns : (double)NAN;
	double cpu = 0, peak = 0;
	uint32_t i, at = OWN;

	for (i = 0; i < p->n_processes; i++) {
		if (p->processes[i].cpu_ns > 0)
			cpu += (double)p->processes[i].cpu_ns;
		peak = fmax(peak, (double)p->processes[i].max_rss_bytes);
	}
	run->value[WALL] = wall;
	run->value[PEAK] = peak > 0 ? peak : (double)NAN;
	run->value[CPU] = p->n_processes ? cpu : (double)NAN;
	for (i = 0; i < r->n_shares; i++)
		run->value[at++] = sum_of(run, r->shares[i], 0) / wall;
	run->value[at++] = cache_hits(p);
	for (i = 0; i < r->n_per_second; i++)
		run->value[at++] = sum_of(run, r->per_second[i], 1) / (wall / 1e9);
	for (i = 0; i < at; i++)
		run->value[i] = or_nan(run->value[i]);
}

static int name_metric(struct reading *r, uint32_t at, enum site_unit unit, const char *spec,
		       const char *suffix, const char *help)
{
	char name[100], text[300];
	size_t len = strcspn(spec, "=");
	struct site_metric *m = &r->d->metrics[at];
	const char *stages = spec[len] ? spec + len + 1 : "";

	snprintf(name, sizeof name, "%.*s%s", len < 60 ? (int)len : 60, spec, suffix);
	snprintf(text, sizeof text, help, stages);
	*m = (struct site_metric){NULL, NULL, unit};
	return keep(r, &m->name, name) || keep(r, &m->help, text) ? no_memory(r) : 0;
}

static int name_metrics(struct reading *r)
{
	uint32_t at = OWN;
	size_t i;
	int rc = name_metric(r, WALL, SITE_NS, "wall", "", "time from start to end of the run.");

	if (rc == 0)
		rc = name_metric(r, PEAK, SITE_BYTES, "peak memory", "",
				 "the most that its largest process had resident.");
	if (rc == 0)
		rc = name_metric(r, CPU, SITE_NS, "CPU", "", "CPU time of all its threads.");
	for (i = 0; rc == 0 && i < r->n_shares; i++)
		rc = name_metric(r, at++, SITE_SHARE, r->shares[i], " share",
				 "wall time of stage %s in that of the run.");
	if (rc == 0)
		rc = name_metric(r, at++, SITE_SHARE, "cache hits", "",
				 "what caches held of all that was looked up in them.");
	for (i = 0; rc == 0 && i < r->n_per_second; i++)
		rc = name_metric(r, at++, SITE_PER_S, r->per_second[i], "/s",
				 "items of stage %s by the wall time of the run.");
	r->d->site.n_metrics = at;
	return rc;
}

/* Those that no run has a value of are left out; time and memory stay, for the trend. */
static void drop_empty(struct site_data *d)
{
	uint32_t m, kept = 0, i;

	for (m = 0; m < d->site.n_metrics; m++) {
		int any = m <= PEAK;

		for (i = 0; i < d->site.n_runs; i++)
			any |= !isnan(d->runs[i].value[m]);
		if (!any)
			continue;
		for (i = 0; i < d->site.n_runs; i++)
			d->runs[i].value[kept] = d->runs[i].value[m];
		d->metrics[kept++] = d->metrics[m];
	}
	d->site.n_metrics = kept;
}

/* ---- one run ---- */

/* Mean of a stage's size, over the stages of that name which have it. */
static double mean_size(const struct profile *p, uint32_t name, const char *size)
{
	double sum = 0;
	uint32_t i, n = 0;

	for (i = 0; i < p->n_stages; i++) {
		const char *text = strtab_text(p->strings, p->stages[i].params);
		json_t *params, *v;

		if (p->stages[i].name != name || !strstr(text, size))
			continue;
		params = json_loads(text, 0, NULL);
		v = json_object_get(params, size);
		if (json_is_number(v)) {
			sum += json_number_value(v);
			n++;
		}
		json_decref(params);
	}
	return n ? sum / n : (double)NAN;
}

static int take_stages(struct reading *r, struct site_run *run, const struct profile *p)
{
	const char *x = r->o->x && strcmp(r->o->x, "items") != 0 ? r->o->x : NULL;
	struct stage_list list;
	int rc = stage_list_make(&list, p, r->err);
	size_t i;

	if (rc)
		return rc;
	run->stages = arena_calloc(&r->d->arena, list.n + 1, sizeof *run->stages);
	for (i = 0; run->stages && rc == 0 && i < list.n; i++) {
		const struct stage_row *row = &list.rows[i];
		struct site_stage *to = &run->stages[i];

		*to = (struct site_stage){.depth = row->depth,
					  .n = row->n,
					  .wall_ns = or_nan(row->wall_ns.sum),
					  .cpu_ns = or_nan(row->cpu_ns.sum),
					  .items =
						  row->items > 0 ? or_nan(row->items) : (double)NAN,
					  .peak_heap_bytes = or_nan(row->peak_heap_bytes.max)};
		to->x = x ? or_nan(mean_size(p, row->name, x)) : to->items;
		rc = keep(r, &to->name, strtab_text(p->strings, row->name));
		if (!to->name)
			to->name = "";
	}
	run->n_stages = (uint32_t)list.n;
	rc = rc || !run->stages ? no_memory(r) : 0;
	stage_list_release(&list);
	return rc;
}

static int take_losses(struct reading *r, struct site_run *run, const struct profile *p)
{
	uint32_t i;

	run->losses = arena_calloc(&r->d->arena, p->n_losses + 1, sizeof *run->losses);
	for (i = 0; run->losses && i < p->n_losses; i++) {
		struct site_loss *to = &run->losses[run->n_losses];

		if (!p->losses[i].count)
			continue;
		to->count = p->losses[i].count;
		if (keep_name(r, &to->reason, strtab_text(p->strings, p->losses[i].reason)))
			return no_memory(r);
		if (to->reason)
			run->n_losses++;
	}
	return run->losses ? 0 : no_memory(r);
}

static int take_command(struct reading *r, struct site_run *run, const char *command)
{
	char *own;
	int rc;

	if (r->o->redact)
		return 0;
	own = strip_folder(command, r->o->strip);
	rc = own ? keep(r, &run->command, own) : ERR_NOMEM;
	free(own);
	return rc;
}

/* Labels are shown as they are, but for the run's name, which is none. */
static int keep_label(struct reading *r, const char **to, const struct site_pick *pick,
		      const char *label)
{
	char room[32];
	const char *text = label ? site_label(pick, label, room) : NULL;

	return text == pick->name ? keep_name(r, to, text) : keep(r, to, text);
}

/* Only now: --share and --per-second mean stages by their own names. */
static int redact_stages(struct reading *r, struct site_run *run)
{
	uint32_t i;

	for (i = 0; r->o->redact && i < run->n_stages; i++) {
		if (keep_name(r, &run->stages[i].name, run->stages[i].name))
			return no_memory(r);
		if (!run->stages[i].name)
			run->stages[i].name = "";
	}
	return 0;
}

static int take_texts(struct reading *r, struct site_run *run, const struct site_pick *pick,
		      const struct profile *p)
{
	const struct profile_run *from = &p->run;
	const struct strtab *t = p->strings;
	char how[100];
	int rc = keep(r, &run->id, pick->id) | keep_name(r, &run->name, pick->name);

	snprintf(how, sizeof how, "%.40s%s%.40s", strtab_text(t, from->engine),
		 *strtab_text(t, from->engine) && *strtab_text(t, from->mode) ? ", " : "",
		 strtab_text(t, from->mode));
	rc |= take_command(r, run, strtab_text(t, from->command));
	rc |= keep(r, &run->host, r->o->redact ? NULL : strtab_text(t, from->host));
	rc |= keep(r, &run->cpu_model, strtab_text(t, from->cpu_model));
	rc |= keep(r, &run->kernel, strtab_text(t, from->kernel));
	rc |= keep(r, &run->version, strtab_text(t, from->version));
	rc |= keep(r, &run->git_sha, strtab_text(t, from->git_sha));
	rc |= keep(r, &run->how, how);
	rc |= keep_label(r, &run->data_set, pick, "dataset");
	rc |= keep_label(r, &run->row, pick, r->row);
	rc |= keep_label(r, &run->column, pick, r->col);
	if (!run->id)
		run->id = "";
	return rc ? no_memory(r) : 0;
}

static int take_run(struct reading *r, struct site_run *run, const struct site_pick *pick)
{
	struct profile p;
	int rc = store_read_run(r->s, pick->key, STORE_READ_STAGES, &p, r->err);

	if (rc)
		return rc;
	*run = (struct site_run){.ncpu = p.run.ncpu,
				 .rate_hz = p.run.rate_hz,
				 .started_at = p.run.started_at,
				 .samples = pick->samples};
	run->failed = p.run.signal != 0 || !p.run.has_exit_code || p.run.exit_code != 0;
	if (p.run.signal)
		snprintf(run->ending, sizeof run->ending, "signal %d", p.run.signal);
	else if (p.run.has_exit_code)
		snprintf(run->ending, sizeof run->ending, "exit %d", p.run.exit_code);
	else
		run->failed = 0; /* what was recorded from outside has no code of its own */
	rc = take_texts(r, run, pick, &p);
	if (rc == 0)
		rc = take_stages(r, run, &p);
	if (rc == 0)
		rc = take_losses(r, run, &p);
	if (rc == 0)
		measure(r, run, &p);
	if (rc == 0)
		rc = redact_stages(r, run);
	profile_release(&p);
	return rc;
}

/* ---- all of them ---- */

static int check_specs(const char *option, const struct opt_list *list, struct err *err)
{
	size_t i;

	if (list->n > NAMES_MAX)
		return err_set(err, ERR_ARG, "--%s: at most %d", option, NAMES_MAX);
	for (i = 0; i < list->n; i++) {
		const char *equals = strchr(list->values[i], '=');

		if (!equals || equals == list->values[i] || !equals[1])
			return err_set(err, ERR_ARG, "--%s '%s': write NAME=STAGE", option,
				       list->values[i]);
	}
	return 0;
}

static int choose_specs(struct reading *r)
{
	const struct site_options *o = r->o;
	int rc = check_specs("share", &o->shares, r->err);

	if (rc == 0)
		rc = check_specs("per-second", &o->per_second, r->err);
	r->shares = o->shares.n ? o->shares.values : usual_shares;
	r->n_shares = o->shares.n ? o->shares.n : sizeof usual_shares / sizeof *usual_shares;
	r->per_second = o->per_second.n ? o->per_second.values : usual_per_second;
	r->n_per_second = o->per_second.n ? o->per_second.n
					  : sizeof usual_per_second / sizeof *usual_per_second;
	return rc;
}
_Static_assert(OWN + 2 * NAMES_MAX + 1 <= SITE_METRICS_MAX, "every metric has a place");

/* Half of the room is for each. */
static void join_names(char *to, size_t size, const char *row, const char *column)
{
	size_t most = size / 2 - 2;

	snprintf(to, size, "%.*s, %.*s", (int)site_cut(row, most), row, (int)site_cut(column, most),
		 column);
}

/* A matrix that would be nearly empty and huge becomes a list: both labels in one name. */
static int flatten(struct reading *r)
{
	struct site_data *d = r->d;
	int huge = 0, rc = r->col ? site_grid_sparse(&d->site, &huge, r->err) : 0;
	uint32_t i;

	if (rc || !r->col)
		return rc;
	for (i = 0; huge && i < d->site.n_runs; i++) {
		struct site_run *run = &d->runs[i];
		char name[400];

		join_names(name, sizeof name, run->row ? run->row : "none",
			   run->column ? run->column : "none");
		run->column = NULL;
		if (keep(r, &run->row, name))
			return no_memory(r);
	}
	if (huge) {
		char name[200];

		join_names(name, sizeof name, r->row, r->col);
		d->site.col_name = NULL;
		if (keep(r, &d->site.row_name, name))
			return no_memory(r);
	}
	return 0;
}

static int read_all(struct reading *r, const struct site_picks *picks)
{
	struct site_data *d = r->d;
	size_t i;
	int rc = 0;

	d->runs = calloc(picks->n, sizeof *d->runs);
	d->keys = calloc(picks->n, sizeof *d->keys);
	if (!d->runs || !d->keys)
		return no_memory(r);
	for (i = 0; rc == 0 && i < picks->n; i++) {
		rc = take_run(r, &d->runs[i], &picks->items[i]);
		d->keys[i] = picks->items[i].key;
		d->site.n_runs++;
	}
	d->site.runs = d->runs;
	d->site.metrics = d->metrics;
	d->site.steps = site_find_steps;
	d->site.left_out = picks->left_out;
	if (rc == 0)
		rc = name_metrics(r);
	if (rc == 0 && (keep(r, &d->site.row_name, r->row) || keep(r, &d->site.col_name, r->col) ||
			keep(r, &d->site.x_name, r->o->x) || keep(r, &d->site.title, r->o->title)))
		rc = no_memory(r);
	if (rc == 0)
		drop_empty(d);
	return rc == 0 ? flatten(r) : rc;
}

int site_read(struct site_data *d, struct store *s, const struct site_options *o, int n,
	      char **args, struct err *err)
{
	struct reading r = {.d = d, .s = s, .o = o, .err = err};
	struct site_picks picks = {0};
	int rc;

	*d = (struct site_data){.arena = ARENA_INIT};
	rc = choose_specs(&r);
	if (rc == 0)
		rc = site_picks_make(&picks, s, n, args, err);
	if (rc == 0)
		rc = site_choose_labels(&picks, o->rows, o->cols, &r.row, &r.col, err);
	if (rc == 0)
		rc = read_all(&r, &picks);
	site_picks_release(&picks);
	if (rc)
		site_data_release(d);
	return rc;
}

void site_data_release(struct site_data *d)
{
	free(d->runs);
	free(d->keys);
	arena_release(&d->arena);
	*d = (struct site_data){.arena = ARENA_INIT};
}
