/* The shadow: what is set is found, exactly there and nowhere else, for any address and size; threads that hand
 * blocks to each other and make leaves at the same moment lose none; a child starts with none; without memory
 * nothing is set and nothing else is lost. */
#include <pthread.h>

#include "prof/heap/shadow.h"
#include "tests/unit/heap_table_rig.h"

#define HEAP_LO UINT64_C(0x555500000000)
#define MAP_LO  UINT64_C(0x7f1200000000)
#define TIB     (UINT64_C(1) << 40)

static struct heap_head *head;
static struct heap_shadow *shadow;

static int setup(void **state)
{
	(void)state;
	head = rig_file(0, 0);
	shadow = heap_map(head, heap_shadow_bytes());
	return shadow ? 0 : -1;
}

/* Everything that the shadow mapped goes back, too: its list of slabs and the tables above. */
static int teardown(void **state)
{
	(void)state;
	for (uint32_t i = 0; i < shadow->n_slabs; i++) {
		uint32_t leaves;
		void *slab = heap_shadow_slab(shadow, i, &leaves);

		heap_unmap(head, slab, leaves * HEAP_SHADOW_LEAF);
	}
	for (uint32_t i = 0; i < 2u << HEAP_SHADOW_TOP_BITS; i++)
		heap_unmap(head, shadow->top[i], sizeof(struct heap_shadow_mid));
	heap_unmap(head, shadow, heap_shadow_bytes());
	rig_file_drop(head);
	return 0;
}

static int set(uint64_t address, uint64_t bytes, uint32_t site)
{
	struct heap_block before;

	return heap_shadow_set(head, shadow, address, (struct heap_block){bytes, site}, &before);
}

/* Takes the block, which must be that one. */
static int takes(uint64_t address, uint64_t bytes, uint32_t site)
{
	struct heap_block seen = {0}, taken = {0};

	return heap_shadow_get(shadow, address, &seen) == 1 && seen.bytes == bytes &&
	       seen.site == site && heap_shadow_take(shadow, address, &taken) == 1 &&
	       taken.bytes == bytes && taken.site == site &&
	       heap_shadow_get(shadow, address, &seen) == 0;
}

static int knows(uint64_t address)
{
	struct heap_block block = {1, 1};

	return heap_shadow_get(shadow, address, &block);
}

static void a_block_is_known_where_it_begins_and_nowhere_else(void **state)
{
	(void)state;
	assert_int_equal(set(HEAP_LO, 100, 1), 0);
	assert_int_equal(set(MAP_LO + 4080, 0, (1u << HEAP_SITE_BITS) - 1), 0);
	for (uint64_t d = 1; d < 200; d++)
		assert_false(knows(HEAP_LO + d) || knows(HEAP_LO - d));
	assert_true(takes(HEAP_LO, 100, 1));
	assert_false(knows(HEAP_LO));
	assert_true(takes(MAP_LO + 4080, 0, (1u << HEAP_SITE_BITS) - 1));
	assert_false(knows(0));
	assert_false(knows(UINT64_MAX));
	assert_false(knows(TIB * 128 - 16)); /* the last granule of 47 bits */
}

static void an_address_given_out_again_tells_what_was_there(void **state)
{
	struct heap_block before = {0};

	(void)state;
	assert_int_equal(set(HEAP_LO, 100, 1), 0);
	assert_int_equal(heap_shadow_set(head, shadow, HEAP_LO, (struct heap_block){7, 2}, &before),
			 1);
	assert_int_equal(before.bytes, 100);
	assert_int_equal(before.site, 1);
	assert_true(takes(HEAP_LO, 7, 2));
}

static void neighbours_in_a_granule_are_two_blocks(void **state)
{
	(void)state;
	for (uint64_t a = HEAP_LO; a < HEAP_LO + 4096; a += 8)
		assert_int_equal(set(a, (a >> 3) & 7, (uint32_t)(a & 4095) + 1), 0);
	for (uint64_t a = HEAP_LO; a < HEAP_LO + 4096; a += 16)
		assert_true(takes(a, (a >> 3) & 7, (uint32_t)(a & 4095) + 1));
	for (uint64_t a = HEAP_LO + 8; a < HEAP_LO + 4096; a += 16)
		assert_true(takes(a, (a >> 3) & 7, (uint32_t)(a & 4095) + 1));
}

