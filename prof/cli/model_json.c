/* Fits and predictions as JSON; docs/model.md says what each member means. */
#include <math.h>
#include <stdlib.h>

#include "prof/cli/jsonout.h"
#include "prof/cli/model_cli.h"

static json_t *pair(double lo, double hi)
{
	json_t *list = json_array();

	if (list && (json_array_append_new(list, jsonout_real(lo)) ||
		     json_array_append_new(list, jsonout_real(hi)))) {
		json_decref(list);
		return NULL;
	}
	return list;
}

static json_t *text_of(const struct model_view *v, uint32_t id)
{
	return jsonout_text(strtab_text(v->costs->strings, id));
}

static json_t *runs_json(const struct model_view *v)
{
	json_t *list = json_array();
	int bad = !list;
	size_t i;

	for (i = 0; !bad && i < v->costs->n_runs; i++) {
		const struct cost_run *r = &v->costs->runs[i];
		json_t *o = json_object();

		bad = !o || jsonout_put(o, "id", text_of(v, r->id)) ||
		      jsonout_put(o, "name", text_of(v, r->name)) ||
		      jsonout_put(o, "started_at", json_integer(r->started_at)) ||
		      jsonout_put(o, "duration_ns", json_integer(r->duration_ns)) ||
		      jsonout_put(o, "observations", json_integer((json_int_t)r->n)) ||
		      jsonout_put(o, "finished", json_boolean(r->finished)) ||
		      jsonout_put(o, "lost", json_integer((json_int_t)r->lost));
		if (bad)
			json_decref(o);
		else
			bad = json_array_append_new(list, o);
	}
	if (!bad)
		return list;
	json_decref(list);
	return NULL;
}

static json_t *coefficients_json(const struct fit *f)
{
	json_t *list = json_array();
	int bad = !list;
	size_t i;

	for (i = 0; !bad && i < f->terms; i++) {
		char text[COMPLEXITY_TEXT] = "1";
		json_t *o = json_object();

		if (i)
			complexity_term_text(&f->form, i - 1, text);
		bad = !o || jsonout_put(o, "term", json_string(text)) ||
		      jsonout_put(o, "value", jsonout_real(f->c[i])) ||
		      jsonout_put(o, "ci", pair(f->lo[i], f->hi[i]));
		if (bad)
			json_decref(o);
		else
			bad = json_array_append_new(list, o);
	}
	if (!bad)
		return list;
	json_decref(list);
	return NULL;
}

static json_t *exponent_json(const struct fit *f, size_t i)
{
	const struct fit_growth *g = &f->growth[i];
	const struct power_param *p = &f->power.params[i];
	json_t *o = json_object();
	int bad = !o || jsonout_put(o, "param", json_string(f->form.params[i])) ||
		  jsonout_put(o, "least", jsonout_real(f->x_min[i])) ||
		  jsonout_put(o, "most", jsonout_real(f->x_max[i])) ||
		  jsonout_put(o, "declared", jsonout_real(g->declared)) ||
		  jsonout_put(o, "fitted", jsonout_real(g->declared + g->excess)) ||
		  jsonout_put(o, "ci", pair(g->declared + g->lo, g->declared + g->hi)) ||
		  jsonout_put(o, "power_law", jsonout_real(p->exponent)) ||
		  jsonout_put(o, "power_law_ci", pair(p->lo, p->hi)) ||
		  jsonout_put(o, "p", jsonout_real(g->p)) ||
		  jsonout_put(o, "q", jsonout_real(g->q)) ||
		  jsonout_put(o, "growth", json_string(growth_verdict_name(g->verdict))) ||
		  jsonout_put(o, "with",
			      g->verdict == GROWTH_TIED ? json_string(f->form.params[g->with])
							: json_null());

	if (!bad)
		return o;
	json_decref(o);
	return NULL;
}

static json_t *exponents_json(const struct fit *f)
{
	json_t *list = json_array();
	int bad = !list;
	size_t i;

	for (i = 0; !bad && i < f->form.n_params; i++)
		bad = json_array_append_new(list, exponent_json(f, i));
	if (!bad)
		return list;
	json_decref(list);
	return NULL;
}

