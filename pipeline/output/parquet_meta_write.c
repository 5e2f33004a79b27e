/* Writer half of parquet_meta.h: footer and page headers. Field numbers are those of
 * parquet.thrift. Thread-safe as far as the arguments are. */
#include "pipeline/output/parquet_meta.h"

#include <stdio.h>
#include <string.h>

#include "pipeline/core/version.h"
#include "pipeline/output/thrift.h"

#define FORMAT_VERSION   2 /* RLE_DICTIONARY belongs to version 2 */
#define CONVERTED_UTF8   0
#define CONVERTED_INT_8  15
#define LOGICAL_STRING   1
#define LOGICAL_INTEGER  10
#define TYPE_ORDER       1
#define FOOTER_MAX_BYTES ((size_t)INT32_MAX)

int32_t parquet_physical_type(enum schema_type t)
{
	switch (t) {
	case SCHEMA_STRING:
		return PARQUET_BYTE_ARRAY;
	case SCHEMA_INT8:
		return PARQUET_INT32;
	case SCHEMA_BOOL:
		return PARQUET_BOOLEAN;
	case SCHEMA_DOUBLE:
		break;
	}
	return PARQUET_DOUBLE;
}

int32_t parquet_converted_type(enum schema_type t)
{
	if (t == SCHEMA_STRING)
		return CONVERTED_UTF8;
	return t == SCHEMA_INT8 ? CONVERTED_INT_8 : PARQUET_UNKNOWN;
}

static void put_stats(struct thrift_out *o, const struct parquet_stats *s)
{
	thrift_struct(o, 12);
	if (s->null_count >= 0)
		thrift_i64(o, 3, s->null_count);
	if (s->distinct_count >= 0)
		thrift_i64(o, 4, s->distinct_count);
	if (s->max)
		thrift_binary(o, 5, s->max, s->max_len);
	if (s->min)
		thrift_binary(o, 6, s->min, s->min_len);
	if (s->max)
		thrift_bool(o, 7, 1);
	if (s->min)
		thrift_bool(o, 8, 1);
	thrift_stop(o);
}

static void put_page_count(struct thrift_out *o, int32_t page_type, int32_t encoding, int32_t n)
{
	thrift_item_struct(o);
	thrift_i32(o, 1, page_type);
	thrift_i32(o, 2, encoding);
	thrift_i32(o, 3, n);
	thrift_stop(o);
}

static void put_encodings(struct thrift_out *o, uint32_t encodings)
{
	thrift_list(o, 2, THRIFT_I32, (size_t)__builtin_popcount(encodings));
	for (int32_t e = 0; e < 32; e++)
		if (encodings >> e & 1)
			thrift_item_i32(o, e);
}

static void put_chunk(struct thrift_out *o, const struct parquet_chunk *c, const char *name)
{
	int has_dictionary = c->dictionary_offset >= 0;

	thrift_item_struct(o);
	thrift_i64(o, 2, 0); /* file_offset: deprecated, to be written as 0 */
	thrift_struct(o, 3);
	thrift_i32(o, 1, c->type);
	put_encodings(o, c->encodings);
	thrift_list(o, 3, THRIFT_BINARY, 1);
	thrift_item_binary(o, name, strlen(name));
	thrift_i32(o, 4, c->codec);
	thrift_i64(o, 5, c->n_values);
	thrift_i64(o, 6, c->raw_bytes);
	thrift_i64(o, 7, c->file_bytes);
	thrift_i64(o, 9, c->data_offset);
	if (has_dictionary)
		thrift_i64(o, 11, c->dictionary_offset);
	put_stats(o, &c->stats);
	if (c->n_data_pages) {
		thrift_list(o, 13, THRIFT_STRUCT, has_dictionary ? 2 : 1);
		if (has_dictionary)
			put_page_count(o, PARQUET_DICTIONARY_PAGE, PARQUET_PLAIN, 1);
		put_page_count(o, PARQUET_DATA_PAGE, c->data_encoding, c->n_data_pages);
	}
	thrift_stop(o);
	thrift_stop(o);
}

void parquet_meta_put_group(struct buf *groups, const struct parquet_group *g,
			    enum schema_profile profile)
{
	enum schema_column columns[SCHEMA_COLUMNS];
	size_t n = schema_columns(profile, columns);
	const struct parquet_chunk *first = &g->chunks[0];
	uint64_t file_bytes = 0; /* chunks of a foreign footer may add up to anything */
	struct thrift_out o;

