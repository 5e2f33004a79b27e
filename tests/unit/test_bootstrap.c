/* Bootstrap intervals: the generator against published values, the intervals against resampling done plainly, and how
 * often they hold what they should, alone and joined with the intervals by ranks. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "prof/analyze/bootstrap.h"
#include "prof/analyze/rank.h"

#define N_MAX 40

static struct dice dice;
static char *room;

static void near(double a, double b, double by)
{
	if (!(fabs(a - b) <= by))
		fail_msg("%.15g is not %.15g", a, b);
}

/* ---- generator ---- */

/* First outputs of the authors' xoshiro256starstar.c with the state 1, 2, 3, 4. */
static void the_generator_is_xoshiro(void **state)
{
	static const uint64_t first[] = {UINT64_C(11520), 0, UINT64_C(1509978240),
					 UINT64_C(1215971899390074240)};
	struct dice g = {{1, 2, 3, 4}};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(first) / sizeof(first[0]); i++)
		assert_true(dice_next(&g) == first[i]);
	dice_seed(&g, 0); /* splitmix64 of 0 begins so */
	assert_true(g.s[0] == UINT64_C(0xe220a8397b1dcdaf));
	assert_true(g.s[1] == UINT64_C(0x6e789e6aa1b965f4));
}

static void its_numbers_are_even(void **state)
{
	size_t of[7] = {0}, i;
	double sum = 0;

	(void)state;
	dice_seed(&dice, 1);
	for (i = 0; i < 70000; i++) {
		uint32_t v = dice_below(&dice, 7);
		double u = dice_uniform(&dice);

		assert_true(v < 7 && u > 0 && u < 1);
		of[v]++;
		sum += u;
	}
	for (i = 0; i < 7; i++)
		assert_true(of[i] > 9600 && of[i] < 10400);
	near(sum / 70000, 0.5, 0.005);
	assert_int_equal(dice_below(&dice, 1), 0);
}

/* ---- against plain resampling ---- */

static double normal(void)
{
	return sqrt(-2 * log(dice_uniform(&dice))) * cos(2 * M_PI * dice_uniform(&dice));
}

