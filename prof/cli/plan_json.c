/* A plan as JSON: see docs/plan.md for the members. */
#include <math.h>
#include <string.h>

#include "prof/cli/jsonout.h"
#include "prof/cli/plan.h"

static const char *const limits[] = {"memory", "cgroup", "MemAvailable", "MemTotal"};

static json_t *bytes(double v)
{
	return isfinite(v) && fabs(v) < 9e18 ? json_integer((json_int_t)llround(v)) : json_null();
}

static json_t *number(double v)
{
	return v <= floor(v) ? bytes(v) : jsonout_real(v);
}

static json_t *interval(double lo, double hi)
{
	return isnan(hi) ? json_null() : json_pack("[o, o]", jsonout_real(lo), jsonout_real(hi));
}

static json_t *memory_object(const struct plan *p, int *bad)
{
	const struct batch_model *m = &p->model;
	json_t *o = json_object();

	*bad |= jsonout_put(o, "metric",
			    json_string(p->memory == BATCH_RSS ? "peak_rss" : "peak_heap"));
	*bad |= jsonout_put(o, "base", bytes(m->base));
	*bad |= jsonout_put(o, "shared", m->shared_known ? bytes(m->shared) : json_null());
	*bad |= jsonout_put(o, "per_item", bytes(m->per_item));
	*bad |= jsonout_put(o, "per_item_ci", interval(m->lo, m->hi));
	*bad |= jsonout_put(o, "points", json_integer((json_int_t)m->memory.n));
	*bad |= jsonout_put(o, "sizes", json_integer((json_int_t)m->memory.sizes));
	*bad |= jsonout_put(o, "left_out", json_integer((json_int_t)m->memory.left_out));
	return o;
}

static json_t *line_object(const struct line_fit *f, int *bad)
{
	json_t *o;

	if (f->sizes < 2)
		return json_null();
	o = json_object();
	*bad |= jsonout_put(o, "base", jsonout_real(f->base));
	*bad |= jsonout_put(o, "base_ci", interval(f->base_lo, f->base_hi));
	*bad |= jsonout_put(o, "per_item", jsonout_real(f->per_item));
	*bad |= jsonout_put(o, "per_item_ci", interval(f->lo, f->hi));
	return o;
}

static json_t *row_object(const struct batch_row *r, int *bad)
{
	json_t *o = json_object();

	*bad |= jsonout_put(o, "items", number(r->items));
	*bad |= jsonout_put(o, "memory", bytes(r->memory));
	*bad |= jsonout_put(o, "latency_ns", jsonout_real(r->latency));
	*bad |= jsonout_put(o, "latency_ci", interval(r->lo, r->hi));
	*bad |= jsonout_put(o, "items_per_s", jsonout_real(r->per_second));
	*bad |= jsonout_put(o, "workers", number(r->workers));
	*bad |= jsonout_put(o, "useful_workers", number(r->useful));
	*bad |= jsonout_put(o, "all_items_per_s", jsonout_real(r->all_per_second));
	*bad |= jsonout_put(o, "measured", json_boolean(r->measured));
	return o;
}

static void put_plan(json_t *root, const struct plan *p, int *bad)
{
	const struct batch_plan *b = &p->plan;
	json_t *rows = json_array();
	size_t i;

	for (i = 0; i < b->n_rows; i++)
		*bad |= json_array_append_new(rows, row_object(&b->rows[i], bad));
	*bad |= jsonout_put(root, "usable", bytes(b->usable));
	*bad |= jsonout_put(root, "for_items", bytes(b->for_items));
	*bad |= jsonout_put(root, "planned_per_item", bytes(b->per_item));
	*bad |= jsonout_put(root, "largest", number(b->largest));
	*bad |= jsonout_put(root, "largest_at_estimate", number(b->at_estimate));
	*bad |= jsonout_put(root, "best",
			    b->best == SIZE_MAX ? json_null() : row_object(&b->rows[b->best], bad));
	*bad |= jsonout_put(root, "batches", rows);
}

static json_t *remark_array(const struct plan *p, int *bad)
{
	const char *remarks[PLAN_REMARKS];
	json_t *array = json_array();
	size_t i;

	plan_remarks(remarks, p);
	for (i = 0; remarks[i]; i++)
		*bad |= json_array_append_new(array, jsonout_text(remarks[i]));
	return array;
}

int plan_json(FILE *out, const struct plan *p, struct err *err)
{
	int fitted = p->model.reason == BATCH_FITTED, bad = 0;
	json_t *root = json_object();

	bad |= jsonout_put(root, "stage", p->stage ? jsonout_text(p->stage->name) : json_null());
	bad |= jsonout_put(root, "counted_in", jsonout_text(p->param ? p->param : "items"));
	bad |= jsonout_put(root, "verdict",
			   json_string(!fitted                ? "inconclusive"
				       : p->plan.largest >= 1 ? "fits"
							      : "does not fit"));
	bad |= jsonout_put(root, "reason",
			   fitted ? json_null() : json_string(batch_reason_text(p->model.reason)));
	bad |= jsonout_put(root, "limit", bytes(p->limits.memory));
	bad |= jsonout_put(root, "limit_from", json_string(limits[p->limit_from]));
	bad |= jsonout_put(root, "headroom", jsonout_real(p->limits.headroom));
	bad |= jsonout_put(root, "memory", memory_object(p, &bad));
	bad |= jsonout_put(root, "wall_ns", line_object(&p->model.wall, &bad));
	bad |= jsonout_put(root, "cpu_ns", line_object(&p->model.cpu, &bad));
	bad |= jsonout_put(root, "failed_runs", json_integer(p->data ? p->data->failed : 0));
	bad |= jsonout_put(root, "failed_at",
			   p->stage && p->stage->failed_at > 0 ? number(p->stage->failed_at)
							       : json_null());
	if (fitted)
		put_plan(root, p, &bad);
	bad |= jsonout_put(root, "remarks", remark_array(p, &bad));
	return jsonout_finish(out, root, bad, err);
}
