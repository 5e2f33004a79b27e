/* One file of a cached pool replaced by any bytes (the first byte says which): the pool is refused, or
 * what comes back is sound. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "pipeline/pool/pool_cache.h"
#include "tests/fuzz/scratch.h"
#include "tests/fuzz/small_world.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define CONFIG "33333333-0000-4000-8000-000000000001"
#define PREFIX CONFIG "__00000000-0000-0000-0000-000000000000_"
#define ROWS   3
#define DIM    2

static struct proteins proteins;
static struct pool_cache_key key;

/* Proteins 0, 1 and 3, as the cache itself writes them. */
static void store_pool(void)
{
	static uint16_t values[ROWS * DIM] = {0x3c00, 0, 0xbc00, 0x4000, 1, 0x8000};
	static uint32_t protein[ROWS] = {0, 1, 3}, row_of[WORLD_PROTEINS] = {0, 1, POOL_NONE, 2};
	struct pool pool = {.n = ROWS,
			    .dim = DIM,
			    .values = values,
			    .protein = protein,
			    .row_of = row_of,
			    .n_proteins = WORLD_PROTEINS};
	struct err err = ERR_INIT;
	struct pool_cache_file file;

	memcpy(pool.config_id, CONFIG, sizeof CONFIG);
	key = (struct pool_cache_key){.rows = ROWS, .n_proteins = WORLD_PROTEINS};
	memset(key.proteins_sha256, 'a', sizeof key.proteins_sha256 - 1);
	memset(key.vectors_sha256, 'b', sizeof key.vectors_sha256 - 1);
	if (pool_cache_store(&pool, scratch_folder(), &proteins, &key, -1, &file, &err) != 0)
		abort();
	free(file.path);
}

static void look(const struct pool *p)
{
	volatile uint16_t sum = 0;
	uint32_t i;
	size_t at;

	if (p->n_proteins != WORLD_PROTEINS)
		abort();
	for (i = 0; i < p->n; i++)
		if (p->protein[i] >= WORLD_PROTEINS || p->row_of[p->protein[i]] != i ||
		    (i && p->protein[i] <= p->protein[i - 1]))
			abort();
	for (at = 0; at < p->n * p->dim; at++)
		sum = (uint16_t)(sum + p->values[at]);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char *const file[] = {PREFIX "embeddings.json", PREFIX "accessions.npy",
					   PREFIX "embeddings.npy"};
	struct err err = ERR_INIT;
	char path[SCRATCH_PATH];
	struct pool_cache_file cached;
	struct pool pool;
	int rc;

	if (!size)
		return 0;
	if (!proteins.n)
		world_proteins(&proteins);
	store_pool();
	if (data[0] & 4) { /* as the original leaves its files */
		scratch_path(path, file[0]);
		unlink(path);
	}
	if (data[0] % 4 < 3)
		scratch_write(path, file[data[0] % 4], data + 1, size - 1);
	rc = pool_cache_load(&pool, scratch_folder(), CONFIG, &proteins, &key, &cached, &err);
	if (rc == POOL_CACHE_HIT || rc == POOL_CACHE_HIT_FOREIGN) {
		look(&pool);
		pool_release(&pool);
	} else if (rc == POOL_CACHE_STALE && !err.text[0]) {
		abort();
	}
	free(cached.path);
	return 0;
}
