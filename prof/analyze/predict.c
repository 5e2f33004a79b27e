/* Predictions: stages within each other, and the whole run; see predict.h. */
#include "prof/analyze/predict.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "prof/analyze/predict_internal.h"

#define COVERED 0.95 /* of a sum must have intervals for the sum to have one */
#define SAME_PEAK                                                                                  \
	1.02 /* peaks that differ by less are one: the outer was still open when the inner was read */
#define FAR_WORSE 3.0 /* times: errors of a fit beside another's */
#define UNSURE    0.15

void predict_release(struct prediction *p)
{
	free(p->nodes);
	memset(p, 0, sizeof *p);
}

static void work_release(struct predict_work *w)
{
	follow_release(&w->follow);
	free(w->count);
	free(w->error);
	free(w->factors);
	idmap_release(&w->slot);
}

/* ---- how many ---- */

static const struct predict_param *times_of(const struct predict_work *w, uint32_t node)
{
	const char *name = strtab_text(w->c->strings, w->c->nodes[node].name);
	size_t i;

	for (i = 0; i < w->o->n_times; i++)
		if (strcmp(w->o->times[i].name, name) == 0)
			return &w->o->times[i];
	return NULL;
}

static int check_times(const struct predict_work *w, struct err *err)
{
	size_t i, k;

	for (i = 0; i < w->o->n_times; i++) {
		const char *name = w->o->times[i].name;

		for (k = 0; k < w->c->n_nodes; k++)
			if (strcmp(strtab_text(w->c->strings, w->c->nodes[k].name), name) == 0 &&
			    w->p->nodes[k].instances_seen > 0)
				break;
		if (k == w->c->n_nodes)
			return err_set(err, ERR_ARG,
				       "there is no stage '%s' in the run that is the pattern",
				       name);
	}
	return 0;
}

/* As asked for, for a stage and all inside it; else as the number followed the parameters from run to run. */
static void put_counts(struct predict_work *w)
{
	uint32_t i;

	for (i = 0; i < w->c->n_nodes; i++) {
		struct predict_node *n = &w->p->nodes[i];
		const struct predict_param *asked = NULL;
		uint32_t at = i;

		while (!asked && at != COSTS_NONE) {
			asked = w->p->nodes[at].instances_seen > 0 ? times_of(w, at) : NULL;
			if (!asked)
				at = w->c->nodes[at].parent;
		}
		w->count[i] = asked ? asked->value / w->p->nodes[at].instances_seen
				    : follow_count(&w->follow, i);
		n->instances = n->instances_seen * w->count[i];
	}
}

static int count_nodes(struct predict_work *w, struct err *err)
{
	const struct cost_run *r = &w->c->runs[w->p->like];
	size_t i;
	int rc;

	w->p->nodes = calloc(w->c->n_nodes + 1, sizeof *w->p->nodes);
	w->count = malloc((w->c->n_nodes + 1) * sizeof *w->count);
	w->error = malloc((w->c->n_nodes + 1) * sizeof *w->error);
	if (!w->p->nodes || !w->count || !w->error)
		return err_nomem(err, "a prediction");
	for (i = r->first; i < r->first + r->n; i++)
		w->p->nodes[w->c->obs[i].node].instances_seen += (double)w->c->obs[i].instances;
	rc = check_times(w, err);
	if (rc == 0)
		put_counts(w);
	return rc;
}

/* ---- sums ---- */

struct tally {
	struct predicted sum;
	double covered, largest;
};

/* Adds a part of a value: its model's error by itself, its noise in common with all others. */
static void tally_add(struct tally *t, const struct predicted *x, double share)
{
	double value = x->value * share;

	if (isnan(x->value))
		return;
	t->sum.seen += x->seen * share;
	t->sum.value += value;
	t->sum.model = hypot(t->sum.model, x->model * share);
	t->sum.noise += x->noise * share;
	if (isnan(x->lo))
		return;
	t->covered += value;
	if (value > t->largest) {
		t->largest = value;
		t->sum.freedom = x->freedom;
	}
}

