/* The embedding pool read in parts by several threads: what one pass gives, row by row and message by message,
 * for sequences that are shared, have several chunks, none, odd values or nobody. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "pipeline/core/cancel.h"
#include "pipeline/pool/pool.h"
#include "tests/unit/numbers.h"
#include "tests/unit/world.h"

#define PROTEINS  7000
#define SEQUENCES 6000

static struct err err;
static struct proteins proteins;

static void add_rows(uint64_t *seed)
{
	for (int i = 1; i <= SEQUENCES; i++) {
		int chunks = splitmix(seed) % 9 == 0 ? 0 : 1 + (splitmix(seed) % 11 == 0) * 2;

		for (int c = 0; c < chunks; c++) {
			char hex[32];

			/* one in 50 has an infinity; chunk numbers fall, so that the last row counts */
			snprintf(hex, sizeof hex, "%04x%s", (unsigned)(splitmix(seed) & 0xff3b),
				 splitmix(seed) % 50 == 0 ? "007c" : "003c");
			world_embedding(CONFIG_H, i, chunks - c, 2, hex);
		}
	}
}

/* `more`: SQL beside the rows that all tests have. */
static void begin(const char *more)
{
	char accession[16];
	uint64_t seed = 7;

	err = (struct err)ERR_INIT;
	world_begin(SNAP_1, SNAP_1);
	for (int i = 0; i < PROTEINS; i++) {
		snprintf(accession, sizeof accession, "P%05d", i);
		world_protein(accession,
			      i % 13 == 0 ? 0 : 1 + (int)(splitmix(&seed) % (SEQUENCES - 1)));
	}
	world_sql("INSERT OR IGNORE INTO sequence WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL "
		  "SELECT i + 1"
		  " FROM n WHERE i < 6000) SELECT i, 'W', 'more' || i FROM n;");
	add_rows(&seed);
	world_sql(more);
	world_open();
	assert_int_equal(proteins_load(&proteins, world.source, &err), 0);
}

static void end(void)
{
	proteins_release(&proteins);
	world_close();
}

static uint64_t told;

static void tell(void *ctx, uint64_t rows)
{
	(void)ctx;
	__atomic_fetch_add(&told, rows, __ATOMIC_RELAXED);
}

static int load(struct pool *pool, size_t n_workers, uint64_t expected)
{
	const struct pool_options options = {
		.n_workers = n_workers, .dim = 2, .expected = expected, .progress = tell};

	told = 0;
	err = (struct err)ERR_INIT;
	return pool_load(pool, world.source, CONFIG_H, &proteins, &options, &err);
}

static void pools_are_equal(const struct pool *a, const struct pool *b)
{
	assert_int_equal(a->n, b->n);
	assert_int_equal(a->dim, b->dim);
	assert_memory_equal(a->protein, b->protein, a->n * sizeof *a->protein);
	assert_memory_equal(a->row_of, b->row_of, a->n_proteins * sizeof *a->row_of);
	assert_memory_equal(a->values, b->values, a->n * a->dim * sizeof *a->values);
	assert_int_equal(a->duplicate_rows, b->duplicate_rows);
	assert_int_equal(a->dropped_non_finite, b->dropped_non_finite);
	assert_memory_equal(a->dropped, b->dropped, sizeof a->dropped);
}

static void threads_give_what_one_pass_gives(void **state)
{
	struct pool one, many;
	uint64_t told_by_one;

	(void)state;
	begin("");
	assert_int_equal(load(&one, 1, 0), 0);
	told_by_one = told;
	assert_true(one.duplicate_rows > 100 && one.dropped_non_finite > 50);
	assert_in_range(one.n, PROTEINS / 2, PROTEINS - 1);
	for (size_t workers = 2; workers <= 9; workers += 3) {
		assert_int_equal(load(&many, workers, workers == 2 ? 0 : PROTEINS), 0);
		assert_int_equal(told, told_by_one);
		pools_are_equal(&many, &one);
		pool_release(&many);
	}
	pool_release(&one);
	end();
}

static void what_is_wrong_is_said_in_the_same_words(void **state)
{
	struct pool pool;
	char text[sizeof err.text];

	(void)state;
	begin("UPDATE sequence_embedding SET embedding = x'003c003c003c', embedding_dim = 3"
	      " WHERE sequence_id > 4000;");
	assert_int_equal(load(&pool, 1, 0), ERR_FORMAT);
	memcpy(text, err.text, sizeof text);
	assert_int_equal(load(&pool, 4, PROTEINS), ERR_FORMAT);
	assert_string_equal(err.text, text);
	assert_non_null(strstr(text, "has dimension 3, expected 2"));
	assert_null(pool.values);
	end();
}

/* All rows are of another dimension than was said. */
static void a_dimension_that_misleads_is_found_out(void **state)
{
	struct pool one, many;

	(void)state;
	begin("UPDATE sequence_embedding SET embedding = CAST(embedding || x'0040' AS BLOB), "
	      "embedding_dim = 3;");
	assert_int_equal(load(&one, 1, 0), 0);
	assert_int_equal(one.dim, 3);
	assert_int_equal(load(&many, 3, PROTEINS), 0); /* it was told 2 */
	pools_are_equal(&many, &one);
	pool_release(&one);
	pool_release(&many);
	end();
}

static void reading_stops_on_request(void **state)
{
	struct pool pool;

	(void)state;
	begin("");
	cancel_request(15);
	assert_int_equal(load(&pool, 3, PROTEINS), ERR_CANCELLED);
	cancel_reset();
	assert_null(pool.values);
	end();
}

static int count(void *ctx, const struct source_embedding *row, struct err *e)
{
	int64_t *seen = ctx;

	(void)e;
	assert_true(row->sequence_id >= seen[1] && row->sequence_id <= seen[2]);
	seen[0]++;
	return 0;
}

/* Spans that meet have every row once. */
static void spans_of_a_source_have_their_rows(void **state)
{
	static const int64_t cut[] = {INT64_MIN, 0, 1, 17, 3000, 3001, 6001, INT64_MAX};
	int64_t sum = 0, all[] = {0, INT64_MIN, INT64_MAX};

	(void)state;
	begin("");
	assert_true(source_has_embedding_parts(world.source));
	assert_int_equal(source_embeddings(world.source, CONFIG_H, count, all, &err), 0);
	for (size_t i = 0; i + 1 < sizeof cut / sizeof *cut; i++) {
		int64_t seen[] = {0, cut[i], cut[i + 1] - 1};

		assert_int_equal(source_embeddings_between(world.source, CONFIG_H, seen[1], seen[2],
							   count, seen, &err),
				 0);
		sum += seen[0];
	}
	assert_int_equal(sum, all[0]);
	assert_true(sum > 5000);
	end();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(threads_give_what_one_pass_gives),
		cmocka_unit_test(what_is_wrong_is_said_in_the_same_words),
		cmocka_unit_test(a_dimension_that_misleads_is_found_out),
		cmocka_unit_test(reading_stops_on_request),
		cmocka_unit_test(spans_of_a_source_have_their_rows),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
