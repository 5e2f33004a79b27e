/* Two groups of runs: sums, matching of builds, what became of functions, what explains a change. */
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

/* ---- sums ---- */

static void self_and_total(void **state)
{
	struct rig r;
	struct profile *a = rig_run(), *b = rig_run();
	const struct compare_function *f;
	size_t n;

	(void)state;
	rig_cpu(a, "main@/bin/p;f@/bin/p;g@/bin/p", 100);
	rig_cpu(a, "main@/bin/p;f@/bin/p", 20);
	rig_cpu(b, "main@/bin/p;f@/bin/p;g@/bin/p", 900);
	rig_cpu(b, "main@/bin/p;f@/bin/p", 20);
	rig_start(&r, &cpu);
	assert_int_equal(rig_add(&r, 0, a), 0);
	assert_int_equal(rig_add(&r, 1, b), 0);
	assert_int_equal(compare_finish(r.c, NULL), 0);
	assert_int_equal(compare_test(r.c), COMPARE_SAMPLING);
	f = compare_rows(r.c, &n);
	assert_int_equal(n, 3);
	assert_string_equal(compare_text(r.c, f[0].function), "g");
	assert_string_equal(compare_text(r.c, f[0].stack), "main;f;g");
	assert_close(f[0].self.a, 100 * RIG_MS);
	assert_close(f[0].self.b, 900 * RIG_MS);
	assert_close(f[0].self.change, 8);
	assert_true(compare_moved(&f[0]));
	assert_true(f[0].self.lo > 700 * RIG_MS && f[0].self.hi < 900 * RIG_MS);
	assert_true(f[0].self.change_lo > 5 && f[0].self.change_hi < 12);
	assert_int_equal(f[0].self.count_a, 100);
	f = rig_row(&r, "main");
	assert_close(f->self.a, 0);
	assert_close(f->total.a, 120 * RIG_MS);
	assert_close(f->total.delta, 800 * RIG_MS);
	assert_false(compare_moved(f));
	assert_true(compare_total_moved(f));
	assert_string_equal(compare_text(r.c, f->stack), "main;f;g");
	assert_false(compare_moved(rig_row(&r, "f")));
	assert_string_equal(compare_text(r.c, compare_explanation(r.c)->stack), "main;f;g");
	assert_close(compare_explanation(r.c)->part, 1);
	assert_close(compare_whole(r.c)->delta, 800 * RIG_MS);
	compare_free(r.c);
}

static void recursion_counts_once(void **state)
{
	struct rig r;
	struct profile *a = rig_run(), *b = rig_run();
	const struct compare_function *f;

	(void)state;
	rig_cpu(a, "main@/bin/p;r@/bin/p;r@/bin/p;r@/bin/p", 50);
	rig_cpu(a, "main@/bin/p;r@/bin/p;s@/bin/p;r@/bin/p", 30);
	rig_cpu(b, "main@/bin/p;r@/bin/p", 80);
	rig_start(&r, &cpu);
	assert_int_equal(rig_add(&r, 0, a), 0);
	assert_int_equal(rig_add(&r, 1, b), 0);
	assert_int_equal(compare_finish(r.c, NULL), 0);
	f = rig_row(&r, "r");
	assert_close(f->total.a, 80 * RIG_MS);
	assert_close(f->self.a, 80 * RIG_MS);
	assert_close(f->total.delta, 0);
	assert_close(rig_row(&r, "s")->total.a, 30 * RIG_MS);
	assert_int_equal(rig_row(&r, "s")->fate, COMPARE_GONE);
	compare_free(r.c);
}

static void means_over_runs(void **state)
{
	static const unsigned counts[2][3] = {{100, 110, 90}, {200, 190, 210}};
	struct rig r;
	int g, i;
	const struct compare_function *f;

	(void)state;
	rig_start(&r, &cpu);
	for (g = 0; g < 2; g++)
		for (i = 0; i < 3; i++) {
			struct profile *p = rig_run();

			rig_cpu(p, "main@/bin/p;f@/bin/p", counts[g][i]);
			rig_cpu(p, "main@/bin/p;k@/bin/p", 500);
			assert_int_equal(rig_add(&r, g, p), 0);
		}
	assert_int_equal(compare_finish(r.c, NULL), 0);
	assert_int_equal(compare_test(r.c), COMPARE_RUNS);
	assert_int_equal(compare_runs(r.c, 1), 3);
	f = rig_row(&r, "f");
	assert_close(f->self.a, 100 * RIG_MS);
	assert_close(f->self.b, 200 * RIG_MS);
	assert_int_equal(f->self.count_b, 600);
	assert_true(compare_moved(f));
	assert_true(f->self.change_lo > 0.5 && f->self.change_hi < 1.6);
	assert_false(compare_moved(rig_row(&r, "k")));
	compare_free(r.c);
}

