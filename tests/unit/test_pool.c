/* The embedding pool (spec 4.4, 2.2, B.15): one row per protein, which one, how it is rounded, what is
 * dropped and what is refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <sys/mman.h>

#include "pipeline/core/digest.h"
#include "pipeline/pool/pool.h"
#include "tests/unit/world.h"

static struct proteins proteins;
static struct pool pool;
static struct err err;

static int load(const char *config, int strict)
{
	struct pool_options options = {.strict = strict, .n_workers = 2};

	world_open();
	assert_int_equal(proteins_load(&proteins, world.source, &err), 0);
	options.expected = proteins.n;
	return pool_load(&pool, world.source, config, &proteins, &options, &err);
}

static void finish(void)
{
	pool_release(&pool);
	proteins_release(&proteins);
	world_close();
}

static void row_is(uint32_t row, const char *accession, uint16_t a, uint16_t b)
{
	assert_true(row < pool.n);
	assert_string_equal(dict_text(&proteins.accessions, pool.protein[row]), accession);
	assert_int_equal(pool_row(&pool, pool.protein[row]), row);
	assert_int_equal(pool_at(&pool, row)[0], a);
	assert_int_equal(pool_at(&pool, row)[1], b);
}

static void says(const char *words)
{
	if (!strstr(err.text, words))
		fail_msg("'%s' does not say '%s'", err.text, words);
}

/* Accessions are ordered as bytes, whatever the order of sequences; a shared sequence is a row each. */
static void rows_stand_by_accession(void **state)
{
	(void)state;
	world_begin(SNAP_1, SNAP_1);
	world_protein("P2", 1);
	world_protein("P10", 3);
	world_protein("p1", 2);
	world_protein("P2-2", 1);
	world_protein("A", 9); /* no embedding */
	world_protein("B", 0); /* no sequence */
	world_embedding(CONFIG_H, 3, 0, 2, "00330033");
	world_embedding(CONFIG_H, 1, 0, 2, "00110011");
	world_embedding(CONFIG_H, 2, 0, 2, "00220022");
	world_embedding(CONFIG_F, 9, 0, 2, "0000803f00000040"); /* another configuration */
	assert_int_equal(load(CONFIG_H, 0), 0);
	assert_int_equal(pool.n, 4);
	assert_int_equal(pool.dim, 2);
	assert_string_equal(pool.config_id, CONFIG_H);
	row_is(0, "P10", 0x3300, 0x3300);
	row_is(1, "P2", 0x1100, 0x1100);
	row_is(2, "P2-2", 0x1100, 0x1100);
	row_is(3, "p1", 0x2200, 0x2200);
	assert_int_equal(pool_row(&pool, dict_find(&proteins.accessions, "A", 1)), POOL_NONE);
	assert_int_equal(pool_row(&pool, dict_find(&proteins.accessions, "B", 1)), POOL_NONE);
	assert_int_equal(pool_row(&pool, 12345), POOL_NONE);
	assert_int_equal(pool.duplicate_rows, 0);
	assert_int_equal(proteins.n, 6);
	assert_int_equal(proteins.n_without_sequence, 1);
	finish();
}

/* The smallest chunk_index_s, wherever it is stored; every further row of every protein is counted. */
static void the_first_chunk_of_a_protein_counts(void **state)
{
	(void)state;
	world_begin(SNAP_1, SNAP_1);
	world_protein("P1", 1);
	world_protein("P2", 1);
	world_protein("P3", 2);
	world_embedding(CONFIG_H, 1, 512, 2, "00010001");
	world_embedding(CONFIG_H, 1, 0, 2, "00020002");
	world_embedding(CONFIG_H, 1, 1024, 2, "00030003");
	world_embedding(CONFIG_H, 2, 7, 2, "00040004");
	assert_int_equal(load(CONFIG_H, 0), 0);
	assert_int_equal(pool.n, 3);
	row_is(0, "P1", 0x0200, 0x0200);
	row_is(1, "P2", 0x0200, 0x0200);
	row_is(2, "P3", 0x0400, 0x0400);
	assert_int_equal(pool.duplicate_rows, 4);
	finish();
}

/* Ties of the chunk go to the smallest id; a bundle's index forbids them, other databases may not. */
static void equal_chunks_go_by_id(void **state)
{
	(void)state;
	world_begin(SNAP_1, SNAP_1);
	world_sql("DROP INDEX sequence_embedding_row;");
	world_protein("P1", 1);
	world_embedding(CONFIG_H, 1, 3, 2, "00010001");
	world_embedding(CONFIG_H, 1, 0, 2, "00020002");
	world_embedding(CONFIG_H, 1, 0, 2, "00030003");
	assert_int_equal(load(CONFIG_H, 0), 0);
	row_is(0, "P1", 0x0200, 0x0200);
	assert_int_equal(pool.duplicate_rows, 2);
	finish();
}

