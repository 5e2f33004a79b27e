/* Heap files as their target fills them: a stack is kept once; disks that are full, limits and old kernels
 * cost detail, which is counted, and never a signal; threads that come at once agree; our own memory is noted. */
#include <pthread.h>

#include "prof/spool/format.h"
#include "tests/unit/heap_table_rig.h"
#include "tests/unit/scratch.h"

/* ---- the file */

static void a_file_says_how_it_is_laid_out(void **state)
{
	struct heap_head *head = rig_file(1000, 100000), *second;
	struct stat st;
	struct err err;

	(void)state;
	assert_int_equal(head->magic, HEAP_MAGIC);
	assert_int_equal(head->sites_max, 1024); /* whole pages */
	assert_int_equal(head->stacks_bytes, 102400);
	assert_int_equal(head->pid, getpid());
	assert_int_equal(head->mode, HEAP_FULL);
	assert_int_equal(head->count_unit, 1);
	assert_int_equal(head->sites_used, HEAP_SITES_RESERVED);
	assert_int_equal(stat(rig_path, &st), 0);
	assert_int_equal(st.st_size, head->file_bytes);
	assert_int_equal(st.st_mode & 0777, 0600);
	assert_true(st.st_blocks * 512 <= 512 << 10); /* sparse */
	assert_int_equal(heap_file_make(&second, scratch("other"), 0, 0, &err), ERR_EXISTS);
	heap_file_drop(head);
	assert_int_equal(heap_file_make(&second, rig_path, 0, 0, &err), ERR_EXISTS);
	assert_int_equal(unlink(rig_path), 0);
	assert_int_equal(heap_file_make(&second, scratch("no/such/folder"), 0, 0, &err), ERR_IO);
	assert_null(second);
}

static void a_full_file_has_the_limits_of_the_format(void **state)
{
	struct heap_head *head = rig_file(0, 0);

	(void)state;
	assert_int_equal(head->sites_max, HEAP_SITES_MAX);
	assert_int_equal(head->stacks_bytes, HEAP_STACKS_MAX);
	assert_int_equal(head->threads_max, HEAP_THREADS_MAX);
	rig_file_drop(head);
}

static int limited_space(void)
{
	struct rlimit r = {1u << 30, 1u << 30};
	struct heap_head *head;

	CHECK(setrlimit(RLIMIT_AS, &r) == 0);
	CHECK(heap_file_make(&head, rig_name(), 0, 0, NULL) == 0);
	CHECK(head->file_bytes <= 32u << 20);
	CHECK(head->sites_max >= 65536);
	rig_file_drop(head);
	return 0;
}

static int no_space(void)
{
	struct rlimit r = {1u << 20, 1u << 20};
	struct err err = ERR_INIT;
	struct heap_head *head;

	CHECK(setrlimit(RLIMIT_AS, &r) == 0); /* less than there is: every mmap fails */
	CHECK(heap_file_make(&head, rig_name(), 0, 0, &err) == ERR_NOMEM);
	CHECK(access(rig_path, F_OK) != 0);
	return 0;
}

static int limited_files(void)
{
	struct rlimit r = {1u << 20, 1u << 20}, less = {65536, 65536};
	struct heap_head *head;

	CHECK(setrlimit(RLIMIT_FSIZE, &r) == 0);
	CHECK(heap_file_make(&head, rig_name(), 0, 0, NULL) == 0);
	CHECK(head->file_bytes <= 1u << 20);
	rig_file_drop(head);
	CHECK(setrlimit(RLIMIT_FSIZE, &less) == 0);
	CHECK(heap_file_make(&head, rig_name(), 0, 0, NULL) == ERR_LIMIT);
	CHECK(access(rig_path, F_OK) != 0);
	return 0;
}

static void limits_of_the_program_make_files_small(void **state)
{
	(void)state;
	in_child(limited_files);
	if (HEAP_SANITIZED) {
		print_message("skipped: no limit on address space under a sanitizer\n");
		skip();
	}
	in_child(limited_space);
	in_child(no_space);
}

/* ---- stacks */

