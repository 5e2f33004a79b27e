/* Neighbours of a pair: one search per aspect, or the ones a grid has found before. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "pipeline/job/split.h"

static void add_progress(void *ctx, size_t done)
{
	events_progress_add(ctx, done);
}

static const struct neighbors *find_kept(const struct split *s)
{
	const struct context *c = s->c;
	size_t i;

	for (i = 0; i < c->n_kept; i++)
		if (c->kept[i].pair == s->pair && c->kept[i].found.k >= (uint32_t)s->payload->k &&
		    strcmp(c->kept[i].config_id, s->payload->embedding_config_id) == 0)
			return &c->kept[i].found;
	return NULL;
}

/* Gives the fresh neighbours to the context, for the grid's further cells. */
static int keep(struct split *s, struct err *err)
{
	struct context *c = s->c;
	struct kept_neighbors *list = realloc(c->kept, (c->n_kept + 1) * sizeof *list);

	if (!list)
		return err_nomem(err, "neighbours");
	c->kept = list;
	memcpy(list[c->n_kept].config_id, s->payload->embedding_config_id, UUID_TEXT);
	list[c->n_kept].pair = s->pair;
	list[c->n_kept].found = s->own_neighbors;
	s->own_neighbors = (struct neighbors){0};
	s->neighbors = &list[c->n_kept++].found;
	return 0;
}

static int search_aspect(struct split *s, int aspect, struct err *err)
{
	const struct pool *pool = &s->c->pool;
	const struct ref_list *refs = &s->refs.aspect[aspect];
	struct knn_params params = {
		.metric = s->payload->metric,
		.k = s->own_neighbors.stride,
		.threshold = s->payload->distance_threshold,
		.n_workers = split_workers(s),
		.query_chunk = (size_t)s->c->settings->query_chunk,
		.progress = add_progress,
		.progress_ctx = s->events,
	};

	if (refs->n == 0)
		return 0;
	return knn_search(pool->values, pool->n, pool->dim, s->query_row, s->n_queries, refs->row,
			  refs->n, &params, s->own_neighbors.hit[aspect],
			  s->own_neighbors.count[aspect], err);
}

static int search(struct split *s, struct err *err)
{
	uint32_t k = (uint32_t)s->payload->k;
	int rc, a;

	if (s->c->sharing && s->c->share_k > k)
		k = s->c->share_k;
	rc = neighbors_alloc(&s->own_neighbors, s->n_queries, k, &s->refs, err);
	if (rc)
		return rc;
	events_progress_begin(s->events, "neighbours", "queries", (uint64_t)ASPECTS * s->n_queries);
	for (a = 0; !rc && a < ASPECTS; a++)
		rc = search_aspect(s, a, err);
	events_progress_end(s->events);
	s->neighbors = &s->own_neighbors;
	if (!rc && s->c->sharing)
		rc = keep(s, err);
	return rc;
}

/* n: references of an aspect, the mean of the three searches; 0 when nothing is searched. */
static void mark_sizes(const struct split *s, pp_stage *mark, int kept)
{
	double n = 0;
	int a;

	for (a = 0; a < ASPECTS && !kept; a++)
		n += (double)s->refs.aspect[a].n;
	pp_stage_items(mark, s->n_queries);
	pp_stage_param(mark, "q", (double)s->n_queries);
	pp_stage_param(mark, "n", n / ASPECTS);
	pp_stage_param(mark, "d", (double)s->c->pool.dim);
	pp_stage_param(mark, "k", (double)s->payload->k);
}

int split_search(struct split *s, struct err *err)
{
	struct events_stage stage;
	json_t *counts = json_object();
	int rc = 0, a, kept;

	events_stage_begin(s->events, &stage, "knn");
	s->neighbors = find_kept(s);
	kept = s->neighbors != NULL;
	mark_sizes(s, &stage.mark, kept);
	if (!kept)
		rc = search(s, err);
	for (a = 0; a < ASPECTS; a++)
		json_object_set_new(counts, aspect_export[a],
				    json_integer((json_int_t)s->refs.aspect[a].n));
	events_stage_end(&stage, rc ? NULL : "knn_done",
			 json_pack("{s:o, s:o, s:I, s:i, s:b}", "split", split_name(s),
				   "references", counts, "queries", (json_int_t)s->n_queries, "k",
				   s->payload->k, "shared", kept));
	return rc;
}