/* float32 takes the text route: 1.00048828125 is a midpoint of halves whose shortest text lies above it.
 * 65504 is the largest half, 65519 rounds down to it. */
static void floats_are_rounded_by_their_decimal_text(void **state)
{
	(void)state;
	world_begin(SNAP_1, SNAP_1);
	for (int i = 1; i <= 5; i++)
		world_protein((char[]){'P', (char)('0' + i), 0}, i);
	world_embedding(CONFIG_F, 1, 0, 2, "0010803f0000803f"); /* 1.00048828125, 1 */
	world_embedding(CONFIG_F, 2, 0, 2, "0f10803f1110803f"); /* near it: up either way */
	world_embedding(CONFIG_F, 3, 0, 2, "00e07f47ffef7f47"); /* 65504, 65519.996 */
	world_embedding(CONFIG_F, 4, 0, 2,
			"0000008001000080"); /* -0, the smallest subnormal below 0 */
	world_embedding(CONFIG_F, 5, 0, 2,
			"0030803f000080b3"); /* 1.00146484375: its text is below */
	assert_int_equal(load(CONFIG_F, 0), 0);
	row_is(0, "P1", 0x3c01, 0x3c00);
	row_is(1, "P2", 0x3c01, 0x3c01);
	row_is(2, "P3", 0x7bff, 0x7bff);
	row_is(3, "P4", 0x8000, 0x8000);
	row_is(4, "P5", 0x3c01, 0x8001);
	finish();
}

/* A half is taken bit by bit. */
static void halves_are_taken_as_they_are(void **state)
{
	(void)state;
	world_begin(SNAP_1, SNAP_1);
	world_protein("P1", 1);
	world_embedding(CONFIG_H, 1, 0, 4, "010000fbff7b0080");
	assert_int_equal(load(CONFIG_H, 0), 0);
	assert_int_equal(pool.dim, 4);
	row_is(0, "P1", 0x0001, 0xfb00);
	assert_int_equal(pool_at(&pool, 0)[2], 0x7bff);
	assert_int_equal(pool_at(&pool, 0)[3], 0x8000);
	finish();
}

static void with_non_finite_rows(void)
{
	world_begin(SNAP_1, SNAP_1);
	for (int i = 1; i <= 9; i++)
		world_protein((char[]){'P', (char)('0' + i), 0}, i);
	world_protein("Q1", 5); /* shares a bad sequence */
	world_embedding(CONFIG_F, 1, 0, 2, "0000803f0000803f");
	world_embedding(CONFIG_F, 2, 0, 2, "0000803f0000c07f"); /* NaN */
	world_embedding(CONFIG_F, 3, 0, 2, "0000803f0000807f"); /* infinity */
	world_embedding(CONFIG_F, 4, 0, 2, "0000803f00f07f47"); /* 65520: beyond half */
	world_embedding(CONFIG_F, 5, 0, 2, "000080ff0000803f"); /* -infinity */
	world_embedding(CONFIG_F, 6, 0, 2, "0000c07f0000803f");
	world_embedding(CONFIG_F, 6, 9, 2, "0000803f0000803f"); /* no second choice (B.15) */
	world_embedding(CONFIG_F, 7, 0, 2, "0000803f0000803f");
	world_embedding(CONFIG_F, 7, 9, 2, "0000c07f0000c07f"); /* nobody looks */
}

static void rows_that_are_not_finite_are_dropped_and_named(void **state)
{
	static const char *const names[] = {"P2", "P3", "P4", "P5", "P6", "Q1"};

	(void)state;
	with_non_finite_rows();
	assert_int_equal(load(CONFIG_F, 0), 0);
	assert_int_equal(pool.n, 2);
	row_is(0, "P1", 0x3c00, 0x3c00);
	row_is(1, "P7", 0x3c00, 0x3c00);
	assert_int_equal(pool.dropped_non_finite, 6);
	for (size_t i = 0; i < 6; i++)
		assert_string_equal(dict_text(&proteins.accessions, pool.dropped[i]), names[i]);
	assert_int_equal(pool.duplicate_rows, 2);
	finish();
}

/* Wherever in a row it stands, and whatever stands beside it. */
static void one_value_that_is_not_finite_is_enough(void **state)
{
	static const char *const values[] = {"007c", "00fc", "017e", "ff7b", "fffb"};
	static const int finite[] = {0, 0, 0, 1, 1};
	char hex[6 * 4 + 1], name[8];
	int sequence = 0, n = 0;

	(void)state;
	world_begin(SNAP_1, SNAP_1);
	for (size_t v = 0; v < 5; v++)
		for (size_t at = 0; at < 6; at++) {
			for (size_t i = 0; i < 6; i++)
				memcpy(hex + 4 * i,
				       i == at ? values[v]
				       : i % 2 ? "ff7b"
					       : "fffb",
				       4);
			hex[24] = '\0';
			snprintf(name, sizeof name, "P%02d", ++sequence);
			world_protein(name, sequence);
			world_embedding(CONFIG_H, sequence, 0, 6, hex);
			n += finite[v];
		}
	assert_int_equal(load(CONFIG_H, 0), 0);
	assert_int_equal(pool.n, n);
	assert_int_equal(pool.dropped_non_finite, sequence - n);
	finish();
}

