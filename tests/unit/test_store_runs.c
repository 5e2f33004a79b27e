/* prof/store/runs and copy: which run is meant, changes by hand, runs of other stores. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "tests/unit/store_rig.h"

#define ID_A "aaaa1111-0000-4000-8000-000000000001"
#define ID_B "aaaa2222-0000-4000-8000-000000000002"
#define ID_C "bbbb3333-0000-4000-8000-000000000003"

static struct store *three_runs(void)
{
	struct store *s = rig_open(STORE_CREATE);
	struct rig_run r;

	OK(store_begin(s, e));
	r = rig_small(s, ID_A, "nightly", 300);
	rig_finish(s, r.run);
	rig_small(s, ID_B, "nightly", 200); /* begun earlier, added later; unfinished */
	rig_small(s, ID_C, "other", 100);
	OK(store_commit(s, e));
	return s;
}

static void check_found(struct store *s, const char *which, int64_t want)
{
	struct err err = ERR_INIT;
	int64_t run = 0;

	if (store_find_run(s, which, &run, &err) != 0 || run != want)
		fail_msg("'%s': run %d, %s", which ? which : "NULL", (int)run, err.text);
}

static void runs_are_found_by_id_name_and_place(void **state)
{
	struct store *s = three_runs();
	struct err err = ERR_INIT;
	int64_t run;

	(void)state;
	check_found(s, NULL, 1);
	check_found(s, "", 1);
	check_found(s, "last", 1);
	check_found(s, "last~0", 1);
	check_found(s, "last~2", 3);
	check_found(s, ID_B, 2);
	check_found(s, "aaaa1", 1);
	check_found(s, "AAAA2", 2);
	check_found(s, "bbbb", 3);
	check_found(s, "nightly", 1);
	check_found(s, "other", 3);
	assert_int_equal(store_find_run(s, "aaaa", &run, &err), ERR_ARG);
	assert_non_null(strstr(err.text, "more of the id"));
	assert_int_equal(store_find_run(s, "bbb", &run, &err), ERR_NOTFOUND); /* too short */
	assert_int_equal(store_find_run(s, "last~3", &run, &err), ERR_NOTFOUND);
	assert_int_equal(store_find_run(s, "last~", &run, &err), ERR_NOTFOUND);
	assert_int_equal(store_find_run(s, "last~-1", &run, &err), ERR_NOTFOUND);
	assert_int_equal(store_find_run(s, "nightl", &run, &err), ERR_NOTFOUND);
	assert_non_null(strstr(err.text, "aaaa1111 (nightly)"));
	assert_int_equal(store_find_run(s, "x'; DROP TABLE run; --", &run, &err), ERR_NOTFOUND);
	store_close(s);
}

static void a_store_without_runs_says_how_to_get_one(void **state)
{
	struct store *s = rig_open(STORE_CREATE);
	struct err err = ERR_INIT;
	int64_t run;

	(void)state;
	assert_int_equal(store_find_run(s, NULL, &run, &err), ERR_NOTFOUND);
	assert_non_null(strstr(err.text, "protea-prof run"));
	assert_int_equal(store_find_run(s, "abcd", &run, &err), ERR_NOTFOUND);
	store_close(s);
}

struct seen {
	int n;
	int64_t keys[8];
	uint64_t samples;
	int stop_after;
};

static int see(void *ctx, const struct store_run_row *row)
{
	struct seen *seen = ctx;

	seen->keys[seen->n++] = row->key;
	seen->samples += row->samples;
	if (row->key == 1)
		assert_true(row->finished && row->has_exit_code && row->exit_code == 3);
	else
		assert_true(!row->finished && !row->has_exit_code);
	assert_string_equal(row->command, "true");
	assert_true(row->rate_hz == 199);
	return seen->n == seen->stop_after ? 42 : 0;
}

static void runs_are_listed_newest_first(void **state)
{
	struct store *s = three_runs();
	struct seen seen = {0};

	(void)state;
	OK(store_list_runs(s, see, &seen, e));
	assert_int_equal(seen.n, 3);
	assert_int_equal(seen.keys[0], 1);
	assert_int_equal(seen.keys[2], 3);
	assert_int_equal(seen.samples, 12);
	seen = (struct seen){.stop_after = 2};
	assert_int_equal(store_list_runs(s, see, &seen, NULL), 42);
	assert_int_equal(seen.n, 2);
	store_close(s);
}

