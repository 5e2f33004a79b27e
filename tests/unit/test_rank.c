/* Rank tests, estimates and intervals, each held against all ways counted one by one, and against published values. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>

#include "prof/analyze/rank.h"
#include "prof/base/hash.h"

#define N_MAX 200

static uint64_t state_of_dice = 1;

static uint64_t dice(uint64_t below)
{
	return hash_u64(state_of_dice++) % below;
}

static double uniform(void)
{
	return ((double)(hash_u64(state_of_dice++) >> 11) + 0.5) / 9007199254740992.0;
}

static void near(double a, double b, double by)
{
	if (!(fabs(a - b) <= by))
		fail_msg("%.15g is not %.15g", a, b);
}

/* ---- plain and slow: what the fast ones must give ---- */

static int ascending(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static size_t all_walsh(const double *x, size_t n, double *out)
{
	size_t i, j, m = 0;

	for (i = 0; i < n; i++)
		for (j = i; j < n; j++)
			out[m++] = x[i] / 2 + x[j] / 2;
	qsort(out, m, sizeof(*out), ascending);
	return m;
}

static size_t all_differences(const double *a, size_t n_a, const double *b, size_t n_b, double *out)
{
	size_t i, j, m = 0;

	for (i = 0; i < n_a; i++)
		for (j = 0; j < n_b; j++)
			out[m++] = b[j] - a[i];
	qsort(out, m, sizeof(*out), ascending);
	return m;
}

/* Doubled mean rank of |d_i| among all. */
static int doubled_rank(const double *d, size_t n, size_t i)
{
	int rank = 1;
	size_t k;

	for (k = 0; k < n; k++)
		rank += 2 * (fabs(d[k]) < fabs(d[i])) +
			(k != i && !(fabs(d[k]) < fabs(d[i])) && !(fabs(d[k]) > fabs(d[i])));
	return rank + 0 + 1;
}

static int signed_statistic(const double *d, size_t n, uint64_t ups)
{
	int sum = 0;
	size_t i;

	for (i = 0; i < n; i++)
		if (fabs(d[i]) > 0 && (ups >> i & 1))
			sum += doubled_rank(d, n, i);
	return sum;
}

/* All ways of signs, of zeros too: they weigh nothing. */
static void slow_signed(struct rank_p *p, const double *d, size_t n)
{
	uint64_t ways = UINT64_C(1) << n, way, seen = 0;
	double up = 0, down = 0;
	size_t i;
	int at;

	for (i = 0; i < n; i++)
		seen |= (uint64_t)(d[i] > 0) << i;
	at = signed_statistic(d, n, seen);
	for (way = 0; way < ways; way++) {
		int s = signed_statistic(d, n, way);

		up += s >= at;
		down += s <= at;
	}
	p->up = up / (double)ways;
	p->down = down / (double)ways;
}

/* Number of pairs a < b, ties half, doubled. */
static int pairs_above(const double *all, size_t n, uint64_t in_b)
{
	int sum = 0;
	size_t i, j;

	for (i = 0; i < n; i++)
		for (j = 0; j < n; j++)
			if (!(in_b >> i & 1) && (in_b >> j & 1))
				sum += all[j] > all[i] ? 2 : !(all[j] < all[i]);
	return sum;
}

static void slow_sum(struct rank_p *p, const double *all, size_t n_a, size_t n_b)
{
	uint64_t seen = ((UINT64_C(1) << n_b) - 1) << n_a, way;
	int at = pairs_above(all, n_a + n_b, seen);
	double up = 0, down = 0, ways = 0;

	for (way = 0; way < UINT64_C(1) << (n_a + n_b); way++) {
		int s;

		if ((size_t)__builtin_popcountll(way) != n_b)
			continue;
		s = pairs_above(all, n_a + n_b, way);
		up += s >= at;
		down += s <= at;
		ways++;
	}
	p->up = up / ways;
	p->down = down / ways;
}

/* ---- shifts ---- */

static void fill(double *x, size_t n, int kind)
{
	size_t i;

	for (i = 0; i < n; i++)
		x[i] = kind == 0   ? uniform() - 0.5
		       : kind == 1 ? (double)dice(5) - 2
		       : kind == 2 ? exp(20 * uniform())
				   : (uniform() - 0.5) * 1e308;
	rank_sort(x, n);
}

static void walsh_averages_are_selected_as_if_all_were_sorted(void **state)
{
	static double x[40], all[820];
	size_t round, k, m;

	(void)state;
	for (round = 0; round < 400; round++) {
		size_t n = 1 + dice(40);

		fill(x, n, (int)(round % 4));
		m = all_walsh(x, n, all);
		for (k = 0; k < m; k += 1 + dice(7))
			near(rank_walsh(x, n, k), all[k], 0);
		near(rank_walsh_median(x, n),
		     m % 2 ? all[m / 2] : all[m / 2 - 1] / 2 + all[m / 2] / 2, 0);
	}
	assert_true(isnan(rank_walsh_median(x, 0)));
}

static void differences_are_selected_as_if_all_were_sorted(void **state)
{
	static double a[30], b[30], all[900];
	size_t round, k, m;

	(void)state;
	for (round = 0; round < 400; round++) {
		size_t n_a = 1 + dice(30), n_b = 1 + dice(30);

		fill(a, n_a, (int)(round % 4));
		fill(b, n_b, (int)(round % 4));
		m = all_differences(a, n_a, b, n_b, all);
		for (k = 0; k < m; k += 1 + dice(7))
			near(rank_difference(a, n_a, b, n_b, k), all[k], 0);
		near(rank_difference_median(a, n_a, b, n_b),
		     m % 2 ? all[m / 2] : all[m / 2 - 1] / 2 + all[m / 2] / 2, 0);
	}
	assert_true(isnan(rank_difference_median(a, 0, b, 3)));
}

static void values_are_sorted_and_halved(void **state)
{
	static double x[N_MAX], y[N_MAX];
	size_t n, i;

	(void)state;
	assert_true(isnan(rank_median(x, 0)));
	for (n = 1; n <= N_MAX; n++) {
		fill(x, 0, 0);
		for (i = 0; i < n; i++)
			x[i] = y[i] = (double)dice(50);
		qsort(y, n, sizeof(*y), ascending);
		near(rank_median(x, n), n % 2 ? y[n / 2] : (y[n / 2 - 1] + y[n / 2]) / 2, 0);
		assert_memory_equal(x, y, n * sizeof(*x));
	}
}

/* ---- tests ---- */

static void signed_ranks_are_counted_out(void **state)
{
	double d[12], room[2 * 12];
	struct rank_p fast, slow;
	int round;

	(void)state;
	for (round = 0; round < 150; round++) {
		size_t n = 1 + dice(11);

		fill(d, n, round % 2);
		rank_signed(&fast, d, n, 0, room);
		slow_signed(&slow, d, n);
		near(fast.up, slow.up, 1e-15);
		near(fast.down, slow.down, 1e-15);
	}
}

static void rank_sums_are_counted_out(void **state)
{
	double all[12], room[2 * 12];
	struct rank_p fast, slow;
	int round;

	(void)state;
	for (round = 0; round < 150; round++) {
		size_t n_a = 1 + dice(6), n_b = 1 + dice(6), i;

		for (i = 0; i < n_a + n_b; i++)
			all[i] = round % 2 ? (double)dice(4) : uniform();
		rank_sum(&fast, all, n_a, all + n_a, n_b, 0, room);
		slow_sum(&slow, all, n_a, n_b);
		near(fast.up, slow.up, 1e-14);
		near(fast.down, slow.down, 1e-14);
	}
}

static void a_test_at_a_shift_is_a_test_of_shifted_values(void **state)
{
	double d[20], e[20], room[80];
	struct rank_p p, q;
	size_t i;

	(void)state;
	for (i = 0; i < 20; i++) {
		d[i] = (double)dice(1000);
		e[i] = d[i] - 512;
	}
	rank_signed(&p, d, 20, 512, room);
	rank_signed(&q, e, 20, 0, room);
	near(p.up, q.up, 0);
	near(p.down, q.down, 0);
	rank_sum(&p, d, 10, d + 10, 10, 512, room);
	rank_sum(&q, d, 10, e + 10, 10, 0, room);
	near(p.up, q.up, 0);
}

/* F. Wilcoxon, Individual comparisons by ranking methods (1945): Darwin's 15 pairs of Zea mays, differences in
 * eighths of an inch; the sum of negative ranks is 24 and p (two-sided, counted out with the tie) 0.0413. Conover's and
 * others' tables: P(W+ >= 96) for n = 15 without ties is 0.0206. */
static void darwins_maize(void **state)
{
	static const double d[] = {49, -67, 8, 16, 6, 23, 28, 41, 14, 29, 56, 24, 75, 60, -48};
	double room[30];
	struct rank_p p;

	(void)state;
	rank_signed(&p, d, 15, 0, room);
	near(p.up, 0.0206, 0.00005);
}

/* M. Hollander and D. A. Wolfe (1973), p. 29: depression factors before and after; estimate -0.46, W+ = 5, p = 0.0195
 * one-sided, and the interval of 96 % is from -0.786 to -0.010. */
static void hollander_and_wolfes_depression_data(void **state)
{
	static const double before[] = {1.83, 0.50, 1.62, 2.48, 1.68, 1.88, 1.55, 3.06, 1.30};
	static const double after[] = {0.878, 0.647, 0.598, 2.05, 1.06, 1.29, 1.06, 3.14, 1.29};
	double d[9], room[18], lo, hi;
	struct rank_p p;
	size_t i;

	(void)state;
	for (i = 0; i < 9; i++)
		d[i] = after[i] - before[i];
	rank_signed(&p, d, 9, 0, room);
	near(p.down, 10.0 / 512, 1e-12);
	rank_sort(d, 9);
	near(rank_walsh_median(d, 9), -0.46, 1e-12);
	rank_signed_interval(d, 9, 0.02, &lo, &hi);
	near(lo, -0.786, 1e-12);
	near(hi, -0.010, 1e-12);
}

/* The same, p. 69: permeability of membranes at term and at 12 to 26 weeks: W = 30, p = 0.1272 one-sided, shift 0.305
 * from the second to the first, interval of 95.2 % from -0.15 to 0.76. */
static void hollander_and_wolfes_permeability_data(void **state)
{
	double x[] = {0.80, 0.83, 1.89, 1.04, 1.45, 1.38, 1.91, 1.64, 0.73, 1.46};
	double y[] = {1.15, 0.88, 0.90, 0.74, 1.21}, room[30], lo, hi;
	struct rank_p p;

	(void)state;
	rank_sum(&p, y, 5, x, 10, 0, room);
	near(p.up, 0.1272, 0.00005);
	rank_sort(x, 10);
	rank_sort(y, 5);
	near(rank_difference_median(y, 5, x, 10), 0.305, 1e-12);
	rank_sum_interval(y, 5, x, 10, 0.024, &lo, &hi);
	near(lo, -0.15, 1e-12);
	near(hi, 0.76, 1e-12);
}

/* Near the border the counted distribution and the normal one must agree; far out the normal one must not promise
 * more than the counted one. */
static void beyond_the_border_it_is_nearly_normal(void **state)
{
	static double d[RANK_EXACT + 1], room[2 * RANK_EXACT + 2];
	size_t i, flip;

	(void)state;
	for (flip = 0; flip <= RANK_EXACT; flip++) {
		struct rank_p exact, normal;

		for (i = 0; i <= RANK_EXACT; i++)
			d[i] = (double)(i + 1) * (i % 5 < 1 + flip / 13 ? -1 : 1);
		rank_signed(&exact, d, RANK_EXACT, 0, room);
		rank_signed(&normal, d, RANK_EXACT + 1, 0, room);
		if (exact.up > 0.001 && exact.up < 0.999)
			near(normal.up, exact.up, 0.08);
	}
	for (i = 0; i <= RANK_EXACT; i++)
		d[i] = (double)i + 1;
	{
		struct rank_p p;

		rank_signed(&p, d, RANK_EXACT + 1, 0, room);
		assert_true(p.up > rank_signed_least(RANK_EXACT + 1));
		assert_true(p.up < 1e-8);
	}
}

static void the_least_p_is_what_the_clearest_outcome_gives(void **state)
{
	double d[12], room[48];
	struct rank_p p;
	size_t n, i;

	(void)state;
	for (n = 1; n <= 12; n++) {
		for (i = 0; i < n; i++)
			d[i] = 1 + uniform();
		rank_signed(&p, d, n, 0, room);
		near(p.up, rank_signed_least(n), 0);
		near(p.down, 1, 1e-15);
	}
	for (n = 1; n <= 12; n++) {
		for (i = 0; i < 12; i++)
			d[i] = (double)i;
		rank_sum(&p, d, 12 - n, d + 12 - n, n, 0, room);
		near(p.up, rank_sum_least(12 - n, n), 1e-15);
	}
	assert_true(rank_signed_least(100000) >= 0);
	assert_true(rank_sum_least(5000, 5000) < 1e-200);
}

static void equal_values_say_nothing(void **state)
{
	static double d[N_MAX], room[2 * N_MAX];
	struct rank_p p;
	size_t n;

	(void)state;
	for (n = 2; n <= N_MAX; n += 9) {
		rank_signed(&p, d, n, 0, room);
		near(p.up, 1, 0);
		near(p.down, 1, 0);
		rank_sum(&p, d, n / 2, d + n / 2, n - n / 2, 0, room);
		near(p.up, 1, 1e-12);
		near(p.down, 1, 1e-12);
	}
	rank_signed(&p, d, 0, 0, room);
	near(p.up, 1, 0);
	rank_sum(&p, d, 0, d, 4, 0, room);
	near(p.up, 1, 0);
}

/* ---- intervals ---- */

/* Each bound is the last shift at which the test does not say no. */
static void intervals_are_inverted_tests(void **state)
{
	static double d[60], room[240];
	static const double tails[] = {0.05, 0.025, 0.005};
	int round;

	(void)state;
	for (round = 0; round < 120; round++) {
		size_t n = 3 + dice(45);
		double lo, hi, tail = tails[round % 3];
		struct rank_p p;

		fill(d, n, 0);
		rank_signed_interval(d, n, tail, &lo, &hi);
		assert_int_equal(isfinite(lo), rank_signed_least(n) <= tail);
		if (!isfinite(lo))
			continue;
		rank_signed(&p, d, n, nextafter(lo, -9) - 1e-12, room);
		assert_true(p.up <= tail);
		rank_signed(&p, d, n, lo + 1e-12, room);
		assert_true(p.up > tail);
		rank_signed(&p, d, n, hi + 1e-12, room);
		assert_true(p.down <= tail);
		rank_signed(&p, d, n, hi - 1e-12, room);
		assert_true(p.down > tail);
	}
}

static void intervals_of_two_groups_are_inverted_tests(void **state)
{
	static double a[30], b[30], room[120];
	int round;

	(void)state;
	for (round = 0; round < 120; round++) {
		size_t n_a = 2 + dice(20), n_b = 2 + dice(20);
		double lo, hi, tail = round % 2 ? 0.025 : 0.005;
		struct rank_p p;

		fill(a, n_a, 0);
		fill(b, n_b, 0);
		rank_sum_interval(a, n_a, b, n_b, tail, &lo, &hi);
		assert_int_equal(isfinite(lo), rank_sum_least(n_a, n_b) <= tail);
		if (!isfinite(lo))
			continue;
		rank_sum(&p, a, n_a, b, n_b, lo - 1e-12, room);
		assert_true(p.up <= tail);
		rank_sum(&p, a, n_a, b, n_b, lo + 1e-12, room);
		assert_true(p.up > tail);
		rank_sum(&p, a, n_a, b, n_b, hi + 1e-12, room);
		assert_true(p.down <= tail);
	}
}

static void large_groups_have_intervals_too(void **state)
{
	static double a[N_MAX], b[N_MAX];
	double lo, hi;

	(void)state;
	fill(a, N_MAX, 0);
	fill(b, N_MAX, 0);
	rank_signed_interval(a, N_MAX, 0.025, &lo, &hi);
	assert_true(lo < 0 && hi > 0 && hi - lo < 0.15 && hi - lo > 0.02);
	rank_sum_interval(a, N_MAX, b, N_MAX, 0.025, &lo, &hi);
	assert_true(hi - lo < 0.2 && hi - lo > 0.02);
	rank_sum_interval(a, 0, b, 5, 0.025, &lo, &hi);
	assert_true(isinf(lo) && isinf(hi));
}

static void normal_tails(void **state)
{
	(void)state;
	near(rank_normal_above(1.959963984540054), 0.025, 1e-15);
	near(rank_normal_quantile(0.025), 1.959963984540054, 1e-12);
	near(rank_normal_quantile(0.5), 0, 1e-12);
	near(rank_normal_quantile(1e-12), 7.034483825301131, 1e-9);
	near(rank_normal_quantile(0.9), -1.2815515655446004, 1e-12);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(values_are_sorted_and_halved),
		cmocka_unit_test(walsh_averages_are_selected_as_if_all_were_sorted),
		cmocka_unit_test(differences_are_selected_as_if_all_were_sorted),
		cmocka_unit_test(signed_ranks_are_counted_out),
		cmocka_unit_test(rank_sums_are_counted_out),
		cmocka_unit_test(a_test_at_a_shift_is_a_test_of_shifted_values),
		cmocka_unit_test(darwins_maize),
		cmocka_unit_test(hollander_and_wolfes_depression_data),
		cmocka_unit_test(hollander_and_wolfes_permeability_data),
		cmocka_unit_test(beyond_the_border_it_is_nearly_normal),
		cmocka_unit_test(the_least_p_is_what_the_clearest_outcome_gives),
		cmocka_unit_test(equal_values_say_nothing),
		cmocka_unit_test(intervals_are_inverted_tests),
		cmocka_unit_test(intervals_of_two_groups_are_inverted_tests),
		cmocka_unit_test(large_groups_have_intervals_too),
		cmocka_unit_test(normal_tails),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
