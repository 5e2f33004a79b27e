/* A batch of output rows, column by column: what the features room fills and the Parquet writer
 * encodes. Strings are references into a string table that lives as long as the batch's writer.
 * Belongs to one thread. */
#ifndef OUTPUT_ROWS_H
#define OUTPUT_ROWS_H

#include <stddef.h>
#include <stdint.h>

#include "pipeline/core/dict.h"
#include "pipeline/output/schema.h"
#include "prof/base/err.h"

#define ROWS_STRING_NULL UINT32_MAX

struct rows {
	size_t count;
	size_t cap;
	enum schema_profile profile;
	struct dict *strings;             /* borrowed: string columns hold its ids */
	double *number[SCHEMA_COLUMNS];   /* owned: SCHEMA_DOUBLE columns; NaN is null */
	uint32_t *string[SCHEMA_COLUMNS]; /* owned: SCHEMA_STRING columns */
	int8_t *small[SCHEMA_COLUMNS];    /* owned: SCHEMA_INT8 and SCHEMA_BOOL; -1 is null */
};

/* Columns outside the profile have NULL arrays; what lies in the others is anything until it is put there. */
int rows_init(struct rows *r, enum schema_profile profile, struct dict *strings, size_t cap,
	      struct err *err);
/* Room for `cap` rows in all; what is there stays. 0 or ERR_NOMEM (the batch is then unchanged). */
int rows_reserve(struct rows *r, size_t cap, struct err *err);
void rows_release(struct rows *r);

#endif
