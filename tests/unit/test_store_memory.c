/* Memory in the store: samples with variance and lives, snapshots, how memory was tracked; copied, named,
 * removed, and read after a foreign hand was there. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "tests/unit/store_check.h"
#include "tests/unit/store_rig.h"

#define ID_A "aaaaaaaa-0000-4000-8000-000000000001"

struct memory_run {
	struct rig_run r;
	int64_t snapshots[2], lonely; /* lonely: a stack that the second snapshot alone has */
};

static int64_t memory_run_row(struct store *s)
{
	struct store_run run = {.id = ID_A,
				.name = "a",
				.memory = "sampled",
				.memory_rate_bytes = 4096,
				.memory_temporary = 2,
				.start_ns = 1000};
	int64_t key = 0;

	OK(store_run_add(s, &run, &key, e));
	return key;
}

static void add_sample(struct store *s, const struct rig_run *r, enum profile_kind kind,
		       uint64_t count, int64_t value, double variance, double life_ns)
{
	struct store_sample sample = {kind,  r->stage, r->thread, r->stacks[2],
				      count, value,    variance,  life_ns};

	OK(store_sample_add_memory(s, r->run, &sample, e));
}

static void fill_memory(struct store *s, struct memory_run *m)
{
	struct rig_run *r = &m->r;
	struct profile_process p = {.pid = 70, .ppid = 1, .start_ns = 1000};
	struct profile_thread t = {.tid = 71, .start_ns = 1000};
	int64_t frame;

	r->run = memory_run_row(s);
	OK(store_process_add(s, r->run, &p, "prog", &r->process, e));
	OK(store_thread_add(s, r->process, &t, "main", &r->thread, e));
	OK(store_module_add(s, r->run, "/usr/bin/prog", "abcd", 0x1000, 0x2000, 0, &r->module, e));
	for (int i = 0; i < 4; i++) {
		OK(store_frame_add(s, r->run, r->module, 0x100u + (unsigned)i, &r->frames[i], e));
		OK(store_stack_add(s, i ? r->stacks[i - 1] : 0, r->frames[i], 1u + (unsigned)i,
				   &r->stacks[i], e));
	}
	OK(store_frame_add(s, r->run, r->module, 0x900, &frame, e));
	OK(store_stack_add(s, r->stacks[0], frame, 2, &m->lonely, e));
	OK(store_stage_add(s, r->run, 0, r->thread, "knn", 1, 1100, &r->stage, e));
	OK(store_snapshot_add(s, r->run, 1500, "auto", 100, &m->snapshots[0], e));
	OK(store_snapshot_row_add(s, m->snapshots[0], r->stacks[2], 2, 60, e));
	OK(store_snapshot_add(s, r->run, 1400, "asked", 0, &m->snapshots[1], e));
	OK(store_snapshot_row_add(s, m->snapshots[1], r->stacks[2], 1, 10, e));
	OK(store_snapshot_row_add(s, m->snapshots[1], m->lonely, 3, 30, e));
}

static struct memory_run make_memory(void)
{
	struct store *s = rig_open(STORE_CREATE);
	struct store_name n = {.function = "somewhere", .file = "a.c"};
	struct memory_run m;

	OK(store_begin(s, e));
	fill_memory(s, &m);
	add_sample(s, &m.r, PROFILE_ALLOC, 3, 300, 2.5, 1e9);
	OK(store_name_frame(s, m.r.run, m.r.frames[0], &n, 1, e));
	OK(store_names_apply(s, m.r.run, e));
	rig_finish(s, m.r.run);
	OK(store_commit(s, e));
	store_close(s);
	return m;
}