static void strict_refuses_them(void **state)
{
	(void)state;
	with_non_finite_rows();
	assert_int_equal(load(CONFIG_F, 1), ERR_FORMAT);
	says("6 proteins");
	says("'P2'");
	says(CONFIG_F);
	assert_null(pool.values);
	finish();
}

static void only_ten_dropped_proteins_are_named(void **state)
{
	(void)state;
	world_begin(SNAP_1, SNAP_1);
	for (int i = 0; i < 26; i++)
		world_protein((char[]){'P', (char)('A' + i), 0}, i + 1);
	for (int i = 0; i < 26; i++)
		world_embedding(CONFIG_H, i + 1, 0, 1, i == 25 ? "003c" : "007c");
	assert_int_equal(load(CONFIG_H, 0), 0);
	assert_int_equal(pool.n, 1);
	assert_int_equal(pool.dropped_non_finite, 25);
	assert_string_equal(dict_text(&proteins.accessions, pool.dropped[9]), "PJ");
	finish();
}

/* Only rows of proteins, and only chosen ones, must agree in dimension; the message names all. */
static void another_dimension_is_refused_by_name(void **state)
{
	(void)state;
	world_begin(SNAP_1, SNAP_1);
	world_protein("P1", 1);
	world_protein("P2", 2);
	world_embedding(CONFIG_H, 1, 0, 2, "003c003c");
	world_embedding(CONFIG_H, 2, 0, 3, "003c003c003c");
	assert_int_equal(load(CONFIG_H, 0), ERR_FORMAT);
	says(CONFIG_H);
	says("'P2'");
	says("dimension 3");
	says("expected 2");
	finish();
}

static void unchosen_rows_may_have_any_dimension(void **state)
{
	(void)state;
	world_begin(SNAP_1, SNAP_1);
	world_protein("P1", 1);
	world_protein("P2", 2);
	world_sql("INSERT INTO sequence VALUES (3, 'nobody', 'h3');");
	world_embedding(CONFIG_H, 1, 5, 7, "003c003c003c003c003c003c003c");
	world_embedding(CONFIG_H, 1, 0, 2, "003c003c");
	world_embedding(CONFIG_H, 2, 0, 2, "00400040");
	world_embedding(CONFIG_H, 2, 5, 1, "0040");
	world_embedding(CONFIG_H, 3, 0, 1, "0040");
	assert_int_equal(load(CONFIG_H, 0), 0);
	assert_int_equal(pool.n, 2);
	row_is(1, "P2", 0x4000, 0x4000);
	finish();
}

static void a_length_that_fits_no_type_is_refused(void **state)
{
	(void)state;
	world_begin(SNAP_1, SNAP_1);
	world_protein("P1", 1);
	world_embedding(CONFIG_H, 1, 0, 2, "003c003c00");
	assert_int_equal(load(CONFIG_H, 0), ERR_FORMAT);
	says("5 bytes");
	finish();
}

static void nothing_to_pool_is_an_error(void **state)
{
	(void)state;
	world_begin(SNAP_1, SNAP_1);
	world_protein("P1", 1);
	assert_int_equal(load(CONFIG_H, 0), ERR_NOTFOUND);
	says(CONFIG_H);
	finish();
	world_begin(SNAP_1, SNAP_1); /* embeddings, but of no protein, or none that is finite */
	world_protein("P1", 1);
	world_sql("INSERT INTO sequence VALUES (3, 'nobody', 'h3');");
	world_embedding(CONFIG_H, 3, 0, 1, "0040");
	world_embedding(CONFIG_H, 1, 0, 1, "007e");
	assert_int_equal(load(CONFIG_H, 0), ERR_NOTFOUND);
	finish();
	world_begin(SNAP_1, SNAP_1); /* no protein at all */
	assert_int_equal(load(CONFIG_H, 0), ERR_NOTFOUND);
	finish();
}

