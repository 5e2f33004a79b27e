/* Where candidates stand to what the query knows: lineage counts (spec 4.11) and associations (4.12),
 * by hand and against sums over all known terms. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <math.h>

#include "tests/unit/features_rig.h"
#include "tests/unit/numbers.h"

static struct group group;

static void open_group(void)
{
	rig_seal();
	assert_int_equal(group_init(&group, &rig.in, &rig.err), 0);
}

static void lineage_is(uint32_t query, int digit, double above, double below)
{
	struct candidate c = {.go = rig_go(digit)};

	assert_int_equal(group_query(&group, query, &rig.err), 0);
	group_lineage(&group, &c);
	assert_true(c.lineage_above == above);
	assert_true(c.lineage_below == below);
}

static void begin(void)
{
	world_begin(SNAP_1, SNAP_1);
	rig_terms();
	rig_proteins();
}

/* 1 <- 2 <- 3, 2 <- 5 by part_of. P0 knows 2, 3 and 5; P1 knows 1; P2 nothing. */
static void counts_go_up_and_down_without_the_term_itself(void **state)
{
	(void)state;
	begin();
	rig_open(1, "GO:0000001\t1\t1\n");
	rig_known(0, 2);
	rig_known(0, 3);
	rig_known(0, 5);
	rig_known(1, 1);
	open_group();
	lineage_is(0, 1, 3, 0);
	lineage_is(0, 2, 2, 0); /* known itself: above 3 and 5 */
	lineage_is(0, 3, 0, 1);
	lineage_is(0, 4, 1, 0); /* above 5 */
	lineage_is(0, 5, 0, 1);
	lineage_is(0, 6, 0, 0);
	lineage_is(1, 3, 0, 1);
	lineage_is(1, 1, 0, 0);
	lineage_is(2, 1, 0, 0);
	lineage_is(0, 1, 3, 0); /* nothing stays of the queries between */
	group_release(&group);
	rig_close();
}

/* 6 and 7 are above each other and themselves: each counts once, and itself not. */
static void a_cycle_counts_once(void **state)
{
	(void)state;
	begin();
	rig_open(1, "GO:0000001\t1\t1\n");
	rig_known(0, 6);
	rig_known(1, 6);
	rig_known(1, 7);
	open_group();
	lineage_is(0, 6, 0, 0);
	lineage_is(0, 7, 1, 1);
	lineage_is(1, 6, 1, 1);
	lineage_is(1, 7, 1, 1);
	group_release(&group);
	rig_close();
}

/* k counts for "above" if t is k or an ancestor of it; the known term itself is taken off at the end. */
static void lineages_agree_with_sums_over_known_terms(void **state)
{
	uint64_t s = 11;

	(void)state;
	for (int round = 0; round < 30; round++) {
		const struct ontology_snapshot *pivot;

		begin();
		for (int i = 0; i < 8; i++) {
			int a = 1 + (int)(splitmix(&s) % 7), b = 1 + (int)(splitmix(&s) % 7);

			if (round % 3 == 0 || a < b)
				world_edge(100 + a, 100 + b, "is_a", SNAP_1);
		}
		rig_open(1, "GO:0000001\t1\t1\n");
		for (int i = 0; i < 12; i++)
			rig_known((uint32_t)(splitmix(&s) % 4), 1 + (int)(splitmix(&s) % 8));
		open_group();
		pivot = &rig.ontology.snapshots[0];
		for (uint32_t q = 0; q < 4; q++)
			for (int t = 1; t <= 9; t++) {
				double above = 0, below = 0;
				uint32_t go = rig_go(t);

				for (size_t i = 0; i < rig.buckets.known.n; i++) {
					uint32_t k = PAIR_GO(rig.buckets.known.key[i]);

					if (PAIR_PROTEIN(rig.buckets.known.key[i]) != q || k == go)
						continue;
					above += ontology_has_ancestor(pivot, k, go);
					below += ontology_has_ancestor(pivot, go, k);
				}
				lineage_is(q, t, above, below);
			}
		group_release(&group);
		rig_close();
	}
}

/* ---- associations ----------------------------------------------------------------------------- */

static void score_is(const struct association_table *t, int digit, double total, double cross)
{
	struct association_score s = association_of(t, rig_go(digit));

	if (fabs(s.total - total) > 1e-12 || fabs(s.cross - cross) > 1e-12)
		fail_msg("GO:%d has %g (%g across)", digit, s.total, s.cross);
	assert_true(s.present == (total > 0));
}

/* Carriers: 2: P0 P1 P2; 3: P0 P1; 4: P1 P3; 5: P3. Not experimental or negated: nothing.
 * P0 knows 2 (freq 3) and 3 (freq 2). */
