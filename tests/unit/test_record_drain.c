/* From rings to the store: modules before samples, stages, threads, losses; nothing twice, nothing lost
 * when a flush fails or the supervisor is another one halfway. */
#include "prof/record/loop.h"
#include "prof/attach/procmaps.h"
#include "prof/store/store.h"
#include "tests/unit/record_rig.h"

static const uint64_t path_a[] = {RIG_START + 0x30, RIG_START + 0x20, RIG_START + 0x10};
static const uint64_t path_b[] = {RIG_START + 0x40, RIG_START + 0x20, RIG_START + 0x10};

static void samples_are_added_up_by_stack_and_thread(void **state)
{
	struct record_rig rig;
	uint64_t n;

	(void)state;
	record_rig_make(&rig, "sum.sqlite");
	rig_thread(&rig, 77, 10, "main");
	rig_sample(&rig, 12, 1000, 0, path_a, 3); /* before its module is told */
	rig_module(&rig, 11, RIG_START, "/bin/rig", "abcd");
	for (int i = 0; i < 100; i++)
		rig_sample(&rig, 20 + i, 10, 0, i % 4 ? path_a : path_b, 3);
	rig_round(&rig);
	assert_int_equal(rig.r.batch.n_samples, 2);
	assert_int_equal(frametab_count(rig.r.known.frames), 4);
	assert_int_equal(frametab_get(rig.r.known.frames, 0).rel_addr, 0x30);
	rig_flush(&rig);
	assert_int_equal(rig.r.batch.n_samples, 0);
	assert_int_equal(rig_sum(&rig, PROFILE_CPU, &n), 2000);
	assert_int_equal(n, 101);
	rig_sample(&rig, 300, 5, 0, path_a, 3);
	rig_round(&rig);
	rig_flush(&rig);
	assert_int_equal(rig_sum(&rig, PROFILE_CPU, &n), 2005);
	assert_int_equal(atomic_load(&rig.w.ring->head), atomic_load(&rig.w.ring->tail));
	record_rig_drop(&rig);
}

static void stages_nest_and_take_their_samples(void **state)
{
	struct record_rig rig;
	struct err err = ERR_INIT;
	struct profile p;

	(void)state;
	record_rig_make(&rig, "stages.sqlite");
	rig_thread(&rig, 77, 10, "main");
	rig_begin(&rig, 100, 1, 0, "outer");
	rig_begin(&rig, 200, 2, 1, "inner");
	rig_sample(&rig, 210, 10, 2, path_a, 3);
	rig_round(&rig);
	rig_flush(&rig); /* open ones have rows already */
	rig_end(&rig, 300, 2, 40);
	rig_sample(&rig, 310, 10, 1, path_a, 3);
	rig_end(&rig, 500, 1, 90);
	rig_begin(&rig, 600, 3, 0, "never ended");
	rig_round(&rig);
	stages_close(&rig.r, rig.r.images[0], 1000);
	rig_flush(&rig);
	assert_int_equal(known_stage_find(&rig.r.known, 0, 1), KNOWN_NONE);
	assert_int_equal(store_read_run(rig.store, rig.run, STORE_READ_ALL, &p, &err), 0);
	assert_int_equal(p.n_stages, 3);
	assert_string_equal(strtab_text(p.strings, p.stages[0].name), "outer");
	assert_int_equal(p.stages[0].wall_ns, 400);
	assert_int_equal(p.stages[0].cpu_ns, 90);
	assert_string_equal(strtab_text(p.strings, p.stages[0].params), "{\"n\": 5}");
	assert_int_equal(p.stages[1].parent, 0);
	assert_int_equal(p.stages[1].wall_ns, 100);
	assert_int_equal(p.stages[2].wall_ns, 400);
	for (size_t i = 0; i < p.n_samples; i++)
		assert_true(p.samples[i].stage < 2);
	profile_release(&p);
	record_rig_drop(&rig);
}

