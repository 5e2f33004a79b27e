/* Fits of all stages: see model.h. */
#include "prof/analyze/model.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "prof/analyze/trend.h"

#define BETTER                                                                                     \
	6.0 /* of the information criterion: a parameter must explain so much more than a constant */

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

/* The form "name" alone; 0 when that is no name of a parameter that could be declared. */
static int single(struct complexity *form, const char *name)
{
	return complexity_parse(form, name, strlen(name), NULL) == 0 && form->n == 1 &&
	       form->n_params == 1 && strcmp(form->params[0], name) == 0;
}

/* H. Akaike's criterion, corrected for few observations (C. M. Hurvich and C.-L. Tsai, Biometrika 76, 1989). */
static double criterion(const struct fit_data *d)
{
	double n = (double)d->n, k = (double)d->terms + 1, rss = 0;
	size_t i;

	for (i = 0; i < d->n; i++) {
		double l = log(d->y[i] / d->mu[i]);

		rss += d->weight[i] * l * l;
	}
	if (n - k - 1 < 1)
		return INFINITY;
	return n * log(fmax(rss / n, 1e-8)) + 2 * k + 2 * k * (k + 1) / (n - k - 1);
}

/* How well the form explains all observations; infinite when some lack its parameter, or it does not vary. */
static int try_form(const struct model *m, struct fit *f, const struct complexity *form,
		    size_t *all, double *score, struct err *err)
{
	struct fit_data d;
	struct power_fit what;
	double c[FIT_TERMS];
	int rc = fit_data_make(&d, m->costs, f->stage, f->metric, form, FIT_FEW, err);

	*score = INFINITY;
	if (rc)
		return rc;
	power_identify(&what, d.x, d.n, d.n_params);
	if (!form->n)
		*all = d.n;
	if (d.n && d.n >= *all && (!form->n || what.params[0].state == POWER_FITTED)) {
		fit_solve(&d, UINT32_MAX, c);
		*score = criterion(&d);
	}
	fit_data_release(&d);
	return 0;
}

/* A constant, or the one parameter that explains clearly more. */
static int choose(const struct model *m, struct fit *f, struct err *err)
{
	const struct costs *c = m->costs;
	uint32_t first = costs_first(c, f->stage);
	const struct cost_obs *o = first == COSTS_NONE ? NULL : &c->obs[first];
	size_t all = 0, i;
	struct complexity form = {0};
	double best, score;
	int rc = try_form(m, f, &form, &all, &best, err);

	best -= BETTER;
	f->form = form;
	for (i = 0; rc == 0 && o && i <= o->n; i++) {
		uint32_t name = i < o->n ? c->params[o->first + i].name : c->items;

		if (!single(&form, strtab_text(c->strings, name)))
			continue;
		rc = try_form(m, f, &form, &all, &score, err);
		if (rc == 0 && score < best) {
			best = score;
			f->form = form;
		}
	}
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
