/* A pair of releases with neighbours, and distinct text pairs with values, made by hand: for what a run keeps in
 * its staging folder. Includers have cmocka and scratch.h. */
#ifndef TESTS_KEPT_RIG_H
#define TESTS_KEPT_RIG_H

#include "pipeline/job/align_keep.h"
#include "pipeline/job/kept_neighbors.h"

#define RIG_QUERIES 7
#define RIG_REFS    5
#define RIG_TEXTS   4

struct rig {
	struct payload payload;
	struct plan plan;
	struct plan_pair pair;
	struct split split;
	struct references refs;
	uint32_t rows[RIG_REFS], queries[RIG_QUERIES];
	struct staging staging;
	struct align_work work;
};

static inline void rig_make(struct rig *r)
{
	uint32_t i;
	int a;

	*r = (struct rig){.pair = {.label = "v1-v2"}};
	memcpy(r->payload.embedding_config_id, "33333333-0000-4000-8000-000000000001", UUID_TEXT);
	r->plan = (struct plan){.pairs = &r->pair, .n_pairs = 1};
	for (i = 0; i < RIG_REFS; i++)
		r->rows[i] = 3 * i;
	for (i = 0; i < RIG_QUERIES; i++)
		r->queries[i] = 10 + i;
	r->split = (struct split){.payload = &r->payload,
				  .plan = &r->plan,
				  .query_row = r->queries,
				  .n_queries = RIG_QUERIES};
	for (a = 0; a < ASPECTS; a++) {
		r->refs.aspect[a].row = r->rows;
		r->refs.aspect[a].n = (uint32_t)(RIG_REFS - a);
	}
	r->split.refs = &r->refs;
	r->staging = (struct staging){.dir = scratch_dir, .lock = -1};
	memset(r->staging.content, 'f', SHA256_HEX - 1);
}

/* Room for neighbours, nothing found yet; 0 or ERR_NOMEM. */
static inline int rig_room(struct rig *r, uint32_t k)
{
	int a;

	neighbors_release(&r->split.own_neighbors);
	r->split.neighbors = &r->split.own_neighbors;
	r->split.n_found = 0;
	if (neighbors_alloc(&r->split.own_neighbors, RIG_QUERIES, k, &r->refs, NULL) != 0)
		return ERR_NOMEM;
	for (a = 0; a < ASPECTS; a++)
		memset(r->split.own_neighbors.hit[a], 0,
		       (size_t)RIG_QUERIES * r->split.own_neighbors.stride *
			       sizeof(struct knn_hit));
	return 0;
}

static inline struct knn_hit rig_hit(int aspect, uint32_t q, uint32_t rank)
{
	return (struct knn_hit){(q + rank) % (uint32_t)(RIG_REFS - aspect),
				(float)(100 * aspect + 10 * (int)q + (int)rank)};
}

static inline void rig_find(struct rig *r)
{
	struct neighbors *n = &r->split.own_neighbors;
	uint32_t q, i;
	int a;

	for (a = 0; a < ASPECTS; a++)
		for (q = 0; q < RIG_QUERIES; q++) {
			n->count[a][q] = n->stride < 4 - (uint32_t)a ? n->stride : 4 - (uint32_t)a;
			for (i = 0; i < n->count[a][q]; i++)
				n->hit[a][q * n->stride + i] = rig_hit(a, q, i);
		}
}

/* Texts of proteins 0 to 3 and all twelve pairs of different ones; 0 or ERR_NOMEM. */
static inline int rig_work(struct rig *r)
{
	static const char *const text[RIG_TEXTS] = {"MK", "MKV", "WWW", "A"};
	struct align_work *w = &r->work;
	struct align_texts *t = &w->own_texts;
	uint32_t i, j, job;
	int fresh, rc = 0;

	w->n_proteins = RIG_TEXTS;
	w->texts = t;
	t->text_of = malloc(RIG_TEXTS * sizeof *t->text_of);
	t->view = malloc(RIG_TEXTS * sizeof *t->view);
	t->sequence = malloc(RIG_TEXTS * sizeof *t->sequence);
	if (!t->text_of || !t->view || !t->sequence)
		return ERR_NOMEM;
	for (i = 0; i < RIG_TEXTS; i++) {
		t->text_of[i] = dict_intern(&t->dict, text[i], strlen(text[i]));
		if (t->text_of[i] == DICT_NONE)
			return ERR_NOMEM;
		t->view[i] = (struct align_text){text[i], strlen(text[i])};
		t->sequence[i] = 1000 + i;
		t->n_views++;
	}
	for (i = 0; i < RIG_TEXTS; i++)
		for (j = 0; !rc && j < RIG_TEXTS; j++)
			if (i != j)
				rc = align_work_add(w, i, j, &job, &fresh, NULL);
	return rc ? rc : align_work_room(w, NULL);
}

static inline struct align_values rig_value(struct align_job job)
{
	return (struct align_values){.identity_nw = job.query, .length_sw = job.ref};
}

static inline void rig_release(struct rig *r)
{
	neighbors_release(&r->split.own_neighbors);
	align_work_release(&r->work);
}

#endif