/* More rows than fit a page, with holes: they close up. */
static void holes_are_squeezed_out(void **state)
{
	char accession[8], hex[1025];

	(void)state;
	world_begin(SNAP_1, SNAP_1);
	for (int i = 0; i < 200; i++) {
		snprintf(accession, sizeof accession, "P%03d", i);
		world_protein(accession, 1000 - i);
		for (int k = 0; k < 256; k++)
			snprintf(hex + 4 * k, 5, "%02x%02x", (unsigned)i, i % 3 ? 0x20u : 0x7cu);
		if (i % 5)
			world_embedding(CONFIG_H, 1000 - i, 0, 256, hex);
	}
	assert_int_equal(load(CONFIG_H, 0), 0);
	for (int i = 0, row = 0; i < 200; i++) {
		if (i % 5 == 0 || i % 3 == 0)
			continue;
		snprintf(accession, sizeof accession, "P%03d", i);
		row_is((uint32_t)row, accession, (uint16_t)(0x2000 | i), (uint16_t)(0x2000 | i));
		assert_int_equal(pool_at(&pool, (uint32_t)row++)[255], 0x2000 | i);
	}
	assert_int_equal(pool.dropped_non_finite, 53);
	finish();
}

static void digests_name_accessions_and_values(void **state)
{
	char got[65], want[65], block[65];

	(void)state;
	world_begin(SNAP_1, SNAP_1);
	world_protein("P2", 2);
	world_protein("P1", 1);
	world_protein("P0", 0);
	world_embedding(CONFIG_H, 1, 0, 2, "01020304");
	world_embedding(CONFIG_H, 2, 0, 2, "05060708");
	assert_int_equal(load(CONFIG_H, 0), 0);
	assert_int_equal(pool_accessions_sha256(&pool, &proteins, got), 0);
	assert_int_equal(sha256_hex("P1\0P2", 5, want), 0);
	assert_string_equal(got, want);
	assert_int_equal(sha256_hex("\1\2\3\4\5\6\7\10", 8, block), 0); /* it is one block */
	assert_int_equal(sha256_hex(block, sizeof block, want), 0);
	for (size_t workers = 0; workers < 3; workers++) {
		assert_int_equal(pool_values_sha256(&pool, workers, got, &err), 0);
		assert_string_equal(got, want);
	}
	finish();
}

static uint64_t told;

static void tell(void *ctx, uint64_t rows)
{
	assert_ptr_equal(ctx, &told);
	told += rows;
}

static void progress_counts_rows(void **state)
{
	struct pool_options options = {.progress = tell, .progress_ctx = &told};

	(void)state;
	world_begin(SNAP_1, SNAP_1);
	world_protein("P1", 1);
	world_protein("P2", 1);
	world_embedding(CONFIG_H, 1, 0, 1, "0040");
	world_open();
	assert_int_equal(proteins_load(&proteins, world.source, &err), 0);
	assert_int_equal(pool_load(&pool, world.source, CONFIG_H, &proteins, &options, &err), 0);
	assert_int_equal(told, 2);
	finish();
}

static void values_that_are_dropped_are_gone_and_the_rest_stays(void **state)
{
	struct pool_options options = {0};
	unsigned char resident[16];
	void *mapping;
	size_t bytes;

	(void)state;
	world_begin(SNAP_1, SNAP_1);
	world_protein("P1", 1);
	world_embedding(CONFIG_H, 1, 0, 1, "003c");
	world_open();
	assert_int_equal(proteins_load(&proteins, world.source, &err), 0);
	assert_int_equal(pool_load(&pool, world.source, CONFIG_H, &proteins, &options, &err), 0);
	mapping = pool.mapping;
	bytes = pool.mapped_bytes;
	assert_in_range(bytes, 1, sizeof resident * 4096);
	assert_int_equal(mincore(mapping, bytes, resident), 0);
	pool_drop_values(&pool);
	assert_null(pool.values);
	assert_int_equal(mincore(mapping, bytes, resident), -1);
	assert_int_equal(pool.n, 1);
	assert_int_equal(pool_row(&pool, 0), 0);
	pool_drop_values(&pool);
	finish();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(rows_stand_by_accession),
		cmocka_unit_test(the_first_chunk_of_a_protein_counts),
		cmocka_unit_test(equal_chunks_go_by_id),
		cmocka_unit_test(floats_are_rounded_by_their_decimal_text),
		cmocka_unit_test(halves_are_taken_as_they_are),
		cmocka_unit_test(rows_that_are_not_finite_are_dropped_and_named),
		cmocka_unit_test(one_value_that_is_not_finite_is_enough),
		cmocka_unit_test(strict_refuses_them),
		cmocka_unit_test(only_ten_dropped_proteins_are_named),
		cmocka_unit_test(another_dimension_is_refused_by_name),
		cmocka_unit_test(unchosen_rows_may_have_any_dimension),
		cmocka_unit_test(a_length_that_fits_no_type_is_refused),
		cmocka_unit_test(nothing_to_pool_is_an_error),
		cmocka_unit_test(holes_are_squeezed_out),
		cmocka_unit_test(digests_name_accessions_and_values),
		cmocka_unit_test(progress_counts_rows),
		cmocka_unit_test(values_that_are_dropped_are_gone_and_the_rest_stays),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