static void a_stack_is_kept_once(void **state)
{
	enum { N = 60000 };
	static uint32_t places[N];
	struct heap_head *head = rig_file(0, 0);
	uint64_t addresses[RIG_DEPTH], used;

	(void)state;
	for (uint64_t i = 0; i < N; i++) {
		struct heap_stack stack = rig_stack(i, addresses);

		places[i] = heap_stack_intern(head, &stack, (int64_t)i);
		assert_int_not_equal(places[i], 0);
	}
	used = head->stacks_used;
	for (uint64_t i = 0; i < N; i++) {
		struct heap_stack stack = rig_stack(i, addresses);

		assert_int_equal(heap_stack_intern(head, &stack, 0), places[i]);
		assert_int_equal(rig_row(head, places[i])->n, stack.n);
		assert_int_equal(rig_row(head, places[i])->t_ns, i);
		assert_int_equal(rig_row(head, places[i])->hash, stack.hash);
		assert_memory_equal(rig_addresses(head, places[i]), addresses, 8 * stack.n);
	}
	assert_int_equal(head->stacks_used, used);
	rig_file_drop(head);
}

static void deep_stacks_keep_the_leaf_end_and_poor_ones_are_counted(void **state)
{
	struct heap_head *head = rig_file(0, 0);
	static uint64_t deep[HEAP_DEPTH_MAX + 10];
	struct heap_stack stack = {.hash = 5, .addresses = deep, .n = HEAP_DEPTH_MAX + 10};
	uint32_t at;

	(void)state;
	for (uint32_t i = 0; i < HEAP_DEPTH_MAX + 10; i++)
		deep[i] = i;
	at = heap_stack_intern(head, &stack, 0);
	assert_int_equal(rig_row(head, at)->n, HEAP_DEPTH_MAX);
	assert_int_equal(rig_row(head, at)->flags, SPOOL_SAMPLE_TRUNCATED);
	assert_memory_equal(rig_addresses(head, at), deep, 8 * HEAP_DEPTH_MAX);
	stack = (struct heap_stack){.hash = 6, .addresses = deep, .n = 3, .flags = 3};
	assert_int_not_equal(heap_stack_intern(head, &stack, 0), at);
	(void)heap_stack_intern(head, &stack, 0);
	stack = (struct heap_stack){.hash = 0, .addresses = deep, .n = 0};
	assert_int_not_equal(heap_stack_intern(head, &stack, 0), 0);
	assert_int_equal(rig_lost(head, HEAP_LOSS_TRUNCATED), 1);
	assert_int_equal(rig_lost(head, HEAP_LOSS_NO_UNWIND), 1);
	rig_file_drop(head);
}

/* ---- short of memory */

static int tiny_disk(void)
{
	struct heap_index index = {0};
	struct heap_head *head;
	uint64_t i = 0;
	uint32_t n;
	int fd;

	if (tiny_tmpfs(scratch_dir, "512k"))
		return CHILD_SKIP;
	CHECK(heap_file_make(&head, scratch("heap"), 0, 0, NULL) == 0);
	/* Somebody else takes all but nothing of what is left. */
	fd = open(scratch("filler"), O_RDWR | O_CREAT, 0600);
	CHECK(fd >= 0);
	while (fallocate(fd, 0, 4096 * (off_t)i, 4096) == 0)
		i++;
	for (i = 0; i < 20000; i++) {
		struct heap_site *site = heap_site_at(head, rig_find(head, &index, i, 0, 1));

		atomic_fetch_add(&site->alloc_bytes, 1);
	}
	n = head->sites_used;
	CHECK(n < 20000 && n > HEAP_SITES_RESERVED);
	CHECK(rig_lost(head, HEAP_LOSS_SITE_TABLE) + n - HEAP_SITES_RESERVED == 20000);
	CHECK(atomic_load(&heap_site_at(head, heap_site_last_resort(3, HEAP_SITE_MALLOC))
				   ->alloc_bytes) == rig_lost(head, HEAP_LOSS_SITE_TABLE));
	for (int t = 0; t < 20000; t++)
		(void)heap_thread_row_add(head, t + 1, 0);
	CHECK(rig_lost(head, HEAP_LOSS_NO_THREAD) > 0);
	/* Once there is room again, it is used, though not at once. */
	CHECK(ftruncate(fd, 0) == 0 && close(fd) == 0);
	for (; i < 30000; i++)
		(void)rig_find(head, &index, i, 0, 1);
	CHECK(head->sites_used > n);
	heap_index_drop(head, &index);
	heap_file_drop(head);
	return 0;
}

static int no_disk(void)
{
	struct heap_head *head;
	struct err err = ERR_INIT;

	if (tiny_tmpfs(scratch_dir, "16k"))
		return CHILD_SKIP;
	CHECK(heap_file_make(&head, scratch("heap"), 0, 0, &err) == ERR_IO);
	CHECK(err.sys == ENOSPC);
	CHECK(access(scratch("heap"), F_OK) != 0);
	return 0;
}

