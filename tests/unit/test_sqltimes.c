/* Histograms of durations: each lies in its bucket, quantiles are as near as a bucket is wide, texts are read back and
 * what is none adds nothing. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "prof/base/sqltimes.h"

static void each_duration_lies_in_its_bucket(void **state)
{
	uint32_t before = 0;

	(void)state;
	for (uint64_t ns = 0; ns < UINT64_C(1) << 42; ns += 1 + ns / 97) {
		uint32_t b = sql_bucket(ns);

		assert_true(b < SQL_BUCKETS && b >= before);
		assert_true(sql_bucket_ns(b) <= ns);
		if (b < SQL_BUCKETS - 1)
			assert_true(ns < sql_bucket_ns(b + 1));
		before = b;
	}
	assert_int_equal(before, SQL_BUCKETS - 1);
	assert_int_equal(sql_bucket(UINT64_MAX), SQL_BUCKETS - 1);
}

static void buckets_have_no_gap(void **state)
{
	(void)state;
	assert_int_equal(sql_bucket_ns(0), 0);
	assert_int_equal(sql_bucket(1023), 0);
	for (uint32_t b = 1; b < SQL_BUCKETS; b++) {
		uint64_t least = sql_bucket_ns(b);

		assert_int_equal(sql_bucket(least), b);
		assert_int_equal(sql_bucket(least - 1), b - 1);
		if (b > 1) /* an eighth of a power of two */
			assert_true((least - sql_bucket_ns(b - 1)) * 8 <= least);
	}
}

static int ascending(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

static uint64_t step(uint64_t *s)
{
	*s = *s * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
	return *s >> 33;
}

/* Of durations from a microsecond to a minute, many sizes of samples. */
static void quantiles_are_near_the_true_ones(void **state)
{
	static const double parts[] = {0.5, 0.95, 0.99, 1};
	static uint64_t all[2000];
	uint64_t seed = 7;

	(void)state;
	for (size_t n = 1; n <= sizeof all / sizeof *all; n += 1 + n / 3) {
		uint32_t times[SQL_BUCKETS] = {0};

		for (size_t i = 0; i < n; i++) {
			all[i] = (UINT64_C(2048) + step(&seed) % 2048) << step(&seed) % 24;
			times[sql_bucket(all[i])]++;
		}
		qsort(all, n, sizeof *all, ascending);
		for (size_t k = 0; k < sizeof parts / sizeof *parts; k++) {
			double rank = parts[k] * (double)n;
			size_t at = (size_t)rank + ((double)(size_t)rank < rank);
			double want = (double)all[at - 1];
			double got = (double)sql_quantile_ns(times, all[n - 1], parts[k]);

			assert_true(got >= want * 0.9375 && got <= want * 1.0625);
			assert_true(got <= (double)all[n - 1]);
		}
	}
}

static void the_ends_are_kept(void **state)
{
	uint32_t times[SQL_BUCKETS] = {0};

	(void)state;
	assert_int_equal(sql_quantile_ns(times, 99, 0.95), 0); /* of nothing */
	times[0] = 1;
	assert_int_equal(sql_quantile_ns(times, 40, 0.95), 40);
	times[sql_bucket(5000)] = 19; /* 20 calls: the 19th of them */
	times[SQL_BUCKETS - 1] = 0;
	assert_int_equal(sql_bucket(sql_quantile_ns(times, 1000000, 0.95)), sql_bucket(5000));
	assert_int_equal(sql_bucket(sql_quantile_ns(times, 1000000, 0.05)), 0);
	assert_int_equal(sql_bucket(sql_quantile_ns(times, 1000000, 0)), 0);
	times[sql_bucket(5000)] = 18;
	times[sql_bucket(900000)] = 1;
	assert_int_equal(sql_bucket(sql_quantile_ns(times, 1000000, 0.95)), sql_bucket(5000));
	times[sql_bucket(5000)] = 17;
	times[sql_bucket(900000)] = 2;
	assert_int_equal(sql_bucket(sql_quantile_ns(times, 1000000, 0.95)), sql_bucket(900000));
	for (uint32_t b = 0; b < SQL_BUCKETS; b++)
		times[b] = UINT32_MAX;
	assert_true(sql_quantile_ns(times, UINT64_MAX, 1) >= sql_bucket_ns(SQL_BUCKETS - 1));
}

static void texts_add_up(void **state)
{
	uint32_t times[SQL_BUCKETS] = {0};

	(void)state;
	sql_times_add(times, "0:3 17:4 223:5");
	sql_times_add(times, "17:4294967290 17:10");
	sql_times_add(times, "");
	assert_int_equal(times[0], 3);
	assert_int_equal(times[17], UINT32_MAX); /* and no further */
	assert_int_equal(times[223], 5);
}

static void what_is_no_such_text_adds_nothing(void **state)
{
	static const char *const texts[] = {
		"x",     ":",    "3",    "3:",   "3:x",         "224:1", "99999999999999999999:1",
		"-1:5",  "+3:5", " 3:5", "3:-5", "3: 5",        "3:+5",  "3 :5",
		"\n3:1", "3;5",  "3::5", "0x3:", "4294967299:1"};
	uint32_t times[SQL_BUCKETS] = {0}, none[SQL_BUCKETS] = {0};

	(void)state;
	for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
		sql_times_add(times, texts[i]);
		if (memcmp(times, none, sizeof times))
			fail_msg("'%s'", texts[i]);
	}
	sql_times_add(times, "5:1 6:-1 7:1"); /* up to where it is none */
	assert_int_equal(times[5], 1);
	assert_int_equal(times[6], 0);
	assert_int_equal(times[7], 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_duration_lies_in_its_bucket),
		cmocka_unit_test(buckets_have_no_gap),
		cmocka_unit_test(quantiles_are_near_the_true_ones),
		cmocka_unit_test(the_ends_are_kept),
		cmocka_unit_test(texts_add_up),
		cmocka_unit_test(what_is_no_such_text_adds_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