static int ascending(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

/* Percentiles of shifts, each reckoned from its resample, without the two corrections. */
static void plain(const double *x, size_t n, double tail, double *lo, double *hi)
{
	enum { ROUNDS = 4000 };
	static double shifts[ROUNDS];
	double sample[N_MAX];
	size_t round, i;

	for (round = 0; round < ROUNDS; round++) {
		for (i = 0; i < n; i++)
			sample[i] = x[dice_below(&dice, (uint32_t)n)];
		rank_sort(sample, n);
		shifts[round] = rank_walsh_median(sample, n);
	}
	qsort(shifts, ROUNDS, sizeof(*shifts), ascending);
	*lo = shifts[(size_t)(tail * ROUNDS)];
	*hi = shifts[(size_t)((1 - tail) * ROUNDS)];
}

/* Of a symmetric sample the corrections are nothing. */
static void symmetric_samples_give_plain_percentiles(void **state)
{
	double x[N_MAX], lo, hi, plain_lo, plain_hi;
	size_t n, i;

	(void)state;
	dice_seed(&dice, 2);
	for (n = 10; n <= N_MAX; n += 10) {
		for (i = 0; i < n / 2; i++) {
			x[i] = -fabs(normal());
			x[n - 1 - i] = -x[i];
		}
		rank_sort(x, n);
		assert_int_equal(bootstrap_one(x, n, 0.05, room, &lo, &hi), 0);
		plain(x, n, 0.05, &plain_lo, &plain_hi);
		near(lo, plain_lo, 0.12 * (plain_hi - plain_lo));
		near(hi, plain_hi, 0.12 * (plain_hi - plain_lo));
	}
}

/* Shifted and stretched samples give shifted and stretched bounds. */
static void bounds_follow_the_scale(void **state)
{
	double x[20], y[20], lo, hi, lo2, hi2;
	size_t i;

	(void)state;
	dice_seed(&dice, 4);
	for (i = 0; i < 20; i++)
		x[i] = (double)dice_below(&dice, 1000) / 8;
	rank_sort(x, 20);
	for (i = 0; i < 20; i++)
		y[i] = 4 * x[i] + 64;
	bootstrap_one(x, 20, 0.05, room, &lo, &hi);
	bootstrap_one(y, 20, 0.05, room, &lo2, &hi2);
	near(lo2, 4 * lo + 64, 1e-9);
	near(hi2, 4 * hi + 64, 1e-9);
	bootstrap_two(x, 10, x + 10, 10, 0.05, room, &lo, &hi);
	bootstrap_two(y, 10, y + 10, 10, 0.05, room, &lo2, &hi2);
	near(lo2, 4 * lo, 1e-9);
	near(hi2, 4 * hi, 1e-9);
	bootstrap_one(x, 20, 0.05, room, &lo2, &hi2); /* whatever lay in the room */
	bootstrap_one(x, 20, 0.05, room, &lo, &hi);
	near(lo, lo2, 0);
	near(hi, hi2, 0);
}

static void edges(void **state)
{
	double x[BOOTSTRAP_VALUES_MAX + 1] = {0}, lo = 7, hi = 7;

	(void)state;
	assert_int_equal(bootstrap_one(x, 0, 0.05, room, &lo, &hi), -1);
	assert_int_equal(bootstrap_one(x, 1, 0.05, room, &lo, &hi), -1);
	assert_int_equal(bootstrap_one(x, BOOTSTRAP_VALUES_MAX + 1, 0.05, room, &lo, &hi), -1);
	assert_int_equal(bootstrap_two(x, 1, x, 5, 0.05, room, &lo, &hi), -1);
	assert_int_equal(bootstrap_two(x, 5, x, 1, 0.05, room, &lo, &hi), -1);
	assert_int_equal(bootstrap_two(x, 5, x, BOOTSTRAP_VALUES_MAX + 1, 0.05, room, &lo, &hi),
			 -1);
	near(lo, 7, 0);
	assert_int_equal((int)bootstrap_room_one(BOOTSTRAP_VALUES_MAX + 1), 0);
	assert_int_equal((int)bootstrap_room_two(3, BOOTSTRAP_VALUES_MAX + 1), 0);
	assert_int_equal(bootstrap_one(x, BOOTSTRAP_VALUES_MAX, 0.05, room, &lo, &hi), 0);
	near(lo, 0, 0); /* all equal */
	near(hi, 0, 0);
	assert_int_equal(bootstrap_two(x, BOOTSTRAP_VALUES_MAX, x, BOOTSTRAP_VALUES_MAX, 1e-9, room,
				       &lo, &hi),
			 0);
	near(hi - lo, 0, 0);
	x[1] = 3;
	assert_int_equal(bootstrap_one(x, 2, 0.05, room, &lo, &hi), 0);
	assert_true(lo >= 0 && lo <= hi && hi <= 3);
}

/* ---- coverage ---- */

enum kind { NORMAL, SKEWED, HEAVY, DRIFTING };

/* Differences of n pairs, of which the pseudomedian is known. */
static void draw(double *d, size_t n, enum kind kind)
{
	double level = 0;
	size_t i;

	for (i = 0; i < n; i++)
		switch (kind) {
		case NORMAL:
			d[i] = normal();
			break;
		case SKEWED:
			d[i] = -log(dice_uniform(&dice));
			break;
		case HEAVY: /* Student's t with 2 degrees of freedom */
			d[i] = normal() / sqrt(-log(dice_uniform(&dice)));
			break;
		case DRIFTING: { /* a level that wanders, and slows down the second run of a pair */
			double first = level + normal(), second;

			level += 0.5 * normal() + 0.3;
			second = level + normal();
			level += 0.5 * normal() + 0.3;
			d[i] = __builtin_parityll(i) ? first - second : second - first;
			break;
		}
		}
}

/* Middle of the averages of two exponential values: the median of a gamma distribution with shape 2, halved. */
#define MIDDLE_OF_SKEWED (1.6783469900166605 / 2)

struct coverage {
	double alone, joined;
};

static struct coverage cover(size_t n, enum kind kind, double tail, int trials)
{
	double d[N_MAX], truth = kind == SKEWED ? MIDDLE_OF_SKEWED : 0;
	struct coverage c = {0, 0};
	int t;

	for (t = 0; t < trials; t++) {
		double lo, hi, rank_lo, rank_hi;

		draw(d, n, kind);
		rank_sort(d, n);
		bootstrap_one(d, n, tail, room, &lo, &hi);
		c.alone += lo <= truth && truth <= hi;
		rank_signed_interval(d, n, tail, &rank_lo, &rank_hi);
		c.joined += fmin(lo, rank_lo) <= truth && truth <= fmax(hi, rank_hi);
	}
	c.alone /= trials;
	c.joined /= trials;
	return c;
}

/* Joined intervals hold the shift as often as they say, give or take the sampling error of the trials; for skewed values of
 * few pairs, where nothing does, a little less often. */
static void joined_intervals_cover(void **state)
{
	static const char *const names[] = {"normal", "skewed", "heavy", "drifting"};
	static const size_t sizes[] = {7, 10, 20, 40};
	size_t i;
	int kind;

	(void)state;
	dice_seed(&dice, 20);
	for (kind = NORMAL; kind <= DRIFTING; kind++)
		for (i = 0; i < 4; i++) {
			struct coverage c = cover(sizes[i], (enum kind)kind, 0.05, 600);

			printf("# %-8s n = %2zu: bootstrap %.3f, joined %.3f\n", names[kind],
			       sizes[i], c.alone, c.joined);
			assert_true(c.joined >= c.alone);
			assert_true(c.joined >= (kind == SKEWED ? 0.86 : 0.88));
			assert_true(c.joined < 0.995);
		}
}

/* What joining is for: alone, few values cover too rarely. */
static void few_values_alone_cover_too_rarely(void **state)
{
	struct coverage c;

	(void)state;
	dice_seed(&dice, 21);
	c = cover(7, NORMAL, 0.025, 1000);
	assert_true(c.alone < 0.93);
	assert_true(c.joined > 0.94);
}

static void two_groups_cover(void **state)
{
	double a[12], b[12], lo, hi, rank_lo, rank_hi;
	int t, alone = 0, joined = 0;
	size_t i;

	(void)state;
	dice_seed(&dice, 22);
	for (t = 0; t < 800; t++) {
		for (i = 0; i < 12; i++) {
			a[i] = exp(0.5 * normal());
			b[i] = exp(0.5 * normal()) + 3;
		}
		rank_sort(a, 12);
		rank_sort(b, 12);
		bootstrap_two(a, 12, b, 12, 0.05, room, &lo, &hi);
		rank_sum_interval(a, 12, b, 12, 0.05, &rank_lo, &rank_hi);
		alone += lo <= 3 && 3 <= hi;
		joined += fmin(lo, rank_lo) <= 3 && 3 <= fmax(hi, rank_hi);
	}
	assert_true(alone > 680 && alone < 760);
	assert_true(joined > 700 && joined >= alone);
}

static int make_room(void **state)
{
	size_t one = bootstrap_room_one(BOOTSTRAP_VALUES_MAX);
	size_t two = bootstrap_room_two(BOOTSTRAP_VALUES_MAX, BOOTSTRAP_VALUES_MAX);

	(void)state;
	room = malloc(one > two ? one : two);
	return room ? 0 : -1;
}

static int drop_room(void **state)
{
	(void)state;
	free(room);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_generator_is_xoshiro),
		cmocka_unit_test(its_numbers_are_even),
		cmocka_unit_test(symmetric_samples_give_plain_percentiles),
		cmocka_unit_test(bounds_follow_the_scale),
		cmocka_unit_test(edges),
		cmocka_unit_test(joined_intervals_cover),
		cmocka_unit_test(few_values_alone_cover_too_rarely),
		cmocka_unit_test(two_groups_cover),
	};

	return cmocka_run_group_tests(tests, make_room, drop_room);
}
