/* Every allocation between a target's file of SQL statements and the report of them fails once: nothing leaks, and
 * what reaches the store is whole or is not there. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>

#include "prof/analyze/metrics_internal.h"
#include "prof/analyze/statements.h"
#include "tests/fault/each.h"
#include "tests/unit/record_rig.h"
#include "tests/unit/sql_made.h"
#include "tests/unit/sql_rows.h"

#define END_NS 5100 /* a call has waited since 100 */

static struct record_rig rig;
static struct sql_head *made;
static char kept_image[512], kept_sql[512],
	path[512];   /* an image that ended takes its files along */
static int runs = 1; /* the rig has made the first */

static int add_run(int64_t *run)
{
	char id[40];
	struct store_run row = {.id = id, .name = "fault", .start_ns = 1};
	int rc;

	snprintf(id, sizeof id, "00000000-0000-4000-8000-%012d", ++runs);
	rc = store_begin(rig.store, NULL);
	if (rc == 0)
		rc = store_run_add(rig.store, &row, run, NULL);
	if (rc == 0)
		rc = store_commit(rig.store, NULL);
	if (rc)
		store_rollback(rig.store);
	return rc;
}

static size_t stored(void)
{
	struct profile p;
	size_t n;

	assert_int_equal(store_read_run(rig.store, runs, STORE_READ_SAMPLES, &p, NULL), 0);
	n = p.n_sql;
	profile_release(&p);
	return n;
}

static int take_in(struct recording *r)
{
	struct err err = ERR_INIT;
	int rc = images_scan(r);

	if (rc == 0)
		rc = drain_round(r, 1); /* a module and a stage that sites name */
	if (rc == 0)
		rc = sql_look_all(r);
	for (uint32_t i = 0; i < r->n_images && rc == 0; i++)
		rc = image_ended(r, r->images[i], END_NS);
	if (rc == 0)
		rc = recording_flush(r, 1, &err);
	if (rc && rc != ERR_NOMEM)
		print_message("%s\n", err.text);
	return rc;
}

static int once(void)
{
	struct recording r;
	int64_t run;
	int rc = add_run(&run);

	if (rc)
		return rc;
	(void)!link(kept_image, rig.spool.head->file);
	(void)!link(kept_sql, path);
	atomic_store(&rig.w.ring->head, 0);
	atomic_store(&rig.w.ring->tail, 0);
	rig_thread(&rig, 77, 10, "main");
	rig_module(&rig, 11, RIG_START, "/bin/rig", "abcd");
	rig_begin(&rig, 12, 1, 0, "outer");
	rc = recording_init(&r, rig.store, run, rig.spool.session, rig.spool.path);
	if (rc == 0)
		rc = take_in(&r);
	if (rc == 0 && r.batch.all_losses[SPOOL_LOSS_TABLE_FULL])
		rc = ERR_NOMEM; /* counted */
	recording_release(&r);
	return rc;
}

static const struct profile_sql *site_of(const struct profile *p, uint64_t calls)
{
	for (size_t i = 0; i < p->n_sql; i++)
		if (p->sql[i].calls == calls)
			return &p->sql[i];
	fail_msg("no row of %d calls", (int)calls);
	return NULL;
}

/* What the round that succeeded has stored. */
static void all_is_there(void)
{
	struct profile p;
	const struct profile_sql *q;

	assert_int_equal(store_read_run(rig.store, runs, STORE_READ_SAMPLES, &p, NULL), 0);
	assert_int_equal(p.n_sql, 3);
	q = site_of(&p, 40);
	assert_string_equal(strtab_text(p.strings, q->text), "select a from b where c = ?");
	assert_string_equal(strtab_text(p.strings, q->kind), "query");
	assert_int_equal(q->total_ns, 40000);
	assert_int_equal(q->rows, 80);
	assert_int_equal(q->distinct_params, 20);
	assert_int_equal(q->statement_distinct, 30);
	assert_int_equal(p.stacks[q->stack].depth, 3);
	assert_string_equal(strtab_text(p.strings, q->examples),
			    "[\"'z\\u000a\xef\xbf\xbd'\",\"'x', \\\"y\\\"\"]");
	q = site_of(&p, 2);
	assert_true(q->stage < p.n_stages);
	assert_string_equal(strtab_text(p.strings, p.stages[q->stage].name), "outer");
	q = site_of(&p, 1);
	assert_string_equal(strtab_text(p.strings, q->kind), "prepare");
	assert_int_equal(q->unfinished, 1);
	assert_int_equal(q->total_ns, 1000 + 5000);
	profile_release(&p);
}

static void a_file_survives_each_failing_allocation(void **state)
{
	size_t n;

	(void)state;
	n = fault_each(once, 1);
	print_message("%zu allocations failed\n", n);
	assert_true(n > 20);
	assert_int_equal(stored(), 3);
	all_is_there();
}

/* ---- reports ------------------------------------------------------------------------------------- */

static struct profile profile;

static int statements_once(void)
{
	struct err err = ERR_INIT;
	struct statement_list l;
	int rc = statements_make(&l, &profile, "s1", &err);

	assert_int_equal(err.code, rc);
	if (rc)
		assert_true(rc == ERR_NOMEM && !l.rows && !l.sites && !l.stages && !l.n);
	else
		assert_int_equal(l.n, 10);
	statements_release(&l);
	return rc;
}

static int metrics_once(void)
{
	struct metric_table t = {0};
	int rc = metrics_add_run(&t, METRICS_BASE, &profile, NULL);

	if (rc)
		assert_int_equal(t.n_a, 0); /* it is not in it */
	metrics_release(&t);
	return rc;
}

static void reports_survive_each_failing_allocation(void **state)
{
	char text[40];

	(void)state;
	assert_int_equal(profile_init(&profile), 0);
	(void)made_stage(&profile, "s0", PROFILE_NONE, 1);
	(void)made_stage(&profile, "s1", PROFILE_NONE, 1);
	for (int i = 0; i < 20; i++) {
		struct profile_sql *q;

		snprintf(text, sizeof text, "select t%d", i);
		q = sql_row(&profile, text, 30, 1);
		q->stage = (uint32_t)i % 2;
		sql_row_sets(q, 3, 3);
	}
	assert_int_equal(fault_each(statements_once, 0), 4);
	assert_true(fault_each(metrics_once, 0) > 20);
	profile_release(&profile);
}

static int set_up(void **state)
{
	if (scratch_make(state))
		return -1;
	rig_make(&rig.spool, 65536);
	record_rig_run(&rig, "fault.sqlite");
	rig.spool.head->pid = getpid();
	rig.spool.head->start_ticks = 1; /* no process has that: nothing is asked of /proc */
	rig.spool.head->start_ns = 5;
	rig.spool.session->sql = 1;
	rig.spool.session->sql_params = 2;
	snprintf(kept_image, sizeof kept_image, "%.255s/kept-image", rig.spool.path);
	snprintf(kept_sql, sizeof kept_sql, "%.255s/kept-sql", rig.spool.path);
	snprintf(path, sizeof path, "%.300s" SQL_SUFFIX, rig.spool.head->file);
	made = sql_made_file(kept_sql);
	if (link(rig.spool.head->file, kept_image))
		return -1;
	return spool_claim(rig.spool.head, 77, &rig.w);
}

static int tear_down(void **state)
{
	store_close(rig.store);
	sql_made_unmap(made);
	(void)unlink(kept_image);
	(void)unlink(kept_sql);
	rig_drop(&rig.spool);
	return scratch_remove(state);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_file_survives_each_failing_allocation),
		cmocka_unit_test(reports_survive_each_failing_allocation),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
