/* The report as JSON: the same rows with plain numbers (ns, bytes, shares of 1). */
#include "prof/cli/report_json.h"

json_t *report_json_text(const struct profile *p, uint32_t string)
{
	return jsonout_text(strtab_text(p->strings, string));
}

static json_t *text(const struct profile *p, uint32_t id)
{
	return report_json_text(p, id);
}

json_t *report_json_pair(double lo, double hi)
{
	json_t *pair = json_array();

	if (json_array_append_new(pair, jsonout_real(lo)) ||
	    json_array_append_new(pair, jsonout_real(hi))) {
		json_decref(pair);
		return NULL;
	}
	return pair;
}

static json_t *frame_object(const struct profile *p, const struct profile_frame *f)
{
	json_t *frame = json_object();
	int bad = !frame;

	if (frame) {
		bad |= jsonout_put(frame, "function", text(p, f->function));
		bad |= jsonout_put(frame, "file", text(p, f->file));
		bad |= jsonout_put(frame, "line", json_integer(f->line));
		bad |= jsonout_put(frame, "module",
				   f->module == PROFILE_NONE ? json_string("")
							     : text(p, p->modules[f->module].path));
	}
	if (bad) {
		json_decref(frame);
		return NULL;
	}
	return frame;
}

json_t *report_json_stack(const struct profile *p, uint32_t stack)
{
	json_t *frames = json_array();
	int bad = !frames;

	for (; !bad && stack; stack = p->stacks[stack].parent)
		bad |= json_array_append_new(frames,
					     frame_object(p, &p->frames[p->stacks[stack].frame]));
	if (bad) {
		json_decref(frames);
		return NULL;
	}
	return frames;
}

json_t *report_json_run(const struct profile *p)
{
	json_t *run = json_object(), *lost = json_object();
	uint32_t i;
	int bad = !run || !lost;

	for (i = 0; !bad && i < p->n_losses; i++)
		bad |= jsonout_put(lost, strtab_text(p->strings, p->losses[i].reason),
				   json_integer((json_int_t)p->losses[i].count));
	if (!bad) {
		bad |= jsonout_put(run, "id", text(p, p->run.id));
		bad |= jsonout_put(run, "name", text(p, p->run.name));
		bad |= jsonout_put(run, "command", text(p, p->run.command));
		bad |= jsonout_put(run, "labels",
				   jsonout_parsed(strtab_text(p->strings, p->run.labels)));
		bad |= jsonout_put(run, "host", text(p, p->run.host));
		bad |= jsonout_put(run, "started_at", json_integer(p->run.started_at));
		bad |= jsonout_put(run, "duration_ns", json_integer(p->run.duration_ns));
		bad |= jsonout_put(run, "rate_hz", jsonout_real(p->run.rate_hz));
		bad |= jsonout_put(run, "mode", text(p, p->run.mode));
		bad |= jsonout_put(run, "engine", text(p, p->run.engine));
		bad |= jsonout_put(run, "memory", text(p, p->run.memory));
		bad |= jsonout_put(run, "exit_code",
				   p->run.has_exit_code ? json_integer(p->run.exit_code)
							: json_null());
		bad |= jsonout_put(run, "signal",
				   p->run.signal ? json_integer(p->run.signal) : json_null());
		bad |= jsonout_put(run, "finished", json_boolean(p->run.finished));
		bad |= jsonout_put(run, "lost", json_incref(lost));
	}
	json_decref(lost);
	if (bad) {
		json_decref(run);
		return NULL;
	}
	return run;
}

static json_t *row_object(struct profile *p, const struct hot_list *list, const struct hot_row *r,
			  enum hot_by by)
{
	double all = list->value > 0 ? (double)list->value : 1;
	json_t *row = json_object();
	int bad = !row;

