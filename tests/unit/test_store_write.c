/* prof/store/write and read: what goes in comes out, added up, thinned and folded as documented. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <math.h>

#include "tests/unit/store_rig.h"

#define ID_A "0a1b2c3d-0000-4000-8000-000000000001"
#define ID_B "0a1b2c3d-0000-4000-8000-000000000002"

static const char *text(const struct profile *p, uint32_t string)
{
	return strtab_text(p->strings, string);
}

static void check_small_run(const struct profile *p)
{
	assert_string_equal(text(p, p->run.id), ID_A);
	assert_string_equal(text(p, p->run.name), "small");
	assert_string_equal(text(p, p->run.argv), "[\"true\"]");
	assert_string_equal(text(p, p->run.labels), "{}");
	assert_int_equal(p->run.finished, 1);
	assert_int_equal(p->run.exit_code, 3);
	assert_int_equal(p->run.has_exit_code, 1);
	assert_int_equal(p->run.signal, 0);
	assert_int_equal(p->run.duration_ns, 1000);
	assert_int_equal(p->n_processes, 1);
	assert_int_equal(p->processes[0].pid, 70);
	assert_int_equal(p->n_threads, 1);
	assert_int_equal(p->threads[0].tid, 71);
	assert_string_equal(text(p, p->threads[0].name), "main");
	assert_int_equal(p->n_modules, 1);
	assert_string_equal(text(p, p->modules[0].path), "/usr/bin/prog");
	assert_string_equal(text(p, p->modules[0].build_id), "abcd");
	assert_int_equal(p->modules[0].end, 0x2000);
	assert_int_equal(p->n_losses, 1);
	assert_int_equal(p->losses[0].count, 2);
}

static void a_run_comes_back_as_it_was_written(void **state)
{
	struct store *s = rig_open(STORE_CREATE);
	struct rig_run r;
	struct profile p;

	(void)state;
	OK(store_begin(s, e));
	r = rig_small(s, ID_A, "small", 5);
	rig_name(s, &r);
	rig_finish(s, r.run);
	OK(store_commit(s, e));
	store_close(s);
	s = rig_open(STORE_READ);
	OK(store_read_run(s, r.run, STORE_READ_ALL, &p, e));
	check_small_run(&p);
	assert_int_equal(p.n_frames, 4);
	assert_string_equal(text(&p, p.frames[2].function), "leaf");
	assert_string_equal(text(&p, p.frames[2].file), "prog.c");
	assert_int_equal(p.frames[2].line, 3);
	assert_int_equal(p.frames[2].rel_addr, 0x102);
	assert_int_equal(p.n_stacks, 5);
	assert_int_equal(p.stacks[3].depth, 3);
	assert_int_equal(p.stacks[3].parent, 2);
	assert_int_equal(p.n_samples, 2);
	assert_int_equal(p.samples[0].stage, 0);
	assert_int_equal(p.samples[0].count, 3);
	assert_int_equal(p.samples[0].value, 30);
	assert_int_equal(p.samples[1].stage, PROFILE_NONE);
	assert_int_equal(p.n_ticks, 1);
	assert_int_equal(p.ticks[0].t_ns, 1200);
	assert_int_equal(p.ticks[0].stack, 3);
	assert_int_equal(p.n_counters, 1);
	assert_int_equal(p.counters[0].t_ns, 1300);
	assert_true(p.counters[0].value == 4096);
	assert_int_equal(p.n_stages, 1);
	assert_int_equal(p.stages[0].wall_ns, 500);
	assert_int_equal(p.stages[0].samples, 3);
	assert_int_equal(p.stages[0].folded, 1);
	assert_int_equal(p.stages[0].peak_rss_bytes, -1);
	assert_string_equal(text(&p, p.stages[0].params), "{\"n\":1}");
	profile_release(&p);
	store_close(s);
}

static void parts_that_were_not_asked_for_are_empty(void **state)
{
	struct store *s = rig_open(STORE_CREATE);
	struct rig_run r;
	struct profile p;

	(void)state;
	OK(store_begin(s, e));
	r = rig_small(s, ID_A, "small", 5);
	OK(store_read_run(s, r.run, STORE_READ_SAMPLES, &p, e)); /* inside the transaction, too */
	assert_int_equal(p.n_samples, 2);
	assert_int_equal(p.n_ticks + p.n_counters, 0);
	profile_release(&p);
	OK(store_commit(s, e));
	OK(store_read_run(s, r.run, STORE_READ_COUNTERS, &p, e));
	assert_int_equal(p.n_samples + p.n_ticks, 0);
	assert_int_equal(p.n_counters, 1);
	profile_release(&p);
	store_close(s);
}

