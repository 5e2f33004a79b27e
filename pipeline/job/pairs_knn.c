/* Neighbours of all pairs: one search for the three aspects of each, in parts of queries that are kept one by
 * one. The parts follow the rows of the pool, so that a protein that several pairs ask about is in the same part
 * for all of them. */
#include <stdlib.h>
#include <string.h>

#include "pipeline/job/kept_neighbors.h"
#include "pipeline/job/pairs.h"

/* A part is worth some 20 s of two cores (1e11 products a second), and enough queries that going over the
 * references once for each part costs little. */
#define PART_PRODUCTS 2e12
#define PART_QUERIES  2048

struct search {
	struct pairs *r;
	struct kept_neighbors *kept; /* owned: one per pair */
	const char *dir;             /* of kept neighbours */
	char base[SHA256_HEX];       /* what keys begin with */
	struct knn_target *target;   /* owned: at most three per pair */
	uint32_t *to;                /* owned, per pair: end of the part at hand */
	uint32_t stride;             /* places per query, in all pairs */
	uint64_t queries;            /* to be searched, summed over pairs */
	double products;             /* queries x references of all searches */
};

static void add_progress(void *ctx, size_t done)
{
	events_progress_add(ctx, done);
}

/* ---- what is there ------------------------------------------------------------------------------------ */

static uint32_t most_references(const struct split *s)
{
	uint32_t most = 0;
	int a;

	for (a = 0; a < ASPECTS; a++)
		if (s->refs->aspect[a].n > most)
			most = s->refs->aspect[a].n;
	return most;
}

/* A grid's neighbours are keyed by the pool itself, since its cells differ in their fingerprints. */
static int find_base(struct search *f, struct err *err)
{
	struct context *c = f->r->c;
	int rc;

	f->dir = c->neighbors_dir ? c->neighbors_dir : f->r->staging->dir;
	if (!c->neighbors_dir) {
		memcpy(f->base, f->r->staging->fingerprint, SHA256_HEX);
		return 0;
	}
	rc = pool_digest(&c->pool, (size_t)c->settings->workers, err);
	memcpy(f->base, c->pool.values_sha256, SHA256_HEX);
	return rc;
}

static int load_kept(struct search *f, struct split *s, const struct references *largest,
		     struct err *err)
{
	struct kept_neighbors *kept = &f->kept[s->pair];
	int rc = neighbors_alloc(&s->own_neighbors, s->n_queries, (uint32_t)f->r->payload->k,
				 largest, err);

	int a;

	if (rc)
		return rc;
	s->neighbors = &s->own_neighbors;
	for (a = 0; a < ASPECTS; a++) /* places that stay empty are written, too */
		memset(s->own_neighbors.hit[a], 0,
		       (size_t)s->n_queries * s->own_neighbors.stride * sizeof(struct knn_hit));
	rc = kept_neighbors_open(kept, s, f->dir, f->base, err);
	if (!rc)
		rc = kept_neighbors_load(kept, s, err);
	s->found_kept = s->n_found == s->n_queries;
	f->stride = s->own_neighbors.stride;
	return rc;
}

static int prepare(struct search *f, struct err *err)
{
	struct pairs *r = f->r;
	const struct references *largest = NULL;
	uint32_t most = 0;
	size_t i;
	int rc = find_base(f, err);

	f->kept = calloc(r->n, sizeof *f->kept);
	f->target = calloc(r->n * ASPECTS, sizeof *f->target);
	f->to = calloc(r->n, sizeof *f->to);
	if (!f->kept || !f->target || !f->to)
		return err_nomem(err, "neighbours");
	for (i = 0; i < r->n; i++)
		if (r->split[i].works && (!largest || most_references(&r->split[i]) > most)) {
			largest = r->split[i].refs;
			most = most_references(&r->split[i]);
		}
	for (i = 0; !rc && i < r->n; i++)
		if (r->split[i].works)
			rc = load_kept(f, &r->split[i], largest, err);
	return rc;
}

static void release(struct search *f)
{
	size_t i;

	for (i = 0; f->kept && i < f->r->n; i++)
		kept_neighbors_close(&f->kept[i]);
	free(f->kept);
	free(f->target);
	free(f->to);
}

/* ---- parts -------------------------------------------------------------------------------------------- */

uint64_t pairs_part_queries(uint64_t n_refs, uint64_t dim)
{
	double n = PART_PRODUCTS / ((double)n_refs + 1) / ((double)dim + 1);

	return n > PART_QUERIES ? (n < 1e9 ? (uint64_t)n : 1000000000u) : PART_QUERIES;
}

static uint32_t part_size(const struct search *f)
{
	uint32_t most = 0;
	size_t i;

	for (i = 0; i < f->r->n; i++)
		if (f->r->split[i].works && most_references(&f->r->split[i]) > most)
			most = most_references(&f->r->split[i]);
	return (uint32_t)pairs_part_queries(most, f->r->c->pool.dim);
}

/* The next part: f->to[] ends it in each pair. Walks the pairs' ascending query rows together. 0: none. */
static uint32_t next_part(struct search *f, uint32_t size)
{
	const struct pairs *r = f->r;
	uint32_t n = 0, row;
	size_t i;

	for (i = 0; i < r->n; i++)
		f->to[i] = r->split[i].n_found;
	for (; n < size; n++) {
		row = UINT32_MAX;
		for (i = 0; i < r->n; i++)
			if (r->split[i].works && f->to[i] < r->split[i].n_queries &&
			    r->split[i].query_row[f->to[i]] < row)
				row = r->split[i].query_row[f->to[i]];
		if (row == UINT32_MAX)
			break;
		for (i = 0; i < r->n; i++)
			if (r->split[i].works && f->to[i] < r->split[i].n_queries &&
			    r->split[i].query_row[f->to[i]] == row)
				f->to[i]++;
	}
	return n;
}

