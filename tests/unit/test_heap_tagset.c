/* The set of sampled blocks against a plain array, when it is full, under threads that pass blocks to each
 * other, and in a forked child. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "prof/heap/tagset.h"
#include "tests/unit/numbers.h"

static struct heap_tagset *made(uint32_t live_max)
{
	struct heap_tagset *set = heap_tagset_make(NULL, live_max);

	assert_non_null(set);
	return set;
}

/* Addresses as allocators give them: near each other, multiples of 16. */
static uint64_t address_of(uint64_t i)
{
	return 0x555555560000u + i * 16;
}

static int may_hold(struct heap_tagset *set, uint64_t address)
{
	return __atomic_load_n(&heap_tagset_filter(set)[heap_filter_at(address)],
			       __ATOMIC_RELAXED) != 0;
}

static void a_block_is_there_until_it_is_taken(void **state)
{
	struct heap_tagset *set = made(100);
	struct heap_block block = {0}, before = {7, 8};
	uint64_t a = address_of(3);

	(void)state;
	assert_false(may_hold(set, a));
	assert_int_equal(heap_tagset_get(set, a, &block), 0);
	assert_int_equal(heap_tagset_take(set, a, &block), 0);
	assert_int_equal(heap_tagset_set(set, a, (struct heap_block){40, 5}, &before), 0);
	assert_true(before.bytes == 7 && before.site == 8);
	assert_true(may_hold(set, a));
	assert_int_equal(heap_tagset_get(set, a, &block), 1);
	assert_true(block.bytes == 40 && block.site == 5);
	assert_int_equal(heap_tagset_get(set, address_of(4), &block), 0);
	assert_int_equal(heap_tagset_take(set, a, &block), 1);
	assert_true(block.bytes == 40 && block.site == 5);
	assert_false(may_hold(set, a));
	assert_int_equal(heap_tagset_take(set, a, &block), 0);
}

static void the_block_before_is_told(void **state)
{
	struct heap_tagset *set = made(100);
	struct heap_block block, before;
	uint64_t a = address_of(3);

	(void)state;
	assert_int_equal(heap_tagset_set(set, a, (struct heap_block){40, 5}, &before), 0);
	assert_int_equal(heap_tagset_set(set, a, (struct heap_block){41, 6}, &before), 1);
	assert_true(before.bytes == 40 && before.site == 5);
	assert_int_equal(heap_tagset_take(set, a, &block), 1);
	assert_true(block.bytes == 41 && block.site == 6);
	assert_int_equal(heap_tagset_take(set, a, &block), 0);
	assert_false(may_hold(set, a));
}

static void any_size_and_site_is_kept(void **state)
{
	struct heap_tagset *set = made(100);
	struct heap_block block, before;
	struct heap_block want = {UINT64_MAX, UINT32_MAX};

	(void)state;
	assert_int_equal(heap_tagset_set(set, UINT64_MAX, want, &before), 0);
	assert_int_equal(heap_tagset_take(set, UINT64_MAX, &block), 1);
	assert_true(block.bytes == UINT64_MAX && block.site == UINT32_MAX);
}

/* 400,000 random events against an array; the filter says "perhaps" of every block that is there, and in the
 * end of none. */
static void it_agrees_with_an_array(void **state)
{
	enum { N = 3000 };
	static struct heap_block model[N];
	struct heap_tagset *set = made(N);
	struct heap_block block, before;
	uint64_t s = 1;

	(void)state;
	memset(model, 0, sizeof model);
	for (int i = 0; i < 400000; i++) {
		uint64_t at = splitmix(&s) % N, a = address_of(at * 3);
		struct heap_block now = {splitmix(&s) % 1000 + 1, (uint32_t)i + 1};
		int known = model[at].site != 0;

		assert_true(!known || may_hold(set, a));
		assert_int_equal(heap_tagset_get(set, a, &block), known);
		if (splitmix(&s) % 2) {
			assert_int_equal(heap_tagset_set(set, a, now, &before), known);
			assert_true(!known || memcmp(&before, &model[at], 12) == 0);
			model[at] = now;
		} else {
			assert_int_equal(heap_tagset_take(set, a, &block), known);
			assert_true(!known || memcmp(&block, &model[at], 12) == 0);
			model[at].site = 0;
		}
	}
	for (uint64_t at = 0; at < N; at++)
		assert_int_equal(heap_tagset_take(set, address_of(at * 3), &block),
				 model[at].site != 0);
	for (size_t i = 0; i < (size_t)1 << HEAP_FILTER_BITS; i++)
		assert_int_equal(heap_tagset_filter(set)[i], 0);
}

