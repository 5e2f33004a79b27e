/* A whole small pair, from references to rows, with every family on and each allocation failing in turn. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "pipeline/features/records.h"
#include "tests/fault/each.h"
#include "tests/unit/features_rig.h"

static char table_path[PATH_MAX + 32];
static struct align_values align[RIG_PROTEINS * RIG_PROTEINS * ASPECTS];
static unsigned char has_align[RIG_PROTEINS * RIG_PROTEINS * ASPECTS];
static struct tax_pair tax[RIG_PROTEINS * RIG_PROTEINS * ASPECTS];

static void make_world(void)
{
	struct buf lines = BUF_INIT;

	world_begin(SNAP_1, SNAP_1);
	rig_terms();
	rig_proteins();
	for (int p = 0; p < RIG_PROTEINS; p++)
		for (int t = 1; t <= 7; t++)
			if ((p + t) % 3)
				world_annotation(SET_OLD, (char[]){'P', (char)('0' + p), 0},
						 100 + t, NULL, p % 2 ? "EXP" : "IEA");
	rig_open(4, "GO:0000001\t3\t4\nGO:0000003\t1\t0\nGO:0000005\t0\t1\nGO:0000006\t1\t1\n");
	snprintf(table_path, sizeof table_path, "%s/interpro.tsv", world.dir);
	for (int i = 0; i < 60; i++)
		buf_printf(&lines, "P%d\tGO:000000%d\t1\tpfam\n", i % 10, 1 + i % 7);
	fixture_write(table_path, lines.data, lines.len);
	buf_release(&lines);
	for (uint32_t p = 0; p < RIG_PROTEINS; p++) {
		rig_known(p, 1 + (int)p % 5);
		rig_gain(CAT_PK, p, 2);
		rig_gain(CAT_LK, p, 5);
	}
	rig_seal();
}

struct parts {
	struct dict strings;
	struct annset set;
	struct references refs;
	struct neighbors neighbors;
	struct pair_list pairs;
	struct term_vectors vectors;
	struct interpro interpro;
	struct association association;
	struct record_strings texts;
	struct recorder recorder;
	struct block block;
	struct feature_inputs in;
	struct err err;
};

static int load(struct parts *x)
{
	int rc = annset_load(&x->set, world.source, SET_OLD, &rig.ontology, 0,
			     &rig.proteins.accessions, &x->strings, &x->err);

	if (!rc)
		rc = references_build(&x->refs, &x->set, &rig.ontology, &rig.pool, &x->err);
	if (!rc)
		rc = neighbors_alloc(&x->neighbors, RIG_PROTEINS, 4, &x->refs, &x->err);
	if (rc)
		return rc;
	for (int a = 0; a < ASPECTS; a++)
		for (uint32_t q = 0; q < RIG_PROTEINS; q++)
			for (uint32_t i = 0; i < 4; i++) {
				struct knn_hit *h = &x->neighbors.hit[a][q * 4 + i];

				*h = (struct knn_hit){(q + i) % x->refs.aspect[a].n, (float)i / 8};
				x->neighbors.count[a][q] = i + 1;
			}
	rc = pair_list_build(&x->pairs, &x->neighbors, &x->refs, 4, &x->err);
	if (!rc)
		rc = term_vectors_build(&x->vectors, rig.archive, &rig.ontology, &x->err);
	if (!rc)
		rc = interpro_load(&x->interpro, table_path, &rig.proteins.accessions,
				   &rig.ontology, &x->err);
	if (!rc)
		rc = association_build(&x->association, &x->set, &rig.ontology, &x->err);
	return rc;
}

static int write_rows(struct parts *x)
{
	int rc;

	x->in = rig.in;
	x->in.refs = &x->refs;
	x->in.neighbors = &x->neighbors;
	x->in.pairs = &x->pairs;
	x->in.vectors = &x->vectors;
	x->in.interpro = &x->interpro;
	x->in.association = &x->association;
	x->in.align = align;
	x->in.has_align = has_align;
	x->in.tax = tax;
	x->in.self_prior = x->in.expand = 1;
	x->in.profile = SCHEMA_V5_73;
	rc = record_strings_make(&x->texts, &x->strings, &x->in, &rig.proteins, "v1-v2", &x->err);
	if (!rc)
		rc = block_init(&x->block, SCHEMA_V5_73, &x->strings, &x->err);
	if (!rc)
		rc = recorder_init(&x->recorder, &x->in, &x->texts, &x->err);
	block_clear(&x->block, 0, RIG_PROTEINS);
	if (!rc)
		rc = recorder_transfer(&x->recorder, &x->block, &x->err);
	if (!rc)
		rc = recorder_rows(&x->recorder, &x->block, &x->err);
	return rc;
}

static size_t rows_made;

static int pair(void)
{
	struct parts x = {0};
	int rc = load(&x);

	if (!rc)
		rc = write_rows(&x);
	if (rc) {
		assert_int_equal(rc, ERR_NOMEM);
		assert_true(x.err.text[0] != '\0');
	} else {
		size_t now = x.block.rows[CAT_LK].count + x.block.rows[CAT_PK].count;

		assert_true(now > 0 && (now == rows_made || !rows_made));
		rows_made = now;
	}
	recorder_release(&x.recorder);
	block_release(&x.block);
	record_strings_release(&x.texts);
	association_release(&x.association);
	interpro_release(&x.interpro);
	term_vectors_release(&x.vectors);
	pair_list_release(&x.pairs);
	neighbors_release(&x.neighbors);
	references_release(&x.refs);
	annset_release(&x.set);
	dict_release(&x.strings);
	return rc;
}

static void a_pair_survives_each_failure(void **state)
{
	(void)state;
	make_world();
	assert_true(fault_each(pair, 1) > 60);
	assert_true(rows_made > 50);
	rig_close();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_pair_survives_each_failure),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