static void a_full_tmpfs_costs_detail_and_no_signal(void **state)
{
	(void)state;
	in_child(no_disk);
	in_child(tiny_disk);
}

static int old_kernel(void)
{
	struct heap_index index = {0};
	struct heap_head *head;

	if (refuse_advice(23 /* MADV_POPULATE_WRITE */))
		return CHILD_SKIP;
	CHECK(heap_file_make(&head, rig_name(), 0, 0, NULL) == 0);
	for (uint32_t i = 0; i < 20000; i++)
		CHECK(rig_find(head, &index, i, 0, 1) == HEAP_SITES_RESERVED + i);
	CHECK(rig_lost(head, HEAP_LOSS_SITE_TABLE) == 0);
	heap_index_drop(head, &index);
	rig_file_drop(head);
	return 0;
}

static int old_kernel_full_disk(void)
{
	return refuse_advice(23) ? CHILD_SKIP : tiny_disk();
}

static void kernels_that_cannot_populate_are_served_too(void **state)
{
	(void)state;
	in_child(old_kernel);
	in_child(old_kernel_full_disk);
}

/* ---- threads */

#define HAMMERS       4
#define HAMMER_STACKS 9000u

struct hammer {
	struct heap_head *head;
	uint32_t row[100];
	uint32_t place[HAMMER_STACKS];
	uint32_t number;
	pthread_barrier_t *barrier;
};

static void *hammer(void *arg)
{
	struct hammer *h = arg;
	uint64_t addresses[RIG_DEPTH];

	(void)pthread_barrier_wait(h->barrier);
	for (uint32_t i = 0; i < HAMMER_STACKS; i++) {
		struct heap_stack stack = rig_stack(i, addresses);

		h->place[i] = heap_stack_intern(h->head, &stack, 0);
		if (i < 100)
			h->row[i] = heap_thread_row_add(h->head, (int)(h->number * 100 + i + 1), i);
	}
	return NULL;
}

static void threads_that_come_at_once_agree(void **state)
{
	static struct hammer hammers[HAMMERS];
	static uint8_t rows[HAMMERS * 100 + 1];
	struct heap_head *head = rig_file(0, 0);
	pthread_t threads[HAMMERS];
	pthread_barrier_t barrier;
	uint64_t addresses[RIG_DEPTH];

	(void)state;
	assert_int_equal(pthread_barrier_init(&barrier, NULL, HAMMERS), 0);
	for (uint32_t t = 0; t < HAMMERS; t++) {
		hammers[t] = (struct hammer){.head = head, .number = t, .barrier = &barrier};
		assert_int_equal(pthread_create(&threads[t], NULL, hammer, &hammers[t]), 0);
	}
	for (uint32_t t = 0; t < HAMMERS; t++)
		assert_int_equal(pthread_join(threads[t], NULL), 0);
	for (uint32_t t = 0; t < HAMMERS; t++)
		for (uint32_t i = 0; i < HAMMER_STACKS; i++) {
			struct heap_stack stack = rig_stack(i, addresses);
			uint32_t at = hammers[t].place[i];

			assert_int_not_equal(at, 0);
			assert_int_equal(rig_row(head, at)->hash, stack.hash);
			assert_int_equal(rig_row(head, at)->n, stack.n);
			assert_memory_equal(rig_addresses(head, at), addresses, 8 * stack.n);
		}
	assert_int_equal(head->threads_used, HAMMERS * 100 + 1);
	for (uint32_t t = 0; t < HAMMERS; t++)
		for (uint32_t i = 0; i < 100; i++) {
			uint32_t row = hammers[t].row[i];

			assert_in_range(row, 1, HAMMERS * 100);
			assert_int_equal(rows[row]++, 0);
		}
	(void)pthread_barrier_destroy(&barrier);
	rig_file_drop(head);
}

/* ---- memory of our own */

static int noted(const struct heap_head *head, const void *p, uint64_t bytes)
{
	for (int i = 0; i < HEAP_OWN_RANGES; i++)
		if (head->own[i].start == (uint64_t)(uintptr_t)p && head->own[i].bytes == bytes)
			return 1;
	return 0;
}

