/* Heap files from outside: what was booked is read, by the rules of the format; a target that runs, or was
 * killed in the middle of something, is read as well. Files that are none: test_heap_refuse.c. */
#include <math.h>
#include <signal.h>
#include <time.h>

#include "prof/heap/reader.h"
#include "tests/unit/heap_table_rig.h"

static struct heap_head *head;
static struct heap_index heap_index;

static int setup(void **state)
{
	(void)state;
	head = rig_file(0, 0);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	heap_index_drop(head, &heap_index);
	rig_file_drop(head);
	return 0;
}

static struct heap_site *site_of(uint64_t i, enum heap_site_kind kind, uint32_t *number)
{
	uint64_t addresses[RIG_DEPTH];
	struct heap_stack stack = rig_stack(i, addresses);
	struct heap_site_key key = {.stage = i + 40, .thread = 2, .kind = kind};

	*number = heap_site_find(head, &heap_index, &stack, &key, 1234);
	return heap_site_at(head, *number);
}

static void opened(struct heap_reader *r)
{
	struct err err = ERR_INIT;

	if (heap_reader_open(r, rig_path, &err))
		fail_msg("%s", err.text);
}

static struct heap_sums sums_of(uint32_t number, int64_t now_ns)
{
	struct heap_reader r;
	struct heap_sums sums;

	opened(&r);
	assert_true(heap_reader_sites(&r) > number);
	assert_int_equal(heap_reader_site(&r, number, now_ns, &sums), 1);
	heap_reader_close(&r);
	return sums;
}

/* ---- sums */

static void what_was_booked_is_read(void **state)
{
	uint32_t number;
	struct heap_site *s = site_of(3, HEAP_SITE_MALLOC, &number);
	struct heap_sums sums;

	(void)state;
	s->alloc_bytes = 1000;
	s->alloc_count = 10;
	s->freed_bytes = 400;
	s->freed_count = 4;
	s->temporary_bytes = 70;
	s->temporary_count = 2;
	sums = sums_of(number, 0);
	assert_int_equal(sums.kind, HEAP_SITE_MALLOC);
	assert_int_equal(sums.stage, 43);
	assert_int_equal(sums.thread, 2);
	assert_int_equal(sums.alloc_bytes, 1000);
	assert_int_equal(sums.alloc_count, 10);
	assert_int_equal(sums.live_bytes, 600);
	assert_int_equal(sums.live_count, 6);
	assert_int_equal(sums.temporary_bytes, 70);
	assert_int_equal(sums.temporary_count, 2);
	assert_true(sums.variance == 0);
}

static void a_site_untouched_since_the_mark_had_there_what_it_has_now(void **state)
{
	uint32_t number;
	struct heap_site *s = site_of(3, HEAP_SITE_MALLOC, &number);
	struct heap_sums sums;

	(void)state;
	s->alloc_bytes = 1000;
	s->alloc_count = 10;
	s->peak_bytes = 77;
	s->peak_count = 7;
	s->gen = 4;
	head->gen = 4;
	sums = sums_of(number, 0);
	assert_int_equal(sums.peak_bytes, 77);
	assert_int_equal(sums.peak_count, 7);
	head->gen = 5;
	sums = sums_of(number, 0);
	assert_int_equal(sums.peak_bytes, 1000);
	assert_int_equal(sums.peak_count, 10);
}

static void sampled_counts_are_whole_blocks(void **state)
{
	uint32_t number;
	struct heap_site *s = site_of(3, HEAP_SITE_MALLOC, &number);
	struct heap_sums sums;
	double variance = 2.5e9;
	uint64_t bits;

	(void)state;
	heap_file_describe(head, HEAP_SAMPLED, 524288, 1, 3);
	memcpy(&bits, &variance, sizeof bits);
	s->variance = bits;
	s->alloc_count = 65536 * 12 + 40000;
	s->freed_count = 65536 * 4 + 30000;
	s->temporary_count = 65536 * 3 + 32768;
	sums = sums_of(number, 0);
	assert_int_equal(sums.alloc_count, 13);
	assert_int_equal(sums.live_count, 8);
	assert_int_equal(sums.temporary_count, 3);
	assert_true(sums.variance == 2.5e9);
	variance = NAN;
	memcpy(&bits, &variance, sizeof bits);
	s->variance = bits;
	assert_true(sums_of(number, 0).variance == 0);
}

