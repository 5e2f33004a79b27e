/* Two groups of runs: stages, normalising, what lists are by, kinds. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/unit/compare_rig.h"

static const struct compare_options cpu = {.kind = PROFILE_CPU};

static void assert_close(double is, double wanted)
{
	if (fabs(is - wanted) > 1e-9 * fmax(1, fabs(wanted)))
		fail_msg("%.12g is not %.12g", is, wanted);
}

/* ---- stages ---- */

static struct profile *staged(unsigned load, unsigned search, double items)
{
	struct profile *p = rig_run();
	uint32_t l = made_stage(p, "load", PROFILE_NONE, 1000);
	uint32_t s = made_stage(p, "search", PROFILE_NONE, 1000);
	uint32_t k = made_stage(p, "score", s, 500);

	p->stages[l].items = 10;
	p->stages[s].items = items;
	rig_cpu_in(p, l, "main@/p;read@/p", 100);
	rig_cpu_in(p, l, "main@/p;hash@/p", load);
	rig_cpu_in(p, s, "main@/p;hash@/p", search);
	rig_cpu_in(p, s, "main@/p;walk@/p", 100);
	rig_cpu_in(p, k, "main@/p;score@/p", 50);
	return p;
}

static void the_stage_where_it_moved(void **state)
{
	struct rig r;

	(void)state;
	rig_start(&r, &cpu);
	assert_int_equal(rig_add(&r, 0, staged(100, 200, 100)), 0);
	assert_int_equal(rig_add(&r, 1, staged(110, 600, 100)), 0);
	assert_int_equal(compare_finish(r.c, NULL), 0);
	assert_string_equal(rig_stage(&r, "hash"), "search");
	assert_close(rig_row(&r, "hash")->stage_delta, 400 * RIG_MS);
	assert_string_equal(rig_stack(&r, "hash"), "main;hash");
	compare_free(r.c);
}

static void rows_by_stage(void **state)
{
	const struct compare_options o = {.kind = PROFILE_CPU, .by = COMPARE_BY_STAGE};
	struct profile *a = staged(100, 200, 100), *b = staged(100, 600, 100);
	struct rig r;
	size_t n;

	(void)state;
	rig_cpu(a, "main@/p", 7);
	rig_start(&r, &o);
	assert_int_equal(rig_add(&r, 0, a), 0);
	assert_int_equal(rig_add(&r, 1, b), 0);
	assert_int_equal(compare_finish(r.c, NULL), 0);
	compare_rows(r.c, &n);
	assert_int_equal(n, 4);
	assert_close(rig_row(&r, "search")->self.a, 300 * RIG_MS);
	assert_close(rig_row(&r, "search")->total.b, 750 * RIG_MS);
	assert_close(rig_row(&r, "score")->total.b, 50 * RIG_MS);
	assert_close(rig_row(&r, "[no stage]")->total.a, 7 * RIG_MS);
	assert_string_equal(rig_stack(&r, "search"), "main;hash");
	compare_free(r.c);
}

static void one_stage_only(void **state)
{
	const struct compare_options o = {.kind = PROFILE_CPU, .stage = "search"};
	struct rig r;

	(void)state;
	rig_start(&r, &o);
	assert_int_equal(rig_add(&r, 0, staged(100, 200, 100)), 0);
	assert_int_equal(rig_add(&r, 1, staged(900, 200, 100)), 0);
	assert_int_equal(compare_finish(r.c, NULL), 0);
	assert_null(rig_row(&r, "read"));
	assert_close(rig_row(&r, "hash")->self.a, 200 * RIG_MS);
	assert_close(rig_row(&r, "score")->self.a, 50 * RIG_MS);
	assert_false(compare_moved(rig_row(&r, "hash")));
	compare_free(r.c);
}

