/* Candidates of a (query, aspect), every number computed by hand from spec 4.6 to 4.10. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <math.h>

#include "tests/unit/features_rig.h"

/* Aspects by their numbers. */
enum { P, F, C };

#define NO_VECTORS "GO:9999999\t1\t1\n"

static struct group group;

static void open_group(void)
{
	rig_seal();
	assert_int_equal(group_init(&group, &rig.in, &rig.err), 0);
}

static void close_group(void)
{
	group_release(&group);
	rig_close();
}

static void make(uint32_t query, int aspect)
{
	assert_int_equal(group_query(&group, query, &rig.err), 0);
	assert_int_equal(group_aspect(&group, aspect, &rig.err), 0);
}

/* The candidate of a term: leaves, InterPro-only rows and ancestors. */
static const struct candidate *of(int digit)
{
	uint32_t go = rig_go(digit), i;

	for (i = 0; i < group.n_rows; i++)
		if (group.leaf[i].go == go)
			return &group.leaf[i];
	for (i = 0; i < group.n_ancestors; i++)
		if (group.ancestor[i].go == go)
			return &group.ancestor[i];
	fail_msg("no candidate GO:%d", digit);
	return NULL;
}

/* "32|1" : leaves in order, then ancestors in order, by last digits. */
static void order_is(const char *want)
{
	char got[64];
	uint32_t n = 0, i;

	for (i = 0; i < group.n_rows; i++)
		got[n++] = rig.ontology.go_id[group.leaf[i].go][9];
	got[n++] = '|';
	for (i = 0; i < group.n_ancestors; i++)
		got[n++] = rig.ontology.go_id[group.ancestor[i].go][9];
	got[n] = '\0';
	assert_string_equal(got, want);
}

static void is_near(double got, double want)
{
	if (!(fabs(got - want) < 1e-12))
		fail_msg("%.17g is not %.17g", got, want);
}

static void note(const char *protein, int term, const char *qualifier, const char *evidence)
{
	world_annotation(SET_OLD, protein, term, qualifier, evidence);
}

static void begin(void)
{
	world_begin(SNAP_1, SNAP_1);
	rig_terms();
	rig_proteins();
}

/* P1: 3 (twice, by two evidence codes) and 2; P2: 3; P3: 2, negated 3. */
static void a_vote_is_a_row_not_a_neighbour(void **state)
{
	const struct candidate *c;

	(void)state;
	begin();
	note("P1", 103, "enables", "IEA");
	note("P1", 102, NULL, "EXP");
	note("P1", 103, "late", "IDA");
	note("P2", 103, NULL, NULL);
	note("P3", 102, NULL, "ISS");
	note("P3", 103, "NOT", "EXP"); /* no vote, no reference row */
	rig_open(2, NO_VECTORS);
	rig_neighbor(P, 0, 1, 0.25f);
	rig_neighbor(P, 0, 2, 0.5f);
	open_group();
	make(0, P);
	order_is("32|");
	c = of(3);
	is_near(c->vote_count, 3);
	is_near(c->k_position, 1);
	is_near(c->distance, 0.25);
	is_near(c->min_distance, 0.25);
	is_near(c->mean_distance, (0.25 + 0.25 + 0.5) / 3);
	is_near(c->vote_fraction, 3.0 / 2); /* above 1 */
	is_near(c->term_frequency, 3);
	is_near(c->ref_density, 3); /* of P1 */
	assert_string_equal(dict_text(&rig.strings, c->qualifier), "enables");
	assert_string_equal(dict_text(&rig.strings, c->evidence), "IEA");
	assert_int_equal(rig.pairs.ref_row[c->pair], 1);
	c = of(2);
	is_near(c->vote_count, 1);
	is_near(c->term_frequency, 2); /* P3's too, which is no neighbour */
	assert_string_equal(dict_text(&rig.strings, c->qualifier), "");
	assert_true(isnan(c->voters_same) && isnan(c->voters_mean_common));
	make(1, P); /* no neighbours: no candidates */
	order_is("|");
	make(0, C);
	order_is("|");
	close_group();
}

