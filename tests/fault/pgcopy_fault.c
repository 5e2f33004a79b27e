/* Every allocation of reading COPY streams and vectors fails once: each call says so and holds nothing. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "prof/postgres/pgvalue.h"
#include "tests/fault/fault.h"
#include "tests/unit/pgcopy_bytes.h"

static struct buf stream = BUF_INIT;

static void make_stream(void)
{
	put_head(&stream);
	for (int row = 0; row < 3; row++) {
		put_be(&stream, 2, 2);
		put_field(&stream, "name", 4);
		put_be(&stream, 20 + 8 * 40, 4); /* real[] of 40 */
		put_be(&stream, 1, 4);
		put_be(&stream, 0, 4);
		put_be(&stream, 700, 4);
		put_be(&stream, 40, 4);
		put_be(&stream, 1, 4);
		for (int i = 0; i < 40; i++)
			put_field(&stream, "\x3f\x80\0\0", 4);
	}
	put_end(&stream);
}

static int take(void *ctx, const struct pgcopy_field *fields, int n_fields, struct err *err)
{
	struct buf scratch = BUF_INIT;
	struct pgvalue_vector v;
	int rc = pgvalue_vector(&fields[1], PGVALUE_REAL, -1, &scratch, &v, err);

	assert_int_equal(n_fields, 2);
	if (rc == 0)
		++*(int *)ctx;
	buf_release(&scratch);
	return rc;
}

/* In pieces, so that beginnings of tuples are kept. */
static int read_stream(int *rows, struct err *err)
{
	struct pgcopy_parser p;
	int rc = 0;

	*rows = 0;
	pgcopy_parser_init(&p, 2, take, rows);
	for (size_t at = 0; rc == 0 && at < stream.len; at += 50) {
		char piece[51];
		size_t n = stream.len - at < 50 ? stream.len - at : 50;

		memcpy(piece, stream.data + at, n);
		rc = pgcopy_parser_feed(&p, piece, n, err);
	}
	if (rc == 0)
		rc = pgcopy_parser_end(&p, err);
	pgcopy_parser_release(&p);
	return rc;
}

static void each_allocation_of_a_stream(void **state)
{
	int rows, rc;

	(void)state;
	for (size_t n = 1;; n++) {
		struct err err = ERR_INIT;

		fault_arm(n);
		rc = read_stream(&rows, &err);
		fault_disarm();
		if (rc == 0)
			break;
		assert_int_equal(rc, ERR_NOMEM);
		assert_int_equal(err.code, ERR_NOMEM);
		assert_true(n < 1000);
	}
	assert_int_equal(rows, 3);
}

static void each_allocation_of_opening(void **state)
{
	int rc = ERR_NOMEM;
	size_t n;

	(void)state;
	if (!pg_available())
		skip();
	for (n = 1; rc == ERR_NOMEM; n++) {
		struct err err = ERR_INIT;
		struct pg *pg;

		fault_arm(n);
		rc = pg_open(&pg, "postgresql://joe:secret@127.0.0.1:1/d", "t", &err);
		fault_disarm();
		assert_null(pg);
		assert_null(strstr(err.text, "secret"));
	}
	assert_int_equal(rc, ERR_NETWORK); /* nobody listens there */
	assert_true(n > 4);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_allocation_of_a_stream),
		cmocka_unit_test(each_allocation_of_opening),
	};
	int rc;

	make_stream();
	rc = cmocka_run_group_tests(tests, NULL, NULL);
	buf_release(&stream);
	return rc;
}
