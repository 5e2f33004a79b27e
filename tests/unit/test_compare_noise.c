/* How often comparisons are wrong: false discoveries where nothing changed, what they find, how often intervals hold the
 * truth. Simulated with a fixed seed; the bounds are the stated rates plus four standard deviations. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "prof/analyze/moderate.h"
#include "prof/analyze/student.h"
#include "tests/unit/compare_rig.h"

static void assert_near(double is, double wanted, double by)
{
	if (!(fabs(is - wanted) <= by))
		fail_msg("%.9g is not %.9g", is, wanted);
}

/* ---- tails against tables ---- */

static void tails(void **state)
{
	(void)state;
	assert_near(student_beta(0.5, 2, 3), 0.6875, 1e-12);
	assert_near(student_beta(0.2, 5, 0.5), 8.63021615e-5, 1e-12);
	assert_near(student_beta(0, 1, 1), 0, 0);
	assert_near(student_beta(1, 1, 1), 1, 0);
	assert_near(student_p(2.228138852, 10), 0.05, 1e-8);
	assert_near(student_p(-63.65674116, 1), 0.01, 1e-8);
	assert_near(student_p(1.959963985, INFINITY), 0.05, 1e-8);
	assert_near(student_p(NAN, 3), 1, 0);
	assert_near(student_p(INFINITY, 3), 0, 0);
	assert_near(student_quantile(0.05, 10), 2.228138852, 1e-7);
	assert_near(student_quantile(0.05, 1), 12.70620474, 1e-6);
	assert_near(student_quantile(0.05, 4.5), 2.66, 0.02);
	assert_near(student_quantile(0.05, INFINITY), 1.959963985, 1e-7);
	assert_true(isinf(student_quantile(0, 3)));
}

static void binomial(void **state)
{
	(void)state;
	assert_near(student_binomial_p(8, 10, 0.5), 0.0654296875, 1e-9);
	assert_near(student_binomial_p(2, 10, 0.5), 0.0654296875, 1e-9);
	assert_near(student_binomial_p(5, 10, 0.5), 1, 1e-9);
	assert_near(student_binomial_p(0, 5, 0.5), 0.03125, 1e-9);
	assert_near(student_binomial_p(0, 0, 0.5), 1, 0);
	assert_true(student_binomial_p(900, 1000, 0.5) < 1e-100);
	/* The exact and the normal side of the border agree. */
	assert_near(student_binomial_p(50399.5, 99999, 0.5),
		    student_binomial_p(50400.5, 100001, 0.5), 1e-5);
}

/* ---- random numbers that are the same everywhere ---- */

static uint64_t seed;

static double uniform(void)
{
	seed ^= seed << 13;
	seed ^= seed >> 7;
	seed ^= seed << 17;
	return (double)(seed >> 11) / 9007199254740992.0;
}

static double normal(void)
{
	return sqrt(-2 * log(1 - uniform())) * cos(6.283185307179586 * uniform());
}

static uint64_t poisson(double mean)
{
	double limit = exp(-mean), product = 1;
	uint64_t k = 0;

	if (mean > 200) {
		double value = floor(mean + sqrt(mean) * normal() + 0.5);

		return value > 0 ? (uint64_t)value : 0;
	}
	do {
		product *= uniform();
		k++;
	} while (product > limit);
	return k - 1;
}

/* ---- variances ---- */

#define ROWS 400

static void variances_are_learned(void **state)
{
	struct moderate_row rows[ROWS];
	struct moderate_prior prior;
	double scratch[2 * ROWS], df, sum = 0;
	int i;

	(void)state;
	seed = 42;
	for (i = 0; i < ROWS; i++) {
		double chi = 0, mean = 100 + 10 * i;
		int k;

		for (k = 0; k < 4; k++) {
			double z = normal();

			chi += z * z / 4;
		}
		/* noise = mean, and 3 % between runs */
		rows[i] = (struct moderate_row){chi * (mean + 9e-4 * mean * mean), mean, mean};
	}
	moderate_fit(&prior, rows, ROWS, 4, scratch);
	assert_true(prior.spread > 2e-4 && prior.spread < 2e-3);
	assert_true(prior.df > 20);
	for (i = 0; i < ROWS; i++) {
		double truth = rows[i].mean + 9e-4 * rows[i].mean * rows[i].mean;

		sum += moderate_variance(&prior, &rows[i], 4, &df) / truth / ROWS;
		assert_true(df >= 4);
	}
	assert_near(sum, 1, 0.1);
	/* Never below the noise. */
	rows[0].variance = 0;
	assert_true(moderate_variance(&prior, &rows[0], 4, &df) >= rows[0].noise);
}

