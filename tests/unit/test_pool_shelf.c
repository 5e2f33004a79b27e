/* Pools set aside and found again by their configuration. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "pipeline/job/pool_shelf.h"

static struct pool make(int nth, uint32_t n)
{
	struct pool p = {.n = n, .dim = 4, .mapped_bytes = 4096};

	snprintf(p.config_id, sizeof p.config_id, "config %d", nth);
	p.mapping = mmap(NULL, p.mapped_bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
			 -1, 0);
	assert_true(p.mapping != MAP_FAILED);
	p.values = p.mapping;
	p.values[0] = (uint16_t)nth;
	p.protein = malloc(4);
	p.row_of = malloc(4);
	return p;
}

static void what_is_put_is_taken_once(void **state)
{
	struct pool_shelf s = {0};
	struct pool p;
	char id[16];

	(void)state;
	for (int i = 0; i < 20; i++) {
		p = make(i, (uint32_t)i);
		pool_shelf_put(&s, &p);
		assert_null(p.values); /* it is the shelf's now */
	}
	assert_int_equal(pool_shelf_take(&s, "config 20", &p), 0);
	assert_int_equal(pool_shelf_bytes(&s, ""), 190 * 8);
	assert_int_equal(pool_shelf_bytes(&s, "config 7"), 183 * 8);
	for (int i = 0; i < 20; i += 2) {
		snprintf(id, sizeof id, "config %d", i);
		assert_int_equal(pool_shelf_take(&s, id, &p), 1);
		assert_int_equal(p.values[0], i);
		assert_int_equal(p.n, i);
		pool_release(&p);
		assert_int_equal(pool_shelf_take(&s, id, &p), 0);
	}
	assert_int_equal(pool_shelf_bytes(&s, ""), 100 * 8);
	pool_shelf_clear(&s); /* what is left of them goes with it */
	assert_int_equal(pool_shelf_bytes(&s, ""), 0);
	assert_int_equal(pool_shelf_take(&s, "config 1", &p), 0);
	pool_shelf_clear(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_put_is_taken_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
