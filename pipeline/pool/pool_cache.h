/* The float16 pool cache of spec 7 (PROTEA_REF_CACHE_DIR): the original's pair of .npy files, plus a
 * sidecar of ours that says which data they were made from. Files are written aside and renamed, the
 * embeddings last, under a lock; a cached pool is mapped, not copied. */
#ifndef POOL_POOL_CACHE_H
#define POOL_POOL_CACHE_H

#include "pipeline/pool/pool.h"
#include "prof/base/err.h"

enum pool_cache_result {
	POOL_CACHE_HIT,         /* the sidecar fits the data */
	POOL_CACHE_HIT_FOREIGN, /* the original's files: row count fits, trusted */
	POOL_CACHE_STALE,       /* files are there and do not fit */
	POOL_CACHE_ABSENT,
};

struct pool_cache_key {       /* what the files must have been made from */
	uint64_t source_rows; /* embedding rows of the configuration */
	uint64_t n_proteins;
	char proteins_sha256[65]; /* over accession, NUL, sequence id of every protein */
};

int pool_cache_key(struct pool_cache_key *key, const struct proteins *proteins,
		   uint64_t source_rows);

/* Fills `pool` on a hit. Files that cannot be read or parsed are stale, with the reason in err; only
 * lack of memory is a failure. *path (malloc'ed) names the embeddings file. */
int pool_cache_load(struct pool *pool, const char *dir, const char *config_id,
		    const struct proteins *proteins, const struct pool_cache_key *key, char **path,
		    struct err *err);
int pool_cache_store(const struct pool *pool, const char *dir, const struct proteins *proteins,
		     const struct pool_cache_key *key, char **path, uint64_t *bytes,
		     struct err *err);

#endif
