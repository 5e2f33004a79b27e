/* Every allocation of making, filling, naming, reading and copying a store fails once, SQLite's included:
 * each call says so, nothing leaks, and the file stays sound and without the part that failed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "tests/fault/each_sqlite.h"
#include "tests/fault/fault.h"
#include "tests/unit/store_check.h"
#include "tests/unit/store_rig.h"

#define TRY(call)                                                                                  \
	if (rc == 0)                                                                               \
		rc = (call);

static int nth;

/* A whole run with an inlined function, in a transaction. */
static int fill(struct store *s, const char *id, struct err *err)
{
	struct store_run run = {.id = id, .name = "x", .labels_json = "{}"};
	struct profile_process p = {.pid = 1};
	struct profile_thread t = {.tid = 2};
	struct profile_stage g = {.wall_ns = 5};
	struct store_name chain[2] = {{.function = "outer;", .file = "a.c"}, {.function = "inner"}};
	struct store_run_end end = {.duration_ns = 1};
	int64_t key = 0, process, thread = 0, module, frame, label, stack, stage = 0, snapshot;
	struct store_sample sample;
	int rc = store_begin(s, err);

	TRY(store_run_add(s, &run, &key, err));
	TRY(store_process_add(s, key, &p, "p", &process, err));
	TRY(store_thread_add(s, process, &t, "t", &thread, err));
	TRY(store_module_add(s, key, "/lib/x", "ab", 1, 2, 0, &module, err));
	TRY(store_frame_add(s, key, module, 7, &frame, err));
	TRY(store_frame_add_label(s, key, "[truncated]", &label, err));
	TRY(store_stack_add(s, 0, label, 1, &stack, err));
	TRY(store_stack_add(s, stack, frame, 2, &stack, err));
	TRY(store_stage_add(s, key, 0, thread, "stage", 1, 5, &stage, err));
	TRY(store_stage_end(s, stage, &g, "{}", err));
	TRY(store_sample_add(s, key, PROFILE_CPU, stage, thread, stack, 1, 1, err));
	sample = (struct store_sample){PROFILE_ALLOC, stage, thread, stack, 1, 1, 2, 3};
	TRY(store_sample_add_memory(s, key, &sample, err));
	TRY(store_snapshot_add(s, key, 9, "gone", 5, &snapshot, err));
	TRY(store_snapshot_row_add(s, snapshot, stack, 1, 5, err));
	TRY(store_snapshot_remove(s, snapshot, err));
	TRY(store_snapshot_add(s, key, 9, "auto", 5, &snapshot, err));
	TRY(store_snapshot_row_add(s, snapshot, stack, 1, 5, err));
	TRY(store_tick_add(s, key, thread, 9, stack, PROFILE_RUNNING, err));
	TRY(store_counter_add(s, key, 9, "c", 1, err));
	TRY(store_loss_add(s, key, "late_tick", 1, err));
	TRY(store_mark_set(s, key, "f", 1, 1, 1, err));
	TRY(store_name_frame(s, key, frame, chain, 2, err));
	TRY(store_names_apply(s, key, err));
	TRY(store_run_finish(s, key, &end, err));
	TRY(store_commit(s, err));
	if (rc < 0)
		store_rollback(s);
	return rc;
}

static void check_told(int rc, const struct err *err)
{
	if (rc < 0 && (err->code != rc || !err->text[0]))
		fail_msg("code %d without a text", rc);
}

static int make_and_fill(void)
{
	struct err err = ERR_INIT;
	struct store *s;
	int rc;

	snprintf(rig_path, sizeof rig_path, "%.200s/%d.sqlite", rig_folder, nth++ % 2);
	unlink(rig_path);
	rc = store_open(&s, rig_path, STORE_CREATE, &err);
	TRY(fill(s, "aaaa", &err));
	store_close(s);
	check_told(rc, &err);
	return rc;
}

