/* Address space by site: a tree of ranges against an array of pages, on random operations; what is told as lost,
 * byte by byte and range by range; what is on its way while others come by; no memory; threads; many ranges. */
#include <pthread.h>

#include "prof/heap/lock.h"
#include "prof/heap/maps.h"
#include "tests/unit/heap_table_rig.h"

#define PAGE  UINT64_C(4096)
#define BASE  UINT64_C(0x7f0000000000)
#define SITES 64

/* What the tree tells: per site, bytes and ranges it has lost. */
struct told {
	int64_t bytes[SITES], ranges[SITES];
};

static void tell(void *ctx, uint32_t site, uint64_t bytes, int ranges)
{
	struct told *t = ctx;

	assert_true(site < SITES);
	assert_true(ranges == 1 || (ranges == -1 && bytes == 0));
	t->bytes[site] += (int64_t)bytes;
	t->ranges[site] += ranges;
}

static struct heap_maps *make_maps(void)
{
	struct heap_maps *m = heap_map(NULL, heap_maps_bytes());

	assert_non_null(m);
	return m;
}

static void drop_maps(struct heap_maps *m)
{
	heap_unmap(NULL, m, heap_maps_bytes());
}

static void clear(struct heap_head *head, struct heap_maps *m, uint64_t start, uint64_t bytes,
		  struct told *t)
{
	struct heap_maps_taken taken;

	heap_maps_take(head, m, start, bytes, &taken, tell, t);
	heap_maps_give(head, m, &taken, 0, 0, 0, tell, t);
	assert_null(taken.ranges);
}

/* ---- the oracle: each page knows its site and the mapping that it came from ------------------- */

#define PAGES 600

struct page {
	uint32_t site;  /* 0: not mapped */
	uint32_t range; /* pages of one range follow each other */
};

struct oracle {
	struct page pages[PAGES];
	uint32_t ranges;
};

/* Ranges of each site. */
static void count(const struct oracle *o, int64_t bytes[SITES], int64_t ranges[SITES])
{
	memset(bytes, 0, SITES * sizeof *bytes);
	memset(ranges, 0, SITES * sizeof *ranges);
	for (int i = 0; i < PAGES; i++) {
		const struct page *p = &o->pages[i];

		if (!p->site)
			continue;
		bytes[p->site] += (int64_t)PAGE;
		ranges[p->site] +=
			i == 0 || o->pages[i - 1].site == 0 || o->pages[i - 1].range != p->range;
	}
}

/* A cut at a page makes its range two. */
static void oracle_cut(struct oracle *o, uint32_t at)
{
	uint32_t old;

	if (at == 0 || at >= PAGES || !o->pages[at].site || !o->pages[at - 1].site ||
	    o->pages[at].range != o->pages[at - 1].range)
		return;
	old = o->pages[at].range;
	o->ranges++;
	for (uint32_t i = at; i < PAGES && o->pages[i].site && o->pages[i].range == old; i++)
		o->pages[i].range = o->ranges;
}

static void oracle_set(struct oracle *o, uint32_t from, uint32_t n, uint32_t site)
{
	oracle_cut(o, from);
	oracle_cut(o, from + n);
	o->ranges++;
	for (uint32_t i = from; i < from + n; i++)
		o->pages[i] = (struct page){site, o->ranges};
}

static void oracle_clear(struct oracle *o, uint32_t from, uint32_t n)
{
	if (n == 0)
		return;
	oracle_cut(o, from);
	oracle_cut(o, from + n);
	for (uint32_t i = from; i < from + n; i++)
		o->pages[i].site = 0;
}

/* Of n pages the first ones arrive, the others are gone. */
static void oracle_move(struct oracle *o, uint32_t old, uint32_t n, uint32_t to, uint32_t kept)
{
	static struct page moved[PAGES];

	oracle_clear(o, old + kept, n - kept);
	oracle_cut(o, old);
	oracle_cut(o, old + kept);
	memcpy(moved, o->pages + old, kept * sizeof *moved);
	oracle_clear(o, old, kept);
	oracle_clear(o, to, kept);
	memcpy(o->pages + to, moved, kept * sizeof *moved);
}