/* Measured and fitted, an entry for each observation. */
static json_t *residuals_json(const struct model_view *v, const struct fit *f)
{
	json_t *list = json_array();
	struct fit_data d;
	int bad = !list;
	size_t i, j;

	if (bad || fit_data_make(&d, v->costs, f->stage, f->metric, &f->form, SIZE_MAX, NULL)) {
		json_decref(list);
		return NULL;
	}
	for (i = 0; !bad && i < d.n; i++) {
		double fitted = 0;
		json_t *o = json_object();

		for (j = 0; j < d.terms; j++)
			fitted += f->c[j] * d.t[i * d.terms + j];
		bad = !o ||
		      jsonout_put(o, "run",
				  json_integer((json_int_t)v->costs->obs[d.obs[i]].run)) ||
		      jsonout_put(o, "value", jsonout_real(d.y[i])) ||
		      jsonout_put(o, "fitted", jsonout_real(fitted)) ||
		      jsonout_put(o, "residual", jsonout_real(d.y[i] / fitted - 1));
		if (bad)
			json_decref(o);
		else
			bad = json_array_append_new(list, o);
	}
	fit_data_release(&d);
	if (!bad)
		return list;
	json_decref(list);
	return NULL;
}

static json_t *fit_json(const struct model_view *v, const struct fit *f)
{
	char form[COMPLEXITY_TEXT];
	json_t *o = json_object();
	int bad;

	complexity_text(&f->form, form);
	bad = !o || jsonout_put(o, "stage", text_of(v, f->stage)) ||
	      jsonout_put(o, "metric", json_string(cost_metric_names[f->metric])) ||
	      jsonout_put(o, "form", json_string(form)) ||
	      jsonout_put(o, "declared_by", json_string(declared_by_name(f->by))) ||
	      jsonout_put(o, "state", json_string(fit_state_text(f->state))) ||
	      jsonout_put(o, "missing",
			  f->state == FIT_NO_PARAM ? json_string(f->form.params[f->missing])
						   : json_null()) ||
	      jsonout_put(o, "growth",
			  json_string(model_worst(f) < f->form.n_params ? "worse" : "not worse")) ||
	      jsonout_put(o, "observations", json_integer((json_int_t)f->n)) ||
	      jsonout_put(o, "left_out", json_integer((json_int_t)f->left_out)) ||
	      jsonout_put(o, "runs", json_integer((json_int_t)f->n_runs)) ||
	      jsonout_put(o, "sizes", json_integer((json_int_t)f->n_sizes)) ||
	      jsonout_put(o, "largest", jsonout_real(model_largest_run(v, f->stage, f->metric))) ||
	      jsonout_put(o, "coefficients", coefficients_json(f)) ||
	      jsonout_put(o, "spread", jsonout_real(f->s)) ||
	      jsonout_put(o, "common_to_run", jsonout_real(f->run_part)) ||
	      jsonout_put(o, "r2_log", jsonout_real(f->r2)) ||
	      jsonout_put(o, "cv_mean", jsonout_real(f->cv_mean)) ||
	      jsonout_put(o, "cv_worst", jsonout_real(f->cv_worst)) ||
	      jsonout_put(o, "cv_largest", jsonout_real(f->cv_largest)) ||
	      jsonout_put(o, "exponents", exponents_json(f)) ||
	      jsonout_put(o, "residuals", residuals_json(v, f));
	if (!bad)
		return o;
	json_decref(o);
	return NULL;
}

int model_fit_json(FILE *out, const struct model_view *v, struct err *err)
{
	json_t *root = json_object(), *list = json_array(), *worse = json_array();
	size_t n = 0, i, *order = model_order(v, &n);
	int bad = !root || !list || !worse || !order, metric;

	for (i = 0; !bad && i < n; i++)
		for (metric = 0; !bad && metric < COST_METRICS; metric++) {
			const struct fit *f = &v->model->fits[order[i] + (size_t)metric];

			if (f->state == FIT_UNMEASURED || (v->metric >= 0 && metric != v->metric))
				continue;
			bad = json_array_append_new(list, fit_json(v, f));
			if (!bad && model_worst(f) < f->form.n_params)
				bad = json_array_append_new(worse, text_of(v, f->stage));
		}
	bad |= jsonout_put(root, "runs", runs_json(v));
	bad |= jsonout_put(root, "worse", worse);
	bad |= jsonout_put(root, "fits", list);
	free(order);
	return jsonout_finish(out, root, bad, err);
}

