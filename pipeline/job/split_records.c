/* Candidates and rows of a pair (spec 4.6 - 4.13) into one Parquet shard per category. Queries go in
 * windows: candidates in parallel, rows in parallel, then a thread of its own appends them in order while
 * the next window is computed; memory is that of two windows, whatever the number of rows. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "pipeline/core/behind.h"
#include "pipeline/core/cancel.h"
#include "pipeline/core/fsio.h"
#include "pipeline/core/workers.h"
#include "pipeline/features/records.h"
#include "pipeline/job/split.h"
#include "pipeline/output/colstats.h"
#include "pipeline/output/parquet.h"

struct shard {
	char *path;                 /* owned */
	struct parquet_writer *out; /* made with the first row */
	struct colstats *stats;     /* owned */
	uint64_t rows, bytes;
	uint64_t positives, negatives;
	char sha256[SHA256_HEX];
};

struct writing {
	struct split *s;
	struct feature_inputs in;
	struct record_strings strings;
	struct recorder *recorder; /* owned: one per worker */
	size_t n_workers, n_ready;
	struct block *block; /* owned: n_blocks per window */
	size_t n_blocks, n_blocks_ready;
	struct block *window;       /* the one that is computed */
	size_t used[SPLIT_WINDOWS]; /* blocks of each */
	struct behind *appender;    /* owned */
	/* Of the appender while there is one. */
	struct shard shard[CATEGORIES];
	struct record_counts counts;
	double transfer_s, records_s;
};

static void set_inputs(struct writing *w)
{
	struct split *s = w->s;
	struct context *c = s->c;

	w->in = (struct feature_inputs){
		.ontology = &c->ontology,
		.pool = &c->pool,
		.refs = s->refs,
		.neighbors = s->neighbors,
		.pairs = &s->pairs,
		.buckets = &s->buckets,
		.query_row = s->query_row,
		.n_queries = s->n_queries,
		.k = (uint32_t)s->payload->k,
		.expand = s->payload->expand_votes_to_ancestors,
		.profile = s->payload->profile,
		.vectors = &c->vectors,
		.in_pool = s->in_pool,
		.align = s->align,
		.has_align = s->has_align,
		.sane_empty_sw = s->payload->sane_empty_sw,
		.tax = s->tax,
		.pca_scores = s->pca_scores,
		.interpro = c->has_interpro ? &c->interpro : NULL,
		.ia = c->ia,
		.self_prior = s->payload->compute_self_prior,
		.association = s->has_association ? &s->association : NULL,
	};
}

static int prepare_workers(struct writing *w, struct err *err)
{
	struct split *s = w->s;
	int rc = 0;

	w->n_workers = split_workers(s);
	if (w->n_workers > (s->n_queries + SPLIT_BLOCK_QUERIES - 1) / SPLIT_BLOCK_QUERIES)
		w->n_workers = (s->n_queries + SPLIT_BLOCK_QUERIES - 1) / SPLIT_BLOCK_QUERIES;
	w->n_blocks = w->n_workers * SPLIT_WORKER_BLOCKS;
	w->recorder = calloc(w->n_workers, sizeof *w->recorder);
	w->block = calloc(SPLIT_WINDOWS * w->n_blocks, sizeof *w->block);
	if (!w->recorder || !w->block)
		return err_nomem(err, "records");
	for (; !rc && w->n_ready < w->n_workers; w->n_ready += rc == 0)
		rc = recorder_init(&w->recorder[w->n_ready], &w->in, &w->strings, err);
	for (; !rc && w->n_blocks_ready < SPLIT_WINDOWS * w->n_blocks; w->n_blocks_ready += rc == 0)
		rc = block_init(&w->block[w->n_blocks_ready], s->payload->profile, &s->c->strings,
				err);
	return rc;
}

static int prepare_shards(struct writing *w, struct err *err)
{
	const char *label = w->s->plan->pairs[w->s->pair].label;
	int cat;

	for (cat = 0; cat < CATEGORIES; cat++) {
		struct shard *sh = &w->shard[cat];

		sh->path = staging_shard(w->s->staging, label, (enum category)cat);
		sh->stats = colstats_new(w->s->payload->profile);
		if (!sh->path || !sh->stats)
			return err_nomem(err, "shards");
		if (fsio_remove(sh->path) != 0)
			return err_sys(err, ERR_IO, "cannot remove '%s'", sh->path);
	}
	return 0;
}

static int transfer_item(void *ctx, size_t worker, size_t item, struct err *err)
{
	struct writing *w = ctx;

	return recorder_transfer(&w->recorder[worker], &w->window[item], err);
}

