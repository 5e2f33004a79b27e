/* Error bars of sampled memory: see estimate.h and docs/memory.md. */
#include "prof/analyze/estimate.h"

#include <math.h>
#include <string.h>

#include "prof/base/interval.h"
#include "prof/heap/sampler.h"

double estimate_rate(const struct profile *p, enum profile_kind kind)
{
	uint64_t rate = p->run.memory_rate_bytes ? p->run.memory_rate_bytes : HEAP_RATE_DEFAULT;
	const char *mode = strtab_text(p->strings, p->run.memory);

	if (kind == PROFILE_COPY)
		return strcmp(mode, "sampled") == 0 || strcmp(mode, "full") == 0
			       ? (double)heap_copy_rate(rate)
			       : 0;
	if (kind != PROFILE_ALLOC && kind != PROFILE_LIVE && kind != PROFILE_PEAK &&
	    kind != PROFILE_LEAK && kind != PROFILE_TEMPORARY)
		return 0;
	return strcmp(mode, "sampled") == 0 && rate > 1 ? (double)rate : 0;
}

static int compare(const struct profile_sample *a, const struct profile_sample *b)
{
	if (a->kind != b->kind)
		return a->kind < b->kind ? -1 : 1;
	if (a->stage != b->stage)
		return a->stage < b->stage ? -1 : 1;
	if (a->thread != b->thread)
		return a->thread < b->thread ? -1 : 1;
	return a->stack < b->stack ? -1 : a->stack > b->stack;
}

/* The allocations of the same stage, thread and stack: samples are sorted. */
static const struct profile_sample *allocations(const struct profile *p,
						const struct profile_sample *s)
{
	struct profile_sample key = *s;
	size_t from = 0, to = p->n_samples;

	key.kind = PROFILE_ALLOC;
	while (from < to) {
		size_t at = from + (to - from) / 2;
		int c = compare(&p->samples[at], &key);

		if (c == 0)
			return &p->samples[at];
		if (c < 0)
			from = at + 1;
		else
			to = at;
	}
	return NULL;
}

double estimate_variance(const struct profile *p, const struct profile_sample *s)
{
	double rate = estimate_rate(p, (enum profile_kind)s->kind), most, part;
	const struct profile_sample *all;

	if (rate <= 0)
		return 0;
	if (s->kind == PROFILE_ALLOC || s->kind == PROFILE_COPY || s->variance > 0)
		return s->variance;
	most = rate * fmax((double)s->value, 0);
	all = allocations(p, s);
	if (!all || all->value <= 0)
		return most;
	part = all->variance * (double)s->value / (double)all->value;
	return fmin(fmax(part, 0), most);
}

void estimate_interval(const struct profile *p, enum profile_kind kind, double value,
		       double variance, double *lo, double *hi)
{
	interval_of_sampled(value, variance, estimate_rate(p, kind), lo, hi);
}
