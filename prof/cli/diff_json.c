/* A comparison as JSON, in the shape of gate's, with no verdict. Members: docs/diff.md. */
#include <stdlib.h>
#include <string.h>

#include "prof/cli/diff.h"
#include "prof/cli/jsonout.h"
#include "prof/cli/report.h"

static json_t *text_or_null(const char *text)
{
	return text && *text ? jsonout_text(text) : json_null();
}

static json_t *pair(double lo, double hi)
{
	json_t *list = json_array();

	if (!list)
		return NULL;
	if (json_array_append_new(list, jsonout_real(lo)) |
	    json_array_append_new(list, jsonout_real(hi))) {
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

/* ---- groups ---- */

static json_t *run_json(const struct gate_run *r)
{
	json_t *o = json_object();
	int bad = !o;

	bad |= jsonout_put(o, "id", text_or_null(r->id));
	bad |= jsonout_put(o, "name", text_or_null(r->name));
	bad |= jsonout_put(o, "started_at", json_integer(r->started_at));
	bad |= jsonout_put(o, "host", text_or_null(r->host));
	bad |= jsonout_put(o, "git_sha", text_or_null(r->git_sha));
	bad |= jsonout_put(o, "rate_hz", jsonout_real(r->rate_hz));
	bad |= jsonout_put(o, "finished", json_boolean(r->finished));
	bad |= jsonout_put(o, "lost", json_integer((json_int_t)r->lost));
	return checked(o, bad);
}

static json_t *side_json(const struct diff *d, int group)
{
	const struct gate_run *r = group ? d->table.runs_b : d->table.runs_a;
	size_t n = group ? d->table.n_b : d->table.n_a, i;
	json_t *o = json_object(), *runs = json_array();
	int bad = !o || !runs;

	for (i = 0; i < n; i++)
		bad |= json_array_append_new(runs, run_json(&r[i])) != 0;
	bad |= jsonout_put(o, "operand", jsonout_text(d->groups[group].text));
	bad |= jsonout_put(o, "is", jsonout_text(d->groups[group].what));
	bad |= jsonout_put(o, "runs", runs);
	return checked(o, bad);
}

/* ---- values of stages ---- */

static json_t *value_json(const struct diff_value *v)
{
	const struct metric_row *r = v->row;
	json_t *o = json_object();
	int bad = !o;

	bad |= jsonout_put(o, "stage", r->stage ? jsonout_text(r->stage) : json_null());
	bad |= jsonout_put(o, "metric", json_string(metric_name(r->metric)));
	bad |= jsonout_put(o, "unit", json_string(metric_unit(r->metric)));
	bad |= jsonout_put(o, "base", jsonout_real(v->d.base));
	bad |= jsonout_put(o, "candidate", jsonout_real(v->d.candidate));
	bad |= jsonout_put(o, "change", jsonout_real(v->d.change));
	bad |= jsonout_put(o, "ci", pair(v->d.lo, v->d.hi));
	bad |= jsonout_put(o, "verdict", json_null());
	return checked(o, bad);
}

static json_t *values_json(const struct diff *d)
{
	json_t *list = json_array();
	int bad = !list;
	size_t i;

	for (i = 0; i < d->n_values; i++)
		bad |= json_array_append_new(list, value_json(&d->values[i])) != 0;
	return checked(list, bad);
}

/* ---- functions ---- */

static int put_numbers(json_t *o, const struct compare_value *v)
{
	int bad = 0;

	bad |= jsonout_put(o, "base", jsonout_real(v->a));
	bad |= jsonout_put(o, "candidate", jsonout_real(v->b));
	bad |= jsonout_put(o, "delta", jsonout_real(v->delta));
	bad |= jsonout_put(o, "delta_ci", pair(v->lo, v->hi));
	bad |= jsonout_put(o, "change", jsonout_real(v->change));
	bad |= jsonout_put(o, "ci", pair(v->change_lo, v->change_hi));
	bad |= jsonout_put(o, "p", jsonout_real(v->p));
	bad |= jsonout_put(o, "q", jsonout_real(v->q));
	bad |= jsonout_put(o, "counts", pair((double)v->count_a, (double)v->count_b));
	return bad;
}

static json_t *numbers_json(const struct compare_value *v)
{
	json_t *o = json_object();
	int bad = !o || put_numbers(o, v);

	return checked(o, bad);
}

/* Frames, the root first. */
static json_t *stack_json(const char *stack)
{
	json_t *list = json_array();
	const char *s = *stack ? stack : NULL;
	int bad = !list;

	while (s) {
		size_t n = strcspn(s, ";");
		char *frame = strndup(s, n);

		bad |= !frame || json_array_append_new(list, jsonout_text(frame)) != 0;
		free(frame);
		s = s[n] ? s + n + 1 : NULL;
	}
	return checked(list, bad);
}

static json_t *function_json(const struct compare *c, const struct compare_function *f,
			     const struct compare_function *rows)
{
	const char *fate = diff_fate_name(f->fate);
	json_t *o = json_object();
	int bad = !o;

	bad |= jsonout_put(o, "function", jsonout_text(compare_text(c, f->function)));
	bad |= jsonout_put(o, "module", text_or_null(compare_text(c, f->module)));
	bad |= jsonout_put(o, "file", text_or_null(compare_text(c, f->file)));
	if (f->detail)
		bad |= jsonout_put(o, "in", jsonout_text(compare_text(c, f->detail)));
	bad |= jsonout_put(o, "stage", text_or_null(compare_text(c, f->stage)));
	bad |= put_numbers(o, &f->self);
	bad |= jsonout_put(o, "total", numbers_json(&f->total));
	bad |= jsonout_put(o, "moved", json_boolean(compare_moved(f)));
	bad |= jsonout_put(o, "total_moved", json_boolean(compare_total_moved(f)));
	bad |= jsonout_put(o, "small_changes", json_boolean(f->is_sum));
	bad |= jsonout_put(o, "verdict", json_null());
	bad |= jsonout_put(o, "fate", text_or_null(fate));
	bad |= jsonout_put(o, "partner",
			   f->partner == PROFILE_NONE
				   ? json_null()
				   : jsonout_text(compare_text(c, rows[f->partner].function)));
	bad |= jsonout_put(o, "stack", stack_json(compare_text(c, f->stack)));
	return checked(o, bad);
}

static json_t *functions_json(const struct diff *d, const struct diff_wish *wish)
{
	size_t n, i;
	const struct compare_function *rows = compare_rows(d->functions, &n);
	json_t *list = json_array();
	int bad = !list;

	if (wish->limit > 0 && (size_t)wish->limit < n)
		n = (size_t)wish->limit;
	for (i = 0; i < n; i++)
		bad |= json_array_append_new(list, function_json(d->functions, &rows[i], rows)) !=
		       0;
	return checked(list, bad);
}

/* ---- the document ---- */

static json_t *explanation_json(const struct compare *c)
{
	const struct compare_place *e = compare_explanation(c);
	json_t *o;
	int bad;

	if (!e->stack)
		return json_null();
	o = json_object();
	bad = !o;
	bad |= jsonout_put(o, "stack", stack_json(compare_text(c, e->stack)));
	bad |= jsonout_put(o, "base", jsonout_real(e->a));
	bad |= jsonout_put(o, "candidate", jsonout_real(e->b));
	bad |= jsonout_put(o, "delta", jsonout_real(e->delta));
	bad |= jsonout_put(o, "part", jsonout_real(e->part));
	return checked(o, bad);
}

static json_t *remarks_json(const struct diff *d)
{
	json_t *list = json_array();
	const char *remark;
	int bad = !list;
	size_t i;

	for (i = 0; (remark = diff_remark_text(d, i)); i++)
		bad |= json_array_append_new(list, jsonout_text(remark)) != 0;
	return checked(list, bad);
}

static const char *test_name(enum compare_test test)
{
	static const char *const names[] = {"exact", "sampling", "runs"};

	return names[test];
}

int diff_json(FILE *out, const struct diff *d, const struct diff_wish *wish, struct err *err)
{
	const struct compare *c = d->functions;
	const struct compare_options *o = compare_options(c);
	json_t *root = json_object();
	int bad = !root;

	bad |= jsonout_put(root, "verdict", json_null());
	bad |= jsonout_put(root, "kind", json_string(profile_kind_name(o->kind)));
	bad |= jsonout_put(root, "unit", json_string(o->counts ? "" : report_unit(o->kind)));
	bad |= jsonout_put(root, "by", json_string(compare_by_name(o->by)));
	bad |= jsonout_put(root, "normalise", json_string(compare_norm_name(o->norm)));
	bad |= jsonout_put(root, "in_stage", text_or_null(o->stage));
	bad |= jsonout_put(root, "in_thread", text_or_null(o->thread));
	bad |= jsonout_put(root, "test", json_string(test_name(compare_test(c))));
	bad |= jsonout_put(root, "alpha", jsonout_real(COMPARE_ALPHA));
	bad |= jsonout_put(root, "base", side_json(d, 0));
	bad |= jsonout_put(root, "candidate", side_json(d, 1));
	bad |= jsonout_put(root, "total", numbers_json(compare_whole(c)));
	bad |= jsonout_put(root, "explanation", explanation_json(c));
	bad |= jsonout_put(root, "metrics", values_json(d));
	bad |= jsonout_put(root, "functions", functions_json(d, wish));
	bad |= jsonout_put(root, "remarks", remarks_json(d));
	return jsonout_finish(out, root, bad, err);
}
