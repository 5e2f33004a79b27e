/* A Parquet file for reading: bytes of a file or of memory, and the parsed footer. Does not know what
 * the pages hold. Private to the Parquet files of this room. Belongs to one thread. */
#ifndef OUTPUT_PARQUET_SOURCE_H
#define OUTPUT_PARQUET_SOURCE_H

#include <stddef.h>
#include <stdint.h>

#include "pipeline/output/parquet_meta.h"
#include "prof/base/buf.h"
#include "prof/base/err.h"

struct parquet_source {
	const char *name;            /* borrowed; for messages */
	int fd;                      /* -1: bytes in memory */
	const unsigned char *memory; /* borrowed */
	uint64_t size;
	uint64_t data_end; /* where the footer starts */
	struct buf footer; /* owned when read from a file */
	struct parquet_meta meta;
};

int parquet_source_open(struct parquet_source *s, const char *path, struct err *err);
int parquet_source_open_memory(struct parquet_source *s, const char *name, const void *bytes,
			       size_t n, struct err *err);
void parquet_source_close(struct parquet_source *s); /* fine after a failed open */

/* `n` bytes at `offset`, all before `data_end`. They are in `store` (file) or in place (memory) and
 * live until `store` changes. */
int parquet_source_get(const struct parquet_source *s, uint64_t offset, uint64_t n,
		       struct buf *store, const unsigned char **bytes, struct err *err);

/* Where a chunk's pages start. */
int64_t parquet_chunk_start(const struct parquet_chunk *c);

#endif
