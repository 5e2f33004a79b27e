/* Loading the pool and its cache with each allocation failing in turn. The cache may do without memory
 * (it is only a cache), but what it calls a hit must be the pool. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "pipeline/pool/pool_cache.h"
#include "tests/fault/each.h"
#include "tests/unit/world.h"

static char cache[PATH_MAX + 16];

static void make_world(void)
{
	char accession[8];

	world_begin(SNAP_1, SNAP_1);
	for (int i = 0; i < 200; i++) {
		snprintf(accession, sizeof accession, "P%03d", i);
		world_protein(accession, 1 + i / 2);
		if (i % 2)
			world_embedding(i % 4 == 1 ? CONFIG_H : CONFIG_F, 1 + i / 2, 0, 2,
					i % 4 == 1 ? "003c0040" : "0000803f00000040");
	}
	world_open();
	snprintf(cache, sizeof cache, "%s/cache", world.dir);
}

static size_t n_workers = 1, dim;

static int load(struct proteins *proteins, struct pool *pool, struct pool_cache_key *key,
		struct err *err)
{
	const struct pool_options options = {.expected = 200, .n_workers = n_workers, .dim = dim};
	int rc = proteins_load(proteins, world.source, err);

	if (!rc)
		rc = pool_load(pool, world.source, CONFIG_F, proteins, &options, err);
	if (!rc)
		rc = pool_cache_key(key, world.source, CONFIG_F, proteins, pool->n, err);
	return rc;
}

static int load_and_store(void)
{
	struct proteins proteins = {0};
	struct pool pool = {0};
	struct pool_cache_key key;
	struct pool_cache_file file = {0};
	struct err err = ERR_INIT;
	int rc = load(&proteins, &pool, &key, &err);

	if (!rc)
		rc = pool_cache_store(&pool, cache, &proteins, &key, -1, &file, &err);
	if (rc)
		assert_true(err.code < 0 && err.text[0] != '\0');
	else
		assert_int_equal(pool.n, 100);
	free(file.path);
	pool_release(&pool);
	proteins_release(&proteins);
	return rc;
}

static struct proteins proteins;
static struct pool whole;
static struct pool_cache_key key;

static int read_back(void)
{
	struct pool_cache_file file = {0};
	struct pool pool;
	struct err err = ERR_INIT;
	int rc = pool_cache_load(&pool, cache, CONFIG_F, &proteins, &key, &file, &err);

	free(file.path);
	assert_int_not_equal(rc, POOL_CACHE_ABSENT);
	assert_int_not_equal(rc, POOL_CACHE_HIT_FOREIGN); /* its sidecar is there */
	if (rc == POOL_CACHE_HIT) {
		assert_int_equal(pool.n, whole.n);
		assert_memory_equal(pool.values, whole.values, whole.n * whole.dim * 2);
		rc = 0;
	} else {
		assert_null(pool.values);
	}
	pool_release(&pool);
	return rc;
}

static void pools_survive_each_failure(void **state)
{
	struct err err;

	(void)state;
	make_world();
	assert_true(fault_each(load_and_store, 0) > 20);
	n_workers = 2; /* pages are made ahead, or not */
	assert_true(fault_each(load_and_store, 1) > 20);
	dim = 2; /* they read parts */
	assert_true(fault_each(load_and_store, 1) > 20);
	assert_int_equal(load(&proteins, &whole, &key, &err), 0);
	assert_true(fault_each(read_back, 0) > 5);
	pool_release(&whole);
	proteins_release(&proteins);
	world_close();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(pools_survive_each_failure),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
