/* Frames as ids: module, address and depth of inlining tell them apart. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <stdlib.h>

#include "prof/base/err.h"
#include "prof/model/frametab.h"
#include "tests/unit/numbers.h"

static uint32_t intern(struct frametab *t, uint32_t module, uint64_t rel_addr, uint32_t depth)
{
	uint32_t id = UINT32_MAX;

	assert_int_equal(frametab_intern(t, (struct frame){rel_addr, module, depth}, &id), 0);
	return id;
}

static void each_part_tells_frames_apart(void **state)
{
	struct frametab *t = frametab_new();
	struct frame f;

	(void)state;
	assert_int_equal(intern(t, 1, 0x1000, 0), 0);
	assert_int_equal(intern(t, 2, 0x1000, 0), 1);
	assert_int_equal(intern(t, 1, 0x1001, 0), 2);
	assert_int_equal(intern(t, 1, 0x1000, 1), 3);
	assert_int_equal(intern(t, FRAME_NO_MODULE, UINT64_MAX, UINT32_MAX), 4);
	assert_int_equal(intern(t, 0, 0, 0), 5);
	assert_int_equal(intern(t, 1, 0x1000, 0), 0);
	assert_int_equal(frametab_count(t), 6);
	f = frametab_get(t, 4);
	assert_true(f.rel_addr == UINT64_MAX && f.module == FRAME_NO_MODULE);
	assert_int_equal(f.inline_depth, UINT32_MAX);
	frametab_free(t);
	frametab_free(NULL);
}

static void a_frame_never_given_out_has_no_module(void **state)
{
	struct frametab *t = frametab_new();
	struct frame f = frametab_get(t, 0);
	uint32_t id = 5;

	(void)state;
	assert_int_equal(f.module, FRAME_NO_MODULE);
	assert_int_equal(f.rel_addr, 0);
	assert_false(frametab_find(t, f, &id));
	assert_int_equal(id, 5);
	frametab_free(t);
}

static void a_full_table_refuses_new_frames_only(void **state)
{
	struct frametab *t = frametab_new();
	uint32_t id = 9;

	(void)state;
	frametab_set_limit(t, 2);
	intern(t, 0, 1, 0);
	intern(t, 0, 2, 0);
	assert_int_equal(frametab_intern(t, (struct frame){3, 0, 0}, &id), ERR_LIMIT);
	assert_int_equal(id, 9);
	assert_int_equal(intern(t, 0, 1, 0), 0);
	assert_int_equal(frametab_count(t), 2);
	frametab_free(t);
}

/* All frames of a small cube in random order, many times: against a table of first appearances. */
static void ids_agree_with_a_table(void **state)
{
	enum { MODULES = 7, ADDRESSES = 500, DEPTHS = 3, ROUNDS = 100000 };
	struct frametab *t = frametab_new();
	uint32_t *known = calloc(MODULES * ADDRESSES * DEPTHS, sizeof *known), n = 0, id;
	uint64_t s = 2;

	(void)state;
	for (uint32_t i = 0; i < ROUNDS; i++) {
		uint64_t r = splitmix(&s);
		uint32_t module = (uint32_t)(r % MODULES), depth = (uint32_t)(r >> 8) % DEPTHS;
		uint64_t address = (r >> 16) % ADDRESSES;
		uint32_t *slot = &known[(module * ADDRESSES + address) * DEPTHS + depth];
		struct frame f = {address << 40 | address, module, depth};

		assert_int_equal(frametab_find(t, f, &id), *slot != 0);
		if (!*slot)
			*slot = ++n;
		assert_int_equal(intern(t, f.module, f.rel_addr, f.inline_depth), *slot - 1);
		f = frametab_get(t, *slot - 1);
		assert_true(f.rel_addr == (address << 40 | address) && f.module == module &&
			    f.inline_depth == depth);
	}
	assert_int_equal(frametab_count(t), n);
	free(known);
	frametab_free(t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_part_tells_frames_apart),
		cmocka_unit_test(a_frame_never_given_out_has_no_module),
		cmocka_unit_test(a_full_table_refuses_new_frames_only),
		cmocka_unit_test(ids_agree_with_a_table),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