static uint64_t at(uint32_t page)
{
	return BASE + page * PAGE;
}

struct world {
	struct oracle o;
	struct heap_maps *m;
	struct told told;
	int64_t given_bytes[SITES], given_ranges[SITES];
	uint64_t x;
};

static uint32_t pick(struct world *w, uint32_t n)
{
	return (uint32_t)(rig_next(&w->x) % n);
}

static void move(struct world *w, uint32_t from, uint32_t n, uint32_t to, uint32_t kept)
{
	struct heap_maps_taken taken;

	heap_maps_take(NULL, w->m, at(from), n * PAGE, &taken, tell, &w->told);
	heap_maps_give(NULL, w->m, &taken, at(from), at(to), kept * PAGE, tell, &w->told);
}

static void one_operation(struct world *w)
{
	uint32_t n = 1 + pick(w, pick(w, 8) ? 16 : 200), from = pick(w, PAGES - n + 1);
	uint32_t to = pick(w, PAGES - n + 1), site = 1 + pick(w, SITES - 1);
	uint32_t kept = pick(w, n + 1);

	switch (pick(w, 8)) {
	case 0:
	case 1:
	case 2:
		assert_int_equal(
			heap_maps_set(NULL, w->m, at(from), n * PAGE, site, tell, &w->told), 0);
		oracle_set(&w->o, from, n, site);
		w->given_bytes[site] += (int64_t)(n * PAGE);
		w->given_ranges[site]++;
		break;
	case 3:
	case 4:
		clear(NULL, w->m, at(from), n * PAGE, &w->told);
		oracle_clear(&w->o, from, n);
		break;
	case 5: /* a call that failed: as if nothing had been */
		move(w, from, n, from, n);
		break;
	case 6: /* shrunk where it is */
		move(w, from, n, from, kept);
		oracle_clear(&w->o, from + kept, n - kept);
		break;
	default:
		if (to == from)
			break;
		move(w, from, n, to, kept);
		oracle_move(&w->o, from, n, to, kept);
	}
}

static void compare(const struct world *w)
{
	int64_t bytes[SITES], ranges[SITES], total = 0;

	count(&w->o, bytes, ranges);
	for (int i = 1; i < SITES; i++) {
		assert_int_equal(w->given_bytes[i] - w->told.bytes[i], bytes[i]);
		assert_int_equal(w->given_ranges[i] - w->told.ranges[i], ranges[i]);
		total += bytes[i];
	}
	assert_int_equal(heap_maps_total(w->m), total);
}

/* Page by page, what is there. */
static void compare_pages(struct world *w)
{
	for (uint32_t i = 0; i < PAGES; i++) {
		struct told t = {{0}, {0}};

		clear(NULL, w->m, at(i), PAGE, &t);
		for (uint32_t s = 1; s < SITES; s++)
			assert_int_equal(t.bytes[s], s == w->o.pages[i].site ? PAGE : 0);
	}
	assert_int_equal(heap_maps_total(w->m), 0);
}

#ifndef RANDOM_OPERATIONS
#define RANDOM_OPERATIONS 1000000
#endif

static void random_operations_are_those_of_an_array_of_pages(void **state)
{
	static struct world w;

	(void)state;
	w.x = 88172645463325252u;
	w.m = make_maps();
	for (int i = 0; i < RANDOM_OPERATIONS; i++) {
		one_operation(&w);
		if (i % 16 == 0)
			compare(&w);
	}
	compare(&w);
	compare_pages(&w);
	drop_maps(w.m);
}

/* ---- operations one by one -------------------------------------------------------------------- */

