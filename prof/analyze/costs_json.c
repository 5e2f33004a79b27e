/* Observations as JSON, to be kept and added to: {"format": "protea-model", "version": 1, "runs": […], "observations": […]}.
 * Fits are made anew from them, so the file never contradicts itself. */
#include <jansson.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "prof/analyze/costs.h"

#define FORMAT  "protea-model"
#define VERSION 1
#define PATH    64 /* stages within each other */

/* ---- writing ---- */

/* Text of a store is not always UTF-8. */
static json_t *text_json(const char *text)
{
	json_t *t = json_string(text);
	size_t n = strlen(text), i;
	char *copy;

	if (t)
		return t;
	copy = malloc(n + 1);
	if (!copy)
		return NULL;
	for (i = 0; i <= n; i++)
		copy[i] = (unsigned char)text[i] < 0x80 ? text[i] : '?';
	t = json_string(copy);
	free(copy);
	return t;
}

static json_t *real_json(double v)
{
	return isfinite(v) ? json_real(v) : json_null();
}

static json_t *run_json(const struct costs *c, const struct cost_run *r)
{
	json_t *o = json_object();
	int bad = json_object_set_new(o, "id", text_json(strtab_text(c->strings, r->id)));

	bad |= json_object_set_new(o, "name", text_json(strtab_text(c->strings, r->name)));
	bad |= json_object_set_new(o, "host", text_json(strtab_text(c->strings, r->host)));
	bad |= json_object_set_new(o, "cpu_model",
				   text_json(strtab_text(c->strings, r->cpu_model)));
	bad |= json_object_set_new(o, "started_at", json_integer(r->started_at));
	bad |= json_object_set_new(o, "duration_ns", json_integer(r->duration_ns));
	bad |= json_object_set_new(o, "outside_ns", real_json(r->outside_ns));
	bad |= json_object_set_new(o, "lost", json_integer((json_int_t)(r->lost & INT64_MAX)));
	bad |= json_object_set_new(o, "finished", json_boolean(r->finished));
	if (!bad)
		return o;
	json_decref(o);
	return NULL;
}

/* Names of the stages from the outermost to the node; at most PATH of them, the innermost. */
static json_t *path_json(const struct costs *c, uint32_t node)
{
	json_t *list = json_array();
	int depth, bad = !list;

	for (depth = 0; !bad && node != COSTS_NONE && depth < PATH; depth++) {
		bad = json_array_insert_new(
			list, 0, text_json(strtab_text(c->strings, c->nodes[node].name)));
		node = c->nodes[node].parent;
	}
	if (!bad)
		return list;
	json_decref(list);
	return NULL;
}

static json_t *params_json(const struct costs *c, const struct cost_obs *o)
{
	json_t *p = json_object();
	int bad = !p;
	size_t i;

	for (i = o->first; !bad && i < o->first + o->n; i++) {
		json_t *name = text_json(strtab_text(c->strings, c->params[i].name));

		bad = !name || json_object_set_new(p, json_string_value(name),
						   json_real(c->params[i].value));
		json_decref(name);
	}
	if (!bad)
		return p;
	json_decref(p);
	return NULL;
}

static const char *const value_names[COST_VALUES] = {
	"wall_ns", "cpu_ns", "peak_heap_bytes", "peak_rss_bytes", "self_wall_ns", "self_cpu_ns"};

static json_t *obs_json(const struct costs *c, const struct cost_obs *o)
{
	json_t *j = json_object();
	int bad = json_object_set_new(j, "run", json_integer(o->run)), i;

	bad |= json_object_set_new(j, "stage", path_json(c, o->node));
	bad |= json_object_set_new(j, "instances", json_integer((json_int_t)o->instances));
	for (i = 0; i < COST_VALUES; i++)
		bad |= json_object_set_new(j, value_names[i], real_json(o->value[i]));
	if (o->items > 0)
		bad |= json_object_set_new(j, "items", real_json(o->items));
	bad |= json_object_set_new(j, "params", params_json(c, o));
	if (!bad)
		return j;
	json_decref(j);
	return NULL;
}

