/* Tests of memory in views: who asked, side by side; leaks; growth; snapshots; lines of a file. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "prof/analyze/estimate.h"
#include "prof/analyze/leaks.h"
#include "prof/analyze/library.h"
#include "prof/analyze/memory.h"
#include "prof/analyze/snapdiff.h"
#include "prof/analyze/source.h"
#include "prof/analyze/trend.h"
#include "prof/base/hash.h"
#include "tests/unit/made_profile.h"

#define PROG "@/bin/prog:/src/m.c:"
#define LIBC "@/lib/libc.so.6"
#define VEC                                                                                        \
	"void std::vector<int, std::allocator<int> "                                               \
	">::_M_realloc_insert<int>(int)@/bin/prog:vector:9"

static int make(void **state)
{
	struct profile *p = calloc(1, sizeof(*p));

	if (!p || profile_init(p))
		return -1;
	p->run.memory = made_text(p, "full");
	made_thread(p, "main", 100);
	*state = p;
	return 0;
}

static int drop(void **state)
{
	profile_release(*state);
	free(*state);
	return 0;
}

static const char *name(const struct profile *p, uint32_t id)
{
	return strtab_text(p->strings, id);
}

static const struct memory_row *row(const struct memory_list *l, const struct profile *p,
				    const char *label)
{
	size_t i;

	for (i = 0; i < l->n; i++)
		if (strcmp(name(p, l->rows[i].label), label) == 0)
			return &l->rows[i];
	return NULL;
}

static void plumbing_is_known_by_name(void **state)
{
	static const struct {
		const char *frame;
		int plumbing;
	} cases[] = {
		{"operator new(unsigned long)@/usr/lib/libfoo.so", 1},
		{VEC, 1},
		{"std::string::_M_create(unsigned long&, unsigned long)@/bin/prog", 1},
		{"g_malloc0@/usr/lib/libglib-2.0.so.0", 1},
		{"xmalloc@/bin/prog", 1},
		{"strdup" LIBC, 1},
		{"[truncated]", 1},
		{"_start@/bin/prog", 1},
		{"main@/bin/prog", 0},
		{"std_of(int)@/bin/prog", 0},
		{"my::vector<std::string>::grow()@/bin/prog", 0},
		{"int my::run<std::string>(std::vector<int>)@/bin/prog", 0},
		{"operator/(A, B)@/bin/prog", 0},
		{"A::operator()(int)@/bin/prog", 0},
		{"[unknown in libx.so+0x7]@/usr/lib/libx.so", 0},
	};
	struct profile *p = *state;
	size_t i;

	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		uint32_t f = made_frame(p, cases[i].frame);

		if (library_is_plumbing(p, &p->frames[f]) != cases[i].plumbing)
			fail_msg("%s", cases[i].frame);
	}
}

static void memory_belongs_to_who_wanted_it(void **state)
{
	struct sample_filter f = {.user_sites = 1};
	struct profile *p = *state;
	struct memory_list l;

	made_sample(p, PROFILE_ALLOC, PROFILE_NONE, 0, "main" PROG "9;fill" PROG "5;" VEC, 4, 4000);
	p->samples[0].life_ns = 8e6;
	made_sample(p, PROFILE_ALLOC, PROFILE_NONE, 0, "main" PROG "9;strdup" LIBC, 10, 100);
	made_sample(p, PROFILE_PEAK, PROFILE_NONE, 0, "main" PROG "9;fill" PROG "5;" VEC, 1, 2000);
	made_sample(p, PROFILE_TEMPORARY, PROFILE_NONE, 0, "main" PROG "9;strdup" LIBC, 9, 90);
	assert_int_equal(memory_list_make(&l, p, HOT_FUNCTION, &f, MEMORY_BY_TOTAL, NULL), 0);
	assert_string_equal(name(p, l.rows[0].label), "fill");
	assert_int_equal(row(&l, p, "fill")->cell[MEMORY_ALLOC].self, 4000);
	assert_int_equal(row(&l, p, "fill")->cell[MEMORY_PEAK].self, 2000);
	assert_true(memory_mean_life_ns(row(&l, p, "fill")) == 2e6);
	assert_int_equal(row(&l, p, "main")->cell[MEMORY_ALLOC].self, 100);
	assert_int_equal(row(&l, p, "main")->cell[MEMORY_ALLOC].total, 4100);
	assert_int_equal(row(&l, p, "main")->cell[MEMORY_TEMPORARY].self_count, 9);
	assert_int_equal(row(&l, p, "strdup")->cell[MEMORY_ALLOC].self, 0);
	assert_int_equal(row(&l, p, "strdup")->cell[MEMORY_ALLOC].total, 100);
	assert_int_equal(l.all[MEMORY_ALLOC].self, 4100);
	assert_int_equal(l.all[MEMORY_TEMPORARY].self, 90);
	memory_list_release(&l);
	f.user_sites = 0;
	assert_int_equal(memory_list_make(&l, p, HOT_FUNCTION, &f, MEMORY_BY_COUNT, NULL), 0);
	assert_string_equal(name(p, l.rows[0].label), "strdup");
	assert_int_equal(row(&l, p, "fill")->cell[MEMORY_ALLOC].self, 0);
	memory_list_release(&l);
}

static void exact_bytes_have_no_interval_and_samples_have(void **state)
{
	struct sample_filter f = {.kind = PROFILE_ALLOC};
	struct profile *p = *state;
	struct hot_list l;

	made_sample(p, PROFILE_ALLOC, PROFILE_NONE, 0, "a", 4, 4000);
	made_sample(p, PROFILE_ALLOC, PROFILE_NONE, 0, "b", 4, 4000);
	assert_int_equal(hot_list_make(&l, p, HOT_FUNCTION, &f, NULL), 0);
	assert_true(l.rows[0].self_lo == 0.5 && l.rows[0].self_hi == 0.5);
	hot_list_release(&l);
	p->run.memory = made_text(p, "sampled");
	p->run.memory_rate_bytes = 100;
	p->samples[0].variance = p->samples[1].variance = 400000;
	assert_int_equal(hot_list_make(&l, p, HOT_FUNCTION, &f, NULL), 0);
	/* 4000 + 192.07 -+ 1.96 sqrt(400000 + 9603.6): of 8000. */
	assert_true(fabs(l.rows[0].self_lo - 2937.7 / 8000) < 1e-4);
	assert_true(fabs(l.rows[0].self_hi - 5446.5 / 8000) < 1e-4);
	hot_list_release(&l);
}