	if (row) {
		bad |= jsonout_put(row, report_by_name(by), text(p, r->label));
		if (r->detail != STRTAB_EMPTY)
			bad |= jsonout_put(row,
					   by == HOT_LINE     ? "function"
					   : by == HOT_THREAD ? "process"
							      : "module",
					   text(p, r->detail));
		bad |= jsonout_put(row, "self", json_integer(r->self_value));
		bad |= jsonout_put(row, "total", json_integer(r->total_value));
		bad |= jsonout_put(row, "self_samples", json_integer((json_int_t)r->self_count));
		bad |= jsonout_put(row, "total_samples", json_integer((json_int_t)r->total_count));
		bad |= jsonout_put(row, "self_share", jsonout_real((double)r->self_value / all));
		bad |= jsonout_put(row, "total_share", jsonout_real((double)r->total_value / all));
		bad |= jsonout_put(row, "self_ci", json_pack("[ff]", r->self_lo, r->self_hi));
		bad |= jsonout_put(row, "total_ci", json_pack("[ff]", r->total_lo, r->total_hi));
	}
	if (bad) {
		json_decref(row);
		return NULL;
	}
	return row;
}

int report_json_list(FILE *out, struct profile *p, const struct hot_list *list,
		     const struct report_options *o, struct err *err)
{
	size_t limit = o->rows ? (size_t)o->rows : list->n, i, n = 0;
	json_t *root = json_object(), *rows = json_array();
	int bad = !root || !rows;

	for (i = 0; !bad && i < list->n && n < limit; i++) {
		if (!report_wants(list, &list->rows[i], o))
			continue;
		bad |= json_array_append_new(rows, row_object(p, list, &list->rows[i], o->by));
		n++;
	}
	if (root) {
		bad |= jsonout_put(root, "run", report_json_run(p));
		bad |= jsonout_put(root, "kind", json_string(profile_kind_name(o->filter.kind)));
		bad |= jsonout_put(root, "unit", json_string(report_unit(o->filter.kind)));
		bad |= jsonout_put(root, "by", json_string(report_by_name(o->by)));
		bad |= jsonout_put(root, "samples", json_integer((json_int_t)list->count));
		bad |= jsonout_put(root, "value", json_integer(list->value));
		bad |= jsonout_put(root, "rows", json_incref(rows));
	}
	json_decref(rows);
	return jsonout_finish(out, root, bad, err);
}

static json_t *node_object(const struct profile *p, const struct profile_tree *t, uint32_t i,
			   int lines)
{
	const struct calltree_node *n = &t->tree.nodes[i];
	const struct tree_label *l = &t->labels[n->label];
	json_t *node = json_object();
	int bad = !node;

	if (node) {
		bad |= jsonout_put(node, "node", json_integer(i));
		bad |= jsonout_put(node, "parent", json_integer(n->parent));
		bad |= jsonout_put(node, "depth", json_integer(n->depth));
		bad |= jsonout_put(node, "function", text(p, l->function));
		bad |= jsonout_put(node, "module", text(p, l->module));
		if (lines) {
			bad |= jsonout_put(node, "file", text(p, l->file));
			bad |= jsonout_put(node, "line", json_integer(l->line));
		}
		bad |= jsonout_put(node, "self", json_integer((json_int_t)n->self_value));
		bad |= jsonout_put(node, "total", json_integer((json_int_t)n->total_value));
		bad |= jsonout_put(node, "self_samples", json_integer((json_int_t)n->self_count));
		bad |= jsonout_put(node, "total_samples", json_integer((json_int_t)n->total_count));
	}
	if (bad) {
		json_decref(node);
		return NULL;
	}
	return node;
}

