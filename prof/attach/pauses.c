/* Histogram of pauses: see pauses.h. */
#include "prof/attach/pauses.h"

#define FIRST_BITS 5 /* below 2^5 ns each value has a bucket */

static uint32_t bucket_of(uint64_t ns)
{
	uint32_t bits, at;

	if (ns < PAUSES_STEPS)
		return (uint32_t)ns;
	bits = 63 - (uint32_t)__builtin_clzll(ns);
	at = (bits - FIRST_BITS + 1) * PAUSES_STEPS +
	     (uint32_t)(ns >> (bits - FIRST_BITS) & (PAUSES_STEPS - 1));
	return at < PAUSES_BUCKETS ? at : PAUSES_BUCKETS - 1;
}

/* The largest value of a bucket: pauses are never told too short. */
static int64_t value_of(uint32_t bucket)
{
	uint32_t shift = bucket / PAUSES_STEPS;

	if (shift <= 1)
		return (int64_t)bucket;
	shift--;
	return (int64_t)(((uint64_t)(PAUSES_STEPS + bucket % PAUSES_STEPS + 1) << shift) - 1);
}

void pauses_add(struct pauses *p, int64_t ns)
{
	if (ns < 0)
		ns = 0;
	p->n++;
	p->count[bucket_of((uint64_t)ns)]++;
	if (ns > p->max_ns)
		p->max_ns = ns;
}

static int64_t quantile(const struct pauses *p, uint64_t percent)
{
	uint64_t rank = (p->n * percent + 99) / 100, seen = 0;

	for (uint32_t i = 0; i < PAUSES_BUCKETS; i++) {
		seen += p->count[i];
		if (seen && seen >= rank)
			return value_of(i) < p->max_ns ? value_of(i) : p->max_ns;
	}
	return p->max_ns;
}

void pauses_stats(const struct pauses *p, struct pause_stats *stats)
{
	*stats = (struct pause_stats){.n = p->n,
				      .skipped = p->skipped,
				      .p50_ns = quantile(p, 50),
				      .p99_ns = quantile(p, 99),
				      .max_ns = p->max_ns};
}
