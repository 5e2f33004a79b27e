/* The GO maps of spec 4.2 over two snapshots: numbers in byte order, aspects by rule, edges in string
 * space, annotations with foreign terms. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "tests/unit/world.h"

/* SNAP_1 is the pivot. Ids of SNAP_2 are smaller, so "the smallest id" is not "the pivot first". */
static void make(void)
{
	world_begin(SNAP_1, SNAP_2);
	world_term(101, "GO:0000001", "P", SNAP_1);
	world_term(102, "GO:0000002", "P", SNAP_1);
	world_term(103, "GO:0000003", "F", SNAP_1);
	world_term(104, "GO:0000004", NULL, SNAP_1); /* no aspect in the pivot … */
	world_term(105, "GO:0000005", "", SNAP_1);
	world_term(51, "GO:0000002", "C", SNAP_2); /* another aspect than in the pivot */
	world_term(52, "GO:0000004", "F", SNAP_2); /* … but here */
	world_term(53, "GO:0000006", "C", SNAP_2); /* not in the pivot */
	world_term(54, "GO:0000003", "F", SNAP_2);
	world_edge(102, 101, "is_a", SNAP_1);
	world_edge(103, 102, "part_of", SNAP_1);
	world_edge(103, 101, "regulates", SNAP_1);
	world_edge(103, 102, "is_a", SNAP_1); /* the same relation twice */
	world_edge(53, 51, "is_a", SNAP_2);
	world_edge(54, 102, "is_a", SNAP_2); /* into the other snapshot */
}

static void parents_are(const struct ontology *o, size_t snapshot, const char *go, size_t n, ...)
{
	const struct csr *p = &o->snapshots[snapshot].parents;
	uint32_t at = world_go(o, go);
	va_list ap;

	assert_int_equal(csr_len(p, at), n);
	va_start(ap, n);
	for (size_t i = 0; i < n; i++)
		assert_string_equal(o->go_id[csr_at(p, at)[i]], va_arg(ap, const char *));
	va_end(ap);
}

static void go_ids_are_numbered_in_byte_order(void **state)
{
	struct ontology o;
	uint32_t name;
	struct err err;

	(void)state;
	make();
	world_term(106, "GO:00000010", "P", SNAP_1); /* longer, between 1 and 2 */
	world_open();
	assert_int_equal(ontology_load(&o, world.source, SNAP_1, NULL, 0, &err), 0);
	name = ontology_name(&o, "GO:0", 4); /* from elsewhere, the first of all */
	assert_int_not_equal(name, DICT_NONE);
	assert_int_equal(ontology_name(&o, "GO:0000003x", 10), ontology_name(&o, "GO:0000003", 10));
	assert_int_equal(ontology_finish(&o, &err), 0);
	assert_int_equal(o.n_go, 7);
	for (uint32_t i = 1; i < o.n_go; i++)
		assert_true(strcmp(o.go_id[i - 1], o.go_id[i]) < 0);
	assert_int_equal(ontology_final(&o, name), 0);
	assert_int_equal(ontology_find(&o, "GO:0", 4), 0);
	assert_int_equal(o.aspect_by_go[0], 0);
	assert_int_equal(o.pivot_aspect[0], 0);
	assert_int_equal(world_go(&o, "GO:00000010"), 2);
	assert_int_equal(ontology_find(&o, "GO:0000006", 10), GO_NONE); /* only in SNAP_2 */
	assert_int_equal(ontology_find(&o, "GO:000000", 9), GO_NONE);
	parents_are(&o, 0, "GO:0000003", 1, "GO:0000002"); /* after renumbering */
	ontology_release(&o);
	world_close();
}

