/* report --trend --json: see docs/trend.md for the members. */
#include <math.h>

#include "prof/cli/jsonout.h"
#include "prof/cli/trend.h"

static json_t *interval(double lo, double hi)
{
	return isfinite(lo) && isfinite(hi)
		       ? json_pack("[o, o]", jsonout_real(lo), jsonout_real(hi))
		       : json_null();
}

static json_t *change_object(const struct trend_line *l, const struct change_point *c, int *bad)
{
	const struct trend_commit *at = trend_commit_at(l, c->at);
	json_t *o = json_object();

	*bad |= jsonout_put(o, "at", jsonout_text(at->name));
	*bad |= jsonout_put(o, "started_at", json_integer((json_int_t)at->started_at));
	*bad |= jsonout_put(o, "place", json_integer((json_int_t)(at - l->host->commits)));
	*bad |= jsonout_put(o, "after",
			    at > l->host->commits ? jsonout_text(at[-1].name) : json_null());
	*bad |= jsonout_put(o, "before_value", jsonout_real(c->before));
	*bad |= jsonout_put(o, "after_value", jsonout_real(c->after));
	*bad |= jsonout_put(o, "change", jsonout_real(c->change));
	*bad |= jsonout_put(o, "ci", interval(c->lo, c->hi));
	*bad |= jsonout_put(o, "exact", json_boolean(c->exact));
	*bad |= jsonout_put(o, "p", jsonout_real(c->p));
	*bad |= jsonout_put(o, "q", jsonout_real(c->q));
	return o;
}

static json_t *drift_object(const struct trend_line *l, int *bad)
{
	const struct change_drift *d = &l->found.drift;
	json_t *o;

	if (!d->n)
		return json_null();
	o = json_object();
	*bad |= jsonout_put(o, "since", jsonout_text(trend_commit_at(l, d->from)->name));
	*bad |= jsonout_put(o, "values", json_integer((json_int_t)d->n));
	*bad |= jsonout_put(o, "change", jsonout_real(d->change));
	*bad |= jsonout_put(o, "ci", interval(d->lo, d->hi));
	*bad |= jsonout_put(o, "p", jsonout_real(d->p));
	*bad |= jsonout_put(o, "q", jsonout_real(d->q));
	return o;
}

static json_t *line_object(const struct trend *t, const struct trend_line *l, int *bad)
{
	json_t *o = json_object(), *values = json_array(), *changes = json_array();
	size_t i;

	for (i = 0; i < l->host->n_commits; i++)
		*bad |= json_array_append_new(values, jsonout_real(l->values[i]));
	for (i = 0; i < l->found.n; i++)
		*bad |= json_array_append_new(changes, change_object(l, &l->found.points[i], bad));
	*bad |= jsonout_put(o, "host", json_integer((json_int_t)(l->host - t->hosts)));
	*bad |= jsonout_put(o, "stage", l->row->stage ? jsonout_text(l->row->stage) : json_null());
	*bad |= jsonout_put(o, "metric", json_string(metric_name(l->row->metric)));
	*bad |= jsonout_put(o, "unit", json_string(metric_unit(l->row->metric)));
	*bad |= jsonout_put(o, "values", values);
	*bad |= jsonout_put(o, "level", jsonout_real(l->level));
	*bad |= jsonout_put(o, "enough", json_boolean(!l->found.too_few));
	*bad |= jsonout_put(o, "changes", changes);
	*bad |= jsonout_put(o, "drift", drift_object(l, bad));
	return o;
}

static json_t *host_object(const struct trend *t, const struct trend_host *h, int *bad)
{
	json_t *o = json_object(), *commits = json_array();
	size_t i, k;

	for (i = 0; i < h->n_commits; i++) {
		const struct trend_commit *c = &h->commits[i];
		json_t *commit = json_object(), *runs = json_array();

		for (k = c->first; k < c->first + c->n; k++)
			*bad |= json_array_append_new(runs,
						      jsonout_text(t->table.runs_a[h->runs[k]].id));
		*bad |= jsonout_put(commit, "name", jsonout_text(c->name));
		*bad |= jsonout_put(commit, "started_at", json_integer((json_int_t)c->started_at));
		*bad |= jsonout_put(commit, "runs", runs);
		*bad |= json_array_append_new(commits, commit);
	}
	*bad |= jsonout_put(o, "name", jsonout_text(h->name));
	*bad |= jsonout_put(o, "cpu_model", jsonout_text(h->cpu));
	*bad |= jsonout_put(o, "commits", commits);
	return o;
}

int trend_json(FILE *out, const struct trend *t, struct err *err)
{
	json_t *root = json_object(), *hosts = json_array(), *series = json_array();
	int bad = 0;
	size_t i;

	for (i = 0; i < t->n_hosts; i++)
		bad |= json_array_append_new(hosts, host_object(t, &t->hosts[i], &bad));
	for (i = 0; i < t->n; i++)
		bad |= json_array_append_new(series, line_object(t, &t->lines[i], &bad));
	bad |= jsonout_put(root, "label", t->key ? jsonout_text(t->key) : json_null());
	bad |= jsonout_put(root, "left_out", json_integer((json_int_t)t->left_out));
	bad |= jsonout_put(root, "unlabelled", json_integer((json_int_t)t->unlabelled));
	bad |= jsonout_put(root, "hosts", hosts);
	bad |= jsonout_put(root, "series", series);
	return jsonout_finish(out, root, bad, err);
}
