/* Sites of a heap file: the same key has the same site, whatever comes between; a table that fills, or has no
 * memory to grow, gives up detail step by step, and what has a site keeps it. */
#include <pthread.h>

#include "tests/unit/heap_table_rig.h"

#define STREAM_STACKS  700
#define STREAM_STAGES  5
#define STREAM_THREADS 7

static void a_key_has_one_site_and_a_site_one_key(void **state)
{
	static uint32_t sites[STREAM_STACKS][STREAM_STAGES][STREAM_THREADS];
	static uint8_t seen[STREAM_STACKS * STREAM_STAGES * STREAM_THREADS + 4096];
	struct heap_head *head = rig_file(0, 0);
	struct heap_index index = {0};
	uint64_t x = 42;
	uint32_t distinct = 0;

	(void)state;
	for (int i = 0; i < 200000; i++) {
		uint32_t s = (uint32_t)(rig_next(&x) % STREAM_STACKS),
			 g = (uint32_t)(rig_next(&x) % STREAM_STAGES),
			 t = (uint32_t)(rig_next(&x) % STREAM_THREADS);
		uint32_t site = rig_find(head, &index, s, g, t), *expected = &sites[s][g][t];

		if (!*expected) {
			const struct heap_site *made = heap_site_at(head, site);
			const struct heap_stack_row *row = rig_row(head, made->stack);
			uint64_t addresses[RIG_DEPTH];
			struct heap_stack stack = rig_stack(s, addresses);

			*expected = site;
			assert_int_equal(seen[site - HEAP_SITES_RESERVED]++, 0);
			assert_int_equal(made->stage, g);
			assert_int_equal(made->thread, t);
			assert_int_equal(made->shard, 3);
			assert_int_equal(made->kind, HEAP_SITE_MALLOC);
			assert_int_equal(row->n, stack.n);
			assert_int_equal(row->t_ns, 99);
			assert_memory_equal(rig_addresses(head, made->stack), addresses,
					    stack.n * sizeof addresses[0]);
			distinct++;
		}
		assert_int_equal(site, *expected);
	}
	assert_int_equal(head->sites_used, HEAP_SITES_RESERVED + distinct);
	for (int i = 0; i < HEAP_LOSSES; i++)
		assert_int_equal(head->losses[i], 0);
	heap_index_drop(head, &index);
	assert_null(index.entries);
	rig_file_drop(head);
}

static void kinds_and_shards_are_told_apart(void **state)
{
	struct heap_head *head = rig_file(0, 0);
	struct heap_index index[2] = {{0}, {0}};
	struct heap_site_key key = {.thread = 1, .kind = HEAP_SITE_MALLOC};
	uint64_t addresses[RIG_DEPTH];
	struct heap_stack stack = rig_stack(1, addresses);
	uint32_t a = heap_site_find(head, &index[0], &stack, &key, 0), b, c;

	(void)state;
	key.kind = HEAP_SITE_COPY;
	b = heap_site_find(head, &index[0], &stack, &key, 0);
	key.shard = 1;
	c = heap_site_find(head, &index[1], &stack, &key, 0);
	assert_true(a != b && b != c && a != c);
	assert_int_equal(heap_site_at(head, c)->shard, 1);
	assert_int_equal(heap_site_at(head, a)->stack, heap_site_at(head, c)->stack);
	heap_index_drop(head, &index[0]);
	heap_index_drop(head, &index[1]);
	rig_file_drop(head);
}

