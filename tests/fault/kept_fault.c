/* Every allocation of keeping neighbours and alignments, and of taking them again, fails once: an error, or as if
 * nothing had been kept; never half of it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "tests/fault/each.h"
#include "tests/unit/scratch.h"
#include "tests/unit/kept_rig.h"

static int keep_neighbors(struct rig *r)
{
	struct kept_neighbors kept;
	struct err err = ERR_INIT;
	int rc = kept_neighbors_open(&kept, &r->split, scratch_dir, "base", &err);

	if (rc)
		return rc;
	rc = kept_neighbors_save(&kept, &r->split, 0, RIG_QUERIES, &err);
	if (!rc) {
		r->split.n_found = 0;
		rc = kept_neighbors_load(&kept, &r->split, &err);
	}
	if (!rc)
		assert_true(r->split.n_found == 0 || r->split.n_found == RIG_QUERIES);
	kept_neighbors_close(&kept);
	return rc;
}

static int neighbours(void)
{
	struct rig r;
	int rc;

	rig_make(&r);
	rc = rig_room(&r, 4);
	if (!rc) {
		rig_find(&r);
		rc = keep_neighbors(&r);
	}
	rig_release(&r);
	return rc;
}

static void neighbours_survive(void **state)
{
	(void)state;
	assert_true(fault_each(neighbours, 1) >= 10);
}

static int keep_alignments(struct rig *r)
{
	struct align_keep *k = NULL;
	struct err err = ERR_INIT;
	size_t n = 0, missing = 0;
	uint32_t i;
	int file = 0, rc = align_keep_start(&k, &r->work, NULL, &r->staging, 0, &err);

	if (rc)
		return rc;
	for (i = 0; i < r->work.n; i++) {
		r->work.value[i] = rig_value(r->work.job[i]);
		align_keep_push(k, &i, 1);
	}
	rc = align_keep_stop(k, &file, &err);
	if (!rc)
		rc = align_keep_load(&r->work, &r->staging, &n, &file, &err);
	if (!rc)
		assert_true(n == 0 || n == r->work.n);
	if (!rc)
		rc = align_work_split(&r->work, &missing, &err);
	if (!rc)
		assert_int_equal(missing, r->work.n - n);
	return rc;
}

static int alignments(void)
{
	struct rig r;
	int rc;

	rig_make(&r);
	rc = rig_work(&r);
	if (!rc)
		rc = keep_alignments(&r);
	rig_release(&r);
	(void)fsio_remove(scratch("alignments.0"));
	return rc;
}

static void alignments_survive(void **state)
{
	(void)state;
	assert_true(fault_each(alignments, 1) >= 10);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(neighbours_survive),
		cmocka_unit_test(alignments_survive),
	};

	return cmocka_run_group_tests(tests, scratch_make, scratch_remove);
}
