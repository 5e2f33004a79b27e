/* One column of one row group -> pages: definition levels, dictionary, snappy, statistics. Does no
 * I/O; the bytes and the sizes of the footer are the result. Private to the Parquet writer. An
 * encoder belongs to one thread; its memory is taken once and used for every column. */
#ifndef OUTPUT_ENCODE_COLUMN_H
#define OUTPUT_ENCODE_COLUMN_H

#include <stddef.h>
#include <stdint.h>

#include "pipeline/output/encode_dict.h"
#include "pipeline/output/parquet_meta.h"
#include "pipeline/output/rows.h"
#include "prof/base/buf.h"

struct encoder {
	size_t cap;      /* rows of the largest row group */
	uint32_t *level; /* owned; 1 where the row has a value */
	uint64_t *value; /* owned; the values without nulls, as bits or as string ids */
	uint32_t *index; /* owned; the same as dictionary indices */
	size_t n_values; /* without nulls */
	struct encode_dict dict;
	struct buf raw;    /* a page before compression */
	struct buf packed; /* and after */
	struct buf chunk;  /* the encoded column */
	double bound[2];   /* min and max of doubles, where statistics point */
	int32_t small[2];
};

int encoder_init(struct encoder *e, size_t cap, struct err *err);
void encoder_release(struct encoder *e);

/* Encodes all rows of column `c` into e->chunk. Offsets in *out count from the start of the chunk;
 * statistics point into the encoder and the dict of `rows` until the next call. */
int encoder_column(struct encoder *e, const struct rows *rows, enum schema_column c,
		   struct parquet_chunk *out, struct err *err);

/* Statistics of the values gathered in the encoder (encode_stats.c). Texts above this many bytes
 * give no bounds: footers stay small. */
#define ENCODE_STATS_MAX_TEXT 1024
void encode_stats(struct encoder *e, const struct rows *rows, enum schema_type type, size_t n_rows,
		  int has_dictionary, struct parquet_stats *s);

#endif