/* The promise of live_max, with addresses of three kinds: in a row, pages apart, anywhere. */
static void as_many_as_were_asked_for_fit(void **state)
{
	(void)state;
	for (int kind = 0; kind < 3; kind++)
		for (uint32_t n = 1; n <= 1 << 18; n *= 8) {
			struct heap_tagset *set = made(n);
			struct heap_block before;
			uint64_t s = n;

			for (uint32_t i = 0; i < n; i++) {
				uint64_t a = kind == 0   ? address_of(i)
					     : kind == 1 ? address_of((uint64_t)i << 8)
							 : splitmix(&s) >> 17 << 4;

				assert_int_equal(
					heap_tagset_set(set, a, (struct heap_block){1, 1}, &before),
					0);
			}
		}
}

static void a_full_set_refuses_and_stays_whole(void **state)
{
	struct heap_tagset *set = made(64);
	struct heap_block block, before;
	uint8_t in[1000] = {0};
	int held = 0, refused = 0;

	(void)state;
	for (uint32_t i = 0; i < 1000; i++) {
		int rc =
			heap_tagset_set(set, address_of(i), (struct heap_block){i, i + 1}, &before);

		assert_true(rc == 0 || rc == -1);
		in[i] = rc == 0;
		held += rc == 0;
		refused += rc == -1;
	}
	assert_true(held >= 64 && held <= 128 && refused > 0);
	for (uint32_t i = 0; i < 1000; i++) {
		assert_int_equal(heap_tagset_take(set, address_of(i), &block), in[i]);
		assert_true(!in[i] || (block.bytes == i && block.site == i + 1));
	}
	assert_int_equal(heap_tagset_set(set, address_of(1000), (struct heap_block){1, 1}, &before),
			 0);
}

/* 300 addresses with one counter: it cannot count them all, so it must never say "none" again. */
static void a_counter_that_overflowed_says_perhaps_for_ever(void **state)
{
	struct heap_tagset *set = made(1000);
	struct heap_block block, before;
	uint64_t same[300], all = (UINT64_C(1) << HEAP_FILTER_BITS) - 1;
	size_t n = 0;

	(void)state;
	for (; n < 300; n++) { /* one in each 64 MiB: neighbours have neighbouring counters */
		uint64_t start = (uint64_t)(n + 1) << 26;

		same[n] = start + ((7 - heap_filter_at(start)) & all) * 64;
		assert_int_equal(heap_filter_at(same[n]), 7);
	}
	for (size_t i = 0; i < n; i++)
		assert_int_equal(heap_tagset_set(set, same[i], (struct heap_block){1, 1}, &before),
				 0);
	for (size_t i = 0; i < n; i++) {
		assert_true(may_hold(set, same[i]));
		assert_int_equal(heap_tagset_take(set, same[i], &block), 1);
	}
	assert_true(may_hold(set, same[0]));
	assert_int_equal(heap_tagset_get(set, same[0], &block), 0);
}