static void a_stage_that_one_side_lacks(void **state)
{
	const struct compare_options o = {.kind = PROFILE_CPU, .stage = "search"};
	struct profile *b = rig_run();
	struct rig r;

	(void)state;
	rig_cpu(b, "main@/p", 10);
	rig_start(&r, &o);
	assert_int_equal(rig_add(&r, 0, staged(100, 200, 100)), 0);
	assert_int_equal(rig_add(&r, 1, b), 0);
	assert_int_equal(compare_finish(r.c, NULL), 0);
	assert_int_equal(rig_row(&r, "hash")->fate, COMPARE_GONE);
	assert_true(rig_has_remark(&r, "1 of the 1 run of the candidate has no stage 'search'"));
	compare_free(r.c);
}

static void a_stage_that_nobody_has(void **state)
{
	const struct compare_options o = {.kind = PROFILE_CPU, .stage = "nosuch"};
	struct err err = ERR_INIT;
	struct rig r;

	(void)state;
	rig_start(&r, &o);
	assert_int_equal(rig_add(&r, 0, staged(100, 200, 100)), 0);
	assert_int_equal(rig_add(&r, 1, staged(100, 200, 100)), 0);
	assert_int_equal(compare_finish(r.c, &err), ERR_NOTFOUND);
	assert_non_null(strstr(err.text, "load, search, score"));
	compare_free(r.c);
}

/* ---- normalising ---- */

static void normal(struct rig *r, enum compare_norm norm, struct profile *a, struct profile *b)
{
	const struct compare_options o = {.kind = PROFILE_CPU, .norm = norm};

	rig_start(r, &o);
	assert_int_equal(rig_add(r, 0, a), 0);
	assert_int_equal(rig_add(r, 1, b), 0);
	assert_int_equal(compare_finish(r->c, NULL), 0);
}

static void by_total(void **state)
{
	struct profile *a = rig_run(), *b = rig_run();
	struct rig r;

	(void)state;
	rig_cpu(a, "main;f", 100);
	rig_cpu(a, "main;g", 100);
	rig_cpu(b, "main;f", 600);
	rig_cpu(b, "main;g", 200);
	normal(&r, COMPARE_TOTAL, a, b);
	assert_close(compare_whole(r.c)->b, 200 * RIG_MS);
	assert_close(compare_whole(r.c)->delta, 0);
	assert_close(rig_row(&r, "f")->self.b, 150 * RIG_MS);
	assert_close(rig_row(&r, "g")->self.b, 50 * RIG_MS);
	assert_true(compare_moved(rig_row(&r, "f")) && compare_moved(rig_row(&r, "g")));
	assert_string_equal(compare_text(r.c, compare_explanation(r.c)->stack), "");
	compare_free(r.c);
}

static void by_duration(void **state)
{
	struct profile *a = rig_run(), *b = rig_run();
	struct rig r;

	(void)state;
	rig_cpu(a, "main;f", 100);
	rig_cpu(b, "main;f", 200);
	b->run.duration_ns = 2 * a->run.duration_ns;
	normal(&r, COMPARE_DURATION, a, b);
	assert_close(rig_row(&r, "f")->self.b, 100 * RIG_MS);
	compare_free(r.c);
}

static void by_stage(void **state)
{
	struct rig r;

	(void)state;
	/* search: 200 + 100 and 500 + 100; score stays as it is */
	normal(&r, COMPARE_STAGE, staged(100, 200, 1), staged(100, 500, 1));
	assert_close(rig_row(&r, "walk")->self.a, 100 * RIG_MS);
	assert_close(rig_row(&r, "walk")->self.b, 50 * RIG_MS);
	assert_close(rig_row(&r, "score")->self.b, 50 * RIG_MS);
	assert_close(rig_row(&r, "read")->self.b, 100 * RIG_MS);
	assert_close(compare_whole(r.c)->delta, 0);
	compare_free(r.c);
}

