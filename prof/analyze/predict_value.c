/* One stage of the pattern, with its parameters changed: see predict.h. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "prof/analyze/predict_internal.h"
#include "prof/analyze/student.h"

#define MEAN_TO_DEVIATION 1.2533 /* of a normal distribution: sqrt(pi / 2) */

/* The factor of a parameter of a stage: as asked, or as it follows. */
static int factor_of(struct predict_work *w, uint32_t stage, uint32_t param,
		     struct predict_factor *out)
{
	uint64_t key = (uint64_t)stage << 32 | param;
	uint32_t at = idmap_get(&w->slot, key);
	size_t k;

	if (at != IDMAP_NONE) {
		*out = w->factors[at];
		return 0;
	}
	out->error = 0;
	for (k = 0; k < w->p->n_asked && w->p->asked[k].name != param; k++)
		;
	if (k < w->p->n_asked)
		out->factor = w->p->asked[k].factor;
	else
		out->factor = follow_param(&w->follow, stage, param, &out->error);
	if (w->n_factors == w->cap_factors) {
		size_t cap = w->cap_factors ? 2 * w->cap_factors : 64;
		struct predict_factor *more = realloc(w->factors, cap * sizeof *more);

		if (!more)
			return ERR_NOMEM;
		w->factors = more;
		w->cap_factors = cap;
	}
	w->factors[w->n_factors] = *out;
	return idmap_set(&w->slot, key, (uint32_t)w->n_factors++);
}

/* What one observation of the pattern becomes. */
struct changed {
	double t[FIT_TERMS]; /* terms */
	double value;
	double error; /* relative, from parameters that follow */
};

/* The parameters of the form, changed, and the relative errors of those changes. */
static int change_params(struct predict_work *w, const struct fit *f, const struct cost_obs *o,
			 double *x, double *errors)
{
	size_t i;

	for (i = 0; i < f->form.n_params; i++) {
		const char *text = f->form.params[i];
		struct predict_factor by;
		uint32_t name;

		x[i] = NAN;
		errors[i] = 0;
		if (!strtab_find(w->c->strings, text, strlen(text), &name))
			continue;
		if (factor_of(w, f->stage, name, &by))
			return ERR_NOMEM;
		x[i] = costs_param(w->c, o, name) * by.factor;
		errors[i] = by.error;
	}
	return 0;
}

/* What parameters that follow add to the error: by the power that each has in the value. */
static double followed_variance(const struct fit *f, const struct changed *v, const double *c,
				const double *x, const double *errors)
{
	double sum = 0;
	size_t i, j;

	for (i = 0; i < f->form.n_params; i++) {
		double power = 0;

		for (j = 0; j + 1 < f->terms && v->value > 0; j++)
			power += complexity_exponent(&f->form, j, (unsigned)i, x) * c[j + 1] *
				 v->t[j + 1] / v->value;
		sum += power * power * errors[i] * errors[i];
	}
	return sum;
}

/* Growth that is worse than declared is taken as it was measured; its power is as uncertain as its interval is wide. */
static double bend(const struct fit *f, double x, double *variance)
{
	const struct fit_growth *g = &f->growth[model_worst(f)];
	double lo = fmax(g->lo, g->excess - 1), hi = fmin(g->hi, g->excess + 1);
	double far = log(x) - g->middle;

	*variance = pow((hi - lo) / 4 * far, 2);
	return exp(g->excess * far);
}

static int change(struct predict_work *w, const struct fit *f, const struct cost_obs *o,
		  struct changed *out)
{
	double x[COMPLEXITY_PARAMS], errors[COMPLEXITY_PARAMS], by = 1, variance = 0;
	size_t worst = model_worst(f), j;
	const double *c = worst < f->form.n_params ? f->growth[worst].c : f->c;
	int rc = change_params(w, f, o, x, errors);

	if (rc)
		return rc;
	if (worst < f->form.n_params)
		by = bend(f, x[worst], &variance);
	out->t[0] = 1;
	out->value = c[0];
	for (j = 0; j + 1 < f->terms; j++) {
		out->t[j + 1] = complexity_term(&f->form, j, x) * by;
		out->value += c[j + 1] * out->t[j + 1];
	}
	out->error = sqrt(variance + followed_variance(f, out, c, x, errors));
	return 0;
}

/* ---- one node and metric ---- */

struct sum {
	double t[FIT_TERMS], value, squares, error, seen;
	size_t n, missed; /* missed: without the parameters, taken as seen */
	double missed_value;
};

