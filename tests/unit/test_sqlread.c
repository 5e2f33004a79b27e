/* Files of SQL statements as their reader meets them: whole, not complete yet, damaged, or no file at all. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <sys/stat.h>

#include "prof/spool/sqlread.h"
#include "tests/unit/scratch.h"
#include "tests/unit/sql_made.h"

static int opens(const char *path)
{
	struct sql_reader r;
	int rc = sql_reader_open(&r, path, NULL);

	sql_reader_close(&r);
	return rc;
}

static void what_a_target_wrote_is_read(void **state)
{
	const char *path = scratch("1.0.sql"), *bytes;
	struct sql_head *h = sql_made_file(path);
	struct sql_statement_view s;
	struct sql_stack_view stack;
	struct sql_site_view v;
	struct sql_reader r;
	uint32_t len;
	int64_t since;

	(void)state;
	assert_int_equal(sql_reader_open(&r, path, NULL), 0);
	assert_int_equal(sql_reader_sites(&r), SQL_MADE_SITES);
	assert_int_equal(sql_reader_site(&r, 0, &v), 0);
	assert_int_equal(sql_reader_site(&r, SQL_MADE_SITES, &v), 0); /* never written */
	assert_int_equal(sql_reader_site(&r, 1, &v), 1);
	assert_int_equal(v.calls, 40);
	assert_int_equal(v.times[sql_bucket(1000)], 40);
	assert_int_equal(sql_reader_statement(&r, v.statement, &s), 1);
	assert_int_equal(s.text_len, strlen("select a from b where c = ?"));
	assert_memory_equal(s.text, "select a from b where c = ?", s.text_len);
	assert_int_equal(sql_reader_stack(&r, v.stack, &stack), 0);
	assert_int_equal(stack.n, 3);
	assert_int_equal(stack.addresses[2], 0x400010);
	assert_int_equal(sql_reader_stack(&r, 0, &stack), ERR_NOTFOUND);
	assert_int_equal(sql_reader_example(&r, &s.example, &bytes, &len), 1);
	assert_int_equal(len, 5);
	assert_int_equal(sql_reader_example(&r, &s.example, &bytes, &len), 1);
	assert_int_equal(sql_reader_example(&r, &s.example, &bytes, &len), 0);
	assert_int_equal(sql_reader_waiting(&r, 5, &since), 3);
	assert_int_equal(since, 100);
	assert_int_equal(sql_reader_waiting(&r, 6, &since), 0);
	sql_reader_close(&r);
	sql_made_unmap(h);
}

static void what_is_out_of_bounds_is_not_handed_out(void **state)
{
	const char *path = scratch("2.0.sql"), *bytes;
	struct sql_head *h = sql_made_file(path);
	const struct sql_example loop = {400, 1};
	struct sql_statement_view s;
	struct sql_stack_view stack;
	struct sql_site_view v;
	struct sql_reader r;
	uint32_t at = 400, len, deep = SQL_DEPTH_MAX + 1;
	int64_t since;

	(void)state;
	assert_int_equal(sql_reader_open(&r, path, NULL), 0);
	h->sites_used = UINT32_MAX;
	assert_int_equal(sql_reader_sites(&r), SQL_SITES_MAX);
	assert_int_equal(sql_reader_site(&r, SQL_SITES_MAX, &v), 0);
	assert_int_equal(sql_reader_statement(&r, SQL_STATEMENTS_MAX, &s), 0);
	sql_made_statement(h, 1)->text = SQL_TEXTS_BYTES - SQL_TEXT_MAX;
	sql_made_statement(h, 1)->text_len = SQL_TEXT_MAX - 1;
	assert_int_equal(sql_reader_statement(&r, 1, &s), 1);
	sql_made_statement(h, 1)->text++;
	assert_int_equal(sql_reader_statement(&r, 1, &s), 0);
	sql_made_statement(h, 1)->text = 8;
	sql_made_statement(h, 1)->text_len = SQL_TEXT_MAX;
	assert_int_equal(sql_reader_statement(&r, 1, &s), 0);
	memcpy(sql_made_at(h, SQL_TEXTS_OFFSET + 400), &loop, sizeof loop);
	assert_int_equal(sql_reader_example(&r, &at, &bytes, &len), 0); /* of itself */
	at = UINT32_MAX;
	assert_int_equal(sql_reader_example(&r, &at, &bytes, &len), 0);
	assert_int_equal(sql_reader_stack(&r, UINT32_MAX, &stack), ERR_FORMAT);
	memcpy(sql_made_at(h, SQL_STACKS_OFFSET + 8), &deep, sizeof deep);
	assert_int_equal(sql_reader_stack(&r, 1, &stack), ERR_FORMAT);
	deep = 3; /* addresses, of which the last is not in the file's part */
	memcpy(sql_made_at(h, SQL_STACKS_OFFSET + SQL_STACKS_BYTES - 32), &deep, sizeof deep);
	assert_int_equal(sql_reader_stack(&r, (SQL_STACKS_BYTES - 32) / 8, &stack), ERR_FORMAT);
	sql_made_conn(h, 5)->site = SQL_SITES_MAX;
	assert_int_equal(sql_reader_waiting(&r, 5, &since), 0);
	assert_int_equal(sql_reader_waiting(&r, SQL_CONNS_MAX, &since), 0);
	sql_reader_close(&r);
	sql_made_unmap(h);
}

static void other_files_are_refused(void **state)
{
	const char *path = scratch("3.0.sql");
	struct sql_head *h = sql_made_file(path);

	(void)state;
	assert_int_equal(opens(path), 0);
	h->magic = 0;
	assert_int_equal(opens(path), ERR_NOTFOUND); /* not complete yet */
	h->magic = SQL_MAGIC + 1;
	assert_int_equal(opens(path), ERR_FORMAT);
	h->magic = SQL_MAGIC;
	h->version++;
	assert_int_equal(opens(path), ERR_UNSUPPORTED);
	h->version--;
	h->file_bytes--;
	assert_int_equal(opens(path), ERR_FORMAT);
	h->file_bytes++;
	assert_int_equal(opens(path), 0);
	assert_int_equal(truncate(path, (off_t)SQL_FILE_BYTES - 1), 0);
	assert_int_equal(opens(path), ERR_FORMAT);
	assert_int_equal(truncate(path, 100), 0);
	assert_int_equal(opens(path), ERR_NOTFOUND);
	sql_made_unmap(h);
	assert_int_equal(opens(scratch("none.sql")), ERR_NOTFOUND);
}

/* A FIFO would be waited for without end. */
static void what_is_no_file_is_refused_at_once(void **state)
{
	const char *path = scratch("4.0.sql");

	(void)state;
	assert_int_equal(mkfifo(path, 0600), 0);
	(void)alarm(60);
	assert_int_equal(opens(path), ERR_FORMAT);
	(void)alarm(0);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(mkdir(path, 0700), 0);
	assert_int_equal(opens(path), ERR_FORMAT);
	assert_int_equal(rmdir(path), 0);
	assert_int_equal(symlink("1.0.sql", path), 0);
	assert_int_equal(opens(path), ERR_IO);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_a_target_wrote_is_read),
		cmocka_unit_test(what_is_out_of_bounds_is_not_handed_out),
		cmocka_unit_test(other_files_are_refused),
		cmocka_unit_test(what_is_no_file_is_refused_at_once),
	};

	return cmocka_run_group_tests(tests, scratch_make, scratch_remove);
}
