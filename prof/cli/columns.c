/* Tables of right-aligned cells: see columns.h. */
#include "prof/cli/columns.h"

#include <stdlib.h>
#include <string.h>

#include "prof/base/err.h"
#include "prof/cli/text.h"

int columns_init(struct columns *c, size_t rows)
{
	memset(c, 0, sizeof(*c));
	c->rows = rows;
	c->cells = calloc(rows + 1, sizeof(*c->cells));
	return c->cells ? 0 : ERR_NOMEM;
}

void columns_release(struct columns *c)
{
	free(c->cells);
	memset(c, 0, sizeof(*c));
}

int columns_add(struct columns *c, const char *head, int optional)
{
	c->heads[c->n] = head;
	c->optional[c->n] = optional;
	return c->n++;
}

static int has_value(const char *cell)
{
	return cell[0] != '\0' && strcmp(cell, "-") != 0;
}

static void measure(struct columns *c, int column)
{
	int width = text_columns(c->heads[column]), used = 0;
	size_t i;

	for (i = 0; i < c->rows; i++) {
		int len = text_columns(c->cells[i][column]);

		used |= has_value(c->cells[i][column]);
		width = len > width ? len : width;
	}
	c->width[column] = used ? width : 0;
}

/* The optional column to go next, or -1. */
static int least_wanted(const struct columns *c)
{
	int k, hit = -1;

	for (k = 0; k < c->n; k++)
		if (c->width[k] && c->optional[k] &&
		    (hit < 0 || c->optional[k] >= c->optional[hit]))
			hit = k;
	return hit;
}

int columns_fit(struct columns *c, int line, int name)
{
	int k, room = line;

	for (k = 0; k < c->n; k++) {
		measure(c, k);
		room -= c->width[k] ? c->width[k] + 2 : 0;
	}
	while (room < name && (k = least_wanted(c)) >= 0) {
		room += c->width[k] + 2;
		c->width[k] = 0;
	}
	return room > 12 ? room : 12;
}

void columns_print(FILE *out, const struct columns *c, size_t row)
{
	int k;

	for (k = 0; k < c->n; k++) {
		const char *cell = row == SIZE_MAX ? c->heads[k] : c->cells[row][k];

		if (c->width[k])
			fprintf(out, "%*s%s  ", c->width[k] - text_columns(cell), "", cell);
	}
}

static void nothing(struct columns *c, size_t row, int column)
{
	snprintf(c->cells[row][column], UNITS_TEXT, "-");
}

void columns_bytes(struct columns *c, size_t row, int column, int64_t bytes)
{
	if (bytes > 0)
		units_bytes(c->cells[row][column], (uint64_t)bytes);
	else
		nothing(c, row, column);
}

void columns_count(struct columns *c, size_t row, int column, uint64_t n)
{
	if (n)
		units_count(c->cells[row][column], n);
	else
		nothing(c, row, column);
}

void columns_ns(struct columns *c, size_t row, int column, double ns)
{
	if (ns >= 0)
		units_ns(c->cells[row][column], ns < 9e18 ? (int64_t)ns : INT64_MAX);
	else
		nothing(c, row, column);
}

void columns_share(struct columns *c, size_t row, int column, double part, double whole)
{
	if (part > 0 && whole > 0)
		units_pct(c->cells[row][column], part, whole);
	else
		nothing(c, row, column);
}

void columns_error(struct columns *c, size_t row, int column, double value, double lo, double hi)
{
	double half = (hi - lo) / 2;

	if (!(value > 0) || !(half > 0))
		c->cells[row][column][0] = '\0';
	else if (half < 9.995 * value)
		snprintf(c->cells[row][column], UNITS_TEXT,
			 half < 0.0995 * value ? "± %.2g %%" : "± %.0f %%", 100 * half / value);
	else
		snprintf(c->cells[row][column], UNITS_TEXT, "± > 999 %%");
}
