/* Ground truth of a pair (spec 4.3): cases computed by hand for each rule, then random worlds against a
 * second implementation that works on tables of truth values. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "pipeline/ontology/buckets.h"
#include "tests/unit/numbers.h"
#include "tests/unit/world.h"

static struct ontology o;
static struct dict accessions, strings;
static struct buckets b;

static void compute(const char *old_snap, const char *new_snap)
{
	struct annset old_set, new_set;
	struct err err = ERR_INIT;

	world_open();
	world_ontology(&o);
	for (char c = '0'; c <= '9';
	     c++) /* numbers in the order of accessions, as the pool gives */
		assert_int_equal(dict_intern(&accessions, (char[]){'P', c, 0}, 2), c - '0');
	world_annset(&old_set, SET_OLD, old_snap, &o, &accessions, &strings);
	world_annset(&new_set, SET_NEW, new_snap, &o, &accessions, &strings);
	assert_int_equal(buckets_compute(&b, &o, &old_set, &new_set, &err), 0);
	annset_release(&old_set);
	annset_release(&new_set);
}

static void finish(void)
{
	buckets_release(&b);
	ontology_release(&o);
	dict_release(&accessions);
	dict_release(&strings);
	accessions = strings = (struct dict)DICT_INIT;
	world_close();
}

/* A set as text: "P1:3,5 P2:4", the last digits of the go_ids. */
static void is_set(const struct pairset *s, const char *want)
{
	char got[512] = "";
	size_t at = 0;

	for (size_t i = 0; i < s->n; i++) {
		uint32_t p = PAIR_PROTEIN(s->key[i]);
		const char *go = o.go_id[PAIR_GO(s->key[i])];

		if (i)
			assert_true(s->key[i - 1] < s->key[i]);
		if (i == 0 || PAIR_PROTEIN(s->key[i - 1]) != p)
			at += (size_t)snprintf(got + at, sizeof got - at, "%s%s:", i ? " " : "",
					       dict_text(&accessions, p));
		else
			got[at++] = ',';
		at += (size_t)snprintf(got + at, sizeof got - at, "%s", go + strlen(go) - 1);
	}
	assert_string_equal(got, want);
}

static void gained(const char *nk, const char *lk, const char *pk, const char *known)
{
	is_set(&b.gained[CAT_NK], nk);
	is_set(&b.gained[CAT_LK], lk);
	is_set(&b.gained[CAT_PK], pk);
	is_set(&b.known, known);
}

/* Pivot: 1 <- 2 <- 3 (P), 4 <- 5 (F), 6 (C), 7 without an aspect. Ids 100 + digit; SNAP_2 200 + digit. */
static void pivot_terms(void)
{
	static const char *const aspects[] = {"P", "P", "P", "F", "F", "C", NULL};
	char go[16];

	for (int i = 1; i <= 7; i++) {
		snprintf(go, sizeof go, "GO:000000%d", i);
		world_term(100 + i, go, aspects[i - 1], SNAP_1);
	}
	world_edge(102, 101, "is_a", SNAP_1);
	world_edge(103, 102, "part_of", SNAP_1);
	world_edge(105, 104, "is_a", SNAP_1);
}

static void case_a(void)
{
	world_begin(SNAP_1, SNAP_1);
	pivot_terms();
	for (int i = 1; i <= 9; i++)
		world_protein((char[]){'P', (char)('0' + i), 0}, 0);
}

static void old_row(const char *protein, int term, const char *qualifier, const char *evidence)
{
	world_annotation(SET_OLD, protein, term, qualifier, evidence);
}

static void new_row(const char *protein, int term, const char *qualifier, const char *evidence)
{
	world_annotation(SET_NEW, protein, term, qualifier, evidence);
}

static void prior_knowledge_makes_the_category(void **state)
{
	(void)state;
	case_a();
	new_row("P1", 103, NULL, "EXP"); /* nothing before: NK, whatever the aspects */
	new_row("P1", 105, NULL, "IDA");
	old_row("P2", 103, NULL, "EXP"); /* P before: P gains are PK, F gains are LK */
	new_row("P2", 103, NULL, "EXP");
	new_row("P2", 102, NULL, "EXP");
	new_row("P2", 104, NULL, "EXP");
	new_row("P2", 105, NULL, "EXP");
	old_row("P3", 106, NULL, "EXP"); /* nothing new */
	new_row("P3", 106, NULL, "EXP");
	old_row("P4", 101, NULL, "EXP"); /* all gone */
	compute(SNAP_1, SNAP_1);
	gained("P1:3,5", "P2:4,5", "P2:2", "P2:3 P3:6 P4:1");
	finish();
}

