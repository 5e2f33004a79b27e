/* Column chunks: see encode_column.h. Gathers the values of a column as 64-bit keys, decides on a
 * dictionary, cuts pages. What bytes come out depends on the rows of the row group alone. */
#include "pipeline/output/encode_column.h"

#include <snappy-c.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "pipeline/output/rle.h"

#define PAGE_ROWS            20000 /* what parquet-mr and Arrow cut at */
#define PAGE_BYTES           ((size_t)1 << 20)
#define DICTIONARY_MAX_BYTES ((size_t)1 << 20)
#define TEXT_MAX_BYTES                                                                             \
	((uint32_t)1 << 30) /* page sizes are 31-bit numbers: PAGE_BYTES and one more fit */

int encoder_init(struct encoder *e, size_t cap, struct err *err)
{
	*e = (struct encoder){.cap = cap};
	buf_init(&e->raw, BUF_NO_LIMIT);
	buf_init(&e->packed, BUF_NO_LIMIT);
	buf_init(&e->chunk, BUF_NO_LIMIT);
	e->level = malloc(cap * sizeof *e->level);
	e->value = malloc(cap * sizeof *e->value);
	e->index = malloc(cap * sizeof *e->index);
	if (!e->level || !e->value || !e->index || encode_dict_init(&e->dict, (uint32_t)cap) < 0) {
		encoder_release(e);
		return err_nomem(err, "the Parquet encoder");
	}
	return 0;
}

void encoder_release(struct encoder *e)
{
	free(e->level);
	free(e->value);
	free(e->index);
	encode_dict_release(&e->dict);
	buf_release(&e->raw);
	buf_release(&e->packed);
	buf_release(&e->chunk);
	*e = (struct encoder){0};
}

static void gather_numbers(struct encoder *e, const double *number, size_t n)
{
	size_t k = 0;

	for (size_t i = 0; i < n; i++) {
		uint32_t there = number[i] == number[i]; /* NaN is null */

		memcpy(&e->value[k], &number[i], sizeof e->value[k]);
		e->level[i] = there;
		k += there;
	}
	e->n_values = k;
}

static void gather_strings(struct encoder *e, const uint32_t *id, size_t n)
{
	size_t k = 0;

	for (size_t i = 0; i < n; i++) {
		uint32_t there = id[i] != ROWS_STRING_NULL;

		e->value[k] = id[i];
		e->level[i] = there;
		k += there;
	}
	e->n_values = k;
}

/* -1 is null, so no value is negative. */
static void gather_small(struct encoder *e, const int8_t *small, size_t n)
{
	size_t k = 0;

	for (size_t i = 0; i < n; i++) {
		uint32_t there = small[i] != -1;

		e->value[k] = (uint8_t)small[i];
		e->level[i] = there;
		k += there;
	}
	e->n_values = k;
}

/* Indices of all values, or -1: more than `limit` distinct ones. */
static int index_values(struct encoder *e, uint32_t limit)
{
	uint64_t last_key = 0;
	uint32_t last = ENCODE_DICT_FULL;

	encode_dict_clear(&e->dict);
	for (size_t i = 0; i < e->n_values; i++) {
		if (last == ENCODE_DICT_FULL || e->value[i] != last_key) {
			last_key = e->value[i];
			last = encode_dict_intern(&e->dict, last_key, limit);
			if (last == ENCODE_DICT_FULL)
				return -1;
		}
		e->index[i] = last;
	}
	return 0;
}

static size_t texts_bytes(const struct encoder *e, const struct dict *strings)
{
	size_t bytes = 0;

	for (uint32_t i = 0; i < e->dict.count; i++)
		bytes += sizeof(uint32_t) + strings->len[e->dict.keys[i]];
	return bytes;
}

/* Strings: unless the dictionary grows too large for readers to hold. Numbers: when each value
 * comes twice on average; then 8 bytes and two indices are cheaper than 16 bytes. */
static int choose_dictionary(struct encoder *e, const struct rows *rows, enum schema_type type)
{
	uint32_t n = (uint32_t)e->n_values;

	if (type == SCHEMA_BOOL || !n || index_values(e, type == SCHEMA_DOUBLE ? n / 2 : n) < 0)
		return 0;
	return type != SCHEMA_STRING || texts_bytes(e, rows->strings) <= DICTIONARY_MAX_BYTES;
}

static void put_text(struct buf *out, const struct dict *strings, uint64_t id)
{
	buf_put_u32(out, strings->len[id]);
	buf_put(out, strings->text[id], strings->len[id]);
}

