/* The memory of a pool: pages are made behind its owner's back, what is written stays, and an end at any moment is one. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "pipeline/pool/pool_slots.h"

#define BYTES    ((size_t)33 << 20) /* the last part is a short one */
#define PATIENCE 3000               /* looks, 10 ms apart */

static size_t pages_there(const struct pool_slots *s)
{
	static unsigned char there[BYTES / 4096 + 1];
	size_t page = (size_t)sysconf(_SC_PAGESIZE), n = (s->bytes + page - 1) / page, found = 0;

	assert_true(n <= sizeof there);
	assert_int_equal(mincore(s->at, s->bytes, there), 0);
	for (size_t i = 0; i < n; i++)
		found += there[i] & 1;
	return found;
}

static void pages_come_by_themselves(void **state)
{
	struct timespec pause = {.tv_nsec = 10000000};
	struct pool_slots s = {0};
	size_t all = BYTES / (size_t)sysconf(_SC_PAGESIZE);

	(void)state;
	assert_int_equal(pool_slots_map(&s, BYTES, NULL), 0);
	assert_int_equal(pages_there(&s), 0);
	if (madvise(s.at, 4096, MADV_POPULATE_WRITE)) {
		munmap(s.at, s.bytes);
		print_message("this kernel makes no pages ahead\n");
		skip();
	}
	pool_slots_make_pages(&s);
	for (int i = 0; i < PATIENCE && pages_there(&s) < all; i++)
		nanosleep(&pause, NULL);
	assert_int_equal(pages_there(&s), all);
	pool_slots_settle(&s);
	munmap(s.at, s.bytes);
}

static void pages_come_when_they_are_asked_for(void **state)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	struct pool_slots s = {0};

	(void)state;
	assert_int_equal(pool_slots_map(&s, BYTES, NULL), 0);
	if (madvise(s.at, page, MADV_POPULATE_WRITE)) {
		munmap(s.at, s.bytes);
		print_message("this kernel makes no pages ahead\n");
		skip();
	}
	pool_slots_make(&s, 5 * page + 17, 9 * page + 1); /* five pages beside the first */
	assert_int_equal(pages_there(&s), 6);
	pool_slots_make(&s, 0, s.bytes);
	assert_int_equal(pages_there(&s), BYTES / page);
	munmap(s.at, s.bytes);
}

static void what_is_written_meanwhile_stays(void **state)
{
	struct pool_slots s = {0};

	(void)state;
	assert_int_equal(pool_slots_map(&s, BYTES, NULL), 0);
	pool_slots_make_pages(&s);
	for (size_t i = BYTES; i >= 4096; i -= 4096)
		s.at[i - 1] = (unsigned char)(i >> 12);
	pool_slots_settle(&s);
	for (size_t i = 0; i < BYTES; i++)
		if (s.at[i] != (i % 4096 == 4095 ? (unsigned char)((i + 1) >> 12) : 0))
			fail_msg("byte %zu is %d", i, s.at[i]);
	munmap(s.at, s.bytes);
}

static void it_ends_at_once(void **state)
{
	struct pool_slots s = {0};

	(void)state;
	for (int round = 0; round < 20; round++) {
		assert_int_equal(pool_slots_map(&s, BYTES, NULL), 0);
		pool_slots_make_pages(&s);
		pool_slots_settle(&s);
		assert_null(s.behind);
		munmap(s.at, s.bytes);
		s = (struct pool_slots){0};
	}
	pool_slots_settle(&s); /* of what never began */
}

static void more_than_there_is_is_refused(void **state)
{
	struct pool_slots s = {0};
	struct err err = ERR_INIT;

	(void)state;
	assert_int_equal(pool_slots_map(&s, SIZE_MAX / 2, &err), ERR_NOMEM);
	assert_non_null(strstr(err.text, "pool"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(pages_come_by_themselves),
		cmocka_unit_test(pages_come_when_they_are_asked_for),
		cmocka_unit_test(what_is_written_meanwhile_stays),
		cmocka_unit_test(it_ends_at_once),
		cmocka_unit_test(more_than_there_is_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