/* ---- what is no sample ---- */

static void counted_costs_are_exact(void **state)
{
	struct rig r;
	struct profile *a = rig_run(), *b = rig_run();

	(void)state;
	a->run.engine = b->run.engine = made_text(a, "callgrind");
	assert_int_equal(made_text(b, "callgrind"), a->run.engine);
	rig_cpu(a, "main@/bin/p;f@/bin/p", 5000);
	rig_cpu(b, "main@/bin/p;f@/bin/p", 5001);
	rig_start(&r, &cpu);
	assert_int_equal(rig_add(&r, 0, a), 0);
	assert_int_equal(rig_add(&r, 1, b), 0);
	assert_int_equal(compare_finish(r.c, NULL), 0);
	assert_int_equal(compare_test(r.c), COMPARE_EXACT);
	assert_true(compare_moved(rig_row(&r, "f")));
	assert_close(rig_row(&r, "f")->self.lo, RIG_MS);
	assert_close(rig_row(&r, "f")->self.hi, RIG_MS);
	compare_free(r.c);
}

/* Time between samples did not move the program, unless it is much. */
static void unread_time_is_named_when_it_matters(void **state)
{
	static const unsigned after[] = {300, 3000};
	int i;

	(void)state;
	for (i = 0; i < 2; i++) {
		struct rig r;
		struct profile *a = rig_run(), *b = rig_run();

		rig_cpu(a, "main@/bin/p;f@/bin/p", 9900);
		rig_cpu(a, "[not sampled]", 100);
		rig_cpu(b, "main@/bin/p;f@/bin/p", 9900);
		rig_cpu(b, "[not sampled]", after[i]);
		rig_start(&r, &cpu);
		assert_int_equal(rig_add(&r, 0, a), 0);
		assert_int_equal(rig_add(&r, 1, b), 0);
		assert_int_equal(compare_finish(r.c, NULL), 0);
		assert_int_equal(compare_moved(rig_row(&r, "[not sampled]")), i);
		compare_free(r.c);
	}
}

/* ---- matching ---- */

static void builds_are_matched(void **state)
{
	static const char *const same[][2] = {
		{"f@/srv/a/bin/p", "f@/srv/b/bin/p"},
		{"g@/usr/lib/libz.so.1.2.3", "g@/opt/libz.so.1.3"},
		{"h@/usr/lib/libfoo-1.2.so", "h@/usr/lib/libfoo-2.0.1.so"},
		{"i.constprop.0@/bin/p", "i.isra.2@/bin/p"},
		{"j.cold@/bin/p", "j@/bin/p (deleted)"},
		{"k.part.3.lto_priv.0@/bin/p", "k@/bin/p"},
		{"l@/usr/bin/python3.11", "l@/usr/bin/python3.12"},
		{"m() [clone .isra.0]@/bin/p", "m()@/bin/p"},
		{"[unknown in libq.so+0x10]@/lib/libq.so",
		 "[unknown in libq.so+0xff]@/lib/libq.so"},
	};
	static const char *const names[] = {
		"f", "g", "h", "i", "j", "k", "l", "m()", "[unknown in libq.so]"};
	struct profile *a = rig_run(), *b = rig_run();
	struct rig r;
	size_t i, n;

	(void)state;
	for (i = 0; i < 9; i++) {
		rig_cpu(a, same[i][0], 10 + i);
		rig_cpu(b, same[i][1], 10 + i);
	}
	rig_start(&r, &cpu);
	assert_int_equal(rig_add(&r, 0, a), 0);
	assert_int_equal(rig_add(&r, 1, b), 0);
	assert_int_equal(compare_finish(r.c, NULL), 0);
	compare_rows(r.c, &n);
	assert_int_equal(n, 9);
	for (i = 0; i < 9; i++) {
		const struct compare_function *f = rig_row(&r, names[i]);

		if (!f)
			fail_msg("no row %s", names[i]);
		assert_int_equal(f->fate, COMPARE_BOTH);
		assert_close(f->self.delta, 0);
	}
	assert_string_equal(compare_text(r.c, rig_row(&r, "g")->module), "/opt/libz.so.1.3");
	assert_false(rig_has_remark(&r, "by name alone"));
	compare_free(r.c);
}

