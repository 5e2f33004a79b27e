/* Rows of the table, decided one by one and then together; stages that are new or gone; what was accepted. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "prof/analyze/gate_internal.h"

/* ---- values ---- */

static const double *values_of(struct gate_work *w, const struct metric_row *r, int group)
{
	const double *from = group == METRICS_BASE ? r->a : r->b;
	size_t n = gate_runs(w, group), i;
	double *to = arena_calloc(&w->g->arena, n + 1, sizeof(*to));

	for (i = 0; to && i < n; i++)
		to[i] = from[w->order[group][i]];
	return to;
}

static size_t present(const double *v, size_t n)
{
	size_t i, has = 0;

	for (i = 0; i < n; i++)
		has += isnan(v[i]) ? 0 : 1;
	return has;
}

static int compare_numbers(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return x < y ? -1 : x > y;
}

/* Of the values that are there; `room` has place for n. */
static double median(const double *v, size_t n, double *room)
{
	size_t i, k = 0;

	for (i = 0; i < n; i++)
		if (!isnan(v[i]))
			room[k++] = v[i];
	if (!k)
		return NAN;
	qsort(room, k, sizeof(*room), compare_numbers);
	return k % 2 ? room[k / 2] : room[k / 2 - 1] + (room[k / 2] - room[k / 2 - 1]) / 2;
}

/* ---- stages ---- */

struct presence { /* of a stage: in how many runs of each group */
	size_t runs[METRICS_GROUPS];
};

/* In as many runs as the metric that most of them have. */
static void note_presence(struct presence *p, const struct gate_row *r)
{
	size_t a = present(r->a, r->n_a), b = present(r->b, r->n_b);

	if (a > p->runs[METRICS_BASE])
		p->runs[METRICS_BASE] = a;
	if (b > p->runs[METRICS_CANDIDATE])
		p->runs[METRICS_CANDIDATE] = b;
}

#define NAMES 5 /* that a remark lists */

/* "stage 'a' is new", "stages 'a', 'b' and 3 more are new". */
static void remark_stages(struct gate_work *w, const char *const *names, size_t n, const char *what)
{
	char text[600];
	size_t i, at = 0;

	if (!n)
		return;
	for (i = 0; i < n && i < NAMES; i++)
		at += (size_t)snprintf(text + at, sizeof(text) - at, "%s'%.80s'",
				       i == 0                     ? ""
				       : i + 1 == n && n <= NAMES ? " and "
								  : ", ",
				       names[i]);
	if (n > NAMES)
		snprintf(text + at, sizeof(text) - at, " and %zu more", n - NAMES);
	gate_remark(w, "stage%s %s %s %s", n == 1 ? "" : "s", text, n == 1 ? "is" : "are", what);
}

/* All runs of the group are of a file of kept values. */
static int is_kept(const struct gate_work *w, int group)
{
	size_t i, n = gate_runs(w, group);

	for (i = 0; i < n; i++)
		if (!gate_run_at(w, group, i)->kept)
			return 0;
	return n > 0;
}

/* A group without runs, or kept values of whole runs alone, cannot tell which stages are new. */
static int keeps_stages(const struct gate_work *w, int group)
{
	size_t i, n = gate_runs(w, group);

	if (!is_kept(w, group))
		return n > 0;
	for (i = 0; i < w->t->n; i++) {
		const struct metric_row *r = &w->t->rows[i];

		if (r->stage && present(group == METRICS_BASE ? r->a : r->b, n))
			return 1;
	}
	return 0;
}

/* Rows of one stage lie together. */
static void mark_stage(struct gate_work *w, size_t from, size_t to, const char **of_new,
		       const char **of_missing, const char **of_some)
{
	struct gate_result *g = w->g;
	struct presence p = {{0, 0}};
	size_t i;
	int is_new, is_missing;

	for (i = from; i < to; i++)
		note_presence(&p, &g->rows[i]);
	is_new = !p.runs[METRICS_BASE] && p.runs[METRICS_CANDIDATE] && keeps_stages(w, 0);
	is_missing = p.runs[METRICS_BASE] && !p.runs[METRICS_CANDIDATE] && keeps_stages(w, 1);
	for (i = from; i < to; i++) {
		g->rows[i].is_new = is_new;
		g->rows[i].is_missing = is_missing;
	}
	if (is_new)
		of_new[g->n_new++] = g->rows[from].stage;
	else if (is_missing)
		of_missing[g->n_missing++] = g->rows[from].stage;
	else if (p.runs[0] && p.runs[1] && (p.runs[0] < w->t->n_a || p.runs[1] < w->t->n_b))
		of_some[0] = of_some[0] ? of_some[0] : g->rows[from].stage;
}