static void the_pivot_decides_the_aspect_then_the_smallest_id(void **state)
{
	struct ontology o;

	(void)state;
	make();
	world_open();
	world_ontology(&o);
	assert_int_equal(o.n_snapshots, 2); /* the pivot is not loaded twice */
	assert_int_equal(ontology_snapshot_index(&o, SNAP_1), 0);
	assert_int_equal(ontology_snapshot_index(&o, SNAP_2), 1);
	assert_int_equal(ontology_snapshot_index(&o, SET_OLD), -1);
	assert_int_equal(o.aspect_by_go[world_go(&o, "GO:0000002")], 'P');
	assert_int_equal(o.pivot_aspect[world_go(&o, "GO:0000002")], 'P');
	assert_int_equal(o.aspect_by_go[world_go(&o, "GO:0000004")], 'F');
	assert_int_equal(o.pivot_aspect[world_go(&o, "GO:0000004")], 0);
	assert_int_equal(o.aspect_by_go[world_go(&o, "GO:0000005")], 0);
	assert_int_equal(o.aspect_by_go[world_go(&o, "GO:0000006")], 'C');
	assert_int_equal(o.pivot_aspect[world_go(&o, "GO:0000006")], 0);
	/* A row keeps its own aspect. */
	assert_int_equal(o.term_aspect[ontology_term(&o, 51)], 'C');
	assert_int_equal(o.term_aspect[ontology_term(&o, 102)], 'P');
	assert_int_equal(o.term_aspect[ontology_term(&o, 104)], 0);
	assert_int_equal(o.term_go[ontology_term(&o, 51)], o.term_go[ontology_term(&o, 102)]);
	assert_int_equal(ontology_term(&o, 999), TERM_NONE);
	assert_int_equal(ontology_term(&o, -1), TERM_NONE);
	for (uint32_t i = 1; i < o.n_terms; i++)
		assert_true(o.term_id[i - 1] < o.term_id[i]);
	ontology_release(&o);
	world_close();
}

/* Without the pivot's word, the smallest id among the rows that have an aspect. */
static void rows_without_an_aspect_have_no_say(void **state)
{
	static const char *const natives[] = {SNAP_2};
	struct ontology o;
	struct err err;

	(void)state;
	world_begin(SNAP_1, SNAP_2);
	world_sql("INSERT INTO ontology_snapshot (id, obo_version) VALUES ('" EVAL_1
		  "', 'three');");
	world_term(1, "GO:0000007", NULL, SNAP_2);
	world_term(2, "GO:0000007", "C", EVAL_1);
	world_term(3, "GO:0000008", "F", SNAP_2);
	world_term(4, "GO:0000008", "C", EVAL_1);
	world_open();
	assert_int_equal(ontology_load(&o, world.source, SNAP_1,
				       (const char *const[]){SNAP_2, EVAL_1}, 2, &err),
			 0);
	assert_int_equal(ontology_finish(&o, &err), 0);
	assert_int_equal(o.aspect_by_go[world_go(&o, "GO:0000007")], 'C');
	assert_int_equal(o.aspect_by_go[world_go(&o, "GO:0000008")], 'F');
	ontology_release(&o);
	/* A snapshot outside of S has no say at all. */
	assert_int_equal(ontology_load(&o, world.source, SNAP_1, natives, 1, &err), 0);
	assert_int_equal(ontology_finish(&o, &err), 0);
	assert_int_equal(o.aspect_by_go[world_go(&o, "GO:0000007")], 0);
	ontology_release(&o);
	world_close();
}