static void labels_are_set_changed_and_removed(void **state)
{
	struct store *s = three_runs();
	struct err err = ERR_INIT;
	char text[200];

	(void)state;
	OK(store_run_label(s, 1, "host", "a", e));
	OK(store_run_label(s, 1, "branch", "ma\"in\n", e));
	OK(store_run_label(s, 1, "host", "b", e));
	rig_text("SELECT labels FROM run WHERE key = 1", text, sizeof text);
	assert_string_equal(text, "{\"branch\":\"ma\\\"in\\n\",\"host\":\"b\"}");
	OK(store_run_label(s, 1, "branch", NULL, e));
	OK(store_run_label(s, 1, "never", NULL, e));
	rig_text("SELECT labels FROM run WHERE key = 1", text, sizeof text);
	assert_string_equal(text, "{\"host\":\"b\"}");
	assert_int_equal(store_run_label(s, 99, "a", "b", &err), ERR_NOTFOUND);
	assert_int_equal(store_run_label(s, 1, "", "b", &err), ERR_ARG);
	assert_int_equal(store_run_label(s, 1, "x", "\xff", &err), ERR_ARG);
	store_close(s);
	assert_int_equal(rig_exec("UPDATE run SET labels = 'no json' WHERE key = 1"), 0);
	s = rig_open(STORE_WRITE);
	OK(store_run_label(s, 1, "k", "v", e));
	OK(store_run_rename(s, 1, "new name", e));
	assert_int_equal(store_run_rename(s, 99, "x", &err), ERR_NOTFOUND);
	check_found(s, "new name", 1);
	store_close(s);
}

struct group {
	int64_t runs[8];
	size_t n, stop_after;
};

static int take_run(void *ctx, int64_t run)
{
	struct group *g = ctx;

	g->runs[g->n++] = run;
	return g->n == g->stop_after ? 42 : 0;
}

static void runs_with_a_label_are_found_the_oldest_first(void **state)
{
	struct store *s = three_runs();
	struct group g = {.n = 0};

	(void)state;
	OK(store_run_label(s, 1, "grid", "a=b", e));
	OK(store_run_label(s, 2, "grid", "a=b", e));
	OK(store_run_label(s, 3, "grid", "other", e));
	OK(store_run_label(s, 3, "a=b", "grid", e));
	OK(store_labelled_runs(s, "grid", "a=b", take_run, &g, e));
	assert_true(g.n == 2 && g.runs[0] == 2 && g.runs[1] == 1);
	OK(store_labelled_runs(s, "grid", "a", take_run, &g, e));
	OK(store_labelled_runs(s, "grid", "", take_run, &g, e));
	OK(store_labelled_runs(s, "\" OR 1 --", "' OR 1 --", take_run, &g, e));
	assert_int_equal(g.n, 2);
	g = (struct group){.stop_after = 1};
	assert_int_equal(store_labelled_runs(s, "grid", "a=b", take_run, &g, NULL), 42);
	assert_int_equal(g.n, 1);
	store_close(s);
	/* Labels that another hand wrote. */
	assert_int_equal(
		rig_exec("UPDATE run SET labels = CASE key WHEN 1 THEN 'no json' WHEN 2 THEN"
			 " '{\"grid\":7,\"x\":{\"grid\":\"7\"}}' ELSE '[\"grid\", 7]' END"),
		0);
	s = rig_open(STORE_READ);
	g.n = g.stop_after = 0;
	OK(store_labelled_runs(s, "grid", "7", take_run, &g, e));
	assert_true(g.n == 1 && g.runs[0] == 2);
	store_close(s);
}

