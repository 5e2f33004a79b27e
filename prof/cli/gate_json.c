/* The verdict as JSON: plain numbers (ns, bytes, shares of 1), null for what cannot be said. Members: docs/ci.md. */
#include <stdlib.h>
#include <string.h>

#include "prof/cli/gate_write.h"
#include "prof/cli/jsonout.h"

static json_t *text_or_null(const char *text)
{
	return text && *text ? jsonout_text(text) : json_null();
}

static json_t *integer(size_t n)
{
	return json_integer((json_int_t)n);
}

static json_t *pair(json_t *lo, json_t *hi)
{
	json_t *list = json_array();

	if (json_array_append_new(list, lo) | json_array_append_new(list, hi)) {
		json_decref(list);
		return NULL;
	}
	return list;
}

static json_t *checked(json_t *object, int bad)
{
	if (!bad)
		return object;
	json_decref(object);
	return NULL;
}

/* Appends a value that is NULL without memory. */
static int append(json_t *list, json_t *value)
{
	return json_array_append_new(list, value) != 0;
}

/* ---- groups ---- */

static json_t *run_json(const struct gate_run *r)
{
	json_t *o = json_object();
	int bad = !o;

	bad |= jsonout_put(o, "id", text_or_null(r->id));
	bad |= jsonout_put(o, "name", text_or_null(r->name));
	bad |= jsonout_put(o, "command", text_or_null(r->command));
	bad |= jsonout_put(o, "source", text_or_null(r->source));
	bad |= jsonout_put(o, "labels", jsonout_parsed(r->label));
	bad |= jsonout_put(o, "started_at", json_integer(r->started_at));
	bad |= jsonout_put(o, "host", text_or_null(r->host));
	bad |= jsonout_put(o, "cpu_model", text_or_null(r->cpu_model));
	bad |= jsonout_put(o, "kernel", text_or_null(r->kernel));
	bad |= jsonout_put(o, "mode", text_or_null(r->mode));
	bad |= jsonout_put(o, "memory", text_or_null(r->memory));
	bad |= jsonout_put(o, "git_sha", text_or_null(r->git_sha));
	bad |= jsonout_put(o, "rate_hz", jsonout_real(r->rate_hz));
	bad |= jsonout_put(o, "finished", json_boolean(r->finished));
	bad |= jsonout_put(o, "failed", json_boolean(r->failed));
	bad |= jsonout_put(o, "lost", json_integer((json_int_t)r->lost));
	return checked(o, bad);
}

static json_t *side_json(const struct gate_shown *s)
{
	json_t *o = json_object(), *runs = json_array();
	int bad = !o || !runs;
	size_t i;

	for (i = 0; i < s->n; i++)
		bad |= append(runs, run_json(&s->runs[i]));
	bad |= jsonout_put(o, "operand", jsonout_text(s->text));
	bad |= jsonout_put(o, "is", jsonout_text(s->what));
	bad |= jsonout_put(o, "runs", runs);
	return checked(o, bad);
}

/* ---- rows ---- */

static const char *test_name(enum decide_test test)
{
	static const char *const names[] = {"none", "exact", "pairs", "two_samples"};

	return (size_t)test < sizeof names / sizeof *names ? names[test] : "none";
}

static json_t *values_json(const double *values, size_t n)
{
	json_t *list = json_array();
	int bad = !list;
	size_t i;

	for (i = 0; i < n; i++)
		bad |= append(list, jsonout_real(values[i]));
	return checked(list, bad);
}

static json_t *anyway_json(int bits)
{
	json_t *list = json_array();
	int bad = !list, bit;

	for (bit = 1; bit <= GATE_ANYWAY_ALL; bit <<= 1)
		if (bits & bit)
			bad |= append(list, json_string(gate_anyway_name((enum gate_anyway)bit)));
	return checked(list, bad);
}

