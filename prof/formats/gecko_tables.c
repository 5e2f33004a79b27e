/* Tables of a Firefox profile: see gecko_tables.h. */
#include "prof/formats/gecko_tables.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define ROWS_MAX   ((uint32_t)1 << 28)
#define FIELDS_MAX 64 /* of a row */

static int no_memory(struct json_in *j)
{
	return err_nomem(j->err, "a table of the profile");
}

void gecko_columns_release(struct gecko_column *columns, size_t n)
{
	size_t i;

	for (i = 0; i < n; i++) {
		free(columns[i].indexes);
		free(columns[i].numbers);
		columns[i].indexes = NULL;
		columns[i].numbers = NULL;
	}
}

static int grow(struct json_in *j, struct gecko_column *c, uint32_t cap)
{
	void *more;

	if (cap > ROWS_MAX)
		return err_set(j->err, ERR_LIMIT, "a table of more than %u rows: record less",
			       ROWS_MAX);
	more = c->real ? realloc(c->numbers, cap * sizeof(*c->numbers))
		       : realloc(c->indexes, cap * sizeof(*c->indexes));
	if (!more)
		return no_memory(j);
	if (c->real)
		c->numbers = more;
	else
		c->indexes = more;
	return 0;
}

/* What is no number (a string, true) is as good as absent: no column here holds such a thing. */
static int read_cell(struct json_in *j, struct gecko_column *c, uint32_t row)
{
	double number = NAN;
	int rc;

	if (json_in_peek(j) != JSON_IN_NUMBER)
		rc = json_in_skip(j);
	else
		rc = json_in_number(j, &number);
	if (rc)
		return rc;
	if (c->real)
		c->numbers[row] = number;
	else
		c->indexes[row] =
			number >= 0 && number < GECKO_NONE ? (uint32_t)number : GECKO_NONE;
	return 0;
}

/* ---- by column ---- */

static int read_column(struct json_in *j, struct gecko_column *c, uint32_t *rows)
{
	uint32_t n = 0, cap = 0;
	int rc;

	if (json_in_peek(j) != JSON_IN_ARRAY)
		return json_in_skip(j);
	if (c->indexes || c->numbers)
		return json_in_fail(j, "a column that is there twice");
	rc = grow(j, c, cap = 64);
	if (rc == 0)
		rc = json_in_array(j);
	while (rc == 0 && (rc = json_in_item(j)) > 0) {
		rc = n == cap ? grow(j, c, cap *= 2) : 0;
		if (rc == 0)
			rc = read_cell(j, c, n++);
	}
	if (rc == 0 && *rows != GECKO_NONE && *rows != n)
		return json_in_fail(j, "columns of a table before here differ in length");
	*rows = n;
	return rc;
}

/* ---- by row ---- */

struct schema {
	const struct gecko_column *columns;
	size_t n;
	uint32_t place[FIELDS_MAX]; /* of each field of a row: the column, or GECKO_NONE */
};

static int read_schema(struct json_in *j, struct schema *s)
{
	const char *key;
	size_t n, i;
	uint32_t at;
	int rc = json_in_object(j);

	while (rc == 0 && (rc = json_in_key(j, &key, &n)) > 0) {
		for (i = 0; i < s->n && !json_in_is(key, n, s->columns[i].name); i++)
			;
		rc = json_in_index(j, &at);
		if (rc == 0 && at < FIELDS_MAX)
			s->place[at] = i < s->n ? (uint32_t)i : GECKO_NONE;
	}
	return rc;
}

static int read_row(struct json_in *j, const struct schema *s, struct gecko_column *columns,
		    uint32_t row)
{
	uint32_t field = 0;
	int rc = json_in_array(j);

	while (rc == 0 && (rc = json_in_item(j)) > 0) {
		uint32_t at = field < FIELDS_MAX ? s->place[field] : GECKO_NONE;

		rc = at == GECKO_NONE ? json_in_skip(j) : read_cell(j, &columns[at], row);
		field++;
	}
	return rc;
}

static int read_rows(struct json_in *j, const char *at, const struct schema *s,
		     struct gecko_column *columns, size_t n, uint32_t *rows)
{
	uint32_t cap = 0;
	size_t i;
	int rc;

	*rows = 0;
	json_in_go(j, at);
	rc = json_in_array(j);
	while (rc == 0 && (rc = json_in_item(j)) > 0) {
		rc = 0;
		if (*rows == cap) {
			cap = cap ? cap * 2 : 64;
			for (i = 0; rc == 0 && i < n; i++)
				rc = grow(j, &columns[i], cap);
		}
		for (i = 0; rc == 0 && i < n; i++)
			if (columns[i].real)
				columns[i].numbers[*rows] = NAN;
			else
				columns[i].indexes[*rows] = GECKO_NONE;
		if (rc == 0)
			rc = read_row(j, s, columns, (*rows)++);
	}
	return rc;
}

int gecko_table(struct json_in *j, const char *at, struct gecko_column *columns, size_t n,
		uint32_t *rows)
{
	struct schema s = {.columns = columns, .n = n};
	const char *key, *schema = NULL, *data = NULL;
	size_t len, i;
	int rc;

	memset(s.place, 0xff, sizeof(s.place));
	*rows = GECKO_NONE;
	json_in_go(j, at);
	rc = json_in_object(j);
	while (rc == 0 && (rc = json_in_key(j, &key, &len)) > 0) {
		for (i = 0; i < n && !json_in_is(key, len, columns[i].name); i++)
			;
		if (json_in_is(key, len, "schema"))
			rc = json_in_later(j, &schema);
		else if (json_in_is(key, len, "data"))
			rc = json_in_later(j, &data);
		else
			rc = i < n && !schema ? read_column(j, &columns[i], rows) : json_in_skip(j);
	}
	if (rc == 0 && schema && data) {
		gecko_columns_release(columns, n);
		json_in_go(j, schema);
		rc = read_schema(j, &s);
		if (rc == 0)
			rc = read_rows(j, data, &s, columns, n, rows);
	}
	if (*rows == GECKO_NONE)
		*rows = 0;
	return rc;
}

int gecko_strings(struct json_in *j, const char *at, gecko_text_fn *text, void *ctx, uint32_t **ids,
		  uint32_t *n)
{
	uint32_t cap = 0;
	const char *s;
	size_t len;
	int rc;

	json_in_go(j, at);
	rc = json_in_array(j);
	while (rc == 0 && (rc = json_in_item(j)) > 0) {
		if (*n == cap) {
			uint32_t next = cap ? cap * 2 : 256;
			uint32_t *more =
				next > ROWS_MAX ? NULL : realloc(*ids, next * sizeof(*more));

			if (!more)
				return no_memory(j);
			*ids = more;
			cap = next;
		}
		rc = json_in_string(j, &s, &len);
		if (rc == 0)
			rc = text(ctx, s, len, &(*ids)[*n]);
		*n += rc == 0;
	}
	return rc;
}