static void a_hole_makes_two_ranges_of_one(void **state)
{
	struct heap_maps *m = make_maps();
	struct told t = {{0}, {0}};

	(void)state;
	assert_int_equal(heap_maps_set(NULL, m, BASE, 10 * PAGE, 5, tell, &t), 0);
	clear(NULL, m, BASE + 4 * PAGE, 2 * PAGE, &t);
	assert_int_equal(t.bytes[5], 2 * PAGE);
	assert_int_equal(t.ranges[5], -1);
	assert_int_equal(heap_maps_total(m), 8 * PAGE);
	clear(NULL, m, 0, UINT64_MAX, &t);
	assert_int_equal(t.bytes[5], 10 * PAGE);
	assert_int_equal(t.ranges[5], 1);
	drop_maps(m);
}

static void others_may_come_while_a_range_is_on_its_way(void **state)
{
	struct heap_maps *m = make_maps();
	struct heap_maps_taken taken;
	struct told t = {{0}, {0}};

	(void)state;
	/* mremap() by one thread; the kernel gives the old place to another, whose note is the first one. */
	assert_int_equal(heap_maps_set(NULL, m, BASE, 4 * PAGE, 1, tell, &t), 0);
	heap_maps_take(NULL, m, BASE, 4 * PAGE, &taken, tell, &t);
	assert_int_equal(heap_maps_set(NULL, m, BASE + PAGE, PAGE, 2, tell, &t), 0);
	assert_int_equal(heap_maps_total(m), 5 * PAGE);
	heap_maps_give(NULL, m, &taken, BASE, BASE + 100 * PAGE, 4 * PAGE, tell, &t);
	assert_int_equal(t.bytes[1], 0);
	assert_int_equal(t.bytes[2], 0);
	clear(NULL, m, BASE + 100 * PAGE, 4 * PAGE, &t);
	assert_int_equal(t.bytes[1], 4 * PAGE);
	assert_int_equal(t.ranges[1], 1);
	clear(NULL, m, BASE, 4 * PAGE, &t);
	assert_int_equal(t.bytes[2], PAGE);
	assert_int_equal(heap_maps_total(m), 0);
	drop_maps(m);
}

static void a_failed_call_leaves_no_trace(void **state)
{
	struct heap_maps *m = make_maps();
	struct heap_maps_taken taken;
	struct told t = {{0}, {0}};

	(void)state;
	assert_int_equal(heap_maps_set(NULL, m, BASE, 3 * PAGE, 1, tell, &t), 0);
	assert_int_equal(heap_maps_set(NULL, m, BASE + 3 * PAGE, 3 * PAGE, 1, tell, &t), 0);
	heap_maps_take(NULL, m, BASE + PAGE, 4 * PAGE, &taken, tell, &t);
	assert_int_equal(t.ranges[1], -2);
	heap_maps_give(NULL, m, &taken, BASE + PAGE, BASE + PAGE, 4 * PAGE, tell, &t);
	assert_int_equal(t.ranges[1], 0); /* and two mappings are two still, though they touch */
	clear(NULL, m, BASE, 6 * PAGE, &t);
	assert_int_equal(t.ranges[1], 2);
	drop_maps(m);
}

static void what_is_on_its_way_in_a_reset_is_forgotten(void **state)
{
	struct heap_maps *m = make_maps();
	struct heap_maps_taken taken;
	struct told t = {{0}, {0}};

	(void)state;
	assert_int_equal(heap_maps_set(NULL, m, BASE, 4 * PAGE, 1, tell, &t), 0);
	heap_maps_take(NULL, m, BASE, 2 * PAGE, &taken, tell, &t);
	heap_maps_reset(m);
	assert_int_equal(heap_maps_set(NULL, m, BASE + 9 * PAGE, PAGE, 2, tell, &t), 0);
	heap_maps_give(NULL, m, &taken, BASE, BASE, 2 * PAGE, tell, &t);
	assert_int_equal(heap_maps_total(m), PAGE);
	assert_int_equal(t.bytes[1], 0);
	drop_maps(m);
}

