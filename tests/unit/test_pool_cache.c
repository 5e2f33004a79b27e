/* The pool cache: what counts as a hit, and that a hit has the rows of a fresh pool. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <string.h>

#include "pipeline/core/npy.h"
#include "pipeline/pool/pool_cache.h"
#include "pipeline/source/source.h"
#include "tests/unit/bundle_fixture.h"

#define ROWS  3 /* P1, P2, P2-2 */
#define DIM   4
#define FILES CONFIG_H "__00000000-0000-0000-0000-000000000000_"

static struct err err;
static char dir[PATH_MAX], bundle[PATH_MAX + 16];
static struct source *source;
static struct proteins proteins;
static struct pool pool, cached;
static struct pool_cache_key key;
static struct pool_cache_file file;

static void make_key(void)
{
	uint64_t rows;

	assert_int_equal(source_embedded_proteins(source, CONFIG_H, &rows, &err), 0);
	if (pool_cache_key(&key, source, CONFIG_H, &proteins, rows, &err) != 0)
		fail_msg("%s", err.text);
}

static int setup(void **state)
{
	static const struct pool_options options;

	(void)state;
	err = (struct err)ERR_INIT;
	fixture_dir(dir);
	snprintf(bundle, sizeof bundle, "%s/b.sqlite", dir);
	fixture_make(bundle);
	assert_int_equal(source_open(&source, bundle, SOURCE_READ, &err), 0);
	assert_int_equal(proteins_load(&proteins, source, &err), 0);
	if (pool_load(&pool, source, CONFIG_H, &proteins, &options, &err) != 0)
		fail_msg("%s", err.text);
	assert_int_equal(pool.n, ROWS);
	make_key();
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	free(file.path);
	file.path = NULL;
	pool_release(&pool);
	pool_release(&cached);
	proteins_release(&proteins);
	source_close(source);
	return fsio_remove_tree(dir, NULL);
}

static int load(void)
{
	free(file.path);
	pool_release(&cached);
	err = (struct err)ERR_INIT;
	return pool_cache_load(&cached, dir, CONFIG_H, &proteins, &key, &file, &err);
}

static void store(void)
{
	free(file.path);
	if (pool_cache_store(&pool, dir, &proteins, &key, &file, &err) != 0)
		fail_msg("%s", err.text);
}

static void write_npy(const char *what, const char *descr, uint64_t rows, uint64_t columns,
		      const void *data, size_t bytes)
{
	uint64_t shape[2] = {rows, columns};
	char path[PATH_MAX + 128];
	struct buf b = BUF_INIT;

	snprintf(path, sizeof path, "%s/" FILES "%s.npy", dir, what);
	assert_int_equal(npy_write_header(&b, descr, shape, columns ? 2 : 1), 0);
	assert_int_equal(buf_put(&b, data, bytes), 0);
	assert_int_equal(fsio_write_file(path, b.data, b.len, &err), 0);
	buf_release(&b);
}

/* Files as the original writes them; row i has the values of `accession[i]` in the fresh pool. */
static void write_foreign(const char *const *accession, uint32_t n)
{
	uint16_t values[8][DIM] = {{0}};
	uint32_t text[8][4] = {{0}}, i;
	size_t c;

	for (i = 0; i < n; i++) {
		uint32_t p = dict_find(&proteins.accessions, accession[i], strlen(accession[i]));

		for (c = 0; accession[i][c]; c++)
			text[i][c] = (unsigned char)accession[i][c];
		if (pool_row(&pool, p) != POOL_NONE)
			memcpy(values[i], pool_at(&pool, pool_row(&pool, p)), sizeof values[i]);
	}
	write_npy("embeddings", "<f2", n, DIM, values, n * sizeof values[0]);
	write_npy("accessions", "<U4", n, 0, text, n * sizeof text[0]);
}

static void assert_same_pool(void)
{
	assert_int_equal(cached.n, pool.n);
	assert_int_equal(cached.dim, pool.dim);
	assert_memory_equal(cached.values, pool.values, ROWS * DIM * sizeof *pool.values);
	assert_memory_equal(cached.protein, pool.protein, ROWS * sizeof *pool.protein);
	assert_memory_equal(cached.row_of, pool.row_of, proteins.n * sizeof *pool.row_of);
	assert_string_equal(cached.config_id, CONFIG_H);
}