/* Terms stand as annotated: an ancestor of an old term is a gain in case A. */
static void terms_are_not_propagated_in_case_a(void **state)
{
	(void)state;
	case_a();
	old_row("P1", 103, NULL, "EXP");
	new_row("P1", 103, NULL, "EXP");
	new_row("P1", 101, NULL, "EXP");
	compute(SNAP_1, SNAP_1);
	gained("", "", "P1:1", "P1:3");
	finish();
}

static void only_experimental_rows_with_an_aspect_count(void **state)
{
	(void)state;
	case_a();
	old_row("P1", 102, NULL, "IEA"); /* no prior knowledge */
	old_row("P1", 102, NULL, NULL);
	old_row("P1", 107, NULL, "EXP"); /* no aspect */
	new_row("P1", 106, NULL, "ECO:0000314");
	new_row("P1", 101, NULL, "IEA");
	new_row("P1", 107, NULL, "EXP");
	compute(SNAP_1, SNAP_1);
	gained("P1:6", "", "", "");
	finish();
}

/* A negated row takes its term and everything below away from both sides, whatever its evidence. */
static void negation_reaches_down_and_across(void **state)
{
	(void)state;
	case_a();
	new_row("P1", 102, "NOT|involved_in", "IEA"); /* 2 and 3 */
	new_row("P1", 103, NULL, "EXP");
	new_row("P1", 101, NULL, "EXP");
	old_row("P1", 103, NULL, "EXP");    /* the only old term falls: NK */
	old_row("P2", 104, "CANNOT", NULL); /* 4 and 5, of the new side too */
	new_row("P2", 105, NULL, "EXP");
	new_row("P2", 106, NULL, "EXP");
	old_row("P3", 103, "NOT", "EXP"); /* below 2: 2 stays */
	new_row("P3", 102, NULL, "EXP");
	new_row("P4", 102, NULL, "EXP"); /* another protein's negation is not its own */
	compute(SNAP_1, SNAP_1);
	gained("P1:1 P2:6 P3:2 P4:2", "", "", "");
	finish();
}

static void a_cycle_ends(void **state)
{
	(void)state;
	case_a();
	world_edge(101, 103, "is_a", SNAP_1); /* 1 -> 3 -> 2 -> 1 */
	new_row("P1", 103, "NOT", "EXP");
	new_row("P1", 101, NULL, "EXP");
	new_row("P1", 106, NULL, "EXP");
	compute(SNAP_1, SNAP_1);
	gained("P1:6", "", "", "");
	finish();
}

/* ---- case B: the old set lives in SNAP_2 ------------------------------------------------------ */

/* SNAP_2: 8 -> 3 -> 1 (no 2 there), 5 -> 6 across aspects; 8 is not in the pivot; 4 is P here. */
static void case_b(const char *new_snap)
{
	world_begin(SNAP_2, new_snap);
	pivot_terms();
	world_term(201, "GO:0000001", "P", SNAP_2);
	world_term(203, "GO:0000003", "P", SNAP_2);
	world_term(204, "GO:0000004", "P", SNAP_2);
	world_term(205, "GO:0000005", "F", SNAP_2);
	world_term(206, "GO:0000006", "C", SNAP_2);
	world_term(207, "GO:0000007", "C", SNAP_2);
	world_term(208, "GO:0000008", "P", SNAP_2);
	world_edge(208, 203, "is_a", SNAP_2);
	world_edge(203, 201, "is_a", SNAP_2);
	world_edge(205, 206, "part_of", SNAP_2);
	for (int i = 1; i <= 9; i++)
		world_protein((char[]){'P', (char)('0' + i), 0}, 0);
}

static void each_side_is_propagated_in_its_own_snapshot(void **state)
{
	(void)state;
	case_b(SNAP_1);
	old_row("P1", 208, NULL, "EXP"); /* 8 is outside the pivot; 3 and 1 are not */
	new_row("P1", 103, NULL, "EXP"); /* under the pivot: 3, 2, 1 */
	old_row("P2", 205, NULL, "EXP"); /* 5 (F) and, over part_of, 6 (C) */
	new_row("P2", 105, NULL, "EXP"); /* 5 and 4 */
	new_row("P2", 106, NULL, "EXP"); /* known already */
	new_row("P3", 102, NULL, "EXP"); /* NK with its ancestors */
	compute(SNAP_2, SNAP_1);
	gained("P3:1,2", "", "P1:2 P2:4", "P1:1,3 P2:5,6");
	finish();
}