static void sums_of_samples_add_up_on_rows_that_exist(void **state)
{
	struct store *s = rig_open(STORE_CREATE);
	struct memory_run m;
	struct profile p;

	(void)state;
	OK(store_begin(s, e));
	fill_memory(s, &m);
	add_sample(s, &m.r, PROFILE_ALLOC, 3, 300, 2.5, 1e9);
	add_sample(s, &m.r, PROFILE_ALLOC, 1, 100, 0.5, 0); /* meets in memory */
	OK(store_commit(s, e));
	OK(store_begin(s, e));
	add_sample(s, &m.r, PROFILE_ALLOC, 1, 1, 1, 5); /* meets in the file */
	add_sample(s, &m.r, PROFILE_LIVE, 1, 0, 0, 0);  /* an empty block that lives */
	OK(store_commit(s, e));
	OK(store_begin(s, e));
	add_sample(s, &m.r, PROFILE_LIVE, 0, 7, 4, 0); /* variance where there was none */
	OK(store_commit(s, e));
	OK(store_read_run(s, m.r.run, STORE_READ_ALL, &p, e));
	assert_int_equal(p.n_samples, 2);
	assert_int_equal(p.samples[0].kind, PROFILE_ALLOC);
	assert_int_equal(p.samples[0].count, 5);
	assert_int_equal(p.samples[0].value, 401);
	assert_true(p.samples[0].variance == 4);
	assert_true(p.samples[0].life_ns == 1e9 + 5);
	assert_int_equal(p.samples[1].count, 1);
	assert_int_equal(p.samples[1].value, 7);
	assert_true(p.samples[1].variance == 4 && p.samples[1].life_ns == 0);
	profile_release(&p);
	store_close(s);
	assert_int_equal(rig_int("SELECT variance * 10 FROM sample WHERE kind = 'alloc'"), 40);
	assert_int_equal(rig_int("SELECT life_ns FROM sample WHERE kind = 'alloc'"), 1000000005);
	assert_int_equal(rig_int("SELECT life_ns IS NULL FROM sample WHERE kind = 'live'"), 1);
}

static void numbers_that_mean_nothing_are_not_stored(void **state)
{
	struct store *s = rig_open(STORE_CREATE);
	struct memory_run m;

	(void)state;
	OK(store_begin(s, e));
	fill_memory(s, &m);
	add_sample(s, &m.r, PROFILE_ALLOC, 1, 1, -3, (double)NAN);
	add_sample(s, &m.r, PROFILE_COPY, 1, 1, (double)INFINITY, 0);
	OK(store_sample_add(s, m.r.run, PROFILE_CPU, 0, m.r.thread, m.r.stacks[1], 1, 5, e));
	OK(store_commit(s, e));
	store_close(s);
	assert_int_equal(rig_int("SELECT count(*) FROM sample WHERE variance IS NULL AND"
				 " life_ns IS NULL"),
			 3);
}

static void how_memory_was_tracked_is_told(void **state)
{
	struct store *s;
	struct memory_run m = make_memory();
	struct profile p;

	(void)state;
	s = rig_open(STORE_READ);
	OK(store_read_run(s, m.r.run, 0, &p, e));
	assert_string_equal(strtab_text(p.strings, p.run.memory), "sampled");
	assert_int_equal(p.run.memory_rate_bytes, 4096);
	assert_int_equal(p.run.memory_temporary, 2);
	assert_int_equal(p.n_snapshots, 0);
	profile_release(&p);
	store_close(s);
	s = rig_open(STORE_WRITE);
	OK(store_begin(s, e));
	OK(store_read_run(s, rig_run(s, "bbbb", "b", 2), 0, &p, e));
	assert_int_equal(p.run.memory, STRTAB_EMPTY);
	OK(store_commit(s, e));
	profile_release(&p);
	store_close(s);
	assert_int_equal(rig_int("SELECT memory_rate_bytes IS NULL AND memory_temporary IS NULL"
				 " FROM run WHERE id = 'bbbb'"),
			 1);
}

static void snapshots_come_by_time_each_with_its_rows(void **state)
{
	struct memory_run m = make_memory();
	struct store *s = rig_open(STORE_READ);
	const struct profile_snapshot *first;
	struct profile p;

	(void)state;
	OK(store_read_run(s, m.r.run, STORE_READ_SNAPSHOTS, &p, e));
	assert_int_equal(p.n_snapshots, 2);
	assert_int_equal(p.n_snapshot_rows, 3);
	assert_int_equal(p.n_samples, 0);
	first = &p.snapshots[0];
	assert_int_equal(first->t_ns, 1400);
	assert_int_equal(first->id, m.snapshots[1]);
	assert_string_equal(strtab_text(p.strings, first->name), "asked");
	assert_int_equal(first->n, 2);
	assert_int_equal(
		p.snapshot_rows[first->first].value + p.snapshot_rows[first->first + 1].value, 40);
	assert_int_equal(p.snapshots[1].heap_bytes, 100);
	assert_int_equal(p.snapshots[1].n, 1);
	assert_int_equal(p.snapshot_rows[p.snapshots[1].first].count, 2);
	assert_true(store_check_profile(&p));
	profile_release(&p);
	store_close(s);
	assert_int_equal(rig_int("SELECT sum(value) FROM snapshot_sample x JOIN snapshot s"
				 " ON s.id = x.snapshot_id AND s.run_id = x.run_id"
				 " WHERE s.name = 'asked' AND s.t_ns = 1400"),
			 40);
}