static void impossible_ranges_are_nothing(void **state)
{
	struct heap_maps *m = make_maps();
	struct heap_maps_taken taken;
	struct told t = {{0}, {0}};

	(void)state;
	assert_int_equal(heap_maps_set(NULL, m, BASE, 0, 1, tell, NULL), 0);
	assert_int_equal(heap_maps_set(NULL, m, UINT64_MAX - PAGE, 2 * PAGE, 1, tell, NULL), 0);
	heap_maps_take(NULL, m, UINT64_MAX - PAGE, 2 * PAGE, &taken, tell, NULL);
	assert_null(taken.ranges);
	heap_maps_give(NULL, m, &taken, BASE, BASE, PAGE, tell, NULL);
	assert_int_equal(heap_maps_set(NULL, m, BASE, PAGE, 1, tell, &t), 0);
	heap_maps_take(NULL, m, BASE, PAGE, &taken, tell, &t);
	heap_maps_give(NULL, m, &taken, BASE, UINT64_MAX - PAGE, 2 * PAGE, tell, &t); /* no place */
	assert_int_equal(t.bytes[1], PAGE);
	assert_int_equal(heap_maps_total(m), 0);
	drop_maps(m);
}

static void a_reset_forgets_all_and_keeps_the_memory(void **state)
{
	struct heap_head *head = rig_file(1000, 100000);
	struct heap_maps *m = make_maps();
	struct told t = {{0}, {0}};
	int own[2] = {0, 0};

	(void)state;
	for (int round = 0; round < 2; round++) {
		for (uint64_t i = 0; i < 50000; i++)
			assert_int_equal(
				heap_maps_set(head, m, BASE + i * 2 * PAGE, PAGE, 7, tell, &t), 0);
		assert_int_equal(heap_maps_total(m), 50000 * PAGE);
		for (int i = 0; i < HEAP_OWN_RANGES; i++)
			own[round] += atomic_load(&head->own[i].bytes) != 0;
		heap_maps_reset(m);
		assert_int_equal(heap_maps_total(m), 0);
	}
	assert_int_equal(own[0], own[1]);
	assert_int_equal(t.bytes[7], 0); /* nobody is told */
	rig_file_drop(head);
	drop_maps(m);
}

/* ---- many ------------------------------------------------------------------------------------- */

static void a_million_ranges_come_and_go_in_any_order(void **state)
{
	const uint64_t n = HEAP_SANITIZED ? 100000 : 1000000;
	struct heap_maps *m = make_maps();
	struct told t = {{0}, {0}};

	(void)state;
	for (uint64_t i = 0; i < n; i++) /* upwards: a tree without balance would be a list */
		assert_int_equal(heap_maps_set(NULL, m, BASE + i * 2 * PAGE, PAGE, 3, tell, &t), 0);
	for (uint64_t i = 0; i < n; i++) { /* 7919 is prime to n: each once */
		uint64_t k = i * 7919 % n;

		clear(NULL, m, BASE + k * 2 * PAGE, PAGE, &t);
		assert_int_equal(t.ranges[3], i + 1);
	}
	assert_int_equal(heap_maps_total(m), 0);
	drop_maps(m);
}

/* ---- no memory -------------------------------------------------------------------------------- */