static void blocks_of_a_tebibyte_and_odd_addresses_are_known_too(void **state)
{
	static const uint64_t addresses[] = {MAP_LO,      MAP_LO + 1,         MAP_LO + 13,
					     TIB * 128,   UINT64_MAX - 15,    HEAP_LO + 8,
					     HEAP_LO + 4, HEAP_LO + TIB * 200};
	static const uint64_t sizes[] = {0, 1, TIB - 2, TIB - 1, TIB, TIB * 100, UINT64_MAX};
	struct heap_block before;

	(void)state;
	for (size_t i = 0; i < sizeof addresses / sizeof addresses[0]; i++)
		for (size_t k = 0; k < sizeof sizes / sizeof sizes[0]; k++) {
			assert_int_equal(set(addresses[i], sizes[k], 9), 0);
			/* Over it, a large and a small one. */
			assert_int_equal(heap_shadow_set(head, shadow, addresses[i],
							 (struct heap_block){TIB * 3, 10}, &before),
					 1);
			assert_int_equal(before.bytes, sizes[k]);
			assert_int_equal(heap_shadow_set(head, shadow, addresses[i],
							 (struct heap_block){3, 11}, &before),
					 1);
			assert_int_equal(before.bytes, TIB * 3);
			assert_int_equal(before.site, 10);
			assert_true(takes(addresses[i], 3, 11));
		}
	assert_int_equal(shadow->n_list, 0);
}

static void a_full_list_refuses_and_keeps_what_it_has(void **state)
{
	(void)state;
	for (uint64_t i = 0; i < HEAP_SHADOW_LIST; i++)
		assert_int_equal(set(MAP_LO + i * 4096, TIB + i, 5), 0);
	assert_int_equal(set(HEAP_LO, TIB, 6), -1);
	assert_int_equal(set(HEAP_LO + 1, 1, 6), -1);
	assert_false(knows(HEAP_LO));
	assert_int_equal(set(HEAP_LO, 5, 7), 0);
	assert_int_equal(set(HEAP_LO, TIB, 6), -1);
	assert_true(takes(HEAP_LO, 5, 7));
	assert_int_equal(set(0, TIB, 6), -1);
	for (uint64_t i = 0; i < HEAP_SHADOW_LIST; i++)
		assert_true(takes(MAP_LO + i * 4096, TIB + i, 5));
	assert_int_equal(set(HEAP_LO + 1, 1, 6), 0);
	assert_true(takes(HEAP_LO + 1, 1, 6));
}

/* ---- against a plain table */

#define PLACES 4096u

struct plain {
	uint64_t bytes[PLACES];
	uint32_t site[PLACES]; /* 0: not live */
};

/* Places over several gigabytes, dense in some parts, in halves of granules, odd, beyond 47 bits. */
static uint64_t place(uint32_t i)
{
	uint64_t far = (uint64_t)(i / 512) << 34;

	if (i % 97 == 0)
		return HEAP_LO + far + i * 24 + 3;
	if (i % 101 == 0)
		return TIB * 128 + i * 16;
	return i % 3 ? HEAP_LO + far + i * 8 : MAP_LO - far - i * 4096;
}

static uint64_t any_size(uint64_t r)
{
	return r % 64 == 0 ? TIB - 2 + r % 5 : r % 8 == 0 ? r % TIB : r % 300;
}

static void a_random_stream_agrees_with_a_plain_table(void **state)
{
	static struct plain p;
	uint64_t x = 7;

	(void)state;
	memset(&p, 0, sizeof p);
	for (int n = 0; n < 1000000; n++) {
		uint32_t i = (uint32_t)(rig_next(&x) % PLACES);
		struct heap_block block = {any_size(rig_next(&x)),
					   (uint32_t)(rig_next(&x) % 1000) + 1},
				  got = {0};
		int rc;

		switch (rig_next(&x) % 4) {
		case 0:
			rc = heap_shadow_set(head, shadow, place(i), block, &got);
			if (rc < 0) { /* the list is full */
				assert_true(shadow->n_list == HEAP_SHADOW_LIST);
				continue;
			}
			assert_int_equal(rc, p.site[i] != 0);
			if (rc)
				assert_true(got.bytes == p.bytes[i] && got.site == p.site[i]);
			p.bytes[i] = block.bytes;
			p.site[i] = block.site;
			continue;
		case 1:
			rc = heap_shadow_get(shadow, place(i), &got);
			break;
		default:
			rc = heap_shadow_take(shadow, place(i), &got);
			assert_int_equal(rc, p.site[i] != 0);
			if (rc)
				assert_true(got.bytes == p.bytes[i] && got.site == p.site[i]);
			p.site[i] = 0;
			continue;
		}
		assert_int_equal(rc, p.site[i] != 0);
		if (rc)
			assert_true(got.bytes == p.bytes[i] && got.site == p.site[i]);
	}
	for (uint32_t i = 0; i < PLACES; i++)
		if (p.site[i])
			assert_true(takes(place(i), p.bytes[i], p.site[i]));
	assert_int_equal(shadow->n_list, 0);
}