static int put_decision(json_t *o, const struct decision *d)
{
	int bad = 0;

	bad |= jsonout_put(o, "base", jsonout_real(d->base));
	bad |= jsonout_put(o, "candidate", jsonout_real(d->candidate));
	bad |= jsonout_put(o, "change", jsonout_real(d->change));
	bad |= jsonout_put(o, "ci", pair(jsonout_real(d->lo), jsonout_real(d->hi)));
	bad |= jsonout_put(o, "verdict", json_string(verdict_name(d->verdict)));
	bad |= jsonout_put(o, "test", json_string(test_name(d->test)));
	bad |= jsonout_put(o, "p", jsonout_real(d->p));
	bad |= jsonout_put(o, "q", jsonout_real(d->q));
	bad |= jsonout_put(o, "drift", jsonout_real(d->drift));
	bad |= jsonout_put(o, "runs", pair(integer(d->n_a), integer(d->n_b)));
	bad |= jsonout_put(o, "rejected", integer(d->rejected));
	bad |= jsonout_put(o, "more_runs", integer(d->more));
	return bad;
}

static json_t *row_json(const struct gate_row *r)
{
	json_t *o = json_object();
	int bad = !o;

	bad |= jsonout_put(o, "stage", r->stage ? jsonout_text(r->stage) : json_null());
	bad |= jsonout_put(o, "metric", json_string(metric_name(r->metric)));
	bad |= jsonout_put(o, "unit", json_string(metric_unit(r->metric)));
	bad |= put_decision(o, &r->d);
	bad |= jsonout_put(o, "state", json_string(gate_state_name(gate_row_state(r))));
	bad |= jsonout_put(o, "note", text_or_null(gate_view_note(r)));
	bad |= jsonout_put(o, "minimum_relative", jsonout_real(r->rule.relative));
	bad |= jsonout_put(o, "minimum_absolute", jsonout_real(r->rule.absolute));
	bad |= jsonout_put(o, "reason", text_or_null(r->reason));
	bad |= jsonout_put(o, "owner", text_or_null(r->owner));
	bad |= jsonout_put(o, "accepted_by", text_or_null(r->accepted_by));
	bad |= jsonout_put(o, "refused", anyway_json(r->refused));
	bad |= jsonout_put(o, "relevant", json_boolean(r->relevant));
	bad |= jsonout_put(o, "depth", integer(r->depth));
	bad |= jsonout_put(o, "base_values", values_json(r->a, r->n_a));
	bad |= jsonout_put(o, "candidate_values", values_json(r->b, r->n_b));
	return checked(o, bad);
}

/* ---- functions ---- */

/* Frames, the root first. */
static json_t *stack_json(const char *stack)
{
	json_t *list = json_array();
	const char *s = *stack ? stack : NULL;
	int bad = !list;

	while (s) {
		size_t n = strcspn(s, ";");
		char *frame = strndup(s, n);

		bad |= append(list, frame ? jsonout_text(frame) : NULL);
		free(frame);
		s = s[n] ? s + n + 1 : NULL;
	}
	return checked(list, bad);
}

static json_t *function_json(const struct gate_function *f, enum profile_kind kind, int counts)
{
	json_t *o = json_object();
	int bad = !o;

	bad |= jsonout_put(o, "function", jsonout_text(f->function));
	bad |= jsonout_put(o, "module", text_or_null(f->module));
	bad |= jsonout_put(o, "file", text_or_null(f->file));
	bad |= jsonout_put(o, "stage", text_or_null(f->stage));
	bad |= jsonout_put(o, "kind", json_string(profile_kind_name(kind)));
	bad |= jsonout_put(o, "unit",
			   json_string(counts                       ? ""
				       : profile_kind_is_time(kind) ? "ns"
								    : "bytes"));
	bad |= jsonout_put(o, "base", jsonout_real(f->base));
	bad |= jsonout_put(o, "candidate", jsonout_real(f->candidate));
	bad |= jsonout_put(o, "total_base", jsonout_real(f->total_base));
	bad |= jsonout_put(o, "total_candidate", jsonout_real(f->total_candidate));
	bad |= jsonout_put(o, "change", jsonout_real(f->change));
	bad |= jsonout_put(o, "ci", pair(jsonout_real(f->lo), jsonout_real(f->hi)));
	bad |= jsonout_put(o, "p", jsonout_real(f->p));
	bad |= jsonout_put(o, "q", jsonout_real(f->q));
	bad |= jsonout_put(o, "verdict", json_string(verdict_name(f->verdict)));
	bad |= jsonout_put(o, "moved", json_string(gate_view_rose(f) ? "more" : "less"));
	bad |= jsonout_put(o, "unproven", json_boolean(f->unproven));
	bad |= jsonout_put(o, "fails", json_boolean(f->fails));
	bad |= jsonout_put(o, "stack", stack_json(f->stack_text));
	return checked(o, bad);
}

