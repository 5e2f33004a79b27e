/* Snapshots of live memory: they come by themselves and thin out, hold the largest stacks, and answer who asks
 * once they are in the store. */
#include "tests/unit/heap_rig.h"

static const uint64_t path_a[] = {RIG_START + 0x30, RIG_START + 0x20, RIG_START + 0x10};

static void snapshots_thin_out_evenly(void **state)
{
	struct rig_where w = {HEAP_SITE_MALLOC, 0, 3, 0, 0, path_a};
	const int64_t step = SNAPSHOT_STEP_NS;
	struct heap_site *s;
	struct heap_rig h;
	struct profile p;

	(void)state;
	heap_rig_make(&h, "auto.sqlite", HEAP_FULL);
	s = heap_rig_site(&h, &w);
	rig_round(&h.rig);
	assert_int_equal(heap_look_all(&h.rig.r), 0);
	for (int64_t i = 0; i < 1000; i++) {
		atomic_store(&s->alloc_bytes, (uint64_t)i);
		assert_int_equal(snapshots_look(&h.rig.r, 1000 + i * step), 0);
		if (i % 7 == 0) /* some are thinned out before they are in the store */
			rig_flush(&h.rig);
	}
	rig_flush(&h.rig);
	heap_rig_read(&h, &p);
	assert_in_range(p.n_snapshots, SNAPSHOT_AUTO_MAX / 2, SNAPSHOT_AUTO_MAX);
	for (size_t i = 0; i < p.n_snapshots; i++) {
		const struct profile_snapshot *at = &p.snapshots[i];

		assert_string_equal(strtab_text(p.strings, at->name), "auto");
		assert_int_equal(at->heap_bytes, (at->t_ns - 1000) / step);
		assert_int_equal(at->n, 1);
		if (i > 1)
			assert_int_equal(at->t_ns - p.snapshots[i - 1].t_ns,
					 p.snapshots[1].t_ns - p.snapshots[0].t_ns);
	}
	assert_int_equal(p.n_snapshot_rows, p.n_snapshots); /* none is left of those removed */
	profile_release(&p);
	heap_rig_drop(&h);
}

static void an_automatic_one_holds_the_largest_stacks(void **state)
{
	struct heap_rig h;
	struct profile p;
	int64_t sum = 0;

	(void)state;
	heap_rig_make(&h, "large.sqlite", HEAP_FULL);
	for (uint64_t i = 0; i < 3000; i++) {
		uint64_t path[2] = {RIG_START + i, RIG_START + 0x5000};
		struct rig_where w = {HEAP_SITE_MALLOC, 0, 2, 0, 0, path};

		heap_rig_blocks(heap_rig_site(&h, &w), 1, 1 + i, 0, 0, 0);
	}
	rig_round(&h.rig);
	assert_int_equal(heap_look_all(&h.rig.r), 0);
	assert_int_equal(snapshots_look(&h.rig.r, 1000), 0);
	assert_int_equal(snapshots_look(&h.rig.r, 1000 + SNAPSHOT_STEP_NS), 0);
	rig_flush(&h.rig);
	heap_rig_read(&h, &p);
	assert_int_equal(p.n_snapshots, 1);
	assert_int_equal(p.snapshots[0].heap_bytes, 3000 * 3001 / 2);
	assert_int_equal(p.snapshots[0].n, SNAPSHOT_AUTO_ROWS);
	for (size_t i = 0; i < p.n_snapshot_rows; i++) {
		assert_true(p.snapshot_rows[i].value > 1000);
		sum += p.snapshot_rows[i].value;
	}
	assert_int_equal(sum, 3000 * 3001 / 2 - 1000 * 1001 / 2);
	profile_release(&p);
	heap_rig_drop(&h);
}

static void who_asks_is_answered_once_it_is_stored(void **state)
{
	struct rig_where w = {HEAP_SITE_MALLOC, 0, 3, 0, 1, path_a};
	struct spool_session *session;
	struct heap_rig h;
	struct profile p;

	(void)state;
	heap_rig_make(&h, "asked.sqlite", HEAP_FULL);
	session = h.rig.spool.session;
	heap_rig_blocks(heap_rig_site(&h, &w), 5, 500, 1, 100, 0);
	w.stage = 2; /* the same stack: one row of a snapshot */
	heap_rig_blocks(heap_rig_site(&h, &w), 1, 20, 0, 0, 0);
	rig_round(&h.rig);
	assert_int_equal(heap_look_all(&h.rig.r), 0);
	atomic_fetch_add(&session->snapshot_asked, 2); /* two at once: one answer */
	assert_int_equal(snapshots_look(&h.rig.r, 1000), 1);
	assert_int_equal(snapshots_look(&h.rig.r, 1001), 1); /* still not stored */
	assert_int_equal(atomic_load(&session->snapshot_done), 0);
	rig_flush(&h.rig);
	assert_int_equal(atomic_load(&session->snapshot_done), 2);
	assert_int_equal(snapshots_look(&h.rig.r, 1002), 0);
	atomic_fetch_add(&session->snapshot_asked, 1); /* while everything ends */
	snapshots_begin_end(&h.rig.r);
	atomic_fetch_add(&session->snapshot_asked, 1);
	heap_rig_end(&h);
	assert_int_equal(snapshots_take_last(&h.rig.r, 1003), 0);
	rig_flush(&h.rig);
	assert_int_equal(atomic_load(&session->snapshot_done), 4);
	heap_rig_read(&h, &p);
	assert_int_equal(p.n_snapshots, 3);
	assert_string_equal(strtab_text(p.strings, p.snapshots[0].name), "asked");
	assert_int_equal(p.snapshots[0].heap_bytes, 420);
	assert_int_equal(p.snapshots[0].n, 1);
	assert_int_equal(p.snapshot_rows[0].count, 5);
	profile_release(&p);
	heap_rig_drop(&h);
}

static void without_memory_there_is_an_answer_but_no_snapshot(void **state)
{
	struct record_rig rig;
	struct err err = ERR_INIT;
	struct profile p;
	uint32_t alive;

	(void)state;
	record_rig_make(&rig, "none.sqlite");
	rig_thread(&rig, 77, 10, "main");
	rig_round(&rig);
	atomic_fetch_add(&rig.spool.session->snapshot_asked, 1);
	assert_int_equal(snapshots_look(&rig.r, 1000), 1);
	assert_int_equal(loop_drain_all(&rig.r, &alive), 0);
	rig_flush(&rig);
	assert_int_equal(atomic_load(&rig.spool.session->snapshot_done), 1);
	assert_int_equal(store_read_run(rig.store, rig.run, STORE_READ_ALL, &p, &err), 0);
	assert_int_equal(p.n_snapshots, 0);
	profile_release(&p);
	record_rig_drop(&rig);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(snapshots_thin_out_evenly),
		cmocka_unit_test(an_automatic_one_holds_the_largest_stacks),
		cmocka_unit_test(who_asks_is_answered_once_it_is_stored),
		cmocka_unit_test(without_memory_there_is_an_answer_but_no_snapshot),
	};

	return cmocka_run_group_tests(tests, scratch_make, scratch_remove);
}