static void add_peak_or_sum(struct sum *s, const struct changed *x, double seen, int time)
{
	size_t j;

	if (!time && s->n && x->value <= s->value) {
		s->seen = fmax(s->seen, seen);
		return;
	}
	if (!time)
		*s = (struct sum){.seen = s->n ? s->seen : 0,
				  .missed = s->missed,
				  .missed_value = s->missed_value};
	for (j = 0; j < FIT_TERMS; j++)
		s->t[j] += x->t[j];
	s->error = (s->error * s->value + x->error * x->value) / fmax(s->value + x->value, 1e-300);
	s->value += x->value;
	s->squares += x->value * x->value;
	s->seen = time ? s->seen + seen : fmax(s->seen, seen);
	s->n++;
}

static int add_up(struct predict_work *w, uint32_t node, const struct fit *f, struct sum *s)
{
	const struct cost_run *r = &w->c->runs[w->p->like];
	int time = cost_metric_is_time(f->metric);
	size_t i;

	memset(s, 0, sizeof *s);
	for (i = r->first; i < r->first + r->n; i++) {
		const struct cost_obs *o = &w->c->obs[i];
		double seen = o->value[f->metric];
		struct changed x = {{0}, NAN, 0};
		int rc = 0;

		if (o->node != node || isnan(seen))
			continue;
		if (f->state == FIT_OK || f->state == FIT_ONE_SIZE)
			rc = change(w, f, o, &x);
		if (rc)
			return rc;
		if (isfinite(x.value)) {
			add_peak_or_sum(s, &x, seen, time);
			continue;
		}
		s->missed++;
		s->missed_value = time ? s->missed_value + seen : fmax(s->missed_value, seen);
	}
	return 0;
}

static double model_variance(const struct fit *f, const double *t)
{
	double sum = 0;
	size_t i, j;

	for (i = 0; i < f->terms; i++)
		for (j = 0; j < f->terms; j++)
			sum += t[i] * f->covariance[i][j] * t[j];
	return fmax(sum, 0);
}

/* The interval of a value above 0 whose error is a factor. */
void predict_interval(struct predicted *out)
{
	double part = hypot(out->model, out->noise) / out->value;
	double wide;

	out->lo = out->hi = NAN;
	if (!(out->value > 0) || !(out->freedom > 0) || !isfinite(part))
		return;
	wide = student_quantile(1 - FIT_CONFIDENCE, out->freedom) * part;
	out->lo = out->value * exp(-wide);
	out->hi = out->value * exp(wide);
}

int predict_value(struct predict_work *w, uint32_t node, enum cost_metric metric,
		  struct predicted *out, double *cv, unsigned *notes)
{
	const struct fit *f = model_fit(w->m, w->c->nodes[node].name, metric);
	double times = cost_metric_is_time(metric) ? w->count[node] : 1, alike, part;
	struct sum s;
	int rc = f ? add_up(w, node, f, &s) : ERR_INTERNAL;

	*out = (struct predicted){NAN, NAN, NAN, NAN, 0, 0, 0};
	*cv = rc ? NAN : f->cv_mean;
	if (rc || !(s.n + s.missed))
		return rc;
	if (cost_metric_is_time(metric)) {
		out->seen = s.seen + s.missed_value;
		out->value = (s.value + s.missed_value) * times;
	} else {
		out->seen = fmax(s.seen, s.missed_value);
		out->value = fmax(s.value, s.missed_value);
	}
	*notes |= s.missed ? PREDICT_AS_SEEN : 0;
	*notes |= s.n && f->state == FIT_ONE_SIZE && f->form.n ? PREDICT_ONE_SIZE : 0;
	if (model_worst(f) < f->form.n_params) {
		*notes |= PREDICT_WORSE;
		*cv = NAN; /* that of the declared growth */
	}
	if (!s.n || f->state != FIT_OK || !(f->freedom > 0) || !(s.value > 0)) {
		*notes |= PREDICT_NO_RANGE;
		return 0;
	}
	/* As many observations as are alike large, whose own noise evens out. */
	alike = fmax(s.value * s.value / s.squares * times, 1);
	part = f->s * f->s * (f->run_part + (1 - f->run_part) / alike);
	if (f->cv_mean > 0 && !(*notes & PREDICT_WORSE))
		part = fmax(part, pow(f->cv_mean * MEAN_TO_DEVIATION, 2));
	out->noise = sqrt(part + s.error * s.error) * s.value * times;
	if (!(*notes & PREDICT_WORSE)) /* whose error is that of its power */
		out->model = sqrt(model_variance(f, s.t)) * times;
	out->freedom = f->freedom;
	predict_interval(out);
	return 0;
}