static void the_first_row_gives_the_rank_and_the_smallest_distance_is_kept(void **state)
{
	(void)state;
	begin();
	note("P1", 101, NULL, "EXP");
	note("P2", 103, "second", "EXP");
	note("P3", 103, "third", "EXP");
	rig_open(3, NO_VECTORS);
	rig_neighbor(P, 0, 1, 0.1f);
	rig_neighbor(P, 0, 2, 0.4f);
	rig_neighbor(P, 0, 3, 0.4f);
	open_group();
	make(0, P);
	is_near(of(3)->k_position, 2);
	is_near(of(3)->distance, (double)0.4f);
	is_near(of(3)->mean_distance, ((double)0.4f + (double)0.4f) / 2);
	assert_string_equal(dict_text(&rig.strings, of(3)->qualifier), "second");
	is_near(of(1)->k_position, 1);
	close_group();
}

/* The smaller K of a grid reads a prefix of the neighbours, and divides by its own K. */
static void a_smaller_k_is_a_prefix(void **state)
{
	(void)state;
	begin();
	note("P1", 103, NULL, "EXP");
	note("P2", 102, NULL, "EXP");
	rig_open(5, NO_VECTORS);
	rig_neighbor(P, 0, 1, 0.25f);
	rig_neighbor(P, 0, 2, 0.5f);
	rig.in.k = 1;
	open_group();
	make(0, P);
	order_is("3|");
	is_near(of(3)->vote_fraction, 1);
	is_near(group.distance_std, 0); /* one distance */
	close_group();
}

/* All neighbours of all aspects: (0.25, 0.5 | 1.0 | ), mean 7/12. */
static void the_deviation_is_over_all_aspects(void **state)
{
	double mean = 1.75 / 3, sum;

	(void)state;
	begin();
	note("P1", 103, NULL, "EXP");
	note("P2", 102, NULL, "EXP");
	note("P3", 104, NULL, "EXP");
	rig_open(5, NO_VECTORS);
	rig_neighbor(P, 0, 1, 0.25f);
	rig_neighbor(P, 0, 2, 0.5f);
	rig_neighbor(F, 0, 3, 1.0f);
	rig_neighbor(P, 2, 1, 0.25f);
	rig_neighbor(F, 2, 3, 0.25f);
	open_group();
	make(0, C);
	sum = (0.25 - mean) * (0.25 - mean) + (0.5 - mean) * (0.5 - mean) + (1 - mean) * (1 - mean);
	is_near(group.distance_std, sqrt(sum / 3));
	make(1, P);
	assert_true(group.distance_std == 0.0); /* no neighbours */
	make(2, P);
	assert_true(group.distance_std == 0.0); /* equal ones */
	close_group();
}

/* Two ids of one go_id in one set: the later values at the earlier place. */
static void damaged_ids_replace_values_but_not_the_place(void **state)
{
	(void)state;
	begin();
	note("P1", 103, "first", "EXP");
	note("P1", 102, NULL, "EXP");
	note("P2", 13, "other id", "EXP");
	rig_open(4, NO_VECTORS);
	rig_neighbor(P, 0, 1, 0.25f);
	rig_neighbor(P, 0, 2, 0.5f);
	open_group();
	make(0, P);
	order_is("32|");
	is_near(of(3)->distance, 0.5);
	is_near(of(3)->vote_count, 1);
	is_near(of(3)->k_position, 2);
	is_near(of(3)->term_frequency, 1); /* counted by id */
	assert_string_equal(dict_text(&rig.strings, of(3)->qualifier), "other id");
	close_group();
}