	thrift_start(&o, groups);
	thrift_list(&o, 1, THRIFT_STRUCT, n);
	for (size_t i = 0; i < n; i++) {
		put_chunk(&o, &g->chunks[i], schema_column_name(columns[i]));
		file_bytes += (uint64_t)g->chunks[i].file_bytes;
	}
	thrift_i64(&o, 2, g->raw_bytes);
	thrift_i64(&o, 3, g->n_rows);
	thrift_i64(&o, 5,
		   first->dictionary_offset >= 0 ? first->dictionary_offset : first->data_offset);
	thrift_i64(&o, 6, (int64_t)file_bytes);
	thrift_stop(&o);
}

static void put_logical_type(struct thrift_out *o, enum schema_type t)
{
	if (t != SCHEMA_STRING && t != SCHEMA_INT8)
		return;
	thrift_struct(o, 10);
	thrift_struct(o, t == SCHEMA_STRING ? LOGICAL_STRING : LOGICAL_INTEGER);
	if (t == SCHEMA_INT8) {
		thrift_i8(o, 1, 8);
		thrift_bool(o, 2, 1);
	}
	thrift_stop(o);
	thrift_stop(o);
}

static void put_element(struct thrift_out *o, enum schema_column c)
{
	enum schema_type t = schema_column_type(c);

	thrift_item_struct(o);
	thrift_i32(o, 1, parquet_physical_type(t));
	thrift_i32(o, 3, PARQUET_OPTIONAL);
	thrift_text(o, 4, schema_column_name(c));
	if (parquet_converted_type(t) != PARQUET_UNKNOWN)
		thrift_i32(o, 6, parquet_converted_type(t));
	put_logical_type(o, t);
	thrift_stop(o);
}

static void put_schema(struct thrift_out *o, const enum schema_column *columns, size_t n)
{
	thrift_list(o, 2, THRIFT_STRUCT, n + 1);
	thrift_item_struct(o);
	thrift_text(o, 4, "schema");
	thrift_i32(o, 5, (int32_t)n);
	thrift_stop(o);
	for (size_t i = 0; i < n; i++)
		put_element(o, columns[i]);
}

/* Without these a reader may not trust min_value and max_value. */
static void put_column_orders(struct thrift_out *o, size_t n)
{
	thrift_list(o, 7, THRIFT_STRUCT, n);
	for (size_t i = 0; i < n; i++) {
		thrift_item_struct(o);
		thrift_struct(o, TYPE_ORDER);
		thrift_stop(o);
		thrift_stop(o);
	}
}

int parquet_meta_put_footer(struct buf *out, enum schema_profile profile, int64_t n_rows,
			    const struct buf *groups, size_t n_groups)
{
	enum schema_column columns[SCHEMA_COLUMNS];
	size_t n = schema_columns(profile, columns), start = out->len;
	char creator[64];
	struct thrift_out o;

	snprintf(creator, sizeof creator, "protea-export version %s", version_text());
	thrift_start(&o, out);
	thrift_i32(&o, 1, FORMAT_VERSION);
	put_schema(&o, columns, n);
	thrift_i64(&o, 3, n_rows);
	thrift_list(&o, 4, THRIFT_STRUCT, n_groups);
	if (groups->len)
		buf_put(out, groups->data, groups->len);
	thrift_text(&o, 6, creator);
	put_column_orders(&o, n);
	thrift_stop(&o);
	if (out->len - start > FOOTER_MAX_BYTES)
		return ERR_LIMIT;
	buf_put_u32(out, (uint32_t)(out->len - start));
	buf_put(out, PARQUET_MAGIC, PARQUET_MAGIC_LEN);
	return buf_failed(out) ? buf_failed(out) : buf_failed(groups);
}

void parquet_page_put(struct buf *out, const struct parquet_page *p)
{
	int is_dictionary = p->type == PARQUET_DICTIONARY_PAGE;
	int32_t crc;
	struct thrift_out o;

	thrift_start(&o, out);
	thrift_i32(&o, 1, p->type);
	thrift_i32(&o, 2, p->raw_bytes);
	thrift_i32(&o, 3, p->file_bytes);
	if (p->has_crc) {
		memcpy(&crc, &p->crc, sizeof crc);
		thrift_i32(&o, 4, crc);
	}
	thrift_struct(&o, is_dictionary ? 7 : 5);
	thrift_i32(&o, 1, p->n_values);
	thrift_i32(&o, 2, p->encoding);
	if (!is_dictionary) {
		thrift_i32(&o, 3, PARQUET_RLE);
		thrift_i32(&o, 4, PARQUET_RLE);
	}
	thrift_stop(&o);
	thrift_stop(&o);
}
