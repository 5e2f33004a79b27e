/* The report as JSON: the same rows with plain numbers (ns, bytes, shares of 1). */
#include <jansson.h>
#include <string.h>

#include "prof/cli/report.h"

/* Names may hold anything; JSON holds UTF-8. */
static json_t *text(const struct profile *p, uint32_t id)
{
	json_t *s = json_string(strtab_text(p->strings, id));
	const char *from = strtab_text(p->strings, id);
	char clean[4096];
	size_t i, n = 0;

	if (s)
		return s;
	for (i = 0; from[i] && n < sizeof(clean) - 1; i++)
		clean[n++] = (unsigned char)from[i] < 0x80 ? from[i] : '?';
	return json_stringn(clean, n);
}

static json_t *parsed(const struct profile *p, uint32_t id)
{
	json_t *value = json_loads(strtab_text(p->strings, id), JSON_DECODE_ANY, NULL);

	return value ? value : json_null();
}

static int put(json_t *object, const char *key, json_t *value)
{
	return json_object_set_new(object, key, value);
}

static json_t *run_object(const struct profile *p)
{
	json_t *run = json_object(), *lost = json_object();
	uint32_t i;
	int bad = !run || !lost;

	for (i = 0; !bad && i < p->n_losses; i++)
		bad |= put(lost, strtab_text(p->strings, p->losses[i].reason),
			   json_integer((json_int_t)p->losses[i].count));
	if (!bad) {
		bad |= put(run, "id", text(p, p->run.id));
		bad |= put(run, "name", text(p, p->run.name));
		bad |= put(run, "command", text(p, p->run.command));
		bad |= put(run, "labels", parsed(p, p->run.labels));
		bad |= put(run, "host", text(p, p->run.host));
		bad |= put(run, "started_at", json_integer(p->run.started_at));
		bad |= put(run, "duration_ns", json_integer(p->run.duration_ns));
		bad |= put(run, "rate_hz", json_real(p->run.rate_hz));
		bad |= put(run, "mode", text(p, p->run.mode));
		bad |= put(run, "engine", text(p, p->run.engine));
		bad |= put(run, "exit_code",
			   p->run.has_exit_code ? json_integer(p->run.exit_code) : json_null());
		bad |= put(run, "signal",
			   p->run.signal ? json_integer(p->run.signal) : json_null());
		bad |= put(run, "finished", json_boolean(p->run.finished));
		bad |= put(run, "lost", json_incref(lost));
	}
	json_decref(lost);
	if (bad) {
		json_decref(run);
		return NULL;
	}
	return run;
}

static int finish(FILE *out, json_t *root, int bad, struct err *err)
{
	int rc = 0;

	if (bad || !root)
		rc = err_nomem(err, "the JSON report");
	else if (json_dumpf(root, out, JSON_INDENT(1)) || putc('\n', out) == EOF)
		rc = err_sys(err, ERR_IO, "cannot write the report");
	json_decref(root);
	return rc;
}

static json_t *row_object(struct profile *p, const struct hot_list *list, const struct hot_row *r,
			  enum hot_by by)
{
	double all = list->value > 0 ? (double)list->value : 1;
	json_t *row = json_object();
	int bad = !row;

	if (row) {
		bad |= put(row, report_by_name(by), text(p, r->label));
		if (r->detail != STRTAB_EMPTY)
			bad |= put(row,
				   by == HOT_LINE     ? "function"
				   : by == HOT_THREAD ? "process"
						      : "module",
				   text(p, r->detail));
		bad |= put(row, "self", json_integer(r->self_value));
		bad |= put(row, "total", json_integer(r->total_value));
		bad |= put(row, "self_samples", json_integer((json_int_t)r->self_count));
		bad |= put(row, "total_samples", json_integer((json_int_t)r->total_count));
		bad |= put(row, "self_share", json_real((double)r->self_value / all));
		bad |= put(row, "total_share", json_real((double)r->total_value / all));
		bad |= put(row, "self_ci", json_pack("[ff]", r->self_lo, r->self_hi));
		bad |= put(row, "total_ci", json_pack("[ff]", r->total_lo, r->total_hi));
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
	size_t limit = o->rows ? (size_t)o->rows : list->n, i;
	json_t *root = json_object(), *rows = json_array();
	int bad = !root || !rows;

	for (i = 0; !bad && i < list->n && i < limit; i++)
		bad |= json_array_append_new(rows, row_object(p, list, &list->rows[i], o->by));
	if (root) {
		bad |= put(root, "run", run_object(p));
		bad |= put(root, "kind", json_string(profile_kind_name(o->filter.kind)));
		bad |= put(root, "unit",
			   json_string(profile_kind_is_time(o->filter.kind) ? "ns" : "bytes"));
		bad |= put(root, "by", json_string(report_by_name(o->by)));
		bad |= put(root, "samples", json_integer((json_int_t)list->count));
		bad |= put(root, "value", json_integer(list->value));
		bad |= put(root, "rows", json_incref(rows));
	}
	json_decref(rows);
	return finish(out, root, bad, err);
}

int report_json_tree(FILE *out, struct profile *p, const struct profile_tree *t,
		     const struct report_options *o, struct err *err)
{
	json_t *root = json_object(), *rows = json_array();
	int bad = !root || !rows;
	uint32_t i;

	for (i = 1; !bad && i < t->tree.count; i++) {
		const struct calltree_node *n = &t->tree.nodes[i];
		const struct tree_label *l = &t->labels[n->label];

		bad |= json_array_append_new(
			rows,
			json_pack("{s:i,s:i,s:o,s:o,s:I,s:I,s:I,s:I}", "node", (int)i, "parent",
				  (int)n->parent, "function", text(p, l->function), "module",
				  text(p, l->module), "self", (json_int_t)n->self_value, "total",
				  (json_int_t)n->total_value, "self_samples",
				  (json_int_t)n->self_count, "total_samples",
				  (json_int_t)n->total_count));
	}
	if (root) {
		bad |= put(root, "run", run_object(p));
		bad |= put(root, "kind", json_string(profile_kind_name(o->filter.kind)));
		bad |= put(root, "nodes", json_incref(rows));
	}
	json_decref(rows);
	return finish(out, root, bad, err);
}

static json_t *spread_object(const struct stage_spread *s)
{
	if (s->max < 0)
		return json_null();
	return json_pack("{s:f,s:f,s:f,s:f,s:f}", "min", s->min, "median", s->median, "p95", s->p95,
			 "max", s->max, "sum", s->sum);
}

int report_json_stages(FILE *out, struct profile *p, const struct stage_list *list, struct err *err)
{
	json_t *root = json_object(), *rows = json_array();
	int bad = !root || !rows;
	size_t i;

	for (i = 0; !bad && i < list->n; i++) {
		const struct stage_row *r = &list->rows[i];

		bad |= json_array_append_new(
			rows,
			json_pack("{s:o,s:i,s:I,s:I,s:o,s:o,s:o,s:f,s:f}", "stage",
				  text(p, r->name), "depth", (int)r->depth, "n", (json_int_t)r->n,
				  "samples", (json_int_t)r->samples, "wall_ns",
				  spread_object(&r->wall_ns), "cpu_ns", spread_object(&r->cpu_ns),
				  "peak_heap_bytes", spread_object(&r->peak_heap_bytes), "items",
				  r->items, "items_per_s", r->items_per_s));
	}
	if (root) {
		bad |= put(root, "run", run_object(p));
		bad |= put(root, "stages", json_incref(rows));
	}
	json_decref(rows);
	return finish(out, root, bad, err);
}
