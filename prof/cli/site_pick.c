/* Runs of a site: see site_pick.h. */
#include "prof/cli/site_pick.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "prof/store/read.h"

struct picking {
	struct site_picks *p;
	int64_t *keys; /* owned; what `args` name */
	size_t n_keys, cap_keys;
	int all;
	struct err *err;
};

static int add_key(void *ctx, int64_t run)
{
	struct picking *x = ctx;

	if (x->n_keys == x->cap_keys) {
		size_t cap = x->cap_keys ? 2 * x->cap_keys : 64;
		int64_t *more = realloc(x->keys, cap * sizeof *more);

		if (!more)
			return err_nomem(x->err, "the runs of a site");
		x->keys = more;
		x->cap_keys = cap;
	}
	x->keys[x->n_keys++] = run;
	return 0;
}

static int find_group(struct picking *x, struct store *s, const char *arg, struct err *told)
{
	const char *equals = strchr(arg, '=');
	size_t before = x->n_keys;
	char *key;
	int rc;

	if (!equals || equals == arg) {
		*x->err = *told;
		return told->code;
	}
	key = strndup(arg, (size_t)(equals - arg));
	if (!key)
		return err_nomem(x->err, "the runs of a site");
	rc = store_labelled_runs(s, key, equals + 1, add_key, x, x->err);
	free(key);
	if (rc == 0 && x->n_keys == before)
		rc = err_set(x->err, ERR_NOTFOUND,
			     "no run of '%s' has the label '%s'; protea-prof runs lists them",
			     store_path(s), arg);
	return rc;
}

static int find(struct picking *x, struct store *s, const char *arg)
{
	struct err told = ERR_INIT;
	int64_t run;
	int rc = store_find_run(s, arg, &run, &told);

	if (rc == 0)
		return add_key(x, run);
	if (rc == ERR_NOTFOUND)
		return find_group(x, s, arg, &told);
	*x->err = told;
	return rc;
}

static int compare_keys(const void *a, const void *b)
{
	int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

	return (x > y) - (x < y);
}

static int grow(struct site_picks *p)
{
	size_t cap = p->cap ? 2 * p->cap : 64;
	struct site_pick *more;

	if (p->n < p->cap)
		return 0;
	more = realloc(p->items, cap * sizeof *more);
	if (!more)
		return ERR_NOMEM;
	p->items = more;
	p->cap = cap;
	return 0;
}

static json_t *labels_of(const char *text)
{
	json_t *labels = json_loads(text, 0, NULL);

	if (json_is_object(labels))
		return labels;
	json_decref(labels);
	return json_object();
}

static int add_run(void *ctx, const struct store_run_row *r)
{
	struct picking *x = ctx;
	struct site_pick *to;

	if (!x->all && !bsearch(&r->key, x->keys, x->n_keys, sizeof *x->keys, compare_keys))
		return 0;
	if (!r->finished) {
		x->p->left_out++;
		return 0;
	}
	if (grow(x->p))
		return err_nomem(x->err, "the runs of a site");
	to = &x->p->items[x->p->n++];
	*to = (struct site_pick){.key = r->key,
				 .started_at = r->started_at,
				 .id = strdup(r->id),
				 .name = strdup(r->name),
				 .labels = labels_of(r->labels_json),
				 .samples = r->samples,
				 .finished = 1};
	return to->id && to->name && to->labels ? 0 : err_nomem(x->err, "the runs of a site");
}

static int compare_runs(const void *a, const void *b)
{
	const struct site_pick *x = a, *y = b;

	if (x->started_at != y->started_at)
		return x->started_at < y->started_at ? -1 : 1;
	return strcmp(x->id, y->id);
}

int site_picks_make(struct site_picks *p, struct store *s, int n, char **args, struct err *err)
{
	struct picking x = {.p = p, .all = n == 0, .err = err};
	int rc = 0, i;

	*p = (struct site_picks){0};
	for (i = 0; rc == 0 && i < n; i++)
		rc = find(&x, s, args[i]);
	if (x.n_keys)
		qsort(x.keys, x.n_keys, sizeof *x.keys, compare_keys);
	if (rc == 0)
		rc = store_list_runs(s, add_run, &x, err);
	if (rc == 0 && p->n == 0)
		rc = err_set(err, ERR_NOTFOUND,
			     p->left_out ? "no run of '%s' has ended yet"
					 : "there are no runs in '%s': protea-prof run makes them",
			     store_path(s));
	if (p->n)
		qsort(p->items, p->n, sizeof *p->items, compare_runs);
	free(x.keys);
	if (rc)
		site_picks_release(p);
	return rc;
}