/* A function inlined above a stack that only a snapshot names. */
static void stacks_of_snapshots_alone_are_named(void **state)
{
	static const struct store_name chain[] = {{.function = "outer"}, {.function = "inner"}};
	struct store *s = rig_open(STORE_CREATE);
	struct memory_run m;

	(void)state;
	OK(store_begin(s, e));
	fill_memory(s, &m);
	for (int i = 0; i < 4; i++)
		OK(store_name_frame(s, m.r.run, m.r.frames[i], chain, 1, e));
	OK(store_name_frame(s, m.r.run, m.r.frames[3] + 1, chain, 2, e));
	OK(store_names_apply(s, m.r.run, e));
	rig_finish(s, m.r.run);
	OK(store_commit(s, e));
	store_close(s);
	assert_int_equal(rig_int("SELECT count(*) FROM snapshot_sample x JOIN stack k ON"
				 " k.id = x.stack_id JOIN frame f ON f.id = k.frame_id JOIN stack u"
				 " ON u.id = k.parent_id JOIN frame g ON g.id = u.frame_id"
				 " WHERE f.function = 'inner' AND g.function = 'outer'"
				 " AND f.inline_depth = 1 AND k.depth = 3"),
			 1);
	assert_int_equal(rig_int("SELECT count(*) FROM stack_row WHERE path > 0"), 2);
	assert_true(rig_sound());
}

static void a_removed_snapshot_takes_its_rows_along(void **state)
{
	struct memory_run m = make_memory();
	struct store *s = rig_open(STORE_WRITE);
	struct err err = ERR_INIT;

	(void)state;
	assert_int_equal(store_snapshot_remove(s, m.snapshots[1], &err), ERR_INTERNAL);
	OK(store_begin(s, e));
	OK(store_snapshot_remove(s, m.snapshots[1], e));
	OK(store_commit(s, e));
	store_close(s);
	assert_int_equal(rig_int("SELECT count(*) FROM snapshot"), 1);
	assert_int_equal(rig_int("SELECT sum(value) FROM snapshot_sample"), 60);
}

static void a_row_of_another_run_is_refused(void **state)
{
	struct memory_run m = make_memory();
	struct store *s = rig_open(STORE_WRITE);
	struct err err = ERR_INIT;

	(void)state;
	OK(store_begin(s, e));
	assert_int_equal(store_snapshot_row_add(s, m.snapshots[0],
						m.r.stacks[0] + (INT64_C(1) << 32), 1, 1, &err),
			 ERR_ARG);
	store_close(s);
}

static int64_t rows_of(const char *path, const char *query)
{
	char kept[sizeof rig_path];
	int64_t n;

	memcpy(kept, rig_path, sizeof kept);
	snprintf(rig_path, sizeof rig_path, "%s", path);
	n = rig_int(query);
	memcpy(rig_path, kept, sizeof kept);
	return n;
}

static void a_copied_run_has_its_memory_and_a_removed_one_leaves_none(void **state)
{
	struct memory_run m = make_memory();
	struct store *from = rig_open(STORE_WRITE), *to;
	char path[400];
	int copied;

	(void)state;
	snprintf(path, sizeof path, "%.300s/b.sqlite", rig_folder);
	OK(store_open(&to, path, STORE_CREATE, e));
	OK(store_begin(to, e));
	(void)rig_run(to, "cccc", "before", 0); /* so that keys differ */
	OK(store_commit(to, e));
	OK(store_run_copy(to, from, m.r.run, &copied, e));
	assert_true(copied);
	store_close(to);
	assert_int_equal(rows_of(path, "SELECT sum(x.value) FROM snapshot_sample x JOIN stack k"
				       " ON k.id = x.stack_id JOIN run r ON r.id = x.run_id"
				       " WHERE r.memory = 'sampled' AND r.memory_rate_bytes = 4096"
				       " AND r.memory_temporary = 2 AND r.key = 2"),
			 100);
	assert_int_equal(rows_of(path, "SELECT life_ns FROM sample"), 1000000000);
	OK(store_run_remove(from, m.r.run, e));
	store_close(from);
	assert_int_equal(rig_int("SELECT (SELECT count(*) FROM snapshot_row) +"
				 " (SELECT count(*) FROM snapshot_sample_row)"),
			 0);
}

