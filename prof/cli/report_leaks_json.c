/* report --leaks --json. */
#include "prof/analyze/estimate.h"
#include "prof/analyze/trend.h"
#include "prof/cli/report_json.h"
#include "prof/cli/report_memory.h"

static json_t *rule_text(const struct suppress *rules, uint32_t rule)
{
	return rule == SUPPRESS_NONE ? json_null() : jsonout_text(rules->rules[rule].pattern);
}

static json_t *leak_object(const struct profile *p, const struct leak_row *r,
			   const struct suppress *rules, enum profile_kind kind)
{
	json_t *row = json_object();
	double lo, hi;
	int bad = !row;

	estimate_interval(p, kind, (double)r->value, r->variance, &lo, &hi);
	if (row) {
		bad |= jsonout_put(row, "bytes", json_integer(r->value));
		bad |= jsonout_put(row, "blocks", json_integer((json_int_t)r->count));
		bad |= jsonout_put(row, "ci", report_json_pair(lo, hi));
		bad |= jsonout_put(row, "suppressed_by", rule_text(rules, r->rule));
		bad |= jsonout_put(row, "stack", report_json_stack(p, r->stack));
	}
	if (bad) {
		json_decref(row);
		return NULL;
	}
	return row;
}

static json_t *growth_object(const struct profile *p, const struct growth_row *r,
			     const struct suppress *rules)
{
	json_t *row = json_object();
	int bad = !row;

	if (row) {
		bad |= jsonout_put(row, "bytes_per_s", jsonout_real(r->bytes_per_s));
		bad |= jsonout_put(row, "bytes_per_hour", jsonout_real(3600 * r->bytes_per_s));
		bad |= jsonout_put(row, "p", jsonout_real(r->p));
		bad |= jsonout_put(row, "q", jsonout_real(r->q));
		bad |= jsonout_put(row, "first_bytes", json_integer(r->first));
		bad |= jsonout_put(row, "last_bytes", json_integer(r->last));
		bad |= jsonout_put(row, "last_blocks", json_integer((json_int_t)r->last_count));
		bad |= jsonout_put(row, "suppressed_by", rule_text(rules, r->rule));
		bad |= jsonout_put(row, "stack", report_json_stack(p, r->stack));
	}
	if (bad) {
		json_decref(row);
		return NULL;
	}
	return row;
}

static json_t *leak_rows(const struct profile *p, const struct leak_list *l,
			 const struct suppress *rules, const struct report_options *o)
{
	size_t limit = o->rows ? (size_t)o->rows : l->n, i;
	json_t *rows = json_array();
	int bad = !rows;

	for (i = 0; !bad && i < l->n && i < limit; i++)
		bad |= json_array_append_new(rows,
					     leak_object(p, &l->rows[i], rules, o->filter.kind));
	if (bad) {
		json_decref(rows);
		return NULL;
	}
	return rows;
}

static json_t *growth_rows(const struct profile *p, const struct growth_list *g,
			   const struct suppress *rules, const struct report_options *o)
{
	size_t limit = o->rows ? (size_t)o->rows : g->n, i;
	json_t *rows = json_array();
	int bad = !rows;

	for (i = 0; !bad && i < g->n && i < limit; i++)
		bad |= json_array_append_new(rows, growth_object(p, &g->rows[i], rules));
	if (bad) {
		json_decref(rows);
		return NULL;
	}
	return rows;
}

static json_t *tests_object(const struct growth_list *g)
{
	json_t *object = json_object();
	int bad = !object;

	if (object) {
		bad |= jsonout_put(object, "snapshots", json_integer((json_int_t)g->points));
		bad |= jsonout_put(object, "snapshots_needed", json_integer(TREND_POINTS_MIN));
		bad |= jsonout_put(object, "stacks", json_integer((json_int_t)g->stacks));
		bad |= jsonout_put(object, "span_ns", json_integer(g->span_ns));
		bad |= jsonout_put(object, "false_discovery_rate", jsonout_real(GROWTH_RATE_FALSE));
	}
	if (bad) {
		json_decref(object);
		return NULL;
	}
	return object;
}

int report_leaks_json(FILE *out, const struct profile *p, const struct leak_list *leaks,
		      const struct growth_list *growth, const struct suppress *rules,
		      const struct report_options *o, struct err *err)
{
	json_t *root = json_object();
	int bad = !root;

	if (root) {
		bad |= jsonout_put(root, "run", report_json_run(p));
		bad |= jsonout_put(root, "kind", json_string(profile_kind_name(o->filter.kind)));
		bad |= jsonout_put(root, "unit", json_string("bytes"));
		bad |= jsonout_put(root, "bytes", json_integer(leaks->value));
		bad |= jsonout_put(root, "blocks", json_integer((json_int_t)leaks->count));
		bad |= jsonout_put(root, "suppressed_bytes", json_integer(leaks->suppressed_value));
		bad |= jsonout_put(root, "suppressed_blocks",
				   json_integer((json_int_t)leaks->suppressed_count));
		bad |= jsonout_put(root, "leaks", leak_rows(p, leaks, rules, o));
		bad |= jsonout_put(root, "growth_test", tests_object(growth));
		bad |= jsonout_put(root, "growing", growth_rows(p, growth, rules, o));
	}
	return jsonout_finish(out, root, bad, err);
}