static int mark_stages(struct gate_work *w)
{
	struct gate_result *g = w->g;
	const char **names = calloc(2 * g->n + 1, sizeof(*names)), *some = NULL;
	size_t from, to;

	if (!names)
		return ERR_NOMEM;
	for (from = 0; from < g->n; from = to) {
		for (to = from + 1; to < g->n && g->rows[from].stage && g->rows[to].stage &&
				    strcmp(g->rows[to].stage, g->rows[from].stage) == 0;)
			to++;
		if (g->rows[from].stage)
			mark_stage(w, from, to, names, names + g->n, &some);
	}
	remark_stages(w, names, g->n_new, "new: no base run has it");
	remark_stages(w, names + g->n, g->n_missing, "missing: no candidate run has it");
	if (some)
		gate_remark(w,
			    "stage '%.80s' is not in every run of its group: only runs that have "
			    "it are compared",
			    some);
	free(names);
	return 0;
}

/* ---- rows ---- */

static unsigned refused(const struct gate_work *w, const struct gate_row *r)
{
	const struct gate_refusals *f = &w->refusals;
	const int tracker = r->metric == METRIC_PEAK_HEAP || r->metric == METRIC_ALLOC_COUNT ||
			    r->metric == METRIC_ALLOC_BYTES;
	unsigned bits = f->everything;

	if (r->kind == METRIC_KIND_TIME)
		bits |= f->times;
	else if (r->kind == METRIC_KIND_POLLED)
		bits |= f->pages;
	else
		bits |= f->counts;
	if (tracker &&
	    (r->kind == METRIC_KIND_ESTIMATE || !present(r->a, r->n_a) || !present(r->b, r->n_b)))
		bits |= f->tracked;
	if (r->metric == METRIC_CPU && !r->stage)
		bits |= f->cpu;
	return bits;
}

/* Kept values, and none of that metric for the whole run. */
static int not_kept(const struct gate_work *w, int group, enum metric m)
{
	const struct metric_row *whole = metrics_row(w->t, NULL, m);
	size_t n = gate_runs(w, group);

	return is_kept(w, group) &&
	       (!whole || !present(group == METRICS_BASE ? whole->a : whole->b, n));
}

static void set_threshold(struct gate_work *w, struct gate_row *r, int *named)
{
	struct threshold_found found;

	thresholds_find(w->o->thresholds, r->stage, r->metric, r->kind, &found);
	r->rule = (struct decide_rule){
		.relative = found.relative,
		.absolute = found.absolute,
		.alpha = w->g->alpha,
		.size = w->o->size > 0 ? w->o->size : 0,
		.count = r->kind == METRIC_KIND_COUNT,
		.whole = !r->stage,
	};
	r->reason = found.reason ? gate_text(w, "%s", found.reason) : NULL;
	r->owner = found.owner ? gate_text(w, "%s", found.owner) : NULL;
	r->ignored = found.ignore;
	*named = found.named;
}

#define NAMED 2 /* gate_row.relevant, until all rows are prepared: the thresholds name it */

static int make_row(struct gate_work *w, struct gate_row *r, const struct metric_row *from)
{
	int named;

	r->stage = from->stage ? arena_strdup(&w->g->arena, from->stage) : NULL;
	r->metric = from->metric;
	r->kind = from->kind;
	r->depth = from->depth;
	r->n_a = w->t->n_a;
	r->n_b = w->t->n_b;
	r->a = values_of(w, from, METRICS_BASE);
	r->b = values_of(w, from, METRICS_CANDIDATE);
	if ((from->stage && !r->stage) || !r->a || !r->b)
		return ERR_NOMEM;
	set_threshold(w, r, &named);
	/* Nobody asked for estimates of sampled memory, and of few blocks they tell nothing. */
	r->relevant = named ? NAMED : !r->stage && r->kind != METRIC_KIND_ESTIMATE;
	return 0;
}

