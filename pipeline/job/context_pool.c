/* The embedding pool and its PCA, from their caches or from the source. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "pipeline/core/cancel.h"
#include "pipeline/core/fsio.h"
#include "pipeline/job/context.h"
#include "pipeline/pool/pool_cache.h"
#include "prof/base/log.h"

#define MIB (1024.0 * 1024.0)

/* `named`: the first dropped proteins are known (a cached pool remembers only their number). */
static void say_dropped(const struct context *c, struct events *e, int named)
{
	const struct pool *pool = &c->pool;
	json_t *list;
	uint64_t i, shown = named ? pool->dropped_non_finite : 0;

	if (!pool->dropped_non_finite)
		return;
	list = json_array();
	if (shown > POOL_DROPPED_SHOWN)
		shown = POOL_DROPPED_SHOWN;
	for (i = 0; i < shown; i++)
		json_array_append_new(
			list, json_string(dict_text(&c->proteins.accessions, pool->dropped[i])));
	events_warn(
		e, "non_finite_embeddings",
		json_pack("{s:I, s:o}", "proteins", (json_int_t)pool->dropped_non_finite,
			  "accessions", list),
		"%llu proteins have an embedding that is not finite and were dropped from the pool",
		(unsigned long long)pool->dropped_non_finite);
}

static void add_progress(void *ctx, uint64_t rows)
{
	events_progress_add(ctx, rows);
}

static void say_cache(struct events *e, const char *event, const struct pool_cache_file *file,
		      const char *message)
{
	events_emit(e, "info", event, message,
		    json_pack("{s:s, s:I, s:I}", "path", file->path, "rows", (json_int_t)file->rows,
			      "bytes", (json_int_t)file->bytes));
}

/* Has the file the values that were written? The digest is wanted for the fingerprint anyway. */
static int check_values(struct context *c, const struct pool_cache_file *file, struct err *why)
{
	int rc = pool_digest(&c->pool, (size_t)c->settings->workers, why);

	if (rc || !file->values_sha256[0] ||
	    strcmp(file->values_sha256, c->pool.values_sha256) == 0)
		return rc ? rc : POOL_CACHE_HIT;
	pool_release(&c->pool);
	err_set(why, ERR_FORMAT, "'%s' was changed after it was written", file->path);
	return POOL_CACHE_STALE;
}

/* 1 the pool came from the cache, 0 it did not, negative failure. */
static int try_cache(struct context *c, const struct payload *p, const struct pool_cache_key *key,
		     int *stale, struct events *e, struct err *err)
{
	struct pool_cache_file file;
	struct err why = ERR_INIT;
	int rc = pool_cache_load(&c->pool, c->settings->ref_cache_dir, p->embedding_config_id,
				 &c->proteins, key, &file, &why);

	if (rc == POOL_CACHE_HIT)
		rc = check_values(c, &file, &why);
	switch (rc) {
	case POOL_CACHE_HIT:
		say_cache(e, "refpool.cache_hit", &file, NULL);
		say_dropped(c, e, 0);
		rc = 1;
		break;
	case POOL_CACHE_HIT_FOREIGN:
		say_cache(e, "refpool.cache_hit_fresh", &file, NULL);
		events_warn(e, "refpool_without_fingerprint", json_pack("{s:s}", "path", file.path),
			    "the pool cache '%s' does not say which data it was made from; its row "
			    "count and accessions fit and it is trusted",
			    file.path);
		rc = 1;
		break;
	case POOL_CACHE_STALE:
		if (!(*stale)++)
			say_cache(e, "refpool.cache_stale", &file, why.text);
		rc = 0;
		break;
	case POOL_CACHE_ABSENT:
		rc = 0;
		break;
	default:
		err_set(err, rc, "%s", why.text);
		break;
	}
	free(file.path);
	return rc;
}

static void store_cache(struct context *c, const struct pool_cache_key *key, int lock,
			struct events *e)
{
	struct pool_cache_file file = {0};
	struct err why = ERR_INIT;
	int rc = pool_digest(&c->pool, (size_t)c->settings->workers, &why);

