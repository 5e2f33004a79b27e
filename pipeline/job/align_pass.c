/* One pass of the alignment kernel: see align_pass.h. */
#include "pipeline/job/align_pass.h"

#include "pipeline/core/cancel.h"
#include "pipeline/job/align_keep.h"
#include "prof/base/clock.h"

void align_pass_open(struct align_pass *p)
{
	const char *dir = p->c->settings->align_cache_dir;

	p->cache = dir ? align_cache_open(dir) : NULL;
	if (p->cache && align_cache_trouble(p->cache))
		align_pass_close(p);
}

void align_pass_close(struct align_pass *p)
{
	if (p->cache)
		align_cache_flush(p->cache); /* its trouble is seen here, that of closing is not */
	if (p->cache && align_cache_trouble(p->cache))
		events_warn(p->events, "align_cache",
			    json_pack("{s:s}", "path", align_cache_path(p->cache)),
			    "the alignment cache is not used: %s", align_cache_trouble(p->cache));
	align_cache_close(p->cache);
	p->cache = NULL;
}

static size_t threads_of(const struct align_pass *p)
{
	return p->c->settings->workers > 1 ? (size_t)p->c->settings->workers : 1;
}

/* All jobs in one call: it sorts them, and reads the file by threads of its own. */
static int ask_cache(struct align_pass *p, struct err *err)
{
	struct align_work *w = &p->work;

	p->hits += align_cache_lookup_jobs(p->cache, (const char(*)[MD5_HEX])w->texts->md5, w->job,
					   w->n, threads_of(p), w->value, w->done);
	return cancel_check(err);
}

int align_pass_look_up(struct align_pass *p, struct err *err)
{
	if (p->cache)
		return ask_cache(p, err);
	if (p->staging)
		return align_keep_load(&p->work, p->staging, &p->hits, &p->next_file, err);
	return 0;
}

static void add_progress(void *ctx, size_t done)
{
	events_progress_add(ctx, done);
}

int align_pass_run(struct align_pass *p, struct err *err)
{
	struct align_work *w = &p->work;
	struct align_options options = {
		.n_workers = threads_of(p),
		.progress = add_progress,
		.progress_ctx = p->events,
		.finished = align_keep_push,
	};
	struct align_keep *keep = NULL;
	struct err why = ERR_INIT;
	int64_t start_ns = clock_mono_ns();
	int rc, kept;

	if (!p->missing)
		return 0;
	rc = align_keep_start(&keep, w, p->cache, p->staging, p->next_file, err);
	if (rc)
		return rc;
	options.finished_ctx = keep;
	events_progress_begin(p->events, "alignment", "pairs", p->missing);
	rc = align_batch(w->texts->view, w->job, p->missing, &options, w->value, w->done, err);
	events_progress_end(p->events);
	p->seconds = clock_elapsed_s(start_ns);
	kept = align_keep_stop(keep, &p->next_file, &why);
	if (!rc && kept) {
		rc = kept;
		*err = why;
	}
	return rc;
}

void align_pass_mark(const struct align_pass *p, pp_stage *mark, double cells)
{
	pp_stage_items(mark, p->work.n);
	pp_stage_param(mark, "pairs", (double)p->missing);
	pp_stage_param(mark, "cells", cells);
	if (p->cache) {
		pp_stage_param(mark, "cache_lookups", (double)p->work.n);
		pp_stage_param(mark, "cache_hits", (double)p->hits);
	}
}
