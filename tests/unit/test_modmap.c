/* Ranges over time: loads, unloads, overlaps, forks, and questions about the past, against a list of
 * all events replayed for each question. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <stdlib.h>

#include "prof/base/err.h"
#include "prof/model/modmap.h"
#include "tests/unit/numbers.h"

#define NOTHING (-1)

static int module_at(struct modmap *m, int64_t t_ns, uint64_t address)
{
	struct modrange hit;
	int rc = modmap_find(m, t_ns, address, &hit);

	assert_true(rc == 0 || rc == 1);
	if (rc == 0)
		return NOTHING;
	assert_true(hit.start <= address && address < hit.end);
	assert_true(hit.from_ns <= t_ns && t_ns < hit.until_ns);
	return (int)hit.module;
}

static void a_load_holds_until_its_unload(void **state)
{
	struct modmap *m = modmap_new();

	(void)state;
	assert_int_equal(modmap_load(m, 10, 0x1000, 0x2000, 0x1000, 1), 0);
	assert_int_equal(modmap_unload(m, 20, 0x1000, 0x2000), 0);
	assert_int_equal(modmap_load(m, 30, 0x1000, 0x2000, 0, 2), 0);
	assert_int_equal(module_at(m, 9, 0x1800), NOTHING);
	assert_int_equal(module_at(m, 10, 0x1800), 1);
	assert_int_equal(module_at(m, 19, 0x1fff), 1);
	assert_int_equal(module_at(m, 19, 0x2000), NOTHING);
	assert_int_equal(module_at(m, 19, 0xfff), NOTHING);
	assert_int_equal(module_at(m, 20, 0x1000), NOTHING);
	assert_int_equal(module_at(m, 30, 0x1000), 2);
	assert_int_equal(module_at(m, INT64_MAX - 1, 0x1000), 2);
	assert_int_equal(module_at(m, INT64_MIN, 0x1000), NOTHING);
	modmap_free(m);
	modmap_free(NULL);
}

static void a_load_over_others_cuts_them(void **state)
{
	struct modmap *m = modmap_new();

	(void)state;
	modmap_load(m, 0, 0, 100, 7, 1);
	modmap_load(m, 0, 100, 200, 7, 2);
	assert_int_equal(modmap_load(m, 5, 50, 150, 7, 3), 0);
	for (uint64_t a = 0; a < 200; a++) {
		assert_int_equal(module_at(m, 4, a), a < 100 ? 1 : 2);
		assert_int_equal(module_at(m, 5, a), a < 50 ? 1 : a < 150 ? 3 : 2);
	}
	assert_int_equal(modmap_count(m), 5);
	assert_int_equal(modmap_range(m, 2)->from_ns, 5); /* the left rest of the first */
	assert_int_equal(modmap_range(m, 2)->end, 50);
	assert_int_equal(modmap_range(m, 2)->bias, 7);
	modmap_free(m);
}

static void a_hole_leaves_both_sides(void **state)
{
	struct modmap *m = modmap_new();

	(void)state;
	modmap_load(m, 0, 0x1000, 0x9000, 0x1000, 4);
	assert_int_equal(modmap_unload(m, 1, 0x3000, 0x4000), 0);
	assert_int_equal(module_at(m, 1, 0x2fff), 4);
	assert_int_equal(module_at(m, 1, 0x3000), NOTHING);
	assert_int_equal(module_at(m, 1, 0x3fff), NOTHING);
	assert_int_equal(module_at(m, 1, 0x4000), 4);
	assert_int_equal(module_at(m, 0, 0x3000), 4);
	assert_int_equal(modmap_unload(m, 2, 0, UINT64_MAX), 0);
	assert_int_equal(module_at(m, 2, 0x2000), NOTHING);
	assert_int_equal(module_at(m, 1, 0x2000), 4);
	modmap_free(m);
}

static void nonsense_changes_nothing(void **state)
{
	struct modmap *m = modmap_new();

	(void)state;
	modmap_load(m, 10, 0, 100, 0, 1);
	assert_int_equal(modmap_load(m, 10, 50, 50, 0, 2), ERR_ARG);
	assert_int_equal(modmap_load(m, 10, 51, 50, 0, 2), ERR_ARG);
	assert_int_equal(modmap_load(m, 9, 50, 60, 0, 2), ERR_ARG);
	assert_int_equal(modmap_load(m, MODMAP_STILL, 50, 60, 0, 2), ERR_ARG);
	assert_int_equal(modmap_unload(m, 9, 0, 100), ERR_ARG);
	assert_int_equal(modmap_clear(m, 9), ERR_ARG);
	assert_int_equal(modmap_count(m), 1);
	assert_int_equal(module_at(m, 10, 55), 1);
	modmap_free(m);
}

static void the_limit_counts_all_ranges_ever(void **state)
{
	struct modmap *m = modmap_new();

	(void)state;
	modmap_set_limit(m, 3);
	assert_int_equal(modmap_load(m, 0, 0, 100, 0, 1), 0);
	assert_int_equal(modmap_load(m, 1, 10, 90, 0, 2), ERR_LIMIT); /* it would make three more */
	assert_int_equal(module_at(m, 1, 50), 1);
	assert_int_equal(modmap_load(m, 1, 100, 200, 0, 2), 0);
	assert_int_equal(modmap_load(m, 1, 200, 300, 0, 3), 0);
	assert_int_equal(modmap_load(m, 1, 300, 400, 0, 4), ERR_LIMIT);
	assert_int_equal(modmap_unload(m, 2, 0, 300), 0); /* ending needs no room */
	modmap_free(m);
}