static void put_booleans(struct buf *out, const uint64_t *keys, size_t n)
{
	for (size_t i = 0; i < n; i += 8) {
		unsigned byte = 0;

		for (size_t bit = 0; bit < 8 && i + bit < n; bit++)
			byte |= (unsigned)(keys[i + bit] & 1) << bit;
		buf_putc(out, (char)byte);
	}
}

static void put_plain(struct buf *out, const struct rows *rows, enum schema_type type,
		      const uint64_t *keys, size_t n)
{
	switch (type) {
	case SCHEMA_DOUBLE:
		if (n)
			buf_put(out, keys, n * sizeof *keys);
		break;
	case SCHEMA_STRING:
		for (size_t i = 0; i < n; i++)
			put_text(out, rows->strings, keys[i]);
		break;
	case SCHEMA_INT8:
		for (size_t i = 0; i < n; i++)
			buf_put_u32(out, (uint32_t)keys[i]);
		break;
	case SCHEMA_BOOL:
		put_booleans(out, keys, n);
		break;
	}
}

/* Compresses e->raw and appends header and bytes to the chunk. */
static int finish_page(struct encoder *e, struct parquet_page *page, struct parquet_chunk *out)
{
	size_t n = snappy_max_compressed_length(e->raw.len), header;
	char *to;

	buf_clear(&e->packed);
	to = buf_reserve(&e->packed, n);
	if (buf_failed(&e->raw) || !to)
		return ERR_NOMEM;
	if (snappy_compress(e->raw.len ? e->raw.data : "", e->raw.len, to, &n) != SNAPPY_OK)
		return ERR_INTERNAL;
	page->raw_bytes = (int32_t)e->raw.len;
	page->file_bytes = (int32_t)n;
	page->has_crc = 1;
	page->crc = (uint32_t)crc32(0, (const unsigned char *)to, (uInt)n);
	header = e->chunk.len;
	parquet_page_put(&e->chunk, page);
	out->raw_bytes += (int64_t)(e->chunk.len - header) + page->raw_bytes;
	return buf_put(&e->chunk, to, n);
}

static int dictionary_page(struct encoder *e, const struct rows *rows, enum schema_type type,
			   struct parquet_chunk *out)
{
	struct parquet_page page = {
		.type = PARQUET_DICTIONARY_PAGE,
		.n_values = (int32_t)e->dict.count,
		.encoding = PARQUET_PLAIN,
	};

	buf_clear(&e->raw);
	put_plain(&e->raw, rows, type, e->dict.keys, e->dict.count);
	out->dictionary_offset = 0;
	out->encodings |= 1u << PARQUET_PLAIN;
	return finish_page(e, &page, out);
}

static void put_levels(struct encoder *e, size_t row, size_t n)
{
	uint32_t bytes;

	buf_put_u32(&e->raw, 0);
	rle_encode(&e->raw, e->level + row, n, 1);
	if (buf_failed(&e->raw))
		return;
	bytes = (uint32_t)(e->raw.len - sizeof bytes);
	memcpy(e->raw.data, &bytes, sizeof bytes);
}

/* Rows `row` … `row + n - 1`, whose values start at `first`; *n_values of them. */
static int data_page(struct encoder *e, const struct rows *rows, enum schema_type type, size_t row,
		     size_t n, size_t first, size_t n_values, struct parquet_chunk *out)
{
	struct parquet_page page = {
		.type = PARQUET_DATA_PAGE,
		.n_values = (int32_t)n,
		.encoding = out->data_encoding,
	};

	buf_clear(&e->raw);
	put_levels(e, row, n);
	if (out->data_encoding == PARQUET_RLE_DICTIONARY) {
		unsigned width = rle_width(e->dict.count - 1);

		width = width ? width : 1; /* some readers refuse indices of no bits */
		buf_putc(&e->raw, (char)width);
		rle_encode(&e->raw, e->index + first, n_values, width);
	} else {
		put_plain(&e->raw, rows, type, e->value + first, n_values);
	}
	out->n_data_pages++;
	return finish_page(e, &page, out);
}

static int data_pages(struct encoder *e, const struct rows *rows, enum schema_type type,
		      struct parquet_chunk *out)
{
	int plain_text = type == SCHEMA_STRING && out->data_encoding == PARQUET_PLAIN;
	size_t row = 0, first = 0;

	while (row < rows->count) {
		size_t n = 0, n_values = 0, bytes = 0;
		int rc;

		while (row + n < rows->count && n < PAGE_ROWS && bytes < PAGE_BYTES) {
			if (e->level[row + n]) {
				if (plain_text)
					bytes += rows->strings->len[e->value[first + n_values]];
				n_values++;
			}
			n++;
		}
		rc = data_page(e, rows, type, row, n, first, n_values, out);
		if (rc < 0)
			return rc;
		row += n;
		first += n_values;
	}
	return 0;
}