static int make_rows(struct gate_work *w)
{
	struct gate_result *g = w->g;
	uint32_t *order = metrics_order(w->t);
	size_t i;
	int rc = order ? 0 : ERR_NOMEM;

	g->rows = arena_calloc(&g->arena, w->t->n + 1, sizeof(*g->rows));
	w->place = arena_calloc(&g->arena, w->t->n + 1, sizeof(*w->place));
	if (!g->rows || !w->place)
		rc = ERR_NOMEM;
	for (i = 0; rc == 0 && i < w->t->n; i++) {
		const struct metric_row *from = &w->t->rows[order[i]];

		if ((w->o->metrics && !(w->o->metrics & 1u << from->metric)) ||
		    (!present(from->a, w->t->n_a) && !present(from->b, w->t->n_b)))
			continue;
		rc = make_row(w, &g->rows[g->n], from);
		w->place[order[i]] = (uint32_t)++g->n;
	}
	free(order);
	return rc;
}

/* A row that is not judged still shows its values. */
static int describe(struct gate_row *r)
{
	double *room = malloc((r->n_a + r->n_b + 1) * sizeof(*room));

	if (!room)
		return ERR_NOMEM;
	r->d = (struct decision){.verdict = r->ignored ? VERDICT_OK : VERDICT_INCONCLUSIVE,
				 .lo = NAN,
				 .hi = NAN,
				 .p = 1,
				 .q = 1,
				 .whole = !r->stage};
	r->d.base = median(r->a, r->n_a, room);
	r->d.candidate = median(r->b, r->n_b, room);
	r->d.change = r->d.base > 0 ? (r->d.candidate - r->d.base) / r->d.base : NAN;
	r->d.n_a = present(r->a, r->n_a);
	r->d.n_b = present(r->b, r->n_b);
	free(room);
	return 0;
}

static const char *missing_text(enum metric m)
{
	switch (m) {
	case METRIC_PEAK_HEAP:
	case METRIC_ALLOC_COUNT:
	case METRIC_ALLOC_BYTES:
		return "has no memory tracking (--memory)";
	case METRIC_SQL:
		return "has no SQL statements recorded";
	case METRIC_INSTRUCTIONS:
		return "has no instructions counted";
	default:
		return "does not have this value";
	}
}

/* Kept values may do without it on purpose. */
static int left_out(const struct gate_work *w, const struct gate_row *r)
{
	const int group = r->d.n_a ? METRICS_CANDIDATE : METRICS_BASE;

	return not_kept(w, group, r->metric) ||
	       (r->stage && is_kept(w, group) && !keeps_stages(w, group));
}

/* Values in one group alone. */
static void one_sided(struct gate_work *w, struct gate_row *r)
{
	const int no_base = r->d.n_a == 0;

	r->d.reason = no_base ? DECIDE_NO_BASE : DECIDE_NO_CANDIDATE;
	if (r->is_new || r->is_missing) {
		r->note = r->is_new ? "the stage is new: no base run has it"
				    : "the stage is missing: no candidate run has it";
		r->relevant = 0;
		return;
	}
	if (left_out(w, r)) {
		r->note = "the kept values do not have it";
		r->relevant = r->relevant == NAMED;
		return;
	}
	r->note =
		gate_text(w, "the %s %s", no_base ? "base" : "candidate", missing_text(r->metric));
}

/* 1: to be decided; 0: all is said of it; or ERR_NOMEM. */
static int prepare(struct gate_work *w, struct gate_row *r)
{
	unsigned bits;

	if (describe(r))
		return ERR_NOMEM;
	if (r->ignored) {
		r->relevant = 0;
		r->note = r->reason ? r->reason : "the thresholds say so";
		return 0;
	}
	bits = refused(w, r);
	if (r->is_new || r->is_missing || ((!r->d.n_a || !r->d.n_b) && (!bits || left_out(w, r)))) {
		one_sided(w, r);
		return 0;
	}
	if (bits) {
		r->refused = (int)bits;
		w->g->refused |= (int)bits;
		r->note = gate_text(w, "not compared: %s", gate_refusal_text(bits));
		if (r->kind == METRIC_KIND_COUNT)
			r->relevant = 1;
		return 0;
	}
	return 1;
}

