/* Every allocation of opening and writing anc2vec archives fails once: the call says so and leaves
 * nothing behind. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "pipeline/anc2vec/anc2vec.h"
#include "pipeline/anc2vec/anc2vec_max.h"
#include "pipeline/core/fsio.h"
#include "tests/fault/fault.h"

#define MAX_ALLOCATIONS 1000

static char dir[64], path[128], tsv[128];

static void put_tsv(void)
{
	struct buf b = BUF_INIT;

	for (int i = 0; i < 3000; i++)
		buf_printf(&b, "GO:%07d\t%d\t1\n", i, i);
	assert_int_equal(fsio_write_file(tsv, b.data, b.len, NULL), 0);
	buf_release(&b);
}

static int prepare(void **state)
{
	const char *base = getenv("TMPDIR");

	(void)state;
	snprintf(dir, sizeof dir, "%.40s/a2vf-XXXXXX", base && strlen(base) < 40 ? base : "/tmp");
	if (!mkdtemp(dir))
		return -1;
	snprintf(path, sizeof path, "%s/out.npz", dir);
	snprintf(tsv, sizeof tsv, "%s/in.tsv", dir);
	put_tsv();
	return 0;
}

static int finish(void **state)
{
	(void)state;
	return fsio_remove_tree(dir, NULL);
}

/* Runs `fn` with the 1st, 2nd, … allocation failing until none does. */
static void fail_each(int (*fn)(struct err *err))
{
	size_t n = 0;
	int fired = 1;

	while (fired) {
		struct err err = ERR_INIT;

		fault_arm(++n);
		int rc = fn(&err);

		fired = fault_fired();
		fault_disarm();
		assert_int_equal(rc, fired ? ERR_NOMEM : 0);
		assert_int_equal(err.code, fired ? ERR_NOMEM : 0);
		assert_true(n < MAX_ALLOCATIONS);
	}
	assert_true(n > 1);
}

static int open_archive(const char *name, struct err *err)
{
	struct anc2vec *a;
	int rc = anc2vec_open(&a, name, err);

	assert_int_equal(!a, rc < 0);
	anc2vec_close(a);
	return rc;
}

static int open_npz(struct err *err)
{
	return open_archive("tests/golden/npz/anc2vec_f2_unicode.npz", err);
}

static int open_object(struct err *err)
{
	return open_archive("tests/golden/npz/anc2vec_f8_object.npz", err);
}

static int open_tsv(struct err *err)
{
	return open_archive(tsv, err);
}

static int write_archive(struct err *err)
{
	const char *const ids[2] = {"GO:1", "GO:2"};
	const float v[4] = {1, 2, 3, 4};

	return anc2vec_write_npz(path, ids, v, 2, 2, "r", err);
}

static void opening_an_anc2vec_archive_fails_cleanly(void **state)
{
	(void)state;
	fail_each(open_npz);
	fail_each(open_object);
	fail_each(open_tsv);
}

static void writing_an_anc2vec_archive_fails_cleanly(void **state)
{
	(void)state;
	fail_each(write_archive);
}

/* A set that could not grow is as one without rows, and grows when there is memory again. */
static int fill_set(struct err *err)
{
	static const float first[3] = {1, 0, 0}, second[3] = {0, 1, 0};
	const float *rows[200];
	struct anc2vec_set s;
	double best = 0;
	int rc;

	for (size_t i = 0; i < 200; i++)
		rows[i] = i % 2 ? second : first;
	anc2vec_set_init(&s, 3);
	rc = anc2vec_set_rows(&s, rows, 2, err);
	if (rc == 0)
		rc = anc2vec_set_rows(&s, rows, 200, err);
	anc2vec_set_max(&s, rows, 1, &best);
	assert_true(rc == 0 ? best == 1.0 : isnan(best));
	anc2vec_set_release(&s);
	return rc;
}

static void a_set_of_terms_fails_cleanly(void **state)
{
	(void)state;
	fail_each(fill_set);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(opening_an_anc2vec_archive_fails_cleanly),
		cmocka_unit_test(writing_an_anc2vec_archive_fails_cleanly),
		cmocka_unit_test(a_set_of_terms_fails_cleanly),
	};

	return cmocka_run_group_tests(tests, prepare, finish);
}
