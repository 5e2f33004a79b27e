/* The embedding pool of spec 4.4: one float16 row per protein that has one, in ascending accession.
 * Read-only after loading: any number of threads. */
#ifndef POOL_POOL_H
#define POOL_POOL_H

#include <stddef.h>
#include <stdint.h>

#include "pipeline/core/text.h"
#include "pipeline/pool/proteins.h"
#include "prof/base/err.h"

struct sha256;
struct source;
struct source_embedding;

#define POOL_NONE          UINT32_MAX
#define POOL_DROPPED_SHOWN 10

struct pool {
	char config_id[UUID_TEXT];
	uint32_t n; /* rows */
	size_t dim;
	uint16_t *values;  /* n x dim float16 bits, inside `mapping`; NULL: dropped */
	uint32_t *protein; /* owned: row -> protein number, ascending */
	uint32_t *row_of;  /* owned: protein number -> row or POOL_NONE, for n_proteins */
	uint32_t n_proteins;
	void *mapping; /* owned: what `values` lies in */
	size_t mapped_bytes;
	uint64_t duplicate_rows; /* rows of further chunks, left out */
	uint64_t dropped_non_finite;
	uint32_t dropped[POOL_DROPPED_SHOWN]; /* the first dropped proteins, by accession */
	char values_sha256[65];               /* "": not asked for yet, see pool_digest() */
};

struct pool_options {
	int strict; /* a non-finite value is an error */
	void (*progress)(void *ctx, uint64_t rows);
	void *progress_ctx;
	struct sha256 *rows; /* gets every row of the source; NULL: none wanted */
	uint64_t expected;   /* rows, roughly; 0: nobody knows */
	size_t n_workers; /* with more than one, parts are read beside each other where the source has them and
				nobody wants `rows`; else memory is made ready beside the reading */
	size_t dim; /* of most rows, for parts; 0: nobody knows */
};

/* ERR_NOTFOUND: the configuration has no embeddings. */
int pool_load(struct pool *pool, struct source *s, const char *config_id,
	      const struct proteins *proteins, const struct pool_options *options, struct err *err);
void pool_release(struct pool *pool);
/* Nobody will read a row again: their memory goes back, `values` is NULL. What is known of the rows stays. */
void pool_drop_values(struct pool *pool);

static inline uint32_t pool_row(const struct pool *pool, uint32_t protein)
{
	return protein < pool->n_proteins ? pool->row_of[protein] : POOL_NONE;
}

static inline const uint16_t *pool_at(const struct pool *pool, uint32_t row)
{
	return pool->values + (size_t)row * pool->dim;
}

/* SHA-256 hex over the pool's accessions separated by NUL (spec 4.9). */
int pool_accessions_sha256(const struct pool *pool, const struct proteins *proteins, char out[65]);
/* Over all values: the SHA-256 of those of blocks of 4 MiB, whatever the number of threads. */
int pool_values_sha256(const struct pool *pool, size_t n_workers, char out[65], struct err *err);
/* The same into pool->values_sha256, once. */
int pool_digest(struct pool *pool, size_t n_workers, struct err *err);
/* Adds a row of the source as it came: ids, chunk, dimension, type and all bytes. */
void pool_digest_row(struct sha256 *d, const struct source_embedding *row);

#endif
