/* Sets of (protein, go): see buckets.h. */
#include "pipeline/ontology/buckets.h"

#include <stdlib.h>

int pairset_add(struct pairset *s, uint64_t key, struct err *err)
{
	if (s->n == s->cap) {
		size_t cap = s->cap ? 2 * s->cap : 1024;
		uint64_t *k = realloc(s->key, cap * sizeof *k);

		if (!k)
			return err_nomem(err, "ground truth");
		s->key = k;
		s->cap = cap;
	}
	s->key[s->n++] = key;
	return 0;
}

static int cmp_u64(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

void pairset_seal_tail(struct pairset *s, size_t from)
{
	size_t i, at = from;

	if (s->n - from > 1)
		qsort(s->key + from, s->n - from, sizeof *s->key, cmp_u64);
	for (i = from; i < s->n; i++)
		if (i == from || s->key[i] != s->key[i - 1])
			s->key[at++] = s->key[i];
	s->n = at;
}

void pairset_seal(struct pairset *s)
{
	pairset_seal_tail(s, 0);
}

/* Index of the first key that is not below `key`. */
static size_t lower_bound(const struct pairset *s, uint64_t key)
{
	size_t lo = 0, hi = s->n;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (s->key[mid] < key)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

int pairset_has(const struct pairset *s, uint64_t key)
{
	size_t i = lower_bound(s, key);

	return i < s->n && s->key[i] == key;
}

size_t pairset_range(const struct pairset *s, uint32_t protein, size_t *end)
{
	*end = protein == UINT32_MAX ? s->n : lower_bound(s, PAIR_KEY((uint64_t)protein + 1, 0));
	return lower_bound(s, PAIR_KEY(protein, 0));
}

void pairset_release(struct pairset *s)
{
	free(s->key);
	*s = (struct pairset)PAIRSET_INIT;
}
