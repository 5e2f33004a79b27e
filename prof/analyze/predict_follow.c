/* Parameters that nobody asked for follow those that were asked for, as a power law from run to run: see predict.h. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "prof/analyze/predict.h"

#define STEADY  1.05 /* largest / smallest below that: it does not change */
#define FOLLOWS 0.5  /* less of the variance explained: it does not follow */

void follow_release(struct follow *f)
{
	free(f->reference);
	free(f->x);
	free(f->y);
	memset(f, 0, sizeof *f);
}

int follow_make(struct follow *f, const struct costs *c, const uint32_t *names, size_t n,
		struct err *err)
{
	size_t i, k;

	*f = (struct follow){.costs = c, .n_asked = n};
	f->reference = malloc((c->n_runs * n + 1) * sizeof *f->reference);
	f->x = malloc((c->n_runs * n + 1) * sizeof *f->x);
	f->y = malloc((2 * c->n_runs + 1) * sizeof *f->y);
	if (!f->reference || !f->x || !f->y) {
		follow_release(f);
		return err_nomem(err, "a prediction");
	}
	for (i = 0; i < c->n_runs * n; i++)
		f->reference[i] = NAN;
	for (i = 0; i < c->n_obs; i++)
		for (k = 0; k < n; k++) {
			double *most = &f->reference[c->obs[i].run * n + k];
			double v = costs_param(c, &c->obs[i], names[k]);

			if (v > 0 && !(v <= *most))
				*most = v;
		}
	return 0;
}

/* The factor of y[run] (0: that run has none) for the factors of what was asked. */
static double follow(struct follow *f, double *error)
{
	size_t k = f->n_asked, n = 0, i;
	double lo = INFINITY, hi = 0, log_factor = 0, variance = 0;
	struct power_fit fit;

	*error = 0;
	for (i = 0; i < f->costs->n_runs; i++) {
		if (!(f->y[i] > 0))
			continue;
		lo = fmin(lo, f->y[i]);
		hi = fmax(hi, f->y[i]);
		memcpy(f->x + n * k, f->reference + i * k, k * sizeof *f->x);
		f->y[n++] = f->y[i];
	}
	if (!(hi > lo * STEADY))
		return 1;
	power_fit(&fit, f->x, f->y, n, k, 1, FIT_CONFIDENCE);
	if (!fit.fitted || !(fit.r2 >= FOLLOWS))
		return 1;
	for (i = 0; i < k; i++) {
		if (fit.params[i].state != POWER_FITTED)
			continue;
		log_factor += fit.params[i].exponent * f->log_factor[i];
		if (!isnan(fit.params[i].se))
			variance += pow(fit.params[i].se * f->log_factor[i], 2);
	}
	*error = sqrt(variance);
	return exp(log_factor);
}

double follow_param(struct follow *f, uint32_t stage, uint32_t param, double *error)
{
	const struct costs *c = f->costs;
	double *count = f->y + c->n_runs;
	uint32_t i;
	size_t r;

	for (r = 0; r < 2 * c->n_runs; r++)
		f->y[r] = 0;
	for (i = costs_first(c, stage); i != COSTS_NONE; i = c->obs[i].next) {
		double v = costs_param(c, &c->obs[i], param);

		if (isnan(v))
			continue;
		f->y[c->obs[i].run] += v;
		count[c->obs[i].run]++;
	}
	for (r = 0; r < c->n_runs; r++)
		if (count[r] > 0)
			f->y[r] /= count[r];
	return follow(f, error);
}

double follow_count(struct follow *f, uint32_t node)
{
	const struct costs *c = f->costs;
	double error;
	uint32_t i;
	size_t r;

	for (r = 0; r < c->n_runs; r++)
		f->y[r] = 0;
	for (i = costs_first(c, c->nodes[node].name); i != COSTS_NONE; i = c->obs[i].next)
		if (c->obs[i].node == node)
			f->y[c->obs[i].run]++;
	return follow(f, &error);
}
