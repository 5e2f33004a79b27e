/* Memory that grows without malloc. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <stdint.h>

#include "prof/base/err.h"
#include "prof/unwind/pages.h"

static void blocks_grow_and_keep_their_bytes(void **state)
{
	struct pages p = {0};
	uint32_t n = 0;

	(void)state;
	for (uint32_t i = 0; i < 1000000; i++) {
		assert_int_equal(pages_need(&p, ((size_t)i + 1) * sizeof i), 0);
		((uint32_t *)p.data)[i] = i;
	}
	for (uint32_t i = 0; i < 1000000; i++)
		n += ((uint32_t *)p.data)[i] == i;
	assert_int_equal(n, 1000000);
	assert_int_equal((uintptr_t)p.data % 4096, 0);
	assert_int_equal(((uint8_t *)p.data)[p.bytes - 1], 0);
	pages_free(&p);
	assert_null(p.data);
	assert_int_equal(p.bytes, 0);
	pages_free(&p);
}

static void what_cannot_be_had_changes_nothing(void **state)
{
	struct pages p = {0};
	void *data;

	(void)state;
	assert_int_equal(pages_need(&p, 1), 0);
	data = p.data;
	*(char *)p.data = 'x';
	assert_int_equal(pages_need(&p, SIZE_MAX), ERR_NOMEM);
	assert_int_equal(pages_need(&p, (size_t)1 << 46), ERR_NOMEM);
	assert_ptr_equal(p.data, data);
	assert_int_equal(p.bytes, 4096);
	assert_int_equal(*(char *)p.data, 'x');
	pages_free(&p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(blocks_grow_and_keep_their_bytes),
		cmocka_unit_test(what_cannot_be_had_changes_nothing),
	};

	return cmocka_run_group_tests_name("pages", tests, NULL, NULL);
}
