/* Distances and weights of samples against libm, and the estimates that come of them against the truth. Seeds
 * are fixed: every number here is the same in each run. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "prof/base/interval.h"
#include "prof/heap/format.h"
#include "prof/heap/sampler.h"
#include "tests/unit/numbers.h"

#define SEEDS 1000
#define RATE  UINT64_C(524288)

static const uint64_t rates[] = {2, 3, 64, 1000, 4096, 65536, 524288, 8 << 20, 1 << 30};
#define N_RATES (sizeof rates / sizeof rates[0])

/* A size of any magnitude. */
static uint64_t any_size(uint64_t *s)
{
	uint64_t z = splitmix(s);

	return splitmix(s) >> (z % 64);
}

/* ---- weights --------------------------------------------------------------------------------- */

static void weights_are_those_of_libm(void **state)
{
	uint64_t s = 1;

	(void)state;
	for (int i = 0; i < 200000; i++) {
		uint64_t rate = rates[(size_t)i % N_RATES];
		uint64_t size = any_size(&s) % (40 * rate - 1);
		struct heap_weight w = heap_sample_weight(size, rate);
		double z = (double)size, x = (z + 1) / (double)rate, p = -expm1(-x);
		double variance = z / p * (z / p) * exp(-x);

		assert_true(fabs((double)w.bytes - z / p) <= 0.5 + 1e-14 * z / p);
		assert_true(fabs((double)w.count - 65536 / p) <= 0.5 + 1e-14 * 65536 / p);
		assert_true(fabs(w.variance - variance) <= 1e-13 * variance);
	}
}

/* The promise of sampler.h: rounding costs less than 1 / rate. */
static void whole_bytes_are_nearly_as_good_as_parts_of_them(void **state)
{
	(void)state;
	for (size_t r = 0; r < N_RATES; r++)
		for (uint64_t size = 1; size < 5000; size++) {
			double z = (double)size;
			double want = z / -expm1(-(z + 1) / (double)rates[r]);

			assert_true(fabs((double)heap_sample_weight(size, rates[r]).bytes - want) <=
				    want / (double)rates[r]);
		}
}

static void the_same_size_always_weighs_the_same(void **state)
{
	uint64_t s = 2;

	(void)state;
	for (int i = 0; i < 10000; i++) {
		uint64_t size = any_size(&s);
		struct heap_weight a = heap_sample_weight(size, RATE);
		struct heap_weight b = heap_sample_weight(size, RATE);

		assert_true(a.bytes == b.bytes && a.count == b.count && a.variance == b.variance);
	}
}

static void large_blocks_stand_for_themselves(void **state)
{
	static const uint64_t sizes[] = {40 * RATE, 1 << 30, INT64_MAX, UINT64_MAX};

	(void)state;
	for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
		struct heap_weight w = heap_sample_weight(sizes[i], RATE);

		assert_true(w.bytes == sizes[i]);
		assert_int_equal(w.count, HEAP_COUNT_UNIT_SAMPLED);
		assert_true(w.variance == 0);
	}
}

/* Nothing else may be seen in a run that asks for all of it. */
static void a_rate_of_1_means_everything_exactly(void **state)
{
	uint64_t s = 3, random = 4;

	(void)state;
	for (uint64_t rate = 0; rate <= 1; rate++)
		for (int i = 0; i < 1000; i++) {
			uint64_t size = i ? any_size(&s) : 0;
			struct heap_weight w = heap_sample_weight(size, rate);

			assert_true(w.bytes == size && w.count == 65536 && w.variance == 0);
			assert_int_equal(heap_sample_gap(&random, rate), 1);
		}
}

static void empty_blocks_count_and_hold_nothing(void **state)
{
	struct heap_weight w = heap_sample_weight(0, RATE);

	(void)state;
	assert_int_equal(w.bytes, 0);
	assert_true(fabs((double)w.count / (65536.0 * (RATE + 0.5)) - 1) < 1e-6);
	assert_true(w.variance == 0);
}