/* Copies are sampled in full mode, too. */
static void copies_count_in_parts_in_both_modes(void **state)
{
	uint32_t copy, block;

	(void)state;
	site_of(3, HEAP_SITE_COPY, &copy)->alloc_count = 65536 * 12;
	site_of(3, HEAP_SITE_MALLOC, &block)->alloc_count = 65536 * 12;
	assert_int_equal(sums_of(copy, 0).alloc_count, 12);
	assert_int_equal(sums_of(block, 0).alloc_count, 65536 * 12);
	heap_file_describe(head, HEAP_SAMPLED, 524288, 1, 3);
	assert_int_equal(sums_of(copy, 0).alloc_count, 12);
	assert_int_equal(sums_of(block, 0).alloc_count, 12);
}

static void mean_lives_count_what_lives_as_dying_now(void **state)
{
	uint32_t number;
	struct heap_site *s = site_of(3, HEAP_SITE_MALLOC, &number);

	(void)state;
	assert_int_equal(sums_of(number, 0).life_ns, -1); /* no block yet */
	/* Born at 10, 20 and 30; one died at 50, now is 100: (40 + 80 + 70) / 3. */
	s->alloc_count = 3;
	s->freed_count = 1;
	s->born = 60;
	s->died = 50;
	assert_int_equal(sums_of(number, head->start_ns + 100 * 65536).life_ns,
			 (int64_t)(190 * 65536.0 / 3));
	/* An event half seen: nothing dies before it is born. */
	s->born = 1000;
	assert_int_equal(sums_of(number, head->start_ns).life_ns, 0);
}

static void a_free_seen_before_its_allocation_is_no_debt(void **state)
{
	uint32_t number;
	struct heap_site *s = site_of(3, HEAP_SITE_MALLOC, &number);
	struct heap_sums sums;

	(void)state;
	s->alloc_bytes = 10;
	s->freed_bytes = 11;
	s->alloc_count = 1;
	s->freed_count = 2;
	sums = sums_of(number, 0);
	assert_int_equal(sums.live_bytes, 0);
	assert_int_equal(sums.live_count, 0);
}

/* They are sampled in both modes. */
static void copies_are_counted_in_parts_in_full_mode_too(void **state)
{
	uint32_t number;
	struct heap_site *s = site_of(3, HEAP_SITE_COPY, &number);

	(void)state;
	assert_int_equal(head->count_unit, 1);
	s->alloc_bytes = 1000;
	s->alloc_count = HEAP_COUNT_UNIT_SAMPLED * 5 + 40000;
	assert_int_equal(sums_of(number, 0).alloc_bytes, 1000);
	assert_int_equal(sums_of(number, 0).alloc_count, 6);
}

static void places_that_are_not_in_use_are_passed_over(void **state)
{
	uint32_t number, n, used = 0;
	struct heap_site *s = site_of(3, HEAP_SITE_COPY, &number);
	struct heap_sums sums;
	struct heap_reader r;

	(void)state;
	opened(&r);
	n = heap_reader_sites(&r);
	assert_int_equal(n, HEAP_SITES_RESERVED + 1);
	for (uint32_t i = 0; i < n; i++)
		used += heap_reader_site(&r, i, 0, &sums) == 1;
	assert_int_equal(used, 1);
	assert_int_equal(sums.kind, HEAP_SITE_COPY);
	assert_int_equal(heap_reader_site(&r, n, 0, &sums), 0);
	assert_int_equal(heap_reader_site(&r, UINT32_MAX, 0, &sums), 0);
	s->kind = 99;
	assert_int_equal(heap_reader_site(&r, number, 0, &sums), 0);
	/* What comes later is there when it is asked for anew. */
	(void)site_of(4, HEAP_SITE_MAP, &number);
	assert_int_equal(heap_reader_site(&r, number, 0, &sums), 0);
	assert_int_equal(heap_reader_sites(&r), n + 1);
	assert_int_equal(heap_reader_site(&r, number, 0, &sums), 1);
	heap_reader_close(&r);
	heap_reader_close(&r);
}

/* ---- stacks, threads, words */

static void stacks_are_read_as_they_were_walked(void **state)
{
	struct heap_reader r;
	uint32_t number;

	(void)state;
	opened(&r);
	for (uint64_t i = 0; i < 5000; i++) {
		uint64_t addresses[RIG_DEPTH];
		struct heap_stack stack = rig_stack(i, addresses);
		const struct heap_site *s = site_of(i, HEAP_SITE_MALLOC, &number);
		struct heap_stack_view view;

		assert_int_equal(heap_reader_stack(&r, s->stack, &view), 0);
		assert_int_equal(view.n, stack.n);
		assert_int_equal(view.t_ns, 1234);
		assert_memory_equal(view.addresses, addresses, 8 * stack.n);
	}
	heap_reader_close(&r);
}

