/* Every allocation of taking a run out of a store, table by table, and into a private one fails once, SQLite's included:
 * each call says so, nothing leaks, and what went over is whole or not there. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "tests/fault/each_sqlite.h"
#include "tests/fault/fault.h"
#include "tests/unit/raw_move.h"
#include "tests/unit/store_check.h"

static void check_told(int rc, const struct err *err)
{
	if (rc < 0 && (err->code != rc || !err->text[0]))
		fail_msg("code %d without a text", rc);
}

static int layout(void)
{
	struct err err = ERR_INIT;
	struct store_raw_layout l;
	int rc = store_raw_layout(&l, &err);

	check_told(rc, &err);
	if (rc == 0) {
		/* A text that SQLite could not give is no column without a type or default. */
		assert_int_equal(l.run.columns[store_raw_find(&l.run, "ncpu")].type, STORE_RAW_INT);
		assert_string_equal(l.run.columns[store_raw_find(&l.run, "labels")].standard,
				    "'{}'");
		assert_true(l.n > 10);
	}
	store_raw_layout_release(&l); /* fine after a failure too */
	return rc;
}

static void the_layout_survives_each_failure(void **state)
{
	(void)state;
	assert_true(each_own_and_some_of_sqlite(layout) > 0);
}

static int move(void)
{
	struct err err = ERR_INIT;
	struct store *s, *to = NULL;
	struct profile p;
	int64_t run = 0;
	int rc = store_open(&s, rig_path, STORE_READ, &err);

	if (rc == 0)
		rc = raw_move(&to, s, 1, &run, &err);
	if (rc == 0)
		rc = store_read_run(to, run, STORE_READ_ALL, &p, &err);
	if (rc == 0) {
		assert_true(store_check_profile(&p));
		assert_int_equal(p.n_samples, 2);
		assert_int_equal(p.n_frames, 4);
		profile_release(&p);
	}
	store_close(to);
	store_close(s);
	check_told(rc, &err);
	return rc;
}

static void moving_survives_each_failure(void **state)
{
	(void)state;
	make_store();
	assert_true(each_own_and_some_of_sqlite(move) > 0);
	assert_true(rig_sound());
	assert_int_equal(rig_int("SELECT count(*) FROM run"), 1);
}

static int64_t target;

/* A target that goes on after each failure has no row of a failed one. */
static int into_the_same(void)
{
	struct store_raw_layout l = {0};
	struct err err = ERR_INIT;
	struct store *s, *to = NULL;
	char path[400];
	int rc = store_open(&s, rig_path, STORE_READ, &err);

	snprintf(path, sizeof path, "%.200s/to.sqlite", rig_folder);
	unlink(path);
	if (rc == 0)
		rc = store_open(&to, path, STORE_CREATE, &err);
	if (rc == 0)
		rc = store_raw_layout_of(&l, to, &err);
	for (int i = 0; to && l.n && i < 2; i++) { /* the second is one too many: same id */
		int more = store_begin(to, &err);

		if (more == 0) {
			more = raw_move_all(to, s, &l, 1, &target, &err);
			check_told(more, &err);
			if (more == 0)
				more = store_commit(to, &err);
			if (more < 0)
				store_rollback(to);
		}
		if (i == 0)
			rc = more;
		else
			assert_int_not_equal(more, rc == 0 ? 0 : 1);
	}
	store_raw_layout_release(&l);
	store_close(to);
	store_close(s);
	return rc;
}

static void a_target_goes_on_after_each_failure(void **state)
{
	(void)state;
	make_store();
	assert_true(each_own_and_some_of_sqlite(into_the_same) > 0);
	snprintf(rig_path, sizeof rig_path, "%.200s/to.sqlite", rig_folder);
	assert_true(rig_sound());
	assert_int_equal(rig_int("SELECT count(*) FROM run"), 1);
	assert_int_equal(rig_int("SELECT count(*) FROM sample_row"), 2);
	assert_int_equal(rig_int("SELECT count(*) FROM frame_row"), 4);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, rig_setup, rig_teardown)
	const struct CMUnitTest tests[] = {
		T(the_layout_survives_each_failure),
		T(moving_survives_each_failure),
		T(a_target_goes_on_after_each_failure),
	};

	sqlite_fault_install();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
