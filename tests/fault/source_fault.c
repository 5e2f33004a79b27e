/* Every allocation of reading and writing a bundle fails once, SQLite's and jansson's included: each
 * call says so, changes nothing and leaves nothing behind. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <string.h>
#include <unistd.h>

#include "pipeline/source/source.h"
#include "tests/fault/fault.h"
#include "tests/fault/sqlite_fault.h"
#include "tests/unit/bundle_fixture.h"

static char dir[PATH_MAX], path[PATH_MAX + 16];

static int setup(void **state)
{
	(void)state;
	fixture_dir(dir);
	snprintf(path, sizeof path, "%s/b.sqlite", dir);
	fixture_make(path);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	return fsio_remove_tree(dir, NULL);
}

static int on_config(void *ctx, const struct source_config *row, struct err *err)
{
	(void)row, (void)err;
	++*(int *)ctx;
	return 0;
}

static int on_set(void *ctx, const struct source_annotation_set *row, struct err *err)
{
	(void)row, (void)err;
	++*(int *)ctx;
	return 0;
}

static int on_eval(void *ctx, const struct source_evaluation_set *row, struct err *err)
{
	(void)row, (void)err;
	++*(int *)ctx;
	return 0;
}

static int on_term(void *ctx, const struct source_term *row, struct err *err)
{
	(void)row, (void)err;
	++*(int *)ctx;
	return 0;
}

static int on_protein(void *ctx, const struct source_protein *row, struct err *err)
{
	(void)row, (void)err;
	++*(int *)ctx;
	return 0;
}

static int on_embedding(void *ctx, const struct source_embedding *row, struct err *err)
{
	(void)row, (void)err;
	++*(int *)ctx;
	return 0;
}

static int on_sequence(void *ctx, int64_t id, const char *text, size_t len, struct err *err)
{
	(void)id, (void)text, (void)len, (void)err;
	++*(int *)ctx;
	return 0;
}

static int read_everything(int *rows, struct err *err)
{
	static const int64_t ids[] = {1, 2};
	struct source *s;
	uint64_t n, dim;
	int rc = source_open(&s, path, SOURCE_READ, err);

	if (rc < 0)
		return rc;
	*rows = 0;
	rc = source_configs(s, on_config, rows, err);
	if (rc == 0)
		rc = source_annotation_sets(s, "goa", on_set, rows, err);
	if (rc == 0)
		rc = source_evaluation_sets(s, SET_OLD, SET_NEW, on_eval, rows, err);
	if (rc == 0)
		rc = source_terms(s, SNAP_1, on_term, rows, err);
	if (rc == 0)
		rc = source_proteins(s, on_protein, rows, err);
	if (rc == 0)
		rc = source_embeddings(s, CONFIG_H, on_embedding, rows, err);
	if (rc == 0)
		rc = source_embedding_estimate(s, CONFIG_H, &n, &dim, err);
	if (rc == 0)
		rc = source_embedded_proteins(s, CONFIG_H, &n, err);
	if (rc == 0)
		rc = source_sequences(s, ids, 2, on_sequence, rows, err);
	source_close(s);
	return rc;
}

static void fail_reading(size_t step)
{
	struct err err = ERR_INIT;
	int rows = 0, rc;
	size_t n;

	for (n = 1;; n += step) {
		fault_arm(n);
		rc = read_everything(&rows, &err);
		if (!fault_fired())
			break;
		fault_disarm();
		/* SQLite gets by without some of its buffers */
		if (rc == 0)
			assert_int_equal(rows, 21);
		else if (rc != ERR_NOMEM)
			fail_msg("allocation %zu: %s", n, err.text);
	}
	fault_disarm();
	assert_int_equal(rc, 0);
	assert_int_equal(rows, 21); /* 2 + 2 + 1 + 6 + 5 + 3 + 2 */
	assert_true(n > 5);
}

static void reading_fails_cleanly_at_every_allocation(void **state)
{
	(void)state;
	sqlite_fault_on = 0;
	fail_reading(1);
	sqlite_fault_on = 1;
	fail_reading(3); /* SQLite's are many, of the same kinds over and over */
}