static void our_memory_is_noted_in_every_file(void **state)
{
	uint8_t *early = heap_map(NULL, 5000), *late;
	struct heap_head *head = rig_file(0, 0);
	int fds[2], in_child_noted = 0;
	pid_t pid;

	(void)state;
	assert_true(noted(head, early, 8192));
	assert_true(noted(head, head, head->file_bytes));
	late = heap_map(head, 4096);
	assert_true(noted(head, late, 4096));
	assert_int_equal(late[4095], 0);
	/* A child's memory is not the parent's, though the file is one. */
	assert_int_equal(pipe(fds), 0);
	pid = fork();
	if (pid == 0) {
		heap_unmap(head, late, 4096);
		heap_file_drop(head);
		CHECK(heap_file_make(&head, rig_name(), 0, 0, NULL) == 0);
		in_child_noted = noted(head, early, 8192) && !noted(head, late, 4096);
		CHECK(write(fds[1], &in_child_noted, sizeof in_child_noted) > 0);
		rig_file_drop(head);
		_exit(0);
	}
	assert_int_equal(read(fds[0], &in_child_noted, sizeof in_child_noted),
			 sizeof in_child_noted);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	close(fds[0]);
	close(fds[1]);
	assert_true(in_child_noted);
	assert_true(noted(head, late, 4096));
	heap_unmap(head, late, 4096);
	assert_false(noted(head, late, 4096));
	heap_unmap(head, early, 5000);
	rig_file_drop(head);
}

static void more_mappings_than_can_be_noted_are_used_all_the_same(void **state)
{
	static uint8_t *p[HEAP_OWN_RANGES + 10];
	struct heap_head *head = rig_file(0, 0);
	uint32_t known = 0;

	(void)state;
	for (uint32_t i = 0; i < HEAP_OWN_RANGES + 10; i++) {
		p[i] = heap_map(head, 4096);
		assert_non_null(p[i]);
		p[i][i] = 1;
		known += noted(head, p[i], 4096) ? 1 : 0;
	}
	assert_int_equal(known, HEAP_OWN_RANGES - 1); /* the file is one of them */
	for (uint32_t i = 0; i < HEAP_OWN_RANGES + 10; i++)
		heap_unmap(head, p[i], 4096);
	p[0] = heap_map(head, 4096);
	assert_true(noted(head, p[0], 4096));
	heap_unmap(head, p[0], 4096);
	rig_file_drop(head);
}

static void our_memory_has_a_name_where_the_kernel_can(void **state)
{
	void *p = heap_map(NULL, 65536);
	char line[512], name[64] = "";
	FILE *f = fopen("/proc/self/maps", "r");
	unsigned long start, end;

	(void)state;
	assert_non_null(f);
	while (fgets(line, sizeof line, f))
		if (sscanf(line, "%lx-%lx", &start, &end) == 2 && start <= (uintptr_t)p &&
		    (uintptr_t)p < end)
			(void)sscanf(line, "%*s %*s %*s %*s %*s %63s", name);
	fclose(f);
	heap_unmap(NULL, p, 65536);
	if (!name[0]) {
		print_message("skipped: this kernel does not name anonymous memory\n");
		skip();
	}
	assert_string_equal(name, "[anon:protea-prof]");
}

static void a_child_sees_wiped_memory_as_zeros(void **state)
{
	int wiped = 0, status;
	uint64_t *p = heap_map_wiped(NULL, 8192, &wiped);
	pid_t pid;

	(void)state;
	assert_non_null(p);
	if (!wiped) {
		print_message("skipped: this kernel does not wipe memory of children\n");
		heap_unmap(NULL, p, 8192);
		skip();
	}
	p[700] = 7;
	pid = fork();
	if (pid == 0)
		_exit(p[700] == 0 ? 0 : 1);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	assert_int_equal(p[700], 7);
	heap_wipe(p, 8192);
	assert_int_equal(p[700], 0);
	heap_unmap(NULL, p, 8192);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_file_says_how_it_is_laid_out, scratch_make,
						scratch_remove),
		cmocka_unit_test(a_full_file_has_the_limits_of_the_format),
		cmocka_unit_test(limits_of_the_program_make_files_small),
		cmocka_unit_test(a_stack_is_kept_once),
		cmocka_unit_test(deep_stacks_keep_the_leaf_end_and_poor_ones_are_counted),
		cmocka_unit_test_setup_teardown(a_full_tmpfs_costs_detail_and_no_signal,
						scratch_make, scratch_remove),
		cmocka_unit_test_setup_teardown(kernels_that_cannot_populate_are_served_too,
						scratch_make, scratch_remove),
		cmocka_unit_test(threads_that_come_at_once_agree),
		cmocka_unit_test(our_memory_is_noted_in_every_file),
		cmocka_unit_test(more_mappings_than_can_be_noted_are_used_all_the_same),
		cmocka_unit_test(our_memory_has_a_name_where_the_kernel_can),
		cmocka_unit_test(a_child_sees_wiped_memory_as_zeros),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
