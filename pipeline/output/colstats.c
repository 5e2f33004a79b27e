/* What a run says about its own columns: see colstats.h. */
#include "pipeline/output/colstats.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "pipeline/core/text.h"

struct column {
	struct sha256 *digest; /* owned */
	uint64_t nulls;
	uint64_t values;
	int constant; /* all values so far are equal */
	double min, max;
	const char *min_text, *max_text; /* borrowed from the run's strings */
};

struct colstats {
	enum schema_profile profile;
	uint64_t n_rows;
	struct column column[SCHEMA_COLUMNS];
};

struct colstats *colstats_new(enum schema_profile profile)
{
	struct colstats *s = calloc(1, sizeof *s);
	int c;

	if (!s)
		return NULL;
	s->profile = profile;
	for (c = 0; c < SCHEMA_COLUMNS; c++) {
		if (!schema_in_profile((enum schema_column)c, profile))
			continue;
		s->column[c].constant = 1;
		s->column[c].digest = sha256_new();
		if (!s->column[c].digest) {
			colstats_free(s);
			return NULL;
		}
	}
	return s;
}

void colstats_free(struct colstats *s)
{
	int c;

	if (!s)
		return;
	for (c = 0; c < SCHEMA_COLUMNS; c++)
		sha256_free(s->column[c].digest);
	free(s);
}

static void add_number(struct column *col, double v)
{
	if (isnan(v)) {
		col->nulls++;
		return;
	}
	if (col->values++ == 0) {
		col->min = col->max = v;
		return;
	}
	if (v < col->min)
		col->min = v;
	if (v > col->max)
		col->max = v;
	col->constant &= col->min == col->max;
}

static void add_text(struct column *col, const char *text)
{
	if (col->values++ == 0) {
		col->min_text = col->max_text = text;
		return;
	}
	if (text != col->min_text && strcmp(text, col->min_text) < 0)
		col->min_text = text;
	if (text != col->max_text && strcmp(text, col->max_text) > 0)
		col->max_text = text;
	col->constant &= strcmp(col->min_text, col->max_text) == 0;
}

static void add_numbers(struct column *col, const double *v, size_t n)
{
	size_t i;

	for (i = 0; i < n; i++)
		add_number(col, v[i]);
	sha256_update(col->digest, v, n * sizeof *v);
}

static void add_small(struct column *col, const int8_t *v, size_t n)
{
	size_t i;

	for (i = 0; i < n; i++)
		add_number(col, v[i] < 0 ? NAN : (double)v[i]);
	sha256_update(col->digest, v, n);
}

/* Bytes on their way to a digest: texts are short, and each call of it costs as much as a hundred. */
struct pending {
	struct sha256 *digest;
	size_t n;
	unsigned char bytes[4096];
};

static void flush(struct pending *p)
{
	sha256_update(p->digest, p->bytes, p->n);
	p->n = 0;
}

static void put(struct pending *p, const void *bytes, size_t n)
{
	if (n > sizeof p->bytes - p->n)
		flush(p);
	if (n > sizeof p->bytes) {
		sha256_update(p->digest, bytes, n);
		return;
	}
	memcpy(p->bytes + p->n, bytes, n);
	p->n += n;
}

static void add_texts(struct column *col, const uint32_t *v, size_t n, const struct dict *strings)
{
	struct pending p = {.digest = col->digest};
	const char *text = NULL;
	size_t i, len = 0;

	for (i = 0; i < n; i++) {
		if (v[i] == ROWS_STRING_NULL) {
			col->nulls++;
			put(&p, "\xff", 1); /* no UTF-8 text has this byte */
			continue;
		}
		if (text && v[i] == v[i - 1]) {
			col->values++;
		} else {
			text = dict_text(strings, v[i]);
			len = strlen(text) + 1;
			add_text(col, text);
		}
		put(&p, text, len);
	}
	flush(&p);
}

void colstats_add(struct colstats *s, const struct rows *rows)
{
	int c;

	s->n_rows += rows->count;
	for (c = 0; c < SCHEMA_COLUMNS; c++) {
		if (rows->number[c])
			add_numbers(&s->column[c], rows->number[c], rows->count);
		else if (rows->string[c])
			add_texts(&s->column[c], rows->string[c], rows->count, rows->strings);
		else if (rows->small[c])
			add_small(&s->column[c], rows->small[c], rows->count);
	}
}