static int varies(const double *v, size_t n)
{
	size_t i;
	double first = NAN;

	for (i = 0; i < n; i++) {
		if (isnan(v[i]))
			continue;
		if (isnan(first))
			first = v[i];
		if (v[i] < first || v[i] > first)
			return 1;
	}
	return 0;
}

static int decide_row(struct gate_work *w, struct gate_row *r, struct decide_scratch *scratch)
{
	struct decide_series s = {
		.a = r->a,
		.b = r->b,
		.n_a = r->n_a,
		.n_b = r->n_b,
		.paired = w->paired,
		.mixed = w->mixed,
	};

	/* A count that does not vary can always be said something of: where it cannot, that matters. */
	if (r->kind == METRIC_KIND_COUNT && !varies(r->a, r->n_a) && !varies(r->b, r->n_b) &&
	    !r->relevant)
		r->relevant = 1;
	return decide(&r->d, &s, &r->rule, scratch);
}

/* ---- all together ---- */

static int decide_all(struct gate_work *w, struct decision *d, uint32_t *rows, size_t *n)
{
	struct gate_result *g = w->g;
	struct decide_scratch scratch = {0};
	size_t i;
	int rc = 0;

	*n = 0;
	for (i = 0; rc == 0 && i < g->n; i++) {
		rc = prepare(w, &g->rows[i]);
		g->rows[i].relevant = g->rows[i].relevant != 0;
		if (rc <= 0)
			continue;
		rc = decide_row(w, &g->rows[i], &scratch);
		d[*n] = g->rows[i].d;
		rows[(*n)++] = (uint32_t)i;
	}
	decide_scratch_release(&scratch);
	return rc;
}

int gate_is_acceptable(const struct gate_row *r)
{
	if (r->ignored || r->is_new || r->is_missing || r->refused)
		return 0;
	return r->d.verdict == VERDICT_REGRESSION ||
	       (r->d.verdict == VERDICT_INCONCLUSIVE && r->d.reason == DECIDE_ZERO_BASE);
}

static void accept_row(struct gate_work *w, struct gate_row *r)
{
	double change = isfinite(r->d.change) ? r->d.change : INFINITY;
	const struct threshold_accept *a, *expired;
	char *words;

	if (!gate_is_acceptable(r))
		return;
	a = thresholds_accepted(w->o->thresholds, r->stage, r->metric, change, w->o->now_ns,
				&expired);
	if (a) {
		r->accepted_by = gate_text(w, "%s", a->reason);
		r->relevant = 0;
		w->g->n_accepted++;
		return;
	}
	if (expired)
		gate_remark(w, "the accepted change of %.80s%s%s is over since %s (%.200s)",
			    r->stage ? r->stage : "", r->stage ? ":" : "", metric_name(r->metric),
			    expired->until, expired->reason);
	words = thresholds_accept_words(r->stage, r->metric);
	if (!words)
		w->failed = 1;
	else
		r->accept = gate_text(w, "%s", words);
	free(words);
}

/* The row of the result, or NULL. */
static const struct gate_row *row_of(const struct gate_work *w, const char *stage, enum metric m)
{
	const struct metric_row *from = metrics_row(w->t, stage, m);
	uint32_t at = from ? w->place[from - w->t->rows] : 0;

	return at ? &w->g->rows[at - 1] : NULL;
}