static void cleared_it_is_empty(void **state)
{
	struct heap_tagset *set = made(100);
	struct heap_block block, before;
	uint8_t *filter = heap_tagset_filter(set);

	(void)state;
	for (uint64_t i = 0; i < 100; i++)
		heap_tagset_set(set, address_of(i), (struct heap_block){1, 1}, &before);
	heap_tagset_clear(set);
	assert_ptr_equal(heap_tagset_filter(set), filter);
	for (uint64_t i = 0; i < 100; i++) {
		assert_false(may_hold(set, address_of(i)));
		assert_int_equal(heap_tagset_get(set, address_of(i), &block), 0);
	}
	assert_int_equal(heap_tagset_set(set, address_of(1), (struct heap_block){1, 1}, &before),
			 0);
}

static void a_child_sees_it_empty_and_the_parent_does_not_notice(void **state)
{
	struct heap_tagset *set = made(100);
	struct heap_block block, before;
	uint64_t a = address_of(1);
	int status;
	pid_t child;

	(void)state;
	heap_tagset_set(set, a, (struct heap_block){9, 9}, &before);
	child = fork();
	if (child == 0) {
		int bad;

		heap_tagset_fork_child(set);
		bad = may_hold(set, a) || heap_tagset_take(set, a, &block) ||
		      heap_tagset_set(set, a, (struct heap_block){1, 1}, &before) ||
		      !heap_tagset_take(set, a, &block);
		_exit(bad);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
	assert_int_equal(heap_tagset_take(set, a, &block), 1);
	assert_true(block.bytes == 9 && block.site == 9);
}

/* ---- threads --------------------------------------------------------------------------------- */

enum { THREADS = 4, ROUNDS = 60000, BASKET = 64 };

/* Blocks on their way from one thread to the next, by address; 0: no block. */
static _Atomic uint64_t basket[BASKET];
static struct heap_tagset *shared;
static _Atomic int wrong;

static void let_go(uint64_t a)
{
	struct heap_block block;

	if (!heap_tagset_take(shared, a, &block) || block.bytes != a * 3 ||
	    block.site != (uint32_t)(a >> 4))
		wrong++;
}

/* Each makes blocks of its own addresses, puts them where others take them, and frees what it finds there. */
static void *hammer(void *arg)
{
	uint64_t number = (uint64_t)(uintptr_t)arg, s = number + 1;
	struct heap_block before;

	for (uint64_t i = 0; i < ROUNDS; i++) {
		uint64_t a = address_of(number << 30 | i), other;
		struct heap_block block = {a * 3, (uint32_t)(a >> 4)};

		if (heap_tagset_set(shared, a, block, &before) != 0) {
			wrong++;
			continue;
		}
		if (!may_hold(shared, a))
			wrong++;
		other = atomic_exchange(&basket[splitmix(&s) % BASKET], a);
		if (other)
			let_go(other);
	}
	return NULL;
}

static void threads_find_what_others_put_there(void **state)
{
	pthread_t thread[THREADS];

	(void)state;
	shared = made(4 * BASKET);
	for (uintptr_t i = 0; i < THREADS; i++)
		assert_int_equal(pthread_create(&thread[i], NULL, hammer, (void *)i), 0);
	for (int i = 0; i < THREADS; i++)
		assert_int_equal(pthread_join(thread[i], NULL), 0);
	for (int i = 0; i < BASKET; i++)
		if (basket[i])
			let_go(basket[i]);
	assert_int_equal(wrong, 0);
	for (size_t i = 0; i < (size_t)1 << HEAP_FILTER_BITS; i++)
		assert_int_equal(heap_tagset_filter(shared)[i], 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_block_is_there_until_it_is_taken),
		cmocka_unit_test(the_block_before_is_told),
		cmocka_unit_test(any_size_and_site_is_kept),
		cmocka_unit_test(it_agrees_with_an_array),
		cmocka_unit_test(as_many_as_were_asked_for_fit),
		cmocka_unit_test(a_full_set_refuses_and_stays_whole),
		cmocka_unit_test(a_counter_that_overflowed_says_perhaps_for_ever),
		cmocka_unit_test(cleared_it_is_empty),
		cmocka_unit_test(a_child_sees_it_empty_and_the_parent_does_not_notice),
		cmocka_unit_test(threads_find_what_others_put_there),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
