/* References of a pair (spec 4.4, 4.6), neighbours and distinct pairs, and the term pool (4.8). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "tests/unit/features_rig.h"

static void note(const char *protein, int term, const char *qualifier)
{
	world_annotation(SET_OLD, protein, term, qualifier, "IEA");
}

static void begin(void)
{
	world_begin(SNAP_1, SNAP_1);
	rig_terms();
	rig_proteins();
	world_protein("A1", 0);  /* before P0 in bytes, no embedding */
	world_protein("PX", 20); /* a sequence without an embedding */
}

static void references_are_annotated_proteins_of_the_pool(void **state)
{
	const struct ref_list *l;

	(void)state;
	begin();
	note("P7", 103, NULL);
	note("P2", 102, "enables");
	note("P2", 104, NULL);
	note("P2", 103, NULL);
	note("P3", 103, "NOT|enables"); /* negated: no reference, no count */
	note("P4", 109, NULL);          /* no aspect */
	note("A1", 103, NULL);          /* not in the pool */
	note("PX", 103, NULL);
	note("P5", 106, "CANNOT");
	note("P7", 102, "not");
	rig_open(2, "GO:0000001\t1\t1\n");
	l = &rig.refs.aspect[0];
	assert_int_equal(l->n, 2);
	assert_string_equal(dict_text(&rig.proteins.accessions, rig.pool.protein[l->row[0]]), "P2");
	assert_string_equal(dict_text(&rig.proteins.accessions, rig.pool.protein[l->row[1]]), "P7");
	assert_int_equal(l->start[1] - l->start[0], 2);
	assert_int_equal(rig.ontology.term_id[rig.set.term[l->ann[0]]], 102); /* by row id */
	assert_int_equal(rig.ontology.term_id[rig.set.term[l->ann[1]]], 103);
	assert_int_equal(rig.ontology.term_id[rig.set.term[l->ann[2]]], 103);
	assert_int_equal(rig.ontology.term_id[rig.set.term[l->ann[3]]], 102);
	assert_int_equal(rig.refs.aspect[1].n, 1);
	assert_int_equal(rig.refs.aspect[2].n, 0);
	assert_int_equal(rig.refs.annotation_rows, 5);
	assert_int_equal(rig.refs.density[l->row[0]], 3); /* over all aspects */
	assert_int_equal(rig.refs.density[l->row[1]], 2);
	assert_int_equal(rig.refs.term_freq[ontology_term(&rig.ontology, 103)], 2);
	assert_int_equal(rig.refs.term_freq[ontology_term(&rig.ontology, 109)], 0);
	rig_seal();
	rig_close();
}

static void a_pair_is_listed_once_whatever_the_aspects(void **state)
{
	const struct pair_list *p = &rig.pairs;

	(void)state;
	begin();
	note("P7", 103, NULL);
	note("P7", 104, NULL);
	note("P2", 102, NULL);
	note("P5", 102, NULL);
	rig_open(3, "GO:0000001\t1\t1\n");
	rig_neighbor(0, 1, 7, 0.1f);
	rig_neighbor(0, 1, 2, 0.2f);
	rig_neighbor(0, 1, 5, 0.3f);
	rig_neighbor(1, 1, 7, 0.1f);
	rig_neighbor(0, 3, 2, 0.1f);
	rig_seal();
	assert_int_equal(p->n, 4);
	assert_int_equal(p->start[1], 0);
	assert_int_equal(p->start[2], 3);
	assert_int_equal(p->start[RIG_PROTEINS], 4);
	assert_memory_equal(p->ref_row, ((uint32_t[]){2, 5, 7, 2}), 16);
	assert_memory_equal(p->query, ((uint32_t[]){1, 1, 1, 3}), 16);
	assert_int_equal(pair_list_find(p, 1, 7), 2);
	assert_int_equal(pair_list_find(p, 3, 2), 3);
	/* With K = 1 only the first neighbours count. */
	pair_list_release(&rig.pairs);
	assert_int_equal(pair_list_build(&rig.pairs, &rig.neighbors, &rig.refs, 1, &rig.err), 0);
	assert_int_equal(p->n, 2);
	assert_int_equal(p->ref_row[0], 7);
	rig_close();
}

/* A K far beyond the references costs no memory. */
static void a_huge_k_is_cut_to_the_references(void **state)
{
	(void)state;
	begin();
	note("P7", 103, NULL);
	note("P2", 102, NULL);
	rig_open(2000000000, "GO:0000001\t1\t1\n");
	assert_int_equal(rig.neighbors.stride, 2);
	rig_neighbor(0, 0, 7, 0.1f);
	rig_neighbor(0, 0, 2, 0.2f);
	rig_seal();
	assert_int_equal(rig.pairs.n, 2);
	rig_close();
}

static void the_term_pool_is_of_references_and_known_terms(void **state)
{
	uint32_t with_vector;

	(void)state;
	begin();
	note("P7", 103, NULL);
	note("P3", 104, "NOT");
	note("A1", 106, NULL);
	rig_open(1, "GO:0000003\t0\t0\nGO:0000005\t1\t0\nGO:0000001\t1\t0\nGO:0000005\t0\t2\n");
	rig_known(9, 5); /* whoever knows it */
	rig_known(2, 8);
	rig_seal();
	assert_int_equal(term_pool_mark(rig.in_pool, &rig.vectors, &rig.ontology, &rig.refs,
					&rig.buckets.known, &with_vector),
			 3);
	assert_int_equal(with_vector, 1); /* 3 is a zero vector, 8 has none */
	assert_true(rig.in_pool[rig_go(3)] && rig.in_pool[rig_go(5)] && rig.in_pool[rig_go(8)]);
	assert_false(rig.in_pool[rig_go(4)] || rig.in_pool[rig_go(6)] || rig.in_pool[rig_go(1)]);
	assert_false(rig.vectors.has[rig_go(3)]);
	assert_true(term_vector(&rig.vectors, rig_go(5))[0] == 0.0f); /* the last of two */
	assert_true(term_vector(&rig.vectors, rig_go(5))[1] == 1.0f);
	rig_close();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(references_are_annotated_proteins_of_the_pool),
		cmocka_unit_test(a_pair_is_listed_once_whatever_the_aspects),
		cmocka_unit_test(a_huge_k_is_cut_to_the_references),
		cmocka_unit_test(the_term_pool_is_of_references_and_known_terms),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
