/* Parquet files (format spec: apache/parquet-format): writer for `struct rows`, joiner of finished
 * files, reader for the string columns of ground-truth files. Snappy pages; all columns OPTIONAL;
 * equal input gives equal bytes. */
#ifndef OUTPUT_PARQUET_H
#define OUTPUT_PARQUET_H

#include <stddef.h>
#include <stdint.h>

#include "pipeline/output/rows.h"
#include "prof/base/err.h"

#define PARQUET_ROW_GROUP_ROWS 65536 /* spec 5.2 allows up to 200,000 */

struct parquet_writer;

/* Writes beside `path`; it appears under its name at parquet_close(). Row groups are cut at exactly
 * PARQUET_ROW_GROUP_ROWS rows, whatever the sizes of the appended batches. */
int parquet_create(struct parquet_writer **out, const char *path, enum schema_profile profile,
		   struct err *err);
/* Appends all rows of the batch. `rows->strings` must be the same dict in each call and live until
 * the writer ends; it may grow. Texts must be UTF-8. After a failure only parquet_abort (or
 * parquet_close, which then says so) makes sense. */
int parquet_append(struct parquet_writer *w, const struct rows *rows, struct err *err);
/* Frees the writer in any case; after a failure no file is left. `n_rows` and `bytes` may be NULL. */
int parquet_close(struct parquet_writer *w, uint64_t *n_rows, uint64_t *bytes, struct err *err);
void parquet_abort(struct parquet_writer *w); /* NULL is fine */

/* One file from several written by this writer, in order: row groups are copied as they are, only
 * the footer is new. Inputs are checked (magic, schema, offsets inside the file). No inputs, or only
 * empty ones, give a file without rows. `n_rows` and `bytes` may be NULL. */
int parquet_join(const char *path, const char *const *inputs, size_t n_inputs,
		 enum schema_profile profile, uint64_t *n_rows, uint64_t *bytes, struct err *err);

/* Rows of string columns of any Parquet file (spec 2.4: written by pyarrow, DuckDB, ours): PLAIN,
 * dictionary and DELTA_* byte-array encodings, data pages v1 and v2, snappy, gzip, zstd or none,
 * required or optional flat columns, several row groups. NULL texts are NULL. Fields are valid in
 * the callback. */
typedef int parquet_strings_fn(void *ctx, const char *const *text, const size_t *len,
			       struct err *err);
int parquet_read_strings(const char *path, const char *const *columns, size_t n_columns,
			 parquet_strings_fn *fn, void *ctx, struct err *err);
int parquet_read_strings_memory(const char *name, const void *bytes, size_t n,
				const char *const *columns, size_t n_columns,
				parquet_strings_fn *fn, void *ctx, struct err *err);

#endif