static void groups_follow_the_pivots_aspect(void **state)
{
	(void)state;
	case_b(SNAP_1);
	old_row("P1", 204, NULL, "EXP"); /* P in SNAP_2, F in the pivot */
	new_row("P1", 105, NULL, "EXP"); /* 5 and 4: 5 is a gain where it had 4 */
	new_row("P1", 101, NULL, "EXP"); /* nothing in P before */
	old_row("P2", 207, NULL, "EXP"); /* no aspect in the pivot: nothing */
	new_row("P2", 106, NULL, "EXP");
	compute(SNAP_2, SNAP_1);
	gained("P2:6", "P1:1", "P1:5", "P1:4");
	finish();
}

/* Down the native snapshot, into the pivot, down the pivot. */
static void negation_crosses_both_snapshots(void **state)
{
	(void)state;
	case_b(SNAP_1);
	old_row("P1", 201, "NOT", "IEA"); /* native: 1, 3, 8; pivot below 1: 2, 3 */
	new_row("P1", 102, NULL, "EXP");
	new_row("P1", 106, NULL, "EXP");
	old_row("P2", 206, "NOT", NULL); /* native: 6, 5; 5 has nothing below in the pivot */
	new_row("P2", 105, NULL, "EXP"); /* 5 falls, 4 stays */
	old_row("P3", 208, "NOT", NULL); /* outside the pivot: nothing falls */
	old_row("P3", 203, NULL, "EXP");
	new_row("P3", 103, NULL, "EXP");
	compute(SNAP_2, SNAP_1);
	gained("P1:6 P2:4", "", "P3:2", "P3:1,3");
	finish();
}

/* Both sets outside the pivot, and one pair of the pivot with one outside, are case B alike. */
static void one_foreign_side_is_enough_for_case_b(void **state)
{
	(void)state;
	case_b(SNAP_2);
	old_row("P1", 203, NULL, "EXP");
	new_row("P1", 208, NULL, "EXP");
	new_row("P1", 205, NULL, "EXP");
	compute(SNAP_2, SNAP_2);
	gained("", "P1:5,6", "", "P1:1,3");
	finish();
}

static void a_term_without_an_aspect_in_the_pivot_negates_nothing(void **state)
{
	(void)state;
	case_b(SNAP_1);
	world_edge(106, 107, "is_a", SNAP_1); /* 6 is below 7, which has no aspect in the pivot */
	new_row("P1", 107, "NOT", "EXP"); /* native descendants: 6; 7 itself is not in the pivot */
	new_row("P1", 106, NULL, "EXP");
	new_row("P1", 104, NULL, "EXP");
	old_row("P2", 207, "NOT", "EXP"); /* in SNAP_2 nothing is below 7 */
	new_row("P2", 106, NULL, "EXP");
	compute(SNAP_2, SNAP_1);
	gained("P1:4 P2:6", "", "", "");
	finish();
}

static void nothing_in_nothing_out(void **state)
{
	(void)state;
	case_a();
	compute(SNAP_1, SNAP_1);
	gained("", "", "", "");
	finish();
}

/* ---- pair sets -------------------------------------------------------------------------------- */

static void pair_sets_answer_for_a_protein(void **state)
{
	struct pairset s = PAIRSET_INIT;
	struct err err;
	size_t from, to;

	(void)state;
	from = pairset_range(&s, 3, &to);
	assert_int_equal(from, to);
	assert_false(pairset_has(&s, 0));
	pairset_seal(&s);
	for (uint32_t i = 0; i < 3000; i++)
		assert_int_equal(pairset_add(&s, PAIR_KEY(i * 7 % 10, i * 13 % 100), &err), 0);
	assert_int_equal(pairset_add(&s, PAIR_KEY(UINT32_MAX, UINT32_MAX), &err), 0);
	pairset_seal(&s);
	assert_int_equal(s.n, 101); /* i % 10 and i % 100 go together: ten per protein */
	from = pairset_range(&s, 3, &to);
	assert_int_equal(to - from, 10);
	assert_int_equal(PAIR_PROTEIN(s.key[from]), 3);
	assert_int_equal(PAIR_PROTEIN(s.key[to - 1]), 3);
	assert_true(pairset_has(&s, PAIR_KEY(7, 13)));
	assert_false(pairset_has(&s, PAIR_KEY(7, 14)));
	from = pairset_range(&s, UINT32_MAX, &to);
	assert_int_equal(to - from, 1);
	from = pairset_range(&s, 10, &to);
	assert_int_equal(from, to);
	pairset_release(&s);
}

