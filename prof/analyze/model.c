/* Fits of all stages: see model.h. */
#include "prof/analyze/model.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "prof/analyze/student.h"
#include "prof/analyze/trend.h"

/* Of one law, that a stage that follows nothing seems to follow it: about 1 % of the six that are tried. */
#define CHANCE 0.002
#define PLAINER                                                                                    \
	0.8 /* of the squares: what is left by a form that takes the place of an earlier one */

void model_release(struct model *m)
{
	free(m->fits);
	idmap_release(&m->of);
	memset(m, 0, sizeof *m);
}

const struct fit *model_fit(const struct model *m, uint32_t stage, enum cost_metric metric)
{
	uint32_t at = idmap_get(&m->of, stage);

	return at == IDMAP_NONE ? NULL : &m->fits[at + (size_t)metric];
}

/* ---- stages of which nothing is declared ---- */

/* The form `text`; 0 when it has other parameters than `n` names that could be declared. */
static int parse(struct complexity *form, const char *text, unsigned n)
{
	return complexity_parse(form, text, strlen(text), NULL) == 0 && form->n == 1 &&
	       form->n_params == n;
}

struct choice { /* the best so far */
	struct fit *f;
	size_t all;       /* observations that a form must explain */
	double none, one; /* squares of log residuals left by a constant, by the best form */
};

/* Squares of log residuals that the form leaves; infinite when some observations lack its parameters, or these do not
 * vary by themselves, or what follows from them hardly does: a drift of some percent is no law. */
static int try_form(const struct model *m, struct choice *best, const struct complexity *form,
		    double *left, struct err *err)
{
	struct fit_data d;
	struct power_fit what;
	double c[FIT_TERMS], lo = INFINITY, hi = 0;
	int rc = fit_data_make(&d, m->costs, best->f->stage, best->f->metric, form, FIT_FEW, err);
	size_t i, own = 0;

	*left = INFINITY;
	if (rc)
		return rc;
	power_identify(&what, d.x, d.n, d.n_params);
	for (i = 0; i < d.n_params; i++)
		own += what.params[i].state == POWER_FITTED;
	if (!form->n)
		best->all = d.n;
	if (d.n && d.n >= best->all && own == d.n_params) {
		fit_solve(&d, UINT32_MAX, c);
		for (i = 0, *left = 0; i < d.n; i++) {
			double l = log(d.y[i] / d.mu[i]);

			*left += d.weight[i] * l * l;
			lo = fmin(lo, d.mu[i]);
			hi = fmax(hi, d.mu[i]);
		}
		if (form->n && !(hi > lo * POWER_VARIES))
			*left = INFINITY;
	}
	fit_data_release(&d);
	return 0;
}

static int try_text(const struct model *m, struct choice *best, const char *text, unsigned params,
		    struct err *err)
{
	struct complexity form;
	double left;
	int rc;

	if (!parse(&form, text, params))
		return 0;
	rc = try_form(m, best, &form, &left, err);
	if (rc == 0 && left < best->one * (isfinite(best->one) ? PLAINER : 1)) {
		best->one = left;
		best->f->form = form;
	}
	return rc;
}

/* The usual laws in one parameter, the slowest last: where two explain alike, the earlier stands. */
static int try_laws(const struct model *m, struct choice *best, const char *name, struct err *err)
{
	static const char *const laws[] = {"%s", "%s^2", "%s*log(%s)", "%s^3", "%s^0.5", "log(%s)"};
	char text[512];
	size_t i;
	int rc = 0;

	if (strlen(name) > 200)
		return 0;
	for (i = 0; rc == 0 && i < sizeof laws / sizeof laws[0]; i++) {
		const char *at = strstr(laws[i], "%s"), *again = strstr(at + 2, "%s");

		snprintf(text, sizeof text, "%.*s%s%.*s%s%s", (int)(at - laws[i]), laws[i], name,
			 again ? (int)(again - at) - 2 : 0, at + 2, again ? name : "",
			 again ? again + 2 : at + 2);
		rc = try_text(m, best, text, 1, err);
	}
	return rc;
}

static int try_pair(const struct model *m, struct choice *best, const char *a, const char *b,
		    struct err *err)
{
	char text[512];

	if (strlen(a) > 200 || strlen(b) > 200)
		return 0;
	snprintf(text, sizeof text, "%s*%s", a, b);
	return try_text(m, best, text, 2, err);
}

/* Does the best form explain more than chance does? The F test of one coefficient more than the constant has. */
static int explains(const struct choice *best)
{
	double freedom = (double)best->all - 2;
	double left = fmax(best->one, (double)best->all * 1e-10);

	if (!(freedom > 0) || !(best->one < best->none))
		return 0;
	return student_p(sqrt((best->none - best->one) / (left / freedom)), freedom) <= CHANCE;
}

