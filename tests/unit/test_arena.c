/* Arenas: alignment, no overlap, accounting, sizes that do not fit. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <stdint.h>
#include <string.h>

#include "prof/base/arena.h"
#include "tests/unit/numbers.h"

static void blocks_are_aligned_and_apart(void **state)
{
	enum { BLOCKS = 4000 };
	static unsigned char *at[BLOCKS];
	static size_t size[BLOCKS];
	struct arena a = ARENA_INIT;
	uint64_t s = 1;

	(void)state;
	for (size_t i = 0; i < BLOCKS; i++) {
		uint64_t r = splitmix(&s);
		size_t align = (size_t)1 << r % 7;

		size[i] = (r >> 8) % (i % 500 == 7 ? 600000 : 700); /* some larger than a chunk */
		at[i] = arena_alloc(&a, size[i], align);
		assert_non_null(at[i]);
		assert_int_equal((uintptr_t)at[i] % align, 0);
		memset(at[i], (int)(i & 0xff), size[i]);
	}
	for (size_t i = 0; i < BLOCKS; i++)
		for (size_t k = 0; k < size[i]; k++)
			assert_int_equal(at[i][k], i & 0xff);
	assert_true(a.used_bytes <= a.held_bytes);
	arena_release(&a);
	assert_int_equal(a.held_bytes, 0);
	assert_int_equal(a.used_bytes, 0);
	assert_non_null(arena_alloc(&a, 1, 1));
	arena_release(&a);
	arena_release(&a);
}

static void a_large_block_does_not_end_the_chunk(void **state)
{
	struct arena a = ARENA_INIT;
	char *first = arena_alloc(&a, 8, 8), *large, *next;

	(void)state;
	large = arena_alloc(&a, (size_t)1 << 20, 8);
	next = arena_alloc(&a, 8, 8);
	assert_non_null(large);
	assert_ptr_equal(next, first + 8);
	arena_release(&a);
}

static void zeroed_arrays_are_zero(void **state)
{
	struct arena a = ARENA_INIT;
	unsigned char *p = arena_alloc(&a, 100, 1);

	(void)state;
	memset(p, 0xff, 100);
	p = arena_calloc(&a, 25, 4);
	for (int i = 0; i < 100; i++)
		assert_int_equal(p[i], 0);
	arena_release(&a);
}

static void sizes_that_do_not_fit_are_refused(void **state)
{
	struct arena a = ARENA_INIT;

	(void)state;
	assert_null(arena_calloc(&a, SIZE_MAX / 2, 3));
	assert_null(arena_alloc(&a, SIZE_MAX, 1));
	assert_null(arena_alloc(&a, SIZE_MAX - 64, 1));
	assert_null(arena_strndup(&a, "", SIZE_MAX));
	assert_int_equal(a.held_bytes, 0);
	assert_non_null(arena_calloc(&a, 0, SIZE_MAX));
	arena_release(&a);
}

static void copies_end_with_a_nul(void **state)
{
	struct arena a = ARENA_INIT;

	(void)state;
	assert_string_equal(arena_strndup(&a, "abcdef", 3), "abc");
	assert_string_equal(arena_strdup(&a, "xyz"), "xyz");
	assert_string_equal(arena_strndup(&a, NULL, 0), "");
	arena_release(&a);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(blocks_are_aligned_and_apart),
		cmocka_unit_test(a_large_block_does_not_end_the_chunk),
		cmocka_unit_test(zeroed_arrays_are_zero),
		cmocka_unit_test(sizes_that_do_not_fit_are_refused),
		cmocka_unit_test(copies_end_with_a_nul),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