	if (!rc)
		rc = pool_cache_store(&c->pool, c->settings->ref_cache_dir, &c->proteins, key, lock,
				      &file, &why);
	if (!rc)
		say_cache(e, "refpool.cache_write", &file, NULL);
	else
		events_warn(e, "refpool_cache", NULL, "the pool cache was not written: %s",
			    why.text);
	free(file.path);
}

struct pool_sizes {
	uint64_t rows, dim; /* rows: proteins that have a chunk */
};

static int load_from_source(struct context *c, const struct payload *p,
			    const struct pool_sizes *size, struct sha256 *digest, struct events *e,
			    struct err *err)
{
	struct pool_options options = {.strict = p->strict_embeddings,
				       .progress = add_progress,
				       .progress_ctx = e,
				       .rows = digest,
				       .expected = size->rows,
				       .n_workers = (size_t)c->settings->workers,
				       .dim = (size_t)size->dim};
	int rc;

	events_emit(e, "info", "preloading_embeddings", NULL,
		    json_pack("{s:I, s:I}", "total", (json_int_t)size->rows, "dim",
			      (json_int_t)size->dim));
	events_progress_begin(e, "embeddings", "rows", size->rows);
	rc = pool_load(&c->pool, c->source, p->embedding_config_id, &c->proteins, &options, err);
	events_progress_end(e);
	if (!rc)
		say_dropped(c, e, 1);
	return rc;
}

/* ---- by way of the cache ------------------------------------------------------------------------------ */

/* Waits for whoever is making the pool; -1 in *lock: there can be none, and no cache either. */
static int wait_for_lock(struct context *c, const struct payload *p, int *lock, struct err *err)
{
	static const struct timespec pause = {.tv_nsec = 20000000};
	int told = 0, rc = 0;

	for (; !rc; rc = cancel_check(err)) {
		struct err why = ERR_INIT;
		int fd = pool_cache_lock(c->settings->ref_cache_dir, p->embedding_config_id, &why);

		if (fd != ERR_EXISTS) {
			*lock = fd < 0 ? -1 : fd;
			break;
		}
		if (!told++)
			log_info("another run is making the pool of %s, this one waits for it",
				 p->embedding_config_id);
		(void)nanosleep(&pause, NULL);
	}
	return rc;
}

/* Reads the rows once, and leaves the pool in the cache. `key`: NULL: not known yet. */
static int make_pool(struct context *c, const struct payload *p, const struct pool_sizes *size,
		     const struct pool_cache_key *key, int lock, struct events *e, struct err *err)
{
	struct pool_cache_key own;
	struct sha256 *digest = key ? NULL : sha256_new();
	int rc = 0;

	if (!key && !digest)
		return err_nomem(err, "the pool cache");
	rc = load_from_source(c, p, size, digest, e, err);
	if (!rc && !key) {
		rc = pool_cache_key_of(&own, digest, &c->proteins, size->rows, err);
		key = &own;
	}
	if (!rc)
		store_cache(c, key, lock, e);
	sha256_free(digest);
	return rc;
}

static int load_by_cache(struct context *c, const struct payload *p, const struct pool_sizes *size,
			 struct events *e, struct err *err)
{
	const char *dir = c->settings->ref_cache_dir, *config = p->embedding_config_id;
	struct pool_cache_key key;
	int has_key = 0, stale = 0, tried = 0, lock = -1, rc = 0;

	/* once as a reader among others, and once more with the right to make it */
	for (; !rc && tried < 2; tried++) {
		if (tried)
			rc = wait_for_lock(c, p, &lock, err);
		if (rc || !pool_cache_there(dir, config))
			continue;
		if (!has_key)
			rc = pool_cache_key(&key, c->source, config, &c->proteins, size->rows, err);
		has_key = 1;
		if (!rc)
			rc = try_cache(c, p, &key, &stale, e, err);
	}
	if (!rc)
		rc = make_pool(c, p, size, has_key ? &key : NULL, lock, e, err);
	if (lock >= 0)
		fsio_unlock(lock);
	return rc < 0 ? rc : 0;
}

