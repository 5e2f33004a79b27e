/* Ranked lists, error bars, filters. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "prof/analyze/hot.h"
#include "tests/unit/made_profile.h"

static int make(void **state)
{
	struct profile *p = calloc(1, sizeof(*p));
	uint32_t t;

	if (!p || profile_init(p))
		return -1;
	t = made_thread(p, "main", 100);
	made_thread(p, "worker", 101);
	made_stage(p, "load", PROFILE_NONE, 1000);
	made_stage(p, "search", PROFILE_NONE, 4000);
	made_stage(p, "score", 1, 2000);
	made_sample(p, PROFILE_CPU, 0, t, "main@/bin/prog:m.c:9;f@/bin/prog:m.c:5", 30, 30000);
	made_sample(p, PROFILE_CPU, 1, t,
		    "main@/bin/prog:m.c:9;g@/bin/prog:m.c:6;read@/lib/libc.so.6", 10, 10000);
	made_sample(p, PROFILE_CPU, 2, 1, "start@/lib/libc.so.6;g@/bin/prog:m.c:6", 50, 50000);
	made_sample(p, PROFILE_CPU, PROFILE_NONE, 1,
		    "start@/lib/libc.so.6;r@/bin/prog;r@/bin/prog;r@/bin/prog", 10, 10000);
	made_sample(p, PROFILE_ALLOC, 0, t, "main@/bin/prog:m.c:9", 2, 4096);
	*state = p;
	return 0;
}

static int drop(void **state)
{
	profile_release(*state);
	free(*state);
	return 0;
}

static const struct hot_row *row(const struct hot_list *l, const struct profile *p,
				 const char *label)
{
	size_t i;

	for (i = 0; i < l->n; i++)
		if (strcmp(strtab_text(p->strings, l->rows[i].label), label) == 0)
			return &l->rows[i];
	return NULL;
}

static void functions_have_self_and_total(void **state)
{
	struct profile *p = *state;
	struct hot_list l;

	assert_int_equal(hot_list_make(&l, p, HOT_FUNCTION, NULL, NULL), 0);
	assert_int_equal(l.value, 100000);
	assert_int_equal(l.count, 100);
	assert_int_equal(row(&l, p, "g")->self_value, 50000);
	assert_int_equal(row(&l, p, "g")->total_value, 60000);
	assert_int_equal(row(&l, p, "main")->self_value, 0);
	assert_int_equal(row(&l, p, "main")->total_value, 40000);
	assert_string_equal(strtab_text(p->strings, l.rows[0].label), "g");
	hot_list_release(&l);
}

static void recursion_counts_once_in_total(void **state)
{
	struct profile *p = *state;
	struct hot_list l;

	assert_int_equal(hot_list_make(&l, p, HOT_FUNCTION, NULL, NULL), 0);
	assert_int_equal(row(&l, p, "r")->total_value, 10000);
	assert_int_equal(row(&l, p, "r")->total_count, 10);
	hot_list_release(&l);
}

static void lines_modules_threads_stages_and_stacks_have_lists(void **state)
{
	struct profile *p = *state;
	struct hot_list l;

	assert_int_equal(hot_list_make(&l, p, HOT_LINE, NULL, NULL), 0);
	assert_int_equal(row(&l, p, "m.c:6")->self_value, 50000);
	assert_string_equal(strtab_text(p->strings, row(&l, p, "m.c:6")->detail), "g");
	hot_list_release(&l);
	assert_int_equal(hot_list_make(&l, p, HOT_MODULE, NULL, NULL), 0);
	assert_int_equal(row(&l, p, "/lib/libc.so.6")->self_value, 10000);
	assert_int_equal(row(&l, p, "/lib/libc.so.6")->total_value, 70000);
	hot_list_release(&l);
	assert_int_equal(hot_list_make(&l, p, HOT_THREAD, NULL, NULL), 0);
	assert_int_equal(row(&l, p, "worker (101)")->self_value, 60000);
	hot_list_release(&l);
	assert_int_equal(hot_list_make(&l, p, HOT_PROCESS, NULL, NULL), 0);
	assert_int_equal(row(&l, p, "prog (100)")->self_value, 100000);
	hot_list_release(&l);
	assert_int_equal(hot_list_make(&l, p, HOT_STAGE, NULL, NULL), 0);
	assert_int_equal(row(&l, p, "search")->self_value, 10000);
	assert_int_equal(row(&l, p, "search")->total_value, 60000);
	assert_int_equal(row(&l, p, "[no stage]")->self_value, 10000);
	hot_list_release(&l);
	assert_int_equal(hot_list_make(&l, p, HOT_STACK, NULL, NULL), 0);
	assert_int_equal(row(&l, p, "start;g")->self_value, 50000);
	assert_int_equal(l.n, 4);
	hot_list_release(&l);
}

static void filters_take_stages_with_what_is_inside(void **state)
{
	struct sample_filter f = {.kind = PROFILE_CPU, .stage = "search"};
	struct profile *p = *state;
	struct err err = ERR_INIT;
	struct hot_list l;

	assert_int_equal(hot_list_make(&l, p, HOT_FUNCTION, &f, NULL), 0);
	assert_int_equal(l.value, 60000);
	hot_list_release(&l);
	f.thread = "worker";
	assert_int_equal(hot_list_make(&l, p, HOT_FUNCTION, &f, NULL), 0);
	assert_int_equal(l.value, 50000);
	hot_list_release(&l);
	f.thread = "100";
	f.stage = NULL;
	assert_int_equal(hot_list_make(&l, p, HOT_FUNCTION, &f, NULL), 0);
	assert_int_equal(l.value, 40000);
	hot_list_release(&l);
	f.thread = "absent";
	assert_int_equal(hot_list_make(&l, p, HOT_FUNCTION, &f, &err), ERR_NOTFOUND);
	assert_non_null(strstr(err.text, "main, worker"));
	f.thread = NULL;
	f.stage = "absent";
	assert_int_equal(hot_list_make(&l, p, HOT_FUNCTION, &f, &err), ERR_NOTFOUND);
	assert_non_null(strstr(err.text, "load, search, score"));
}

static void another_kind_is_another_list(void **state)
{
	struct sample_filter f = {.kind = PROFILE_ALLOC};
	struct profile *p = *state;
	struct hot_list l;

	assert_int_equal(hot_list_make(&l, p, HOT_FUNCTION, &f, NULL), 0);
	assert_int_equal(l.n, 1);
	assert_int_equal(l.rows[0].self_value, 4096);
	hot_list_release(&l);
	f.kind = PROFILE_GPU;
	assert_int_equal(hot_list_make(&l, p, HOT_FUNCTION, &f, NULL), 0);
	assert_int_equal(l.n, 0);
	hot_list_release(&l);
}

/* Newcombe, Statistics in Medicine 17 (1998), table I: intervals of the score method (method 3). */
static void wilson_gives_published_intervals(void **state)
{
	static const struct {
		double k, n, lo, hi;
	} known[] = {{81, 263, 0.2553, 0.3662},
		     {15, 148, 0.0624, 0.1605},
		     {0, 20, 0, 0.1611},
		     {1, 29, 0.0061, 0.1718}};
	size_t i;
	double lo, hi;

	(void)state;
	for (i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
		wilson_interval(known[i].k, known[i].n, &lo, &hi);
		assert_true(fabs(lo - known[i].lo) < 5e-5);
		assert_true(fabs(hi - known[i].hi) < 5e-5);
	}
	wilson_interval(0, 0, &lo, &hi);
	assert_true(lo == 0 && hi == 1);
	wilson_interval(29, 29, &lo, &hi);
	assert_true(hi == 1 && lo > 0.8);
}