/* 512 sites: from 256 on no stages, from 384 on no threads, at 512 nothing new. */
static void a_table_that_fills_gives_up_detail_step_by_step(void **state)
{
	struct heap_head *head = rig_file(512, 0);
	struct heap_index index = {0};
	uint64_t i = 0;
	uint32_t site, folded = 0;

	(void)state;
	for (; head->sites_used < 256; i++)
		assert_int_equal(heap_site_at(head, rig_find(head, &index, i, 8, 2))->stage, 8);
	assert_int_equal(rig_lost(head, HEAP_LOSS_FOLDED), 0);
	for (; head->sites_used < 384; i++, folded++) {
		site = rig_find(head, &index, i, 8, 2);
		assert_int_equal(heap_site_at(head, site)->stage, 0);
		assert_int_equal(heap_site_at(head, site)->thread, 2);
		assert_int_equal(rig_find(head, &index, i, 9, 2),
				 site); /* another stage, no other site */
		assert_int_equal(rig_lost(head, HEAP_LOSS_FOLDED), 2 * folded + 2);
	}
	for (; head->sites_used < 512; i++) {
		site = rig_find(head, &index, i, 8, 2);
		assert_int_equal(heap_site_at(head, site)->thread, 0);
		assert_int_equal(rig_find(head, &index, i, 0, 4), site);
	}
	assert_int_equal(rig_lost(head, HEAP_LOSS_SITE_TABLE), 0);
	site = rig_find(head, &index, i, 8, 2);
	assert_int_equal(site, heap_site_last_resort(3, HEAP_SITE_MALLOC));
	assert_int_equal(heap_site_at(head, site)->stack, 0);
	assert_int_equal(heap_site_at(head, site)->kind, HEAP_SITE_MALLOC);
	assert_int_equal(rig_find(head, &index, i + 1, 0, 0), site);
	assert_int_equal(rig_lost(head, HEAP_LOSS_SITE_TABLE), 2);
	/* What has a site keeps it. */
	assert_int_equal(heap_site_at(head, rig_find(head, &index, 0, 8, 2))->stage, 8);
	heap_index_drop(head, &index);
	rig_file_drop(head);
}

/* A server with a thread for each request: what it books in the end is bounded by its code. */
static void threads_without_end_share_sites_in_the_end(void **state)
{
	struct heap_head *head = rig_file(0, 0);
	struct heap_index index = {0};
	uint32_t site = 0, n = HEAP_SITES_THREADED - HEAP_SITES_RESERVED;

	(void)state;
	for (uint32_t t = 1; t <= n + 1000; t++)
		site = rig_find(head, &index, t % 4, 0, t);
	assert_int_equal(head->sites_used, HEAP_SITES_THREADED + 4);
	assert_int_equal(heap_site_at(head, site)->thread, 0);
	assert_int_equal(rig_lost(head, HEAP_LOSS_FOLDED), 1000);
	assert_int_equal(rig_lost(head, HEAP_LOSS_SITE_TABLE), 0);
	heap_index_drop(head, &index);
	rig_file_drop(head);
}

static void stages_beyond_the_limit_are_booked_without(void **state)
{
	struct heap_head *head = rig_file(0, 0);
	struct heap_index index = {0};
	uint32_t plain;

	(void)state;
	for (uint64_t g = 1; g <= HEAP_STAGES_MAX; g++)
		assert_int_equal(heap_site_at(head, rig_find(head, &index, 1, g * 1000, 1))->stage,
				 g * 1000);
	plain = rig_find(head, &index, 1, 77, 1);
	assert_int_equal(heap_site_at(head, plain)->stage, 0);
	assert_int_equal(rig_find(head, &index, 1, 78, 1), plain);
	assert_int_equal(rig_find(head, &index, 1, 0, 1), plain);
	assert_int_equal(rig_lost(head, HEAP_LOSS_FOLDED), 2);
	/* A stage that has sites gets more of them. */
	assert_int_equal(heap_site_at(head, rig_find(head, &index, 2, 5000, 1))->stage, 5000);
	heap_index_drop(head, &index);
	rig_file_drop(head);
}

static void stacks_without_room_go_to_the_site_of_last_resort(void **state)
{
	struct heap_head *head = rig_file(0, 4096);
	struct heap_index index = {0};
	uint64_t i = 0;
	uint32_t first = rig_find(head, &index, 0, 0, 1), site;

	(void)state;
	while (rig_lost(head, HEAP_LOSS_STACK_ROOM) == 0)
		site = rig_find(head, &index, ++i, 0, 1);
	assert_int_equal(site, heap_site_last_resort(3, HEAP_SITE_MALLOC));
	assert_true(head->stacks_used * 8 <= 4096);
	assert_true(i > 20);
	assert_int_equal(rig_find(head, &index, 0, 0, 1), first);
	/* A known stack needs no room. */
	assert_int_not_equal(rig_find(head, &index, 0, 0, 2), first);
	assert_int_equal(heap_site_at(head, rig_find(head, &index, 0, 0, 2))->thread, 2);
	heap_index_drop(head, &index);
	rig_file_drop(head);
}