static void making_and_filling_survives_each_failure(void **state)
{
	(void)state;
	assert_true(each_own_and_some_of_sqlite(make_and_fill) > 0);
	assert_int_equal(make_and_fill(), 0);
	assert_true(rig_sound());
	assert_int_equal(
		rig_int("SELECT sum(value) FROM folded WHERE folded = '[truncated];outer:;inner'"),
		2);
}

static struct store *opened;
static int succeeded; /* a failure may be hidden: SQLite can do without some of its caches */

static int refill(void)
{
	struct err err = ERR_INIT;
	char id[20];
	int rc;

	snprintf(id, sizeof id, "run-%d", nth++);
	rc = fill(opened, id, &err);
	succeeded += rc == 0;
	check_told(rc, &err);
	return rc;
}

/* The same with one handle that goes on after each failure: nothing of a failed transaction is in it. */
static void a_handle_goes_on_after_each_failure(void **state)
{
	(void)state;
	opened = rig_open(STORE_CREATE);
	assert_true(each_own_and_some_of_sqlite(refill) > 0);
	store_close(opened);
	assert_true(rig_sound());
	assert_int_equal(rig_int("SELECT count(*) FROM run"), succeeded);
	assert_int_equal(rig_int("SELECT count(*) FROM sample_row"), 2 * succeeded);
	assert_int_equal(rig_int("SELECT count(*) FROM snapshot_sample_row"), succeeded);
	assert_int_equal(rig_int("SELECT count(*) FROM stack_row"), 3 * succeeded);
}

static int see(void *ctx, const struct store_run_row *row)
{
	(void)row;
	++*(int *)ctx;
	return 0;
}

static int read_all(void)
{
	struct err err = ERR_INIT;
	struct profile p;
	struct store *s;
	int64_t run;
	int n = 0, rc = store_open(&s, rig_path, STORE_READ, &err);

	TRY(store_find_run(s, "aaaa", &run, &err));
	TRY(store_list_runs(s, see, &n, &err));
	TRY(store_read_run(s, run, STORE_READ_ALL, &p, &err));
	if (rc == 0) {
		assert_true(store_check_profile(&p));
		profile_release(&p);
	}
	store_close(s);
	check_told(rc, &err);
	return rc;
}

static void reading_survives_each_failure(void **state)
{
	struct store *s = rig_open(STORE_CREATE);

	(void)state;
	OK(fill(s, "aaaa", e));
	store_close(s);
	assert_true(each_own_and_some_of_sqlite(read_all) > 0);
}

static int change(void)
{
	struct err err = ERR_INIT;
	struct store *from, *to = NULL;
	char path[400];
	int copied, rc = store_open(&from, rig_path, STORE_WRITE, &err);

	snprintf(path, sizeof path, "%.200s/copy.sqlite", rig_folder);
	unlink(path);
	TRY(store_run_label(from, 1, "k", "v", &err));
	TRY(store_run_rename(from, 1, "n", &err));
	TRY(store_open(&to, path, STORE_CREATE, &err));
	TRY(store_run_copy(to, from, 1, &copied, &err));
	TRY(store_run_remove(to, 1, &err));
	store_close(to);
	store_close(from);
	check_told(rc, &err);
	return rc;
}

static void changes_survive_each_failure(void **state)
{
	struct store *s = rig_open(STORE_CREATE);

	(void)state;
	OK(fill(s, "aaaa", e));
	store_close(s);
	assert_true(each_own_and_some_of_sqlite(change) > 0);
	assert_true(rig_sound());
	assert_int_equal(rig_int("SELECT count(*) FROM run WHERE name = 'n'"), 1);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, rig_setup, rig_teardown)
	const struct CMUnitTest tests[] = {
		T(making_and_filling_survives_each_failure),
		T(a_handle_goes_on_after_each_failure),
		T(reading_survives_each_failure),
		T(changes_survive_each_failure),
	};

	sqlite_fault_install();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
