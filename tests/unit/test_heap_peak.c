/* The exact peak: limits of shards never add up to more than the next mark, marks of stages end in any order,
 * recordings follow each other and forks begin empty. What it all adds up to is
 * test_heap_track.c's. */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "prof/heap/core.h"
#include "tests/unit/scratch.h"

#define BASE 0x7f3300000000u

static const uint64_t addresses[2] = {0x1000, 0x2000};
static const struct heap_stack stack = {77, addresses, 2, 0};

static void begin_as(const char *name, enum heap_mode mode, uint32_t temporary)
{
	struct heap_config config = {
		.path = scratch(name), .mode = mode, .rate_bytes = 1, .temporary = temporary};
	struct err err = ERR_INIT;

	(void)unlink(config.path);
	if (heap_begin(&config, &err))
		fail_msg("%s", err.text);
}

static int begin_group(void **state)
{
	return scratch_make(state);
}

static int end_each(void **state)
{
	(void)state;
	heap_end();
	return 0;
}

static void allocate(struct heap_thread *t, uint64_t at, uint64_t bytes)
{
	heap_alloc(t, BASE + at * 64, bytes, &stack);
}

static void release(struct heap_thread *t, uint64_t at)
{
	assert_int_equal(heap_free(t, BASE + at * 64), 1);
}

static struct heap_sums_now {
	uint64_t alloc, freed, peak, sites;
} sums(enum heap_site_kind kind)
{
	const struct heap_head *head = heap_core.file;
	struct heap_sums_now s = {0};

	for (uint32_t i = 1; i < head->sites_used; i++) {
		const struct heap_site *site = heap_site_at(head, i);

		if (site->kind != kind || !site->alloc_count)
			continue;
		s.sites++;
		s.alloc += site->alloc_bytes;
		s.freed += site->freed_bytes;
		s.peak += site->gen == head->gen ? site->peak_bytes
						 : site->alloc_bytes - site->freed_bytes;
	}
	return s;
}

/* ---- limits */

static int64_t edge_now(void)
{
	const struct heap_peak *p = &heap_core.peak;

	return p->levels[p->n_levels - 1].peak_bytes + (p->n_levels > 1);
}

static void check_limits(void)
{
	const struct heap_peak *p = &heap_core.peak;
	int64_t limits = 0;

	for (uint32_t i = 0; i < p->n_shards; i++) {
		assert_true(heap_shard_live(&p->shards[i]) <= p->shards[i].limit_bytes);
		limits += p->shards[i].limit_bytes;
	}
	assert_true(limits <= edge_now());
	for (uint32_t i = 1; i < p->n_levels; i++)
		assert_true(p->levels[i].peak_bytes < p->levels[i - 1].peak_bytes);
}

static void limits_add_up_to_no_more_than_the_next_mark(void **state)
{
	struct heap_thread threads[5] = {0};
	struct heap_mark marks[16] = {0};
	uint8_t live[512] = {0};
	uint64_t random = 88172645463325252u;
	uint32_t reached = 0;

	(void)state;
	begin_as("limits", HEAP_FULL, 1);
	for (int i = 0; i < 5; i++)
		heap_thread_begin(&threads[i], 10 + i, 1);
	for (uint32_t i = 0; i < 100000; i++) {
		struct heap_thread *t;
		uint32_t at;

		random ^= random << 13, random ^= random >> 7, random ^= random << 17;
		t = &threads[random % 5];
		at = (uint32_t)(random >> 20) % 512;
		if (random % 97 == 0)
			(marks[at % 16].serial ? (void)heap_mark_end(t, &marks[at % 16])
					       : heap_mark_begin(t, &marks[at % 16]));
		else if (live[at])
			release(t, at);
		else
			allocate(t, at, random >> 54);
		live[at] = random % 97 == 0 ? live[at] : !live[at];
		reached += heap_core.peak.n_levels == 1;
		check_limits();
	}
	assert_true(reached > 0 && reached < 100000);
}