/* A constant, or what of the parameters explains clearly more: one, by one of the usual laws, or the product of two. */
static int choose(const struct model *m, struct fit *f, struct err *err)
{
	const struct costs *c = m->costs;
	uint32_t first = costs_first(c, f->stage);
	const struct cost_obs *o = first == COSTS_NONE ? NULL : &c->obs[first];
	struct complexity constant = {0};
	struct choice best = {f, 0, INFINITY, INFINITY};
	int rc = try_form(m, &best, &constant, &best.none, err);
	size_t i, k;

#define NAME(i) strtab_text(c->strings, (i) < o->n ? c->params[o->first + (i)].name : c->items)
	for (i = 0; rc == 0 && o && i <= o->n; i++)
		rc = try_laws(m, &best, NAME(i), err);
	for (i = 0; rc == 0 && o && i <= o->n; i++)
		for (k = i + 1; rc == 0 && k <= o->n; k++)
			rc = try_pair(m, &best, NAME(i), NAME(k), err);
#undef NAME
	if (!explains(&best))
		f->form = constant;
	return rc;
}

/* ---- one fit ---- */

static int is_inside(const struct costs *c, uint32_t stage)
{
	size_t i;

	for (i = 0; i < c->n_nodes; i++)
		if (c->nodes[i].name == stage && c->nodes[i].inside)
			return 1;
	return 0;
}

static int fit_one(struct model *m, struct fit *f, const struct declarations *d, struct err *err)
{
	const char *name = strtab_text(m->costs->strings, f->stage);
	const struct declaration *found =
		f->metric < COST_METRICS
			? declare_find(d, name, f->metric, is_inside(m->costs, f->stage))
			: NULL;
	struct fit_data data;
	double again[FIT_TERMS];
	int rc = 0;

	if (found) {
		f->by = found->by;
		f->form = found->form;
	} else {
		rc = choose(m, f, err);
	}
	if (rc == 0)
		rc = fit_data_make(&data, m->costs, f->stage, f->metric, &f->form, FIT_MOST, err);
	if (rc)
		return rc;
	fit_finish(f, &data);
	if (f->metric >= COST_METRICS) {
		fit_data_release(&data);
		return 0;
	}
	if (data.n > FIT_FEW) { /* powers are tried one by one */
		fit_data_release(&data);
		rc = fit_data_make(&data, m->costs, f->stage, f->metric, &f->form, FIT_FEW, err);
		if (rc)
			return rc;
		fit_solve(&data, UINT32_MAX, again);
	}
	fit_growth_test(f, &data);
	fit_data_release(&data);
	return 0;
}

/* ---- growth, over all ---- */

static int is_tested(const struct fit *f, size_t param)
{
	return f->metric < COST_METRICS && f->by != DECLARED_NOT &&
	       f->growth[param].verdict == GROWTH_OPEN && !isnan(f->growth[param].p);
}

static int judge(struct model *m, struct err *err)
{
	size_t i, k, n = 0;
	double *p, *q;
	int rc = 0;

	for (i = 0; i < m->n; i++)
		for (k = 0; k < m->fits[i].form.n_params; k++)
			n += (size_t)is_tested(&m->fits[i], k);
	p = malloc((n + 1) * sizeof *p);
	q = malloc((n + 1) * sizeof *q);
	if (!p || !q)
		rc = ERR_NOMEM;
	for (i = 0, n = 0; rc == 0 && i < m->n; i++)
		for (k = 0; k < m->fits[i].form.n_params; k++)
			if (is_tested(&m->fits[i], k))
				p[n++] = m->fits[i].growth[k].p;
	if (rc == 0)
		rc = trend_false_discovery(p, q, n);
	for (i = 0, n = 0; rc == 0 && i < m->n; i++)
		for (k = 0; k < m->fits[i].form.n_params; k++)
			if (is_tested(&m->fits[i], k))
				m->fits[i].growth[k].q = q[n++];
	for (i = 0; rc == 0 && i < m->n; i++)
		fit_growth_judge(&m->fits[i]);
	free(p);
	free(q);
	return rc ? err_nomem(err, "the judgement of growth") : 0;
}

int model_make(struct model *m, const struct costs *c, const struct declarations *d,
	       struct err *err)
{
	size_t i;
	int rc = 0;

	*m = (struct model){.costs = c};
	m->fits = calloc((c->n_nodes + 1) * COST_VALUES, sizeof *m->fits);
	if (!m->fits)
		return err_nomem(err, "fits");
	for (i = 0; rc == 0 && i < c->n_nodes; i++) {
		uint32_t stage = c->nodes[i].name;
		int metric;

		if (idmap_get(&m->of, stage) != IDMAP_NONE)
			continue;
		rc = idmap_set(&m->of, stage, (uint32_t)m->n) ? err_nomem(err, "fits") : 0;
		for (metric = 0; rc == 0 && metric < COST_VALUES; metric++) {
			struct fit *f = &m->fits[m->n++];

			f->stage = stage;
			f->metric = (enum cost_metric)metric;
			rc = fit_one(m, f, d, err);
		}
	}
	if (rc == 0)
		rc = judge(m, err);
	if (rc)
		model_release(m);
	return rc;
}

size_t model_worst(const struct fit *f)
{
	size_t i, at = f->form.n_params;

	for (i = 0; i < f->form.n_params; i++)
		if (f->growth[i].verdict == GROWTH_WORSE &&
		    (at == f->form.n_params || f->growth[i].excess > f->growth[at].excess))
			at = i;
	return at;
}
