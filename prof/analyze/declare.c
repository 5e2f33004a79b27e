/* Declarations: see declare.h. */
#include "prof/analyze/declare.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

const char *const cost_metric_names[COST_METRICS + 1] = {"wall", "cpu", "peak_heap", "peak_rss",
							 NULL};

int cost_metric_is_time(enum cost_metric metric)
{
	return metric != COST_PEAK_HEAP && metric != COST_PEAK_RSS;
}

const char *declared_by_name(enum declared_by by)
{
	static const char *const names[] = {"not declared", "built in", "file", "option"};

	return names[by];
}

void declarations_release(struct declarations *d)
{
	size_t i;

	for (i = 0; i < d->n; i++)
		free(d->items[i].stage);
	free(d->items);
	memset(d, 0, sizeof *d);
}

static struct declaration *find(const struct declarations *d, const char *stage,
				enum cost_metric metric)
{
	size_t i;

	for (i = 0; i < d->n; i++)
		if (d->items[i].metric == metric && strcmp(d->items[i].stage, stage) == 0)
			return &d->items[i];
	return NULL;
}

static int grow(struct declarations *d)
{
	size_t cap = d->cap ? 2 * d->cap : 32;
	struct declaration *more;

	if (d->n < d->cap)
		return 0;
	more = realloc(d->items, cap * sizeof *more);
	if (!more)
		return ERR_NOMEM;
	d->items = more;
	d->cap = cap;
	return 0;
}

int declare_add(struct declarations *d, const char *stage, enum cost_metric metric,
		enum declared_by by, const struct complexity *form, struct err *err)
{
	struct declaration *old = find(d, stage, metric);
	char *copy;

	if (old) {
		if (old->by <= by) {
			old->by = by;
			old->form = *form;
		}
		return 0;
	}
	if (d->n >= (size_t)DECLARE_STAGES * COST_METRICS)
		return err_set(err, ERR_LIMIT, "more than %d declared stages", DECLARE_STAGES);
	copy = strdup(stage);
	if (!copy || grow(d)) {
		free(copy);
		return err_nomem(err, "declared costs");
	}
	d->items[d->n++] = (struct declaration){copy, metric, by, *form};
	return 0;
}

const struct declaration *declare_find(const struct declarations *d, const char *stage,
				       enum cost_metric metric, int inside)
{
	const struct declaration *hit = find(d, stage, metric);

	if (!hit && metric == COST_CPU)
		hit = find(d, stage, COST_WALL);
	return hit && (hit->by != DECLARED_BUILTIN || inside) ? hit : NULL;
}

/* One metric, or "memory": both peaks. */
static int add_named(struct declarations *d, const char *stage, const char *metric,
		     enum declared_by by, const char *text, size_t len, struct err *err)
{
	struct complexity form;
	int memory = strcmp(metric, "memory") == 0, i, rc;

	rc = complexity_parse(&form, text, len, err);
	if (rc)
		return rc;
	for (i = 0; i < COST_METRICS && !memory; i++)
		if (strcmp(cost_metric_names[i], metric) == 0)
			return declare_add(d, stage, (enum cost_metric)i, by, &form, err);
	if (!memory)
		return err_set(
			err, ERR_ARG,
			"'%s' is no metric with a cost: wall, cpu, memory, peak_heap or peak_rss",
			metric);
	rc = declare_add(d, stage, COST_PEAK_HEAP, by, &form, err);
	return rc ? rc : declare_add(d, stage, COST_PEAK_RSS, by, &form, err);
}

int declare_option(struct declarations *d, const char *text, struct err *err)
{
	const char *equals = strchr(text, '='), *colon = NULL, *at;
	char *stage, *metric;
	int rc;

	for (at = text; equals && at < equals; at++)
		if (*at == ':')
			colon = at;
	if (!colon || colon == text)
		return err_set(err, ERR_ARG,
			       "'%s' is no declaration; one is STAGE:METRIC=EXPRESSION, for "
			       "example knn:wall=q*n*d",
			       text);
	stage = strndup(text, (size_t)(colon - text));
	metric = strndup(colon + 1, (size_t)(equals - colon - 1));
	if (stage && metric)
		rc = add_named(d, stage, metric, DECLARED_OPTION, equals + 1, strlen(equals + 1),
			       err);
	else
		rc = err_nomem(err, "declared costs");
	free(stage);
	free(metric);
	return rc;
}

/* ---- the file ---- */

static int wrong(struct err *err, const char *file, const char *what)
{
	return err_set(err, ERR_FORMAT, "'%s': %s", file, what);
}

static int add_stage(struct declarations *d, const char *file, const char *stage, json_t *metrics,
		     struct err *err)
{
	const char *metric;
	json_t *value;

	if (!json_is_object(metrics))
		return err_set(err, ERR_FORMAT, "'%s': stage '%s' is no object", file, stage);
	json_object_foreach(metrics, metric, value)
	{
		int rc;

		if (!json_is_string(value))
			return err_set(err, ERR_FORMAT,
				       "'%s': %s of stage '%s' is no text (\"q*n*d\")", file,
				       metric, stage);
		rc = add_named(d, stage, metric, DECLARED_FILE, json_string_value(value),
			       json_string_length(value), err);
		if (rc == ERR_ARG) {
			err_prefix(err, "'%s': %s of stage '%s'", file, metric, stage);
			return err ? err->code = ERR_FORMAT : ERR_FORMAT;
		}
		if (rc)
			return rc;
	}
	return 0;
}

static int add_root(struct declarations *d, const char *file, json_t *root, struct err *err)
{
	json_t *stages = json_object_get(root, "stages"), *metrics;
	const char *name;
	int rc = 0;

	if (!json_is_object(root) || !json_is_object(stages))
		return wrong(err, file, "no object with \"stages\" in it");
	json_object_foreach(root, name, metrics) if (strcmp(name, "stages") != 0) return err_set(
		err, ERR_FORMAT, "'%s': unknown key '%s'", file, name);
	json_object_foreach(stages, name, metrics)
	{
		rc = add_stage(d, file, name, metrics, err);
		if (rc)
			break;
	}
	return rc;
}

int declare_text(struct declarations *d, const char *text, size_t n, const char *file,
		 struct err *err)
{
	json_error_t bad;
	json_t *root;
	int rc;

	if (n > DECLARE_FILE_BYTES)
		return wrong(err, file, "larger than 1 MiB");
	root = json_loadb(text, n, JSON_REJECT_DUPLICATES, &bad);
	if (!root && json_error_code(&bad) == json_error_out_of_memory)
		return err_nomem(err, "declared costs");
	if (!root)
		return err_set(err, ERR_FORMAT, "'%s': line %d, column %d: %s", file, bad.line,
			       bad.column, bad.text);
	rc = add_root(d, file, root, err);
	json_decref(root);
	return rc;
}

int declare_builtin(struct declarations *d, struct err *err)
{
	const struct declared_stage *s;
	int rc = 0;

	for (s = declared_export; rc == 0 && s->stage; s++) {
		rc = add_named(d, s->stage, "wall", DECLARED_BUILTIN, s->wall, strlen(s->wall),
			       err);
		if (rc == 0 && s->memory)
			rc = add_named(d, s->stage, "memory", DECLARED_BUILTIN, s->memory,
				       strlen(s->memory), err);
	}
	return rc;
}