static void frames_without_names_say_where_they_are(void **state)
{
	struct store *s = rig_open(STORE_CREATE);
	struct rig_run r;
	struct profile p;
	int64_t bare, label;

	(void)state;
	OK(store_begin(s, e));
	r = rig_small(s, ID_A, "small", 5);
	OK(store_frame_add(s, r.run, 0, UINT64_C(0xffffffffff600000), &bare, e));
	OK(store_frame_add_label(s, r.run, "[truncated]", &label, e));
	OK(store_commit(s, e));
	OK(store_read_run(s, r.run, STORE_READ_SAMPLES, &p, e));
	assert_string_equal(text(&p, p.frames[1].function), "[unknown in prog+0x101]");
	assert_string_equal(text(&p, p.frames[4].function), "[unknown 0xffffffffff600000]");
	assert_int_equal(p.frames[4].rel_addr, UINT64_C(0xffffffffff600000));
	assert_string_equal(text(&p, p.frames[5].function), "[truncated]");
	assert_int_equal(p.frames[5].module, PROFILE_NONE);
	profile_release(&p);
	store_close(s);
}

static void samples_of_one_place_add_up(void **state)
{
	struct store *s = rig_open(STORE_CREATE);
	struct rig_run r;

	(void)state;
	OK(store_begin(s, e));
	r = rig_small(s, ID_A, "small", 5);
	OK(store_commit(s, e));
	for (int i = 0; i < 3; i++) { /* within a transaction and from one to the next */
		OK(store_begin(s, e));
		for (int k = 0; k < 5; k++)
			OK(store_sample_add(s, r.run, PROFILE_ALLOC, 0, r.thread, r.stacks[2], 2, 7,
					    e));
		OK(store_commit(s, e));
	}
	store_close(s);
	assert_int_equal(rig_int("SELECT count(*) FROM sample WHERE kind = 'alloc'"), 1);
	assert_int_equal(rig_int("SELECT count FROM sample WHERE kind = 'alloc'"), 30);
	assert_int_equal(rig_int("SELECT value FROM sample WHERE kind = 'alloc'"), 105);
}

static void many_different_samples_do_not_wait_for_the_commit(void **state)
{
	struct store *s = rig_open(STORE_CREATE);
	struct rig_run r;

	(void)state;
	OK(store_begin(s, e));
	r = rig_small(s, ID_A, "small", 5);
	for (int round = 0; round < 2; round++)
		for (int64_t i = 0; i < 70000; i++)
			OK(store_sample_add(s, r.run, PROFILE_WALL,
					    r.run << 32 | (i * 7919 % 70000), r.thread, r.stacks[0],
					    1, i, e));
	OK(store_commit(s, e));
	store_close(s);
	assert_int_equal(rig_int("SELECT count(*) FROM sample WHERE kind = 'wall'"), 70000);
	assert_int_equal(rig_int("SELECT sum(count) FROM sample WHERE kind = 'wall'"), 140000);
	assert_int_equal(rig_int("SELECT sum(value) FROM sample WHERE kind = 'wall'"),
			 INT64_C(70000) * 69999);
}

static void sums_beyond_64_bits_stay_at_the_limit(void **state)
{
	struct store *s = rig_open(STORE_CREATE);
	struct rig_run r;
	struct profile p;

	(void)state;
	OK(store_begin(s, e));
	r = rig_small(s, ID_A, "small", 5);
	for (int i = 0; i < 2; i++)
		OK(store_sample_add(s, r.run, PROFILE_LIVE, 0, r.thread, r.stacks[2], UINT64_MAX,
				    INT64_MAX, e));
	OK(store_commit(s, e));
	OK(store_begin(s, e));
	OK(store_sample_add(s, r.run, PROFILE_LIVE, 0, r.thread, r.stacks[2], UINT64_MAX, INT64_MAX,
			    e));
	OK(store_commit(s, e));
	OK(store_read_run(s, r.run, STORE_READ_SAMPLES, &p, e));
	assert_int_equal(p.samples[2].kind, PROFILE_LIVE);
	assert_true(p.samples[2].value == INT64_MAX);
	assert_true(p.samples[2].count == INT64_MAX);
	profile_release(&p);
	store_close(s);
}