static void edges_connect_go_ids_by_two_relations(void **state)
{
	struct ontology o;
	struct err err;

	(void)state;
	make();
	world_open();
	world_ontology(&o);
	parents_are(&o, 0, "GO:0000002", 1, "GO:0000001");
	parents_are(&o, 0, "GO:0000003", 1, "GO:0000002");
	parents_are(&o, 1, "GO:0000006", 1, "GO:0000002");
	parents_are(&o, 1, "GO:0000003", 1, "GO:0000002");
	parents_are(&o, 1, "GO:0000002", 0);
	assert_true(ontology_has_ancestor(&o.snapshots[0], world_go(&o, "GO:0000003"),
					  world_go(&o, "GO:0000001")));
	assert_false(ontology_has_ancestor(&o.snapshots[0], world_go(&o, "GO:0000003"),
					   world_go(&o, "GO:0000003")));
	assert_false(ontology_has_ancestor(&o.snapshots[0], world_go(&o, "GO:0000001"),
					   world_go(&o, "GO:0000003")));
	assert_false(o.snapshots[1].has_ancestors);
	assert_int_equal(ontology_need_ancestors(&o, 1, &err), 0);
	assert_int_equal(ontology_need_ancestors(&o, 1, &err), 0);
	assert_true(ontology_has_ancestor(&o.snapshots[1], world_go(&o, "GO:0000006"),
					  world_go(&o, "GO:0000002")));
	assert_false(ontology_has_ancestor(&o.snapshots[1], world_go(&o, "GO:0000006"),
					   world_go(&o, "GO:0000001"))); /* an edge of the pivot */
	assert_int_equal(csr_len(&o.snapshots[0].children, world_go(&o, "GO:0000002")), 1);
	ontology_release(&o);
	world_close();
}

static void an_edge_to_an_unknown_term_leads_nowhere(void **state)
{
	struct ontology o;
	struct err err;

	(void)state;
	make();
	world_open();
	/* Only the pivot: the edges of SNAP_2 are not asked for; one of the pivot's ends is foreign. */
	source_close(world.source);
	fixture_sql(world.path, "INSERT INTO go_term_relationship VALUES"
				" (901, 103, 53, 'is_a', '" SNAP_1 "'),"
				" (902, 52, 101, 'is_a', '" SNAP_1 "');");
	assert_int_equal(source_open(&world.source, world.path, SOURCE_READ, &err), 0);
	assert_int_equal(ontology_load(&o, world.source, SNAP_1, NULL, 0, &err), 0);
	assert_int_equal(ontology_finish(&o, &err), 0);
	parents_are(&o, 0, "GO:0000003", 1, "GO:0000002");
	ontology_release(&o);
	world_close();
}

static void an_empty_snapshot_is_no_term_at_all(void **state)
{
	struct ontology o;

	(void)state;
	world_begin(SNAP_1, SNAP_2);
	world_open();
	world_ontology(&o);
	assert_int_equal(o.n_go, 0);
	assert_int_equal(o.n_terms, 0);
	assert_int_equal(ontology_term(&o, 1), TERM_NONE);
	ontology_release(&o);
	world_close();
}

static void aspects_are_three_in_fixed_order(void **state)
{
	(void)state;
	assert_int_equal(aspect_index('P'), 0);
	assert_int_equal(aspect_index('F'), 1);
	assert_int_equal(aspect_index('C'), 2);
	assert_int_equal(aspect_index(0), -1);
	assert_int_equal(aspect_index('p'), -1);
	for (int i = 0; i < ASPECTS; i++)
		assert_int_equal(aspect_index(aspect_letter[i]), i);
	assert_string_equal(aspect_export[0], "bpo");
	assert_string_equal(aspect_export[1], "mfo");
	assert_string_equal(aspect_export[2], "cco");
}

/* ---- annotation sets -------------------------------------------------------------------------- */

