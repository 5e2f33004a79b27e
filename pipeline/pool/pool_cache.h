/* The float16 pool cache of spec 7 (PROTEA_REF_CACHE_DIR): the original's pair of .npy files, plus a
 * sidecar of ours that says which data they were made from. Files are written aside and renamed, the
 * embeddings last, under a lock; a cached pool is mapped, not copied, unless the original wrote its rows
 * in another order than ours. */
#ifndef POOL_POOL_CACHE_H
#define POOL_POOL_CACHE_H

#include "pipeline/pool/pool.h"
#include "prof/base/err.h"

enum pool_cache_result {
	POOL_CACHE_HIT,         /* the sidecar fits the data */
	POOL_CACHE_HIT_FOREIGN, /* the original's files: row count and accessions fit, trusted */
	POOL_CACHE_STALE,       /* files are there and do not fit */
	POOL_CACHE_ABSENT,
};

struct pool_cache_key { /* what the files must have been made from */
	uint64_t rows;  /* proteins that have an embedding */
	uint64_t n_proteins;
	char proteins_sha256[65]; /* over accession, NUL, sequence id of every protein */
	char vectors_sha256[65];  /* over every embedding row of the configuration, all its bytes */
};

struct pool_cache_file { /* the embeddings file, for events */
	char *path;      /* malloc'ed, NULL: no memory */
	uint64_t rows, bytes;
};

/* Reads every embedding row: what it costs to be sure that a hit has the bytes of a fresh pool. */
int pool_cache_key(struct pool_cache_key *key, struct source *s, const char *config_id,
		   const struct proteins *proteins, uint64_t rows, struct err *err);

/* Fills `pool` on a hit. Files that cannot be read or parsed are stale, with the reason in err; only
 * lack of memory is a failure. */
int pool_cache_load(struct pool *pool, const char *dir, const char *config_id,
		    const struct proteins *proteins, const struct pool_cache_key *key,
		    struct pool_cache_file *file, struct err *err);
int pool_cache_store(const struct pool *pool, const char *dir, const struct proteins *proteins,
		     const struct pool_cache_key *key, struct pool_cache_file *file,
		     struct err *err);

#endif
