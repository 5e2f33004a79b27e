/* The InterPro table (spec 4.11): what a line says, how lines merge, and rows for terms that no neighbour
 * proposed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <math.h>

#include "tests/unit/features_rig.h"

static struct interpro table;

static void open_world(void)
{
	world_begin(SNAP_1, SNAP_1);
	rig_terms();
	rig_proteins();
	world_annotation(SET_OLD, "P1", 103, NULL, "EXP");
	rig_open(2, "GO:0000001\t0\t1\nGO:0000002\t1\t0\n");
}

static int load(const char *text, size_t n)
{
	char path[PATH_MAX + 32];

	snprintf(path, sizeof path, "%s/interpro.tsv", world.dir);
	fixture_write(path, text, n);
	return interpro_load(&table, path, &rig.proteins.accessions, &rig.ontology, &rig.err);
}

static void close_world(void)
{
	interpro_release(&table);
	rig_close();
}

/* The entry of (P<protein>, GO:<digit>), NULL if there is none. */
static const struct interpro_hit *entry(uint32_t protein, int digit)
{
	uint32_t n, i;
	const struct interpro_hit *h = interpro_of(&table, protein, &n);

	for (i = 0; i < n; i++) {
		assert_true(i == 0 || h[i - 1].go < h[i].go);
		if (h[i].go == rig_go(digit))
			return &h[i];
	}
	return NULL;
}

static void is_entry(uint32_t protein, int digit, double score, unsigned dbs, int64_t count)
{
	const struct interpro_hit *h = entry(protein, digit);

	assert_non_null(h);
	assert_true(h->score == score);
	assert_int_equal(h->dbs, dbs);
	assert_true(h->count == count);
}

enum { PFAM = 1, PANTHER = 2, SUPERFAMILY = 4, SMART = 8, CDD = 16, PROSITE = 32 };

static void a_line_has_three_to_five_fields(void **state)
{
	static const char text[] = "P1\tGO:0000001\t0.5\n"
				   "P1\tGO:0000002\t1\tPfam, PANTHER;ProSiteProfiles\n"
				   "P1\tGO:0000003\t-2e1\tsmart\t7\n"
				   "P2\tGO:0000001\t 0.25 \tmobidb\t0\n"
				   "P2\tGO:0000002\t3\t\t-4\n"
				   "P2\tGO:0000003\t3\tcdd\tmany\tmore\teven more\n"
				   "P3\tGO:0000001\t1\tSUPERFAMILY,Gene3D\t 5 \r\n"
				   "P4\tGO:0000001\t1\tmyPFAMlike\t2.0\n"
				   "P5\tGO:0000001\t1\tcdd;cdd,smart";

	(void)state;
	open_world();
	assert_int_equal(load(text, sizeof text - 1), 0);
	assert_int_equal(table.n_lines, 9);
	assert_int_equal(table.n_skipped, 0);
	is_entry(1, 1, 0.5, 0, 1); /* no database: at least one signature */
	is_entry(1, 2, 1, PFAM | PANTHER | PROSITE, 3);
	is_entry(1, 3, -20, SMART, 7);
	is_entry(2, 1, 0.25, 0, 0); /* given, and 0 */
	is_entry(2, 2, 3, 0, -4);
	is_entry(2, 3, 3, CDD, 1); /* "many" is no integer: not given */
	is_entry(3, 1, 1, SUPERFAMILY, 5);
	is_entry(4, 1, 1, PFAM, 1);
	is_entry(5, 1, 1, CDD | SMART, 2); /* stems, not tokens */
	assert_null(entry(6, 1));
	assert_null(entry(RIG_PROTEINS + 5, 1)); /* proteins met after loading have none */
	close_world();
}

static void bad_lines_are_skipped_and_counted(void **state)
{
	static const char text[] = "\n"
				   "P1\n"
				   "P1\tGO:0000001\n"
				   "\tGO:0000001\t1\n"
				   "P1\t\t1\n"
				   "P1\tGO:0000001\t\n"
				   "P1\tGO:0000001\tone\n"
				   "P1\tGO:0000001\t1x\n"
				   "P1\tGO:0000001\t0x10\n"
				   "P1\tGO:0000001\tnan\n"
				   "P1 GO:0000001 1\n"
				   "nobody\tGO:0000001\t1\n"
				   "P1\tGO:7777777\t1\n"
				   "P1\tGO:0000002\t1\n";

	(void)state;
	open_world();
	assert_int_equal(load(text, sizeof text - 1), 0);
	assert_int_equal(table.n_lines, 14);
	assert_int_equal(table.n_skipped, 13);
	assert_null(entry(1, 1));
	is_entry(1, 2, 1, 0, 1);
	close_world();
}