static int without_memory(void)
{
	struct heap_head *head = rig_file(1000, 100000);
	struct heap_maps *m = heap_map(head, heap_maps_bytes());
	struct rlimit limit = {0, 0};
	struct told t = {{0}, {0}};
	int64_t given = 0, sets = 0;
	uint64_t x = 99;

	if (HEAP_SANITIZED) {
		fprintf(stderr, "skipped: a sanitizer needs address space of its own\n");
		return CHILD_SKIP;
	}
	CHECK(m);
	CHECK(heap_maps_set(head, m, BASE, 1000000 * PAGE, 1, tell, &t) == 0);
	given += 1000000 * (int64_t)PAGE;
	CHECK(setrlimit(RLIMIT_AS, &limit) == 0);
	for (int i = 0; i < 100000; i++) { /* holes: each needs a node */
		uint64_t page = BASE + rig_next(&x) % 1000000 * PAGE;

		if (i % 3) {
			clear(head, m, page, PAGE, &t);
		} else if (heap_maps_set(head, m, page, PAGE, 2, tell, &t) == 0) {
			given += (int64_t)PAGE;
			sets++;
		}
		CHECK(given - t.bytes[1] - t.bytes[2] == (int64_t)heap_maps_total(m));
	}
	CHECK(rig_lost(head, HEAP_LOSS_NO_MEMORY) > 0);
	clear(head, m, 0, UINT64_MAX, &t);
	CHECK(heap_maps_total(m) == 0);
	CHECK(given == t.bytes[1] + t.bytes[2]);
	CHECK(t.ranges[1] == 1 && t.ranges[2] == sets);
	rig_file_drop(head);
	return 0;
}

static void without_memory_sums_stay_true(void **state)
{
	(void)state;
	in_child(without_memory);
}

/* ---- threads ---------------------------------------------------------------------------------- */

struct crowd {
	struct heap_maps *m;
	struct told told; /* by the lock of the maps */
	int index;
};

static void *maps_and_unmaps(void *arg)
{
	struct crowd *c = arg;
	struct told t = {{0}, {0}};
	uint64_t mine = BASE + (uint64_t)c->index * (1u << 30);
	struct heap_maps_taken taken;

	for (int i = 0; i < 20000; i++) {
		uint64_t place = mine + (uint64_t)(i % 50) * 3 * PAGE, moved = mine + (1 << 28);

		if (heap_maps_set(NULL, c->m, place, 3 * PAGE, (uint32_t)c->index, tell, &t))
			return NULL;
		heap_maps_take(NULL, c->m, place, 3 * PAGE, &taken, tell, &t);
		heap_maps_give(NULL, c->m, &taken, place, moved, (uint64_t)(i % 4) * PAGE, tell,
			       &t);
	}
	c->told = t;
	return c;
}

static void threads_keep_to_their_own(void **state)
{
	struct heap_maps *m = make_maps();
	struct crowd crowd[4];
	pthread_t threads[4];
	int64_t live = 0;

	(void)state;
	atomic_store(&heap_lock_many, 1);
	for (int i = 0; i < 4; i++) {
		crowd[i] = (struct crowd){.m = m, .index = i + 1};
		assert_int_equal(pthread_create(&threads[i], NULL, maps_and_unmaps, &crowd[i]), 0);
	}
	for (int i = 0; i < 4; i++) {
		void *end;

		assert_int_equal(pthread_join(threads[i], &end), 0);
		assert_ptr_equal(end, &crowd[i]);
		live += 20000 * 3 * (int64_t)PAGE;
		for (int s = 0; s < SITES; s++) {
			assert_true(s == i + 1 || crowd[i].told.bytes[s] == 0);
			live -= crowd[i].told.bytes[s];
		}
	}
	assert_int_equal(heap_maps_total(m), live);
	drop_maps(m);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(random_operations_are_those_of_an_array_of_pages),
		cmocka_unit_test(a_hole_makes_two_ranges_of_one),
		cmocka_unit_test(others_may_come_while_a_range_is_on_its_way),
		cmocka_unit_test(a_failed_call_leaves_no_trace),
		cmocka_unit_test(what_is_on_its_way_in_a_reset_is_forgotten),
		cmocka_unit_test(impossible_ranges_are_nothing),
		cmocka_unit_test(a_reset_forgets_all_and_keeps_the_memory),
		cmocka_unit_test(a_million_ranges_come_and_go_in_any_order),
		cmocka_unit_test(without_memory_sums_stay_true),
		cmocka_unit_test(threads_keep_to_their_own),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
