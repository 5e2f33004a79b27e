/* Heap files from outside: what was booked is read, by the rules of the format; a target that runs, or was
 * killed in the middle of something, is read as well; damaged and foreign files are refused or cut short. */
#include <math.h>
#include <signal.h>
#include <time.h>

#include "prof/heap/reader.h"
#include "tests/unit/heap_table_rig.h"
#include "tests/unit/scratch.h"

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

/* ---- files that are none, or not yet */

static int open_rc(const char *path)
{
	struct heap_reader r;
	struct err err = ERR_INIT;
	int rc = heap_reader_open(&r, path, &err);

	heap_reader_close(&r);
	return rc;
}

static void a_file_that_is_being_made_is_not_there_yet(void **state)
{
	char zeros[HEAP_HEAD_BYTES] = "";

	(void)state;
	assert_int_equal(open_rc(scratch("nothing")), ERR_NOTFOUND);
	assert_int_equal(open_rc(scratch_write("empty", "", 0)), ERR_NOTFOUND);
	assert_int_equal(open_rc(scratch_write("zeros", zeros, sizeof zeros)), ERR_NOTFOUND);
	head->mode = HEAP_OFF;
	assert_int_equal(open_rc(rig_path), ERR_NOTFOUND);
	heap_file_describe(head, HEAP_FULL, 0, 1, 0);
	assert_int_equal(open_rc(rig_path), 0);
}

static void foreign_files_are_refused(void **state)
{
	static char text[HEAP_HEAD_BYTES];

	(void)state;
	memset(text, 'x', sizeof text);
	assert_int_equal(open_rc(scratch_write("short", text, 100)), ERR_FORMAT);
	assert_int_equal(open_rc(scratch_write("text", text, sizeof text)), ERR_FORMAT);
	assert_int_equal(open_rc(scratch_dir), ERR_FORMAT);
	assert_int_equal(mkfifo(scratch("fifo"), 0600), 0);
	assert_int_equal(open_rc(scratch("fifo")), ERR_FORMAT);
	assert_int_equal(symlink(rig_path, scratch("link")), 0);
	assert_int_equal(open_rc(scratch("link")), ERR_IO);
	head->version = 2;
	assert_int_equal(open_rc(rig_path), ERR_UNSUPPORTED);
	head->version = HEAP_VERSION;
}