/* ---- random worlds ---------------------------------------------------------------------------- */

enum { GOS = 9, PROTEINS = 5, ROWS = 26 };

struct table { /* [side] 0 old, 1 new; [snapshot] 0 the pivot */
	unsigned char parent[2][GOS][GOS], above[2][GOS][GOS]; /* above: proper ancestors */
	char aspect[2][GOS];                                   /* 0 none */
	unsigned char there[2][GOS];
	unsigned char has[2][PROTEINS][GOS], negated[2][PROTEINS][GOS];
	int snapshot[2];
};

static void close_table(struct table *t)
{
	memcpy(t->above, t->parent, sizeof t->above);
	for (int s = 0; s < 2; s++)
		for (int k = 0; k < GOS; k++)
			for (int i = 0; i < GOS; i++)
				for (int j = 0; j < GOS; j++)
					t->above[s][i][j] |= t->above[s][i][k] & t->above[s][k][j];
}

static void make_terms(struct table *t, uint64_t *s)
{
	static const char *const letters[] = {"P", "F", "C", "", NULL};

	for (int snap = 0; snap < 2; snap++)
		for (int g = 0; g < GOS; g++) {
			const char *aspect = letters[splitmix(s) % 10 < 8 ? splitmix(s) % 3
									  : 3 + splitmix(s) % 2];
			char go[16];

			t->there[snap][g] = splitmix(s) % 6 != 0;
			if (!t->there[snap][g])
				continue;
			t->aspect[snap][g] = aspect ? *aspect : 0;
			snprintf(go, sizeof go, "GO:000000%d", g);
			world_term(100 * snap + g + 1, go, aspect, snap ? SNAP_2 : SNAP_1);
		}
	for (int snap = 0; snap < 2; snap++)
		for (int i = 0; i < 10; i++) {
			int child = (int)(splitmix(s) % GOS), parent = (int)(splitmix(s) % GOS);

			if (splitmix(s) % 8 && parent >= child) /* mostly without cycles */
				continue;
			if (!t->there[snap][child] || !t->there[snap][parent])
				continue;
			t->parent[snap][child][parent] = 1;
			world_edge(100 * snap + child + 1, 100 * snap + parent + 1,
				   i % 2 ? "is_a" : "part_of", snap ? SNAP_2 : SNAP_1);
		}
	close_table(t);
}

static void make_rows(struct table *t, uint64_t *s)
{
	static const char *const evidence[] = {"EXP", "IDA", "TAS", "IEA"};
	unsigned char used[2][PROTEINS][GOS][4] = {{{{0}}}};

	for (int p = 0; p < PROTEINS; p++)
		world_protein((char[]){'P', (char)('0' + p), 0}, 0);
	for (int i = 0; i < ROWS; i++) {
		int side = (int)(splitmix(s) % 2), p = (int)(splitmix(s) % PROTEINS);
		int g = (int)(splitmix(s) % GOS), e = (int)(splitmix(s) % 4);
		int snap = t->snapshot[side], negated = splitmix(s) % 7 == 0;

		if (!t->there[snap][g] || used[side][p][g][e]++)
			continue;
		world_annotation(side ? SET_NEW : SET_OLD, (char[]){'P', (char)('0' + p), 0},
				 100 * snap + g + 1, negated ? "NOT" : NULL, evidence[e]);
		if (negated)
			t->negated[side][p][g] = 1;
		else if (e < 3)
			t->has[side][p][g] = 1;
	}
}

