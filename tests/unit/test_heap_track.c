/* The events of the memory tracker: random streams against a brute-force replay, in both modes, with one thread,
 * with several that take turns, and with several that run free; and each event by itself. */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/unit/heap_oracle.h"

static struct oracle oracle;

static void stream_begin(uint64_t seed, uint32_t threads, uint64_t rate, uint32_t temporary,
			 uint32_t events)
{
	oracle_begin(&oracle, scratch("track.heap"), seed, threads, rate, temporary,
		     events * 3 + 100000);
}

static void stream_end(uint32_t events)
{
	oracle_check(&oracle);
	assert_true(events < 10000 || oracle.marks_ended > events / 1000);
	assert_true(oracle.n > events / 4);
	oracle_end(&oracle);
}

static void stream(uint64_t seed, uint32_t threads, uint64_t rate, uint32_t temporary,
		   uint32_t events)
{
	stream_begin(seed, threads, rate, temporary, events);
	for (uint32_t i = 0; i < events; i++)
		oracle_step(&oracle, oracle_below(&oracle, threads));
	stream_end(events);
}

static void one_thread_adds_up_to_the_byte(void **state)
{
	(void)state;
	stream(1, 1, 0, 0, 1000000);
}

static void many_small_streams_add_up(void **state)
{
	(void)state;
	for (uint64_t seed = 10; seed < 90; seed++)
		stream(seed, 1 + (uint32_t)seed % ORACLE_THREADS, 0, (uint32_t)seed % 4, 2000);
}

static void blocks_freed_by_other_threads_add_up(void **state)
{
	(void)state;
	stream(2, 2, 0, 1, 500000);
	stream(3, ORACLE_THREADS, 0, 5, 500000);
}

static void huge_blocks_add_up(void **state)
{
	(void)state;
	stream_begin(4, 3, 0, 2, 100000);
	oracle.huge = 1;
	for (uint32_t i = 0; i < 100000; i++)
		oracle_step(&oracle, oracle_below(&oracle, 3));
	stream_end(100000);
}

/* Each block counts for what it stands for, which the oracle takes from the same formula. */
static void samples_add_up_by_their_weights(void **state)
{
	(void)state;
	stream(5, 1, 1, 1, 100000);
	stream(6, 1, 700, 1, 300000);
	stream(7, 4, 3000, 3, 300000);
}

/* ---- real threads that take turns: the order of the log is the order of the events */

static pthread_mutex_t turn = PTHREAD_MUTEX_INITIALIZER;
static uint32_t events_left;

static void *take_turns(void *arg)
{
	uint32_t thread = (uint32_t)(uintptr_t)arg;

	for (;;) {
		uint32_t n;

		pthread_mutex_lock(&turn);
		n = events_left < 20 ? events_left : 1 + oracle_below(&oracle, 20);
		events_left -= n;
		for (uint32_t i = 0; i < n; i++)
			oracle_step(&oracle, thread);
		pthread_mutex_unlock(&turn);
		if (n == 0)
			return NULL;
	}
}

static void threads_that_take_turns_add_up(void **state)
{
	pthread_t threads[4];

	(void)state;
	stream_begin(8, 4, 0, 1, 300000);
	events_left = 300000;
	for (uint32_t i = 0; i < 4; i++)
		assert_int_equal(
			pthread_create(&threads[i], NULL, take_turns, (void *)(uintptr_t)i), 0);
	for (uint32_t i = 0; i < 4; i++)
		pthread_join(threads[i], NULL);
	stream_end(300000);
}

/* ---- real threads that run free: what does not depend on the order */

#define FREE_THREADS 4
#define FREE_EVENTS  150000
#define FREE_LIVE    256
#define MAILBOXES    64

struct runner {
	struct heap_thread heap;
	uint64_t random, next_address;
	uint64_t blocks[FREE_LIVE]; /* address << 16 | bytes, 0: none */
	uint64_t alloc_bytes, alloc_count, freed_bytes, freed_count;
	int64_t highest; /* of its own stage */
};

static _Atomic uint64_t mailbox[MAILBOXES]; /* blocks on their way to another thread */

static uint64_t runner_random(struct runner *r)
{
	r->random ^= r->random << 13;
	r->random ^= r->random >> 7;
	r->random ^= r->random << 17;
	return r->random;
}

