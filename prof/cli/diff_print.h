/* What the parts of diff's text share: where they print, numbers, colours. */
#ifndef CLI_DIFF_PRINT_H
#define CLI_DIFF_PRINT_H

#include <stdio.h>

#include "prof/base/units.h"
#include "prof/cli/diff.h"

struct diff_printing {
	FILE *out;
	const struct diff *d;
	const struct diff_wish *wish;
	const struct compare_options *o;
	int line, colour;
};

/* Cells. `sign`: "+" in front of what is more than nothing. */
void diff_put_value(char out[UNITS_TEXT], const struct compare_options *o, double value, int sign);
void diff_put_ratio(char out[UNITS_TEXT], double change); /* "+2.3 %", "x 3.4", "x 2000" */
void diff_put_share(char out[UNITS_TEXT], double part, double whole);
void diff_put_error(char out[UNITS_TEXT], const struct compare_options *o,
		    const struct compare_value *v); /* "± 12 ms", "exact" */

/* Red is more, green is less; none where nothing moved. */
void diff_begin_colour(const struct diff_printing *x, double delta, int moved);
void diff_end_colour(const struct diff_printing *x, double delta, int moved);
/* A line of its own, dim. */
void diff_put_dim(const struct diff_printing *x, const char *text, int indent);
/* As many lines as it needs, broken at blanks. */
void diff_put_wrapped(const struct diff_printing *x, const char *text);
const char *diff_plural(size_t n); /* "s", "" of 1 */

void diff_text_values(const struct diff_printing *x); /* the table of stages */

#endif