static void tally_end(struct tally *t)
{
	t->sum.lo = t->sum.hi = NAN;
	if (t->covered >= COVERED * t->sum.value)
		predict_interval(&t->sum);
}

/* The stages right inside `node` (COSTS_NONE: outermost ones). */
static struct tally inner_tally(const struct predict_work *w, uint32_t node, int metric,
				double share)
{
	struct tally t = {0};
	uint32_t i;

	for (i = 0; i < w->c->n_nodes; i++)
		if (w->c->nodes[i].parent == node)
			tally_add(&t, &w->p->nodes[i].of[metric], share);
	return t;
}

/* A stage around others: what it does itself, and these. Where they ran side by side, their sum is more than it took:
 * the share stays what it was. */
static int put_around(struct predict_work *w, uint32_t node, int metric, struct err *err)
{
	struct predicted self, *out = &w->p->nodes[node].of[metric];
	struct tally inner = inner_tally(w, node, metric, 1);
	double around = out->seen, cv, share = 1;
	unsigned notes = 0;
	enum cost_metric which = metric == COST_WALL ? COST_SELF_WALL : COST_SELF_CPU;

	if (!(inner.sum.seen > 0))
		return 0;
	if (predict_value(w, node, which, &self, &cv, &notes))
		return err_nomem(err, "a prediction");
	if (!isnan(self.seen) && inner.sum.seen > around - self.seen)
		share = fmax(around - self.seen, 0) / inner.sum.seen;
	inner = inner_tally(w, node, metric, share);
	tally_add(&inner, &self, 1);
	tally_end(&inner);
	*out = inner.sum;
	out->seen = around;
	w->p->nodes[node].cv[metric] = NAN;
	w->p->nodes[node].notes[metric] &= PREDICT_WORSE;
	return 0;
}

static int put_nodes(struct predict_work *w, struct err *err)
{
	uint32_t i;
	int metric, rc = 0;

	for (i = (uint32_t)w->c->n_nodes; rc == 0 && i-- > 0;) {
		struct predict_node *n = &w->p->nodes[i];

		for (metric = 0; rc == 0 && metric < COST_METRICS; metric++) {
			rc = predict_value(w, i, (enum cost_metric)metric, &n->of[metric],
					   &n->cv[metric], &n->notes[metric]);
			if (rc)
				rc = err_nomem(err, "a prediction");
			else if (w->c->nodes[i].has_inner &&
				 cost_metric_is_time((enum cost_metric)metric))
				rc = put_around(w, i, metric, err);
		}
	}
	return rc;
}

static void put_time(struct predict_work *w, int metric)
{
	const struct cost_run *r = &w->c->runs[w->p->like];
	struct tally t = inner_tally(w, COSTS_NONE, metric, 1);
	struct predicted outside = {0, 0, 0, 0, 0, 0, 1};

	if (metric == COST_WALL) {
		double within = (double)r->duration_ns - r->outside_ns;

		if (within > 0 && t.sum.seen > within)
			t = inner_tally(w, COSTS_NONE, metric, within / t.sum.seen);
		w->p->outside_ns = r->outside_ns;
		outside.seen = outside.value = r->outside_ns;
		tally_add(&t, &outside, 1);
	}
	tally_end(&t);
	w->p->total[metric] = t.sum;
}

/* The highest of the outermost stages; and the innermost stage that has it. */
static void put_peak(struct predict_work *w, int metric)
{
	struct predicted *most = &w->p->total[metric];
	uint32_t i, at = COSTS_NONE;

	*most = (struct predicted){NAN, NAN, NAN, NAN, 0, 0, 0};
	for (i = 0; i < w->c->n_nodes; i++) {
		const struct predicted *x = &w->p->nodes[i].of[metric];
		uint32_t parent = w->c->nodes[i].parent;

		if (isnan(x->value) || (parent == COSTS_NONE && x->value < most->value))
			continue;
		if (parent == COSTS_NONE ||
		    (parent == at && x->value >= most->value && x->value <= most->value)) {
			double seen = parent == COSTS_NONE ? x->seen : most->seen;

			*most = *x;
			most->seen = seen;
			at = i;
		}
	}
	w->p->peak_node[metric] = at;
}