static void by_items(void **state)
{
	struct profile *b = staged(100, 400, 200);
	struct rig r;

	(void)state;
	rig_cpu(b, "main@/p", 50);
	normal(&r, COMPARE_ITEMS, staged(100, 200, 100), b);
	assert_close(rig_row(&r, "hash")->self.a, 300 * RIG_MS);
	assert_close(rig_row(&r, "hash")->self.b, 300 * RIG_MS);
	assert_close(rig_row(&r, "walk")->self.b, 50 * RIG_MS);
	assert_close(rig_row(&r, "score")->self.b, 25 * RIG_MS); /* items of the stage around it */
	assert_close(rig_row(&r, "main")->self.b, 50 * RIG_MS);
	assert_true(rig_has_remark(&r, "4 % is in no stage that has items"));
	compare_free(r.c);
}

static void nothing_to_normalise_by(void **state)
{
	const struct compare_options items = {.kind = PROFILE_CPU, .norm = COMPARE_ITEMS};
	const struct compare_options duration = {.kind = PROFILE_CPU, .norm = COMPARE_DURATION};
	struct profile *a = rig_run(), *b = rig_run(), *x = rig_run(), *y = rig_run();
	struct err err = ERR_INIT;
	struct rig r;

	(void)state;
	rig_cpu(a, "main;f", 100);
	rig_cpu(b, "main;f", 100);
	rig_start(&r, &items);
	assert_int_equal(rig_add(&r, 0, a), 0);
	assert_int_equal(rig_add(&r, 1, b), 0);
	assert_int_equal(compare_finish(r.c, &err), ERR_NOTFOUND);
	assert_non_null(strstr(err.text, "pp_stage_items"));
	compare_free(r.c);
	rig_cpu(x, "main;f", 100);
	rig_cpu(y, "main;f", 100);
	y->run.duration_ns = 0;
	rig_start(&r, &duration);
	assert_int_equal(rig_add(&r, 0, x), 0);
	assert_int_equal(rig_add(&r, 1, y), 0);
	assert_int_equal(compare_finish(r.c, &err), ERR_NOTFOUND);
	assert_non_null(strstr(err.text, "candidate has no duration"));
	compare_free(r.c);
}

/* ---- other lists ---- */

static void lines_modules_stacks(void **state)
{
	struct compare_options o = cpu;
	int by;

	(void)state;
	for (by = COMPARE_BY_LINE; by <= COMPARE_BY_STACK; by++) {
		struct profile *a, *b;
		struct rig r;

		if (by == COMPARE_BY_STAGE)
			continue;
		a = rig_run();
		b = rig_run();
		o.by = (enum compare_by)by;
		rig_cpu(a, "main@/b/p:/x/m.c:3;f@/b/p:/x/f.c:8;memcpy@/lib/libc.so.6", 40);
		rig_cpu(a, "main@/b/p:/x/m.c:4;f@/b/p:/x/f.c:9", 10);
		rig_cpu(b, "main@/c/p:/y/m.c:3;f@/c/p:/y/f.c:8;memcpy@/lib/libc.so.6", 400);
		rig_cpu(b, "main@/c/p:/y/m.c:4;f@/c/p:/y/f.c:9", 10);
		rig_start(&r, &o);
		assert_int_equal(rig_add(&r, 0, a), 0);
		assert_int_equal(rig_add(&r, 1, b), 0);
		assert_int_equal(compare_finish(r.c, NULL), 0);
		if (by == COMPARE_BY_LINE) {
			assert_close(rig_row(&r, "/y/m.c:3")->total.delta, 360 * RIG_MS);
			assert_close(rig_row(&r, "/y/f.c:9")->self.delta, 0);
			assert_string_equal(compare_text(r.c, rig_row(&r, "/y/f.c:9")->detail),
					    "f");
			assert_string_equal(rig_stack(&r, "memcpy"), "main;f;memcpy");
		} else if (by == COMPARE_BY_MODULE) {
			assert_close(rig_row(&r, "libc.so")->self.delta, 360 * RIG_MS);
			assert_close(rig_row(&r, "p")->total.a, 50 * RIG_MS);
			assert_close(rig_row(&r, "p")->self.a, 10 * RIG_MS);
		} else {
			assert_close(rig_row(&r, "main;f;memcpy")->self.delta, 360 * RIG_MS);
			assert_close(rig_row(&r, "main;f")->total.a, 50 * RIG_MS);
			assert_close(rig_row(&r, "main;f")->self.a, 10 * RIG_MS);
			assert_null(rig_row(&r, "main"));
		}
		compare_free(r.c);
	}
}