static uint64_t runner_alloc(struct runner *r)
{
	static const uint64_t addresses[2] = {0x1000, 0x2000};
	uint64_t random = runner_random(r), bytes = random % 300, address = r->next_address;
	struct heap_stack s = {1 + random % 40, addresses, 2, 0};

	r->next_address += 16;
	heap_alloc(&r->heap, address, bytes, &s);
	r->alloc_bytes += bytes;
	r->alloc_count++;
	return address << 16 | bytes;
}

static void runner_free(struct runner *r, uint64_t block)
{
	if (!block)
		return;
	if (heap_free(&r->heap, block >> 16) != 1)
		fail_msg("a block was not known");
	r->freed_bytes += block & 0xffff;
	r->freed_count++;
}

static void *run_free(void *arg)
{
	struct runner *r = arg;
	struct heap_mark mark = {0};

	heap_thread_begin(&r->heap, gettid(), 1);
	heap_mark_begin(&r->heap, &mark);
	for (uint32_t i = 0; i < FREE_EVENTS; i++) {
		uint32_t at = (uint32_t)(runner_random(r) >> 20) % FREE_LIVE;

		runner_free(r, r->blocks[at]);
		r->blocks[at] = runner_alloc(r);
		if (i % 4 == 0)
			runner_free(r, atomic_exchange(&mailbox[at % MAILBOXES], runner_alloc(r)));
		if (i % 64 == 0) {
			if (heap_mark_end(&r->heap, &mark) > r->highest)
				r->highest = mark.peak_bytes;
			heap_mark_begin(&r->heap, &mark);
		}
	}
	heap_thread_end(&r->heap);
	return NULL;
}

static void sum_sites(uint64_t *live, uint64_t *peak, uint64_t *alloc, uint64_t *count)
{
	const struct heap_head *head = heap_file();

	*live = *peak = *alloc = *count = 0;
	for (uint32_t i = 1; i < head->sites_used; i++) {
		const struct heap_site *s = heap_site_at(head, i);
		uint64_t now = s->alloc_bytes - s->freed_bytes;

		*live += now;
		*peak += s->gen == head->gen ? s->peak_bytes : now;
		*alloc += s->alloc_bytes;
		*count += s->alloc_count;
	}
}

static void threads_that_run_free_lose_nothing(void **state)
{
	static struct runner runners[FREE_THREADS];
	uint64_t live, peak, alloc, count, want_live = 0, want_alloc = 0, want_count = 0;
	const struct heap_head *head;
	pthread_t threads[FREE_THREADS];

	(void)state;
	stream_begin(9, 0, 0, 1, 1);
	head = heap_file();
	heap_threads_many();
	for (uint32_t i = 0; i < FREE_THREADS; i++) {
		runners[i].random = 77 + i;
		runners[i].next_address = 0x7f0000000000 + ((uint64_t)i << 32);
		assert_int_equal(pthread_create(&threads[i], NULL, run_free, &runners[i]), 0);
	}
	for (uint32_t i = 0; i < FREE_THREADS; i++) {
		pthread_join(threads[i], NULL);
		want_live += runners[i].alloc_bytes - runners[i].freed_bytes;
		want_alloc += runners[i].alloc_bytes;
		want_count += runners[i].alloc_count;
		assert_int_equal(runners[i].heap.alloc_bytes, runners[i].alloc_bytes);
		assert_in_range(runners[i].highest, 1, (uint64_t)head->peak_bytes);
	}
	sum_sites(&live, &peak, &alloc, &count);
	assert_int_equal(live, want_live);
	assert_int_equal(heap_live_bytes(), want_live);
	assert_int_equal(alloc, want_alloc);
	assert_int_equal(count, want_count);
	assert_int_equal(peak, head->peak_bytes);
	assert_true(peak >= live);
	oracle_end(&oracle);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_thread_adds_up_to_the_byte),
		cmocka_unit_test(many_small_streams_add_up),
		cmocka_unit_test(blocks_freed_by_other_threads_add_up),
		cmocka_unit_test(huge_blocks_add_up),
		cmocka_unit_test(samples_add_up_by_their_weights),
		cmocka_unit_test(threads_that_take_turns_add_up),
		cmocka_unit_test(threads_that_run_free_lose_nothing),
	};

	return cmocka_run_group_tests(tests, scratch_make, scratch_remove);
}