/* ---- threads */

#define HAMMERS 4
#define RING    1024

/* Each makes blocks in its own places, neighbours of the others', and hands them to the next thread, which
 * takes them out. */
struct hammer {
	_Atomic uint64_t ring[RING]; /* addresses handed over */
	struct hammer *next;
	uint32_t number, wrong;
	pthread_barrier_t *barrier;
};

static void take_one(struct hammer *h, uint64_t address, uint32_t from)
{
	struct heap_block block;

	if (heap_shadow_take(shadow, address, &block) != 1 || block.site != from + 1 ||
	    block.bytes != (address & 0xfffff))
		h->wrong++;
}

static void *hammer(void *arg)
{
	struct hammer *h = arg;
	uint32_t before = (h->number + HAMMERS - 1) % HAMMERS;

	(void)pthread_barrier_wait(h->barrier);
	for (uint64_t i = 0; i < 60000; i++) {
		/* Of 32 bytes each thread has 8; every 2 MiB a new leaf, for all at once. */
		uint64_t address = MAP_LO + (i * 160) + h->number * 8, none = 0, got;
		struct heap_block block = {address & 0xfffff, h->number + 1}, was;

		if (heap_shadow_set(head, shadow, address, block, &was) != 0)
			h->wrong++;
		if (!atomic_compare_exchange_strong(&h->next->ring[i % RING], &none, address))
			take_one(h, address, h->number);
		got = atomic_exchange(&h->ring[(i * 7) % RING], 0);
		if (got)
			take_one(h, got, before);
	}
	return NULL;
}

static void threads_hand_blocks_over_and_none_is_lost(void **state)
{
	static struct hammer hammers[HAMMERS];
	pthread_t threads[HAMMERS];
	pthread_barrier_t barrier;
	uint64_t leaves = 0, words = 0;

	(void)state;
	assert_int_equal(pthread_barrier_init(&barrier, NULL, HAMMERS), 0);
	for (uint32_t t = 0; t < HAMMERS; t++) {
		hammers[t].number = t;
		hammers[t].next = &hammers[(t + 1) % HAMMERS];
		hammers[t].barrier = &barrier;
		assert_int_equal(pthread_create(&threads[t], NULL, hammer, &hammers[t]), 0);
	}
	for (uint32_t t = 0; t < HAMMERS; t++)
		assert_int_equal(pthread_join(threads[t], NULL), 0);
	for (uint32_t t = 0; t < HAMMERS; t++) {
		for (uint32_t i = 0; i < RING; i++)
			if (hammers[t].ring[i])
				take_one(&hammers[t], hammers[t].ring[i],
					 (t + HAMMERS - 1) % HAMMERS);
		assert_int_equal(hammers[t].wrong, 0);
	}
	for (uint32_t i = 0; i < shadow->n_slabs; i++) {
		uint32_t n;
		const uint64_t *w = (const void *)heap_shadow_slab(shadow, i, &n);

		leaves += shadow->slab_used[i] < n ? shadow->slab_used[i] : n;
		for (uint64_t k = 0; k < (uint64_t)n << HEAP_SHADOW_LEAF_BITS; k++)
			words += w[k] != 0;
	}
	assert_int_equal(words, 0);
	assert_in_range(leaves, 10, 40); /* 9.6 MB of heap: 5 leaves for each half of granules */
	(void)pthread_barrier_destroy(&barrier);
}

static void *hammer_list(void *arg)
{
	struct hammer *h = arg;

	(void)pthread_barrier_wait(h->barrier);
	for (uint64_t i = 0; i < 5000; i++) {
		uint64_t address = MAP_LO + h->number + 1 + i % 32 * 64;
		struct heap_block block = {i, h->number + 1};

		if (heap_shadow_set(head, shadow, address, block, &block) != 0 ||
		    heap_shadow_take(shadow, address, &block) != 1 || block.bytes != i ||
		    block.site != h->number + 1)
			h->wrong++;
	}
	return NULL;
}