static void uneven_weights_widen_the_interval(void **state)
{
	struct hot_list l;
	struct profile p;
	double even, uneven;
	uint32_t t;

	(void)state;
	assert_int_equal(profile_init(&p), 0);
	t = made_thread(&p, "main", 1);
	made_sample(&p, PROFILE_CPU, PROFILE_NONE, t, "a", 50, 50000);
	made_sample(&p, PROFILE_CPU, PROFILE_NONE, t, "b", 50, 50000);
	assert_int_equal(hot_list_make(&l, &p, HOT_FUNCTION, NULL, NULL), 0);
	even = l.rows[0].self_hi - l.rows[0].self_lo;
	hot_list_release(&l);
	p.samples[1].count = 1; /* the same time, all in one sample */
	assert_int_equal(hot_list_make(&l, &p, HOT_FUNCTION, NULL, NULL), 0);
	uneven = l.rows[0].self_hi - l.rows[0].self_lo;
	hot_list_release(&l);
	assert_true(uneven > 3 * even);
	profile_release(&p);
}

/* "[not sampled]" rows have a value but no count: they are known, and no sample speaks for them. */
static void measured_time_has_no_error_and_lends_none(void **state)
{
	const struct hot_row *r;
	struct hot_list l;
	struct profile p;
	double lo, hi;
	uint32_t t;

	(void)state;
	assert_int_equal(profile_init(&p), 0);
	t = made_thread(&p, "main", 1);
	made_sample(&p, PROFILE_CPU, PROFILE_NONE, t, "a", 30, 30000);
	made_sample(&p, PROFILE_CPU, PROFILE_NONE, t, "b", 10, 10000);
	made_sample(&p, PROFILE_CPU, PROFILE_NONE, t, "[not sampled]", 0, 60000);
	assert_int_equal(hot_list_make(&l, &p, HOT_FUNCTION, NULL, NULL), 0);
	assert_int_equal(l.value, 100000);
	r = row(&l, &p, "[not sampled]");
	assert_true(r->self_lo == 0.6 && r->self_hi == 0.6 && r->self_exact == 60000);
	wilson_interval(30, 40, &lo, &hi);
	r = row(&l, &p, "a");
	assert_true(fabs(r->self_lo - 0.4 * lo) < 1e-12 && fabs(r->self_hi - 0.4 * hi) < 1e-12);
	hot_list_release(&l);
	assert_int_equal(hot_list_make(&l, &p, HOT_THREAD, NULL, NULL), 0);
	r = &l.rows[0];
	assert_int_equal(r->self_value, 100000);
	wilson_interval(40, 40, &lo, &hi);
	assert_true(fabs(r->self_lo - (0.6 + 0.4 * lo)) < 1e-12 && r->self_hi == 1);
	hot_list_release(&l);
	profile_release(&p);
}