static void add_ticks(struct store *s, int64_t run, const int64_t *threads, int n_threads,
		      const int64_t *stacks, int from, int to)
{
	for (int i = from; i < to; i++)
		for (int k = 0; k < n_threads; k++)
			OK(store_tick_add(s, run, threads[k], 1000 + (int64_t)i * 1000,
					  stacks[i & 3], PROFILE_SLEEPING, e));
}

static void ticks_are_thinned_evenly(void **state)
{
	struct store *s = rig_open(STORE_CREATE);
	struct rig_run r;
	char sql[400];
	int64_t n, gap;

	(void)state;
	OK(store_begin(s, e));
	r = rig_small(s, ID_A, "small", 5);
	add_ticks(s, r.run, &r.thread, 1, r.stacks, 0, 100000);
	OK(store_commit(s, e));
	store_close(s);
	s = rig_open(STORE_WRITE); /* as after a crash: thinning goes on where it was */
	OK(store_begin(s, e));
	add_ticks(s, r.run, &r.thread, 1, r.stacks, 100000, 200000);
	OK(store_commit(s, e));
	store_close(s);
	n = rig_int("SELECT count(*) FROM tick");
	assert_in_range(n, STORE_TICKS_FIRST / 2, STORE_TICKS_FIRST);
	snprintf(
		sql, sizeof sql,
		"SELECT max(d) FROM (SELECT t_ns - lag(t_ns) OVER (ORDER BY t_ns) AS d FROM tick)");
	gap = rig_int(sql);
	assert_in_range(gap, 16 * 1000, 32 * 1000); /* 200,000 / 16,384 → every 16th */
	assert_int_equal(rig_int("SELECT count(DISTINCT state) FROM tick WHERE state = 'sleeping'"),
			 1);
}

static void ticks_of_every_thread_are_kept_alike(void **state)
{
	struct store *s = rig_open(STORE_CREATE);
	struct profile_thread t = {.start_ns = 1000};
	int64_t threads[8];
	struct rig_run r;

	(void)state;
	OK(store_begin(s, e));
	r = rig_small(s, ID_A, "small", 5);
	for (int i = 0; i < 8; i++)
		OK(store_thread_add(s, r.process, &t, "w", &threads[i], e));
	/* One tick of each in turn: thinning by place alone would keep the same threads each time. */
	add_ticks(s, r.run, threads, 8, r.stacks, 0, 40000);
	OK(store_commit(s, e));
	store_close(s);
	assert_in_range(rig_int("SELECT count(*) FROM tick"), STORE_TICKS_FIRST / 2,
			STORE_TICKS_FIRST + 8 * STORE_TICKS_MORE);
	assert_int_equal(rig_int("SELECT count(DISTINCT thread_id) FROM tick WHERE t_ns <> 1200"),
			 8);
	assert_true(rig_int("SELECT max(n) - min(n) FROM (SELECT count(*) AS n FROM tick WHERE "
			    "t_ns > 1200"
			    " GROUP BY thread_id)") <= 4);
}

static void many_short_threads_are_thinned_too(void **state)
{
	struct store *s = rig_open(STORE_CREATE);
	struct profile_thread t = {.start_ns = 1000};
	struct rig_run r;

	(void)state;
	OK(store_begin(s, e));
	r = rig_small(s, ID_A, "small", 5);
	for (int i = 0; i < 200000; i++) {
		int64_t thread;

		OK(store_thread_add(s, r.process, &t, "w", &thread, e));
		OK(store_tick_add(s, r.run, thread, 1000 + i, r.stacks[0], PROFILE_RUNNING, e));
	}
	OK(store_commit(s, e));
	store_close(s);
	assert_in_range(rig_int("SELECT count(*) FROM tick"), STORE_TICKS_MAX / 3, STORE_TICKS_MAX);
}

static void end_stage(struct store *s, int64_t id, int64_t wall)
{
	struct profile_stage end = {.wall_ns = wall,
				    .cpu_ns = wall / 2,
				    .items = 1,
				    .alloc_bytes = 10,
				    .alloc_count = 1,
				    .peak_heap_bytes = wall,
				    .peak_rss_bytes = -1};

	OK(store_stage_end(s, id, &end, NULL, e));
}