static void what_is_live_has_its_share_of_the_variance(void **state)
{
	struct profile *p = *state;

	p->run.memory = made_text(p, "sampled");
	p->run.memory_rate_bytes = 100;
	made_sample(p, PROFILE_ALLOC, PROFILE_NONE, 0, "a", 4, 4000);
	made_sample(p, PROFILE_LIVE, PROFILE_NONE, 0, "a", 1, 1000);
	made_sample(p, PROFILE_LIVE, PROFILE_NONE, 0, "b", 1, 1000);
	made_sample(p, PROFILE_MMAP, PROFILE_NONE, 0, "a", 1, 1000);
	p->samples[0].variance = 400000;
	assert_true(estimate_variance(p, &p->samples[0]) == 400000);
	assert_true(estimate_variance(p, &p->samples[1]) == 100000);
	assert_true(estimate_variance(p, &p->samples[2]) == 100 * 1000); /* at most */
	assert_true(estimate_variance(p, &p->samples[3]) == 0);
	assert_true(estimate_rate(p, PROFILE_COPY) == 1600 && estimate_rate(p, PROFILE_MMAP) == 0);
}

static void leaks_are_sorted_and_suppressed_ones_apart(void **state)
{
	struct sample_filter f = {.kind = PROFILE_LEAK};
	struct profile *p = *state;
	struct suppress s = {0};
	struct leak_list l;

	made_sample(p, PROFILE_LEAK, PROFILE_NONE, 0, "main;small", 3, 30);
	made_sample(p, PROFILE_LEAK, PROFILE_NONE, 0, "main;cache", 1, 5000);
	made_sample(p, PROFILE_LEAK, PROFILE_NONE, 0, "main;large", 2, 200);
	made_sample(p, PROFILE_LEAK, 0 - 1u, 0, "main;large", 1, 100);
	assert_int_equal(suppress_add_text(&s, "leak:cache", 10, "f", NULL), 0);
	assert_int_equal(leak_list_make(&l, p, &f, &s, NULL), 0);
	assert_int_equal(l.n, 3);
	assert_int_equal(l.n_shown, 2);
	assert_int_equal(l.rows[0].value, 300);
	assert_int_equal(l.rows[0].count, 3);
	assert_int_equal(l.rows[1].value, 30);
	assert_int_equal(l.rows[2].rule, 0);
	assert_int_equal(l.value, 330);
	assert_int_equal(l.suppressed_value, 5000);
	leak_list_release(&l);
	suppress_release(&s);
}