static void samples_without_a_stack_are_not_lost(void **state)
{
	struct hot_list l;
	struct profile p;
	uint32_t t;

	(void)state;
	assert_int_equal(profile_init(&p), 0);
	t = made_thread(&p, "main", 1);
	made_sample(&p, PROFILE_CPU, PROFILE_NONE, t, "a", 1, 10);
	made_sample(&p, PROFILE_CPU, PROFILE_NONE, t, "b", 2, 20);
	p.samples[1].stack = 0;
	assert_int_equal(hot_list_make(&l, &p, HOT_FUNCTION, NULL, NULL), 0);
	assert_int_equal(row(&l, &p, "[no stack]")->self_value, 20);
	hot_list_release(&l);
	assert_int_equal(hot_list_make(&l, &p, HOT_STACK, NULL, NULL), 0);
	assert_int_equal(row(&l, &p, "[no stack]")->self_count, 2);
	hot_list_release(&l);
	profile_release(&p);
}

static void impossible_sums_stop_at_the_limit(void **state)
{
	struct hot_list l;
	struct profile p;
	uint32_t t;

	(void)state;
	assert_int_equal(profile_init(&p), 0);
	t = made_thread(&p, "main", 1);
	made_sample(&p, PROFILE_CPU, PROFILE_NONE, t, "a;b", UINT64_MAX, INT64_MAX);
	made_sample(&p, PROFILE_CPU, PROFILE_NONE, t, "a;c", 7, INT64_MAX);
	assert_int_equal(hot_list_make(&l, &p, HOT_FUNCTION, NULL, NULL), 0);
	assert_int_equal(row(&l, &p, "a")->total_value, INT64_MAX);
	assert_true(row(&l, &p, "a")->total_count == UINT64_MAX && l.value == INT64_MAX);
	hot_list_release(&l);
	profile_release(&p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(functions_have_self_and_total, make, drop),
		cmocka_unit_test_setup_teardown(recursion_counts_once_in_total, make, drop),
		cmocka_unit_test_setup_teardown(lines_modules_threads_stages_and_stacks_have_lists,
						make, drop),
		cmocka_unit_test_setup_teardown(filters_take_stages_with_what_is_inside, make,
						drop),
		cmocka_unit_test_setup_teardown(another_kind_is_another_list, make, drop),
		cmocka_unit_test(wilson_gives_published_intervals),
		cmocka_unit_test(uneven_weights_widen_the_interval),
		cmocka_unit_test(measured_time_has_no_error_and_lends_none),
		cmocka_unit_test(samples_without_a_stack_are_not_lost),
		cmocka_unit_test(impossible_sums_stop_at_the_limit),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