static void any_rate_and_size_is_taken(void **state)
{
	uint64_t s = 5, random = 6;

	(void)state;
	for (int i = 0; i < 100000; i++) {
		uint64_t size = any_size(&s), rate = any_size(&s);
		struct heap_weight w = heap_sample_weight(size, rate);
		int64_t gap = heap_sample_gap(&random, rate);

		assert_true(w.bytes >= size && w.count >= 65536 && w.variance >= 0);
		assert_true(gap >= 1 && gap <= INT64_C(1) << 46);
	}
}

/* ---- distances ------------------------------------------------------------------------------- */

/* libm's logarithm of the same random number, to parts in 10^9: with a rate of 2^40 the whole bytes of a
 * distance show 12 digits of it. */
static void distances_are_logarithms(void **state)
{
	uint64_t ours = 7, theirs = 7;

	(void)state;
	for (int i = 0; i < 200000; i++) {
		double u = ((double)(splitmix(&theirs) >> 12) + 0.5) * 0x1p-52;
		double want = -log(u) * 0x1p40;
		double got = (double)heap_sample_gap(&ours, UINT64_C(1) << 40);

		assert_true(fabs(got - want) <= 1 + 1e-13 * want);
	}
}

static int by_value(const void *a, const void *b)
{
	int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

	return (x > y) - (x < y);
}

/* Kolmogorov and Smirnov: the largest distance of the distribution seen from the one that is meant, for
 * n = 10^6 below 1.95 / sqrt(n) in 999 of 1,000 series. Made of the first values of many near states. */
static void distances_are_exponential(void **state)
{
	static int64_t gap[1000000];
	size_t n = sizeof gap / sizeof gap[0];
	uint64_t random = 0;
	double worst = 0;

	(void)state;
	for (size_t i = 0; i < n; i++) {
		if (i % 100 == 0)
			random = i;
		gap[i] = heap_sample_gap(&random, RATE);
	}
	qsort(gap, n, sizeof gap[0], by_value);
	for (size_t i = 0; i < n; i++) {
		double want = -expm1(-(double)gap[i] / RATE);

		worst = fmax(worst, fabs(want - (double)(i + 1) / (double)n));
	}
	assert_true(worst < 1.95 / 1000);
}

/* The mean of what is drawn, which every estimate hangs on: n = 10^7, so the standard error is 0.03 %. */
static void their_mean_is_the_rate(void **state)
{
	uint64_t random = 8;
	double sum = 0;

	(void)state;
	for (int i = 0; i < 10000000; i++)
		sum += (double)heap_sample_gap(&random, RATE);
	assert_true(fabs(sum / 1e7 / (RATE + 0.5) - 1) < 0.001);
}

/* To the byte: at a rate of 4 a block that takes k bytes off the countdown is met with 1 - exp(-k / 4). */
static void a_block_is_met_as_often_as_its_weight_says(void **state)
{
	(void)state;
	for (int64_t k = 1; k <= 12; k++) {
		uint64_t random = (uint64_t)k;
		double p = -expm1(-(double)k / 4), n = 400000, met = 0;
		int64_t left = heap_sample_gap(&random, 4);

		for (int i = 0; i < (int)n; i++) {
			left -= k;
			if (left <= 0) {
				met++;
				left = heap_sample_gap(&random, 4);
			}
		}
		assert_true(fabs(met - n * p) < 4 * sqrt(n * p * (1 - p)) + 1);
	}
}

/* ---- estimates ------------------------------------------------------------------------------- */

struct work { /* sizes of blocks, and which of them are freed again */
	uint64_t *size;
	uint8_t *freed;
	size_t n;
	double bytes, count, live;
};

static void work_sum(struct work *w)
{
	w->bytes = w->live = 0;
	w->count = (double)w->n;
	for (size_t i = 0; i < w->n; i++) {
		w->bytes += (double)w->size[i];
		w->live += w->freed[i] ? 0 : (double)w->size[i];
	}
}

static double uniform(uint64_t *s)
{
	return ((double)(splitmix(s) >> 12) + 0.5) * 0x1p-52;
}