static void stages_beyond_10000_of_a_name_are_one_row(void **state)
{
	struct store *s = rig_open(STORE_CREATE);
	int64_t id, fold = 0;
	struct rig_run r;
	struct profile p;

	(void)state;
	OK(store_begin(s, e));
	r = rig_small(s, ID_A, "small", 5);
	for (int i = 0; i < 10500; i++) {
		if (i == 10200) { /* another process, which finds the count in the file */
			OK(store_commit(s, e));
			store_close(s);
			s = rig_open(STORE_WRITE);
			OK(store_begin(s, e));
		}
		OK(store_stage_add(s, r.run, 0, r.thread, "tiny", (uint64_t)i, 2000 + i, &id, e));
		if (i == 10000)
			fold = id;
		if (i > 10000)
			assert_int_equal(id, fold);
		end_stage(s, id, i < 10000 ? 100 : 300);
	}
	OK(store_stage_add(s, r.run, 0, r.thread, "rare", 1, 2000, &id, e));
	assert_int_not_equal(id, fold);
	end_stage(s, id, 7);
	rig_finish(s, r.run);
	OK(store_commit(s, e));
	OK(store_read_run(s, r.run, STORE_READ_SAMPLES, &p, e));
	assert_int_equal(p.n_stages, 10003);
	assert_int_equal(p.stages[10001].folded, 500);
	assert_int_equal(p.stages[10001].wall_ns, 150000);
	assert_int_equal(p.stages[10001].cpu_ns, 75000);
	assert_int_equal(p.stages[10001].alloc_bytes, 5000);
	assert_int_equal(p.stages[10001].peak_heap_bytes, 300);
	assert_true(p.stages[10001].items == 500);
	profile_release(&p);
	store_close(s);
	assert_int_equal(rig_int("SELECT n FROM stage_summary WHERE name = 'tiny'"), 10500);
	assert_int_equal(rig_int("SELECT wall_median_ns FROM stage_summary WHERE name = 'tiny'"),
			 100);
	assert_int_equal(rig_int("SELECT wall_max_ns FROM stage_summary WHERE name = 'tiny'"), 300);
	assert_int_equal(rig_int("SELECT wall_sum_ns FROM stage_summary WHERE name = 'tiny'"),
			 1150000);
}

static void percentiles_are_by_nearest_rank(void **state)
{
	struct store *s = rig_open(STORE_CREATE);
	struct rig_run r;
	int64_t id;

	(void)state;
	OK(store_begin(s, e));
	r = rig_small(s, ID_A, "small", 5);
	for (int i = 1; i <= 20; i++) {
		OK(store_stage_add(s, r.run, 0, r.thread, "p", (uint64_t)i, 2000, &id, e));
		end_stage(s, id, (i * 7 % 20 + 1) * 10); /* 10, 20, … 200 in some order */
	}
	OK(store_stage_add(s, r.run, 0, r.thread, "open", 1, 2000, &id, e));
	OK(store_commit(s, e));
	store_close(s);
	assert_int_equal(rig_int("SELECT wall_min_ns FROM stage_summary WHERE name = 'p'"), 10);
	assert_int_equal(rig_int("SELECT wall_median_ns FROM stage_summary WHERE name = 'p'"), 100);
	assert_int_equal(rig_int("SELECT wall_p95_ns FROM stage_summary WHERE name = 'p'"), 190);
	assert_int_equal(rig_int("SELECT cpu_p95_ns FROM stage_summary WHERE name = 'p'"), 95);
	assert_int_equal(rig_int("SELECT wall_max_ns FROM stage_summary WHERE name = 'p'"), 200);
	assert_int_equal(rig_int("SELECT n FROM stage_summary WHERE name = 'open'"), 1);
	assert_int_equal(
		rig_int("SELECT wall_median_ns IS NULL FROM stage_summary WHERE name = 'open'"), 1);
}

static void an_open_stage_ends_with_the_run(void **state)
{
	struct store *s = rig_open(STORE_CREATE);
	struct rig_run r;
	struct profile p;
	int64_t id;

	(void)state;
	OK(store_begin(s, e));
	r = rig_small(s, ID_A, "small", 5);
	OK(store_stage_add(s, r.run, r.stage, r.thread, "open", 2, 1600, &id, e));
	OK(store_commit(s, e));
	OK(store_read_run(s, r.run, STORE_READ_SAMPLES, &p, e));
	assert_int_equal(p.stages[1].wall_ns, -1);
	assert_int_equal(p.stages[1].parent, 0);
	profile_release(&p);
	OK(store_begin(s, e));
	rig_finish(s, r.run);
	OK(store_commit(s, e));
	store_close(s);
	assert_int_equal(rig_int("SELECT wall_ns FROM stage WHERE name = 'open'"), 400);
}

