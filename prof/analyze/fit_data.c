/* Observations of one stage and metric as arrays: see fit.h. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "prof/analyze/fit.h"

#define SAME_SIZE 1.1 /* runs of which one is at most so much larger are of the same size */

void fit_data_release(struct fit_data *d)
{
	free(d->y);
	free(d->t);
	free(d->x);
	free(d->mu);
	free(d->weight);
	free(d->scratch);
	free(d->obs);
	free(d->run);
	free(d->size);
	memset(d, 0, sizeof *d);
}

static int allocate(struct fit_data *d, size_t n, size_t n_runs)
{
	n++;
	d->y = malloc(n * sizeof *d->y);
	d->t = malloc(n * d->terms * sizeof *d->t);
	d->x = malloc(n * (d->n_params + 1) * sizeof *d->x);
	d->mu = malloc(n * sizeof *d->mu);
	d->weight = malloc(n * sizeof *d->weight);
	d->scratch = malloc((n > n_runs ? n : n_runs + 1) * 2 * sizeof *d->scratch);
	d->obs = malloc(n * sizeof *d->obs);
	d->run = malloc(n * sizeof *d->run);
	d->size = malloc((n_runs + 1) * sizeof *d->size);
	return d->y && d->t && d->x && d->mu && d->weight && d->scratch && d->obs && d->run &&
			       d->size
		       ? 0
		       : ERR_NOMEM;
}

/* Parameters and terms of an observation as row `d->n`; 0: it lacks one, or a term has no value. */
static int fill_row(struct fit_data *d, const struct costs *c, const struct cost_obs *o,
		    const struct complexity *form, const uint32_t *names)
{
	double *x = d->x + d->n * d->n_params, *t = d->t + d->n * d->terms;
	size_t i;

	for (i = 0; i < d->n_params; i++) {
		x[i] = names[i] == COSTS_NONE ? NAN : costs_param(c, o, names[i]);
		if (isnan(x[i])) {
			d->missing = (uint32_t)i;
			return 0;
		}
	}
	t[0] = 1;
	for (i = 0; i + 1 < d->terms; i++) {
		t[i + 1] = complexity_term(form, i, x);
		if (!isfinite(t[i + 1]) || t[i + 1] > 1e200)
			return 0;
	}
	return 1;
}

struct sized {
	uint32_t run;
	double size;
};

static int compare_sized(const void *a, const void *b)
{
	const struct sized *x = a, *y = b;

	if (x->size != y->size)
		return x->size < y->size ? -1 : 1;
	return x->run < y->run ? -1 : x->run > y->run;
}

/* A run's size: its terms, each as a part of that term's mean, added up. */
static void put_sizes(struct fit_data *d)
{
	struct sized *s = (struct sized *)(void *)d->scratch;
	double mean[FIT_TERMS] = {0}, from = 0;
	size_t i, j;

	for (i = 0; i < d->n; i++)
		for (j = 0; j < d->terms; j++)
			mean[j] += d->t[i * d->terms + j] / (double)d->n;
	for (i = 0; i < d->n_runs; i++)
		s[i] = (struct sized){(uint32_t)i, 0};
	for (i = 0; i < d->n; i++)
		for (j = 1; j < d->terms; j++)
			if (mean[j] > 0)
				s[d->run[i]].size += d->t[i * d->terms + j] / mean[j];
	qsort(s, d->n_runs, sizeof *s, compare_sized);
	for (i = 0; i < d->n_runs; i++) {
		if (i == 0 || s[i].size > from * SAME_SIZE) {
			from = s[i].size;
			d->n_sizes++;
		}
		d->size[s[i].run] = (uint32_t)(d->n_sizes - 1);
	}
}

/* `every`: so many observations are one that is taken. */
static void fill(struct fit_data *d, const struct costs *c, uint32_t stage, enum cost_metric metric,
		 const struct complexity *form, const uint32_t *names, size_t every)
{
	uint32_t last = COSTS_NONE, i;
	size_t at = 0;

	for (i = costs_first(c, stage); i != COSTS_NONE; i = c->obs[i].next) {
		const struct cost_obs *o = &c->obs[i];

		if (at++ % every)
			continue;
		if (!(o->value[metric] > 0) || !isfinite(o->value[metric]) ||
		    !fill_row(d, c, o, form, names)) {
			d->left_out++;
			continue;
		}
		if (o->run != last)
			d->n_runs++;
		last = o->run;
		d->y[d->n] = o->value[metric];
		d->obs[d->n] = i;
		d->run[d->n++] = (uint32_t)(d->n_runs - 1);
	}
}

int fit_data_make(struct fit_data *d, const struct costs *c, uint32_t stage,
		  enum cost_metric metric, const struct complexity *form, size_t most,
		  struct err *err)
{
	uint32_t names[COMPLEXITY_PARAMS], at;
	size_t i, n = 0, every;

	memset(d, 0, sizeof *d);
	d->terms = form->n + 1;
	d->n_params = form->n_params;
	d->missing = COSTS_NONE;
	for (at = costs_first(c, stage); at != COSTS_NONE; at = c->obs[at].next)
		n++;
	every = n / most + 1;
	for (i = 0; i < form->n_params; i++)
		if (!strtab_find(c->strings, form->params[i], strlen(form->params[i]), &names[i]))
			names[i] = COSTS_NONE;
	if (allocate(d, n / every + 1, c->n_runs)) {
		fit_data_release(d);
		return err_nomem(err, "the fit of a stage");
	}
	fill(d, c, stage, metric, form, names, every);
	put_sizes(d);
	return 0;
}