static void other_names_stay_apart(void **state)
{
	static const char *const names[] = {"a.b",
					    "lib::f@/lib/lib2.so",
					    "lib::f@/lib/lib1.so",
					    "f.colder",
					    ".cold",
					    "[cold]",
					    "operator[] (clone)",
					    "x.llvm",
					    "7"};
	struct profile *a = rig_run(), *b = rig_run();
	struct rig r;
	size_t i, n;

	(void)state;
	for (i = 0; i < 9; i++) {
		rig_cpu(a, names[i], 10);
		rig_cpu(b, names[i], 10);
	}
	rig_start(&r, &cpu);
	assert_int_equal(rig_add(&r, 0, a), 0);
	assert_int_equal(rig_add(&r, 1, b), 0);
	assert_int_equal(compare_finish(r.c, NULL), 0);
	compare_rows(r.c, &n);
	assert_int_equal(n, 9);
	assert_non_null(rig_row(&r, "a.b"));
	assert_non_null(rig_row(&r, "f.colder"));
	assert_non_null(rig_row(&r, ".cold"));
	assert_non_null(rig_row(&r, "operator[] (clone)"));
	compare_free(r.c);
}

static void by_name_alone(void **state)
{
	struct profile *a = rig_run(), *b = rig_run();
	struct rig r;
	size_t n;

	(void)state;
	rig_cpu(a, "main@/srv/slow;f@/srv/slow;q@/srv/slow", 40);
	rig_cpu(b, "main@/srv/fast;f@/srv/fast;q@/srv/fast", 10);
	/* q is in two modules of the candidate: it cannot be told which. */
	rig_cpu(b, "main@/srv/fast;q@/srv/other", 10);
	rig_start(&r, &cpu);
	assert_int_equal(rig_add(&r, 0, a), 0);
	assert_int_equal(rig_add(&r, 1, b), 0);
	assert_int_equal(compare_finish(r.c, NULL), 0);
	compare_rows(r.c, &n);
	assert_int_equal(n, 5); /* main, f, and q three times */
	assert_int_equal(rig_row(&r, "main")->fate, COMPARE_BOTH);
	assert_close(rig_row(&r, "f")->total.a, 40 * RIG_MS);
	assert_close(rig_row(&r, "f")->total.b, 10 * RIG_MS);
	assert_true(rig_has_remark(&r, "2 functions of 'slow' are matched with 'fast' by name"));
	compare_free(r.c);
}

/* ---- what became of them ---- */

static void inlined_into_the_caller(void **state)
{
	struct profile *a = rig_run(), *b = rig_run();
	struct rig r;
	const struct compare_function *f;

	(void)state;
	rig_cpu(a, "main@/p;find@/p", 50);
	rig_cpu(a, "main@/p;find@/p;hash@/p", 300);
	rig_cpu(a, "main@/p;find@/p;equal@/p", 200);
	rig_cpu(b, "main@/p;find@/p", 555);
	rig_cpu(a, "main@/p;other@/p", 900);
	rig_cpu(b, "main@/p;other@/p", 890);
	rig_start(&r, &cpu);
	assert_int_equal(rig_add(&r, 0, a), 0);
	assert_int_equal(rig_add(&r, 1, b), 0);
	assert_int_equal(compare_finish(r.c, NULL), 0);
	f = rig_row(&r, "hash");
	assert_int_equal(f->fate, COMPARE_INLINED);
	assert_ptr_equal(compare_rows(r.c, &(size_t){0}) + f->partner, rig_row(&r, "find"));
	assert_int_equal(rig_row(&r, "equal")->fate, COMPARE_INLINED);
	assert_true(rig_has_remark(&r, "'hash' is gone and 'find', which called it, took over"));
	assert_true(rig_has_remark(&r, "one run a side"));
	assert_int_equal(rig_row(&r, "find")->fate, COMPARE_BOTH);
	assert_false(compare_total_moved(rig_row(&r, "find")));
	compare_free(r.c);
}