/* After its first rounds a program that only goes up and down must not come back for limits. */
static void steady_threads_keep_to_their_limits(void **state)
{
	struct heap_thread threads[4] = {0};
	struct heap_peak *p = &heap_core.peak;
	uint64_t gen;
	int64_t limits[4];
	uint32_t dealt = 0;

	(void)state;
	begin_as("steady", HEAP_FULL, 1);
	for (int i = 0; i < 4; i++)
		heap_thread_begin(&threads[i], 10 + i, 1);
	for (uint32_t i = 0; i < 4; i++) /* the mark: all of them at once */
		allocate(&threads[i], i, 10000 * (i + 1));
	gen = heap_file()->gen;
	for (uint32_t i = 0; i < 4; i++)
		release(&threads[i], i);
	for (uint32_t round = 0; round < 1000; round++) {
		uint32_t i = round % 4;

		memcpy(limits,
		       (int64_t[]){p->shards[0].limit_bytes, p->shards[1].limit_bytes,
				   p->shards[2].limit_bytes, p->shards[3].limit_bytes},
		       sizeof limits);
		allocate(&threads[i], i, 9000 * (i + 1));
		for (uint32_t k = 0; k < 4; k++)
			dealt += round >= 8 && limits[k] != p->shards[k].limit_bytes;
		release(&threads[i], i);
	}
	assert_int_equal(heap_file()->gen, gen);
	assert_int_equal(dealt, 0);
}

/* ---- marks */

static void the_last_of_equal_peaks_counts(void **state)
{
	struct heap_thread t = {0};
	const struct heap_stack other = {78, addresses, 1, 0};

	(void)state;
	begin_as("equal", HEAP_FULL, 1);
	heap_thread_begin(&t, 1, 1);
	allocate(&t, 0, 100);
	heap_now_set(INT64_MAX / 2);
	release(&t, 0);
	heap_alloc(&t, BASE, 100, &other);
	assert_int_equal(heap_file()->peak_bytes, 100);
	assert_int_equal(heap_file()->peak_count, 1);
	assert_int_equal(heap_file()->peak_ns, INT64_MAX / 2);
	release(&t, 0);
	allocate(&t, 1, 60);
	for (uint32_t i = HEAP_SITES_RESERVED; i < heap_file()->sites_used; i++) {
		const struct heap_site *s = heap_site_at(heap_file(), i);
		uint64_t live = s->alloc_bytes - s->freed_bytes;
		uint64_t peak = s->gen == heap_file()->gen ? s->peak_bytes : live;

		assert_int_equal(peak, i == HEAP_SITES_RESERVED ? 0 : 100);
	}
}

static void stages_in_stages_have_marks_of_their_own(void **state)
{
	struct heap_thread t = {0};
	struct heap_mark outer, inner, late;

	(void)state;
	begin_as("nested", HEAP_FULL, 1);
	heap_thread_begin(&t, 1, 1);
	allocate(&t, 0, 1000);
	release(&t, 0);
	allocate(&t, 1, 10);
	heap_mark_begin(&t, &outer);
	allocate(&t, 2, 500);
	release(&t, 2);
	heap_mark_begin(&t, &inner);
	allocate(&t, 3, 200);
	release(&t, 3);
	assert_int_equal(heap_mark_end(&t, &inner), 210);
	heap_mark_begin(&t, &inner);
	assert_int_equal(heap_mark_end(&t, &inner), 10);
	heap_mark_begin(&t, &late);
	assert_int_equal(heap_mark_end(&t, &outer), 510);
	allocate(&t, 4, 2000);
	assert_int_equal(heap_mark_end(&t, &late), 2010);
	assert_int_equal(heap_file()->peak_bytes, 2010);
	assert_int_equal(heap_mark_end(&t, &late), 2010);
	heap_mark_begin(&t, &late); /* never ended: nobody minds */
}

/* Each begins lower than the one before and ends while a later one is open: nothing of them may stay. */
static void stages_that_overlap_for_ever_cost_no_memory(void **state)
{
	struct heap_thread t = {0};
	struct heap_mark marks[2];

	(void)state;
	begin_as("overlap", HEAP_FULL, 1);
	heap_thread_begin(&t, 1, 1);
	for (uint32_t i = 0; i < 100000; i++)
		heap_alloc(&t, BASE + i * 16, 1, &stack);
	heap_mark_begin(&t, &marks[0]);
	for (uint32_t i = 1; i < 100000; i++) {
		assert_int_equal(heap_free(&t, BASE + i * 16), 1);
		heap_mark_begin(&t, &marks[i % 2]);
		assert_int_equal(heap_mark_end(&t, &marks[(i + 1) % 2]), 100000 - (int64_t)i + 1);
	}
	assert_int_equal(heap_core.peak.levels_max, HEAP_LEVELS_FIRST);
}