static void work_of_others_counts_for_a_stage_and_those_around_it(void **state)
{
	struct spool_stage_add add = {2, 30, 100, 1};
	struct record_rig rig;
	struct err err = ERR_INIT;
	struct profile p;

	(void)state;
	record_rig_make(&rig, "add.sqlite");
	rig_thread(&rig, 77, 10, "main");
	rig_begin(&rig, 100, 1, 0, "outer");
	rig_begin(&rig, 200, 2, 1, "inner");
	rig_write(&rig, SPOOL_STAGE_ADD, 0, 0, 250, &add, sizeof add, NULL, 0);
	rig_end(&rig, 300, 2, 40);
	rig_end(&rig, 500, 1, 90);
	rig_round(&rig);
	rig_flush(&rig);
	assert_int_equal(store_read_run(rig.store, rig.run, STORE_READ_ALL, &p, &err), 0);
	assert_int_equal(p.stages[0].cpu_ns, 120);
	assert_int_equal(p.stages[1].cpu_ns, 70);
	assert_int_equal(p.stages[1].alloc_bytes, 100);
	profile_release(&p);
	record_rig_drop(&rig);
}

static void a_failed_flush_loses_nothing(void **state)
{
	struct store *other;
	struct record_rig rig;
	struct err err = ERR_INIT;
	uint64_t n;

	(void)state;
	record_rig_make(&rig, "busy.sqlite");
	assert_int_equal(store_open(&other, scratch("busy.sqlite"), STORE_WRITE, &err), 0);
	rig_thread(&rig, 77, 10, "main");
	rig_module(&rig, 11, RIG_START, "/bin/rig", "abcd");
	rig_begin(&rig, 12, 9, 0, "stage");
	for (int i = 0; i < 10; i++)
		rig_sample(&rig, 20 + i, 10, 9, path_a, 3);
	assert_int_equal(store_begin(other, &err), 0);
	rig_round(&rig);
	assert_int_not_equal(recording_flush(&rig.r, 1, &err), 0);
	assert_true(err.text[0] != '\0');
	assert_int_equal(atomic_load(&rig.w.ring->tail), 0); /* not given back */
	rig_sample(&rig, 40, 10, 9, path_b, 3);
	rig_round(&rig);
	assert_int_not_equal(recording_flush(&rig.r, 1, &err), 0);
	store_rollback(other);
	rig_flush(&rig);
	assert_int_equal(rig_sum(&rig, PROFILE_CPU, &n), 110);
	assert_int_equal(n, 11);
	store_close(other);
	record_rig_drop(&rig);
}

static void a_full_ring_is_given_back_even_if_the_store_is_not_there(void **state)
{
	struct store *other;
	struct record_rig rig;
	struct err err = ERR_INIT;
	uint64_t n;
	int wrote = 0;

	(void)state;
	record_rig_make(&rig, "stuck.sqlite");
	assert_int_equal(store_open(&other, scratch("stuck.sqlite"), STORE_WRITE, &err), 0);
	rig_thread(&rig, 77, 10, "main");
	rig_flush(&rig);
	assert_int_equal(store_begin(other, &err), 0);
	for (int round = 0; round < 20; round++) {
		while (ring_room(&rig.w) > 200 && wrote < 5000 * (round + 1)) {
			rig_sample(&rig, 20 + wrote, 10, 0, path_a, 3);
			wrote++;
		}
		rig_round(&rig);
		assert_int_not_equal(recording_flush(&rig.r, 1, &err), 0);
	}
	assert_true(wrote > 5000); /* many times what the ring holds */
	store_rollback(other);
	rig_flush(&rig);
	assert_int_equal(rig_sum(&rig, PROFILE_CPU, &n), 10 * wrote);
	assert_int_equal(n, wrote);
	store_close(other);
	record_rig_drop(&rig);
}

