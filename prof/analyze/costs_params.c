/* Parameters of stages: see costs_params.h. */
#include "prof/analyze/costs_params.h"

#include <jansson.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define TEXT_BYTES 65536 /* of one stage's parameters: longer ones were not written by us */

void stage_params_release(struct stage_params *s)
{
	free(s->items_of);
	free(s->ranges);
	idmap_release(&s->of);
	memset(s, 0, sizeof *s);
}

const struct cost_param *stage_params_of(const struct stage_params *s, uint32_t text, size_t *n)
{
	uint32_t at = idmap_get(&s->of, text);

	*n = at == IDMAP_NONE ? 0 : s->ranges[at].n;
	return at == IDMAP_NONE ? s->items_of : s->items_of + s->ranges[at].first;
}

static int push(struct stage_params *s, uint32_t name, double value)
{
	if (s->n == s->cap) {
		size_t cap = s->cap ? 2 * s->cap : 64;
		struct cost_param *more = realloc(s->items_of, cap * sizeof *more);

		if (!more)
			return ERR_NOMEM;
		s->items_of = more;
		s->cap = cap;
	}
	s->items_of[s->n++] = (struct cost_param){name, value};
	return 0;
}

static int add_object(struct stage_params *s, json_t *object, struct strtab *strings)
{
	size_t first = s->n;
	const char *key;
	json_t *value;

	json_object_foreach(object, key, value)
	{
		double v = json_is_number(value) ? json_number_value(value) : NAN;
		uint32_t name;
		int rc;

		if (!(v >= 0) || !isfinite(v) || s->n - first >= COSTS_PARAMS ||
		    strcmp(key, "items") == 0)
			continue;
		rc = strtab_intern_text(strings, key, &name);
		if (rc == 0)
			rc = push(s, name, v);
		if (rc)
			return rc;
	}
	return 0;
}

static int add_range(struct stage_params *s, uint32_t text, size_t first)
{
	if (s->n_ranges == s->cap_ranges) {
		size_t cap = s->cap_ranges ? 2 * s->cap_ranges : 64;
		struct params_range *more = realloc(s->ranges, cap * sizeof *more);

		if (!more)
			return ERR_NOMEM;
		s->ranges = more;
		s->cap_ranges = cap;
	}
	s->ranges[s->n_ranges] = (struct params_range){first, s->n - first};
	return idmap_set(&s->of, text, (uint32_t)s->n_ranges++);
}

static int add_text(struct stage_params *s, const struct profile *p, uint32_t text,
		    struct strtab *strings)
{
	size_t first = s->n, len = strtab_len(p->strings, text);
	json_error_t bad;
	json_t *root = NULL;
	int rc = 0;

	if (len > 0 && len <= TEXT_BYTES) {
		root = json_loadb(strtab_text(p->strings, text), len, 0, &bad);
		if (!root && json_error_code(&bad) == json_error_out_of_memory)
			return ERR_NOMEM;
	}
	if (json_is_object(root))
		rc = add_object(s, root, strings);
	json_decref(root);
	return rc ? rc : add_range(s, text, first);
}

int stage_params_make(struct stage_params *s, const struct profile *p, struct strtab *strings)
{
	uint32_t i;
	int rc = 0;

	memset(s, 0, sizeof *s);
	for (i = 0; rc == 0 && i < p->n_stages; i++)
		if (idmap_get(&s->of, p->stages[i].params) == IDMAP_NONE)
			rc = add_text(s, p, p->stages[i].params, strings);
	return rc;
}