static void a_stack_that_is_not_complete_is_refused(void **state)
{
	struct heap_stack_view view;
	struct heap_stack_row *row;
	struct heap_reader r;
	uint32_t number, at = site_of(1, HEAP_SITE_MALLOC, &number)->stack;

	(void)state;
	row = (struct heap_stack_row *)((uintptr_t)head + head->stacks_offset + 8 * (uint64_t)at);
	opened(&r);
	assert_int_equal(heap_reader_stack(&r, at, &view), 0);
	assert_int_equal(heap_reader_stack(&r, (uint32_t)head->stacks_used, &view), ERR_FORMAT);
	assert_int_equal(heap_reader_stack(&r, (uint32_t)head->stacks_used - 1, &view), ERR_FORMAT);
	assert_int_equal(heap_reader_stack(&r, UINT32_MAX, &view), ERR_FORMAT);
	row->n += 1;
	assert_int_equal(heap_reader_stack(&r, at, &view), ERR_FORMAT);
	row->n = UINT32_MAX;
	assert_int_equal(heap_reader_stack(&r, at, &view), ERR_FORMAT);
	row->n = 0;
	assert_int_equal(heap_reader_stack(&r, at, &view), 0);
	row->hash = 0;
	assert_int_equal(heap_reader_stack(&r, at, &view), ERR_FORMAT);
	/* The stack of what had no room. */
	assert_int_equal(heap_reader_stack(&r, 0, &view), 0);
	assert_int_equal(view.n, 1);
	assert_string_equal(heap_label_name(view.addresses[0]), "[site table full]");
	heap_reader_close(&r);
}

static void threads_are_told_by_their_rows(void **state)
{
	uint32_t row = heap_thread_row_add(head, 4711, 99), later;
	struct heap_reader r;
	int64_t start;
	int tid;

	(void)state;
	opened(&r);
	assert_int_equal(heap_reader_threads(&r), 2);
	assert_int_equal(heap_reader_thread(&r, row, &tid, &start), 0);
	assert_int_equal(tid, 4711);
	assert_int_equal(start, 99);
	assert_int_equal(heap_reader_thread(&r, 0, &tid, &start), 0);
	assert_int_equal(tid, 0);
	later = heap_thread_row_add(head, 4712, 100);
	assert_int_equal(heap_reader_thread(&r, later, &tid, &start), ERR_NOTFOUND);
	assert_int_equal(heap_reader_thread(&r, UINT32_MAX, &tid, &start), ERR_NOTFOUND);
	assert_int_equal(heap_reader_threads(&r), 3);
	assert_int_equal(heap_reader_thread(&r, later, &tid, &start), 0);
	assert_int_equal(tid, 4712);
	heap_reader_close(&r);
}

static void labels_and_losses_have_the_names_of_the_store(void **state)
{
	(void)state;
	assert_null(heap_label_name(HEAP_LABELS));
	assert_null(heap_label_name(0x401000));
	assert_string_equal(heap_label_name(HEAP_LABEL_BRK), "[brk]");
	assert_string_equal(heap_label_name(HEAP_LABEL_THREAD_STACK), "[thread stack]");
	assert_string_equal(heap_label_name(0), "[unknown]");
	assert_string_equal(heap_label_name(HEAP_LABELS - 1), "[unknown]");
	assert_string_equal(heap_loss_name(HEAP_LOSS_IN_HANDLER), "record_dropped");
	assert_string_equal(heap_loss_name(HEAP_LOSS_SITE_TABLE), "table_full");
	assert_string_equal(heap_loss_name(HEAP_LOSS_STACK_ROOM), "table_full");
	assert_string_equal(heap_loss_name(HEAP_LOSS_TAG_TABLE), "table_full");
	assert_string_equal(heap_loss_name(HEAP_LOSS_FOLDED), "table_full");
	assert_string_equal(heap_loss_name(HEAP_LOSS_FREE_UNSEEN), "record_dropped");
	assert_string_equal(heap_loss_name(HEAP_LOSS_NO_MEMORY), "table_full");
	assert_string_equal(heap_loss_name(HEAP_LOSS_NO_UNWIND), "no_unwind_info");
	assert_string_equal(heap_loss_name(HEAP_LOSS_TRUNCATED), "truncated");
	assert_string_equal(heap_loss_name(HEAP_LOSS_NO_THREAD), "thread_limit");
}