/* The supervisor dies after a flush, with more in the ring; another one completes the run. */
static void another_supervisor_goes_on_from_the_marks(void **state)
{
	struct record_rig rig;
	struct err err = ERR_INIT;
	struct profile p;
	uint64_t n;
	int runs = 0;

	(void)state;
	record_rig_make(&rig, "recover.sqlite");
	rig_thread(&rig, 77, 10, "main");
	rig_module(&rig, 11, RIG_START, "/bin/rig", "abcd");
	for (int i = 0; i < 10; i++)
		rig_sample(&rig, 20 + i, 10, 0, path_a, 3);
	ring_loss(&rig.w, SPOOL_LOSS_LATE_TICK, 4);
	rig_round(&rig);
	rig_flush(&rig);
	for (int i = 0; i < 5; i++)
		rig_sample(&rig, 40 + i, 10, 0, path_a, 3);
	ring_loss(&rig.w, SPOOL_LOSS_LATE_TICK, 3);
	rig_round(&rig); /* read, but it dies before they are stored */
	recording_release(&rig.r);
	assert_int_equal(record_recover(scratch("recover.sqlite"), &runs, &err), 0);
	assert_int_equal(runs, 1);
	assert_int_equal(rig_sum(&rig, PROFILE_CPU, &n), 150);
	assert_int_equal(n, 15);
	assert_int_equal(store_read_run(rig.store, rig.run, STORE_READ_ALL, &p, &err), 0);
	assert_true(p.run.finished);
	assert_false(p.run.has_exit_code);
	assert_int_equal(p.n_threads, 1); /* taken up, not doubled */
	assert_int_equal(p.n_processes, 1);
	assert_int_equal(p.n_losses, 1);
	assert_int_equal(p.losses[0].count, 7);
	for (uint32_t i = 0; i < p.n_frames; i++) /* the modules were read by the other one */
		if (p.frames[i].module == PROFILE_NONE)
			fail_msg("'%s' has no module",
				 strtab_text(p.strings, p.frames[i].function));
	profile_release(&p);
	assert_int_equal(record_recover(scratch("recover.sqlite"), &runs, &err), 0);
	assert_int_equal(runs, 0);
	assert_int_not_equal(access(rig.spool.path, F_OK), 0);
	store_close(rig.store);
	spool_unmap(&rig.spool.file);
	spool_drop(rig.spool.head);
	session_unmap(rig.spool.session);
}

static void a_run_without_its_session_is_completed_with_what_there_is(void **state)
{
	struct record_rig rig;
	struct err err = ERR_INIT;
	uint64_t n;
	int runs = 0;

	(void)state;
	record_rig_make(&rig, "gone.sqlite");
	rig_thread(&rig, 77, 10, "main");
	rig_sample(&rig, 20, 10, 0, path_a, 3);
	rig_round(&rig);
	rig_flush(&rig);
	recording_release(&rig.r);
	assert_int_equal(session_remove(rig.spool.path, &err), 0);
	assert_int_equal(record_recover(scratch("gone.sqlite"), &runs, &err), 0);
	assert_int_equal(runs, 1);
	assert_int_equal(rig_sum(&rig, PROFILE_CPU, &n), 10);
	store_close(rig.store);
	spool_unmap(&rig.spool.file);
	spool_drop(rig.spool.head);
	session_unmap(rig.spool.session);
}

static void cut_and_unfinished_stacks_are_labelled_and_counted(void **state)
{
	struct spool_sample s = {.value_ns = 10};
	struct record_rig rig;
	uint32_t stack;

	(void)state;
	record_rig_make(&rig, "labels.sqlite");
	rig_thread(&rig, 77, 10, "main");
	rig_module(&rig, 11, RIG_START, "/lib/libx.so", "abcd");
	rig_write(&rig, SPOOL_SAMPLE, 3, UNWIND_DEPTH | SPOOL_SAMPLE_TRUNCATED, 20, &s, sizeof s,
		  path_a, sizeof path_a);
	rig_round(&rig);
	stack = rig.r.batch.samples[0].stack;
	for (uint32_t up = stack; up != STACK_ROOT; up = stacktab_parent(rig.r.known.stacks, up))
		stack = up;
	assert_string_equal(
		strtab_text(rig.r.known.strings,
			    (uint32_t)frametab_get(rig.r.known.frames,
						   stacktab_frame(rig.r.known.stacks, stack))
				    .rel_addr),
		"[truncated]");
	rig_write(&rig, SPOOL_SAMPLE, 3, UNWIND_NO_RULE, 30, &s, sizeof s, path_a, sizeof path_a);
	rig_round(&rig);
	stack = rig.r.batch.samples[1].stack;
	for (uint32_t up = stack; up != STACK_ROOT; up = stacktab_parent(rig.r.known.stacks, up))
		stack = up;
	assert_string_equal(
		strtab_text(rig.r.known.strings,
			    (uint32_t)frametab_get(rig.r.known.frames,
						   stacktab_frame(rig.r.known.stacks, stack))
				    .rel_addr),
		"[no unwind info: libx.so]");
	assert_int_equal(rig.r.batch.losses[SPOOL_LOSS_NO_UNWIND_INFO], 1);
	rig_flush(&rig);
	record_rig_drop(&rig);
}