/* Maximum of the scores, union of the stems, count given or one more than before. */
static void repeated_lines_merge_in_file_order(void **state)
{
	static const char text[] = "P1\tGO:0000001\t0.5\tpfam,smart\n" /* count 2 */
				   "P2\tGO:0000001\t9\n"               /* in between */
				   "P1\tGO:0000001\t0.25\tcdd\n"       /* 3 */
				   "P1\tGO:0000001\t0.75\tpfam\tx\n"   /* 4 */
				   "P1\tGO:0000001\t0.5\t\t10\n"       /* 10 */
				   "P1\tGO:0000001\t0.5\n"             /* 11 */
				   "P2\tGO:0000001\t8\t\t2\n"          /* 2 */
				   "P3\tGO:0000001\t-1\n"
				   "P3\tGO:0000001\t-2\n";

	(void)state;
	open_world();
	assert_int_equal(load(text, sizeof text - 1), 0);
	is_entry(1, 1, 0.75, PFAM | SMART | CDD, 11);
	is_entry(2, 1, 9, 0, 2);
	is_entry(3, 1, -1, 0, 2);
	close_world();
}

static void the_largest_count_stays_a_number(void **state)
{
	static const char text[] = "P1\tGO:0000001\t1\t\t9223372036854775807\n"
				   "P1\tGO:0000001\t1\n"
				   "P2\tGO:0000001\t1\t\t99999999999999999999\n";

	(void)state;
	open_world();
	assert_int_equal(load(text, sizeof text - 1), 0);
	is_entry(1, 1, 1, 0, INT64_MAX);
	is_entry(2, 1, 1, 0, 1); /* too large to be an integer here: not given */
	close_world();
}

static void an_empty_table_is_a_table(void **state)
{
	(void)state;
	open_world();
	assert_int_equal(load("", 0), 0);
	assert_int_equal(table.n_lines, 0);
	assert_null(entry(1, 1));
	interpro_release(&table);
	assert_int_equal(interpro_load(&table, "/nowhere/table.tsv", &rig.proteins.accessions,
				       &rig.ontology, &rig.err),
			 ERR_NOTFOUND);
	assert_non_null(strstr(rig.err.text, "/nowhere/table.tsv"));
	close_world();
}

static void a_damaged_table_says_where(void **state)
{
	(void)state;
	open_world();
	assert_int_equal(load("P1\tGO:0000001\t1\nP1\0GO", 21), ERR_FORMAT);
	assert_non_null(strstr(rig.err.text, "interpro.tsv:2"));
	close_world();
}

/* Many entries of many proteins, in a shuffled order, come out sorted. */
static void entries_are_sorted_by_protein_and_term(void **state)
{
	struct buf b = BUF_INIT;

	(void)state;
	open_world();
	for (int i = 0; i < 5000; i++)
		buf_printf(&b, "P%d\tGO:000000%d\t%d\n", i * 7 % 10, 1 + i * 3 % 7, i);
	assert_int_equal(load(b.data, b.len), 0);
	buf_release(&b);
	for (uint32_t p = 0; p < 10; p++)
		for (int g = 1; g <= 7; g++)
			assert_non_null(entry(p, g));
	close_world();
}

/* ---- rows for terms of the table -------------------------------------------------------------- */