static void outlined_and_renamed(void **state)
{
	struct profile *a = rig_run(), *b = rig_run();
	struct rig r;
	const struct compare_function *rows;
	size_t n;

	(void)state;
	rig_cpu(a, "main@/p;sort@/p", 400);
	rig_cpu(a, "main@/p;old@/p", 300);
	rig_cpu(b, "main@/p;sort@/p", 100);
	rig_cpu(b, "main@/p;sort@/p;swap@/p", 300);
	rig_cpu(b, "main@/p;young@/p", 310);
	rig_start(&r, &cpu);
	assert_int_equal(rig_add(&r, 0, a), 0);
	assert_int_equal(rig_add(&r, 1, b), 0);
	assert_int_equal(compare_finish(r.c, NULL), 0);
	rows = compare_rows(r.c, &n);
	assert_int_equal(rig_row(&r, "swap")->fate, COMPARE_OUTLINED);
	assert_ptr_equal(rows + rig_row(&r, "swap")->partner, rig_row(&r, "sort"));
	assert_true(rig_has_remark(&r, "'swap' is new and has cost that 'sort'"));
	assert_int_equal(rig_row(&r, "old")->fate, COMPARE_RENAMED);
	assert_ptr_equal(rows + rig_row(&r, "old")->partner, rig_row(&r, "young"));
	assert_ptr_equal(rows + rig_row(&r, "young")->partner, rig_row(&r, "old"));
	compare_free(r.c);
}

static void new_and_gone(void **state)
{
	struct profile *a = rig_run(), *b = rig_run();
	struct rig r;

	(void)state;
	rig_cpu(a, "main@/p;work@/p", 300);
	rig_cpu(a, "main@/p;dropped@/p", 60);
	rig_cpu(b, "main@/p;work@/p", 310);
	rig_cpu(b, "main@/p;work@/p;added@/p", 200);
	rig_start(&r, &cpu);
	assert_int_equal(rig_add(&r, 0, a), 0);
	assert_int_equal(rig_add(&r, 1, b), 0);
	assert_int_equal(compare_finish(r.c, NULL), 0);
	assert_int_equal(rig_row(&r, "added")->fate, COMPARE_NEW);
	assert_int_equal(rig_row(&r, "dropped")->fate, COMPARE_GONE);
	assert_true(isnan(rig_row(&r, "added")->self.change));
	assert_true(rig_row(&r, "added")->self.lo > 150 * RIG_MS);
	assert_close(rig_row(&r, "dropped")->self.change, -1);
	assert_true(compare_moved(rig_row(&r, "dropped")));
	compare_free(r.c);
}

/* ---- what explains a change, and what cannot ---- */

static void a_group_without_runs(void **state)
{
	struct err err = ERR_INIT;
	struct rig r;

	(void)state;
	rig_start(&r, &cpu);
	assert_int_equal(compare_finish(r.c, &err), ERR_ARG);
	assert_non_null(strstr(err.text, "the base has no run"));
	compare_free(r.c);
	rig_start(&r, &cpu);
	assert_int_equal(rig_add(&r, 0, rig_run()), 0);
	assert_int_equal(compare_finish(r.c, &err), ERR_ARG);
	assert_non_null(strstr(err.text, "the candidate has no run"));
	compare_free(r.c);
	compare_free(NULL);
}

static void stacks_cut_short(void **state)
{
	struct profile *a = rig_run(), *b = rig_run();
	struct rig r;

	(void)state;
	rig_cpu(a, "main@/p;f@/p", 100);
	rig_cpu(b, "main@/p;f@/p", 50);
	rig_cpu(b, "[truncated];f@/p", 50);
	rig_start(&r, &cpu);
	assert_int_equal(rig_add(&r, 0, a), 0);
	assert_int_equal(rig_add(&r, 1, b), 0);
	assert_int_equal(compare_finish(r.c, NULL), 0);
	assert_close(rig_row(&r, "f")->self.delta, 0);
	assert_true(rig_has_remark(&r, "stacks cut short: 0 % of the base, 50 % of the candidate"));
	compare_free(r.c);
}