/* ---- a foreign hand ---- */

static void check_change(const char *sql, int want)
{
	struct memory_run m = make_memory();
	struct err err = ERR_INIT;
	struct profile p;
	struct store *s;
	int rc;

	assert_int_equal(rig_exec(sql), 0);
	s = rig_open(STORE_READ);
	rc = store_read_run(s, m.r.run, STORE_READ_ALL, &p, &err);
	if (rc != want)
		fail_msg("%s: %d, %s", sql, rc, err.text);
	if (rc == 0) {
		assert_true(store_check_profile(&p));
		profile_release(&p);
	}
	store_close(s);
	assert_int_equal(unlink(rig_path), 0);
}

static void what_contradicts_itself_is_refused(void **state)
{
	(void)state;
	check_change("DELETE FROM snapshot_row", ERR_FORMAT);
	check_change("UPDATE snapshot_sample_row SET snapshot = 77 WHERE snapshot = 1", ERR_FORMAT);
	check_change("UPDATE snapshot_sample_row SET snapshot = -1 WHERE snapshot = 1", ERR_FORMAT);
	check_change("UPDATE snapshot_sample_row SET stack = 4000000000 WHERE snapshot = 1",
		     ERR_FORMAT);
	check_change("UPDATE snapshot_sample_row SET stack = -2 WHERE snapshot = 1", ERR_FORMAT);
	check_change("UPDATE snapshot_row SET name = 99", ERR_FORMAT);
	check_change("UPDATE snapshot_row SET t = 9223372036854775807", ERR_FORMAT);
	check_change("INSERT INTO snapshot_row VALUES ((1 << 32) + 4294967295, 1, 1, 1)",
		     ERR_FORMAT);
	check_change("INSERT INTO snapshot_row VALUES (1 << 32, 1, 1, 1)", ERR_FORMAT);
}

static void odd_values_are_read_as_far_as_they_go(void **state)
{
	(void)state;
	check_change("UPDATE sample_row SET variance = -1, life = 'long'", 0);
	check_change("UPDATE sample_row SET variance = 9e999, life = -9e999", 0);
	check_change("UPDATE snapshot_sample_row SET count = -5, value = 'x'", 0);
	check_change("UPDATE snapshot_row SET heap_bytes = x'00', t = -5", 0);
	check_change("UPDATE run SET memory = 7, memory_rate_bytes = -1, memory_temporary = 'x'",
		     0);
}

static void a_store_without_the_tables_is_damaged(void **state)
{
	struct err err = ERR_INIT;
	struct store *s;

	(void)state;
	(void)make_memory();
	assert_int_equal(rig_exec("DROP TABLE snapshot_sample_row"), 0);
	assert_int_equal(store_open(&s, rig_path, STORE_READ, &err), ERR_FORMAT);
	assert_int_equal(store_open(&s, rig_path, STORE_WRITE, &err), ERR_FORMAT);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, rig_setup, rig_teardown)
	const struct CMUnitTest tests[] = {
		T(sums_of_samples_add_up_on_rows_that_exist),
		T(numbers_that_mean_nothing_are_not_stored),
		T(how_memory_was_tracked_is_told),
		T(snapshots_come_by_time_each_with_its_rows),
		T(stacks_of_snapshots_alone_are_named),
		T(a_removed_snapshot_takes_its_rows_along),
		T(a_row_of_another_run_is_refused),
		T(a_copied_run_has_its_memory_and_a_removed_one_leaves_none),
		T(what_contradicts_itself_is_refused),
		T(odd_values_are_read_as_far_as_they_go),
		T(a_store_without_the_tables_is_damaged),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