/* A snapshot with what each function of `paths` has. */
static void snapshot(struct profile *p, const char *called, int64_t t_ns, const char *const *paths,
		     const int64_t *values)
{
	struct profile_snapshot *s;
	size_t i;

	p->snapshots = made_grow(p->snapshots, p->n_snapshots, sizeof(*p->snapshots));
	s = &p->snapshots[p->n_snapshots++];
	s->id = (int64_t)p->n_snapshots + (INT64_C(3) << 32);
	s->t_ns = t_ns;
	s->name = made_text(p, called);
	s->first = p->n_snapshot_rows;
	for (i = 0; paths[i]; i++) {
		struct profile_snapshot_row *r;

		if (!values[i])
			continue;
		p->snapshot_rows = made_grow(p->snapshot_rows, p->n_snapshot_rows, sizeof(*r));
		r = &p->snapshot_rows[p->n_snapshot_rows++];
		r->stack = made_stack(p, paths[i]);
		r->count = 1;
		r->value = values[i];
		s->heap_bytes += values[i];
		s->n++;
	}
}

static const char *const growers[] = {"main;leak", "main;startup", "main;noise", "main;flat",
				      "main;tiny", "main;falls",   NULL};

/* 32 snapshots, a second apart. */
static void series(struct profile *p, int n)
{
	int i;

	for (i = 0; i < n; i++) {
		int64_t values[] = {1000 * i,
				    i < 8 ? 100000 * i
					  : 800000 + (int64_t)(hash_u64((uint64_t)i) % 1000),
				    500000 + (int64_t)(hash_u64((uint64_t)i + 99) % 100000),
				    4096,
				    i,
				    1000000 - 1000 * i};

		snapshot(p, "auto", i * INT64_C(1000000000), growers, values);
	}
}

static void growth_is_told_from_start_up_and_noise(void **state)
{
	struct profile *p = *state;
	struct growth_list g;

	series(p, 32);
	assert_int_equal(growth_list_make(&g, p, NULL, NULL), 0);
	assert_int_equal(g.points, 32);
	assert_int_equal(g.stacks, 6);
	assert_int_equal(g.span_ns, INT64_C(31000000000));
	assert_int_equal(g.n, 1);
	assert_int_equal(g.rows[0].stack, made_stack(p, "main;leak"));
	assert_true(fabs(g.rows[0].bytes_per_s - 1000) < 1e-6);
	assert_int_equal(g.rows[0].first, 0);
	assert_int_equal(g.rows[0].last, 31000);
	assert_true(g.rows[0].q < 1e-6 && g.rows[0].q >= g.rows[0].p);
	growth_list_release(&g);
	/* As estimates from one sample in 16 KiB, 31 KB may be chance. */
	p->run.memory = made_text(p, "sampled");
	p->run.memory_rate_bytes = 16384;
	assert_int_equal(growth_list_make(&g, p, NULL, NULL), 0);
	assert_int_equal(g.n, 0);
	growth_list_release(&g);
}

static void few_snapshots_say_nothing(void **state)
{
	struct profile *p = *state;
	struct growth_list g;

	series(p, TREND_POINTS_MIN - 1);
	assert_int_equal(growth_list_make(&g, p, NULL, NULL), 0);
	assert_int_equal(g.points, TREND_POINTS_MIN - 1);
	assert_int_equal(g.n, 0);
	growth_list_release(&g);
}

static void many_snapshots_are_thinned(void **state)
{
	struct profile *p = *state;
	struct growth_list g;

	series(p, 1000);
	assert_int_equal(growth_list_make(&g, p, NULL, NULL), 0);
	assert_in_range(g.points, 128, TREND_POINTS_MAX);
	assert_true(fabs(g.rows[0].bytes_per_s - 1000) < 1e-6);
	growth_list_release(&g);
}

static void snapshots_differ_by_stack(void **state)
{
	static const char *const paths[] = {"a", "b", "c", "d", "e", NULL};
	static const int64_t before[] = {100, 500, 70, 0, 9}, after[] = {300, 100, 0, 50, 9};
	struct profile *p = *state;
	struct snapdiff d;
	size_t x, y, i;

	snapshot(p, "auto", 1, paths, before);
	snapshot(p, "late", 2, paths, after);
	snapshot(p, "end", 3, paths, after);
	assert_int_equal(snapshot_find(p, "1", &x, NULL), 0);
	assert_int_equal(snapshot_find(p, "late", &y, NULL), 0);
	assert_int_equal(x, 0);
	assert_int_equal(y, 1);
	assert_int_equal(snapshot_find(p, "last", &y, NULL), 0);
	assert_int_equal(y, 1);
	assert_int_equal(snapshot_find(p, "12884901891", &y, NULL), 0); /* 3 << 32 | 3 */
	assert_int_equal(y, 2);
	assert_int_equal(snapshot_find(p, "4", &y, NULL), ERR_NOTFOUND);
	assert_int_equal(snapdiff_make(&d, p, 0, 1, NULL), 0);
	assert_int_equal(d.n, 4);
	assert_int_equal(d.n_same, 1);
	static const int64_t changes[] = {-400, 200, -70, 50};
	static const enum snapdiff_state states[] = {SNAPDIFF_SHRUNK, SNAPDIFF_GROWN, SNAPDIFF_GONE,
						     SNAPDIFF_NEW};
	for (i = 0; i < 4; i++) {
		assert_int_equal(d.rows[i].change, changes[i]);
		assert_int_equal(d.rows[i].state, states[i]);
	}
	assert_int_equal(d.before, 679);
	assert_int_equal(d.after, 459);
	snapdiff_release(&d);
	assert_int_equal(snapshot_as_samples(p, 0, NULL), 0);
	assert_int_equal(p->n_samples, 4);
	assert_int_equal(p->samples[1].value, 500);
	assert_int_equal(p->samples[1].kind, PROFILE_LIVE);
}

