/* The footer of a Parquet file (parquet.thrift) as plain structs: written from them, parsed into
 * them. Holds what the writer sets and the reader needs; other fields of foreign files are skipped.
 * Does no I/O. Private to the Parquet files of this room. Thread-safe as far as the arguments are. */
#ifndef OUTPUT_PARQUET_META_H
#define OUTPUT_PARQUET_META_H

#include <stddef.h>
#include <stdint.h>

#include "pipeline/output/schema.h"
#include "prof/base/arena.h"
#include "prof/base/buf.h"
#include "prof/base/err.h"

#define PARQUET_MAGIC      "PAR1"
#define PARQUET_MAGIC_LEN  4
#define PARQUET_TAIL_BYTES 8 /* footer length, magic */

enum parquet_type {
	PARQUET_BOOLEAN = 0,
	PARQUET_INT32 = 1,
	PARQUET_DOUBLE = 5,
	PARQUET_BYTE_ARRAY = 6,
};

enum parquet_repetition { PARQUET_REQUIRED = 0, PARQUET_OPTIONAL = 1, PARQUET_REPEATED = 2 };

enum parquet_encoding {
	PARQUET_PLAIN = 0,
	PARQUET_PLAIN_DICTIONARY = 2,
	PARQUET_RLE = 3,
	PARQUET_BIT_PACKED = 4,
	PARQUET_DELTA_BINARY_PACKED = 5,
	PARQUET_DELTA_LENGTH_BYTE_ARRAY = 6,
	PARQUET_DELTA_BYTE_ARRAY = 7,
	PARQUET_RLE_DICTIONARY = 8,
};

enum parquet_codec {
	PARQUET_UNCOMPRESSED = 0,
	PARQUET_SNAPPY = 1,
	PARQUET_GZIP = 2,
	PARQUET_ZSTD = 6,
};

enum parquet_page_type {
	PARQUET_DATA_PAGE = 0,
	PARQUET_INDEX_PAGE = 1,
	PARQUET_DICTIONARY_PAGE = 2,
	PARQUET_DATA_PAGE_V2 = 3,
};

#define PARQUET_UNKNOWN (-1) /* an optional number that is not there */

struct parquet_stats {
	int64_t null_count;     /* PARQUET_UNKNOWN possible */
	int64_t distinct_count; /* PARQUET_UNKNOWN possible */
	const void *min;        /* borrowed; plain encoding without length; NULL: not there */
	const void *max;
	size_t min_len;
	size_t max_len;
};

struct parquet_chunk { /* one column of one row group */
	int32_t type;
	int32_t codec;
	uint32_t encodings; /* bit per enum parquet_encoding */
	int64_t n_values;   /* nulls included */
	int64_t raw_bytes;  /* page headers included */
	int64_t file_bytes;
	int64_t data_offset;
	int64_t dictionary_offset; /* PARQUET_UNKNOWN: no dictionary page */
	struct parquet_stats stats;
	int32_t data_encoding; /* of its data pages */
	int32_t n_data_pages;  /* 0: no encoding statistics */
	int external;          /* pages are in another file, or encrypted */
};

struct parquet_group {
	struct parquet_chunk *chunks;
	size_t n_chunks;
	int64_t n_rows;
	int64_t raw_bytes;
};

struct parquet_element {  /* a node of the schema tree, in depth-first order */
	const char *name; /* not NUL-terminated */
	size_t name_len;
	int32_t type;       /* PARQUET_UNKNOWN: inner node */
	int32_t repetition; /* PARQUET_UNKNOWN: the root */
	int32_t converted;  /* ConvertedType, PARQUET_UNKNOWN possible */
	int32_t n_children;
};

struct parquet_meta {
	struct arena arena; /* holds the arrays; texts point into the parsed bytes */
	struct parquet_element *elements;
	size_t n_elements;
	struct parquet_group *groups;
	size_t n_groups;
	int64_t n_rows;
};

/* `bytes` must outlive the result. `name` for messages. On failure nothing is kept. */
int parquet_meta_parse(struct parquet_meta *m, const void *bytes, size_t n, const char *name,
		       struct err *err);
void parquet_meta_release(struct parquet_meta *m);

/* Appends one item of FileMetaData.row_groups. Chunks are the columns of the profile. */
void parquet_meta_put_group(struct buf *groups, const struct parquet_group *g,
			    enum schema_profile profile);
/* Appends the footer around row groups made by parquet_meta_put_group, and the tail of the file. 0,
 * ERR_NOMEM, or ERR_LIMIT: more than the format can say. */
int parquet_meta_put_footer(struct buf *out, enum schema_profile profile, int64_t n_rows,
			    const struct buf *groups, size_t n_groups);

int32_t parquet_physical_type(enum schema_type t);
int32_t parquet_converted_type(enum schema_type t); /* PARQUET_UNKNOWN: none */

struct parquet_page {
	int32_t type; /* enum parquet_page_type */
	int32_t raw_bytes;
	int32_t file_bytes;
	int32_t n_values; /* nulls included */
	int32_t n_nulls;  /* v2 only */
	int32_t encoding;
	int32_t level_encoding;   /* v1: of definition levels */
	int32_t definition_bytes; /* v2 */
	int32_t repetition_bytes; /* v2 */
	int compressed;           /* v2; 1 elsewhere */
	int has_crc;
	uint32_t crc; /* of the bytes in the file */
};

void parquet_page_put(struct buf *out, const struct parquet_page *p);
/* Bytes of the header at `bytes`, 0 when it is malformed or goes past `n`. */
size_t parquet_page_parse(struct parquet_page *p, const void *bytes, size_t n);

#endif
