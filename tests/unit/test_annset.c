/* Annotation sets read in parts by several threads: the same arrays, names and hashes as in one pass, however
 * the rows lie among the ids. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <stdlib.h>

#include "pipeline/ontology/shortnames.h"
#include "pipeline/ontology/termbits.h"
#include "tests/unit/numbers.h"
#include "tests/unit/world.h"

#define ROWS 6000

struct loaded {
	struct dict accessions, strings;
	struct annset set;
};

static struct ontology o;

static void make_terms(void)
{
	char go[16];

	world_begin(SNAP_1, SNAP_1);
	for (int i = 0; i < 50; i++) {
		snprintf(go, sizeof go, "GO:%07d", i);
		world_term(100 + i, go, "P", SNAP_1);
	}
}

static void put_row(long long id, const char *set, uint64_t *seed)
{
	static const char *const codes[] = {"'EXP'", "'IEA'", "NULL", "''", "'ECO:0000269'"};
	static const char *const qualifiers[] = {"NULL", "'enables'", "'NOT|enables'", "''"};
	uint64_t x = splitmix(seed);
	char sql[512];

	snprintf(sql, sizeof sql,
		 "INSERT OR IGNORE INTO protein_go_annotation VALUES(%lld, '%s', '%s%d', %d, %s, "
		 "%s);",
		 id, set,
		 x & 1 ? "P" : "a_rather_long_accession_that_nobody_would_give_to_a_protein_",
		 (int)(x >> 8 & 63), 100 + (int)(x >> 16 & 63), qualifiers[x >> 32 & 3],
		 codes[(x >> 40 & 0xff) % 5]);
	world_sql(sql);
}

static void load(struct loaded *l, const char *set, size_t workers)
{
	struct err err = ERR_INIT;
	struct shortnames names;

	*l = (struct loaded){0};
	assert_int_equal(dict_intern(&l->accessions, "P7", 2), 0); /* known before */
	/* names are from before the next accession was known */
	shortnames_make(&names, &l->accessions);
	assert_int_equal(dict_intern(&l->accessions, "P9", 2), 1);
	if (annset_load_with(&l->set, world.source, set, &o, 0, workers,
			     workers > 1 ? &names : NULL, &l->accessions, &l->strings, &err) != 0)
		fail_msg("%s", err.text);
	shortnames_release(&names);
}

static void release(struct loaded *l)
{
	annset_release(&l->set);
	dict_release(&l->accessions);
	dict_release(&l->strings);
}

/* One pass, as the stream gives the rows. */
struct plain {
	const struct loaded *l;
	uint32_t *at; /* next row of each protein */
	struct dict accessions, strings;
	uint64_t rows, foreign;
};

static int check_row(void *ctx, const struct source_annotation *r, struct err *err)
{
	struct plain *p = ctx;
	const struct annset *a = &p->l->set;
	uint32_t term = ontology_term(&o, r->term_id), protein, row;
	const struct ann_kind *kind;

	(void)err;
	if (term == TERM_NONE) {
		p->foreign++;
		return 0;
	}
	protein = dict_intern(&p->accessions, r->accession, strlen(r->accession));
	assert_string_equal(dict_text(&p->l->accessions, protein), r->accession);
	row = a->start[protein] + p->at[protein]++;
	assert_true(row < a->start[protein + 1]);
	assert_int_equal(a->term[row], term);
	kind = annset_kind(a, row);
	assert_int_equal(kind->qualifier, dict_intern(&p->strings, r->qualifier ? r->qualifier : "",
						      r->qualifier ? strlen(r->qualifier) : 0));
	assert_int_equal(kind->evidence,
			 dict_intern(&p->strings, r->evidence_code ? r->evidence_code : "",
				     r->evidence_code ? strlen(r->evidence_code) : 0));
	assert_int_equal(kind->flags,
			 (r->qualifier && strstr(r->qualifier, "NOT") ? ANN_NEGATED : 0) |
				 (r->evidence_code && (strcmp(r->evidence_code, "EXP") == 0 ||
						       strcmp(r->evidence_code, "ECO:0000269") == 0)
					  ? ANN_EXPERIMENTAL
					  : 0));
	p->rows++;
	return 0;
}

static void check(const struct loaded *l, const char *set)
{
	struct plain p = {.l = l, .at = calloc(l->set.n_proteins + 1, sizeof *p.at)};
	struct err err = ERR_INIT;

	dict_intern(&p.accessions, "P7", 2);
	dict_intern(&p.accessions, "P9", 2);
	assert_int_equal(source_annotations(world.source, set, check_row, &p, &err), 0);
	assert_int_equal(p.rows, l->set.n_rows);
	assert_int_equal(p.foreign, l->set.n_foreign);
	assert_int_equal(p.accessions.count, l->accessions.count);
	assert_int_equal(p.strings.count, l->strings.count);
	assert_int_equal(l->set.start[l->set.n_proteins], l->set.n_rows);
	free(p.at);
	dict_release(&p.accessions);
	dict_release(&p.strings);
}

