/* Tables for people: right-aligned columns as wide as what stands in them, then a name. Columns without a value in
 * any row vanish; where the line is short, those that matter least do. */
#ifndef CLI_COLUMNS_H
#define CLI_COLUMNS_H

#include <stddef.h>
#include <stdio.h>

#include "prof/base/units.h"

#define COLUMNS_MAX 12

struct columns {
	const char *heads[COLUMNS_MAX]; /* static texts, one column a character */
	int optional[COLUMNS_MAX];      /* the highest goes first when there is no room; 0: stays */
	char (*cells)[COLUMNS_MAX][UNITS_TEXT]; /* owned; "" or "-": no value */
	size_t rows;
	int n, width[COLUMNS_MAX]; /* 0: not shown */
};

int columns_init(struct columns *c, size_t rows); /* 0 or ERR_NOMEM */
void columns_release(struct columns *c);
/* Adds a column and returns its number. */
int columns_add(struct columns *c, const char *head, int optional);
/* Chooses widths for lines of `line` columns in which the name gets at least `name`; returns what it gets. */
int columns_fit(struct columns *c, int line, int name);
/* The row up to where the name begins; SIZE_MAX: the heads. */
void columns_print(FILE *out, const struct columns *c, size_t row);

/* Cells: "-" for what is nothing. */
void columns_bytes(struct columns *c, size_t row, int column, int64_t bytes);
void columns_count(struct columns *c, size_t row, int column, uint64_t n);
void columns_ns(struct columns *c, size_t row, int column, double ns);
void columns_share(struct columns *c, size_t row, int column, double part, double whole);
/* "± 12 %" of an estimate, "" where exact. */
void columns_error(struct columns *c, size_t row, int column, double value, double lo, double hi);

#endif