static void a_file_that_is_made_after_its_number_is_not_missed_at_the_end(void **state)
{
	struct record_rig rig;
	struct spool_head *late;
	struct ring_writer w;
	struct err err = ERR_INIT;
	uint32_t alive;

	(void)state;
	record_rig_make(&rig, "late.sqlite");
	rig_round(&rig);
	atomic_fetch_add(&rig.spool.session->next_image, 1); /* taken, */
	assert_int_equal(images_scan(&rig.r), 0);            /* looked for, */
	atomic_fetch_sub(&rig.spool.session->next_image, 1);
	assert_int_equal(spool_make(&late, rig.spool.path, rig.spool.session, &err), 0);
	late->start_ticks = 1;
	assert_int_equal(spool_claim(late, 78, &w), 0);
	assert_int_equal(rig.r.totals.images, 1);
	assert_int_equal(loop_drain_all(&rig.r, &alive), 0); /* and there at last */
	assert_int_equal(rig.r.totals.images, 2);
	spool_drop(late);
	record_rig_drop(&rig);
}

static int count_maps(void *ctx, const struct procmap *m)
{
	int *n = ctx;

	n[0]++;
	n[1] += m->executable;
	n[2] += strcmp(m->path, "/tmp/a b (deleted)") == 0 && m->offset == 0x2000;
	n[3] += m->path[0] == '\0';
	return 0;
}

static void maps_are_read_and_nonsense_is_passed_over(void **state)
{
	char text[] =
		"00400000-00401000 r-xp 00002000 fe:00 123                /tmp/a b (deleted)\n"
		"zz-00401000 r-xp 0 0 0 x\n"
		"5000-4000 r-xp 00000000 00:00 0\n"
		"\n-\n 1-2\n4000-5000\n"
		"7000-8000 rw-p 00000000 00:00 0 \n"
		"ffffffffff600000-ffffffffff601000 --xp 00000000 00:00 0   [vsyscall]";
	int n[4] = {0};

	(void)state;
	assert_int_equal(procmaps_parse(text, sizeof text - 1, count_maps, n), 0);
	assert_int_equal(n[0], 3);
	assert_int_equal(n[1], 2);
	assert_int_equal(n[2], 1);
	assert_int_equal(n[3], 1);
	assert_true(procstat_start(getpid(), NULL) > 0);
	assert_int_equal(procstat_start(INT32_MAX, NULL), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(samples_are_added_up_by_stack_and_thread),
		cmocka_unit_test(stages_nest_and_take_their_samples),
		cmocka_unit_test(work_of_others_counts_for_a_stage_and_those_around_it),
		cmocka_unit_test(a_failed_flush_loses_nothing),
		cmocka_unit_test(a_full_ring_is_given_back_even_if_the_store_is_not_there),
		cmocka_unit_test(another_supervisor_goes_on_from_the_marks),
		cmocka_unit_test(a_run_without_its_session_is_completed_with_what_there_is),
		cmocka_unit_test(cut_and_unfinished_stacks_are_labelled_and_counted),
		cmocka_unit_test(a_file_that_is_made_after_its_number_is_not_missed_at_the_end),
		cmocka_unit_test(maps_are_read_and_nonsense_is_passed_over),
	};

	return cmocka_run_group_tests(tests, scratch_make, scratch_remove);
}
