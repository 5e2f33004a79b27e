/* The tables of a Firefox profile, whichever shape they have: by column ({"frame": [0, 1], "prefix": [null, 0]}) or by
 * row ({"schema": {"frame": 1, "prefix": 0}, "data": [[null, 0], [0, 1]]}). Private to the reader. */
#ifndef FORMATS_GECKO_TABLES_H
#define FORMATS_GECKO_TABLES_H

#include "prof/formats/json_in.h"

#define GECKO_NONE UINT32_MAX

struct gecko_column {
	const char *name;
	int real;          /* numbers with a fraction */
	uint32_t *indexes; /* owned; GECKO_NONE: null or absent. NULL: there is no such column */
	double *numbers;   /* owned, if real; NaN: null or absent */
};

/* Reads the columns that `columns` (n of them) name from the table at `at`, all of *rows. Columns that differ in
 * length, or hold something else, are ERR_FORMAT. */
int gecko_table(struct json_in *j, const char *at, struct gecko_column *columns, size_t n,
		uint32_t *rows);
void gecko_columns_release(struct gecko_column *columns, size_t n);

/* An array of strings, as ids by `text`. */
typedef int gecko_text_fn(void *ctx, const char *text, size_t n, uint32_t *id);
int gecko_strings(struct json_in *j, const char *at, gecko_text_fn *text, void *ctx, uint32_t **ids,
		  uint32_t *n);

#endif