/* Forty callees grow by a quarter each: none of them by more than noise, all together by far more. */
static void many_small_changes(void **state)
{
	struct profile *a = rig_run(), *b = rig_run();
	struct rig r;
	size_t n, i, sums = 0;
	const struct compare_function *rows;

	(void)state;
	for (i = 0; i < 40; i++) {
		char path[64];

		snprintf(path, sizeof path, "main@/p;run@/p;work@/p;f%zu@/p", i);
		rig_cpu(a, path, 24);
		rig_cpu(b, path, 30);
	}
	rig_cpu(a, "main@/p;run@/p;rest@/p", 800);
	rig_cpu(b, "main@/p;run@/p;rest@/p", 790);
	rig_start(&r, &cpu);
	assert_int_equal(rig_add(&r, 0, a), 0);
	assert_int_equal(rig_add(&r, 1, b), 0);
	assert_int_equal(compare_finish(r.c, NULL), 0);
	rows = compare_rows(r.c, &n);
	for (i = 0; i < n; i++) {
		assert_false(compare_moved(&rows[i]));
		sums += rows[i].is_sum != 0;
	}
	assert_int_equal(sums, 1);
	assert_true(rig_row(&r, "work")->is_sum);
	assert_string_equal(rig_stack(&r, "run"), "main;run;work");
	compare_free(r.c);
}

/* A foreign file may have paths as deep as it likes. */
static void deep_paths_are_cut(void **state)
{
	struct profile *a = rig_run(), *b = rig_run();
	char path[3600] = "r";
	size_t len = 1;
	const char *text;
	size_t i, names = 1;
	struct rig r;

	(void)state;
	for (i = 0; i < 1500; i++)
		len += (size_t)snprintf(path + len, sizeof path - len, "%s",
					i == 1499 ? ";leaf" : ";d");
	rig_cpu(a, path, 100);
	rig_cpu(b, path, 300);
	rig_start(&r, &cpu);
	assert_int_equal(rig_add(&r, 0, a), 0);
	assert_int_equal(rig_add(&r, 1, b), 0);
	assert_int_equal(compare_finish(r.c, NULL), 0);
	text = rig_stack(&r, "leaf");
	for (i = 0; text[i]; i++)
		names += text[i] == ';';
	assert_int_equal(names, 401);
	assert_non_null(strstr(text, "r;d;"));
	assert_non_null(strstr(text, ";d;…;d;"));
	assert_string_equal(text + strlen(text) - 7, ";d;leaf");
	assert_close(rig_row(&r, "d")->total.delta, 200 * RIG_MS);
	compare_free(r.c);
}

/* What rises in one place and falls in another is not explained by the one that is larger than all of it. */
static void changes_that_cancel(void **state)
{
	struct profile *a = rig_run(), *b = rig_run();
	struct rig r;

	(void)state;
	rig_cpu(a, "main;f", 100);
	rig_cpu(a, "main;g", 900);
	rig_cpu(b, "main;f", 1300);
	rig_cpu(b, "main;g", 100);
	rig_start(&r, &cpu);
	assert_int_equal(rig_add(&r, 0, a), 0);
	assert_int_equal(rig_add(&r, 1, b), 0);
	assert_int_equal(compare_finish(r.c, NULL), 0);
	assert_string_equal(compare_text(r.c, compare_explanation(r.c)->stack), "main");
	assert_true(compare_moved(rig_row(&r, "f")) && compare_moved(rig_row(&r, "g")));
	compare_free(r.c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(self_and_total),
		cmocka_unit_test(recursion_counts_once),
		cmocka_unit_test(means_over_runs),
		cmocka_unit_test(counted_costs_are_exact),
		cmocka_unit_test(unread_time_is_named_when_it_matters),
		cmocka_unit_test(builds_are_matched),
		cmocka_unit_test(other_names_stay_apart),
		cmocka_unit_test(by_name_alone),
		cmocka_unit_test(inlined_into_the_caller),
		cmocka_unit_test(outlined_and_renamed),
		cmocka_unit_test(new_and_gone),
		cmocka_unit_test(a_group_without_runs),
		cmocka_unit_test(stacks_cut_short),
		cmocka_unit_test(many_small_changes),
		cmocka_unit_test(deep_paths_are_cut),
		cmocka_unit_test(changes_that_cancel),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