static void unproposed_terms_become_rows_of_their_own(void **state)
{
	/* of P0: 8 (P by SNAP_2), 2 and 1 (P), 3 (a leaf), 4 (F), 9 (no aspect) */
	static const char text[] = "P0\tGO:0000008\t1\nP0\tGO:0000002\t1\nP0\tGO:0000003\t1\n"
				   "P0\tGO:0000001\t1\nP0\tGO:0000004\t1\nP0\tGO:0000009\t1\n";
	struct group g;

	(void)state;
	open_world();
	assert_int_equal(load(text, sizeof text - 1), 0);
	rig_neighbor(0, 0, 1, 0.5f);
	rig_known(0, 2);
	rig.in.interpro = &table;
	rig_seal();
	assert_int_equal(group_init(&g, &rig.in, &rig.err), 0);
	assert_int_equal(group_query(&g, 0, &rig.err), 0);
	assert_int_equal(group_aspect(&g, 0, &rig.err), 0);
	/* leaf 3, then 1, 2, 8 ascending */
	assert_int_equal(g.n_leaves, 1);
	assert_int_equal(g.n_rows, 4);
	assert_int_equal(g.leaf[1].go, rig_go(1));
	assert_int_equal(g.leaf[2].go, rig_go(2));
	assert_int_equal(g.leaf[3].go, rig_go(8));
	assert_int_equal(g.leaf[2].pair, PAIR_NONE);
	assert_false(g.leaf[2].knn_present);
	assert_true(g.leaf[0].knn_present);
	assert_true(g.leaf[2].vote_count == 0 && g.leaf[2].vote_fraction == 0);
	assert_true(isnan(g.leaf[2].distance) && isnan(g.leaf[2].k_position) &&
		    isnan(g.leaf[2].min_distance) && isnan(g.leaf[2].neighbor_cos));
	assert_true(g.leaf[2].has_emb == 1); /* real: 2 is known, so in the pool, with a vector */
	assert_true(g.leaf[2].known_cos == 1 && g.leaf[2].known_maxcos == 1);
	assert_true(g.leaf[3].has_emb == 0 && isnan(g.leaf[3].known_cos));
	/* 1 has a vector, but neither a reference nor anybody's knowledge brings it into the pool. */
	assert_true(rig.vectors.has[rig_go(1)]);
	assert_true(g.leaf[1].has_emb == 0 && isnan(g.leaf[1].known_cos));
	assert_int_equal(group_aspect(&g, 1, &rig.err), 0);
	assert_int_equal(g.n_rows, 1);
	assert_int_equal(g.leaf[0].go, rig_go(4));
	/* Another query has none. */
	assert_int_equal(group_query(&g, 1, &rig.err), 0);
	assert_int_equal(group_aspect(&g, 1, &rig.err), 0);
	assert_int_equal(g.n_rows, 0);
	group_release(&g);
	close_world();
}

/* After the expansion: what became an ancestor candidate gets no row of its own, and gives no votes. */
static void ancestors_need_no_row(void **state)
{
	static const char text[] = "P0\tGO:0000001\t1\nP0\tGO:0000002\t1\nP0\tGO:0000008\t1\n";
	struct group g;

	(void)state;
	open_world();
	assert_int_equal(load(text, sizeof text - 1), 0);
	rig_neighbor(0, 0, 1, 0.5f);
	rig.in.interpro = &table;
	rig.in.expand = 1;
	rig_seal();
	assert_int_equal(group_init(&g, &rig.in, &rig.err), 0);
	assert_int_equal(group_query(&g, 0, &rig.err), 0);
	assert_int_equal(group_aspect(&g, 0, &rig.err), 0);
	assert_int_equal(g.n_leaves, 1);
	assert_int_equal(g.n_rows, 2);
	assert_int_equal(g.leaf[1].go, rig_go(8));
	assert_int_equal(g.n_ancestors, 2);
	assert_true(g.ancestor[0].vote_fraction == 0.5); /* of the leaf alone */
	assert_true(g.ancestor[0].knn_present);
	group_release(&g);
	close_world();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_line_has_three_to_five_fields),
		cmocka_unit_test(bad_lines_are_skipped_and_counted),
		cmocka_unit_test(repeated_lines_merge_in_file_order),
		cmocka_unit_test(the_largest_count_stays_a_number),
		cmocka_unit_test(an_empty_table_is_a_table),
		cmocka_unit_test(a_damaged_table_says_where),
		cmocka_unit_test(entries_are_sorted_by_protein_and_term),
		cmocka_unit_test(unproposed_terms_become_rows_of_their_own),
		cmocka_unit_test(ancestors_need_no_row),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
