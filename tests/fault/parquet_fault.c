/* Every allocation of the Parquet writer, joiner and reader fails once: the call says so, leaves no
 * file behind, and works again afterwards. */
#include "tests/unit/parquet_fixture.h"

#include "tests/fault/fault.h"

#define ROWS 400

static struct rows rows;
static char *part, *joined;

static int write_part(struct err *err)
{
	struct parquet_writer *w;
	int rc = parquet_create(&w, part, SCHEMA_V5_73, err);

	if (rc < 0)
		return rc;
	rc = parquet_append(w, &rows, err);
	if (rc < 0) {
		parquet_abort(w);
		return rc;
	}
	return parquet_close(w, NULL, NULL, err);
}

static int join_parts(struct err *err)
{
	const char *inputs[] = {part, part};

	return parquet_join(joined, inputs, 2, SCHEMA_V5_73, NULL, NULL, err);
}

static int ignore(void *ctx, const char *const *text, const size_t *len, struct err *err)
{
	(void)ctx, (void)text, (void)len, (void)err;
	return 0;
}

static int read_part(struct err *err)
{
	static const char *const columns[] = {"qualifier", "protein_accession"};

	return parquet_read_strings(part, columns, 2, ignore, NULL, err);
}

static int read_delta(struct err *err)
{
	static const char *const columns[] = {"go_id", "bucket"};

	return parquet_read_strings("tests/fuzz/corpus/parquet_read/arrow_v2_delta.parquet",
				    columns, 2, ignore, NULL, err);
}

static int grow_rows(struct err *err)
{
	struct rows batch;
	int rc = rows_init(&batch, SCHEMA_V5_73, &strings, 3, err);

	if (rc < 0)
		return rc;
	rc = rows_reserve(&batch, 9000, err);
	rows_release(&batch);
	return rc;
}

static int digest(struct err *err)
{
	char sha[SCHEMA_SHA_TEXT];
	int rc = schema_sha(SCHEMA_V2_56, sha);

	(void)err;
	return rc ? rc : schema_sha_contract(SCHEMA_V2_56, sha);
}

/* `makes` is the file the call makes, NULL for none. */
static void fail_each(int (*call)(struct err *err), const char *makes, size_t at_least)
{
	size_t n, before = count_files(), failures = 0;
	struct err err = ERR_INIT;

	for (n = 1;; n++) {
		int rc;

		fault_arm(n);
		rc = call(&err);
		if (!fault_fired()) {
			assert_int_equal(rc, 0);
			break;
		}
		fault_disarm();
		if (makes && !rc) { /* what failed was not needed */
			fsio_remove(makes);
			continue;
		}
		assert_int_equal(rc, ERR_NOMEM);
		assert_int_equal(count_files(), before);
		failures++;
	}
	fault_disarm();
	assert_true(failures >= at_least);
}

static void writing_fails_cleanly_at_every_allocation(void **state)
{
	(void)state;
	fail_each(write_part, part, 90); /* 78 columns and the encoder */
}

static void joining_fails_cleanly_at_every_allocation(void **state)
{
	(void)state;
	fail_each(join_parts, joined, 10);
}

static void reading_fails_cleanly_at_every_allocation(void **state)
{
	(void)state;
	fail_each(read_part, NULL, 10);
	fail_each(read_delta, NULL, 10);
}

static void batches_and_digests_fail_cleanly_at_every_allocation(void **state)
{
	(void)state;
	fail_each(grow_rows, NULL, 156);
	fail_each(digest, NULL, 2);
}

static int prepare(void **state)
{
	if (make_folder(state) || rows_init(&rows, SCHEMA_V5_73, &strings, ROWS, NULL))
		return -1;
	fill(&rows, 0, ROWS);
	part = at_folder("part.parquet");
	joined = at_folder("joined.parquet");
	return 0;
}

static int clean_up(void **state)
{
	rows_release(&rows);
	free(part);
	free(joined);
	return remove_folder(state);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(writing_fails_cleanly_at_every_allocation),
		cmocka_unit_test(joining_fails_cleanly_at_every_allocation),
		cmocka_unit_test(reading_fails_cleanly_at_every_allocation),
		cmocka_unit_test(batches_and_digests_fail_cleanly_at_every_allocation),
	};

	return cmocka_run_group_tests(tests, prepare, clean_up);
}
