/* Leaving out what no screen can show, before it costs time: see graph_prune.h. */
#include "viewer/graph_prune.h"

#include <stdlib.h>

#include "prof/base/err.h"

/* A weight's bucket is its highest 11 bits and how far they are shifted. */
#define STEPS   1024u
#define BUCKETS (53 * STEPS + 2 * STEPS)

static uint32_t bucket_of(uint64_t weight)
{
	unsigned shift = 0;

	if (weight >= 2 * STEPS)
		shift = 53u - (unsigned)__builtin_clzll(weight);
	return shift * STEPS + (uint32_t)(weight >> shift);
}

/* The least weight of a bucket. */
static uint64_t bucket_start(uint32_t bucket)
{
	unsigned shift = bucket < 2 * STEPS ? 0 : bucket / STEPS - 1;

	return (uint64_t)(bucket - shift * STEPS) << shift;
}

int prune_scale_init(struct prune_scale *s)
{
	s->buckets = calloc(BUCKETS, sizeof *s->buckets);
	return s->buckets ? 0 : ERR_NOMEM;
}

void prune_scale_add(struct prune_scale *s, uint64_t weight)
{
	s->buckets[bucket_of(weight)]++;
}

uint64_t prune_scale_least(const struct prune_scale *s, uint64_t keep)
{
	uint64_t kept = 0;
	uint32_t b;

	for (b = BUCKETS; b-- > 1;) {
		kept += s->buckets[b];
		if (kept > keep)
			return b + 1 < BUCKETS ? bucket_start(b + 1) : UINT64_MAX;
	}
	return 1;
}

void prune_scale_release(struct prune_scale *s)
{
	free(s->buckets);
	s->buckets = NULL;
}

/* ---- rows ---- */

static int least_of(const uint64_t *total, uint32_t n, uint32_t keep, uint64_t *least)
{
	struct prune_scale s;
	uint32_t i;

	if (prune_scale_init(&s) != 0)
		return ERR_NOMEM;
	for (i = 0; i < n; i++)
		prune_scale_add(&s, total[i]);
	*least = prune_scale_least(&s, keep);
	prune_scale_release(&s);
	return 0;
}

static int copy_rows(struct stacktab *from, struct stacktab *into, const uint64_t *total,
		     uint64_t least, uint32_t other, uint32_t *to)
{
	uint32_t n = stacktab_count(from), i;
	int rc = 0;

	to[STACK_ROOT] = STACK_ROOT;
	for (i = 1; rc == 0 && i < n; i++) {
		uint32_t parent = stacktab_parent(from, i);

		if (total[i] >= least)
			rc = stacktab_intern(into, to[parent], stacktab_frame(from, i), &to[i]);
		else if (parent == STACK_ROOT || total[parent] >= least)
			rc = stacktab_intern(into, to[parent], other, &to[i]);
		else
			to[i] = to[parent]; /* which is an "other" row */
	}
	return rc;
}

int prune_rows(struct stacktab **rows, const uint64_t *self, uint32_t keep, uint32_t other,
	       uint32_t **to)
{
	uint32_t n = stacktab_count(*rows), i;
	uint64_t *total = malloc(n * sizeof *total), least = 1;
	struct stacktab *into = stacktab_new();
	int rc;

	*to = malloc(n * sizeof **to);
	rc = total && into && *to ? 0 : ERR_NOMEM;
	for (i = 0; rc == 0 && i < n; i++)
		total[i] = self[i];
	for (i = n; rc == 0 && i-- > 1;)
		total[stacktab_parent(*rows, i)] += total[i];
	if (rc == 0)
		rc = least_of(total, n, keep, &least);
	if (rc == 0)
		rc = copy_rows(*rows, into, total, least, other, *to);
	free(total);
	if (rc != 0) {
		stacktab_free(into);
		free(*to);
		*to = NULL;
		return rc;
	}
	stacktab_free(*rows);
	*rows = into;
	return 0;
}