static void rows_are_grouped_by_protein_in_id_order(void **state)
{
	struct dict accessions = DICT_INIT, strings = DICT_INIT;
	struct ontology o;
	struct annset a;
	uint32_t from, to;

	(void)state;
	make();
	world_protein("P2", 0);
	world_protein("P1", 0);
	world_protein("P9", 0);
	world_annotation(SET_OLD, "P2", 103, "enables", "IEA");
	world_annotation(SET_OLD, "P1", 102, NULL, "EXP");
	world_annotation(SET_NEW, "P1", 53, NULL, "IDA");
	world_annotation(SET_OLD, "P2", 101, "NOT|enables", "IDA");
	world_annotation(SET_OLD, "P2", 103, "enables", NULL);
	world_open();
	world_ontology(&o);
	assert_int_equal(dict_intern(&accessions, "P1", 2), 0);
	world_annset(&a, SET_OLD, SNAP_1, &o, &accessions, &strings);
	assert_string_equal(a.id, SET_OLD);
	assert_int_equal(a.snapshot, 0);
	assert_int_equal(a.n_rows, 4);
	assert_int_equal(a.n_proteins, 2);
	assert_int_equal(dict_find(&accessions, "P2", 2), 1); /* met on the way */
	annset_rows(&a, 0, &from, &to);
	assert_int_equal(to - from, 1);
	assert_int_equal(annset_kind(&a, from)->flags, ANN_EXPERIMENTAL);
	assert_string_equal(dict_text(&strings, annset_kind(&a, from)->qualifier), "");
	annset_rows(&a, 1, &from, &to);
	assert_int_equal(to - from, 3);
	assert_int_equal(o.term_id[a.term[from]], 103);
	assert_int_equal(o.term_id[a.term[from + 1]], 101);
	assert_int_equal(o.term_id[a.term[from + 2]], 103);
	assert_int_equal(annset_kind(&a, from)->flags, 0);
	assert_int_equal(annset_kind(&a, from + 1)->flags, ANN_NEGATED | ANN_EXPERIMENTAL);
	assert_string_equal(dict_text(&strings, annset_kind(&a, from + 1)->qualifier),
			    "NOT|enables");
	assert_string_equal(dict_text(&strings, annset_kind(&a, from)->evidence), "IEA");
	assert_string_equal(dict_text(&strings, annset_kind(&a, from + 2)->evidence), "");
	annset_rows(&a, 2, &from, &to);
	assert_int_equal(from, to);
	annset_rows(&a, UINT32_MAX, &from, &to);
	assert_int_equal(from, to);
	annset_release(&a);
	dict_release(&accessions);
	dict_release(&strings);
	ontology_release(&o);
	world_close();
}

static void foreign_terms_are_counted_and_left_out(void **state)
{
	struct dict accessions = DICT_INIT, strings = DICT_INIT;
	struct ontology o;
	struct annset a;
	struct err err;

	(void)state;
	make();
	world_protein("P1", 0);
	world_protein("P2", 0);
	world_annotation(SET_OLD, "P1", 53, NULL, "EXP");
	world_annotation(SET_OLD, "P1", 101, NULL, "EXP");
	world_annotation(SET_OLD, "P2", 54, NULL, "EXP");
	world_open();
	assert_int_equal(ontology_load(&o, world.source, SNAP_1, NULL, 0, &err), 0);
	assert_int_equal(ontology_finish(&o, &err), 0);
	world_annset(&a, SET_OLD, SNAP_1, &o, &accessions, &strings);
	assert_int_equal(a.n_foreign, 2);
	assert_int_equal(a.n_rows, 1);
	annset_release(&a);
	world_annset(&a, SET_NEW, SNAP_1, &o, &accessions, &strings); /* no rows at all */
	assert_int_equal(a.n_rows, 0);
	annset_release(&a);
	dict_release(&accessions);
	dict_release(&strings);
	ontology_release(&o);
	world_close();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(go_ids_are_numbered_in_byte_order),
		cmocka_unit_test(the_pivot_decides_the_aspect_then_the_smallest_id),
		cmocka_unit_test(rows_without_an_aspect_have_no_say),
		cmocka_unit_test(edges_connect_go_ids_by_two_relations),
		cmocka_unit_test(an_edge_to_an_unknown_term_leads_nowhere),
		cmocka_unit_test(an_empty_snapshot_is_no_term_at_all),
		cmocka_unit_test(aspects_are_three_in_fixed_order),
		cmocka_unit_test(rows_are_grouped_by_protein_in_id_order),
		cmocka_unit_test(foreign_terms_are_counted_and_left_out),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