static int write_everything(struct err *err)
{
	const struct source_event event = {.job_id = JOB_1,
					   .level = "info",
					   .event = "e",
					   .progress_current = 1,
					   .progress_total = 2};
	const struct source_dataset set = {.id = SNAP_2,
					   .name = "d",
					   .operation = "o",
					   .storage_backend = "local",
					   .key_prefix = "p",
					   .manifest_uri = "m",
					   .schema_sha = "s",
					   .k = 5,
					   .annotation_source = "goa"};
	const struct source_claimant who = {.worker = "w"};
	const struct source_end end = {.status = "SUCCEEDED"};
	struct source_claim inserted = {.job_id = JOB_2};
	struct source_job job = {0};
	struct source *s;
	int rc = source_open(&s, path, SOURCE_WRITE, err);

	if (rc < 0)
		return rc;
	rc = source_reserve_name(s, "d", err);
	if (rc == 0)
		rc = source_insert_job(s, &inserted, "o", "{}", err);
	if (rc == 0)
		rc = source_claim_job(s, JOB_1, &who, &job, err);
	if (rc == 1)
		rc = source_insert_event(s, &event, err);
	if (rc == 0)
		rc = source_extend_lease(s, &job.claim, err);
	if (rc == 0)
		rc = source_insert_dataset(s, &set, err);
	if (rc == 0)
		rc = source_finish_job(s, &job.claim, &end, err);
	source_job_release(&job);
	source_close(s);
	return rc;
}

/* Each call is one transaction: its rows are all there or none of them. */
static void assert_consistent(void)
{
	assert_int_equal(fixture_int(path, "SELECT (SELECT status <> 'QUEUED' FROM job WHERE id ="
					   " '" JOB_1 "') = (SELECT count(*) FROM job_event"
					   " WHERE event = 'job.started')"),
			 1);
	assert_int_equal(fixture_int(path, "SELECT (SELECT progress_current IS NOT NULL FROM job"
					   " WHERE id = '" JOB_1 "') = (SELECT count(*) FROM"
					   " job_event WHERE event = 'e')"),
			 1);
	assert_int_equal(fixture_int(path, "SELECT count(*) FROM pragma_integrity_check"
					   " WHERE integrity_check <> 'ok'"),
			 0);
}

/* The bundle as it was, without what a failed writer may leave beside it. */
static void put_fresh(const struct buf *fresh)
{
	static const char *const suffixes[] = {"-wal", "-shm", "-journal"};
	char name[PATH_MAX + 32];

	for (size_t i = 0; i < sizeof suffixes / sizeof suffixes[0]; i++) {
		snprintf(name, sizeof name, "%s%s", path, suffixes[i]);
		unlink(name);
	}
	fixture_write(path, fresh->data, fresh->len);
}

static void fail_writing(size_t step)
{
	struct err err = ERR_INIT;
	int rc;
	struct buf fresh = BUF_INIT;
	size_t n;

	unlink(path);
	fixture_make(path);
	assert_int_equal(fsio_read_all(path, BUF_NO_LIMIT, &fresh, &err), 0);
	for (n = 1;; n += step) {
		put_fresh(&fresh);
		fault_arm(n);
		rc = write_everything(&err);
		if (!fault_fired())
			break;
		fault_disarm();
		if (rc < 0 && rc != ERR_NOMEM)
			fail_msg("allocation %zu: %s", n, err.text);
		assert_consistent();
	}
	fault_disarm();
	assert_int_equal(rc, 0);
	assert_consistent();
	assert_int_equal(fixture_int(path, "SELECT count(*) FROM dataset"), 1);
	assert_true(n > 5);
	buf_release(&fresh);
}

static void writing_fails_cleanly_at_every_allocation(void **state)
{
	(void)state;
	sqlite_fault_on = 0;
	fail_writing(1);
	sqlite_fault_on = 1;
	fail_writing(5);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(reading_fails_cleanly_at_every_allocation, setup,
						teardown),
		cmocka_unit_test_setup_teardown(writing_fails_cleanly_at_every_allocation, setup,
						teardown),
	};

	sqlite_fault_install();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