/* Length of the UTF-8 sequence at `s` (`n` bytes left), 0 when it is none. */
static size_t utf8_step(const unsigned char *s, size_t n)
{
	size_t more = s[0] >= 0xf0 ? 3 : s[0] >= 0xe0 ? 2 : 1;

	if (s[0] < 0x80)
		return 1;
	if (s[0] < 0xc2 || s[0] > 0xf4 || n <= more)
		return 0;
	for (size_t i = 1; i <= more; i++)
		if ((s[i] & 0xc0) != 0x80)
			return 0;
	if ((s[0] == 0xe0 && s[1] < 0xa0) || (s[0] == 0xed && s[1] > 0x9f))
		return 0; /* overlong, surrogate */
	if ((s[0] == 0xf0 && s[1] < 0x90) || (s[0] == 0xf4 && s[1] > 0x8f))
		return 0; /* overlong, above U+10FFFF */
	return more + 1;
}

static int text_is_utf8(const char *text, size_t n)
{
	const unsigned char *s = (const unsigned char *)text;

	while (n) {
		size_t step = utf8_step(s, n);

		if (!step)
			return 0;
		s += step;
		n -= step;
	}
	return 1;
}

/* Ids are in the table and their texts are what a STRING column may hold; each distinct one is
 * looked at once. Texts beyond the dictionary's limit are looked at where they stand. */
static int check_strings(const struct encoder *e, const struct rows *rows, const char *name,
			 struct err *err)
{
	const struct dict *d = rows->strings;
	const uint64_t *keys = e->n_values ? e->dict.keys : NULL;

	for (uint32_t i = 0; keys && i < e->dict.count; i++) {
		if (d->len[keys[i]] > TEXT_MAX_BYTES)
			return err_set(err, ERR_LIMIT,
				       "column '%s': a text of %u bytes is too long for Parquet",
				       name, d->len[keys[i]]);
		if (!text_is_utf8(d->text[keys[i]], d->len[keys[i]]))
			return err_set(
				err, ERR_FORMAT,
				"column '%s': text '%.40s' is not UTF-8; correct it in the source",
				name, d->text[keys[i]]);
	}
	return 0;
}

static int gather(struct encoder *e, const struct rows *rows, enum schema_column c, struct err *err)
{
	switch (schema_column_type(c)) {
	case SCHEMA_DOUBLE:
		gather_numbers(e, rows->number[c], rows->count);
		return 0;
	case SCHEMA_INT8:
	case SCHEMA_BOOL:
		gather_small(e, rows->small[c], rows->count);
		return 0;
	case SCHEMA_STRING:
		break;
	}
	gather_strings(e, rows->string[c], rows->count);
	for (size_t i = 0; i < e->n_values; i++)
		if (e->value[i] >= rows->strings->count)
			return err_set(err, ERR_INTERNAL,
				       "column '%s': string id %llu is not in the table",
				       schema_column_name(c), (unsigned long long)e->value[i]);
	return 0;
}

int encoder_column(struct encoder *e, const struct rows *rows, enum schema_column c,
		   struct parquet_chunk *out, struct err *err)
{
	enum schema_type type = schema_column_type(c);
	const char *name = schema_column_name(c);
	int rc, has_dictionary;

	*out = (struct parquet_chunk){
		.type = parquet_physical_type(type),
		.codec = PARQUET_SNAPPY,
		.encodings = 1u << PARQUET_RLE,
		.n_values = (int64_t)rows->count,
		.dictionary_offset = PARQUET_UNKNOWN,
	};
	buf_clear(&e->chunk);
	rc = gather(e, rows, c, err);
	if (rc < 0)
		return rc;
	has_dictionary = choose_dictionary(e, rows, type);
	rc = type == SCHEMA_STRING ? check_strings(e, rows, name, err) : 0;
	if (rc < 0)
		return rc;
	out->data_encoding = has_dictionary ? PARQUET_RLE_DICTIONARY : PARQUET_PLAIN;
	out->encodings |= 1u << out->data_encoding;
	if (has_dictionary)
		rc = dictionary_page(e, rows, type, out);
	out->data_offset = (int64_t)e->chunk.len;
	if (!rc)
		rc = data_pages(e, rows, type, out);
	out->file_bytes = (int64_t)e->chunk.len;
	encode_stats(e, rows, type, rows->count, has_dictionary, &out->stats);
	return rc < 0 ? err_set(err, rc, "column '%s' cannot be encoded: %s", name,
				rc == ERR_NOMEM ? "no memory" : "snappy refused")
		      : 0;
}