void site_picks_release(struct site_picks *p)
{
	size_t i;

	for (i = 0; i < p->n; i++) {
		free(p->items[i].id);
		free(p->items[i].name);
		json_decref(p->items[i].labels);
	}
	free(p->items);
	*p = (struct site_picks){0};
}

/* ---- labels ---- */

const char *site_label(const struct site_pick *p, const char *label, char room[32])
{
	const json_t *v = json_object_get(p->labels, label);

	if (json_is_string(v))
		return json_string_value(v);
	if (json_is_integer(v))
		snprintf(room, 32, "%" JSON_INTEGER_FORMAT, json_integer_value(v));
	else if (json_is_real(v))
		snprintf(room, 32, "%.15g", json_real_value(v));
	else if (json_is_boolean(v))
		return json_is_true(v) ? "true" : "false";
	else if (!v && strcmp(label, "name") == 0)
		return p->name;
	else
		return NULL;
	return room;
}

/* Different values of each label. */
struct counted {
	const char *label; /* borrowed from a pick */
	json_t *values;    /* owned; an object: its keys */
};

struct counts {
	struct counted *items; /* owned */
	size_t n;
};

static struct counted *count_for(struct counts *c, const char *label)
{
	struct counted *more;
	size_t i;

	for (i = 0; i < c->n; i++)
		if (strcmp(c->items[i].label, label) == 0)
			return &c->items[i];
	more = realloc(c->items, (c->n + 1) * sizeof *more);
	if (!more)
		return NULL;
	c->items = more;
	more[c->n] = (struct counted){label, json_object()};
	return more[c->n].values ? &more[c->n++] : NULL;
}

/* A value that is no text of its own is counted by its text, too. */
static int count_labels(struct counts *c, const struct site_picks *p)
{
	size_t i;

	for (i = 0; i < p->n; i++) {
		const char *label;
		json_t *v;

		json_object_foreach(p->items[i].labels, label, v)
		{
			struct counted *to = count_for(c, label);
			char room[32];
			const char *text = site_label(&p->items[i], label, room);

			if (!to || (text && json_object_set_new(to->values, text, json_true())))
				return ERR_NOMEM;
		}
	}
	return 0;
}

static size_t values_of(const struct counts *c, const char *label)
{
	size_t i;

	for (i = 0; i < c->n; i++)
		if (strcmp(c->items[i].label, label) == 0)
			return json_object_size(c->items[i].values);
	return 0;
}

/* Of the labels with at least two values the one with the most, by name if several have as many. */
static const char *widest(const struct counts *c, const char *but)
{
	const char *best = NULL;
	size_t most = 1, i;

	for (i = 0; i < c->n; i++) {
		size_t n = json_object_size(c->items[i].values);
		const char *label = c->items[i].label;

		if ((but && strcmp(label, but) == 0) || n < 2)
			continue;
		if (n > most || (n == most && best && strcmp(label, best) < 0)) {
			best = label;
			most = n;
		}
	}
	return best;
}

static int has(const struct counts *c, const char *label, struct err *err)
{
	if (strcmp(label, "name") == 0 || values_of(c, label))
		return 0;
	return err_set(err, ERR_ARG, "no run has the label '%s'; protea-prof runs lists them",
		       label);
}

int site_choose_labels(const struct site_picks *p, const char *rows, const char *cols,
		       const char **row, const char **col, struct err *err)
{
	struct counts c = {0};
	int rc = count_labels(&c, p) ? err_nomem(err, "labels") : 0, one;
	size_t i;

	if (rc == 0 && rows)
		rc = has(&c, rows, err);
	one = cols && strcmp(cols, "none") == 0 && !values_of(&c, cols);
	if (rc == 0 && cols && !one)
		rc = has(&c, cols, err);
	*row = rows;
	*col = one ? NULL : cols;
	if (rc == 0 && !rows && !cols && values_of(&c, "plm") && values_of(&c, "k")) {
		*row = "plm";
		*col = "k";
	}
	if (!*row)
		*row = widest(&c, *col);
	if (!*row)
		*row = "name";
	if (!*col && rows && !one && strcmp(rows, "k") != 0 && values_of(&c, "k") > 1)
		*col = "k";
	if (!*col && !one)
		*col = widest(&c, *row);
	for (i = 0; i < c.n; i++)
		json_decref(c.items[i].values);
	free(c.items);
	return rc;
}
