/* A rig for tests of decisions: two groups of values, judged, and what is expected of it. */
#ifndef TESTS_DECIDE_RIG_H
#define TESTS_DECIDE_RIG_H

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "prof/analyze/bootstrap.h"
#include "prof/analyze/decide.h"

#define N 20

static struct decide_scratch scratch;
static struct decision d;
static struct dice dice;
static double a[256], b[256];

static inline void near(double x, double y, double by)
{
	if (!(fabs(x - y) <= by))
		fail_msg("%.15g is not %.15g", x, y);
}

static inline void judge(size_t n_a, size_t n_b, int paired, int mixed, struct decide_rule r)
{
	assert_int_equal(
		decide(&d, &(struct decide_series){a, b, n_a, n_b, paired, mixed}, &r, &scratch),
		0);
}

#define PAIRS(n, ...)     judge(n, n, 1, 0, (struct decide_rule){__VA_ARGS__})
#define COUNTS(m, n, ...) judge(m, n, 0, 1, (struct decide_rule){.count = 1, __VA_ARGS__})

static inline void expect(enum verdict verdict, enum decide_reason reason)
{
	if (d.verdict != verdict || d.reason != reason)
		fail_msg("%s, %s (%d): change %g [%g, %g] p %g", verdict_name(d.verdict),
			 decide_reason_text(d.reason), d.reason, d.change, d.lo, d.hi, d.p);
}

/* n runs of each side around `base` and `candidate`, that differ by `spread`. */
static inline void fill(size_t n, double base, double candidate, double spread)
{
	size_t i;

	dice_seed(&dice, 5);
	for (i = 0; i < n; i++) {
		a[i] = base * (1 + spread * (dice_uniform(&dice) - 0.5));
		b[i] = candidate * (1 + spread * (dice_uniform(&dice) - 0.5));
	}
}

static inline void same(double *v, size_t n, double value)
{
	while (n--)
		v[n] = value;
}

static inline int release(void **state)
{
	(void)state;
	decide_scratch_release(&scratch);
	return 0;
}

#endif
