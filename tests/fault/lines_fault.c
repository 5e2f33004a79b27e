/* Every allocation of a line reader fails once, plain and gzip, short lines and long. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <zlib.h>

#include "pipeline/core/lines.h"
#include "tests/fault/each.h"
#include "tests/unit/scratch.h"

static const char *file;

static int read_all_lines(void)
{
	struct err err = ERR_INIT;
	struct lines *l;
	size_t len, n = 0;
	char *text;
	int rc = lines_open(&l, file, 0, &err);

	if (rc != 0) {
		assert_null(l);
		assert_int_equal(rc, ERR_NOMEM);
		return rc;
	}
	while ((rc = lines_next(l, &text, &len, &err)) == 1)
		n++;
	if (rc == 0)
		assert_int_equal(n, 3);
	else
		assert_int_equal(rc, ERR_NOMEM);
	if (rc != 0)
		assert_int_equal(lines_next(l, &text, &len, &err), ERR_NOMEM); /* sticks */
	lines_close(l);
	return rc;
}

/* The second line crosses the reader's chunks, so it is collected in a buffer that grows. */
static void *content(size_t *n)
{
	char *bytes = malloc(1000003);

	memset(bytes, 'x', 1000003);
	bytes[5] = bytes[999999] = bytes[1000002] = '\n';
	*n = 1000003;
	return bytes;
}

static void a_plain_file_fails_cleanly(void **state)
{
	size_t n;
	void *bytes = content(&n);

	(void)state;
	file = scratch_write("plain", bytes, n);
	free(bytes);
	assert_true(fault_each(read_all_lines, 0) >= 6);
}

static void a_gzip_file_fails_cleanly(void **state)
{
	size_t n;
	void *bytes = content(&n);
	gzFile z = gzopen(scratch("packed"), "wb");

	(void)state;
	assert_non_null(z);
	assert_int_equal(gzwrite(z, bytes, (unsigned)n), n);
	assert_int_equal(gzclose(z), Z_OK);
	free(bytes);
	file = scratch("packed");
	assert_true(fault_each(read_all_lines, 0) >= 6);
}

static int open_memory(void)
{
	struct lines *l;
	int rc = lines_open_memory(&l, "m", "a\nb\n", 4, NULL);

	if (rc == 0)
		lines_close(l);
	return rc;
}

static void a_reader_of_memory_fails_cleanly(void **state)
{
	(void)state;
	assert_int_equal(fault_each(open_memory, 0), 4);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_plain_file_fails_cleanly),
		cmocka_unit_test(a_gzip_file_fails_cleanly),
		cmocka_unit_test(a_reader_of_memory_fails_cleanly),
	};

	return cmocka_run_group_tests(tests, scratch_make, scratch_remove);
}
