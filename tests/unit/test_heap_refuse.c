/* Heap files that are none, not yet, or no longer: refused by name, or read as far as they are whole; no word of
 * a damaged one leads the reader outside. */
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
		FOLDER(a_file_that_is_being_made_is_not_there_yet),
		FOLDER(foreign_files_are_refused),
		TEST(a_head_that_cannot_be_is_refused),
		TEST(damaged_words_never_lead_outside),
		FOLDER(holes_on_a_full_tmpfs_end_the_table),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