/* Nodes in preorder; the root is node 0 and has no row, what has no stack is its "self". */
int report_json_tree(FILE *out, struct profile *p, const struct profile_tree *t,
		     const struct report_options *o, struct err *err)
{
	json_t *root = json_object(), *rows = json_array();
	const struct calltree_node *all = &t->tree.nodes[0];
	int bad = !root || !rows;
	uint32_t i = 1, n = 0;

	while (!bad && i < t->tree.count) {
		if ((double)t->tree.nodes[i].total_value <
			    o->min_share * (double)all->total_value ||
		    (o->rows && n >= (uint32_t)o->rows)) {
			i = t->tree.nodes[i].end;
			continue;
		}
		bad |= json_array_append_new(rows, node_object(p, t, i++, o->lines));
		n++;
	}
	if (root) {
		bad |= jsonout_put(root, "run", report_json_run(p));
		bad |= jsonout_put(root, "kind", json_string(profile_kind_name(o->filter.kind)));
		bad |= jsonout_put(root, "unit", json_string(report_unit(o->filter.kind)));
		bad |= jsonout_put(root, "samples", json_integer((json_int_t)all->total_count));
		bad |= jsonout_put(root, "value", json_integer((json_int_t)all->total_value));
		bad |= jsonout_put(root, "self", json_integer((json_int_t)all->self_value));
		bad |= jsonout_put(root, "nodes", json_incref(rows));
	}
	json_decref(rows);
	return jsonout_finish(out, root, bad, err);
}

static json_t *spread_object(const struct stage_spread *s)
{
	json_t *object;
	int bad;

	if (s->max < 0)
		return json_null();
	object = json_object();
	bad = !object || jsonout_put(object, "min", jsonout_real(s->min)) ||
	      jsonout_put(object, "median", jsonout_real(s->median)) ||
	      jsonout_put(object, "p95", jsonout_real(s->p95)) ||
	      jsonout_put(object, "max", jsonout_real(s->max)) ||
	      jsonout_put(object, "sum", jsonout_real(s->sum));
	if (bad) {
		json_decref(object);
		return NULL;
	}
	return object;
}

static json_t *measured(double sum)
{
	return sum < 0 ? json_null() : jsonout_real(sum);
}

static json_t *stage_object(const struct profile *p, const struct stage_row *r)
{
	json_t *row = json_object();
	int bad = !row;

	if (row) {
		bad |= jsonout_put(row, "stage", text(p, r->name));
		bad |= jsonout_put(row, "depth", json_integer(r->depth));
		bad |= jsonout_put(row, "n", json_integer((json_int_t)r->n));
		bad |= jsonout_put(row, "samples", json_integer((json_int_t)r->samples));
		bad |= jsonout_put(row, "wall_ns", spread_object(&r->wall_ns));
		bad |= jsonout_put(row, "cpu_ns", spread_object(&r->cpu_ns));
		bad |= jsonout_put(row, "peak_heap_bytes", spread_object(&r->peak_heap_bytes));
		bad |= jsonout_put(row, "peak_rss_bytes", spread_object(&r->peak_rss_bytes));
		bad |= jsonout_put(row, "alloc_bytes", measured(r->alloc_bytes));
		bad |= jsonout_put(row, "alloc_count", measured(r->alloc_count));
		bad |= jsonout_put(row, "items", jsonout_real(r->items));
		bad |= jsonout_put(row, "items_per_s", jsonout_real(r->items_per_s));
	}
	if (bad) {
		json_decref(row);
		return NULL;
	}
	return row;
}

int report_json_stages(FILE *out, struct profile *p, const struct stage_list *list,
		       const struct report_options *o, struct err *err)
{
	size_t limit = o->rows && (size_t)o->rows < list->n ? (size_t)o->rows : list->n, i;
	json_t *root = json_object(), *rows = json_array();
	int bad = !root || !rows;

	for (i = 0; !bad && i < limit; i++)
		bad |= json_array_append_new(rows, stage_object(p, &list->rows[i]));
	if (root) {
		bad |= jsonout_put(root, "run", report_json_run(p));
		bad |= jsonout_put(root, "stages", json_incref(rows));
	}
	json_decref(rows);
	return jsonout_finish(out, root, bad, err);
}