static const struct source_line *line(const struct source_view *v, uint32_t n)
{
	size_t i;

	for (i = 0; i < v->n; i++)
		if (v->lines[i].line == n)
			return &v->lines[i];
	return NULL;
}

static void lines_count_once_per_stack(void **state)
{
	struct profile *p = *state;
	struct source_view v;

	made_sample(p, PROFILE_CPU, PROFILE_NONE, 0,
		    "main" PROG "9;r" PROG "4;r" PROG "4;r" PROG "5", 3, 300);
	made_sample(p, PROFILE_CPU, PROFILE_NONE, 0, "main" PROG "9;r" PROG "4;read" LIBC, 1, 100);
	made_sample(p, PROFILE_CPU, PROFILE_NONE, 0, "other@/bin/prog:/src/o.c:4", 6, 600);
	made_sample(p, PROFILE_ALLOC, PROFILE_NONE, 0, "main" PROG "9;" VEC, 2, 64);
	assert_int_equal(source_view_make(&v, p, "m.c", NULL, NULL), 0);
	assert_int_equal(v.n, 3);
	assert_int_equal(line(&v, 4)->total[SOURCE_TIME], 400);
	assert_int_equal(line(&v, 4)->self[SOURCE_TIME], 0);
	assert_int_equal(line(&v, 5)->self[SOURCE_TIME], 300);
	assert_int_equal(line(&v, 9)->total[SOURCE_TIME], 400);
	assert_int_equal(line(&v, 9)->self[SOURCE_ALLOC], 64);
	assert_int_equal(line(&v, 9)->self_count[SOURCE_ALLOC], 2);
	assert_int_equal(v.here[SOURCE_TIME], 400);
	assert_int_equal(v.all[SOURCE_TIME], 1000);
	source_view_release(&v);
}

static void files_and_functions_are_found_or_named(void **state)
{
	struct profile *p = *state;
	struct err err = ERR_INIT;
	struct source_view v;

	made_sample(p, PROFILE_CPU, PROFILE_NONE, 0, "f@/b:/x/a.c:7;g(int)@/b:/y/a.c:3", 1, 10);
	made_sample(p, PROFILE_CPU, PROFILE_NONE, 0, "f@/b:/x/a.c:9", 1, 10);
	assert_int_equal(source_view_make(&v, p, "a.c", NULL, &err), ERR_ARG);
	assert_non_null(strstr(err.text, "/x/a.c, /y/a.c"));
	assert_int_equal(source_view_make(&v, p, "x/a.c", NULL, NULL), 0);
	assert_int_equal(v.n, 2);
	source_view_release(&v);
	assert_int_equal(source_view_make(&v, p, "g", NULL, NULL), 0);
	assert_string_equal(name(p, v.file), "/y/a.c");
	assert_string_equal(name(p, v.function), "g(int)");
	source_view_release(&v);
	assert_int_equal(source_view_make(&v, p, "f", NULL, NULL), 0);
	assert_true(v.first == 7 && v.last == 9);
	source_view_release(&v);
	assert_int_equal(source_view_make(&v, p, "/a.c", NULL, NULL), ERR_NOTFOUND);
	assert_int_equal(source_view_make(&v, p, ".c", NULL, NULL), ERR_NOTFOUND);
}

#define T(f) cmocka_unit_test_setup_teardown(f, make, drop)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(plumbing_is_known_by_name),
		T(memory_belongs_to_who_wanted_it),
		T(exact_bytes_have_no_interval_and_samples_have),
		T(what_is_live_has_its_share_of_the_variance),
		T(leaks_are_sorted_and_suppressed_ones_apart),
		T(growth_is_told_from_start_up_and_noise),
		T(few_snapshots_say_nothing),
		T(many_snapshots_are_thinned),
		T(snapshots_differ_by_stack),
		T(lines_count_once_per_stack),
		T(files_and_functions_are_found_or_named),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
