/* The grid of spec 9: running its cells; see grid.h. */
#include "pipeline/job/grid.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "pipeline/align/align_cache.h"
#include "pipeline/core/cancel.h"
#include "pipeline/core/digest.h"
#include "pipeline/core/fsio.h"
#include "prof/base/clock.h"
#include "prof/base/log.h"

/* ---- running ---------------------------------------------------------------------------------------------- */

void grid_start_afresh(struct context *c)
{
	struct context fresh = *c;

	context_release(c);
	context_init(c, fresh.source, fresh.settings);
	c->sharing = fresh.sharing;
	c->neighbors_dir = fresh.neighbors_dir;
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
		grid_start_afresh(c);
	}
	json_decref(payload);
}

static int run_cells(struct grid *g, struct context *c, const struct jobfile *job,
		     const struct run_options *options, struct err *err)
{
	size_t i, failed = 0;

	for (i = 0; i < g->n; i++) {
		int rc = cancel_check(err);

		if (rc)
			return rc;
		run_cell(c, job, &g->cells[i], options);
		failed += g->cells[i].outcome != RUN_DONE;
	}
	if (failed)
		return err_set(err, ERR_INTERNAL, "%zu of %zu cells failed", failed, g->n);
	return 0;
}

/* The grid's folder: neighbours of its PLMs and, without a cache of the user's that works, alignments. Named by
 * the job so that a second try finds it, and locked so that two runs of one grid do not meet. */
struct folder {
	char *dir;  /* owned */
	char *lock; /* owned */
	int fd;     /* of the lock, -1 none */
};

static int name_folder(struct folder *f, const struct settings *s, const struct jobfile *job)
{
	char *cells = json_compact(job->cells), *payload = json_compact(job->payload);
	struct sha256 *d = sha256_new();
	char sha[SHA256_HEX], name[64];
	int rc = cells && payload && d ? 0 : ERR_NOMEM;

	if (!rc) {
		sha256_update(d, cells, strlen(cells) + 1);
		sha256_update(d, payload, strlen(payload) + 1);
		sha256_update(d, job->source_url, strlen(job->source_url));
		rc = sha256_finish(d, sha);
	}
	if (!rc) {
		snprintf(name, sizeof name, "grid-%.12s", sha);
		f->dir = fsio_join(s->resume_dir, name);
		snprintf(name, sizeof name, ".grid-%.12s.lock", sha);
		f->lock = fsio_join(s->resume_dir, name);
		rc = f->dir && f->lock ? 0 : ERR_NOMEM;
	}
	sha256_free(d);
	free(cells);
	free(payload);
	return rc;
}

static int folder_open(struct folder *f, const struct settings *s, const struct jobfile *job,
		       struct err *err)
{
	int rc;

	*f = (struct folder){.fd = -1};
	rc = name_folder(f, s, job);
	if (rc)
		return err_set(err, rc, "cannot name the grid's folder");
	rc = fsio_mkdirs(s->resume_dir, err);
	if (rc)
		return rc;
	f->fd = fsio_lock(f->lock, 0, err);
	if (f->fd == ERR_EXISTS)
		return err_set(err, ERR_EXISTS, "another run of this grid holds '%s'", f->lock);
	return f->fd < 0 ? f->fd : fsio_mkdirs(f->dir, err);
}

static void folder_close(struct folder *f, int done)
{
	struct err why = ERR_INIT;

	if (done && f->dir && fsio_remove_tree(f->dir, &why) != 0)
		log_warn("%s", why.text);
	if (f->fd >= 0) {
		if (done)
			(void)fsio_remove(f->lock);
		fsio_unlock(f->fd);
	}
	free(f->dir);
	free(f->lock);
}

/* The cells find the grid's alignments in a cache: the user's, or one in the folder. */
static int choose_cache(struct settings *s, const struct folder *f, const struct jobfile *job,
			struct err *err)
{
	struct align_cache *cache = NULL;

	if (!json_is_true(json_object_get(job->payload, "compute_alignments")))
		return 0;
	if (s->align_cache_dir) {
		cache = align_cache_open(s->align_cache_dir);
		if (cache && !align_cache_trouble(cache)) {
			align_cache_close(cache);
			return 0;
		}
		if (cache)
			log_warn("the alignment cache '%s' is not used: %s",
				 align_cache_path(cache), align_cache_trouble(cache));
		align_cache_close(cache);
	}
	free(s->align_cache_dir);
	s->align_cache_dir = strdup(f->dir);
	return s->align_cache_dir ? 0 : err_nomem(err, "the alignment cache");
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
	struct folder folder = {.fd = -1};
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
		rc = folder_open(&folder, &settings, job, err);
	if (!rc)
		rc = choose_cache(&settings, &folder, job, err);
	if (!rc) {
		context_init(&context, source, &settings);
		context.sharing = 1;
		context.neighbors_dir = folder.dir;
		rc = grid_search(grid, &context, job, options, err);
		if (!rc)
			rc = run_cells(grid, &context, job, options, err);
		context_release(&context);
	}
	folder_close(&folder, rc == 0);
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