static void threads_share_the_list(void **state)
{
	static struct hammer hammers[HAMMERS];
	pthread_t threads[HAMMERS];
	pthread_barrier_t barrier;

	(void)state;
	assert_int_equal(pthread_barrier_init(&barrier, NULL, HAMMERS), 0);
	for (uint32_t t = 0; t < HAMMERS; t++) {
		hammers[t].number = t;
		hammers[t].barrier = &barrier;
		assert_int_equal(pthread_create(&threads[t], NULL, hammer_list, &hammers[t]), 0);
	}
	for (uint32_t t = 0; t < HAMMERS; t++) {
		assert_int_equal(pthread_join(threads[t], NULL), 0);
		assert_int_equal(hammers[t].wrong, 0);
	}
	assert_int_equal(shadow->n_list, 0);
	(void)pthread_barrier_destroy(&barrier);
}

/* ---- children, other turns, no memory */

static void fill(void)
{
	for (uint64_t i = 0; i < 3000; i++)
		(void)set(HEAP_LO + i * 8192, i, 3);
	(void)set(MAP_LO, TIB, 4);
	(void)set(MAP_LO + 1, 1, 4);
}

static uint64_t known(void)
{
	uint64_t n = 0;

	for (uint64_t i = 0; i < 3000; i++)
		n += knows(HEAP_LO + i * 8192) ? 1 : 0;
	return n + (knows(MAP_LO) ? 1 : 0) + (knows(MAP_LO + 1) ? 1 : 0);
}

static int busy_child(void)
{
	heap_shadow_fork_child(shadow);
	CHECK(known() == 0 && shadow->n_list == 0);
	fill();
	CHECK(known() == 3002);
	for (uint64_t i = 1; i < 200; i++)
		CHECK(set(MAP_LO + (i << 21), i, 2) == 0 && takes(MAP_LO + (i << 21), i, 2));
	return 0;
}

static int child(void)
{
	uint32_t slabs = shadow->n_slabs;

	heap_shadow_fork_child(shadow);
	CHECK(known() == 0);
	fill();
	CHECK(known() == 3002);
	CHECK(shadow->n_slabs == slabs); /* leaves are the parent's, empty */
	return 0;
}

static void a_child_knows_no_block_of_its_parent(void **state)
{
	uint64_t left;

	(void)state;
	fill();
	in_child(child);
	left = known();
	assert_int_equal(left, 3002);
}

/* Sets and takes blocks in the trees and in the list, always in new leaves, until it is told to stop. */
static void *be_busy(void *arg)
{
	struct hammer *h = arg;

	for (uint64_t i = 0; !atomic_load(&h->ring[0]); i++) {
		uint64_t far = HEAP_LO + TIB * (1 + h->number) + i % 4000 * (1 << 20);
		struct heap_block block = {i, 1}, before;

		(void)heap_shadow_set(head, shadow, far + 1, block, &before);
		(void)heap_shadow_set(head, shadow, far, block, &before);
		(void)heap_shadow_take(shadow, far + 1, &block);
	}
	return NULL;
}

static void children_of_a_busy_process_start_empty_and_whole(void **state)
{
	static struct hammer busy[2];
	pthread_t threads[2];

	(void)state;
	fill();
	for (uint32_t t = 0; t < 2; t++) {
		busy[t] = (struct hammer){.number = t};
		assert_int_equal(pthread_create(&threads[t], NULL, be_busy, &busy[t]), 0);
	}
	for (int i = 0; i < (HEAP_SANITIZED ? 10 : 100); i++)
		in_child(busy_child);
	for (uint32_t t = 0; t < 2; t++) {
		atomic_store(&busy[t].ring[0], 1);
		assert_int_equal(pthread_join(threads[t], NULL), 0);
	}
	assert_int_equal(known(), 3002);
}

/* Also before anybody told it that it is a child. */
static void a_child_made_behind_our_back_has_empty_leaves(void **state)
{
	int wiped, status;
	long pid;

	(void)state;
	fill();
	if (shadow->unwiped) {
		print_message("skipped: this kernel does not wipe memory of children\n");
		skip();
	}
	pid = syscall(SYS_fork);
	if (pid == 0) {
		wiped = known() == 1; /* in the list, which is cleared when told */
		(void)syscall(SYS_exit_group, wiped ? 0 : 1);
	}
	assert_true(pid > 0);
	assert_int_equal(waitpid((pid_t)pid, &status, 0), pid);
	assert_int_equal(status, 0);
}