void context_plan_pools(struct context *c, const char *config_id, uint64_t need, uint64_t limit)
{
	uint64_t held = pool_shelf_bytes(&c->shelf, config_id);

	if (c->has_pool && strcmp(c->pool.config_id, config_id) != 0)
		held += pool_bytes(&c->pool);
	held += ref_shelf_bytes(&c->references,
				c->has_pool && strcmp(c->pool.config_id, config_id) == 0 ? &c->pool
											 : NULL);
	c->keep_pools = c->sharing && (!limit || (need <= limit && held <= limit - need));
	if (!c->keep_pools)
		pool_shelf_clear(&c->shelf);
}

/* References of pools that are gone go, too; those of the same proteins in another pool are the same. */
static void keep_references(struct context *c)
{
	const struct pool **pools;
	size_t i, n = 0;

	if (!c->references.n)
		return;
	pools = malloc((c->shelf.n + 1) * sizeof *pools);
	for (i = 0; pools && i < c->shelf.n; i++)
		pools[n++] = &c->shelf.list[i];
	if (pools && c->has_pool)
		pools[n++] = &c->pool;
	ref_shelf_keep(&c->references, pools, n); /* without memory none stays */
	free(pools);
}

/* 1: the pool of an earlier cell is there. */
static int change_pool(struct context *c, const char *config_id)
{
	if (c->has_pool && c->keep_pools)
		pool_shelf_put(&c->shelf, &c->pool);
	else
		pool_release(&c->pool);
	c->has_pool = pool_shelf_take(&c->shelf, config_id, &c->pool);
	return c->has_pool;
}

int context_load_pool(struct context *c, const struct payload *p, struct events *e, struct err *err)
{
	struct events_stage stage;
	struct pool_sizes size = {0};
	uint64_t chunks = 0;
	int use_cache = c->settings->ref_cache_dir && !p->strict_embeddings;
	int rc;

	if (c->has_pool && strcmp(c->pool.config_id, p->embedding_config_id) == 0)
		return 0;
	if (change_pool(c, p->embedding_config_id)) {
		keep_references(c);
		return 0;
	}
	events_stage_begin(e, &stage, "load_embeddings");
	rc = source_embedding_estimate(c->source, p->embedding_config_id, &chunks, &size.dim, err);
	size.rows = chunks;
	/* A database is not made to count what is about to be read, unless a pool kept on disk must fit. */
	if (!rc && (use_cache || strcmp(source_kind(c->source), "postgresql") != 0))
		rc = source_embedded_proteins(c->source, p->embedding_config_id, &size.rows, err);
	if (!rc && use_cache)
		rc = load_by_cache(c, p, &size, e, err);
	else if (!rc)
		rc = load_from_source(c, p, &size, NULL, e, err);
	c->has_pool = rc == 0;
	keep_references(c);
	pp_stage_items(&stage.mark, c->pool.n);
	pp_stage_param(&stage.mark, "n", (double)c->pool.n);
	pp_stage_param(&stage.mark, "d", (double)c->pool.dim);
	events_stage_end(
		&stage, rc ? NULL : "embeddings_preloaded",
		json_pack("{s:I, s:I, s:o, s:I, s:I}", "total", (json_int_t)c->pool.n, "dim",
			  (json_int_t)c->pool.dim, "memory_mb",
			  json_rounded((double)c->pool.n * (double)c->pool.dim * 2 / MIB, 1),
			  "duplicate_rows", (json_int_t)c->pool.duplicate_rows,
			  "dropped_non_finite", (json_int_t)c->pool.dropped_non_finite));
	return rc;
}

/* ---- PCA ---------------------------------------------------------------------------------------------- */

static int fingerprint(const struct context *c, struct pca_fingerprint *f, struct err *err)
{
	f->n_rows = c->pool.n;
	f->dim = c->pool.dim;
	if (pool_accessions_sha256(&c->pool, &c->proteins, f->accessions_sha256) != 0)
		return err_set(err, ERR_INTERNAL, "cannot digest the pool's accessions");
	return 0;
}

