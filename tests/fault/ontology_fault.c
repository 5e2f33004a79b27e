/* Loading the ontology and two releases and computing their ground truth, with each allocation failing in
 * turn: a failure says so, and everything can be released. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "pipeline/ontology/buckets.h"
#include "tests/fault/each.h"
#include "tests/unit/world.h"

/* `new_snap` other than SNAP_1 makes it case B. */
static void make_world(const char *new_snap)
{
	char go[16], accession[8];

	world_begin(SNAP_1, new_snap);
	for (int i = 0; i < 60; i++) {
		snprintf(go, sizeof go, "GO:00000%02d", i);
		world_term(100 + i, go, i % 7 ? "P" : "F", SNAP_1);
		world_term(200 + i, go, i % 7 ? "P" : "F", SNAP_2);
		if (i) {
			world_edge(100 + i, 100 + i / 2, "is_a", SNAP_1);
			world_edge(200 + i, 200 + i / 3, "is_a", SNAP_2);
		}
	}
	for (int i = 0; i < 40; i++) {
		snprintf(accession, sizeof accession, "P%02d", i);
		world_protein(accession, 0);
		world_annotation(SET_OLD, accession, 100 + i, i % 9 ? NULL : "NOT", "EXP");
		world_annotation(SET_NEW, accession, (new_snap[35] == '1' ? 119 : 219) + i, NULL,
				 "IDA");
	}
	world_open();
}

static size_t gained; /* of every run that succeeded: 0 none yet */

static int truth(const char *new_snap)
{
	static const char *const natives[] = {SNAP_2};
	struct dict accessions = DICT_INIT, strings = DICT_INIT;
	struct ontology o = {0};
	struct annset old_set = {0}, new_set = {0};
	struct buckets b = {0};
	struct err err = ERR_INIT;
	int rc = ontology_load(&o, world.source, SNAP_1, natives, 1, &err);

	if (!rc && ontology_name(&o, "GO:elsewhere", 12) == DICT_NONE)
		rc = err_nomem(&err, "a name");
	if (!rc)
		rc = ontology_finish(&o, &err);
	if (!rc)
		rc = annset_load(&old_set, world.source, SET_OLD, &o, 0, &accessions, &strings,
				 &err);
	if (!rc)
		rc = annset_load(&new_set, world.source, SET_NEW, &o,
				 ontology_snapshot_index(&o, new_snap), &accessions, &strings,
				 &err);
	if (!rc)
		rc = buckets_compute(&b, &o, &old_set, &new_set, &err);
	if (!rc) {
		size_t now = b.gained[CAT_NK].n + b.gained[CAT_LK].n + b.gained[CAT_PK].n;

		assert_true(now > 0 && (now == gained || !gained));
		gained = now;
	}
	if (rc) {
		assert_int_equal(rc, ERR_NOMEM);
		assert_int_equal(err.code, ERR_NOMEM);
		assert_true(err.text[0] != '\0');
	}
	buckets_release(&b);
	annset_release(&old_set);
	annset_release(&new_set);
	ontology_release(&o);
	dict_release(&accessions);
	dict_release(&strings);
	return rc;
}

static int case_a(void)
{
	return truth(SNAP_1);
}

static int case_b(void)
{
	return truth(SNAP_2);
}

static void ground_truth_survives_each_failure(void **state)
{
	(void)state;
	/* A table of short names that cannot be made is done without. */
	make_world(SNAP_1);
	assert_true(fault_each(case_a, 1) > 40);
	world_close();
	gained = 0;
	make_world(SNAP_2);
	assert_true(fault_each(case_b, 1) > 40);
	world_close();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(ground_truth_survives_each_failure),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