/* Sizes of 8 bytes to 10 MB: Pareto's law with exponent 1.1, so that large blocks hold most of the bytes and small
 * ones are most of the blocks. */
static void work_make(struct work *w, size_t n, uint64_t seed, double exponent, double most)
{
	*w = (struct work){test_malloc(n * sizeof *w->size), test_malloc(n), n, 0, 0, 0};
	for (size_t i = 0; i < n; i++) {
		double z = 8 * pow(uniform(&seed), -1 / exponent);

		w->size[i] = (uint64_t)fmin(z, most);
		w->freed[i] = splitmix(&seed) % 4 != 0;
	}
	work_sum(w);
}

static void work_free(struct work *w)
{
	test_free(w->size);
	test_free(w->freed);
}

struct estimate {
	double bytes, variance, count, count_variance, live, live_variance;
	size_t n;
};

/* What a thread does, its first distance drawn before its first block. */
static struct estimate sampled(const struct work *w, uint64_t seed, uint64_t rate)
{
	struct estimate e = {0};
	uint64_t live = 0;
	int64_t left = heap_sample_gap(&seed, rate);

	for (size_t i = 0; i < w->n; i++) {
		struct heap_weight weight;
		double c;

		left -= (int64_t)w->size[i] + 1;
		if (left > 0)
			continue;
		left = heap_sample_gap(&seed, rate);
		weight = heap_sample_weight(w->size[i], rate);
		c = (double)weight.count / 65536;
		e.n++;
		e.bytes += (double)weight.bytes;
		e.variance += weight.variance;
		e.count += c;
		e.count_variance += c * (c - 1); /* (1 - p) / p^2 */
		live += weight.bytes;
		if (w->freed[i])
			live -= heap_sample_weight(w->size[i], rate).bytes;
		else
			e.live_variance += weight.variance;
	}
	e.live = (double)live;
	return e;
}

/* ---- and their intervals --------------------------------------------------------------------- */

struct hits {
	double error;   /* mean of estimate / truth - 1 */
	double covered; /* share of intervals that hold the truth */
};

static void add(struct hits *h, int seeds, double value, double variance, double unit, double truth)
{
	double lo, hi;

	if (unit > 0)
		interval_of_sampled(value, variance, unit, &lo, &hi);
	else
		interval_of_sum(value, variance, &lo, &hi);
	h->error += (value / truth - 1) / seeds;
	h->covered += (lo <= truth && truth <= hi ? 1.0 : 0.0) / seeds;
}

struct result {
	struct hits bytes, count, live, plain; /* plain: bytes without knowing the rate */
	double samples;
};

static struct result over_seeds(const struct work *w, uint64_t rate, int seeds)
{
	struct result r;
	uint64_t seed = 11;

	memset(&r, 0, sizeof r);
	for (int i = 0; i < seeds; i++) {
		struct estimate e = sampled(w, splitmix(&seed), rate);

		add(&r.bytes, seeds, e.bytes, e.variance, (double)rate, w->bytes);
		add(&r.live, seeds, e.live, e.live_variance, (double)rate, w->live);
		add(&r.count, seeds, e.count, e.count_variance, 0, w->count);
		add(&r.plain, seeds, e.bytes, e.variance, 0, w->bytes);
		r.samples += (double)e.n / seeds;
	}
	return r;
}

static void show(const char *what, const struct result *r)
{
	print_message("%s, %.1f samples: bytes %+.2f %% (%.1f %% covered, %.1f without the rate), "
		      "live %+.2f %% (%.1f), blocks %+.2f %% (%.1f)\n",
		      what, r->samples, 100 * r->bytes.error, 100 * r->bytes.covered,
		      100 * r->plain.covered, 100 * r->live.error, 100 * r->live.covered,
		      100 * r->count.error, 100 * r->count.covered);
}

static void assert_holds(const struct hits *h)
{
	assert_true(fabs(h->error) < 0.005);
	assert_true(h->covered >= 0.93 && h->covered <= 0.97);
}

