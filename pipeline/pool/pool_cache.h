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
	char values_sha256[65]; /* a hit's values must give this (pool_digest()); "": not told */
};

/* Reads every embedding row: what it costs to be sure that a hit has the bytes of a fresh pool. */
int pool_cache_key(struct pool_cache_key *key, struct source *s, const char *config_id,
		   const struct proteins *proteins, uint64_t rows, struct err *err);
/* The same from a digest that has had all rows (pool_options.rows): who loads reads them once. */
int pool_cache_key_of(struct pool_cache_key *key, struct sha256 *rows_digest,
		      const struct proteins *proteins, uint64_t rows, struct err *err);
/* Is there a pool, of whatever data? */
int pool_cache_there(const char *dir, const char *config_id);
/* The right to make the pool of a configuration, until fsio_unlock(): who waits for it finds the pool made.
 * An fd, ERR_EXISTS while another process has it, or another failure. */
int pool_cache_lock(const char *dir, const char *config_id, struct err *err);

/* Fills `pool` on a hit. Files that cannot be read or parsed are stale, with the reason in err; only
 * lack of memory is a failure. */
int pool_cache_load(struct pool *pool, const char *dir, const char *config_id,
		    const struct proteins *proteins, const struct pool_cache_key *key,
		    struct pool_cache_file *file, struct err *err);
/* `lock`: of pool_cache_lock(); below 0: waits for it. */
int pool_cache_store(const struct pool *pool, const char *dir, const struct proteins *proteins,
		     const struct pool_cache_key *key, int lock, struct pool_cache_file *file,
		     struct err *err);

#endif
