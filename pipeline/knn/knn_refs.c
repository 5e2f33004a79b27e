/* Joining equal reference rows: see knn_refs.h. One parallel pass over the bytes gives each row's
 * hash and scale; the table is then filled in ascending order, so numbers do not depend on
 * threads. */
#include "pipeline/knn/knn_refs.h"

#include <stdlib.h>
#include <string.h>

#include "pipeline/core/half.h"
#include "pipeline/core/workers.h"
#include "pipeline/knn/knn_exact.h"
#include "prof/base/hash.h"

#define ROWS_PER_ITEM ((size_t)512)

struct pass {
	enum knn_metric metric;
	const uint16_t *pool;
	size_t dim;
	const uint32_t *ref_rows;
	size_t n_refs;
	uint64_t *hashes;
	float *scale;
	float *scratch; /* n_workers rows */
};

static const uint16_t *ref_bits(const struct pass *p, size_t ref)
{
	return p->pool + (size_t)p->ref_rows[ref] * p->dim;
}

static int measure_item(void *ctx, size_t worker, size_t item, struct err *err)
{
	struct pass *p = ctx;
	float *row = p->scratch + worker * p->dim;
	size_t i = item * ROWS_PER_ITEM, end = i + ROWS_PER_ITEM;

	(void)err;
	for (end = end < p->n_refs ? end : p->n_refs; i < end; i++) {
		p->hashes[i] = hash_bytes(ref_bits(p, i), p->dim * sizeof *p->pool, 0);
		half_to_floats(ref_bits(p, i), row, p->dim);
		p->scale[i] = knn_row_scale(p->metric, row, p->dim);
	}
	return 0;
}

struct sought {
	const struct pass *pass;
	const struct knn_refs *refs;
	const uint16_t *bits;
};

static int same_row(const void *ctx, uint32_t id)
{
	const struct sought *s = ctx;

	return memcmp(s->bits, ref_bits(s->pass, s->refs->first[id]),
		      s->pass->dim * sizeof *s->bits) == 0;
}

/* Numbers the distinct rows and chains the others behind them. `last` is the end of each chain. */
static int join_rows(struct knn_refs *r, const struct pass *p, uint32_t *last)
{
	struct hashidx index = HASHIDX_INIT;
	size_t i;

	for (i = 0; i < p->n_refs; i++) {
		struct sought s = {p, r, ref_bits(p, i)};
		uint32_t row = hashidx_find(&index, p->hashes[i], same_row, &s);

		r->next[i] = KNN_NO_REF;
		if (row != HASHIDX_NONE) {
			r->next[last[row]] = (uint32_t)i;
			last[row] = (uint32_t)i;
			continue;
		}
		if (hashidx_add(&index, p->hashes[i], r->n_rows) != 0) {
			hashidx_release(&index);
			return ERR_NOMEM;
		}
		r->first[r->n_rows] = last[r->n_rows] = (uint32_t)i;
		r->scale[r->n_rows++] = p->scale[i];
	}
	hashidx_release(&index);
	return 0;
}

int knn_refs_build(struct knn_refs *r, enum knn_metric metric, const uint16_t *pool, size_t dim,
		   const uint32_t *ref_rows, size_t n_refs, size_t n_workers, struct err *err)
{
	struct pass p = {metric, pool, dim, ref_rows, n_refs, NULL, NULL, NULL};
	size_t n_items = (n_refs + ROWS_PER_ITEM - 1) / ROWS_PER_ITEM;
	uint32_t *last = malloc(n_refs * sizeof *last);
	int rc = 0;

	*r = (struct knn_refs){0};
	r->first = malloc(n_refs * sizeof *r->first);
	r->next = malloc(n_refs * sizeof *r->next);
	r->scale = p.scale = malloc(n_refs * sizeof *p.scale);
	p.hashes = malloc(n_refs * sizeof *p.hashes);
	p.scratch = calloc(n_workers, dim * sizeof *p.scratch);
	if (!last || !r->first || !r->next || !p.scale || !p.hashes || !p.scratch)
		rc = err_nomem(err, "the neighbour search's reference rows");
	if (rc == 0)
		rc = workers_run(n_workers, n_items, measure_item, &p, err);
	if (rc == 0 && join_rows(r, &p, last) != 0)
		rc = err_nomem(err, "the neighbour search's reference rows");
	free(last);
	free(p.hashes);
	free(p.scratch);
	if (rc != 0)
		knn_refs_release(r);
	return rc;
}

void knn_refs_release(struct knn_refs *r)
{
	free(r->first);
	free(r->next);
	free(r->scale);
	*r = (struct knn_refs){0};
}

size_t knn_refs_memory(size_t n_refs, size_t dim, size_t n_workers)
{
	size_t slots = 64, tables;

	while (slots < 2 * n_refs && slots < SIZE_MAX / 64)
		slots *= 2;
	/* While the table grows the one of half the size is there too. */
	tables = (slots + slots / 2) * 2 * sizeof(uint32_t);
	return n_refs * (3 * sizeof(uint32_t) + sizeof(float) + sizeof(uint64_t)) + tables +
	       n_workers * dim * sizeof(float);
}
