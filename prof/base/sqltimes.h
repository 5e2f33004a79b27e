/* How long statements took, as a histogram: kept by whoever runs them, added up and asked for its quantiles by whoever
 * reads. As text: "bucket:calls bucket:calls". */
#ifndef BASE_SQLTIMES_H
#define BASE_SQLTIMES_H

#include <stdint.h>

/* Durations: 8 buckets for each power of two, from 2^10 ns on; what is below lies in the first one. */
#define SQL_BUCKETS 224u

static inline uint32_t sql_bucket(uint64_t ns)
{
	uint32_t log, b;

	if (ns < 1024)
		return 0;
	log = 63 - (uint32_t)__builtin_clzll(ns);
	b = (log - 10) * 8 + (uint32_t)(ns >> (log - 3) & 7);
	return b < SQL_BUCKETS ? b : SQL_BUCKETS - 1;
}

/* The least duration in a bucket; of the one after the last: where it ends. */
static inline uint64_t sql_bucket_ns(uint32_t b)
{
	return b == 0 ? 0 : (uint64_t)(8 + b % 8) << (b / 8 + 7);
}

/* Such part `p` of calls took no longer: the middle of the bucket it lies in, at most `max_ns`. */
uint64_t sql_quantile_ns(const uint32_t times[SQL_BUCKETS], uint64_t max_ns, double p);
/* Adds what such a text says; what is no such text adds nothing. */
void sql_times_add(uint32_t times[SQL_BUCKETS], const char *text);

#endif