static void proteins_that_share_terms_make_the_score(void **state)
{
	static const struct {
		const char *protein;
		int term;
		const char *qualifier, *evidence;
	} rows[] = {
		{"P0", 102, NULL, "EXP"}, {"P0", 102, NULL, "IDA"}, /* the same protein once */
		{"P0", 103, NULL, "EXP"}, {"P1", 102, NULL, "EXP"}, {"P1", 103, NULL, "TAS"},
		{"P1", 104, NULL, "EXP"}, {"P2", 102, NULL, "EXP"}, {"P2", 104, "NOT", "EXP"},
		{"P2", 105, NULL, "IEA"}, {"P3", 104, NULL, "EXP"}, {"P3", 105, NULL, "EXP"},
		{"P4", 103, NULL, "IEA"},
	};
	struct association a;
	struct association_table t;

	(void)state;
	begin();
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
		world_annotation(SET_OLD, rows[i].protein, rows[i].term, rows[i].qualifier,
				 rows[i].evidence);
	rig_open(1, "GO:0000001\t1\t1\n");
	assert_int_equal(association_build(&a, &rig.set, &rig.ontology, &rig.err), 0);
	assert_int_equal(association_table_init(&t, &a, &rig.err), 0);
	association_table_query(&t, 0);
	score_is(&t, 2, 3.0 / 3 + 2.0 / 2, 0);
	score_is(&t, 3, 2.0 / 3 + 2.0 / 2, 0);
	score_is(&t, 4, 1.0 / 3 + 1.0 / 2, 1.0 / 3 + 1.0 / 2); /* another aspect */
	score_is(&t, 5, 0, 0);
	association_table_query(&t, 3); /* 4 (freq 2) and 5 (freq 1) */
	score_is(&t, 4, 2.0 / 2 + 1.0 / 1, 0);
	score_is(&t, 5, 1.0 / 2 + 1.0 / 1, 0);
	score_is(&t, 2, 1.0 / 2, 1.0 / 2);
	association_table_query(&t, 4); /* no experimental term */
	score_is(&t, 4, 0, 0);
	association_table_query(&t, 9999); /* met after the set was loaded */
	score_is(&t, 4, 0, 0);
	association_table_release(&t);
	association_release(&a);
	rig_close();
}

/* The sums of one protein, term after term, from the lists of carriers alone. */
static void sums_are(const struct association_table *t, uint32_t protein)
{
	const struct csr *terms = &t->a->terms, *carriers = &t->a->proteins;
	const char *aspect = rig.ontology.aspect_by_go;

	for (uint32_t go = 0; go < rig.ontology.n_go; go++) {
		double total = 0, cross = 0;

		for (uint32_t i = terms->start[protein]; i < terms->start[protein + 1]; i++) {
			uint32_t k = terms->item[i], both = 0;

			for (uint32_t j = carriers->start[k]; j < carriers->start[k + 1]; j++)
				for (uint32_t m = carriers->start[go]; m < carriers->start[go + 1];
				     m++)
					both += carriers->item[j] == carriers->item[m];
			total += (double)both / (double)csr_len(carriers, k);
			if (aspect[go] != aspect[k])
				cross += (double)both / (double)csr_len(carriers, k);
		}
		assert_true(association_of(t, go).total == total);
		assert_true(association_of(t, go).cross == cross);
	}
}

/* Terms of many proteins have their counts kept, those of few do not; both say the same. */
static void kept_counts_and_walks_give_the_same_sums(void **state)
{
	struct association a;
	struct association_table t;
	uint32_t kept = 0, walked = 0;

	(void)state;
	begin();
	for (int p = 0; p < 200; p++)
		for (int term = 1; term <= 9; term++)
			if (term == 7 ? p == 5 : (p * 7 + term * 13) % (term * 20) < 15) {
				char name[16];

				snprintf(name, sizeof name, "X%03d", p);
				world_annotation(SET_OLD, name, 100 + term, NULL, "EXP");
			}
	rig_open(1, "GO:0000001\t1\t1\n");
	assert_int_equal(association_build(&a, &rig.set, &rig.ontology, &rig.err), 0);
	assert_int_equal(association_table_init(&t, &a, &rig.err), 0);
	for (uint32_t go = 0; go < rig.ontology.n_go; go++)
		if (csr_len(&a.proteins, go) && a.start[go] < a.start[go + 1])
			kept++;
		else if (csr_len(&a.proteins, go))
			walked++;
	assert_true(kept > 0 && walked > 0);
	for (uint32_t p = 0; p < rig.set.n_proteins; p++) {
		association_table_query(&t, p);
		sums_are(&t, p);
	}
	association_table_release(&t);
	association_release(&a);
	rig_close();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(counts_go_up_and_down_without_the_term_itself),
		cmocka_unit_test(a_cycle_counts_once),
		cmocka_unit_test(lineages_agree_with_sums_over_known_terms),
		cmocka_unit_test(proteins_that_share_terms_make_the_score),
		cmocka_unit_test(kept_counts_and_walks_give_the_same_sums),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