/* How far off a fit was where a size was left out, or else spreads. */
static double error_of(const struct predict_work *w, uint32_t node, int metric)
{
	const struct fit *f = model_fit(w->m, w->c->nodes[node].name, (enum cost_metric)metric);

	if (!f || f->state != FIT_OK)
		return INFINITY;
	return !isnan(f->cv_mean) ? f->cv_mean : isnan(f->s) ? INFINITY : f->s;
}

/* Of the peaks right inside a node the highest, but for those whose fit is far worse than the node's own; *seen is the
 * highest that was. */
static uint32_t highest_inside(const struct predict_work *w, uint32_t node, int metric,
			       double *seen)
{
	double own = isnan(w->p->nodes[node].of[metric].value) ? INFINITY : w->error[node];
	uint32_t k, at = COSTS_NONE;

	*seen = NAN;
	for (k = node + 1; k < w->c->n_nodes; k++) {
		const struct predicted *x = &w->p->nodes[k].of[metric];

		if (w->c->nodes[k].parent != node || isnan(x->value))
			continue;
		*seen = fmax(*seen, x->seen);
		if (isfinite(own) && w->error[k] > fmax(FAR_WORSE * own, UNSURE))
			continue;
		if (at == COSTS_NONE || x->value > w->p->nodes[at].of[metric].value)
			at = k;
	}
	return at;
}

/* A stage around others has their peak: where theirs was all it had, as where theirs will be more. */
static void lift_peaks(struct predict_work *w, int metric)
{
	uint32_t i;

	for (i = (uint32_t)w->c->n_nodes; i-- > 0;) {
		struct predicted *around = &w->p->nodes[i].of[metric];
		const struct predicted *most;
		double seen;
		uint32_t at;

		w->error[i] = error_of(w, i, metric);
		at = highest_inside(w, i, metric, &seen);
		if (at == COSTS_NONE)
			continue;
		most = &w->p->nodes[at].of[metric];
		if (around->value > most->value && around->seen > SAME_PEAK * seen)
			continue;
		seen = fmax(seen, around->seen);
		*around = *most;
		around->seen = seen;
		w->error[i] = w->error[at];
		w->p->nodes[i].notes[metric] = 0;
	}
}

static int check(const struct predict_work *w, struct err *err)
{
	size_t i;

	if (!w->o->n_params)
		return err_set(err, ERR_ARG, "no size to predict for");
	for (i = 0; i < w->o->n_params; i++)
		if (!(w->o->params[i].value > 0) || !isfinite(w->o->params[i].value))
			return err_set(err, ERR_ARG, "parameter '%s' is no number above 0",
				       w->o->params[i].name);
	for (i = 0; i < w->o->n_times; i++)
		if (!(w->o->times[i].value > 0) || !isfinite(w->o->times[i].value))
			return err_set(err, ERR_ARG, "the number of '%s' is not above 0",
				       w->o->times[i].name);
	if (!w->c->n_runs)
		return err_set(err, ERR_ARG, "no runs to predict from");
	return 0;
}

int predict_make(struct prediction *p, const struct model *m, const struct predict_options *o,
		 struct err *err)
{
	struct predict_work w = {.p = p, .m = m, .c = m->costs, .o = o};
	int rc, metric;

	memset(p, 0, sizeof *p);
	p->model = m;
	rc = check(&w, err);
	if (rc == 0)
		rc = predict_asked(&w, err);
	if (rc == 0)
		rc = count_nodes(&w, err);
	if (rc == 0)
		rc = put_nodes(&w, err);
	for (metric = 0; rc == 0 && metric < COST_METRICS; metric++) {
		if (cost_metric_is_time((enum cost_metric)metric)) {
			put_time(&w, metric);
			continue;
		}
		lift_peaks(&w, metric);
		put_peak(&w, metric);
	}
	work_release(&w);
	if (rc)
		predict_release(p);
	return rc;
}