static void few_rows_and_none(void **state)
{
	struct moderate_row rows[2] = {{4, 1, 10}, {9, 0, 20}};
	struct moderate_prior prior;
	double scratch[4], df;

	(void)state;
	moderate_fit(&prior, rows, 0, 4, scratch);
	assert_near(prior.df, 0, 0);
	moderate_fit(&prior, rows, 2, 4, scratch);
	assert_near(prior.df, 0, 0);
	assert_near(moderate_variance(&prior, &rows[1], 4, &df), 9, 1e-12);
	assert_near(df, 4, 1e-12);
}

/* ---- whole comparisons ---- */

#define FUNCTIONS 60

/* A run with a few large and many small functions; all vary together by `common`, each by `own`; one by `factor`. */
static struct profile *simulated(double common, double own, int changed, double factor)
{
	struct profile *p = rig_run();
	double machine = exp(common * normal());
	int i;

	for (i = 0; i < FUNCTIONS; i++) {
		double mean = 4000.0 / (i + 1) * machine * exp(own * normal());
		char path[64];
		uint64_t n = poisson(i == changed ? mean * factor : mean);

		snprintf(path, sizeof path, "main@/p;f%d@/p", i);
		if (n)
			rig_cpu(p, path, n);
	}
	return p;
}

struct outcome {
	int false_moved;   /* comparisons that claim a function that did not change */
	int found;         /* that claim the one that did */
	int covered, rows; /* intervals that hold the truth */
};

static void score(struct outcome *o, const struct rig *r, int changed, double factor)
{
	int i, wrong = 0;

	for (i = 0; i < FUNCTIONS; i++) {
		const struct compare_function *f;
		double truth = 4000.0 / (i + 1) * RIG_MS * (i == changed ? factor - 1 : 0);
		char name[16];

		snprintf(name, sizeof name, "f%d", i);
		f = rig_row(r, name);
		if (!f)
			continue;
		if (i == changed)
			o->found += compare_moved(f) != 0;
		else
			wrong |= compare_moved(f) != 0;
		o->covered += f->self.lo <= truth && truth <= f->self.hi;
		o->rows++;
	}
	o->false_moved += wrong;
}

static struct outcome simulate(int comparisons, int runs, double common, double own, int changed,
			       double factor)
{
	const struct compare_options o = {.kind = PROFILE_CPU};
	struct outcome all = {0};
	int i, k;

	seed = 20260101;
	for (i = 0; i < comparisons; i++) {
		struct rig r;

		rig_start(&r, &o);
		for (k = 0; k < 2 * runs; k++)
			rig_add(&r, k % 2, simulated(common, own, k % 2 ? changed : -1, factor));
		assert_int_equal(compare_finish(r.c, NULL), 0);
		score(&all, &r, changed, factor);
		compare_free(r.c);
	}
	return all;
}

static void report(const char *what, const struct outcome *o, int n)
{
	print_message("%s: false %.1f %%, found %.1f %%, intervals hold %.1f %%\n", what,
		      100.0 * o->false_moved / n, 100.0 * o->found / n,
		      100.0 * o->covered / o->rows);
}

static void one_run_a_side(void **state)
{
	struct outcome o = simulate(200, 1, 0, 0, -1, 1);

	(void)state;
	report("1 + 1 runs, sampling noise alone, A/A", &o, 200);
	assert_true(o.false_moved <= 10 + 13); /* 5 % and 4 sd of 200 */
	assert_true(o.covered >= 0.94 * o.rows);
	o = simulate(100, 1, 0, 0, 5, 1.5);
	report("1 + 1 runs, one function + 50 %", &o, 100);
	assert_true(o.found >= 99);
	assert_true(o.false_moved <= 5 + 9);
}

static void runs_that_vary(void **state)
{
	struct outcome o = simulate(200, 3, 0.03, 0.02, -1, 1);

	(void)state;
	report("3 + 3 runs, 3 % common and 2 % own noise, A/A", &o, 200);
	assert_true(o.false_moved <= 10 + 13);
	assert_true(o.covered >= 0.93 * o.rows);
	o = simulate(100, 3, 0.03, 0.02, 5, 1.5);
	report("3 + 3 runs, one function + 50 %", &o, 100);
	assert_true(o.found >= 90);
	o = simulate(100, 5, 0.03, 0.02, 5, 1.2);
	report("5 + 5 runs, one function + 20 %", &o, 100);
	assert_true(o.found >= 90);
	assert_true(o.false_moved <= 5 + 9);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(tails),
		cmocka_unit_test(binomial),
		cmocka_unit_test(variances_are_learned),
		cmocka_unit_test(few_rows_and_none),
		cmocka_unit_test(one_run_a_side),
		cmocka_unit_test(runs_that_vary),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
