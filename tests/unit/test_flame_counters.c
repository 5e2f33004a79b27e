/* Counters over time in the data of a page, read back and compared with the rows of the profile; and what stays of them
 * when there is little room. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <math.h>
#include <stdio.h>

#include "prof/base/hash.h"
#include "tests/unit/flame_read.h"
#include "tests/unit/flame_rig.h"

#define ROOMY ((size_t)64 << 20)
#define START 5000000000000

static void fill(struct profile *p)
{
	assert_int_equal(profile_init(p), 0);
	rig_run(p, "r", "c");
	p->run.start_ns = START;
}

struct series {
	char name[32];
	size_t n;
	uint64_t *t;
	double *v;
};

/* Series `k` of the head (caller frees its arrays). */
static struct series series_of(const struct data *d, size_t k)
{
	const json_t *all = json_object_get(d->head, "series");
	uint64_t *t = data_numbers(d, "series.t", NULL),
		 *whole = data_numbers(d, "series.int", NULL);
	size_t n_reals, i, at = 0, ints = 0, reals = 0;
	double *real = data_reals(d, "series.real", &n_reals);
	struct series s = {.n = 0};

	for (i = 0; i <= k; i++) {
		const json_t *one = json_array_get(all, i);
		int is_int = strcmp(json_string_value(json_array_get(one, 2)), "int") == 0;
		int64_t sum = 0;
		size_t p;

		s.n = (size_t)json_integer_value(json_array_get(one, 1));
		if (i == k) {
			snprintf(s.name, sizeof s.name, "%s",
				 json_string_value(json_array_get(one, 0)));
			s.t = calloc(s.n + 1, sizeof *s.t);
			s.v = calloc(s.n + 1, sizeof *s.v);
			assert_true(s.t && s.v);
			for (p = 0; p < s.n; p++) {
				s.t[p] = t[at + p] + (p ? s.t[p - 1] : 0);
				s.v[p] = is_int ? (double)(sum += data_signed(whole[ints + p]))
						: real[reals + p];
			}
		}
		at += s.n;
		if (is_int)
			ints += s.n;
		else
			reals += s.n;
	}
	free(t);
	free(whole);
	free(real);
	return s;
}

static void series_release(struct series *s)
{
	free(s->t);
	free(s->v);
}

static void counters_keep_their_values(void **state)
{
	struct profile p;
	struct flame_run run = {.p = &p};
	struct flame_options o = {.kind = PROFILE_CPU, .runs = &run, .n_runs = 1};
	static const char *const names[] = {"rss_bytes", "heap_bytes", "a real one", "big", "rows"};
	struct series s;
	struct data d;
	size_t i;

	(void)state;
	fill(&p);
	rig_counter(&p, 2000, "rows", 8); /* not in the order of time, nor of names */
	rig_counter(&p, 1000, "rows", -5);
	rig_counter(&p, -50, "heap_bytes", 4096);
	rig_counter(&p, 9, "rss_bytes", 9007199254740992.0);
	rig_counter(&p, 3, "big", 1e300);
	rig_counter(&p, 5, "a real one", 0.1);
	rig_counter(&p, 6, "a real one", NAN);
	rig_counter(&p, 7, "a real one", -INFINITY);
	d = data_of(&o, ROOMY);
	assert_int_equal(json_array_size(json_object_get(d.head, "series")), 5);
	for (i = 0; i < 5; i++) {
		s = series_of(&d, i);
		assert_string_equal(s.name, names[i]);
		assert_null(json_object_get(d.head, "series_left_out"));
		assert_int_equal(s.n, i == 4 ? 2 : 1);
		if (i == 0)
			assert_true(s.v[0] == 9007199254740992.0 && s.t[0] == 9);
		if (i == 1)
			assert_true(s.v[0] == 4096 && s.t[0] == 0);
		if (i == 2)
			assert_true(s.v[0] == 0.1);
		if (i == 3)
			assert_true(s.v[0] == 1e300);
		if (i == 4)
			assert_true(s.v[0] == -5 && s.v[1] == 8 && s.t[0] <= 1000 && s.t[0] > 990 &&
				    s.t[1] > 1990 && s.t[1] <= 2000);
		series_release(&s);
	}
	data_release(&d);
	profile_release(&p);
}

/* A spike of one point among many, and a dip, stay however few points do; so do both ends. */
static void no_peak_of_a_counter_is_lost(void **state)
{
	enum { n = 20000 };
	struct profile p;
	struct flame_run run = {.p = &p};
	struct flame_options o = {.kind = PROFILE_CPU, .runs = &run, .n_runs = 1};
	size_t room, i, before = n + 1;
	struct data d;

	(void)state;
	fill(&p);
	for (i = 0; i < n; i++)
		rig_counter(&p, (int64_t)i * 50000000, "heap_bytes",
			    i == 7777   ? 900000000.0
			    : i == 3210 ? 5.0
					: 1000000 + (double)(hash_u64(i) & 0xfffff));
	for (room = 1 << 21; room > 3000; room /= 2) {
		struct series s;
		double high = 0, low = 1e300;

		d = data_of(&o, room);
		s = series_of(&d, 0);
		assert_true(s.n <= before && s.n >= 4);
		before = s.n;
		for (i = 0; i < s.n; i++) {
			high = fmax(high, s.v[i]);
			low = fmin(low, s.v[i]);
			assert_true(i == 0 || s.t[i] >= s.t[i - 1]);
		}
		assert_true(high == 900000000.0 && low == 5.0);
		assert_true(s.v[0] == p.counters[0].value &&
			    s.v[s.n - 1] == p.counters[n - 1].value);
		assert_true(d.packed < room / 16 + 1500);
		series_release(&s);
		data_release(&d);
	}
	assert_true(before < 100);
	profile_release(&p);
}

/* A program may name counters by the thousand. */
static void counters_are_at_most_200(void **state)
{
	struct profile p;
	struct flame_run run = {.p = &p};
	struct flame_options o = {.kind = PROFILE_CPU, .runs = &run, .n_runs = 1};
	struct series s;
	struct data d;
	char text[32];
	int i;

	(void)state;
	fill(&p);
	for (i = 0; i < 1000; i++) {
		snprintf(text, sizeof text, "c%03d", i);
		rig_counter(&p, 5, text, i);
	}
	rig_counter(&p, 5, "rss_bytes", 77);
	d = data_of(&o, ROOMY);
	assert_int_equal(json_array_size(json_object_get(d.head, "series")), 200);
	assert_int_equal(data_column(&d, "series.t").rows, 200);
	assert_int_equal(json_integer_value(json_object_get(d.head, "series_left_out")), 801);
	s = series_of(&d, 0);
	assert_string_equal(s.name, "rss_bytes");
	series_release(&s);
	s = series_of(&d, 199);
	assert_string_equal(s.name, "c198");
	assert_true(s.n == 1 && s.v[0] == 198);
	series_release(&s);
	data_release(&d);
	profile_release(&p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(counters_keep_their_values),
		cmocka_unit_test(no_peak_of_a_counter_is_lost),
		cmocka_unit_test(counters_are_at_most_200),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
