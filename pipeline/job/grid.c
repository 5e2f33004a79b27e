/* The grid of spec 9: running its cells; see grid.h. */
#include "pipeline/job/grid.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "pipeline/core/cancel.h"
#include "pipeline/core/digest.h"
#include "pipeline/core/fsio.h"
#include "prof/base/clock.h"
#include "prof/base/log.h"

/* ---- running ---------------------------------------------------------------------------------------------- */

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

static void start_afresh(struct context *c)
{
	struct source *source = c->source;
	const struct settings *settings = c->settings;

	context_release(c);
	context_init(c, source, settings);
	c->sharing = 1;
}

static void run_cell(struct context *c, const struct jobfile *job, struct grid_cell *cell,
		     const struct run_options *options)
{
	json_t *payload = grid_cell_payload(job, cell);
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
		start_afresh(c); /* what a failed cell loaded may be half of it */
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

/* Without a cache of the user's, the grid's alignments are shared through one of its own, named by the
 * grid so that a second try finds it, and locked so that two runs of one grid do not meet. */
struct own_cache {
	char *dir;  /* owned; NULL: the user's cache, or no alignments */
	char *lock; /* owned */
	int fd;     /* of the lock, -1 none */
};

static int own_cache_open(struct own_cache *own, struct settings *s, const struct jobfile *job,
			  struct err *err)
{
	char *text, sha[SHA256_HEX], name[64];
	int rc;

	*own = (struct own_cache){.fd = -1};
	if (s->align_cache_dir ||
	    !json_is_true(json_object_get(job->payload, "compute_alignments")))
		return 0;
	text = json_compact(job->cells);
	rc = text ? sha256_hex(text, strlen(text), sha) : ERR_NOMEM;
	free(text);
	if (rc)
		return err_set(err, rc, "cannot name the grid's alignment cache");
	snprintf(name, sizeof name, "grid-alignments-%.12s", sha);
	own->dir = fsio_join(s->resume_dir, name);
	snprintf(name, sizeof name, ".grid-%.12s.lock", sha);
	own->lock = fsio_join(s->resume_dir, name);
	s->align_cache_dir = own->dir ? strdup(own->dir) : NULL;
	if (!own->lock || !s->align_cache_dir)
		return err_nomem(err, "the alignment cache");
	rc = fsio_mkdirs(s->resume_dir, err);
	if (rc)
		return rc;
	own->fd = fsio_lock(own->lock, 0, err);
	if (own->fd == ERR_EXISTS)
		return err_set(err, ERR_EXISTS, "another run of this grid holds '%s'", own->lock);
	return own->fd < 0 ? own->fd : 0;
}

static void own_cache_close(struct own_cache *own, int done)
{
	struct err why = ERR_INIT;

	if (done && own->dir && fsio_remove_tree(own->dir, &why) != 0)
		log_warn("%s", why.text);
	if (own->fd >= 0) {
		if (done)
			(void)fsio_remove(own->lock);
		fsio_unlock(own->fd);
	}
	free(own->dir);
	free(own->lock);
}

/* A payload that no cell could run with is refused once, before anything is done. */
static int check_payloads(const struct grid *g, const struct jobfile *job,
			  struct problems *problems, struct err *err)
{
	size_t i, before = problems->count;

	for (i = 0; i < g->n && problems->count == before; i++) {
		json_t *payload = grid_cell_payload(job, &g->cells[i]);
		struct payload parsed;
		int rc = payload_parse(&parsed, payload, problems, err);

		json_decref(payload);
		if (!rc)
			payload_release(&parsed);
		else if (problems->count == before)
			return rc;
	}
	return 0;
}

int grid_run(struct grid *grid, const struct jobfile *job, const struct run_options *options,
	     int *refused, struct err *err)
{
	struct problems problems = PROBLEMS_INIT;
	struct settings settings = {0};
	struct source *source = NULL;
	struct context context;
	struct own_cache own = {.fd = -1};
	int rc = settings_load(&settings, job->environment, job->base_dir, &problems, err);

	*grid = (struct grid){0};
	*refused = 0;
	if (!rc && options->workers)
		settings.workers = options->workers;
	if (!rc)
		rc = source_open(&source, job->source_url, SOURCE_READ | SOURCE_WRITE, err);
	if (!rc)
		rc = grid_make_cells(grid, source, job, &problems, err);
	if (!rc && problems.count == 0)
		rc = check_payloads(grid, job, &problems, err);
	if (!rc && problems.count) {
		rc = problems_result(&problems, err);
		*refused = 1;
	}
	if (!rc)
		rc = own_cache_open(&own, &settings, job, err);
	if (!rc) {
		context_init(&context, source, &settings);
		context.sharing = 1;
		rc = run_cells(grid, &context, job, options, err);
		context_release(&context);
	}
	own_cache_close(&own, rc == 0);
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
