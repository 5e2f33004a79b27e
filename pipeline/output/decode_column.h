/* One string column of one row group, value by value: pages, levels and encodings of foreign files.
 * Holds one page and the dictionary. Private to the Parquet reader. Belongs to one thread. */
#ifndef OUTPUT_DECODE_COLUMN_H
#define OUTPUT_DECODE_COLUMN_H

#include <stddef.h>
#include <stdint.h>

#include "pipeline/output/delta.h"
#include "pipeline/output/parquet_source.h"
#include "pipeline/output/rle.h"

#define DECODE_BATCH 1024

struct decode_text {
	const unsigned char *at;
	uint32_t len;
};

struct decode_column {
	const struct parquet_source *source; /* borrowed */
	const char *name;                    /* of the column; borrowed */
	size_t group;                        /* for messages */
	int optional;
	int32_t codec;
	const unsigned char *at; /* next page header */
	const unsigned char *end;
	int64_t values_left; /* of the chunk, in pages not yet opened */
	struct buf chunk;    /* owned; the pages of a file */
	struct buf page;     /* owned; the current page, unpacked */
	struct buf dictionary_page;
	struct decode_text *dictionary; /* owned; texts in dictionary_page or the chunk */
	uint32_t n_dictionary;
	int has_dictionary;

	int32_t encoding;   /* of the current page */
	uint32_t page_left; /* its values whose levels are not yet read */
	struct rle_in levels;
	struct rle_in indices;
	struct delta_in lengths;
	struct delta_in prefixes;
	const unsigned char *texts; /* next text of PLAIN and DELTA_* pages */
	const unsigned char *texts_end;
	struct buf value; /* owned; the current text of DELTA_BYTE_ARRAY */

	uint32_t level[DECODE_BATCH];
	uint32_t index[DECODE_BATCH];
	size_t batch, batch_at, index_at;
};

void decode_init(struct decode_column *d);
void decode_release(struct decode_column *d);
/* Starts a chunk; memory of earlier ones is used again. */
int decode_start(struct decode_column *d, const struct parquet_source *source,
		 const struct parquet_chunk *chunk, const char *name, size_t group, int optional,
		 struct err *err);
/* The next value; *text NULL is null. It lives until the next call. */
int decode_next(struct decode_column *d, const char **text, size_t *len, struct err *err);

#endif
