/* Which run is the pattern, and what was asked for beside it: see predict.h. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "prof/analyze/predict_internal.h"
#include "prof/base/buf.h"

#define OFF_BY 0.25 /* of the logarithm: tied parameters asked for in another proportion */

static int known_params(const struct costs *c, struct buf *list)
{
	struct idmap seen = IDMAP_INIT;
	size_t i;
	int rc = 0;

	for (i = 0; rc == 0 && i < c->n_params; i++) {
		if (idmap_get(&seen, c->params[i].name) != IDMAP_NONE)
			continue;
		rc = idmap_set(&seen, c->params[i].name, 1);
		buf_printf(list, "%s%s", list->len ? ", " : "",
			   strtab_text(c->strings, c->params[i].name));
	}
	idmap_release(&seen);
	return rc;
}

static int unknown_param(const struct costs *c, const char *name, struct err *err)
{
	struct buf list = BUF_INIT;
	int rc = known_params(c, &list);

	if (rc)
		err_nomem(err, "a prediction");
	else
		rc = err_set(err, ERR_ARG, "no stage has a parameter '%s'; there are: %s", name,
			     list.len ? buf_str(&list) : "none");
	buf_release(&list);
	return rc;
}

static int find_names(struct predict_work *w, struct err *err)
{
	size_t i;

	for (i = 0; i < w->o->n_params; i++) {
		const char *name = w->o->params[i].name;

		if (!strtab_find(w->c->strings, name, strlen(name), &w->names[i]))
			return unknown_param(w->c, name, err);
	}
	return 0;
}

static double reference(const struct predict_work *w, uint32_t run, size_t k)
{
	return w->follow.reference[run * w->o->n_params + k];
}

/* How far the run is from what was asked for; infinite when it lacks a parameter. */
static double distance(const struct predict_work *w, uint32_t run)
{
	double sum = 0;
	size_t k;

	if (!w->c->runs[run].n)
		return INFINITY;
	for (k = 0; k < w->o->n_params; k++) {
		double v = reference(w, run, k);

		if (!(v > 0))
			return INFINITY;
		sum += fabs(log(w->o->params[k].value / v));
	}
	return sum;
}

static int choose_like(struct predict_work *w, struct err *err)
{
	double best = INFINITY;
	uint32_t i, at = w->o->like;
	size_t k;

	for (i = 0; w->o->like == COSTS_NONE && i < w->c->n_runs; i++) {
		double far = distance(w, i);

		if (far < best || (isfinite(far) && far == best &&
				   w->c->runs[i].started_at > w->c->runs[at].started_at)) {
			best = far;
			at = i;
		}
	}
	for (k = 0; k < w->o->n_params; k++) {
		double most = NAN;

		for (i = 0; i < w->c->n_runs; i++)
			most = fmax(most, reference(w, i, k));
		if (isnan(most))
			return unknown_param(w->c, w->o->params[k].name, err);
	}
	if (at == COSTS_NONE || !isfinite(distance(w, at)))
		return err_set(err, ERR_ARG, "no run has stages with all of these parameters");
	w->p->like = at;
	return 0;
}

/* By how much the logarithm of parameter k as asked for is off what it was together with the one it is tied to. */
static double off_by(struct predict_work *w, size_t k, size_t with, size_t rows)
{
	double *of = w->follow.y, *on = w->follow.y + w->c->n_runs;
	struct power_fit slope;
	size_t r;

	for (r = 0; r < rows; r++) {
		of[r] = w->follow.x[w->o->n_params * r + k];
		on[r] = w->follow.x[w->o->n_params * r + with];
	}
	power_fit(&slope, on, of, rows, 1, 1, FIT_CONFIDENCE);
	return slope.fitted ? fabs(w->follow.log_factor[k] -
				   slope.params[0].exponent * w->follow.log_factor[with])
			    : 0;
}

/* Parameters that were always changed together say nothing of what each does alone. */
static void mark_tied(struct predict_work *w)
{
	size_t k, n = w->o->n_params, r, rows = 0;
	struct power_fit what;

	for (r = 0; r < w->c->n_runs; r++)
		if (isfinite(distance(w, (uint32_t)r)))
			memcpy(w->follow.x + n * rows++, w->follow.reference + n * r,
			       n * sizeof(double));
	power_identify(&what, w->follow.x, rows, n);
	for (k = 0; k < n; k++) {
		struct predict_asked *a = &w->p->asked[k];

		a->state = what.params[k].state;
		a->with = what.params[k].with;
		a->off = a->state == POWER_TIED && off_by(w, k, a->with, rows) > OFF_BY;
	}
}

int predict_asked(struct predict_work *w, struct err *err)
{
	size_t k;
	uint32_t i;
	int rc = find_names(w, err);

	if (rc == 0)
		rc = follow_make(&w->follow, w->c, w->names, w->o->n_params, err);
	if (rc == 0)
		rc = choose_like(w, err);
	for (k = 0; rc == 0 && k < w->o->n_params; k++) {
		struct predict_asked *a = &w->p->asked[w->p->n_asked++];

		a->name = w->names[k];
		a->value = w->o->params[k].value;
		a->like = reference(w, w->p->like, k);
		a->least = a->most = NAN;
		for (i = 0; i < w->c->n_runs; i++) {
			a->most = fmax(a->most, reference(w, i, k));
			a->least = fmin(a->least, reference(w, i, k));
		}
		a->factor = a->value / a->like;
		a->beyond = fmax(a->value / a->most, 1);
		if (a->beyond > PREDICT_BEYOND)
			return err_set(err, ERR_ARG,
				       "%s = %g is more than %g times the largest that was "
				       "measured (%g): nothing can be said of it",
				       strtab_text(w->c->strings, a->name), a->value,
				       PREDICT_BEYOND, a->most);
		w->follow.log_factor[k] = log(a->factor);
	}
	if (rc == 0)
		mark_tied(w);
	return rc;
}
