/* Joining lists of rows, and rows of equal values: see knn_set.h. One parallel pass over the bytes
 * gives each row's hash and scale; the table is then filled in ascending order, so nothing depends
 * on threads. */
#include "pipeline/knn/knn_set.h"

#include <stdlib.h>
#include <string.h>

#include "pipeline/core/half.h"
#include "pipeline/core/workers.h"
#include "pipeline/knn/knn_exact.h"
#include "prof/base/hash.h"

#define ROWS_PER_ITEM ((size_t)512)

/* What only building needs. */
struct build {
	struct knn_set *set;
	enum knn_metric metric;
	const uint16_t *pool;
	size_t dim;
	uint64_t *hashes; /* owned, per row */
	float *row_scale; /* owned, per row */
	uint32_t *last;   /* owned, per class: the end of its chain */
	float *scratch;   /* owned, a row per worker */
};

static const uint16_t *row_bits(const struct build *b, size_t row)
{
	return b->pool + (size_t)b->set->rows[row] * b->dim;
}

/* Which lists name each row of the pool; the number of rows that any names. */
static size_t mark_rows(uint64_t *marks, const struct knn_list *lists, size_t n_lists)
{
	size_t l, i, n = 0;

	for (l = 0; l < n_lists; l++)
		for (i = 0; i < lists[l].n; i++) {
			uint64_t *mark = &marks[lists[l].rows[i]];

			n += *mark == 0;
			*mark |= (uint64_t)1 << l;
		}
	return n;
}

static int collect_rows(struct knn_set *s, size_t n_pool, const struct knn_list *lists,
			size_t n_lists)
{
	uint64_t *marks = calloc(n_pool, sizeof *marks);
	size_t i, n;

	if (!marks)
		return ERR_NOMEM;
	n = mark_rows(marks, lists, n_lists);
	s->rows = malloc((n + 1) * sizeof *s->rows);
	s->mask = malloc((n + 1) * sizeof *s->mask);
	for (i = 0; s->rows && s->mask && i < n_pool; i++)
		if (marks[i]) {
			s->rows[s->n_rows] = (uint32_t)i;
			s->mask[s->n_rows++] = marks[i];
		}
	free(marks);
	return s->rows && s->mask ? 0 : ERR_NOMEM;
}

static int measure_item(void *ctx, size_t worker, size_t item, struct err *err)
{
	struct build *b = ctx;
	float *row = b->scratch + worker * b->dim;
	size_t i = item * ROWS_PER_ITEM, end = i + ROWS_PER_ITEM;

	(void)err;
	for (end = end < b->set->n_rows ? end : b->set->n_rows; i < end; i++) {
		b->hashes[i] = hash_bytes(row_bits(b, i), b->dim * sizeof *b->pool, 0);
		half_to_floats(row_bits(b, i), row, b->dim);
		b->row_scale[i] = knn_row_scale(b->metric, row, b->dim);
	}
	return 0;
}

struct sought {
	const struct build *build;
	const uint16_t *bits;
};

static int same_row(const void *ctx, uint32_t id)
{
	const struct sought *s = ctx;

	return memcmp(s->bits, row_bits(s->build, s->build->set->first[id]),
		      s->build->dim * sizeof *s->bits) == 0;
}

/* Numbers the classes by their first rows and chains the others behind them. */
static int join_rows(struct build *b)
{
	struct hashidx index = HASHIDX_INIT;
	struct knn_set *s = b->set;
	int rc = 0;
	uint32_t i;

	for (i = 0; rc == 0 && i < s->n_rows; i++) {
		struct sought sought = {b, row_bits(b, i)};
		uint32_t class = hashidx_find(&index, b->hashes[i], same_row, &sought);

		s->next[i] = KNN_NO_ROW;
		if (class != HASHIDX_NONE) {
			s->next[b->last[class]] = i;
			b->last[class] = i;
			continue;
		}
		rc = hashidx_add(&index, b->hashes[i], (uint32_t)s->n_classes);
		s->first[s->n_classes] = b->last[s->n_classes] = i;
		s->n_classes++;
	}
	hashidx_release(&index);
	return rc;
}

struct ranked {
	uint64_t mask;
	uint32_t first;
};