static void same(const struct loaded *a, const struct loaded *b)
{
	const struct annset *x = &a->set, *y = &b->set;

	assert_int_equal(x->n_rows, y->n_rows);
	assert_int_equal(x->n_proteins, y->n_proteins);
	assert_int_equal(x->n_kinds, y->n_kinds);
	assert_string_equal(x->sha256, y->sha256);
	assert_memory_equal(x->start, y->start, (x->n_proteins + 1) * sizeof *x->start);
	assert_memory_equal(x->term, y->term, x->n_rows * sizeof *x->term);
	for (uint32_t i = 0; i < x->n_kinds; i++) {
		assert_int_equal(x->kinds[i].qualifier, y->kinds[i].qualifier);
		assert_int_equal(x->kinds[i].evidence, y->kinds[i].evidence);
		assert_int_equal(x->kinds[i].flags, y->kinds[i].flags);
	}
}

static void parts_are_the_whole(long long old_step, long long new_every)
{
	struct loaded one, three;
	uint64_t seed = (uint64_t)old_step;
	char sha256[SHA256_HEX];

	make_terms();
	for (int i = 0; i < ROWS; i++)
		put_row(1 + i * old_step, i % new_every ? SET_OLD : SET_NEW, &seed);
	world_open();
	world_ontology(&o);
	for (int set = 0; set < 2; set++) {
		const char *id = set ? SET_NEW : SET_OLD;

		load(&one, id, 1);
		load(&three, id, 3);
		assert_true(one.set.n_rows > 0 && one.set.n_foreign > 0);
		check(&one, id);
		check(&three, id);
		same(&one, &three);
		memcpy(sha256, one.set.sha256, sizeof sha256);
		release(&one);
		release(&three);
		load(&three, id, 2);
		check(&three, id);
		release(&three);
		load(&three, set ? SET_OLD : SET_NEW, 2);
		assert_string_not_equal(three.set.sha256, sha256);
		release(&three);
	}
	ontology_release(&o);
	world_close();
}

static void sets_side_by_side_and_mixed_are_read(void **state)
{
	(void)state;
	parts_are_the_whole(1, 50);   /* one part */
	parts_are_the_whole(200, 10); /* many parts, most rows ours: the table is read */
	parts_are_the_whole(200, 3);  /* a third is somebody's: the index is read */
	parts_are_the_whole(INT64_C(1000000007), 2); /* far apart */
}

/* More pairs of qualifier and evidence than 16 bits number. */
static void many_kinds_are_kept(void **state)
{
	struct loaded l;
	char sql[256];

	(void)state;
	make_terms();
	for (int i = 0; i < 70000; i++) {
		snprintf(sql, sizeof sql,
			 "INSERT INTO protein_go_annotation VALUES(%d, '%s', 'P%d', 101, NULL,"
			 " 'X%d');",
			 i + 1, SET_OLD, i % 7, i);
		world_sql(sql);
	}
	world_open();
	world_ontology(&o);
	load(&l, SET_OLD, 2);
	assert_int_equal(l.set.n_kinds, 70000);
	assert_null(l.set.kind);
	check(&l, SET_OLD);
	release(&l);
	ontology_release(&o);
	world_close();
}

/* ---- sets of terms as bits -------------------------------------------------------------------- */

struct got {
	uint32_t number[64];
	size_t n;
};

static void take(void *ctx, uint32_t number)
{
	struct got *g = ctx;

	assert_true(g->n < 64);
	g->number[g->n++] = number;
}

static void bits_come_out_ascending(void **state)
{
	static const uint32_t in[] = {9999, 0, 64, 63, 4096, 4095, 64, 8191, 8192};
	static const uint32_t out[] = {0, 63, 64, 4095, 4096, 8191, 8192, 9999};
	struct termbits t, gone;
	struct got got = {0};
	struct err err;
	char byte[10000] = {0};
	uint64_t *mask;

	(void)state;
	assert_int_equal(termbits_init(&t, 10000, &err), 0);
	assert_int_equal(termbits_init(&gone, 10000, &err), 0);
	for (size_t i = 0; i < sizeof in / sizeof in[0]; i++)
		termbits_add(&t, in[i]);
	termbits_each(&t, take, &got);
	assert_int_equal(got.n, 8);
	assert_memory_equal(got.number, out, sizeof out);
	byte[0] = byte[64] = byte[4096] = byte[9999] = 'P';
	mask = termbits_mask(byte, 10000);
	termbits_add(&gone, 64);
	termbits_add(&gone, 65);
	termbits_keep(&t, mask, &gone);
	got.n = 0;
	termbits_each(&t, take, &got);
	assert_int_equal(got.n, 3);
	assert_memory_equal(got.number, ((uint32_t[]){0, 4096, 9999}), 12);
	assert_true(termbits_has(&t, 4096) && !termbits_has(&t, 64) && !termbits_has(&t, 63));
	termbits_clear(&t);
	got.n = 0;
	termbits_each(&t, take, &got);
	assert_int_equal(got.n, 0);
	assert_false(termbits_has(&t, 4096));
	free(mask);
	termbits_release(&t);
	termbits_release(&gone);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sets_side_by_side_and_mixed_are_read),
		cmocka_unit_test(many_kinds_are_kept),
		cmocka_unit_test(bits_come_out_ascending),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