static int old_kernel(void)
{
	pid_t pid;
	int status;

	if (refuse_advice(18 /* MADV_WIPEONFORK */))
		return CHILD_SKIP;
	fill();
	CHECK(known() == 3002);
	CHECK(shadow->unwiped == 1);
	pid = fork();
	if (pid == 0)
		_exit(child());
	CHECK(waitpid(pid, &status, 0) == pid && status == 0);
	CHECK(known() == 3002);
	return 0;
}

static void kernels_that_cannot_wipe_are_served_too(void **state)
{
	(void)state;
	in_child(old_kernel);
}

static void a_cleared_shadow_starts_anew_in_the_same_memory(void **state)
{
	uint32_t slabs;

	(void)state;
	fill();
	slabs = shadow->n_slabs;
	heap_shadow_clear(shadow);
	assert_int_equal(known(), 0);
	fill();
	assert_int_equal(known(), 3002);
	assert_int_equal(shadow->n_slabs, slabs);
}

static int no_memory(void)
{
	struct rlimit r = {1u << 20, 1u << 20};
	uint64_t set_ok = 0, refused = 0;

	CHECK(set(HEAP_LO, 1, 1) == 0);
	CHECK(setrlimit(RLIMIT_AS, &r) == 0);
	for (uint64_t i = 1; i < 100; i++) {
		int rc = set(HEAP_LO + (i << 21), 1, 1);

		CHECK(rc == 0 || rc == -1);
		CHECK(knows(HEAP_LO + (i << 21)) == (rc == 0));
		set_ok += rc == 0;
		refused += rc == -1;
	}
	CHECK(set_ok == 3 && refused == 96); /* the rest of the slab that was there */
	CHECK(set(MAP_LO, 1, 1) == -1);      /* no table above either */
	CHECK(takes(HEAP_LO, 1, 1));
	return 0;
}

static int little_memory(void)
{
	struct rlimit r = {RLIM_INFINITY, RLIM_INFINITY};
	char line[256];
	FILE *f = fopen("/proc/self/status", "r");
	unsigned long kb = 0;
	uint64_t n = 0;

	CHECK(f);
	while (fgets(line, sizeof line, f))
		(void)sscanf(line, "VmSize: %lu kB", &kb);
	fclose(f);
	r.rlim_cur = (kb << 10) + (20u << 20);
	CHECK(setrlimit(RLIMIT_AS, &r) == 0);
	while (set(HEAP_LO + (n << 21), 1, 1) == 0)
		n++;
	CHECK(n >= 17 && n <= 20); /* leaf by leaf, to the last MiB */
	return 0;
}

static void without_memory_nothing_is_set(void **state)
{
	(void)state;
	if (HEAP_SANITIZED) {
		print_message("skipped: no limit on address space under a sanitizer\n");
		skip();
	}
	in_child(no_memory);
	in_child(little_memory);
}

/* 200 GB of addresses: as many leaves need few mappings. */
static void a_large_heap_needs_few_mappings(void **state)
{
	(void)state;
	for (uint64_t i = 0; i < 100000; i++)
		assert_int_equal(set(MAP_LO - (i << 21), i, 1), 0);
	assert_in_range(shadow->n_slabs, 10, 80);
	for (uint64_t i = 0; i < 100000; i++)
		assert_true(takes(MAP_LO - (i << 21), i, 1));
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_block_is_known_where_it_begins_and_nowhere_else),
		TEST(an_address_given_out_again_tells_what_was_there),
		TEST(neighbours_in_a_granule_are_two_blocks),
		TEST(blocks_of_a_tebibyte_and_odd_addresses_are_known_too),
		TEST(a_full_list_refuses_and_keeps_what_it_has),
		TEST(a_random_stream_agrees_with_a_plain_table),
		TEST(threads_hand_blocks_over_and_none_is_lost),
		TEST(threads_share_the_list),
		TEST(a_child_knows_no_block_of_its_parent),
		TEST(children_of_a_busy_process_start_empty_and_whole),
		TEST(a_child_made_behind_our_back_has_empty_leaves),
		TEST(kernels_that_cannot_wipe_are_served_too),
		TEST(a_cleared_shadow_starts_anew_in_the_same_memory),
		TEST(without_memory_nothing_is_set),
		TEST(a_large_heap_needs_few_mappings),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