static int rows_item(void *ctx, size_t worker, size_t item, struct err *err)
{
	struct writing *w = ctx;

	return recorder_rows(&w->recorder[worker], &w->window[item], err);
}

static int append(struct writing *w, struct shard *sh, const struct rows *rows, struct err *err)
{
	int rc = 0;

	if (rows->count == 0)
		return 0;
	if (!sh->out)
		rc = parquet_create(&sh->out, sh->path, w->s->payload->profile, err);
	if (!rc)
		rc = parquet_append(sh->out, rows, err);
	if (!rc)
		colstats_add(sh->stats, rows);
	return rc;
}

struct appending {
	struct writing *w;
	size_t window;
};

/* The rows of one category, block after block. */
static int append_item(void *ctx, size_t worker, size_t item, struct err *err)
{
	const struct appending *a = ctx;
	const struct block *b = a->w->block + a->window * a->w->n_blocks;
	struct shard *sh = &a->w->shard[item];
	int rc = 0;

	(void)worker;
	for (size_t i = 0; !rc && i < a->w->used[a->window]; i++) {
		sh->positives += b[i].counts.positives[item];
		sh->negatives += b[i].counts.negatives[item];
		rc = append(a->w, sh, &b[i].rows[item], err);
	}
	return rc;
}

/* Where there are threads enough, each category has its own. */
static int append_window(void *ctx, size_t window, struct err *err)
{
	struct writing *w = ctx;
	struct appending a = {.w = w, .window = window};
	const struct block *b = w->block + window * w->n_blocks;

	for (size_t i = 0; i < w->used[window]; i++) {
		w->counts.candidates += b[i].counts.candidates;
		w->counts.unlabeled += b[i].counts.unlabeled;
		w->counts.self_neighbors += b[i].counts.self_neighbors;
		w->counts.groups += b[i].counts.groups;
	}
	return workers_run(w->n_workers > CATEGORIES ? CATEGORIES : 1, CATEGORIES, append_item, &a,
			   err);
}

/* The queries of a window, from `from`; returns where the next begins. */
static uint32_t fill_window(struct writing *w, size_t window, uint32_t from)
{
	uint32_t n = w->s->n_queries, at = from;
	size_t blocks = 0;

	w->window = w->block + window * w->n_blocks;
	while (at < n && blocks < w->n_blocks) {
		uint32_t to = n - at < SPLIT_BLOCK_QUERIES ? n : at + SPLIT_BLOCK_QUERIES;

		block_clear(&w->window[blocks++], at, to);
		at = to;
	}
	w->used[window] = blocks;
	return at;
}

/* One window, starting at `from`; returns where the next begins in *next. */
static int run_window(struct writing *w, size_t window, uint32_t from, uint32_t *next,
		      struct err *err)
{
	struct events *e = w->s->events;
	struct events_stage stage;
	int rc;

	*next = fill_window(w, window, from);
	events_stage_begin(e, &stage, "transfer");
	rc = workers_run(w->n_workers, w->used[window], transfer_item, w, err);
	pp_stage_items(&stage.mark, *next - from);
	w->transfer_s += events_stage_end(&stage, NULL, NULL);
	if (rc)
		return rc;
	events_stage_begin(e, &stage, "records");
	rc = workers_run(w->n_workers, w->used[window], rows_item, w, err);
	if (!rc)
		rc = behind_put(w->appender, window, err);
	pp_stage_items(&stage.mark, *next - from);
	w->records_s += events_stage_end(&stage, NULL, NULL);
	return rc;
}

static int close_shards(struct writing *w, struct err *err)
{
	int cat, rc = 0;

	for (cat = 0; !rc && cat < CATEGORIES; cat++) {
		struct shard *sh = &w->shard[cat];
		struct parquet_writer *out = sh->out;
		uint64_t size;

		if (!out)
			continue;
		sh->out = NULL;
		rc = parquet_close(out, &sh->rows, &sh->bytes, err);
		if (!rc)
			rc = sha256_file(sh->path, sh->sha256, &size, err);
	}
	return rc;
}

static json_t *shard_json(struct shard *sh)
{
	return json_pack("{s:I, s:I, s:s, s:I, s:I, s:o}", "rows", (json_int_t)sh->rows, "bytes",
			 (json_int_t)sh->bytes, "sha256", sh->sha256, "positives",
			 (json_int_t)sh->positives, "negatives", (json_int_t)sh->negatives,
			 "columns", colstats_json(sh->stats));
}