static void a_fork_takes_what_is_loaded_then(void **state)
{
	struct modmap *parent = modmap_new(), *child = modmap_new();

	(void)state;
	modmap_load(parent, 0, 0, 100, 0, 1);
	modmap_load(parent, 0, 200, 300, 0, 2);
	modmap_unload(parent, 5, 0, 50);
	assert_int_equal(modmap_inherit(child, parent, 6), 0);
	modmap_clear(parent, 7);
	assert_int_equal(module_at(child, 6, 20), NOTHING);
	assert_int_equal(module_at(child, 6, 60), 1);
	assert_int_equal(module_at(child, 100, 250), 2);
	assert_int_equal(module_at(child, 5, 250), NOTHING);
	assert_int_equal(module_at(parent, 7, 250), NOTHING);
	assert_int_equal(module_at(parent, 6, 250), 2);
	modmap_free(parent);
	modmap_free(child);
}

static void the_highest_address_is_an_address(void **state)
{
	struct modmap *m = modmap_new();

	(void)state;
	modmap_load(m, 0, UINT64_MAX - 4096, UINT64_MAX, 0, 1);
	modmap_load(m, 1, 0, 1, 0, 2);
	assert_int_equal(module_at(m, 1, UINT64_MAX - 1), 1);
	assert_int_equal(module_at(m, 1, UINT64_MAX), NOTHING);
	assert_int_equal(module_at(m, 0, UINT64_MAX - 4096), 1);
	modmap_free(m);
}

/* ---- against a replay ------------------------------------------------------------------------- */

struct event {
	int64_t t_ns;
	uint64_t start, end;
	int module; /* NOTHING: an unload */
};

/* What the events up to then leave at an address: the last one that touched it. */
static int replay(const struct event *events, size_t n, int64_t t_ns, uint64_t address)
{
	while (n-- > 0)
		if (events[n].t_ns <= t_ns && events[n].start <= address && address < events[n].end)
			return events[n].module;
	return NOTHING;
}

/* `n` events over `width` addresses, asking `asks` times after each. */
static void compare_with_replay(uint64_t seed, size_t n, uint64_t width, unsigned asks)
{
	struct event *events = calloc(n, sizeof *events);
	struct modmap *m = modmap_new();
	int64_t now = 0;
	uint64_t s = seed;

	for (size_t i = 0; i < n; i++) {
		struct event *e = &events[i];
		uint64_t r = splitmix(&s);

		now += (int64_t)(r % 3); /* often the same instant */
		e->t_ns = now;
		e->start = splitmix(&s) % width;
		e->end = e->start + 1 + splitmix(&s) % (r & 64 ? width : width / 8 + 1);
		e->module = r & 128 && r & 256 ? NOTHING : (int)(i % 1000);
		assert_int_equal(e->module == NOTHING ? modmap_unload(m, now, e->start, e->end)
						      : modmap_load(m, now, e->start, e->end, 0,
								    (uint32_t)e->module),
				 0);
		for (unsigned k = 0; k < asks; k++) {
			uint64_t address = splitmix(&s) % (2 * width + 2);
			int64_t t_ns = (int64_t)(splitmix(&s) % (uint64_t)(now + 3)) - 1;

			assert_int_equal(module_at(m, t_ns, address),
					 replay(events, i + 1, t_ns, address));
		}
	}
	modmap_free(m);
	free(events);
}

static void answers_agree_with_a_replay_of_events(void **state)
{
	(void)state;
	for (uint64_t seed = 1; seed <= 40; seed++)
		compare_with_replay(seed, 200, 30, 5); /* dense: everything overlaps */
	for (uint64_t seed = 1; seed <= 4; seed++)
		compare_with_replay(seed, 3000, 100000, 3); /* through the index, rebuilt often */
	compare_with_replay(99, 2000, 5, 3);                /* the same addresses again and again */
}

/* The index at work: a library loaded and unloaded 30,000 times, then asked about each time. */
static void many_generations_are_found_fast(void **state)
{
	enum { TIMES = 30000 };
	struct modmap *m = modmap_new();

	(void)state;
	modmap_load(m, 0, 0x100000, 0x200000, 0, 7);
	for (uint32_t i = 0; i < TIMES; i++) {
		assert_int_equal(modmap_load(m, 10 * i, 0x1000, 0x5000, 0, i), 0);
		assert_int_equal(modmap_unload(m, 10 * i + 5, 0x1000, 0x5000), 0);
	}
	for (uint32_t i = 0; i < TIMES; i++) {
		assert_int_equal(module_at(m, 10 * i + 4, 0x4fff), i);
		assert_int_equal(module_at(m, 10 * i + 5, 0x1000), NOTHING);
		assert_int_equal(module_at(m, 10 * i, 0x1fffff), 7);
	}
	modmap_free(m);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_load_holds_until_its_unload),
		cmocka_unit_test(a_load_over_others_cuts_them),
		cmocka_unit_test(a_hole_leaves_both_sides),
		cmocka_unit_test(nonsense_changes_nothing),
		cmocka_unit_test(the_limit_counts_all_ranges_ever),
		cmocka_unit_test(a_fork_takes_what_is_loaded_then),
		cmocka_unit_test(the_highest_address_is_an_address),
		cmocka_unit_test(answers_agree_with_a_replay_of_events),
		cmocka_unit_test(many_generations_are_found_fast),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