static void a_removed_run_is_gone_and_the_file_shrinks(void **state)
{
	static const char *const tables[] = {
		"string_row", "process_row", "thread_row", "module_row", "frame_row",
		"stack_row",  "path_row",    "stage_row",  "tick_row",   "counter_row"};
	struct store *s = three_runs();
	struct err err = ERR_INIT;
	struct rig_run r;
	struct stat before, after;
	struct profile p;
	int64_t frame;
	char sql[200];

	(void)state;
	OK(store_begin(s, e));
	r = rig_small(s, "cccc", "big", 400);
	for (int i = 0; i < 50000; i++)
		OK(store_frame_add(s, r.run, r.module, (uint64_t)i, &frame, e));
	rig_name(s, &r);
	rig_finish(s, r.run);
	OK(store_commit(s, e));
	store_close(s);
	assert_int_equal(stat(rig_path, &before), 0);
	s = rig_open(STORE_WRITE);
	OK(store_run_remove(s, r.run, e));
	assert_int_equal(store_run_remove(s, r.run, &err), ERR_NOTFOUND);
	OK(store_read_run(s, 1, STORE_READ_ALL, &p, e));
	profile_release(&p);
	store_close(s);
	assert_int_equal(stat(rig_path, &after), 0);
	assert_true(after.st_size < before.st_size / 4);
	for (size_t i = 0; i < sizeof tables / sizeof *tables; i++) {
		snprintf(sql, sizeof sql, "SELECT count(*) FROM %s WHERE id >> 32 = %d", tables[i],
			 (int)r.run);
		assert_int_equal(rig_int(sql), 0);
	}
	assert_int_equal(rig_int("SELECT count(*) FROM sample_row WHERE run = 4"), 0);
	assert_int_equal(rig_int("SELECT count(*) FROM run"), 3);
	assert_true(rig_sound());
	s = rig_open(STORE_WRITE); /* its key is not used again */
	OK(store_begin(s, e));
	assert_int_equal(rig_run(s, "dddd", "x", 1), r.run + 1);
	OK(store_commit(s, e));
	store_close(s);
}

static void writing_to_a_removed_run_fails(void **state)
{
	struct store *s = rig_open(STORE_CREATE), *other;
	struct err err = ERR_INIT;
	struct rig_run r;

	(void)state;
	OK(store_begin(s, e));
	r = rig_small(s, ID_A, "live", 1);
	OK(store_commit(s, e));
	other = rig_open(STORE_WRITE);
	OK(store_run_remove(other, r.run, e));
	store_close(other);
	OK(store_begin(s, e));
	assert_int_equal(store_run_finish(s, r.run, &(struct store_run_end){0}, &err),
			 ERR_DATABASE);
	assert_non_null(strstr(err.text, "not in"));
	store_rollback(s);
	store_close(s);
}

static void a_run_is_copied_once(void **state)
{
	struct store *from = three_runs(), *to;
	struct profile a, b;
	int copied;
	char first[400];

	(void)state;
	snprintf(first, sizeof first, "%s", rig_path);
	snprintf(rig_path, sizeof rig_path, "%.300s/b.sqlite", rig_folder);
	to = rig_open(STORE_CREATE);
	OK(store_begin(to, e));
	rig_small(to, "eeee", "mine", 1);
	OK(store_commit(to, e));
	OK(store_run_copy(to, from, 1, &copied, e));
	assert_int_equal(copied, 1);
	OK(store_run_copy(to, from, 1, &copied, e));
	assert_int_equal(copied, 0);
	OK(store_run_copy(to, to, 1, &copied, e)); /* onto itself: it is there */
	assert_int_equal(copied, 0);
	OK(store_run_copy(to, from, 3, &copied, e));
	assert_int_equal(copied, 1);
	assert_int_equal(store_run_copy(to, from, 77, &copied, NULL), ERR_NOTFOUND);
	check_found(to, ID_A, 2);
	OK(store_read_run(from, 1, STORE_READ_ALL, &a, e));
	OK(store_read_run(to, 2, STORE_READ_ALL, &b, e));
	assert_int_equal(a.n_stacks, b.n_stacks);
	assert_int_equal(a.n_samples, b.n_samples);
	assert_memory_equal(a.samples, b.samples, a.n_samples * sizeof *a.samples);
	assert_memory_equal(a.stacks, b.stacks, a.n_stacks * sizeof *a.stacks);
	assert_memory_equal(a.ticks, b.ticks, a.n_ticks * sizeof *a.ticks);
	assert_int_equal(a.n_counters, b.n_counters);
	assert_int_equal(a.n_losses, b.n_losses);
	assert_string_equal(strtab_text(a.strings, a.run.id), strtab_text(b.strings, b.run.id));
	profile_release(&a);
	profile_release(&b);
	store_close(to);
	store_close(from);
	assert_true(rig_sound());
	assert_int_equal(rig_int("SELECT count(*) FROM run"), 3);
	assert_int_equal(rig_int("SELECT count(*) FROM folded WHERE run_id = '" ID_A "'"), 2);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, rig_setup, rig_teardown)
	const struct CMUnitTest tests[] = {
		T(runs_are_found_by_id_name_and_place),
		T(a_store_without_runs_says_how_to_get_one),
		T(runs_are_listed_newest_first),
		T(labels_are_set_changed_and_removed),
		T(runs_with_a_label_are_found_the_oldest_first),
		T(a_removed_run_is_gone_and_the_file_shrinks),
		T(writing_to_a_removed_run_fails),
		T(a_run_is_copied_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