static void change(const char *sql)
{
	sqlite3 *db;

	assert_int_equal(sqlite3_open(bundle, &db), SQLITE_OK);
	assert_int_equal(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
	sqlite3_close(db);
	make_key();
}

/* ---- tests ---------------------------------------------------------------------------------------- */

static void what_was_stored_comes_back(void **state)
{
	uint64_t bytes;

	(void)state;
	assert_int_equal(load(), POOL_CACHE_ABSENT);
	store();
	assert_int_equal(fsio_size(file.path, &bytes, &err), 0);
	assert_int_equal(file.bytes, bytes);
	assert_int_equal(file.rows, ROWS);
	assert_int_equal(load(), POOL_CACHE_HIT);
	assert_int_equal(file.bytes, bytes);
	assert_int_equal(file.rows, ROWS);
	assert_same_pool();
	assert_int_equal(cached.duplicate_rows, pool.duplicate_rows);
}

static void any_change_of_the_rows_makes_it_stale(void **state)
{
	static const char *const changes[] = {
		"UPDATE sequence_embedding SET embedding = x'003c004000420043' WHERE id = 1",
		"UPDATE sequence_embedding SET chunk_index_s = 1 WHERE id = 1",
		"UPDATE sequence_embedding SET id = 77 WHERE id = 1",
		"UPDATE sequence_embedding SET embedding = x'003c004000420045' WHERE id = 77",
	};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof changes / sizeof changes[0]; i++) {
		store();
		assert_int_equal(load(), POOL_CACHE_HIT);
		change(changes[i]);
		assert_int_equal(load(), POOL_CACHE_STALE);
		assert_int_equal(file.rows, ROWS);
		assert_true(file.bytes > ROWS * DIM * 2);
		assert_non_null(strstr(err.text, "made from other data"));
	}
}

static void other_configurations_do_not_matter(void **state)
{
	(void)state;
	store();
	change("DELETE FROM sequence_embedding WHERE embedding_config_id = '" CONFIG_F "'");
	assert_int_equal(load(), POOL_CACHE_HIT);
}

static void files_of_the_original_are_put_in_our_order(void **state)
{
	static const char *const orders[][ROWS] = {
		{"P1", "P2", "P2-2"}, {"P2-2", "P1", "P2"}, {"P2", "P2-2", "P1"}};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof orders / sizeof orders[0]; i++) {
		write_foreign(orders[i], ROWS);
		if (load() != POOL_CACHE_HIT_FOREIGN)
			fail_msg("%s", err.text);
		assert_same_pool();
	}
}

static void files_of_the_original_that_do_not_fit_are_stale(void **state)
{
	static const char *const twice[] = {"P1", "P2", "P1"};
	static const char *const unknown[] = {"P1", "P2", "Q9"};
	static const char *const four[] = {"P1", "P2", "P2-2", "P3"};
	uint16_t infinite[ROWS][DIM] = {{0x3c00, 0x7c00}};

	(void)state;
	write_foreign(twice, 3);
	assert_int_equal(load(), POOL_CACHE_STALE);
	assert_non_null(strstr(err.text, "comes twice"));
	write_foreign(unknown, 3);
	assert_int_equal(load(), POOL_CACHE_STALE);
	write_foreign(four, 4);
	assert_int_equal(load(), POOL_CACHE_STALE);
	assert_int_equal(file.rows, 4);
	assert_non_null(strstr(err.text, "4 rows, the source has 3 proteins"));
	write_foreign((const char *const[]){"P1", "P2", "P2-2"}, 3);
	write_npy("embeddings", "<f2", ROWS, DIM, infinite, sizeof infinite);
	assert_int_equal(load(), POOL_CACHE_STALE);
	assert_non_null(strstr(err.text, "not finite"));
}

static void a_truncated_file_is_stale_and_told_with_its_size(void **state)
{
	struct buf whole = BUF_INIT;
	size_t n;

	(void)state;
	store();
	assert_int_equal(fsio_read_all(file.path, 4096, &whole, &err), 0);
	for (n = 1; n < whole.len; n++) {
		assert_int_equal(fsio_write_file(file.path, whole.data, n, &err), 0);
		assert_int_equal(load(), POOL_CACHE_STALE);
		assert_int_equal(file.bytes, n);
	}
	assert_int_equal(file.rows, ROWS); /* the header was whole at the end */
	buf_release(&whole);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(what_was_stored_comes_back, setup, teardown),
		cmocka_unit_test_setup_teardown(any_change_of_the_rows_makes_it_stale, setup,
						teardown),
		cmocka_unit_test_setup_teardown(other_configurations_do_not_matter, setup,
						teardown),
		cmocka_unit_test_setup_teardown(files_of_the_original_are_put_in_our_order, setup,
						teardown),
		cmocka_unit_test_setup_teardown(files_of_the_original_that_do_not_fit_are_stale,
						setup, teardown),
		cmocka_unit_test_setup_teardown(a_truncated_file_is_stale_and_told_with_its_size,
						setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