static size_t make_targets(struct search *f)
{
	size_t i, n = 0;
	int a;

	for (i = 0; i < f->r->n; i++) {
		struct split *s = &f->r->split[i];
		struct neighbors *to = &s->own_neighbors;

		for (a = 0; s->works && f->to[i] > s->n_found && a < ASPECTS; a++)
			if (s->refs->aspect[a].n)
				f->target[n++] = (struct knn_target){
					.query_rows = s->query_row + s->n_found,
					.n_queries = f->to[i] - s->n_found,
					.ref_rows = s->refs->aspect[a].row,
					.n_refs = s->refs->aspect[a].n,
					.hits = to->hit[a] + (size_t)s->n_found * to->stride,
					.counts = to->count[a] + s->n_found,
				};
	}
	return n;
}

static int keep_part(struct search *f, struct err *err)
{
	size_t i;
	int rc = 0;

	for (i = 0; !rc && i < f->r->n; i++) {
		struct split *s = &f->r->split[i];

		if (!s->works || f->to[i] == s->n_found)
			continue;
		rc = kept_neighbors_save(&f->kept[i], s, s->n_found, f->to[i], err);
		s->n_found = f->to[i];
	}
	return rc;
}

static int search(struct search *f, struct err *err)
{
	struct pairs *r = f->r;
	const struct pool *pool = &r->c->pool;
	struct knn_params params = {
		.metric = r->payload->metric,
		.k = f->stride,
		.threshold = r->payload->distance_threshold,
		.n_workers = r->c->settings->workers > 1 ? (size_t)r->c->settings->workers : 1,
		.query_chunk = (size_t)r->c->settings->query_chunk,
		.progress = add_progress,
		.progress_ctx = r->events,
	};
	uint32_t size = part_size(f);
	int rc = 0;

	events_progress_begin(r->events, "neighbours", "queries", ASPECTS * f->queries);
	while (!rc && next_part(f, size)) {
		size_t n = make_targets(f);

		if (n)
			rc = knn_search_many(pool->values, pool->n, pool->dim, f->target, n,
					     &params, err);
		if (!rc)
			rc = keep_part(f, err);
	}
	events_progress_end(r->events);
	return rc;
}

/* ---- what it took ------------------------------------------------------------------------------------- */

static double products_of(const struct split *s)
{
	double n = 0;
	int a;

	for (a = 0; s->works && a < ASPECTS; a++)
		n += (double)s->refs->aspect[a].n;
	return n * (double)(s->n_queries - s->n_found);
}

/* q: queries of all pairs; n: references of an aspect, the mean over the searches; 0 when all is there. */
static void mark_sizes(struct search *f, pp_stage *mark)
{
	size_t i;

	for (i = 0; i < f->r->n; i++) {
		const struct split *s = &f->r->split[i];

		if (s->works) {
			f->queries += s->n_queries - s->n_found;
			f->products += products_of(s);
		}
	}
	pp_stage_items(mark, f->queries);
	pp_stage_param(mark, "q", (double)f->queries);
	pp_stage_param(mark, "n", f->queries ? f->products / ASPECTS / (double)f->queries : 0);
	pp_stage_param(mark, "d", (double)f->r->c->pool.dim);
	pp_stage_param(mark, "k", (double)f->r->payload->k);
}

/* A pair's share of the time is that of its products. */
static void say_done(struct pairs *r, const double *products, double seconds)
{
	double all = 0;
	size_t i, n = 0;
	int a;

	for (i = 0; i < r->n; i++)
		if (r->split[i].works) {
			all += products[i];
			n++;
		}
	for (i = 0; i < r->n; i++) {
		struct split *s = &r->split[i];
		json_t *counts = json_object();
		double share;

		if (!s->works) {
			json_decref(counts);
			continue;
		}
		share = all > 0 ? seconds * products[i] / all : seconds / (double)n;
		s->elapsed_s += share;
		for (a = 0; a < ASPECTS; a++)
			json_object_set_new(counts, aspect_export[a],
					    json_integer((json_int_t)s->refs->aspect[a].n));
		events_emit(r->events, "info", "knn_done", NULL,
			    json_pack("{s:o, s:o, s:I, s:i, s:b, s:o, s:I, s:o}", "split",
				      split_name(s), "references", counts, "queries",
				      (json_int_t)s->n_queries, "k", r->payload->k, "shared",
				      s->found_kept, "elapsed_s", json_rounded(share, 3),
				      "pass_splits", (json_int_t)n, "pass_s",
				      json_rounded(seconds, 3)));
	}
}

int pairs_neighbors(struct pairs *r, struct err *err)
{
	struct search f = {.r = r};
	struct events_stage stage;
	double *products = calloc(r->n + 1, sizeof *products), seconds;
	size_t i;
	int rc;

	if (!r->c->pool.values) {
		free(products);
		return err_set(err, ERR_INTERNAL,
			       "neighbours are wanted of a pool whose rows are gone");
	}
	events_stage_begin(r->events, &stage, "knn");
	rc = products ? prepare(&f, err) : err_nomem(err, "neighbours");
	if (!rc) {
		for (i = 0; i < r->n; i++)
			products[i] = products_of(&r->split[i]);
		mark_sizes(&f, &stage.mark);
		rc = search(&f, err);
	}
	for (i = 0; !rc && i < r->n; i++)
		if (r->split[i].works)
			rc = pair_list_build(&r->split[i].pairs, r->split[i].neighbors,
					     r->split[i].refs, (uint32_t)r->payload->k, err);
	seconds = events_stage_end(&stage, NULL, NULL);
	if (!rc)
		say_done(r, products, seconds);
	release(&f);
	free(products);
	return rc;
}