/* Terms of a side after the rules of its case, and what it negates. */
static void read_side(const struct table *t, int side, int p, int case_a_holds,
		      unsigned char positive[GOS], unsigned char negative[GOS])
{
	int snap = t->snapshot[side];
	unsigned char in_pivot[GOS] = {0};

	memset(positive, 0, GOS);
	for (int g = 0; g < GOS; g++)
		for (int h = 0; h < GOS; h++) {
			/* h is g or above it: a term g gives h; a negated h gives g */
			int up = g == h || (!case_a_holds && t->above[snap][g][h]);
			int down = g == h || t->above[snap][g][h];

			positive[h] |= (unsigned char)(t->has[side][p][g] && up);
			in_pivot[g] |= (unsigned char)(t->negated[side][p][h] && down);
		}
	for (int g = 0; g < GOS; g++) {
		positive[g] &= t->aspect[0][g] != 0;
		if (!case_a_holds)
			in_pivot[g] &= t->aspect[0][g] != 0;
	}
	for (int g = 0; g < GOS; g++)
		for (int h = 0; h < GOS; h++)
			if (in_pivot[h] && (g == h || t->above[0][g][h]))
				negative[g] = 1;
}

static void check_protein(const struct table *t, int p)
{
	int case_a_holds = !t->snapshot[0] && !t->snapshot[1];
	unsigned char old[GOS], new_terms[GOS], negative[GOS] = {0};
	int any_old = 0, had[128] = {0};
	uint32_t number = dict_find(&accessions, (char[]){'P', (char)('0' + p), 0}, 2);

	read_side(t, 0, p, case_a_holds, old, negative);
	read_side(t, 1, p, case_a_holds, new_terms, negative);
	for (int g = 0; g < GOS; g++) {
		old[g] &= !negative[g];
		new_terms[g] &= !negative[g];
		any_old |= old[g];
		if (old[g])
			had[(int)t->aspect[0][g]] = 1;
	}
	for (int g = 0; g < GOS; g++) {
		char name[16];
		uint32_t go;
		int cat = -1;

		snprintf(name, sizeof name, "GO:000000%d", g);
		go = ontology_find(&o, name, 10);
		if (go == GO_NONE) {
			assert_false(old[g] || new_terms[g]);
			continue;
		}
		if (new_terms[g] && (!any_old || !old[g]))
			cat = !any_old ? CAT_NK : had[(int)t->aspect[0][g]] ? CAT_PK : CAT_LK;
		assert_int_equal(pairset_has(&b.known, PAIR_KEY(number, go)), old[g]);
		for (int c = 0; c < CATEGORIES; c++)
			assert_int_equal(pairset_has(&b.gained[c], PAIR_KEY(number, go)), c == cat);
	}
}

static void random_worlds_agree_with_truth_tables(void **state)
{
	size_t seen[4] = {0};

	(void)state;
	for (uint64_t seed = 1; seed <= 240; seed++) {
		struct table t = {.snapshot = {(int)(seed % 3 == 1), (int)(seed % 6 > 2)}};
		uint64_t s = seed;

		world_begin(t.snapshot[0] ? SNAP_2 : SNAP_1, t.snapshot[1] ? SNAP_2 : SNAP_1);
		make_terms(&t, &s);
		make_rows(&t, &s);
		compute(t.snapshot[0] ? SNAP_2 : SNAP_1, t.snapshot[1] ? SNAP_2 : SNAP_1);
		for (int p = 0; p < PROTEINS; p++)
			check_protein(&t, p);
		for (int c = 0; c < CATEGORIES; c++)
			seen[c] += b.gained[c].n;
		seen[3] += b.known.n;
		finish();
	}
	for (int c = 0; c < 4; c++) /* the worlds are not empty ones */
		assert_true(seen[c] > 100);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(prior_knowledge_makes_the_category),
		cmocka_unit_test(terms_are_not_propagated_in_case_a),
		cmocka_unit_test(only_experimental_rows_with_an_aspect_count),
		cmocka_unit_test(negation_reaches_down_and_across),
		cmocka_unit_test(a_cycle_ends),
		cmocka_unit_test(each_side_is_propagated_in_its_own_snapshot),
		cmocka_unit_test(groups_follow_the_pivots_aspect),
		cmocka_unit_test(negation_crosses_both_snapshots),
		cmocka_unit_test(one_foreign_side_is_enough_for_case_b),
		cmocka_unit_test(a_term_without_an_aspect_in_the_pivot_negates_nothing),
		cmocka_unit_test(nothing_in_nothing_out),
		cmocka_unit_test(pair_sets_answer_for_a_protein),
		cmocka_unit_test(random_worlds_agree_with_truth_tables),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