static void voters_are_counted_per_row(void **state)
{
	const struct candidate *c;

	(void)state;
	begin();
	note("P1", 103, NULL, "EXP");
	note("P1", 103, NULL, "IDA");
	note("P2", 103, NULL, "EXP");
	note("P3", 103, NULL, "EXP");
	rig_open(3, NO_VECTORS);
	rig_neighbor(P, 0, 1, 0.1f);
	rig_neighbor(P, 0, 2, 0.2f);
	rig_neighbor(P, 0, 3, 0.3f);
	rig_seal();
	rig.tax[pair_list_find(&rig.pairs, 0, 1)] = (struct tax_pair){0, 1, TAX_SAME};
	rig.tax[pair_list_find(&rig.pairs, 0, 2)] = (struct tax_pair){9, 20, TAX_CLOSE};
	rig.tax[pair_list_find(&rig.pairs, 0, 3)] = (struct tax_pair){-1, 0, TAX_UNRELATED};
	rig.in.tax = rig.tax;
	assert_int_equal(group_init(&group, &rig.in, &rig.err), 0);
	make(0, P);
	c = of(3);
	is_near(c->voters_same, 2.0 / 4);
	is_near(c->voters_close, 3.0 / 4);
	is_near(c->voters_mean_common, (1 + 1 + 20 + 0) / 4.0);
	close_group();
}

/* ---- expansion -------------------------------------------------------------------------------- */

/* Leaves 3 (rank 1, 0.1) and 2 (rank 2, 0.5), K = 4. 3 raises 2 and makes 1; 2 then adds to 1. */
static void a_leaf_that_is_an_ancestor_is_raised_not_copied(void **state)
{
	(void)state;
	begin();
	note("P1", 103, "donor", "EXP");
	note("P2", 102, "own", "EXP");
	rig_open(4, NO_VECTORS);
	rig_neighbor(P, 0, 1, 0.125f);
	rig_neighbor(P, 0, 2, 0.5f);
	rig.in.expand = 1;
	open_group();
	make(0, P);
	order_is("32|1");
	is_near(of(3)->vote_fraction, 0.25);
	is_near(of(2)->vote_fraction, 0.25 + 0.25);
	is_near(of(2)->min_distance, 0.125); /* of leaf 3 */
	is_near(of(2)->distance, 0.5);
	is_near(of(2)->mean_distance, 0.5);
	is_near(of(2)->vote_count, 1);
	assert_string_equal(dict_text(&rig.strings, of(2)->qualifier), "own");
	is_near(of(1)->vote_fraction, 0.25 + 0.25); /* from 3, then from 2 */
	is_near(of(1)->distance, 0.125);
	is_near(of(1)->k_position, 1);
	is_near(of(1)->min_distance, 0.125);
	assert_string_equal(dict_text(&rig.strings, of(1)->qualifier), "donor");
	close_group();
}

/* The order dependence of 4.10. The hits are out of order so that a later leaf is nearer:
 * leaf 3: distance 0.5, but its smallest is 0.125 by another vote; leaf 2: 0.25.
 * 3 goes first: 2 becomes (fraction 0.5, min 0.125), 1 a copy of 3 (0.5). Then 2, nearer than that copy:
 * 1 becomes a copy of 2 as it is now, min 0.125 and not 0.25, at the same place, fraction 0.5 + 0.25. */
static void a_copy_is_taken_of_the_leaf_as_it_is_by_then(void **state)
{
	(void)state;
	begin();
	note("P1", 103, "three", "EXP");
	note("P2", 102, "two", "EXP");
	note("P3", 103, NULL, "EXP");
	rig_open(4, NO_VECTORS);
	rig_neighbor(P, 0, 1, 0.5f);
	rig_neighbor(P, 0, 2, 0.25f);
	rig_neighbor(P, 0, 3, 0.125f);
	rig.in.expand = 1;
	open_group();
	make(0, P);
	order_is("32|1");
	is_near(of(3)->vote_fraction, 0.5); /* two votes */
	is_near(of(2)->vote_fraction, 0.25 + 0.25);
	is_near(of(2)->min_distance, 0.125);
	is_near(of(1)->distance, 0.25);
	is_near(of(1)->min_distance, 0.125);
	is_near(of(1)->mean_distance, 0.25);
	is_near(of(1)->k_position, 2);
	is_near(of(1)->vote_count, 1);
	is_near(of(1)->vote_fraction, 0.25 + 0.25);
	assert_string_equal(dict_text(&rig.strings, of(1)->qualifier), "two");
	close_group();
}