static int by_mask(const void *a, const void *b)
{
	const struct ranked *x = a, *y = b;

	if (x->mask != y->mask)
		return x->mask < y->mask ? -1 : 1;
	return x->first < y->first ? -1 : x->first > y->first;
}

static int order_classes(struct build *b)
{
	struct knn_set *s = b->set;
	struct ranked *ranked = malloc((s->n_classes + 1) * sizeof *ranked);
	uint32_t at;
	size_t c;

	if (!ranked)
		return ERR_NOMEM;
	for (c = 0; c < s->n_classes; c++) {
		ranked[c] = (struct ranked){0, s->first[c]};
		for (at = s->first[c]; at != KNN_NO_ROW; at = s->next[at])
			ranked[c].mask |= s->mask[at];
	}
	qsort(ranked, s->n_classes, sizeof *ranked, by_mask);
	for (c = 0; c < s->n_classes; c++) {
		s->first[c] = ranked[c].first;
		s->class_mask[c] = ranked[c].mask;
		s->scale[c] = b->row_scale[ranked[c].first];
	}
	free(ranked);
	return 0;
}

static int alloc_build(struct build *b, size_t n_workers)
{
	struct knn_set *s = b->set;
	size_t n = s->n_rows + 1;

	s->next = malloc(n * sizeof *s->next);
	s->first = malloc(n * sizeof *s->first);
	s->class_mask = malloc(n * sizeof *s->class_mask);
	s->scale = malloc(n * sizeof *s->scale);
	b->hashes = malloc(n * sizeof *b->hashes);
	b->row_scale = malloc(n * sizeof *b->row_scale);
	b->last = malloc(n * sizeof *b->last);
	b->scratch = calloc(n_workers, b->dim * sizeof *b->scratch);
	return s->next && s->first && s->class_mask && s->scale && b->hashes && b->row_scale &&
			       b->last && b->scratch
		       ? 0
		       : ERR_NOMEM;
}

int knn_set_build(struct knn_set *s, enum knn_metric metric, const uint16_t *pool, size_t n_pool,
		  size_t dim, const struct knn_list *lists, size_t n_lists, size_t n_workers,
		  struct err *err)
{
	struct build b = {.set = s, .metric = metric, .pool = pool, .dim = dim};
	int rc;

	*s = (struct knn_set){0};
	rc = collect_rows(s, n_pool, lists, n_lists);
	if (rc == 0)
		rc = alloc_build(&b, n_workers);
	if (rc == 0)
		rc = workers_run(n_workers, (s->n_rows + ROWS_PER_ITEM - 1) / ROWS_PER_ITEM,
				 measure_item, &b, err);
	if (rc == 0)
		rc = join_rows(&b);
	if (rc == 0)
		rc = order_classes(&b);
	free(b.hashes);
	free(b.row_scale);
	free(b.last);
	free(b.scratch);
	if (rc != 0)
		knn_set_release(s);
	return rc == ERR_NOMEM ? err_nomem(err, "the neighbour search's rows") : rc;
}

void knn_set_release(struct knn_set *s)
{
	free(s->rows);
	free(s->mask);
	free(s->next);
	free(s->first);
	free(s->class_mask);
	free(s->scale);
	*s = (struct knn_set){0};
}

uint32_t knn_set_seek(const struct knn_set *s, uint32_t at, uint64_t bit)
{
	while (at != KNN_NO_ROW && !(s->mask[at] & bit))
		at = s->next[at];
	return at;
}

size_t knn_set_memory(size_t n_rows)
{
	return n_rows * (4 * sizeof(uint32_t) + 2 * sizeof(uint64_t));
}

size_t knn_set_build_memory(size_t n_rows, size_t dim, size_t n_workers)
{
	size_t slots = 64, tables;

	while (slots < 2 * n_rows && slots < SIZE_MAX / 64)
		slots *= 2;
	/* While the table grows the one of half the size is there too. */
	tables = (slots + slots / 2) * 2 * sizeof(uint32_t);
	return n_rows * (sizeof(uint64_t) + sizeof(float) + sizeof(uint32_t)) +
	       (tables > n_rows * sizeof(struct ranked) ? tables : n_rows * sizeof(struct ranked)) +
	       n_workers * dim * sizeof(float);
}