static void thousands_of_stages_may_be_open(void **state)
{
	static struct heap_mark marks[3000];
	struct heap_thread t = {0};

	(void)state;
	begin_as("thousands", HEAP_FULL, 1);
	heap_thread_begin(&t, 1, 1);
	for (uint32_t i = 0; i < 3000; i++)
		heap_alloc(&t, BASE + i * 16, 10, &stack);
	for (uint32_t i = 0; i < 3000; i++) {
		heap_mark_begin(&t, &marks[i]);
		assert_int_equal(heap_free(&t, BASE + i * 16), 1);
	}
	heap_alloc(&t, BASE, 15000, &stack);
	for (uint32_t i = 0; i < 3000; i += 2)
		assert_int_equal(heap_mark_end(&t, &marks[i]), i < 1500 ? 30000 - 10 * i : 15000);
	for (uint32_t i = 2999; i < 3000; i -= 2)
		assert_int_equal(heap_mark_end(&t, &marks[i]), i < 1500 ? 30000 - 10 * i : 15000);
	assert_int_equal(heap_core.peak.n_levels, 1);
}

static void another_thread_ends_a_stage_only_while_it_is_that_one(void **state)
{
	struct heap_thread t = {0};
	struct heap_mark mark;
	uint64_t serial;

	(void)state;
	begin_as("elsewhere", HEAP_FULL, 1);
	heap_thread_begin(&t, 1, 1);
	heap_mark_begin(&t, &mark);
	serial = heap_mark_serial(&mark);
	allocate(&t, 0, 100);
	heap_mark_end_of(&t, &mark, serial + 1);
	allocate(&t, 1, 100);
	heap_mark_end_of(&t, &mark, serial);
	allocate(&t, 2, 100);
	heap_mark_end_of(&t, &mark, serial);
	assert_int_equal(heap_mark_end(&t, &mark), 200);
}

/* ---- recordings */

static void nothing_is_booked_before_or_after_a_recording(void **state)
{
	struct heap_thread t = {0};
	struct heap_mark mark;
	struct err err = ERR_INIT;
	struct heap_config config = {.path = scratch("again"), .mode = HEAP_FULL};
	struct heap_head *file;

	(void)state;
	heap_mark_begin(&t, &mark);
	assert_int_equal(heap_mark_end(&t, &mark), -1);
	assert_int_equal(heap_live_bytes(), -1);
	assert_null(heap_file());
	heap_thread_begin(&t, 5, 1);
	allocate(&t, 0, 100);
	assert_int_equal(heap_free(&t, BASE), 0);
	begin_as("first", HEAP_FULL, 1);
	assert_int_equal(heap_begin(&config, &err), ERR_EXISTS);
	assert_int_equal(heap_mode(), HEAP_FULL);
	heap_mark_begin(&t, &mark);
	allocate(&t, 1, 100); /* a thread that was there before: it finds its way */
	assert_int_equal(heap_live_bytes(), 100);
	file = heap_file();
	assert_int_equal(file->ended, 0);
	heap_end();
	heap_end();
	assert_int_equal(file->ended, 1);
	allocate(&t, 2, 100);
	assert_int_equal(heap_free(&t, BASE + 64), 0);
	assert_int_equal(file->shards[0].live_bytes, 100);
	assert_int_equal(heap_mark_end(&t, &mark), -1);
}

