/* Comparisons of what nobody recorded: random trees and stages, values and counts at the limits of their types, negative ones,
 * empty names. Nothing may break, and what comes out must hold together. Fixed seed. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "prof/base/hash.h"
#include "tests/unit/compare_rig.h"

static uint64_t state_of_random;

static uint64_t next(uint64_t below)
{
	return hash_u64(++state_of_random) % below;
}

static int64_t some_value(void)
{
	static const int64_t values[] = {
		0, 1, -1, 1000, INT64_MAX, INT64_MIN, -1000000, INT64_MAX / 2, 123456789, 7};

	return values[next(sizeof values / sizeof values[0])];
}

static uint64_t some_count(void)
{
	static const uint64_t counts[] = {0, 1, 2, 1000, UINT64_MAX, UINT64_C(1) << 63, 3};

	return counts[next(sizeof counts / sizeof counts[0])];
}

static void put_path(char *path, size_t size)
{
	static const char *const frames[] = {"main@/a/p",
					     "f.cold@/a/p",
					     "[truncated]",
					     "[unknown in x+0x10]@x",
					     "g@/lib/y.so.1",
					     "f@/b/p-1.2",
					     ".isra.0@p",
					     "a b;:@z (deleted)",
					     "h@/",
					     "[]@[vdso]",
					     "op [clone .x] [clone .y]@p",
					     "\xff\xfe@\xff",
					     "x.y@.so",
					     "k@libk-1.so.2",
					     "7@1.2.3",
					     "[unknown in a]"};
	size_t n = 1 + next(6), i, len = 0;

	for (i = 0; i < n; i++)
		len += (size_t)snprintf(path + len, size - len, "%s%s", i ? ";" : "",
					frames[next(sizeof frames / sizeof frames[0])]);
}

static struct profile *random_run(void)
{
	static const char *const modes[] = {"full", "sampled", "off", ""};
	struct profile *p = rig_run();
	size_t i, n = next(30), stages = next(5);

	p->run.memory = made_text(p, modes[next(4)]);
	p->run.duration_ns = some_value();
	for (i = 0; i < stages; i++) {
		uint32_t parent = i && next(2) ? (uint32_t)next(i) : PROFILE_NONE;
		uint32_t s = made_stage(p, next(2) ? "s" : next(2) ? "t" : "", parent, 10);

		p->stages[s].items = next(3) ? (double)next(1000) : next(2) ? -1 : 1e300;
	}
	for (i = 0; i < n; i++) {
		char path[512];
		uint32_t stage = stages && next(3) ? (uint32_t)next(stages) : PROFILE_NONE;

		put_path(path, sizeof path);
		made_sample(p, next(2) ? PROFILE_CPU : PROFILE_ALLOC, stage, 0, path, some_count(),
			    some_value());
		p->samples[p->n_samples - 1].variance = next(2) ? 0 : (double)next(1u << 30);
		if (!next(20))
			p->samples[p->n_samples - 1].stack = 0;
	}
	return p;
}

static void assert_value(const struct compare_value *v)
{
	assert_true(isfinite(v->a) && isfinite(v->b) && isfinite(v->delta));
	assert_true(isfinite(v->lo) && isfinite(v->hi));
	assert_true(v->lo <= v->hi);
	assert_true(v->p >= 0 && v->p <= 1);
	assert_true(isnan(v->q) || (v->q >= 0 && v->q <= 1));
	assert_true(isnan(v->change) || isfinite(v->change));
}

static void assert_rows(const struct compare *c)
{
	size_t n, i;
	const struct compare_function *rows = compare_rows(c, &n);

	for (i = 0; i < n; i++) {
		assert_value(&rows[i].self);
		assert_value(&rows[i].total);
		assert_true(rows[i].partner == PROFILE_NONE || rows[i].partner < n);
		assert_true(i == 0 || compare_moved(&rows[i - 1]) >= compare_moved(&rows[i]));
		assert_non_null(compare_text(c, rows[i].function));
	}
	assert_value(compare_whole(c));
}

static void compare_random(enum compare_by by, enum compare_norm norm)
{
	struct compare_options o = {.kind = next(2) ? PROFILE_CPU : PROFILE_ALLOC,
				    .by = by,
				    .norm = norm,
				    .stage = next(4) ? NULL : "s",
				    .thread = next(4) ? NULL : "main",
				    .counts = next(3) == 0};
	size_t runs = 2 + next(5), i;
	struct err err = ERR_INIT;
	struct rig r;
	int rc;

	rig_start(&r, &o);
	for (i = 0; i < runs; i++)
		assert_int_equal(rig_add(&r, (int)(i % 2), random_run()), 0);
	rc = compare_finish(r.c, &err);
	if (rc == 0)
		assert_rows(r.c);
	else
		assert_int_equal(rc, ERR_NOTFOUND);
	compare_free(r.c);
}

static void random_runs(void **state)
{
	int round, by, norm;

	(void)state;
	for (round = 0; round < 40; round++)
		for (by = COMPARE_BY_FUNCTION; by <= COMPARE_BY_STACK; by++)
			for (norm = COMPARE_NONE; norm <= COMPARE_ITEMS; norm++)
				compare_random((enum compare_by)by, (enum compare_norm)norm);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(random_runs),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