static int old_kernel(void)
{
	struct heap_reader r;
	struct heap_sums sums;
	uint32_t number;

	if (refuse_advice(22 /* MADV_POPULATE_READ */))
		return CHILD_SKIP;
	(void)site_of(9, HEAP_SITE_MAP, &number);
	CHECK(heap_reader_open(&r, rig_path, NULL) == 0);
	CHECK(heap_reader_sites(&r) == number + 1);
	CHECK(heap_reader_site(&r, number, 0, &sums) == 1 && sums.stage == 49);
	heap_reader_close(&r);
	return 0;
}

static void kernels_that_cannot_populate_are_read_too(void **state)
{
	(void)state;
	in_child(old_kernel);
}

/* ---- a target that runs */

/* Books blocks of 10 bytes at sites that keep coming, frees nine of ten, and goes over the mark at times. */
static void run_target(void)
{
	for (uint64_t i = 0;; i++) {
		uint32_t number;
		struct heap_site *s =
			site_of(i % (i < 100000 ? i / 100 + 1 : 1000), HEAP_SITE_MALLOC, &number);

		if (s->gen != head->gen) {
			s->peak_bytes = s->alloc_bytes - s->freed_bytes;
			s->gen = head->gen;
		}
		atomic_store_explicit(&s->alloc_bytes, s->alloc_bytes + 10, memory_order_release);
		atomic_store_explicit(&s->alloc_count, s->alloc_count + 1, memory_order_release);
		if (i % 10) {
			atomic_store_explicit(&s->freed_bytes, s->freed_bytes + 10,
					      memory_order_release);
			atomic_store_explicit(&s->freed_count, s->freed_count + 1,
					      memory_order_release);
		}
		if (i % 1000 == 0)
			atomic_fetch_add(&head->gen, 1);
	}
}

static uint64_t read_running(const struct heap_reader *r, uint64_t *allocated)
{
	uint32_t n = heap_reader_sites(r);
	uint64_t used = 0;

	*allocated = 0;
	for (uint32_t i = 0; i < n; i++) {
		uint64_t addresses[RIG_DEPTH];
		struct heap_stack_view view;
		struct heap_sums sums;

		if (!heap_reader_site(r, i, 0, &sums))
			continue;
		used++;
		*allocated += sums.alloc_bytes;
		assert_true(sums.live_bytes <= sums.alloc_bytes);
		assert_true(sums.peak_bytes <= sums.alloc_bytes);
		assert_true(sums.live_bytes % 10 == 0 && sums.peak_bytes % 10 == 0);
		(void)rig_stack(sums.stage - 40, addresses);
		assert_int_equal(heap_reader_stack(r, sums.stack, &view), 0);
		assert_memory_equal(view.addresses, addresses, view.n * 8);
	}
	return used;
}

static void a_running_target_is_read_and_a_killed_one_too(void **state)
{
	struct timespec pause = {0, 1000000};
	struct heap_reader r;
	uint64_t before = 0, allocated = 0, used = 0;
	pid_t pid = fork();
	int turn;

	(void)state;
	if (pid == 0)
		run_target();
	opened(&r);
	for (turn = 0; turn < 300 || (used < 1000 && turn < 20000); turn++) {
		used = read_running(&r, &allocated);
		assert_true(allocated >= before);
		before = allocated;
		(void)nanosleep(&pause, NULL);
	}
	assert_int_equal(kill(pid, SIGKILL), 0);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	assert_int_equal(read_running(&r, &allocated), 1000);
	assert_true(allocated >= before && allocated > 0);
	heap_reader_close(&r);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(what_was_booked_is_read),
		TEST(a_site_untouched_since_the_mark_had_there_what_it_has_now),
		TEST(sampled_counts_are_whole_blocks),
		TEST(copies_count_in_parts_in_both_modes),
		TEST(mean_lives_count_what_lives_as_dying_now),
		TEST(a_free_seen_before_its_allocation_is_no_debt),
		TEST(copies_are_counted_in_parts_in_full_mode_too),
		TEST(places_that_are_not_in_use_are_passed_over),
		TEST(stacks_are_read_as_they_were_walked),
		TEST(a_stack_that_is_not_complete_is_refused),
		TEST(threads_are_told_by_their_rows),
		TEST(labels_and_losses_have_the_names_of_the_store),
		TEST(kernels_that_cannot_populate_are_read_too),
		TEST(a_running_target_is_read_and_a_killed_one_too),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