static int see_mark(void *ctx, const char *file, uint32_t ring, uint64_t opened, uint64_t offset)
{
	uint64_t *sum = ctx;

	assert_string_equal(file, "12.0");
	*sum += ring * 1000 + opened * 100 + (offset == UINT64_C(1) << 63);
	return 0;
}

static int see_unfinished(void *ctx, int64_t run, const char *id, const char *spool_path)
{
	(void)run;
	assert_string_equal(id, ID_A);
	assert_string_equal(spool_path ? spool_path : "", "/dev/shm/x");
	++*(int *)ctx;
	return 0;
}

static void marks_and_the_spool_are_kept_until_the_run_is_finished(void **state)
{
	struct store *s = rig_open(STORE_CREATE);
	struct store_run run = {.id = ID_A, .spool_path = "/dev/shm/x"};
	uint64_t sum = 0;
	int64_t key;
	int n = 0;

	(void)state;
	OK(store_begin(s, e));
	OK(store_run_add(s, &run, &key, e));
	OK(store_mark_set(s, key, "12.0", 3, 1, 77, e));
	OK(store_mark_set(s, key, "12.0", 3, 1, UINT64_C(1) << 63, e));
	OK(store_mark_set(s, key, "12.0", 3, 2, 5, e));
	OK(store_marks(s, key, see_mark, &sum, e));
	assert_int_equal(sum, 6000 + 300 + 1);
	OK(store_unfinished(s, see_unfinished, &n, e));
	assert_int_equal(n, 1);
	rig_finish(s, key);
	n = 0;
	sum = 0;
	OK(store_unfinished(s, see_unfinished, &n, e));
	OK(store_marks(s, key, see_mark, &sum, e));
	assert_int_equal(n, 0);
	assert_int_equal(sum, 0);
	OK(store_commit(s, e));
	store_close(s);
	assert_int_equal(rig_int("SELECT spool_path IS NULL FROM run"), 1);
}

static void a_signal_leaves_no_exit_code(void **state)
{
	struct store *s = rig_open(STORE_CREATE);
	struct store_run_end end = {.duration_ns = 5, .signal = 9, .engine = "clock"};
	int64_t run;

	(void)state;
	OK(store_begin(s, e));
	run = rig_run(s, ID_A, "x", 1);
	OK(store_run_finish(s, run, &end, e));
	OK(store_commit(s, e));
	store_close(s);
	assert_int_equal(rig_int("SELECT exit_code IS NULL AND signal = 9 AND engine = 'clock'"
				 " AND finished = 1 FROM run"),
			 1);
}

static void runs_may_be_filled_side_by_side(void **state)
{
	struct store *s = rig_open(STORE_CREATE);
	struct rig_run a, b;
	struct profile p;
	struct err err = ERR_INIT;

	(void)state;
	OK(store_begin(s, e));
	a = rig_small(s, ID_A, "a", 1);
	b = rig_small(s, ID_B, "b", 2);
	assert_int_equal(
		store_sample_add(s, a.run, PROFILE_CPU, 0, a.thread, a.stacks[1], 1, 1, &err), 0);
	assert_int_equal(store_frame_add(s, a.run, b.module, 1, &a.frames[0], &err), ERR_ARG);
	assert_int_equal(store_stack_add(s, a.stacks[0], b.frames[0], 1, &a.stacks[0], &err),
			 ERR_ARG);
	rig_name(s, &b);
	rig_finish(s, b.run);
	OK(store_commit(s, e));
	OK(store_read_run(s, a.run, STORE_READ_ALL, &p, e));
	assert_int_equal(p.n_samples, 3);
	assert_string_equal(text(&p, p.frames[0].function), "[unknown in prog+0x100]");
	profile_release(&p);
	OK(store_read_run(s, b.run, STORE_READ_ALL, &p, e));
	assert_int_equal(p.n_samples, 2);
	assert_string_equal(text(&p, p.frames[0].function), "main");
	profile_release(&p);
	store_close(s);
}

