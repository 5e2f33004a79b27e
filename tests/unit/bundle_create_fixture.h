/* What the tests of bundle_create share: fresh inputs per test, and what a bundle must hold afterwards.
 * Included by test programs only. */
#ifndef TESTS_BUNDLE_CREATE_FIXTURE_H
#define TESTS_BUNDLE_CREATE_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <dirent.h>
#include <sqlite3.h>
#include <sys/stat.h>

#include "tests/unit/bundle_inputs.h"

static struct inputs in;

static inline int make_inputs(void **state)
{
	if (scratch_make(state) < 0)
		return -1;
	inputs_make(&in);
	return 0;
}

static inline int remove_inputs(void **state)
{
	inputs_release(&in);
	return scratch_remove(state);
}

/* ---- helpers ---------------------------------------------------------------------------------- */

static inline void create(struct create_report *report)
{
	struct err err = ERR_INIT;

	if (bundle_create(&in.opt, report, &err) < 0)
		fail_msg("%s", err.text);
}

/* Rows of a query, values joined with '|', rows with a blank. */
static inline void rows_are(const char *sql, const char *want)
{
	struct buf got = BUF_INIT;
	sqlite3_stmt *stmt;
	sqlite3 *db;
	int i;

	assert_int_equal(sqlite3_open_v2(in.opt.out, &db, SQLITE_OPEN_READONLY, NULL), SQLITE_OK);
	if (sqlite3_prepare_v2(db, sql, -1, &stmt, NULL) != SQLITE_OK)
		fail_msg("%s: %s", sql, sqlite3_errmsg(db));
	while (sqlite3_step(stmt) == SQLITE_ROW) {
		buf_puts(&got, got.len ? " " : "");
		for (i = 0; i < sqlite3_column_count(stmt); i++) {
			const char *text = (const char *)sqlite3_column_text(stmt, i);

			buf_printf(&got, "%s%s", i ? "|" : "", text ? text : "NULL");
		}
	}
	assert_string_equal(buf_str(&got), want);
	sqlite3_finalize(stmt);
	sqlite3_close(db);
	buf_release(&got);
}

static inline void remark_is(const struct create_report *r, uint64_t count, const char *part)
{
	size_t i;

	for (i = 0; i < r->n_remarks; i++) {
		if (strstr(r->remark[i].text, part)) {
			assert_int_equal(r->remark[i].count, count);
			return;
		}
	}
	fail_msg("no remark with '%s'", part);
}

/* Neither a bundle nor anything half made is in the folder. */
static inline void nothing_is_left(void)
{
	DIR *d = opendir(scratch_dir);
	struct dirent *e;

	assert_non_null(d);
	while ((e = readdir(d))) {
		if (strncmp(e->d_name, "out.bundle", 10) == 0)
			fail_msg("%s is there", e->d_name);
	}
	closedir(d);
}

static inline void fails_with(int code, const char *message)
{
	struct create_report report;
	struct err err = ERR_INIT;

	assert_int_equal(bundle_create(&in.opt, &report, &err), code);
	create_report_release(&report);
	if (!strstr(err.text, message))
		fail_msg("'%s' lacks '%s'", err.text, message);
	nothing_is_left();
}

static inline void remove_out(void)
{
	assert_int_equal(fsio_remove(in.opt.out), 0);
}

/* Replaces a file for one failing run. */
static inline void fails_when(const char *name, const char *text, const char *usual, int code,
			      const char *message)
{
	input_text(name, text);
	fails_with(code, message);
	input_text(name, usual);
}

/* ---- rows ------------------------------------------------------------------------------------- */

#define TEST(f) cmocka_unit_test_setup_teardown(f, make_inputs, remove_inputs)

#endif