static void counts_and_bytes(void **state)
{
	struct compare_options o = {.kind = PROFILE_ALLOC};
	int counts;

	(void)state;
	for (counts = 0; counts < 2; counts++) {
		struct profile *a = rig_run(), *b = rig_run();
		struct rig r;

		made_sample(a, PROFILE_ALLOC, PROFILE_NONE, 0, "main;f", 10, 1000);
		made_sample(a, PROFILE_ALLOC, PROFILE_NONE, 0, "main;g", 5, 300);
		made_sample(b, PROFILE_ALLOC, PROFILE_NONE, 0, "main;f", 11, 1000);
		made_sample(b, PROFILE_ALLOC, PROFILE_NONE, 0, "main;g", 5, 301);
		o.counts = counts;
		rig_start(&r, &o);
		assert_int_equal(rig_add(&r, 0, a), 0);
		assert_int_equal(rig_add(&r, 1, b), 0);
		assert_int_equal(compare_finish(r.c, NULL), 0);
		assert_int_equal(compare_test(r.c), COMPARE_EXACT);
		assert_close(rig_row(&r, "f")->self.delta, counts ? 1 : 0);
		assert_close(rig_row(&r, "g")->self.delta, counts ? 0 : 1);
		assert_int_equal(compare_moved(rig_row(&r, "f")), counts);
		assert_int_equal(compare_moved(rig_row(&r, "g")), !counts);
		assert_close(rig_row(&r, "f")->self.lo, rig_row(&r, "f")->self.hi);
		compare_free(r.c);
	}
}

static void kinds_that_are_missing(void **state)
{
	const struct compare_options alloc = {.kind = PROFILE_ALLOC}, leak = {.kind = PROFILE_LEAK};
	struct profile *a = rig_run(), *b = rig_run();
	struct err err = ERR_INIT;
	struct rig r;

	(void)state;
	rig_cpu(a, "main", 5);
	rig_cpu(b, "main", 5);
	a->run.memory = made_text(a, "off");
	made_sample(b, PROFILE_ALLOC, PROFILE_NONE, 0, "main", 1, 100);
	rig_start(&r, &alloc);
	assert_int_equal(rig_add(&r, 0, a), 0);
	assert_int_equal(rig_add(&r, 1, b), 0);
	assert_int_equal(compare_finish(r.c, &err), ERR_NOTFOUND);
	assert_string_equal(err.text, "the base has no samples of kind alloc; both have: cpu");
	compare_free(r.c);
	/* Memory was tracked, and nothing leaked: that is an answer. */
	a = rig_run();
	b = rig_run();
	made_sample(a, PROFILE_ALLOC, PROFILE_NONE, 0, "main", 1, 100);
	made_sample(b, PROFILE_LEAK, PROFILE_NONE, 0, "main;f", 1, 100);
	rig_start(&r, &leak);
	assert_int_equal(rig_add(&r, 0, a), 0);
	assert_int_equal(rig_add(&r, 1, b), 0);
	assert_int_equal(compare_finish(r.c, NULL), 0);
	assert_close(rig_row(&r, "f")->self.b, 100);
	compare_free(r.c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_stage_where_it_moved),
		cmocka_unit_test(rows_by_stage),
		cmocka_unit_test(one_stage_only),
		cmocka_unit_test(a_stage_that_one_side_lacks),
		cmocka_unit_test(a_stage_that_nobody_has),
		cmocka_unit_test(by_total),
		cmocka_unit_test(by_duration),
		cmocka_unit_test(by_stage),
		cmocka_unit_test(by_items),
		cmocka_unit_test(nothing_to_normalise_by),
		cmocka_unit_test(lines_modules_stacks),
		cmocka_unit_test(counts_and_bytes),
		cmocka_unit_test(kinds_that_are_missing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