int costs_to_json(const struct costs *c, char **text, struct err *err)
{
	json_t *root = json_object(), *runs = json_array(), *obs = json_array();
	int bad = !root || !runs || !obs;
	size_t i;

	*text = NULL;
	for (i = 0; !bad && i < c->n_runs; i++)
		bad = json_array_append_new(runs, run_json(c, &c->runs[i]));
	for (i = 0; !bad && i < c->n_obs; i++)
		bad = json_array_append_new(obs, obs_json(c, &c->obs[i]));
	if (!bad)
		bad = json_object_set_new(root, "format", json_string(FORMAT)) |
		      json_object_set_new(root, "version", json_integer(VERSION)) |
		      json_object_set(root, "runs", runs) |
		      json_object_set(root, "observations", obs);
	if (!bad)
		*text = json_dumps(root, JSON_INDENT(1) | JSON_REAL_PRECISION(17));
	json_decref(runs);
	json_decref(obs);
	json_decref(root);
	return *text ? 0 : err_nomem(err, "a cost model");
}

/* ---- reading ---- */

struct reading {
	struct costs *c;
	const char *file;
	struct err *err;
	uint32_t *run; /* owned: of each run of the file; COSTS_NONE: there already */
	size_t n_runs;
};

static int wrong(const struct reading *r, const char *what, size_t at)
{
	return err_set(r->err, ERR_FORMAT, "'%s': %s %zu is not what a kept cost model has",
		       r->file, what, at);
}

static int no_memory(const struct reading *r)
{
	return err_nomem(r->err, "a cost model");
}

static int take_text(const struct reading *r, json_t *o, const char *key, uint32_t *id)
{
	json_t *v = json_object_get(o, key);

	if (!json_is_string(v))
		return ERR_FORMAT;
	return strtab_intern(r->c->strings, json_string_value(v), json_string_length(v), id)
		       ? ERR_NOMEM
		       : 0;
}

/* A number of 0 or more, or null where that may be. */
static int take_number(json_t *o, const char *key, int may_be_null, double *v)
{
	json_t *n = json_object_get(o, key);

	*v = NAN;
	if (may_be_null && (!n || json_is_null(n)))
		return 0;
	if (!json_is_number(n))
		return ERR_FORMAT;
	*v = json_number_value(n);
	return *v >= 0 && isfinite(*v) ? 0 : ERR_FORMAT;
}

static int take_whole(json_t *o, const char *key, int64_t *v)
{
	json_t *n = json_object_get(o, key);

	*v = json_integer_value(n);
	return json_is_integer(n) ? 0 : ERR_FORMAT;
}

static int read_run(struct reading *r, json_t *j, size_t at)
{
	struct cost_run run = {.first = r->c->n_obs};
	int64_t lost = 0;
	size_t i;
	int rc = take_text(r, j, "id", &run.id);

	rc = rc ? rc : take_text(r, j, "name", &run.name);
	rc = rc ? rc : take_text(r, j, "host", &run.host);
	rc = rc ? rc : take_text(r, j, "cpu_model", &run.cpu_model);
	rc = rc ? rc : take_whole(j, "started_at", &run.started_at);
	rc = rc ? rc : take_whole(j, "duration_ns", &run.duration_ns);
	rc = rc ? rc : take_whole(j, "lost", &lost);
	rc = rc ? rc : take_number(j, "outside_ns", 0, &run.outside_ns);
	if (rc == 0 && (lost < 0 || run.duration_ns < 0))
		rc = ERR_FORMAT;
	run.lost = (uint64_t)lost;
	run.finished = json_is_true(json_object_get(j, "finished"));
	r->run[at] = COSTS_NONE;
	for (i = 0; rc == 0 && i < r->c->n_runs; i++)
		if (r->c->runs[i].id == run.id)
			return 0;
	if (rc == 0) {
		r->run[at] = (uint32_t)r->c->n_runs;
		rc = costs_push_run(r->c, &run);
	}
	return rc == ERR_FORMAT ? wrong(r, "run", at) : rc ? no_memory(r) : 0;
}

static int read_path(struct reading *r, json_t *path, uint32_t *node)
{
	size_t i, n = json_array_size(path);

	*node = COSTS_NONE;
	if (n == 0 || n > PATH)
		return ERR_FORMAT;
	for (i = 0; i < n; i++) {
		json_t *name = json_array_get(path, i);
		uint32_t id, parent = *node;

		if (!json_is_string(name))
			return ERR_FORMAT;
		if (strtab_intern(r->c->strings, json_string_value(name), json_string_length(name),
				  &id) ||
		    costs_node(r->c, parent, id, node))
			return ERR_NOMEM;
		if (parent != COSTS_NONE)
			r->c->nodes[parent].has_inner = 1;
	}
	return 0;
}