/* ---- predictions ---- */

static json_t *predicted_json(const struct predicted *x)
{
	json_t *o = json_object();
	int bad = !o || jsonout_put(o, "pattern", jsonout_real(x->seen)) ||
		  jsonout_put(o, "value", jsonout_real(x->value)) ||
		  jsonout_put(o, "ci", pair(x->lo, x->hi));

	if (!bad)
		return o;
	json_decref(o);
	return NULL;
}

static int put_metrics(json_t *o, const struct predicted *of)
{
	int metric, bad = 0;

	for (metric = 0; !bad && metric < COST_METRICS; metric++)
		bad = jsonout_put(o, cost_metric_names[metric], predicted_json(&of[metric]));
	return bad;
}

static json_t *asked_json(const struct model_view *v)
{
	const struct prediction *p = v->prediction;
	json_t *list = json_array();
	int bad = !list;
	size_t i;

	for (i = 0; !bad && i < p->n_asked; i++) {
		const struct predict_asked *a = &p->asked[i];
		json_t *o = json_object();

		bad = !o || jsonout_put(o, "param", text_of(v, a->name)) ||
		      jsonout_put(o, "value", jsonout_real(a->value)) ||
		      jsonout_put(o, "pattern", jsonout_real(a->like)) ||
		      jsonout_put(o, "least", jsonout_real(a->least)) ||
		      jsonout_put(o, "most", jsonout_real(a->most)) ||
		      jsonout_put(o, "beyond", jsonout_real(a->beyond)) ||
		      jsonout_put(o, "other_proportion", json_boolean(a->off));
		if (bad)
			json_decref(o);
		else
			bad = json_array_append_new(list, o);
	}
	if (!bad)
		return list;
	json_decref(list);
	return NULL;
}

static json_t *node_json(const struct model_view *v, uint32_t node)
{
	const struct predict_node *n = &v->prediction->nodes[node];
	unsigned notes = n->notes[COST_WALL];
	json_t *o = json_object();
	int bad = !o || jsonout_put(o, "stage", text_of(v, v->costs->nodes[node].name)) ||
		  jsonout_put(o, "depth", json_integer(v->costs->nodes[node].depth)) ||
		  jsonout_put(o, "instances", jsonout_real(n->instances)) ||
		  jsonout_put(o, "cv_mean", jsonout_real(n->cv[COST_WALL])) ||
		  jsonout_put(o, "worse", json_boolean(notes & PREDICT_WORSE)) ||
		  jsonout_put(o, "one_size", json_boolean(notes & PREDICT_ONE_SIZE)) ||
		  jsonout_put(o, "as_pattern", json_boolean(notes & PREDICT_AS_SEEN)) ||
		  put_metrics(o, n->of);

	if (!bad)
		return o;
	json_decref(o);
	return NULL;
}

int model_predict_json(FILE *out, const struct model_view *v, struct err *err)
{
	json_t *root = json_object(), *list = json_array(), *total = json_object();
	int bad = !root || !list || !total;
	uint32_t i;

	for (i = 0; !bad && i < v->costs->n_nodes; i++)
		if (v->prediction->nodes[i].instances_seen > 0)
			bad = json_array_append_new(list, node_json(v, i));
	bad = bad || put_metrics(total, v->prediction->total);
	bad |= jsonout_put(root, "pattern", text_of(v, v->costs->runs[v->prediction->like].id));
	bad |= jsonout_put(root, "params", asked_json(v));
	bad |= jsonout_put(root, "total", total);
	bad |= jsonout_put(root, "outside_ns", jsonout_real(v->prediction->outside_ns));
	bad |= jsonout_put(root, "stages", list);
	return jsonout_finish(out, root, bad, err);
}