static void what_was_rolled_back_is_forgotten(void **state)
{
	struct store *s = rig_open(STORE_CREATE);
	struct rig_run r;
	int64_t frame;
	struct profile p;

	(void)state;
	OK(store_begin(s, e));
	r = rig_small(s, ID_A, "a", 1);
	OK(store_commit(s, e));
	OK(store_begin(s, e));
	OK(store_frame_add_label(s, r.run, "[gone]", &frame, e));
	OK(store_sample_add(s, r.run, PROFILE_CPU, 0, r.thread, r.stacks[0], 1, 1, e));
	store_rollback(s);
	OK(store_begin(s, e));
	OK(store_frame_add_label(s, r.run, "[gone]", &frame,
				 e)); /* its text must be written again */
	OK(store_commit(s, e));
	OK(store_read_run(s, r.run, STORE_READ_SAMPLES, &p, e));
	assert_string_equal(text(&p, p.frames[4].function), "[gone]");
	assert_int_equal(p.n_frames, 5);
	assert_int_equal(p.n_samples, 2);
	profile_release(&p);
	store_close(s);
}

static void writing_needs_a_transaction_and_a_run(void **state)
{
	struct store *s = rig_open(STORE_CREATE);
	struct err err = ERR_INIT;
	struct rig_run r;
	struct store_run run = {.id = ID_A};
	int64_t id;

	(void)state;
	OK(store_begin(s, e));
	r = rig_small(s, ID_A, "a", 1);
	assert_int_equal(store_begin(s, &err), ERR_INTERNAL);
	OK(store_commit(s, e));
	assert_int_equal(
		store_sample_add(s, r.run, PROFILE_CPU, 0, r.thread, r.stacks[0], 1, 1, &err),
		ERR_INTERNAL);
	assert_int_equal(store_run_add(s, &run, &id, NULL), ERR_INTERNAL);
	assert_int_equal(store_commit(s, &err), ERR_INTERNAL);
	OK(store_begin(s, e));
	assert_int_equal(store_run_add(s, &run, &id, &err), ERR_DATABASE); /* that id is there */
	assert_int_equal(store_counter_add(s, 99, 1, "x", 1, &err), ERR_DATABASE);
	assert_int_equal(store_counter_add(s, 0, 1, "x", 1, &err), ERR_ARG);
	store_rollback(s);
	store_close(s);
	s = rig_open(STORE_READ);
	assert_int_equal(store_begin(s, &err), ERR_INTERNAL);
	store_close(s);
}

static void numbers_that_are_none_do_not_get_in(void **state)
{
	struct store *s = rig_open(STORE_CREATE);
	struct profile_stage end = {.items = (double)NAN};
	struct rig_run r;
	int64_t id;

	(void)state;
	OK(store_begin(s, e));
	r = rig_small(s, ID_A, "a", 1);
	OK(store_counter_add(s, r.run, 2000, "odd", (double)NAN, e));
	OK(store_counter_add(s, r.run, 2001, "odd", (double)INFINITY, e));
	OK(store_stage_add(s, r.run, 0, r.thread, "", 1, 5, &id, e));
	OK(store_stage_end(s, id, &end, NULL, e));
	OK(store_commit(s, e));
	store_close(s);
	assert_int_equal(rig_int("SELECT sum(value) FROM counter WHERE name = 'odd'"), 0);
	assert_int_equal(rig_int("SELECT items IS NULL FROM stage WHERE name = '[unnamed]'"), 1);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, rig_setup, rig_teardown)
	const struct CMUnitTest tests[] = {
		T(a_run_comes_back_as_it_was_written),
		T(parts_that_were_not_asked_for_are_empty),
		T(frames_without_names_say_where_they_are),
		T(samples_of_one_place_add_up),
		T(many_different_samples_do_not_wait_for_the_commit),
		T(sums_beyond_64_bits_stay_at_the_limit),
		T(ticks_are_thinned_evenly),
		T(ticks_of_every_thread_are_kept_alike),
		T(many_short_threads_are_thinned_too),
		T(stages_beyond_10000_of_a_name_are_one_row),
		T(percentiles_are_by_nearest_rank),
		T(an_open_stage_ends_with_the_run),
		T(marks_and_the_spool_are_kept_until_the_run_is_finished),
		T(a_signal_leaves_no_exit_code),
		T(runs_may_be_filled_side_by_side),
		T(what_was_rolled_back_is_forgotten),
		T(writing_needs_a_transaction_and_a_run),
		T(numbers_that_are_none_do_not_get_in),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
