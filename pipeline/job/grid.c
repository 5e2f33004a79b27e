/* The grid of spec 9: see grid.h. */
#include "pipeline/job/grid.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "pipeline/core/cancel.h"
#include "pipeline/core/fsio.h"
#include "pipeline/core/plm.h"
#include "prof/base/clock.h"
#include "prof/base/log.h"

/* ---- cells ------------------------------------------------------------------------------------------------ */

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

		if (!json_is_integer(v) || value < 1 || value > 100000)
			problems_add(problems, ERR_ARG,
				     "cells.k: entry %zu must be an integer above 0", i + 1);
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

static int make_cells(struct grid *g, struct source *s, const struct jobfile *job,
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
	return rc;
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

/* ---- running ---------------------------------------------------------------------------------------------- */

static json_t *cell_payload(const struct jobfile *job, const struct grid_cell *cell)
{
	json_t *payload = json_deep_copy(job->payload);

	json_object_set_new(payload, "output_name", json_string(cell->name));
	json_object_set_new(payload, "embedding_config_id", json_string(cell->config_id));
	json_object_set_new(payload, "k", json_integer(cell->k));
	return payload;
}

/* Neighbours of a PLM are of no use once its cells are done. */
static void drop_neighbors(struct context *c)
{
	size_t i;

	for (i = 0; i < c->n_kept; i++)
		neighbors_release(&c->kept[i].found);
	free(c->kept);
	c->kept = NULL;
	c->n_kept = 0;
}

static void run_cell(struct context *c, const struct jobfile *job, struct grid_cell *cell,
		     const struct run_options *options)
{
	json_t *payload = cell_payload(job, cell);
	int64_t start_ns = clock_mono_ns();
	struct err why = ERR_INIT;

	if (source_has_dataset(c->source, cell->name, &why) == 1) {
		log_info("cell %s: registered already, left as it is", cell->name);
		cell->skipped = 1;
		cell->outcome = RUN_DONE;
		json_decref(payload);
		return;
	}
	log_info("cell %s", cell->name);
	cell->outcome = run_export(c, payload, NULL, options, &cell->result, &why);
	cell->elapsed_s = clock_elapsed_s(start_ns);
	if (cell->outcome != RUN_DONE) {
		log_error("cell %s: %s", cell->name, why.text);
		cell->error = strdup(why.text);
	}
	json_decref(payload);
}

static uint32_t largest_k(const struct grid *g, const char *config_id)
{
	uint32_t k = 0;
	size_t i;

	for (i = 0; i < g->n; i++)
		if (strcmp(g->cells[i].config_id, config_id) == 0 && (uint32_t)g->cells[i].k > k)
			k = (uint32_t)g->cells[i].k;
	return k;
}

static int run_cells(struct grid *g, struct context *c, const struct jobfile *job,
		     const struct run_options *options, struct err *err)
{
	size_t i, failed = 0;

	for (i = 0; i < g->n; i++) {
		int rc = cancel_check(err);

		if (rc)
			return rc;
		if (i && strcmp(g->cells[i].config_id, g->cells[i - 1].config_id) != 0)
			drop_neighbors(c);
		c->share_k = largest_k(g, g->cells[i].config_id);
		run_cell(c, job, &g->cells[i], options);
		failed += g->cells[i].outcome != RUN_DONE;
	}
	if (failed)
		return err_set(err, ERR_INTERNAL, "%zu of %zu cells failed", failed, g->n);
	return 0;
}

/* Without a cache of the user's, the grid's alignments are shared through one of its own. */
static int need_cache(struct settings *s, char **own, const json_t *payload, struct err *err)
{
	*own = NULL;
	if (s->align_cache_dir || !json_is_true(json_object_get(payload, "compute_alignments")))
		return 0;
	*own = fsio_join(s->resume_dir, "grid-alignments");
	s->align_cache_dir = *own ? strdup(*own) : NULL;
	return s->align_cache_dir ? 0 : err_nomem(err, "the alignment cache");
}

int grid_run(struct grid *grid, const struct jobfile *job, const struct run_options *options,
	     int *refused, struct err *err)
{
	struct problems problems = PROBLEMS_INIT;
	struct settings settings = {0};
	struct source *source = NULL;
	struct context context;
	char *own_cache = NULL;
	int rc = settings_load(&settings, job->environment, job->base_dir, &problems, err);

	*grid = (struct grid){0};
	*refused = 0;
	if (!rc && options->workers)
		settings.workers = options->workers;
	if (!rc)
		rc = source_open(&source, job->source_url, SOURCE_READ | SOURCE_WRITE, err);
	if (!rc)
		rc = make_cells(grid, source, job, &problems, err);
	check_names(grid, &problems);
	if (!rc && problems.count) {
		rc = problems_result(&problems, err);
		*refused = 1;
	}
	if (!rc)
		rc = need_cache(&settings, &own_cache, job->payload, err);
	if (!rc) {
		context_init(&context, source, &settings);
		context.sharing = 1;
		rc = run_cells(grid, &context, job, options, err);
		context_release(&context);
		if (!rc && own_cache) {
			struct err why = ERR_INIT;

			if (fsio_remove_tree(own_cache, &why) != 0)
				log_warn("%s", why.text);
		}
	}
	free(own_cache);
	problems_release(&problems);
	source_close(source);
	settings_release(&settings);
	return rc;
}

void grid_release(struct grid *grid)
{
	size_t i;

	for (i = 0; i < grid->n; i++) {
		free(grid->cells[i].name);
		free(grid->cells[i].plm);
		free(grid->cells[i].error);
		json_decref(grid->cells[i].result);
	}
	free(grid->cells);
	*grid = (struct grid){0};
}