#define REFUSED(field, value)                                                                      \
	do {                                                                                       \
		__typeof__(head->field) was = head->field;                                         \
		head->field = (value);                                                             \
		if (open_rc(rig_path) != ERR_FORMAT)                                               \
			fail_msg("%s = %s was not refused", #field, #value);                       \
		head->field = was;                                                                 \
	} while (0)

static void a_head_that_cannot_be_is_refused(void **state)
{
	(void)state;
	REFUSED(head_bytes, 4096);
	REFUSED(file_bytes, head->file_bytes + 4096);
	REFUSED(file_bytes, UINT64_MAX);
	REFUSED(threads_offset, 0);
	REFUSED(sites_offset, head->sites_offset + 8);
	REFUSED(sites_offset, UINT64_MAX);
	REFUSED(stacks_offset, head->stacks_offset - 4096);
	REFUSED(stacks_bytes, UINT64_MAX);
	REFUSED(stacks_bytes, 0);
	REFUSED(threads_max, 0);
	REFUSED(threads_max, UINT32_MAX);
	REFUSED(sites_max, UINT32_MAX);
	REFUSED(sites_max, 1);
	REFUSED(mode, 3);
	REFUSED(count_unit, 0);
	REFUSED(count_unit, 65536);
	assert_int_equal(open_rc(rig_path), 0);
	assert_int_equal(truncate(rig_path, (off_t)head->file_bytes - 4096), 0);
	assert_int_equal(open_rc(rig_path), ERR_FORMAT);
}

static volatile uint64_t sink; /* so that all is read indeed */

/* Everything that can be asked of a file. */
static void read_all(const char *path)
{
	struct heap_reader r;
	struct heap_stack_view view;
	struct heap_sums sums;
	uint64_t sum = 0;
	uint32_t sites, threads;
	int64_t start;
	int tid;

	if (heap_reader_open(&r, path, NULL))
		return;
	sites = heap_reader_sites(&r);
	threads = heap_reader_threads(&r);
	for (uint32_t i = 0; i < sites; i++)
		if (heap_reader_site(&r, i, INT64_MAX, &sums) &&
		    heap_reader_stack(&r, sums.stack, &view) == 0)
			for (uint32_t k = 0; k < view.n; k++)
				sum += view.addresses[k];
	for (uint32_t i = 0; i <= threads; i++)
		sum += heap_reader_thread(&r, i, &tid, &start) == 0;
	heap_reader_close(&r);
	sink = sum;
}

static void damaged_words_never_lead_outside(void **state)
{
	uint64_t x = 99;
	uint32_t number;

	(void)state;
	for (uint64_t i = 0; i < 50; i++)
		(void)site_of(i, HEAP_SITE_MALLOC, &number);
	for (int turn = 0; turn < 3000; turn++) {
		/* A word of the head, of a site, or of the stacks. */
		uint64_t where = rig_next(&x) % 3,
			 offset = where == 0 ? rig_next(&x) % 200
				  : where == 1
					  ? head->sites_offset + rig_next(&x) % (number * 128ull)
					  : head->stacks_offset + rig_next(&x) % 4096;
		uint64_t *word = (uint64_t *)((uintptr_t)head + offset / 8 * 8), was = *word;
		uint64_t r = rig_next(&x);

		/* Not a table of a million rows each time. */
		*word = r % 3 ? r % 5000 : r;
		if (head->sites_used < 20000)
			read_all(rig_path);
		*word = was;
	}
	read_all(rig_path);
}

static int holes(void)
{
	struct heap_head *h;
	struct heap_reader r;
	struct heap_sums sums;
	struct heap_stack_view view;
	int fd;

	if (tiny_tmpfs(scratch_dir, "512k"))
		return CHILD_SKIP;
	heap_index_drop(head, &heap_index);
	heap_file_drop(head);
	CHECK(heap_file_make(&h, scratch("heap"), 0, 0, NULL) == 0);
	heap_file_describe(h, HEAP_FULL, 0, 1, 0);
	fd = open(scratch("filler"), O_RDWR | O_CREAT, 0600);
	for (off_t at = 0; fd >= 0 && fallocate(fd, 0, at, 4096) == 0;)
		at += 4096;
	h->sites_used = HEAP_SITES_MAX;
	h->stacks_used = HEAP_STACKS_MAX / 8;
	h->threads_used = HEAP_THREADS_MAX;
	CHECK(heap_reader_open(&r, scratch("heap"), NULL) == 0);
	CHECK(heap_reader_sites(&r) < 10000);
	CHECK(heap_reader_threads(&r) < HEAP_THREADS_MAX);
	for (uint32_t i = 0; i < HEAP_SITES_MAX; i++)
		(void)heap_reader_site(&r, i, 0, &sums);
	for (uint32_t i = 1; i < HEAP_STACKS_MAX / 8; i += 1000)
		CHECK(heap_reader_stack(&r, i, &view) == ERR_FORMAT);
	heap_reader_close(&r);
	return 0;
}

static void holes_on_a_full_tmpfs_end_the_table(void **state)
{
	(void)state;
	in_child(holes);
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

static int setup_folder(void **state)
{
	return scratch_make(state) || setup(state);
}

static int teardown_folder(void **state)
{
	return teardown(state) || scratch_remove(state);
}

#define FOLDER(f) cmocka_unit_test_setup_teardown(f, setup_folder, teardown_folder)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(what_was_booked_is_read),
		TEST(a_site_untouched_since_the_mark_had_there_what_it_has_now),
		TEST(sampled_counts_are_whole_blocks),
		TEST(mean_lives_count_what_lives_as_dying_now),
		TEST(a_free_seen_before_its_allocation_is_no_debt),
		TEST(copies_are_counted_in_parts_in_full_mode_too),
		TEST(places_that_are_not_in_use_are_passed_over),
		TEST(stacks_are_read_as_they_were_walked),
		TEST(a_stack_that_is_not_complete_is_refused),
		TEST(threads_are_told_by_their_rows),
		TEST(labels_and_losses_have_the_names_of_the_store),
		FOLDER(a_file_that_is_being_made_is_not_there_yet),
		FOLDER(foreign_files_are_refused),
		TEST(a_head_that_cannot_be_is_refused),
		TEST(damaged_words_never_lead_outside),
		FOLDER(holes_on_a_full_tmpfs_end_the_table),
		TEST(kernels_that_cannot_populate_are_read_too),
		TEST(a_running_target_is_read_and_a_killed_one_too),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
