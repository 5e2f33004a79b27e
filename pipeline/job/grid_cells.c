/* The cells of a grid: which configurations and K, under which names; see grid.h. */
#include "pipeline/job/grid.h"

#include <ctype.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "pipeline/core/plm.h"
#include "prof/base/log.h"

struct config_search {
	const char *wanted; /* short name, UUID or model name */
	char id[UUID_TEXT]; /* found */
	char *model_name;   /* owned */
};

static int offer_config(void *ctx, const struct source_config *row, struct err *err)
{
	struct config_search *c = ctx;
	const struct plm *known = plm_find(c->wanted);
	char uuid[UUID_TEXT];
	int is_uuid = uuid_normalise(c->wanted, uuid) == 0;

	if (c->id[0])
		return 0; /* rows come by id: the first that fits */
	if (known     ? strcmp(row->id, known->config_id) != 0
	    : is_uuid ? strcmp(row->id, uuid) != 0
		      : strcmp(row->model_name, c->wanted) != 0)
		return 0;
	memccpy(c->id, row->id, '\0', UUID_TEXT - 1);
	c->model_name = strdup(row->model_name);
	return c->model_name ? 0 : err_nomem(err, "embedding configurations");
}

/* What stands for the PLM in a data set's name: letters a name may have. */
static char *cell_plm(const struct config_search *c)
{
	const struct plm *known = plm_of_config(c->id);
	char *name = strdup(known ? known->short_name : c->model_name), *p;

	for (p = name; p && *p; p++)
		if (!isalnum((unsigned char)*p) && !strchr("._-", *p))
			*p = '_';
	return name;
}

static int cmp_descending(const void *a, const void *b)
{
	int x = *(const int *)a, y = *(const int *)b;

	return (x < y) - (x > y);
}

static int parse_ks(const json_t *cells, int **list, size_t *n, struct problems *problems,
		    struct err *err)
{
	const json_t *k = json_object_get(cells, "k"), *v;
	size_t i;

	*n = 0;
	*list = malloc((json_array_size(k) + 1) * sizeof **list);
	if (!*list)
		return err_nomem(err, "cells");
	if (!json_is_array(k) || json_array_size(k) == 0)
		problems_add(problems, ERR_ARG, "cells.k: must be a non-empty list of integers");
	json_array_foreach(k, i, v)
	{
		json_int_t value = json_integer_value(v);

		if (!json_is_integer(v) || value < 1)
			problems_add(problems, ERR_ARG,
				     "cells.k: entry %zu must be an integer above 0", i + 1);
		else if (value > INT_MAX)
			problems_add(problems, ERR_ARG, "cells.k: entry %zu is too large", i + 1);
		else
			(*list)[(*n)++] = (int)value;
	}
	qsort(*list, *n, sizeof **list, cmp_descending);
	for (i = 1; i < *n; i++)
		if ((*list)[i] == (*list)[i - 1])
			problems_add(problems, ERR_ARG, "cells.k: %d occurs twice", (*list)[i]);
	return 0;
}

static json_int_t last_train_version(const json_t *payload)
{
	const json_t *v;
	json_int_t last = 0;
	size_t i;

	json_array_foreach(json_object_get(payload, "train_versions"), i,
			   v) if (i == 0 || json_integer_value(v) > last) last =
		json_integer_value(v);
	return last;
}

static int add_cell(struct grid *g, const struct config_search *c, int k, json_int_t version,
		    struct err *err)
{
	struct grid_cell *cell, *list = realloc(g->cells, (g->n + 1) * sizeof *list);
	char name[512];

	if (!list)
		return err_nomem(err, "cells");
	g->cells = list;
	cell = &list[g->n++];
	*cell = (struct grid_cell){.k = k, .outcome = RUN_FAILED};
	memcpy(cell->config_id, c->id, UUID_TEXT);
	cell->plm = cell_plm(c);
	if (!cell->plm)
		return err_nomem(err, "cells");
	snprintf(name, sizeof name, "bench-v1-K%d-v%" JSON_INTEGER_FORMAT "-lineage-%s", k, version,
		 cell->plm);
	cell->name = strdup(name);
	return cell->name ? 0 : err_nomem(err, "cells");
}

static void check_names(const struct grid *g, struct problems *problems)
{
	size_t i, j;

	for (i = 0; i < g->n; i++)
		for (j = 0; j < i; j++)
			if (strcmp(g->cells[i].name, g->cells[j].name) == 0)
				problems_add(problems, ERR_ARG,
					     "cells: two cells would be named '%s'",
					     g->cells[i].name);
}

/* What a cell has of its own: a value of the payload is not that of any cell. */
static void tell_unused(const json_t *payload)
{
	static const char *const keys[] = {"output_name", "embedding_config_id", "k"};

	for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++)
		if (json_object_get(payload, keys[i]))
			log_warn("payload.%s is not used: each cell of a grid has its own",
				 keys[i]);
}

int grid_make_cells(struct grid *g, struct source *s, const struct jobfile *job,
		    struct problems *problems, struct err *err)
{
	const json_t *plms = json_object_get(job->cells, "plm"), *v;
	int *ks = NULL;
	size_t n_ks, i, j;
	int rc = parse_ks(job->cells, &ks, &n_ks, problems, err);

	if (!json_is_array(plms) || json_array_size(plms) == 0)
		problems_add(problems, ERR_ARG, "cells.plm: must be a non-empty list of names");
	json_array_foreach(plms, i, v)
	{
		struct config_search c = {.wanted = json_string_value(v)};

		if (!c.wanted) {
			problems_add(problems, ERR_ARG, "cells.plm: entry %zu must be a string",
				     i + 1);
			continue;
		}
		if (!rc)
			rc = source_configs(s, offer_config, &c, err);
		if (!rc && !c.id[0])
			problems_add(problems, ERR_ARG,
				     "cells.plm: '%s' is no short name, id or model name of an "
				     "embedding "
				     "configuration in %s",
				     c.wanted, source_name(s));
		for (j = 0; !rc && c.id[0] && j < n_ks; j++)
			rc = add_cell(g, &c, ks[j], last_train_version(job->payload), err);
		free(c.model_name);
	}
	free(ks);
	check_names(g, problems);
	tell_unused(job->payload);
	return rc;
}

json_t *grid_cell_payload(const struct jobfile *job, const struct grid_cell *cell)
{
	json_t *payload = json_deep_copy(job->payload);

	/* Without its K a cell would run with another one under this name. */
	if (json_object_set_new(payload, "output_name", json_string(cell->name)) == 0 &&
	    json_object_set_new(payload, "embedding_config_id", json_string(cell->config_id)) ==
		    0 &&
	    json_object_set_new(payload, "k", json_integer(cell->k)) == 0)
		return payload;
	json_decref(payload);
	return NULL;
}