/* 1,000 seeds: were the coverage 95 %, what is seen would lie outside of 93 to 97 % for 4 seeds of 1,000. */
static void estimates_of_all_sizes_are_right_and_say_how_right(void **state)
{
	struct work w;
	struct result r;

	(void)state;
	work_make(&w, 200000, 10, 1.1, 10e6);
	r = over_seeds(&w, 4096, SEEDS);
	show("8 B to 10 MB", &r);
	assert_holds(&r.bytes);
	assert_holds(&r.live);
	assert_holds(&r.count);
	assert_holds(&r.plain);
	work_free(&w);
}

/* Counts of samples are whole numbers, so the coverage for one expected number swings around the one that
 * is meant (L. Brown, T. Cai, A. DasGupta, Interval estimation in exponential families, 2003). */
static void intervals_hold_for_few_samples(void **state)
{
	struct work w;
	double mean = 0;

	(void)state;
	work_make(&w, 2000, 13, 2, 1000);
	for (int n = 5; n <= 20; n++) {
		struct result r = over_seeds(&w, (uint64_t)(w.bytes / n), 4 * SEEDS);

		if (n % 5 == 0)
			show("few samples", &r);
		assert_true(r.bytes.covered > 0.92 && r.bytes.covered < 0.98);
		assert_true(fabs(r.bytes.error) < 4 / sqrt(n * 4.0 * SEEDS));
		mean += r.bytes.covered / 16;
	}
	assert_true(mean > 0.94 && mean < 0.96);
	work_free(&w);
}

/* 100 MiB in blocks that are always seen, and about 5 samples' worth of small ones: V / S, which spreads the
 * variance over all, is far too sure. */
static void certain_blocks_do_not_hide_how_few_samples_there_are(void **state)
{
	struct work w;
	struct result r;

	(void)state;
	work_make(&w, 2010, 14, 2, 1000);
	for (size_t i = 0; i < 10; i++)
		w.size[i] = 10 << 20;
	work_sum(&w);
	r = over_seeds(&w, (uint64_t)((w.bytes - (100 << 20)) / 5), 4 * SEEDS);
	show("few beside large ones", &r);
	assert_true(r.bytes.covered > 0.93 && r.bytes.covered < 0.97);
	assert_true(r.plain.covered < 0.91);
	work_free(&w);
}

/* At a rate of 1 the estimates are the truth, and the intervals say so. */
static void at_a_rate_of_1_there_is_nothing_to_estimate(void **state)
{
	struct work w;
	struct estimate e;
	double lo, hi;

	(void)state;
	work_make(&w, 10000, 15, 1.1, 10e6);
	e = sampled(&w, 16, 1);
	assert_int_equal(e.n, w.n);
	assert_true(e.bytes == w.bytes && e.count == w.count && e.live == w.live);
	interval_of_sampled(e.bytes, e.variance, 1, &lo, &hi);
	assert_true(lo == w.bytes && hi == w.bytes);
	work_free(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(weights_are_those_of_libm),
		cmocka_unit_test(whole_bytes_are_nearly_as_good_as_parts_of_them),
		cmocka_unit_test(the_same_size_always_weighs_the_same),
		cmocka_unit_test(large_blocks_stand_for_themselves),
		cmocka_unit_test(a_rate_of_1_means_everything_exactly),
		cmocka_unit_test(empty_blocks_count_and_hold_nothing),
		cmocka_unit_test(any_rate_and_size_is_taken),
		cmocka_unit_test(distances_are_logarithms),
		cmocka_unit_test(distances_are_exponential),
		cmocka_unit_test(their_mean_is_the_rate),
		cmocka_unit_test(a_block_is_met_as_often_as_its_weight_says),
		cmocka_unit_test(estimates_of_all_sizes_are_right_and_say_how_right),
		cmocka_unit_test(intervals_hold_for_few_samples),
		cmocka_unit_test(certain_blocks_do_not_hide_how_few_samples_there_are),
		cmocka_unit_test(at_a_rate_of_1_there_is_nothing_to_estimate),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