/* Takes the value; 0, or -1 without memory. */
static int set(json_t *o, const char *key, json_t *value)
{
	return value && json_object_set_new(o, key, value) == 0 ? 0 : -1;
}

static int set_text(json_t *o, const char *key, const char *text)
{
	char *valid = text_utf8(text);
	int rc = valid ? set(o, key, json_string(valid)) : -1;

	free(valid);
	return rc;
}

/* JSON has no infinity: such a bound is left out. */
static int set_number(json_t *o, const char *key, double v)
{
	return isfinite(v) ? set(o, key, json_real(v)) : 0;
}

static json_t *column_json(struct column *col, enum schema_type type)
{
	char sha[SHA256_HEX];
	json_t *o;
	int rc = 0;

	if (sha256_finish(col->digest, sha) != 0)
		return NULL;
	o = json_pack("{s:I, s:b, s:s}", "nulls", (json_int_t)col->nulls, "constant",
		      col->values ? col->constant : 1, "sha256", sha);
	if (o && col->values && type == SCHEMA_STRING)
		rc = set_text(o, "min", col->min_text) | set_text(o, "max", col->max_text);
	else if (o && col->values)
		rc = set_number(o, "min", col->min) | set_number(o, "max", col->max);
	if (rc)
		json_decref(o);
	return rc ? NULL : o;
}

json_t *colstats_json(struct colstats *s)
{
	json_t *columns = json_object();
	enum schema_column list[SCHEMA_COLUMNS];
	size_t n = schema_columns(s->profile, list), i;

	for (i = 0; columns && i < n; i++) {
		json_t *o = column_json(&s->column[list[i]], schema_column_type(list[i]));

		if (!o || json_object_set_new(columns, schema_column_name(list[i]), o) != 0) {
			json_decref(columns);
			return NULL;
		}
	}
	return json_pack("{s:I, s:o}", "rows", (json_int_t)s->n_rows, "columns", columns);
}

/* ---- joining ----------------------------------------------------------------------------------------- */

static int less(const json_t *a, const json_t *b)
{
	if (json_is_string(a) && json_is_string(b))
		return strcmp(json_string_value(a), json_string_value(b)) < 0;
	return json_number_value(a) < json_number_value(b);
}

static int widen(json_t *to, const json_t *from, const char *key, int sign)
{
	json_t *have = json_object_get(to, key), *offer = json_object_get(from, key);

	if (!offer || (have && !(sign < 0 ? less(offer, have) : less(have, offer))))
		return 0;
	return json_object_set(to, key, offer);
}

static json_t *join_column(const json_t *const *shards, size_t n, const char *name)
{
	json_t *out = json_object();
	json_int_t nulls = 0;
	struct sha256 *d = sha256_new();
	char sha[SHA256_HEX] = "";
	json_t *lo, *hi;
	size_t i;
	int rc = out && d ? 0 : -1;

	for (i = 0; !rc && i < n; i++) {
		const json_t *c = json_object_get(json_object_get(shards[i], "columns"), name);
		const char *text = json_string_value(json_object_get(c, "sha256"));

		nulls += json_integer_value(json_object_get(c, "nulls"));
		rc = widen(out, c, "min", -1) | widen(out, c, "max", 1);
		if (text)
			sha256_update(d, text, strlen(text));
	}
	rc |= d && sha256_finish(d, sha) == 0 ? 0 : -1;
	sha256_free(d);
	lo = json_object_get(out, "min");
	hi = json_object_get(out, "max");
	rc = rc || set(out, "constant", json_boolean(!lo || json_equal(lo, hi))) ||
	     set(out, "nulls", json_integer(nulls)) || set(out, "sha256", json_string(sha));
	if (rc)
		json_decref(out);
	return rc ? NULL : out;
}

json_t *colstats_join(const json_t *const *shards, size_t n, enum schema_profile profile)
{
	json_t *columns = json_object();
	enum schema_column list[SCHEMA_COLUMNS];
	size_t n_columns = schema_columns(profile, list), i;
	json_int_t rows = 0;

	for (i = 0; i < n; i++)
		rows += json_integer_value(json_object_get(shards[i], "rows"));
	for (i = 0; columns && i < n_columns; i++) {
		const char *name = schema_column_name(list[i]);

		if (set(columns, name, join_column(shards, n, name)) != 0) {
			json_decref(columns);
			return NULL;
		}
	}
	return json_pack("{s:I, s:o}", "rows", (json_int_t)rows, "columns", columns);
}
