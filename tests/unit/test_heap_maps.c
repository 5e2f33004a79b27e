/* Address space by site: a tree of ranges against an array of pages, on random operations; what is told as lost,
 * byte by byte and range by range; notes that come late; no memory; threads; many ranges. */
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
	assert_true(ranges == 1 ? bytes > 0 : ranges == -1 && bytes == 0);
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

/* ---- the oracle: each page knows its site and the mapping that it came from ------------------- */

#define PAGES 600

struct page {
	uint32_t site;   /* 0: not mapped */
	uint32_t range;  /* pages of one range follow each other */
	uint64_t number; /* of the note */
};

struct oracle {
	struct page pages[PAGES];
	uint32_t ranges;
	uint64_t number;
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
	o->number++;
	for (uint32_t i = from; i < from + n; i++)
		o->pages[i] = (struct page){site, o->ranges, o->number};
}

static void oracle_clear(struct oracle *o, uint64_t before, uint32_t from, uint32_t n)
{
	oracle_cut(o, from);
	oracle_cut(o, from + n);
	for (uint32_t i = from; i < from + n; i++)
		if (o->pages[i].number <= before)
			o->pages[i].site = 0;
}

static void oracle_move(struct oracle *o, uint64_t before, uint32_t old, uint32_t to, uint32_t n)
{
	static struct page moved[PAGES];

	oracle_cut(o, old);
	oracle_cut(o, old + n);
	memset(moved, 0, sizeof moved);
	o->number++;
	for (uint32_t i = 0; i < n; i++)
		if (o->pages[old + i].site && o->pages[old + i].number <= before) {
			moved[i] = o->pages[old + i];
			moved[i].number = o->number;
			o->pages[old + i].site = 0;
		}
	oracle_cut(o, to);
	oracle_cut(o, to + n);
	for (uint32_t i = 0; i < n; i++)
		o->pages[to + i] = moved[i];
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

static void one_operation(struct world *w)
{
	uint32_t n = 1 + pick(w, pick(w, 8) ? 16 : 200), from = pick(w, PAGES - n + 1);
	uint32_t to = pick(w, PAGES - n + 1), site = 1 + pick(w, SITES - 1);
	uint64_t now = heap_maps_now(w->m);
	uint64_t before = pick(w, 4) ? HEAP_MAPS_ALL : now - pick(w, now > 30 ? 30 : 1);

	assert_int_equal(now, w->o.number);
	switch (pick(w, 5)) {
	case 0:
	case 1:
		assert_int_equal(
			heap_maps_set(NULL, w->m, at(from), n * PAGE, site, tell, &w->told), 0);
		oracle_set(&w->o, from, n, site);
		w->given_bytes[site] += (int64_t)(n * PAGE);
		w->given_ranges[site]++;
		break;
	case 2:
	case 3:
		heap_maps_clear_before(NULL, w->m, before, at(from), n * PAGE, tell, &w->told);
		oracle_clear(&w->o, before, from, n);
		break;
	default:
		assert_int_equal(heap_maps_move_before(NULL, w->m, before, at(from), at(to),
						       n * PAGE, tell, &w->told),
				 0);
		oracle_move(&w->o, before, from, to, n);
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

		heap_maps_clear(NULL, w->m, at(i), PAGE, tell, &t);
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
	heap_maps_clear(NULL, m, BASE + 4 * PAGE, 2 * PAGE, tell, &t);
	assert_int_equal(t.bytes[5], 2 * PAGE);
	assert_int_equal(t.ranges[5], -1);
	assert_int_equal(heap_maps_total(m), 8 * PAGE);
	heap_maps_clear(NULL, m, 0, UINT64_MAX, tell, &t);
	assert_int_equal(t.bytes[5], 10 * PAGE);
	assert_int_equal(t.ranges[5], 1);
	drop_maps(m);
}

static void a_late_note_leaves_what_came_after_its_call(void **state)
{
	struct heap_maps *m = make_maps();
	struct told t = {{0}, {0}};
	uint64_t before;

	(void)state;
	assert_int_equal(heap_maps_set(NULL, m, BASE, 4 * PAGE, 1, tell, &t), 0);
	before = heap_maps_now(
		m); /* munmap() by one thread; then mmap() by another, who is faster */
	assert_int_equal(heap_maps_set(NULL, m, BASE + PAGE, PAGE, 2, tell, &t), 0);
	heap_maps_clear_before(NULL, m, before, BASE, 4 * PAGE, tell, &t);
	assert_int_equal(t.bytes[1], 4 * PAGE);
	assert_int_equal(t.bytes[2], 0);
	assert_int_equal(heap_maps_total(m), PAGE);
	before = heap_maps_now(m); /* mremap() by one, mmap() of the old place by another */
	assert_int_equal(heap_maps_set(NULL, m, BASE + PAGE, PAGE, 3, tell, &t), 0);
	assert_int_equal(
		heap_maps_move_before(NULL, m, before, BASE, BASE + 100 * PAGE, 4 * PAGE, tell, &t),
		0);
	assert_int_equal(t.bytes[3], 0);
	heap_maps_clear(NULL, m, BASE + PAGE, PAGE, tell, &t);
	assert_int_equal(t.bytes[3], PAGE);
	drop_maps(m);
}

static void what_moved_is_newer_than_a_call_before_the_move(void **state)
{
	struct heap_maps *m = make_maps();
	struct told t = {{0}, {0}};
	uint64_t before;

	(void)state;
	assert_int_equal(heap_maps_set(NULL, m, BASE, PAGE, 1, tell, &t), 0);
	before = heap_maps_now(m);
	assert_int_equal(heap_maps_move(NULL, m, BASE, BASE + 9 * PAGE, PAGE, tell, &t), 0);
	heap_maps_clear_before(NULL, m, before, BASE + 9 * PAGE, PAGE, tell, &t);
	assert_int_equal(heap_maps_total(m), PAGE);
	drop_maps(m);
}

static void impossible_ranges_are_nothing(void **state)
{
	struct heap_maps *m = make_maps();

	(void)state;
	assert_int_equal(heap_maps_set(NULL, m, BASE, 0, 1, tell, NULL), 0);
	assert_int_equal(heap_maps_set(NULL, m, UINT64_MAX - PAGE, 2 * PAGE, 1, tell, NULL), 0);
	heap_maps_clear(NULL, m, UINT64_MAX - PAGE, 2 * PAGE, tell, NULL);
	assert_int_equal(heap_maps_move(NULL, m, UINT64_MAX - PAGE, 0, 2 * PAGE, tell, NULL), 0);
	assert_int_equal(heap_maps_move(NULL, m, 0, UINT64_MAX - PAGE, 2 * PAGE, tell, NULL), 0);
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

		heap_maps_clear(NULL, m, BASE + k * 2 * PAGE, PAGE, tell, &t);
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
			heap_maps_clear(head, m, page, PAGE, tell, &t);
		} else if (heap_maps_set(head, m, page, PAGE, 2, tell, &t) == 0) {
			given += (int64_t)PAGE;
			sets++;
		}
		CHECK(given - t.bytes[1] - t.bytes[2] == (int64_t)heap_maps_total(m));
	}
	CHECK(rig_lost(head, HEAP_LOSS_NO_MEMORY) > 0);
	heap_maps_clear(head, m, 0, UINT64_MAX, tell, &t);
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

	for (int i = 0; i < 20000; i++) {
		uint64_t place = mine + (uint64_t)(i % 50) * 3 * PAGE;
		uint64_t before = heap_maps_now(c->m);

		if (heap_maps_set(NULL, c->m, place, 3 * PAGE, (uint32_t)c->index, tell, &t))
			return NULL;
		heap_maps_clear_before(NULL, c->m, before, mine, 1 << 20, tell,
				       &t); /* older ones */
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
		cmocka_unit_test(a_late_note_leaves_what_came_after_its_call),
		cmocka_unit_test(what_moved_is_newer_than_a_call_before_the_move),
		cmocka_unit_test(impossible_ranges_are_nothing),
		cmocka_unit_test(a_reset_forgets_all_and_keeps_the_memory),
		cmocka_unit_test(a_million_ranges_come_and_go_in_any_order),
		cmocka_unit_test(without_memory_sums_stay_true),
		cmocka_unit_test(threads_keep_to_their_own),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
