/* Histograms of durations: see sqltimes.h. */
#include "prof/base/sqltimes.h"

#include <stdlib.h>

uint64_t sql_quantile_ns(const uint32_t times[SQL_BUCKETS], uint64_t max_ns, double p)
{
	uint64_t n = 0, seen = 0, rank;

	for (uint32_t b = 0; b < SQL_BUCKETS; b++)
		n += times[b];
	if (n == 0)
		return 0;
	rank = (uint64_t)(p * (double)n + 0.999999);
	rank = rank < 1 ? 1 : rank > n ? n : rank;
	for (uint32_t b = 0; b < SQL_BUCKETS; b++) {
		uint64_t middle = (sql_bucket_ns(b) + sql_bucket_ns(b + 1)) / 2;

		seen += times[b];
		if (seen >= rank)
			return middle < max_ns ? middle : max_ns;
	}
	return max_ns;
}

/* strtoul() would take blanks and signs as well. */
static int is_digit(char c)
{
	return c >= '0' && c <= '9';
}

void sql_times_add(uint32_t times[SQL_BUCKETS], const char *text)
{
	while (is_digit(*text)) {
		char *end;
		unsigned long bucket = strtoul(text, &end, 10), n;

		if (*end != ':' || !is_digit(end[1]) || bucket >= SQL_BUCKETS)
			return;
		n = strtoul(end + 1, &end, 10);
		times[bucket] =
			n > UINT32_MAX - times[bucket] ? UINT32_MAX : times[bucket] + (uint32_t)n;
		text = end;
		while (*text == ' ')
			text++;
	}
}