static void blocks_of_an_earlier_recording_are_not_known(void **state)
{
	struct heap_thread t = {0}, u = {0};
	struct heap_block block;
	struct heap_mark mark;

	(void)state;
	begin_as("earlier", HEAP_FULL, 1);
	heap_thread_begin(&t, 5, 1);
	heap_thread_begin(&u, 6, 1);
	allocate(&t, 1, 100);
	allocate(&u, 2, 100);
	allocate(&t, 3, 100);
	heap_mark_begin(&t, &mark);
	assert_int_equal(heap_resize_begin(&t, BASE + 3 * 64, &block), 1);
	heap_end();
	begin_as("later", HEAP_FULL, 1);
	allocate(&t, 7, 5);
	heap_resized(&t, &block, BASE + 4 * 64, 50, &stack);
	assert_int_equal(heap_free(&t, BASE + 64), 0);
	assert_int_equal(heap_free(&u, BASE + 128), 0);
	assert_int_equal(heap_live_bytes(), 55);
	assert_int_equal(heap_mark_end(&t, &mark), -1);
	heap_thread_end(&t);
	heap_thread_end(&u);
	assert_int_equal(heap_core.peak.shards[0].threads, 0);
	heap_end();
	begin_as("sampled", HEAP_SAMPLED, 1);
	heap_alloc_sampled(&t, BASE, 9, &stack);
	assert_int_equal(heap_is_sampled(BASE), 1);
	heap_end();
	begin_as("sampled again", HEAP_SAMPLED, 1);
	assert_int_equal(heap_is_sampled(BASE), 0);
	assert_int_equal(heap_free_sampled(&t, BASE), 0);
}

static void a_forked_child_begins_with_nothing(void **state)
{
	struct heap_thread t = {0};
	pid_t pid;
	int status;

	(void)state;
	begin_as("parent", HEAP_FULL, 1);
	heap_thread_begin(&t, 5, 1);
	allocate(&t, 1, 100);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		int bad;

		heap_fork_child();
		bad = heap_file() != NULL || heap_free(&t, BASE + 64);
		heap_thread_end(&t);
		begin_as("child", HEAP_FULL, 1);
		heap_thread_begin(&t, 9, 1);
		bad |= heap_free(&t, BASE + 64) << 1;
		allocate(&t, 1, 7);
		bad |= (heap_live_bytes() != 7) << 2 | (heap_file()->peak_bytes != 7) << 3;
		heap_end();
		_exit(bad);
	}
	allocate(&t, 2, 50);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	release(&t, 1);
	assert_int_equal(heap_live_bytes(), 50);
}

/* The parent's other threads are in the middle of events, with locks held. */
static _Atomic int stop;

static void *churn(void *arg)
{
	struct heap_thread *t = arg;
	uint64_t at = (uint64_t)t->tid * 1000;

	t->tid = gettid(); /* locks are taken from threads that do not exist */

	while (!atomic_load(&stop)) {
		allocate(t, at, 40);
		(void)heap_free(t, BASE + at * 64);
	}
	return NULL;
}

static void a_fork_in_the_middle_of_others_leaves_no_lock_behind(void **state)
{
	static struct heap_thread threads[3];
	pthread_t churners[2];
	int bad = 0, status;

	(void)state;
	memset(threads, 0, sizeof threads);
	begin_as("busy", HEAP_FULL, 1);
	atomic_store(&stop, 0);
	heap_threads_many();
	for (int i = 0; i < 3; i++)
		heap_thread_begin(&threads[i], i + 1, 1);
	for (int i = 0; i < 2; i++)
		assert_int_equal(pthread_create(&churners[i], NULL, churn, &threads[i + 1]), 0);
	for (int i = 0; i < 50; i++) {
		pid_t pid = fork();

		if (pid == 0) {
			alarm(60);
			heap_fork_child();
			begin_as("busy child", HEAP_FULL, 1);
			heap_thread_begin(&threads[0], 9, 1);
			allocate(&threads[0], 1, 7);
			_exit(heap_live_bytes() != 7);
		}
		bad |= waitpid(pid, &status, 0) != pid || status != 0;
	}
	atomic_store(&stop, 1);
	for (int i = 0; i < 2; i++)
		pthread_join(churners[i], NULL);
	assert_int_equal(bad, 0);
	assert_int_equal(heap_live_bytes(), 0);
}