/* An equal distance does not replace the first donor. */
static void only_a_nearer_donor_replaces(void **state)
{
	(void)state;
	begin();
	note("P1", 103, "three", "EXP");
	note("P1", 102, "two", "EXP");
	rig_open(4, NO_VECTORS);
	rig_neighbor(P, 0, 1, 0.5f);
	rig.in.expand = 1;
	open_group();
	make(0, P);
	assert_string_equal(dict_text(&rig.strings, of(1)->qualifier), "three");
	is_near(of(1)->vote_fraction, 0.5);
	close_group();
}

/* F leaf 5: 4 by is_a, and over part_of 2 and 1 of another namespace, ascending. */
static void ancestors_cross_namespaces_in_ascending_order(void **state)
{
	(void)state;
	begin();
	note("P1", 105, NULL, "EXP");
	rig_open(2, NO_VECTORS);
	rig_neighbor(F, 0, 1, 0.5f);
	rig.in.expand = 1;
	open_group();
	make(0, F);
	order_is("5|124");
	is_near(of(1)->vote_fraction, 0.5);
	make(0, P); /* they stay in their group */
	order_is("|");
	close_group();
}

/* 6 is its own ancestor: the leaf raises itself, and 7 is made from it as it is by then. */
static void on_a_cycle_a_leaf_raises_itself(void **state)
{
	(void)state;
	begin();
	note("P1", 106, NULL, "EXP");
	rig_open(4, NO_VECTORS);
	rig_neighbor(C, 0, 1, 0.5f);
	rig.in.expand = 1;
	open_group();
	make(0, C);
	order_is("6|7");
	is_near(of(6)->vote_fraction, 0.5);
	is_near(of(7)->vote_fraction, 0.25); /* p = 0: the copy does not keep the leaf's */
	close_group();
}

/* w/K with IA: w(2,3) = 2/4, w(1,3) = 1/4, w(1,2) = 1/2; 0 or missing IA of the leaf weighs 1. */
static void information_content_weighs_the_steps(void **state)
{
	double ia[32] = {0};

	(void)state;
	begin();
	note("P1", 103, NULL, "EXP");
	note("P2", 102, NULL, "EXP");
	note("P1", 105, NULL, "EXP");
	rig_open(4, NO_VECTORS);
	rig_neighbor(P, 0, 1, 0.125f);
	rig_neighbor(P, 0, 2, 0.5f);
	rig_neighbor(F, 0, 1, 0.125f);
	rig.in.expand = 1;
	ia[rig_go(1)] = 1;
	ia[rig_go(2)] = 2;
	ia[rig_go(3)] = 4;
	rig.in.ia = ia; /* 5 has none */
	open_group();
	make(0, P);
	is_near(of(2)->vote_fraction, 0.25 + 0.5 / 4);
	is_near(of(1)->vote_fraction, 0.25 / 4 + 0.5 / 4);
	make(0, F);
	is_near(of(4)->vote_fraction, 1.0 / 4);
	is_near(of(1)->vote_fraction, 1.0 / 4);
	close_group();
}

/* Fractions are cut at 1 when they are touched, even one that was above. */
static void touched_fractions_end_at_one(void **state)
{
	(void)state;
	begin();
	note("P1", 103, NULL, "EXP");
	note("P1", 103, NULL, "IDA");
	note("P1", 102, NULL, "EXP");
	note("P1", 102, NULL, "IDA");
	rig_open(1, NO_VECTORS);
	rig_neighbor(P, 0, 1, 0.5f);
	rig.in.expand = 1;
	open_group();
	make(0, P);
	is_near(of(3)->vote_fraction, 2);
	is_near(of(2)->vote_fraction, 1);
	is_near(of(1)->vote_fraction, 1);
	close_group();
}

/* ---- cosines ---------------------------------------------------------------------------------- */

/* Unit vectors: 1 (0.6, 0.8), 2 (0, 1), 3 (1, 0), 4 (-1, 0); 5 zero; 6, 7 absent. */
#define VECTORS                                                                                    \
	"GO:0000001\t3\t4\nGO:0000002\t0\t2\nGO:0000003\t5\t0\nGO:0000004\t-1\t0\n"                \
	"GO:0000005\t0\t0\n"