/* An entry that no change needs any longer can go. */
static void check_entries(struct gate_work *w)
{
	const struct thresholds *t = w->o->thresholds;
	size_t i;

	for (i = 0; t && i < t->n_accept; i++) {
		const struct threshold_accept *a = &t->accept[i];
		const struct gate_row *r = row_of(w, a->stage, a->metric);
		const char *stage = a->stage ? a->stage : "", *colon = a->stage ? ":" : "";

		if (r && !r->ignored && r->d.verdict <= VERDICT_IMPROVED)
			gate_remark(w,
				    "the accepted change of %.80s%s%s (line %zu) is not there: "
				    "once the base has it, the entry can go",
				    stage, colon, metric_name(a->metric), a->line);
		else if (!r && a->stage && !w->o->metrics)
			gate_remark(w,
				    "the accepted change of %.80s%s%s (line %zu) is of what no run "
				    "has",
				    stage, colon, metric_name(a->metric), a->line);
	}
}

/* A rule for a stage that nobody has is a typing error, or of a stage that is gone. */
static void check_stages(struct gate_work *w)
{
	const struct thresholds *t = w->o->thresholds;
	size_t i;
	int m, there;

	for (i = 0; t && i < t->n_stages; i++) {
		const struct threshold_stage *s = &t->stages[i];

		for (m = 0, there = s->glob; !there && m < METRICS; m++)
			there = metrics_row(w->t, s->pattern, (enum metric)m) != NULL;
		if (!there)
			gate_remark(w, "the thresholds name stage '%.80s', which no run has",
				    s->pattern);
	}
}

/* Of the whole run, counted in one group alone: it is compared with nothing. */
static int is_one_sided(const struct gate_row *r)
{
	return !r->stage && !r->ignored && !r->refused && r->kind == METRIC_KIND_COUNT &&
	       r->d.n_a == 0 && r->d.n_b > 0 && r->d.candidate > 0;
}

/* Kept values may leave a count out on purpose, or had none of it: which is not known, so both are said. */
static void remark_one_sided(struct gate_work *w)
{
	char text[METRIC_TEXT];
	const char *list = "";
	size_t i, n = 0;

	for (i = 0; i < w->g->n; i++) {
		const struct gate_row *r = &w->g->rows[i];

		if (!is_one_sided(r))
			continue;
		list = gate_text(w, "%s%s%s (%s)", list, n++ ? ", " : "", metric_title(r->metric),
				 metric_text(text, r->metric, r->d.candidate));
	}
	if (!n)
		return;
	w->g->uncompared = list;
	gate_remark(w, "only the candidate has %s: the base has none, or did not count it", list);
}

/* A stage weighs what it is of the run's value of the same metric, in both groups alike. */
static int decide_together(const struct gate_result *g, struct decision *d, const uint32_t *rows,
			   size_t n)
{
	double whole[METRICS] = {0};
	size_t i;

	for (i = 0; i < n; i++)
		if (!g->rows[rows[i]].stage)
			whole[g->rows[rows[i]].metric] = d[i].base + d[i].candidate;
	for (i = 0; i < n; i++) {
		double of = whole[g->rows[rows[i]].metric];

		if (g->rows[rows[i]].stage && of > 0)
			d[i].weight = (d[i].base + d[i].candidate) / of;
	}
	return decide_family(d, n, g->alpha);
}

int gate_judge_rows(struct gate_work *w)
{
	struct gate_result *g = w->g;
	struct decision *d;
	uint32_t *rows;
	size_t n = 0, i;
	int rc = make_rows(w);

	if (rc == 0)
		rc = mark_stages(w);
	d = arena_calloc(&g->arena, g->n + 1, sizeof(*d));
	rows = arena_calloc(&g->arena, g->n + 1, sizeof(*rows));
	if (rc == 0)
		rc = d && rows ? decide_all(w, d, rows, &n) : ERR_NOMEM;
	if (rc == 0)
		rc = decide_together(g, d, rows, n);
	if (rc)
		return ERR_NOMEM;
	for (i = 0; i < n; i++)
		g->rows[rows[i]].d = d[i];
	for (i = 0; i < g->n; i++)
		accept_row(w, &g->rows[i]);
	check_entries(w);
	check_stages(w);
	remark_one_sided(w);
	g->deciding = d;
	/* What was accepted decides nothing: no look may end with it. */
	for (i = 0; i < n; i++)
		if (!g->rows[rows[i]].accepted_by)
			d[g->n_deciding++] = d[i];
	return 0;
}
