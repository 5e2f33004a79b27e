/* Every allocation of the reader of heap files fails once: the answer is ERR_NOMEM, and nothing is left. */
#include "tests/unit/heap_table_rig.h"

#include "prof/heap/reader.h"
#include "tests/fault/each.h"

static struct heap_head *head;

static int once(void)
{
	struct heap_reader r;
	struct heap_sums sums;
	int rc = heap_reader_open(&r, rig_path, NULL);

	if (rc) {
		assert_int_equal(rc, ERR_NOMEM);
		assert_null(r.head);
		assert_null(r.seen);
	} else {
		assert_int_equal(heap_reader_sites(&r), HEAP_SITES_RESERVED);
		assert_int_equal(heap_reader_site(&r, 1, 0, &sums), 0);
	}
	heap_reader_close(&r);
	return rc;
}

static void a_reader_without_memory_is_none(void **state)
{
	(void)state;
	head = rig_file(512, 0);
	assert_true(fault_each(once, 0) >= 1);
	rig_file_drop(head);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_reader_without_memory_is_none),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