static void is_float(double got, double want)
{
	if (!(fabs(got - want) < 1e-6))
		fail_msg("%.9g is not %.9g", got, want);
	assert_true(got == (double)(float)got);
}

static void cosines_compare_with_neighbours_and_known_terms(void **state)
{
	const double h = sqrt(0.5);

	(void)state;
	begin();
	note("P1", 103, NULL, "EXP");
	note("P1", 102, NULL, "EXP");
	note("P2", 105, NULL, "EXP");
	note("P3", 106, NULL, "EXP");
	rig_open(2, VECTORS);
	rig_neighbor(P, 0, 1, 0.5f);
	rig_neighbor(F, 0, 2, 0.5f);
	rig_neighbor(C, 0, 3, 0.5f);
	rig_known(0, 1);
	rig_known(0, 5); /* no vector: in the count only */
	rig_known(0, 4);
	rig.in.expand = 1;
	open_group();
	make(0, P);
	/* centroid of (1,0), (0,1): (h, h) */
	is_float(of(3)->has_emb, 1);
	is_float(of(3)->neighbor_cos, h);
	is_float(of(3)->neighbor_maxcos, 1);
	is_float(of(2)->neighbor_cos, h);
	/* known: (0.6, 0.8) and (-1, 0): sum (-0.4, 0.8), unit (-0.447…, 0.894…) */
	is_float(of(3)->known_cos, -0.4 / sqrt(0.8));
	is_float(of(3)->known_maxcos, 0.6);
	is_float(of(2)->known_cos, 0.8 / sqrt(0.8));
	is_float(of(2)->known_maxcos, 0.8);
	/* the ancestor keeps the donor's, though it has a vector of its own */
	is_float(of(1)->neighbor_cos, h);
	is_float(of(1)->known_maxcos, 0.6);
	make(0, F); /* 5 has a zero vector: no embedding, no context */
	is_float(of(5)->has_emb, 0);
	assert_true(isnan(of(5)->neighbor_cos) && isnan(of(5)->neighbor_maxcos));
	assert_true(isnan(of(5)->known_cos) && isnan(of(5)->known_maxcos));
	make(0, C);
	is_float(of(6)->has_emb, 0);
	make(1, P); /* nothing known, no neighbours */
	assert_false(group.has_known_centroid);
	assert_int_equal(group.n_known, 0);
	close_group();
}

/* Vectors that cancel: a maximum, but no centroid. */
static void opposite_vectors_have_no_centroid(void **state)
{
	(void)state;
	begin();
	note("P1", 103, NULL, "EXP");
	rig_open(1, VECTORS);
	rig_neighbor(P, 0, 1, 0.5f);
	rig_known(0, 3);
	rig_known(0, 4);
	open_group();
	make(0, P);
	assert_true(isnan(of(3)->known_cos));
	is_float(of(3)->known_maxcos, 1);
	is_float(of(3)->neighbor_cos, 1);
	close_group();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_vote_is_a_row_not_a_neighbour),
		cmocka_unit_test(the_first_row_gives_the_rank_and_the_smallest_distance_is_kept),
		cmocka_unit_test(a_smaller_k_is_a_prefix),
		cmocka_unit_test(the_deviation_is_over_all_aspects),
		cmocka_unit_test(damaged_ids_replace_values_but_not_the_place),
		cmocka_unit_test(voters_are_counted_per_row),
		cmocka_unit_test(a_leaf_that_is_an_ancestor_is_raised_not_copied),
		cmocka_unit_test(a_copy_is_taken_of_the_leaf_as_it_is_by_then),
		cmocka_unit_test(only_a_nearer_donor_replaces),
		cmocka_unit_test(ancestors_cross_namespaces_in_ascending_order),
		cmocka_unit_test(on_a_cycle_a_leaf_raises_itself),
		cmocka_unit_test(information_content_weighs_the_steps),
		cmocka_unit_test(touched_fractions_end_at_one),
		cmocka_unit_test(cosines_compare_with_neighbours_and_known_terms),
		cmocka_unit_test(opposite_vectors_have_no_centroid),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