static int read_params(struct reading *r, json_t *params, struct cost_param *list, size_t *n)
{
	const char *key;
	json_t *value;

	*n = 0;
	if (!json_is_object(params) || json_object_size(params) > COSTS_PARAMS)
		return ERR_FORMAT;
	json_object_foreach(params, key, value)
	{
		double v = json_number_value(value);

		if (!json_is_number(value) || !(v >= 0) || !isfinite(v))
			return ERR_FORMAT;
		if (strtab_intern_text(r->c->strings, key, &list[*n].name))
			return ERR_NOMEM;
		list[(*n)++].value = v;
	}
	return 0;
}

static int read_obs(struct reading *r, json_t *j, size_t at)
{
	struct cost_param list[COSTS_PARAMS];
	struct cost_obs o = {0};
	int64_t run, instances = 0;
	size_t n;
	int rc = take_whole(j, "run", &run), i;

	if (rc == 0 && (run < 0 || (uint64_t)run >= r->n_runs))
		rc = ERR_FORMAT;
	if (rc == 0 && r->run[run] == COSTS_NONE)
		return 0;
	rc = rc ? rc : take_whole(j, "instances", &instances);
	for (i = 0; rc == 0 && i < COST_VALUES; i++)
		rc = take_number(j, value_names[i], 1, &o.value[i]);
	rc = rc ? rc : take_number(j, "items", 1, &o.items);
	o.items = o.items > 0 ? o.items : 0;
	rc = rc ? rc : read_path(r, json_object_get(j, "stage"), &o.node);
	rc = rc ? rc : read_params(r, json_object_get(j, "params"), list, &n);
	if (rc == 0 && instances < 1)
		rc = ERR_FORMAT;
	if (rc == 0) {
		struct cost_run *of = &r->c->runs[o.run = r->run[run]];

		/* Observations of a run lie together. */
		if (of->n == 0)
			of->first = r->c->n_obs;
		if (of->first + of->n != r->c->n_obs)
			return wrong(r, "observation", at);
		o.instances = (uint64_t)instances;
		rc = costs_push_obs(r->c, &o, list, n);
		of->n++;
	}
	return rc == ERR_FORMAT ? wrong(r, "observation", at) : rc ? no_memory(r) : 0;
}

static int read_root(struct reading *r, json_t *root)
{
	json_t *runs = json_object_get(root, "runs"), *obs = json_object_get(root, "observations");
	const char *format = json_string_value(json_object_get(root, "format"));
	size_t i;
	int rc = 0;

	if (!format || strcmp(format, FORMAT) != 0 || !json_is_array(runs) || !json_is_array(obs))
		return err_set(r->err, ERR_FORMAT, "'%s' is no cost model that model fit kept",
			       r->file);
	if (json_integer_value(json_object_get(root, "version")) != VERSION)
		return err_set(r->err, ERR_FORMAT, "'%s' is of another version than %d", r->file,
			       VERSION);
	r->n_runs = json_array_size(runs);
	r->run = malloc((r->n_runs + 1) * sizeof *r->run);
	if (!r->run)
		return no_memory(r);
	for (i = 0; rc == 0 && i < r->n_runs; i++)
		rc = read_run(r, json_array_get(runs, i), i);
	for (i = 0; rc == 0 && i < json_array_size(obs); i++)
		rc = read_obs(r, json_array_get(obs, i), i);
	return rc;
}

int costs_from_json(struct costs *c, const char *text, size_t n, const char *file, struct err *err)
{
	struct reading r = {.c = c, .file = file, .err = err};
	json_error_t bad;
	json_t *root;
	int rc;

	if (n > COSTS_FILE_BYTES)
		return err_set(err, ERR_FORMAT, "'%s' is larger than a kept cost model gets", file);
	root = json_loadb(text, n, JSON_REJECT_DUPLICATES, &bad);
	if (!root && json_error_code(&bad) == json_error_out_of_memory)
		return no_memory(&r);
	if (!root)
		return err_set(err, ERR_FORMAT, "'%s': line %d, column %d: %s", file, bad.line,
			       bad.column, bad.text);
	rc = read_root(&r, root);
	json_decref(root);
	free(r.run);
	return rc;
}