static int no_memory_for_an_index(void)
{
	struct rlimit r = {1u << 20, 1u << 20};
	struct heap_index index = {0};
	struct heap_head *head = NULL;
	uint64_t addresses[RIG_DEPTH];
	uint32_t sites = 0;

	CHECK(heap_file_make(&head, rig_name(), 0, 0, NULL) == 0);
	for (uint64_t i = 0; i < 10; i++)
		(void)rig_find(head, &index, i, 0, 1);
	CHECK(setrlimit(RLIMIT_AS, &r) == 0);
	/* The index has 1024 places: seven eighths are used, then nothing new is known. */
	for (uint64_t i = 0; i < 2000; i++)
		sites += rig_find(head, &index, i, 0, 1) >= HEAP_SITES_RESERVED;
	CHECK(sites == 896);
	CHECK(rig_lost(head, HEAP_LOSS_SITE_TABLE) == 2000 - 896);
	CHECK(index.full);
	/* Stacks that cannot be remembered are still written. */
	CHECK(heap_stack_intern(head, &(struct heap_stack){.hash = 3, .addresses = addresses}, 0));
	heap_index_drop(head, &index);
	/* Not even a first one. */
	CHECK(rig_find(head, &index, 1, 7, 1) == heap_site_last_resort(3, HEAP_SITE_MALLOC));
	rig_file_drop(head);
	return 0;
}

static void an_index_without_memory_serves_what_it_knows(void **state)
{
	(void)state;
	if (HEAP_SANITIZED) {
		print_message("skipped: no limit on address space under a sanitizer\n");
		skip();
	}
	in_child(no_memory_for_an_index);
}

#define HAMMERS 4

struct shard_hammer {
	struct heap_head *head;
	struct heap_index index;
	uint32_t shard;
	uint32_t site[3000];
};

static void *hammer_sites(void *arg)
{
	struct shard_hammer *h = arg;
	uint64_t addresses[RIG_DEPTH];

	for (int turn = 0; turn < 3; turn++)
		for (uint32_t i = 0; i < 3000; i++) {
			struct heap_stack stack = rig_stack(i, addresses);
			struct heap_site_key key = {.thread = h->shard + 1,
						    .shard = h->shard,
						    .kind = HEAP_SITE_MALLOC};

			h->site[i] = heap_site_find(h->head, &h->index, &stack, &key, 0);
			atomic_fetch_add_explicit(&heap_site_at(h->head, h->site[i])->alloc_count,
						  1, memory_order_relaxed);
		}
	return NULL;
}

static void shards_at_once_have_sites_of_their_own(void **state)
{
	static struct shard_hammer hammers[HAMMERS];
	struct heap_head *head = rig_file(0, 0);
	pthread_t threads[HAMMERS];

	(void)state;
	for (uint32_t t = 0; t < HAMMERS; t++) {
		hammers[t] = (struct shard_hammer){.head = head, .shard = t};
		assert_int_equal(pthread_create(&threads[t], NULL, hammer_sites, &hammers[t]), 0);
	}
	for (uint32_t t = 0; t < HAMMERS; t++)
		assert_int_equal(pthread_join(threads[t], NULL), 0);
	assert_int_equal(head->sites_used, HEAP_SITES_RESERVED + HAMMERS * 3000);
	for (uint32_t t = 0; t < HAMMERS; t++) {
		for (uint32_t i = 0; i < 3000; i++) {
			const struct heap_site *site = heap_site_at(head, hammers[t].site[i]);

			assert_int_equal(site->alloc_count, 3); /* nobody else's */
			assert_int_equal(site->shard, t);
		}
		heap_index_drop(head, &hammers[t].index);
	}
	rig_file_drop(head);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_key_has_one_site_and_a_site_one_key),
		cmocka_unit_test(kinds_and_shards_are_told_apart),
		cmocka_unit_test(a_table_that_fills_gives_up_detail_step_by_step),
		cmocka_unit_test(threads_without_end_share_sites_in_the_end),
		cmocka_unit_test(stages_beyond_the_limit_are_booked_without),
		cmocka_unit_test(stacks_without_room_go_to_the_site_of_last_resort),
		cmocka_unit_test(an_index_without_memory_serves_what_it_knows),
		cmocka_unit_test(shards_at_once_have_sites_of_their_own),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