static int make_marker(struct writing *w, struct err *err)
{
	struct split *s = w->s;
	json_t *shards = json_object();
	uint64_t rows = 0;
	int cat;

	/* A category that is not in the marker would be left out of the data set. */
	for (cat = 0; cat < CATEGORIES; cat++) {
		json_t *shard = shard_json(&w->shard[cat]);

		if (!shard || json_object_set_new(shards, category_name[cat], shard) != 0) {
			json_decref(shards);
			return err_nomem(err, "a marker");
		}
		rows += w->shard[cat].rows;
	}
	pp_stage_param(&s->mark, "rows", (double)rows);
	s->marker = json_pack("{s:s, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:o}", "pair",
			      s->plan->pairs[s->pair].label, "queries", (json_int_t)s->n_queries,
			      "pairs", (json_int_t)s->pairs.n, "candidates",
			      (json_int_t)w->counts.candidates, "total_unlabeled",
			      (json_int_t)w->counts.unlabeled, "rows", (json_int_t)rows,
			      "self_neighbors", (json_int_t)w->counts.self_neighbors, "groups",
			      (json_int_t)w->counts.groups, "cache_hits", (json_int_t)s->align_hits,
			      "aligned", (json_int_t)s->align_computed, "shards", shards);
	return s->marker ? 0 : err_nomem(err, "a marker");
}

static void say_done(const struct writing *w)
{
	struct split *s = w->s;
	uint64_t rows = 0;
	int cat;

	for (cat = 0; cat < CATEGORIES; cat++)
		rows += w->shard[cat].rows;
	events_emit(s->events, "info", "transfer_done", NULL,
		    json_pack("{s:o, s:I, s:o}", "split", split_name(s), "candidates",
			      (json_int_t)w->counts.candidates, "elapsed_s",
			      json_rounded(w->transfer_s, 3)));
	events_emit(s->events, "info", "records_done", NULL,
		    json_pack("{s:o, s:I, s:o}", "split", split_name(s), "rows", (json_int_t)rows,
			      "elapsed_s", json_rounded(w->records_s, 3)));
}

/* What is done once per pair belongs to the records, too. */
static int begin(struct writing *w, struct err *err)
{
	struct split *s = w->s;
	struct events_stage stage;
	int rc;

	events_stage_begin(s->events, &stage, "records");
	set_inputs(w);
	rc = record_strings_make(&w->strings, &s->c->strings, &w->in, &s->c->proteins,
				 s->plan->pairs[s->pair].label, err);
	if (!rc)
		rc = prepare_workers(w, err);
	if (!rc)
		rc = prepare_shards(w, err);
	if (!rc && !(w->appender = behind_start(append_window, w, SPLIT_WINDOWS - 1, err)))
		rc = ERR_NOMEM;
	w->records_s += events_stage_end(&stage, NULL, NULL);
	return rc;
}

static int finish(struct writing *w, struct err *err)
{
	struct events_stage stage;
	int rc;

	events_stage_begin(w->s->events, &stage, "records");
	rc = behind_finish(w->appender, err);
	w->appender = NULL;
	if (!rc)
		rc = close_shards(w, err);
	if (!rc)
		rc = make_marker(w, err);
	w->records_s += events_stage_end(&stage, NULL, NULL);
	if (!rc)
		say_done(w);
	return rc;
}

static void release(struct writing *w)
{
	size_t i;
	int cat;

	(void)behind_finish(w->appender, NULL); /* an earlier failure is told already */
	for (i = 0; i < w->n_ready; i++)
		recorder_release(&w->recorder[i]);
	for (i = 0; i < w->n_blocks_ready; i++)
		block_release(&w->block[i]);
	free(w->recorder);
	free(w->block);
	record_strings_release(&w->strings);
	for (cat = 0; cat < CATEGORIES; cat++) {
		parquet_abort(w->shard[cat].out);
		colstats_free(w->shard[cat].stats);
		free(w->shard[cat].path);
	}
}

int split_records(struct split *s, struct err *err)
{
	struct writing w = {.s = s};
	uint32_t at = 0;
	size_t window = 0;
	int rc;

	rc = begin(&w, err);
	events_progress_begin(s->events, "records", "queries", s->n_queries);
	while (!rc && at < s->n_queries) {
		uint32_t from = at;

		rc = run_window(&w, window, from, &at, err);
		window = (window + 1) % SPLIT_WINDOWS;
		events_progress_add(s->events, at - from);
		if (!rc)
			rc = cancel_check(err);
	}
	events_progress_end(s->events);
	if (!rc)
		rc = finish(&w, err);
	release(&w);
	return rc;
}
