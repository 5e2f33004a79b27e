/* Every allocation of a round from rings to the store fails once: it is said or counted, nothing leaks, and
 * what went into the store is sound. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>

#include "prof/record/about.h"
#include "tests/fault/each.h"
#include "tests/unit/heap_rig.h"

static struct heap_rig memory;
#define rig memory.rig
static char kept_image[512], kept_heap[512]; /* an image that ended takes its files along */
static int runs = 1;                         /* the rig has made the first */

static void write_everything(void)
{
	const uint64_t path[] = {RIG_START + 0x30, RIG_START + 0x20, RIG_START + 0x10};
	struct spool_stage_whole whole = {.id = 3, .parent = 1, .items = 1};
	double value = 5;

	(void)!link(kept_image, rig.spool.head->file);
	(void)!link(kept_heap, memory.path);
	atomic_fetch_add(&rig.spool.session->snapshot_asked, 1);
	atomic_store(&rig.w.ring->head, 0);
	atomic_store(&rig.w.ring->tail, 0);
	rig_thread(&rig, 77, 10, "main");
	rig_module(&rig, 11, RIG_START, "/bin/rig", "abcd");
	rig_begin(&rig, 12, 1, 0, "outer");
	rig_write(&rig, SPOOL_STAGE_WHOLE, 0, 0, 13, &whole, sizeof whole, "whole", 6);
	rig_write(&rig, SPOOL_COUNTER, 0, 0, 14, &value, sizeof value, "rows", 5);
	for (uint64_t i = 0; i < 40; i++) {
		uint64_t deep[3] = {path[0] + 16 * i, path[1], path[2] + 16 * (i % 7)};

		rig_sample(&rig, 20 + (int64_t)i, 10, 1, deep, 3);
	}
	rig_end(&rig, 80, 1, 40);
}

static int add_run(struct store *s, int64_t *run)
{
	struct err err = ERR_INIT;
	char id[40];
	struct store_run row = {.id = id, .name = "fault", .start_ns = 1};
	int rc;

	snprintf(id, sizeof id, "00000000-0000-4000-8000-%012d", ++runs);
	rc = store_begin(s, &err);
	if (rc == 0)
		rc = store_run_add(s, &row, run, &err);
	if (rc == 0)
		rc = store_commit(s, &err);
	if (rc)
		store_rollback(s);
	if (rc && rc != ERR_NOMEM)
		print_message("%s\n", err.text);
	return rc;
}

static int a_round(void)
{
	struct err err = ERR_INIT;
	struct recording r;
	int64_t run;
	int rc = add_run(rig.store, &run);

	if (rc)
		return rc;
	rc = recording_init(&r, rig.store, run, rig.spool.session, rig.spool.path);
	if (rc == 0)
		rc = images_scan(&r);
	if (rc == 0)
		rc = drain_round(&r, 1);
	if (rc == 0)
		rc = heap_look_all(&r);
	if (rc == 0 && (rc = snapshots_look(&r, 1000)) > 0)
		rc = 0;
	if (rc == 0 && (rc = snapshots_look(&r, 1000 + SNAPSHOT_STEP_NS)) > 0)
		rc = 0;
	snapshots_begin_end(&r);
	for (int i = 0; i < 4 && rc == 0; i++) /* until its process is known to have ended */
		if ((rc = drain_round(&r, 1)) == 0)
			rc = images_watch(&r);
	if (rc == 0)
		rc = snapshots_take_last(&r, 2000);
	if (rc == 0)
		rc = finish_not_sampled(&r);
	if (rc == 0)
		rc = recording_flush(&r, 1, &err);
	if (rc && rc != ERR_NOMEM)
		print_message("%s\n", err.text);
	if (rc == 0 && r.batch.all_losses[SPOOL_LOSS_TABLE_FULL])
		rc = ERR_NOMEM; /* counted */
	recording_release(&r);
	return rc;
}

static int once(void)
{
	write_everything();
	return a_round();
}

/* The round that succeeded. */
static void memory_is_there_at_last(void)
{
	struct err err = ERR_INIT;
	struct profile p;
	int64_t sum = 0;

	assert_int_equal(store_read_run(rig.store, runs, STORE_READ_ALL, &p, &err), 0);
	for (size_t i = 0; i < p.n_samples; i++)
		if (p.samples[i].kind == PROFILE_LEAK)
			sum += p.samples[i].value;
	assert_int_equal(sum, 40 * 60);
	assert_int_equal(p.n_snapshots, 3);
	profile_release(&p);
}

static void a_round_survives_each_failing_allocation(void **state)
{
	size_t n;

	(void)state;
	n = fault_each(once, 1);
	print_message("%zu allocations failed\n", n);
	assert_true(n > 20);
	memory_is_there_at_last();
}

static int about_once(void)
{
	char *argv[] = {(char[]){"program"}, (char[]){"--\"x\xff"}, NULL};
	struct about a;
	int rc = about_init(&a, argv, NULL);

	if (rc)
		return rc;
	assert_string_equal(buf_str(&a.argv_json), "[\"program\", \"--\\\"x\xef\xbf\xbd\"]");
	about_release(&a);
	return 0;
}

static void a_command_line_survives_each_failing_allocation(void **state)
{
	(void)state;
	assert_true(fault_each(about_once, 0) > 0);
}

static void fill_heap(void)
{
	for (uint64_t i = 0; i < 40; i++) {
		uint64_t path[2] = {RIG_START + 16 * i, RIG_START + 8};
		struct rig_where w = {HEAP_SITE_MALLOC, 1, 2, 0, 1 + i % 3, path};

		heap_rig_blocks(heap_rig_site(&memory, &w), 3, 90, 1, 30, 1);
	}
	assert_int_equal(heap_thread_row_add(memory.head, 77, 12), 1);
}

static int set_up(void **state)
{
	if (scratch_make(state))
		return -1;
	rig_make(&rig.spool, 65536);
	record_rig_run(&rig, "fault.sqlite");
	rig.spool.head->pid = getpid();
	rig.spool.head->start_ticks = 1;
	rig.spool.session->memory_mode = HEAP_FULL;
	heap_rig_file(&memory, HEAP_FULL);
	fill_heap();
	snprintf(kept_image, sizeof kept_image, "%.255s/kept-image", rig.spool.path);
	snprintf(kept_heap, sizeof kept_heap, "%.255s/kept-heap", rig.spool.path);
	if (link(rig.spool.head->file, kept_image) || link(memory.path, kept_heap))
		return -1;
	return spool_claim(rig.spool.head, 77, &rig.w);
}

static int tear_down(void **state)
{
	store_close(rig.store);
	heap_rig_unmake_file(&memory);
	(void)unlink(kept_image);
	(void)unlink(kept_heap);
	rig_drop(&rig.spool);
	return scratch_remove(state);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_round_survives_each_failing_allocation),
		cmocka_unit_test(a_command_line_survives_each_failing_allocation),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