/* Threads do not stop for it: what they book goes to the recording that runs, whole. */
static void recordings_come_and_go_while_threads_are_at_work(void **state)
{
	static struct heap_thread threads[2];
	pthread_t churners[2];
	uint64_t blocks = 0;

	(void)state;
	memset(threads, 0, sizeof threads);
	atomic_store(&stop, 0);
	heap_threads_many();
	for (int i = 0; i < 2; i++) {
		threads[i].tid = i + 1;
		assert_int_equal(pthread_create(&churners[i], NULL, churn, &threads[i]), 0);
	}
	for (int round = 0; round < 30 || (blocks <= 30 && round < 10000); round++) {
		struct heap_head *head;
		struct heap_sums_now s;
		int64_t live = 0;

		begin_as("comes and goes", HEAP_FULL, 1);
		usleep(2000);
		heap_end();
		head = heap_core.file;
		s = sums(HEAP_SITE_MALLOC);
		for (uint32_t i = 0; i < HEAP_SHARDS; i++)
			live += head->shards[i].live_bytes;
		assert_int_equal(s.alloc - s.freed, live);
		assert_in_range(live, 0, 80);
		assert_int_equal(s.peak, head->peak_bytes);
		blocks += s.alloc / 40;
	}
	atomic_store(&stop, 1);
	for (int i = 0; i < 2; i++)
		pthread_join(churners[i], NULL);
	assert_true(blocks > 30);
}

/* ---- threads */

static void more_threads_than_shards_share_them(void **state)
{
	static struct heap_thread threads[200];
	struct heap_sums_now s;

	(void)state;
	memset(threads, 0, sizeof threads);
	begin_as("threads", HEAP_FULL, 1);
	for (int i = 0; i < 200; i++) {
		heap_thread_begin(&threads[i], 100 + i, 1);
		assert_true(threads[i].shard < HEAP_SHARDS && threads[i].row != 0);
		allocate(&threads[i], (uint64_t)i, 10);
	}
	for (uint32_t i = 0; i < HEAP_SHARDS; i++)
		assert_in_range(heap_core.peak.shards[i].threads, 3, 4);
	s = sums(HEAP_SITE_MALLOC);
	assert_int_equal(s.sites, 200);
	assert_int_equal(s.peak, 2000);
	for (int i = 0; i < 200; i++) {
		heap_thread_end(&threads[i]);
		heap_thread_end(&threads[i]);
	}
	heap_thread_begin(&threads[0], 400, 1);
	assert_int_equal(threads[0].shard, 0);
	release(&threads[0], 150); /* of a thread that is gone */
	assert_int_equal(heap_live_bytes(), 1990);
}

/* ---- locks */

static void a_thread_that_jumped_gives_its_locks_back(void **state)
{
	struct heap_thread t = {0}, other = {0};

	(void)state;
	begin_as("jumped", HEAP_FULL, 1);
	heap_threads_many();
	heap_thread_begin(&t, gettid(), 1);
	heap_thread_begin(&other, gettid() + 1, 1);
	assert_non_null(heap_enter(&other));
	assert_non_null(heap_enter(&t));
	heap_thread_jumped(&t);
	assert_int_equal(heap_core.peak.shards[t.shard].lock.held, 0);
	assert_int_equal(heap_core.peak.shards[other.shard].lock.held, heap_lock_id(other.tid));
	heap_thread_jumped(&other);
	allocate(&t, 1, 10);
	assert_int_equal(heap_live_bytes(), 10);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(limits_add_up_to_no_more_than_the_next_mark, end_each),
		cmocka_unit_test_teardown(steady_threads_keep_to_their_limits, end_each),
		cmocka_unit_test_teardown(the_last_of_equal_peaks_counts, end_each),
		cmocka_unit_test_teardown(stages_in_stages_have_marks_of_their_own, end_each),
		cmocka_unit_test_teardown(stages_that_overlap_for_ever_cost_no_memory, end_each),
		cmocka_unit_test_teardown(thousands_of_stages_may_be_open, end_each),
		cmocka_unit_test_teardown(another_thread_ends_a_stage_only_while_it_is_that_one,
					  end_each),
		cmocka_unit_test_teardown(nothing_is_booked_before_or_after_a_recording, end_each),
		cmocka_unit_test_teardown(blocks_of_an_earlier_recording_are_not_known, end_each),
		cmocka_unit_test_teardown(a_forked_child_begins_with_nothing, end_each),
		cmocka_unit_test_teardown(a_fork_in_the_middle_of_others_leaves_no_lock_behind,
					  end_each),
		cmocka_unit_test_teardown(recordings_come_and_go_while_threads_are_at_work,
					  end_each),
		cmocka_unit_test_teardown(more_threads_than_shards_share_them, end_each),
		cmocka_unit_test_teardown(a_thread_that_jumped_gives_its_locks_back, end_each),
	};

	return cmocka_run_group_tests(tests, begin_group, scratch_remove);
}
