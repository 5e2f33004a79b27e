/* Every allocation of a PCA fit and of its states fails once: the call says so and leaves nothing
 * behind. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "pipeline/core/fsio.h"
#include "pipeline/core/half.h"
#include "pipeline/pca/pca_scores.h"
#include "tests/fault/fault.h"

#define MAX_ALLOCATIONS 1000
#define ROWS            40
#define LARGE           (PCA_SAMPLE_ROWS + 10)
#define DIM             3
#define WIDE            400

static char dir[64], path[128];
static uint16_t rows[LARGE * DIM];
static struct pca fitted;
static struct pca_fingerprint fingerprint = {.n_rows = ROWS, .dim = DIM};

static int prepare(void **state)
{
	const char *base = getenv("TMPDIR");

	(void)state;
	snprintf(dir, sizeof dir, "%.40s/pcaf-XXXXXX", base && strlen(base) < 40 ? base : "/tmp");
	if (!mkdtemp(dir))
		return -1;
	snprintf(path, sizeof path, "%s/out.npz", dir);
	for (size_t i = 0; i < LARGE * DIM; i++)
		rows[i] = half_from_float((float)(i * 7919 % 1000) / 100);
	memset(fingerprint.accessions_sha256, 'e', 64);
	return pca_fit(&fitted, rows, ROWS, DIM, 1, NULL);
}

static int finish(void **state)
{
	(void)state;
	pca_release(&fitted);
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

static int fit_rows(size_t n, size_t workers, struct err *err)
{
	struct pca p;
	int rc = pca_fit(&p, rows, n, DIM, workers, err);

	if (rc < 0)
		assert_true(!p.mean && !p.components);
	pca_release(&p);
	return rc;
}

static int fit_all(struct err *err)
{
	return fit_rows(ROWS, 1, err);
}

static int fit_sample(struct err *err)
{
	return fit_rows(LARGE, 1, err);
}

/* Wide enough for the basis that grows. */
static int fit_wide(struct err *err)
{
	struct pca p;
	int rc = pca_fit(&p, rows, LARGE * DIM / WIDE, WIDE, 1, err);

	if (rc < 0)
		assert_true(!p.mean && !p.components);
	pca_release(&p);
	return rc;
}

static int project(struct err *err)
{
	static const uint32_t some[] = {0, 7, ROWS - 1};
	struct pca_scores s;
	int rc = pca_scores_make(&s, &fitted, rows, some, 3, 2, err);

	if (rc < 0)
		assert_true(!s.row && !s.score);
	pca_scores_release(&s);
	return rc;
}

static int save_state(struct err *err)
{
	return pca_save(&fitted, path, &fingerprint, err);
}

static int load_state(struct err *err)
{
	struct pca p;
	int rc = pca_load(&p, path, &fingerprint, err);

	if (rc < 0)
		assert_true(!p.mean && !p.components);
	pca_release(&p);
	return rc;
}

static void a_fit_fails_cleanly(void **state)
{
	(void)state;
	fail_each(fit_all);
	fail_each(fit_sample);
	fail_each(fit_wide);
}

static void projecting_fails_cleanly(void **state)
{
	(void)state;
	fail_each(project);
}

static void saving_and_loading_a_state_fail_cleanly(void **state)
{
	(void)state;
	fail_each(save_state);
	fail_each(load_state);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_fit_fails_cleanly),
		cmocka_unit_test(projecting_fails_cleanly),
		cmocka_unit_test(saving_and_loading_a_state_fail_cleanly),
	};

	return cmocka_run_group_tests(tests, prepare, finish);
}
