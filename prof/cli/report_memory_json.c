/* report --memory --json: the same with plain numbers. */
#include "prof/analyze/estimate.h"
#include "prof/cli/report_json.h"
#include "prof/cli/report_memory.h"

static const char *kind_name(int k)
{
	return profile_kind_name(memory_profile_kind((enum memory_kind)k));
}

static json_t *sum_object(const struct profile *p, enum profile_kind kind)
{
	struct memory_sum sum = report_memory_sum(p, kind);
	json_t *object = json_object();
	int bad = !object;

	if (object) {
		bad |= jsonout_put(object, "bytes", json_integer(sum.value));
		bad |= jsonout_put(object, "blocks", json_integer((json_int_t)sum.count));
		bad |= jsonout_put(object, "ci", report_json_pair(sum.lo, sum.hi));
	}
	if (bad) {
		json_decref(object);
		return NULL;
	}
	return object;
}

static json_t *known(int64_t value)
{
	return value < 0 ? json_null() : json_integer(value);
}

static json_t *memory_object(const struct profile *p)
{
	json_t *object = json_object();
	int bad = !object, k;

	for (k = 0; !bad && k < MEMORY_KINDS; k++)
		bad |= jsonout_put(object, kind_name(k),
				   sum_object(p, memory_profile_kind((enum memory_kind)k)));
	if (object) {
		bad |= jsonout_put(object, "mode", report_json_text(p, p->run.memory));
		bad |= jsonout_put(object, "exact",
				   json_boolean(estimate_rate(p, PROFILE_ALLOC) <= 0));
		bad |= jsonout_put(object, "rate_bytes",
				   json_integer((json_int_t)p->run.memory_rate_bytes));
		bad |= jsonout_put(object, "temporary_n",
				   json_integer((json_int_t)p->run.memory_temporary));
		bad |= jsonout_put(object, "peak_ns", known(report_peak_ns(p)));
		bad |= jsonout_put(object, "peak_rss_bytes", known(report_peak_rss(p)));
	}
	if (bad) {
		json_decref(object);
		return NULL;
	}
	return object;
}

static json_t *interval(const struct profile *p, int k, int64_t value, double variance)
{
	double lo, hi;

	estimate_interval(p, memory_profile_kind((enum memory_kind)k), (double)value, variance, &lo,
			  &hi);
	return report_json_pair(lo, hi);
}

static json_t *cell_object(const struct profile *p, int k, const struct memory_cell *c)
{
	json_t *cell = json_object();
	int bad = !cell;

	if (cell) {
		bad |= jsonout_put(cell, "self", json_integer(c->self));
		bad |= jsonout_put(cell, "total", json_integer(c->total));
		bad |= jsonout_put(cell, "self_blocks", json_integer((json_int_t)c->self_count));
		bad |= jsonout_put(cell, "total_blocks", json_integer((json_int_t)c->total_count));
		bad |= jsonout_put(cell, "self_ci", interval(p, k, c->self, c->self_variance));
		bad |= jsonout_put(cell, "total_ci", interval(p, k, c->total, c->total_variance));
	}
	if (bad) {
		json_decref(cell);
		return NULL;
	}
	return cell;
}

static int put_means(json_t *row, const struct memory_row *r)
{
	const struct memory_cell *all = &r->cell[MEMORY_ALLOC];
	double n = (double)all->self_count, life = memory_mean_life_ns(r);
	int bad = 0;

	bad |= jsonout_put(row, "temporary_share",
			   n > 0 ? jsonout_real((double)r->cell[MEMORY_TEMPORARY].self_count / n)
				 : json_null());
	bad |= jsonout_put(row, "mean_bytes",
			   n > 0 ? jsonout_real((double)all->self / n) : json_null());
	bad |= jsonout_put(row, "mean_life_ns", life >= 0 ? jsonout_real(life) : json_null());
	return bad;
}

static json_t *row_object(const struct profile *p, const struct memory_row *r,
			  const struct report_options *o)
{
	json_t *row = json_object();
	int bad = !row, k;

	if (row) {
		bad |= jsonout_put(row, report_by_name(o->by), report_json_text(p, r->label));
		if (r->detail != STRTAB_EMPTY)
			bad |= jsonout_put(row,
					   o->by == HOT_LINE     ? "function"
					   : o->by == HOT_THREAD ? "process"
								 : "module",
					   report_json_text(p, r->detail));
		for (k = 0; k < MEMORY_KINDS; k++)
			bad |= jsonout_put(row, kind_name(k), cell_object(p, k, &r->cell[k]));
		bad |= put_means(row, r);
	}
	if (bad) {
		json_decref(row);
		return NULL;
	}
	return row;
}

static int is_wanted(const struct memory_list *list, const struct memory_row *r,
		     const struct report_options *o, enum memory_sort sort)
{
	enum memory_kind kind = memory_sort_kind(sort);

	return (double)r->cell[kind].total >= o->min_share * (double)list->all[kind].self;
}

int report_memory_json(FILE *out, struct profile *p, const struct memory_list *list,
		       const struct report_options *o, const struct memory_view *v, struct err *err)
{
	size_t limit = o->rows ? (size_t)o->rows : list->n, i, n = 0;
	json_t *root = json_object(), *rows = json_array();
	int bad = !root || !rows;

	for (i = 0; !bad && i < list->n && n < limit; i++) {
		if (!is_wanted(list, &list->rows[i], o, v->sort))
			continue;
		bad |= json_array_append_new(rows, row_object(p, &list->rows[i], o));
		n++;
	}
	if (root) {
		bad |= jsonout_put(root, "run", report_json_run(p));
		bad |= jsonout_put(root, "memory", memory_object(p));
		bad |= jsonout_put(root, "unit", json_string("bytes"));
		bad |= jsonout_put(root, "by", json_string(report_by_name(o->by)));
		bad |= jsonout_put(root, "sort", json_string(memory_sort_name(v->sort)));
		if (v->snapshot)
			bad |= jsonout_put(root, "snapshot", jsonout_text(v->snapshot));
		bad |= jsonout_put(root, "rows", json_incref(rows));
	}
	json_decref(rows);
	return jsonout_finish(out, root, bad, err);
}
