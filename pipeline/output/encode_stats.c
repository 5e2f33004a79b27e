/* Statistics of a column chunk: null count, distinct count where the dictionary tells it, exact
 * bounds. Bounds follow parquet.thrift: strings by unsigned bytes (which is code point order), no
 * NaN (there is none), a zero minimum as -0.0 and a zero maximum as +0.0. */
#include "pipeline/output/encode_column.h"

#include <string.h>

static void double_bounds(struct encoder *e, const uint64_t *keys, size_t n)
{
	double lo, hi;

	memcpy(&lo, &keys[0], sizeof lo);
	hi = lo;
	for (size_t i = 1; i < n; i++) {
		double v;

		memcpy(&v, &keys[i], sizeof v);
		lo = v < lo ? v : lo;
		hi = v > hi ? v : hi;
	}
	e->bound[0] = lo == 0.0 ? -0.0 : lo;
	e->bound[1] = hi == 0.0 ? 0.0 : hi;
}

static void small_bounds(struct encoder *e, const uint64_t *keys, size_t n)
{
	e->small[0] = e->small[1] = (int32_t)keys[0];
	for (size_t i = 1; i < n; i++) {
		int32_t v = (int32_t)keys[i];

		e->small[0] = v < e->small[0] ? v : e->small[0];
		e->small[1] = v > e->small[1] ? v : e->small[1];
	}
}

static int text_less(const struct dict *d, uint32_t a, uint32_t b)
{
	size_t n = d->len[a] < d->len[b] ? d->len[a] : d->len[b];
	int order = memcmp(d->text[a], d->text[b], n);

	return order ? order < 0 : d->len[a] < d->len[b];
}

static void text_bounds(const struct dict *d, const uint64_t *keys, size_t n,
			struct parquet_stats *s)
{
	uint32_t lo = (uint32_t)keys[0], hi = lo;

	for (size_t i = 1; i < n; i++) {
		uint32_t v = (uint32_t)keys[i];

		if (text_less(d, v, lo))
			lo = v;
		else if (text_less(d, hi, v))
			hi = v;
	}
	if (d->len[lo] > ENCODE_STATS_MAX_TEXT || d->len[hi] > ENCODE_STATS_MAX_TEXT)
		return;
	s->min = d->text[lo];
	s->min_len = d->len[lo];
	s->max = d->text[hi];
	s->max_len = d->len[hi];
}

static void fixed_bounds(struct parquet_stats *s, const void *min, const void *max, size_t bytes)
{
	s->min = min;
	s->max = max;
	s->min_len = s->max_len = bytes;
}

void encode_stats(struct encoder *e, const struct rows *rows, enum schema_type type, size_t n_rows,
		  int has_dictionary, struct parquet_stats *s)
{
	const uint64_t *keys = has_dictionary ? e->dict.keys : e->value;
	size_t n = has_dictionary ? e->dict.count : e->n_values;

	*s = (struct parquet_stats){
		.null_count = (int64_t)(n_rows - e->n_values),
		.distinct_count = has_dictionary ? (int64_t)e->dict.count : PARQUET_UNKNOWN,
	};
	if (!n)
		return;
	switch (type) {
	case SCHEMA_DOUBLE:
		double_bounds(e, keys, n);
		fixed_bounds(s, &e->bound[0], &e->bound[1], sizeof e->bound[0]);
		break;
	case SCHEMA_STRING:
		text_bounds(rows->strings, keys, n, s);
		break;
	case SCHEMA_INT8:
	case SCHEMA_BOOL: /* a boolean is the low byte: the machine is little-endian */
		small_bounds(e, keys, n);
		fixed_bounds(s, &e->small[0], &e->small[1],
			     type == SCHEMA_BOOL ? 1 : sizeof e->small[0]);
		break;
	}
}