/* 1 loaded, 0 to be fitted, negative failure. */
static int try_state(struct context *c, const char *path, const struct pca_fingerprint *f,
		     struct events *e, struct err *err)
{
	int rc = pca_load(&c->pca, path, f, err);

	switch (rc) {
	case PCA_LOADED:
		return 1;
	case PCA_LOADED_FOREIGN:
		events_warn(e, "pca_without_fingerprint", json_pack("{s:s}", "path", path),
			    "the PCA state '%s' does not say which pool it was fitted on; it is "
			    "trusted",
			    path);
		return 1;
	case PCA_STALE:
		events_warn(e, "pca_stale", json_pack("{s:s}", "path", path),
			    "the PCA state '%s' was fitted on another pool; it is fitted again",
			    path);
		return 0;
	case PCA_ABSENT:
		return 0;
	default:
		return err_prefix(err, "the PCA state '%s' (remove it to have it fitted again)",
				  path);
	}
}

static int fit(struct context *c, const char *path, const struct pca_fingerprint *f,
	       struct events *e, struct err *err)
{
	struct err why = ERR_INIT;
	int rc = pca_fit(&c->pca, c->pool.values, c->pool.n, c->pool.dim,
			 (size_t)c->settings->workers, err);

	if (!rc && path &&
	    (fsio_mkdirs(c->settings->pca_dir, &why) != 0 || pca_save(&c->pca, path, f, &why) != 0))
		events_warn(e, "pca_cache", json_pack("{s:s}", "path", path),
			    "the PCA state was not kept: %s", why.text);
	return rc;
}

char *context_pca_path(const struct context *c, const struct payload *p)
{
	char name[UUID_TEXT + sizeof ".npz"];

	if (!c->settings->pca_dir)
		return NULL;
	snprintf(name, sizeof name, "%s.npz", p->embedding_config_id);
	return fsio_join(c->settings->pca_dir, name);
}

int context_load_pca(struct context *c, const struct payload *p, struct events *e, struct err *err)
{
	struct events_stage stage;
	struct pca_fingerprint f;
	size_t n_rows = c->pool.n < PCA_SAMPLE_ROWS ? c->pool.n : PCA_SAMPLE_ROWS;
	char *path = NULL;
	int have = 0, rc;

	if (!p->use_embedding_pca ||
	    (c->has_pca && strcmp(c->pca_config, p->embedding_config_id) == 0))
		return 0;
	pca_release(&c->pca);
	pca_scores_release(&c->scores);
	c->has_pca = 0;
	events_stage_begin(e, &stage, "pca_fit");
	rc = fingerprint(c, &f, err);
	if (!rc && c->settings->pca_dir) {
		path = context_pca_path(c, p);
		rc = path ? 0 : err_nomem(err, "the PCA cache");
	}
	if (!rc && path) {
		have = try_state(c, path, &f, e, err);
		rc = have < 0 ? have : 0;
	}
	if (!rc && !have)
		rc = fit(c, path, &f, e, err);
	if (!rc) {
		c->has_pca = 1;
		memcpy(c->pca_config, p->embedding_config_id, UUID_TEXT);
	}
	if (have)
		n_rows = 0; /* nothing is fitted */
	pp_stage_items(&stage.mark, n_rows);
	pp_stage_param(&stage.mark, "n", (double)n_rows);
	pp_stage_param(&stage.mark, "d", (double)c->pool.dim);
	pp_stage_param(&stage.mark, "p", PCA_COMPONENTS);
	events_stage_end(
		&stage, rc ? NULL : "pca_fit",
		json_pack("{s:I, s:I, s:i, s:s}", "n_refs",
			  (json_int_t)(c->pool.n < PCA_SAMPLE_ROWS ? c->pool.n : PCA_SAMPLE_ROWS),
			  "dim_in", (json_int_t)c->pool.dim, "dim_out", PCA_COMPONENTS, "source",
			  have ? path : "fit"));
	free(path);
	return rc;
}
