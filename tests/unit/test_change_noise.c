/* Changes of level in recorded noise (tests/golden/noise): how often there seems to be one where there is none, and whether one that
 * is put in is found. Seeded. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "prof/analyze/change_point.h"
#include "prof/analyze/rank.h"
#include "tests/unit/noise.h"

#define COMMITS 30
#define RUNS    3 /* of a commit */
#define ROUNDS  400

static const char *const names[] = {"neighbour", "neighbours", "crowded"};
static const struct change_rule rule = {.relative = 0.02, .absolute = 1e6, .alpha = 0.01};
static struct change_work *work;
static struct noise noise;

static int begin(void **state)
{
	(void)state;
	work = change_work_new();
	return work ? 0 : -1;
}

static int end(void **state)
{
	(void)state;
	change_work_free(work);
	return 0;
}

/* The median of RUNS recorded runs, one after the other, from `at` on. */
static double commit_at(size_t at, size_t value)
{
	double v[RUNS];
	size_t i;

	for (i = 0; i < RUNS; i++)
		v[i] = noise.v[(at + i) % noise.n][value];
	return rank_median(v, RUNS);
}

static int has_change(const double *x, size_t from, size_t to)
{
	struct change_series s;
	size_t i;
	int hit = 0;

	assert_int_equal(change_find(&s, x, NULL, COMMITS, &rule, work, NULL), 0);
	for (i = 0; i < s.n; i++)
		hit |= s.points[i].at >= from && s.points[i].at <= to;
	change_release(&s);
	return hit;
}

/* Commits at any time of the recording; from the 21st on they take `more`. Of how many series there is a change in places [from,
 * to]? */
static int found(struct dice *g, size_t value, double more, size_t from, size_t to)
{
	double x[COMMITS];
	int round, hits = 0;
	size_t i;

	for (round = 0; round < ROUNDS; round++) {
		for (i = 0; i < COMMITS; i++)
			x[i] = commit_at(dice_below(g, (uint32_t)noise.n), value) *
			       (i < 20 ? 1 : 1 + more);
		hits += has_change(x, from, to);
	}
	return hits;
}

static void nightly_runs_have_no_change(void **state)
{
	size_t f;

	(void)state;
	for (f = 0; f < sizeof names / sizeof *names; f++) {
		struct dice g;
		int wall, cpu;

		dice_seed(&g, 100 + f);
		assert_int_equal(noise_read(&noise, names[f]), 0);
		wall = found(&g, 0, 0, 0, COMMITS);
		cpu = found(&g, 1, 0, 0, COMMITS);
		print_message("%s: %.1f %% of wall, %.1f %% of CPU\n", names[f],
			      100.0 * wall / ROUNDS, 100.0 * cpu / ROUNDS);
		assert_in_range(wall, 0, 9); /* 1 % of 400 is 4 +- 2 */
		assert_in_range(cpu, 0, 9);
	}
}

/* What the machine does changes its level, too: of runs without a gap some have one. */
static void runs_without_a_gap_have_some(void **state)
{
	size_t f, i;

	(void)state;
	for (f = 0; f < sizeof names / sizeof *names; f++) {
		double x[COMMITS];
		int hits = 0;
		size_t at, n = 0;

		assert_int_equal(noise_read(&noise, names[f]), 0);
		for (at = 0; at + COMMITS <= noise.n; at += 3, n++) {
			for (i = 0; i < COMMITS; i++)
				x[i] = noise.v[at + i][0];
			hits += has_change(x, 0, COMMITS);
		}
		print_message("%s, one run right after the other: %d of %zu\n", names[f], hits, n);
		assert_in_range(hits, 0, n / 4);
	}
}

/* Robust standard deviation of commits, in parts of their median. */
static double spread_of_commits(void)
{
	static double v[NOISE_MAX];
	double middle;
	size_t i;

	for (i = 0; i < noise.n; i++)
		v[i] = commit_at(i, 0);
	middle = rank_median(v, noise.n);
	for (i = 0; i < noise.n; i++)
		v[i] = fabs(v[i] - middle);
	return 1.4826 * rank_median(v, noise.n) / middle;
}

static void a_change_is_found(void **state)
{
	struct dice g;
	int five, ten;

	(void)state;
	dice_seed(&g, 200);
	assert_int_equal(noise_read(&noise, "neighbour"), 0);
	five = found(&g, 0, 0.05, 0, COMMITS);
	ten = found(&g, 0, 0.10, 18, 22);
	print_message("noise of %.1f %%: +5 %% in %.0f %%, +10 %% in %.0f %%\n",
		      100 * spread_of_commits(), 100.0 * five / ROUNDS, 100.0 * ten / ROUNDS);
	assert_in_range(five, ROUNDS / 10, ROUNDS);
	assert_in_range(ten, ROUNDS * 7 / 10, ROUNDS);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nightly_runs_have_no_change),
		cmocka_unit_test(runs_without_a_gap_have_some),
		cmocka_unit_test(a_change_is_found),
	};

	return cmocka_run_group_tests(tests, begin, end);
}