static int add_functions(json_t *list, const struct gate_result *g, int counts)
{
	int bad = 0;
	size_t i;

	for (i = 0; i < g->n_functions; i++)
		bad |= append(list, function_json(&g->functions[i], g->kind, counts));
	return bad;
}

/* ---- the document ---- */

static json_t *counts_json(const struct gate_result *g)
{
	json_t *o = json_object();
	size_t of[GATE_STATES] = {0}, i;
	int bad = !o, k;

	for (i = 0; i < g->n; i++)
		of[gate_row_state(&g->rows[i])]++;
	for (k = 0; k < GATE_STATES; k++)
		bad |= jsonout_put(o, gate_state_name((enum gate_state)k), integer(of[k]));
	return checked(o, bad);
}

static int put_lists(json_t *o, const struct gate_view *v)
{
	json_t *rows = json_array(), *functions = json_array(), *remarks = json_array();
	int bad = !rows || !functions || !remarks;
	const char *remark;
	size_t i;

	for (i = 0; i < v->g->n; i++)
		bad |= append(rows, row_json(&v->g->rows[i]));
	bad |= add_functions(functions, v->g, v->counts);
	for (i = 0; i < v->n_others; i++)
		bad |= add_functions(functions, &v->others[i].g, v->others[i].counts);
	for (i = 0; (remark = gate_view_remark(v, i)); i++)
		bad |= append(remarks, jsonout_text(remark));
	bad |= jsonout_put(o, "metrics", rows);
	bad |= jsonout_put(o, "functions", functions);
	bad |= jsonout_put(o, "remarks", remarks);
	return bad;
}

json_t *gate_write_json(const struct gate_view *v)
{
	const struct gate_result *g = v->g;
	json_t *o = json_object();
	int bad = !o;

	bad |= jsonout_put(o, "verdict", json_string(verdict_name(g->verdict)));
	bad |= jsonout_put(o, "why", text_or_null(g->why));
	bad |= jsonout_put(o, "counts", counts_json(g));
	bad |= jsonout_put(o, "more_runs", integer(g->more));
	bad |= jsonout_put(o, "refused", anyway_json(g->refused));
	bad |= jsonout_put(o, "paired", json_boolean(g->paired));
	bad |= jsonout_put(o, "alpha", jsonout_real(g->alpha));
	bad |= jsonout_put(o, "normalise", text_or_null(g->normalise));
	bad |= jsonout_put(o, "base", side_json(&v->sides[METRICS_BASE]));
	bad |= jsonout_put(o, "candidate", side_json(&v->sides[METRICS_CANDIDATE]));
	bad |= put_lists(o, v);
	bad |= jsonout_put(o, "page", text_or_null(v->page));
	bad |= jsonout_put(o, "next", text_or_null(v->more ? v->more : v->flame));
	return checked(o, bad);
}

json_t *gate_write_failed_json(const char *text)
{
	json_t *o = json_object();
	int bad = !o;

	bad |= jsonout_put(o, "verdict", json_null());
	bad |= jsonout_put(o, "error", jsonout_text(text));
	bad |= jsonout_put(o, "metrics", json_array());
	bad |= jsonout_put(o, "functions", json_array());
	return checked(o, bad);
}
