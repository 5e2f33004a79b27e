/* String columns of foreign files: see decode_column.h. Every length and count is checked before it
 * is used; what cannot be is refused with file, column, row group and reason. */
#include "pipeline/output/decode_column.h"

#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "pipeline/output/page_unpack.h"

#define DICTIONARY_MAX (1 << 24) /* writers stop at 1 MiB; a packed page can claim far more */

static int bad(const struct decode_column *d, struct err *err, const char *what)
{
	return err_set(err, ERR_FORMAT, "%s: column '%s', row group %zu: %s", d->source->name,
		       d->name, d->group, what);
}

void decode_init(struct decode_column *d)
{
	*d = (struct decode_column){0};
	buf_init(&d->chunk, BUF_NO_LIMIT);
	buf_init(&d->page, BUF_NO_LIMIT);
	buf_init(&d->dictionary_page, BUF_NO_LIMIT);
	buf_init(&d->value, PAGE_MAX_BYTES);
}

void decode_release(struct decode_column *d)
{
	buf_release(&d->chunk);
	buf_release(&d->page);
	buf_release(&d->dictionary_page);
	buf_release(&d->value);
	free(d->dictionary);
	d->dictionary = NULL;
}

int decode_start(struct decode_column *d, const struct parquet_source *source,
		 const struct parquet_chunk *chunk, const char *name, size_t group, int optional,
		 struct err *err)
{
	int rc;

	d->source = source;
	d->name = name;
	d->group = group;
	d->optional = optional;
	d->codec = chunk->codec;
	d->values_left = chunk->n_values;
	d->has_dictionary = 0;
	d->n_dictionary = 0;
	d->page_left = 0;
	d->batch = d->batch_at = 0;
	rc = parquet_source_get(source, (uint64_t)parquet_chunk_start(chunk),
				(uint64_t)chunk->file_bytes, &d->chunk, &d->at, err);
	if (rc < 0)
		return rc;
	d->end = d->at + chunk->file_bytes;
	return 0;
}

static int get_u32(const unsigned char **at, const unsigned char *end, uint32_t *v)
{
	if (end - *at < 4)
		return -1;
	memcpy(v, *at, 4); /* little-endian, like the machine */
	*at += 4;
	return 0;
}

static int get_text(const unsigned char **at, const unsigned char *end, struct decode_text *t)
{
	if (get_u32(at, end, &t->len) < 0 || (size_t)(end - *at) < t->len)
		return -1;
	t->at = *at;
	*at += t->len;
	return 0;
}

static int open_dictionary(struct decode_column *d, const struct parquet_page *p,
			   const unsigned char *body, struct err *err)
{
	const unsigned char *at, *end;
	struct decode_text *texts;
	int rc;

	if (d->has_dictionary)
		return bad(d, err, "two dictionaries");
	if (p->encoding != PARQUET_PLAIN && p->encoding != PARQUET_PLAIN_DICTIONARY)
		return bad(d, err, "a dictionary that is not plain");
	rc = page_unpack(d->codec, body, (size_t)p->file_bytes, (size_t)p->raw_bytes,
			 &d->dictionary_page, &at, err);
	if (rc < 0)
		return err_prefix(err, "%s: column '%s', row group %zu", d->source->name, d->name,
				  d->group);
	if (p->n_values < 0 || p->n_values > p->raw_bytes / 4)
		return bad(d, err, "a dictionary that claims more texts than it holds");
	end = at + p->raw_bytes;
	if (p->n_values > DICTIONARY_MAX)
		return bad(d, err, "a dictionary of more than 2^24 texts");
	texts = realloc(d->dictionary, ((size_t)p->n_values + 1) * sizeof *texts);
	if (!texts)
		return err_nomem(err, "a Parquet dictionary");
	d->dictionary = texts;
	for (int32_t i = 0; i < p->n_values; i++)
		if (get_text(&at, end, &texts[i]) < 0)
			return bad(d, err, "a dictionary whose texts go past its end");
	d->n_dictionary = (uint32_t)p->n_values;
	d->has_dictionary = 1;
	return 0;
}

/* Finds where suffix lengths or text lengths end and the bytes begin. */
static int open_lengths(struct delta_in *lengths, const unsigned char **at,
			const unsigned char *end)
{
	size_t size;

	if (delta_open(lengths, *at, (size_t)(end - *at)) < 0)
		return -1;
	size = delta_size(lengths, *at);
	if (!size)
		return -1;
	*at += size;
	return 0;
}

static int open_delta(struct decode_column *d, const unsigned char *at, const unsigned char *end)
{
	int rc = 0;

	buf_clear(&d->value);
	if (d->encoding == PARQUET_DELTA_BYTE_ARRAY)
		rc = open_lengths(&d->prefixes, &at, end);
	if (!rc)
		rc = open_lengths(&d->lengths, &at, end);
	d->texts = at;
	return rc;
}

/* The values behind the levels. An empty page of nulls has none, whatever its encoding says. */
static int open_values(struct decode_column *d, const unsigned char *at, const unsigned char *end,
		       struct err *err)
{
	d->texts = at;
	d->texts_end = end;
	switch (d->encoding) {
	case PARQUET_PLAIN:
		return 0;
	case PARQUET_PLAIN_DICTIONARY:
	case PARQUET_RLE_DICTIONARY:
		if (!d->has_dictionary)
			return bad(d, err, "indices without a dictionary");
		if (at<end && * at> 32)
			return bad(d, err, "dictionary indices of more than 32 bits");
		rle_open(&d->indices, at < end ? at + 1 : at, at < end ? (size_t)(end - at) - 1 : 0,
			 at < end ? *at : 0);
		return 0;
	case PARQUET_DELTA_LENGTH_BYTE_ARRAY:
	case PARQUET_DELTA_BYTE_ARRAY:
		if (at < end && open_delta(d, at, end) < 0)
			return bad(d, err, "malformed delta-coded lengths");
		if (at == end)
			d->lengths = d->prefixes = (struct delta_in){0};
		return 0;
	default:
		return err_set(
			err, ERR_UNSUPPORTED,
			"%s: column '%s', row group %zu: encoding %d of strings is not known",
			d->source->name, d->name, d->group, d->encoding);
	}
}

static int open_page_v1(struct decode_column *d, const struct parquet_page *p,
			const unsigned char *body, struct err *err)
{
	const unsigned char *at, *end;
	uint32_t bytes;
	int rc = page_unpack(d->codec, body, (size_t)p->file_bytes, (size_t)p->raw_bytes, &d->page,
			     &at, err);

	if (rc < 0)
		return err_prefix(err, "%s: column '%s', row group %zu", d->source->name, d->name,
				  d->group);
	end = at + p->raw_bytes;
	if (d->optional) {
		if (p->level_encoding != PARQUET_RLE)
			return bad(d, err, "definition levels that are not run-length coded");
		if (get_u32(&at, end, &bytes) < 0 || (size_t)(end - at) < bytes)
			return bad(d, err, "definition levels that go past their page");
		rle_open(&d->levels, at, bytes, 1);
		at += bytes;
	}
	return open_values(d, at, end, err);
}

/* Levels stand before the values and are not compressed. */
static int open_page_v2(struct decode_column *d, const struct parquet_page *p,
			const unsigned char *body, struct err *err)
{
	size_t levels = (size_t)p->definition_bytes, raw, packed;
	const unsigned char *at;
	int rc;

	if (p->repetition_bytes)
		return bad(d, err, "repetition levels in a flat column");
	if (levels > (size_t)p->file_bytes || levels > (size_t)p->raw_bytes)
		return bad(d, err, "definition levels that go past their page");
	packed = (size_t)p->file_bytes - levels;
	raw = (size_t)p->raw_bytes - levels;
	rle_open(&d->levels, body, levels, 1);
	rc = page_unpack(p->compressed ? d->codec : PARQUET_UNCOMPRESSED, body + levels, packed,
			 raw, &d->page, &at, err);
	if (rc < 0)
		return err_prefix(err, "%s: column '%s', row group %zu", d->source->name, d->name,
				  d->group);
	return open_values(d, at, at + raw, err);
}

static int open_page(struct decode_column *d, const struct parquet_page *p,
		     const unsigned char *body, struct err *err)
{
	if (p->type == PARQUET_DICTIONARY_PAGE)
		return open_dictionary(d, p, body, err);
	if (p->type != PARQUET_DATA_PAGE && p->type != PARQUET_DATA_PAGE_V2)
		return 0; /* to be skipped, says the format */
	if (p->n_values < 0 || p->n_values > d->values_left)
		return bad(d, err, "pages with more values than the column has");
	d->values_left -= p->n_values;
	d->page_left = (uint32_t)p->n_values;
	d->encoding = p->encoding;
	return p->type == PARQUET_DATA_PAGE ? open_page_v1(d, p, body, err)
					    : open_page_v2(d, p, body, err);
}

static int next_page(struct decode_column *d, struct err *err)
{
	const unsigned char *body;
	struct parquet_page p;
	size_t header;

	if (d->at == d->end || !d->values_left)
		return bad(d, err, "fewer values than rows");
	header = parquet_page_parse(&p, d->at, (size_t)(d->end - d->at));
	if (!header)
		return bad(d, err, "a malformed page header");
	body = d->at + header;
	if (d->end - body < p.file_bytes)
		return bad(d, err, "a page that goes past its column");
	if (p.has_crc && (uint32_t)crc32(0, body, (uInt)p.file_bytes) != p.crc)
		return bad(d, err, "a page whose checksum does not match; the file is damaged");
	d->at = body + p.file_bytes;
	return open_page(d, &p, body, err);
}

/* Levels and, for dictionaries, indices of the next values of a page. */
static int next_batch(struct decode_column *d, struct err *err)
{
	size_t n, there = 0;
	int rc = 0;

	while (!d->page_left && !rc)
		rc = next_page(d, err);
	if (rc < 0)
		return rc;
	n = d->page_left < DECODE_BATCH ? d->page_left : DECODE_BATCH;
	if (d->optional && rle_read(&d->levels, d->level, n) < 0)
		return bad(d, err, "definition levels that end too early");
	for (size_t i = 0; i < n; i++) {
		if (!d->optional)
			d->level[i] = 1;
		there += d->level[i];
	}
	if (d->encoding == PARQUET_PLAIN_DICTIONARY || d->encoding == PARQUET_RLE_DICTIONARY) {
		if (rle_read(&d->indices, d->index, there) < 0)
			return bad(d, err, "dictionary indices that end too early");
		for (size_t i = 0; i < there; i++)
			if (d->index[i] >= d->n_dictionary)
				return bad(d, err, "an index outside the dictionary");
	}
	d->page_left -= (uint32_t)n;
	d->batch = n;
	d->batch_at = d->index_at = 0;
	return 0;
}

static int next_delta(struct decode_column *d, struct decode_text *t, struct err *err)
{
	if (delta_next(&d->lengths, &t->len) < 0 || (size_t)(d->texts_end - d->texts) < t->len)
		return bad(d, err, "texts that go past their page");
	t->at = d->texts;
	d->texts += t->len;
	return 0;
}

/* A prefix of the text before, and new bytes. */
static int next_delta_prefixed(struct decode_column *d, struct decode_text *t, struct err *err)
{
	uint32_t prefix;
	int rc;

	if (delta_next(&d->prefixes, &prefix) < 0 || prefix > d->value.len)
		return bad(d, err, "a prefix longer than the text before");
	rc = next_delta(d, t, err);
	if (rc < 0)
		return rc;
	d->value.len = prefix;
	if (!buf_reserve(&d->value, t->len))
		return err_set(err, buf_failed(&d->value),
			       "%s: column '%s': no room for a text of %zu bytes", d->source->name,
			       d->name, (size_t)prefix + t->len);
	buf_put(&d->value, t->at, t->len);
	t->at = (const unsigned char *)d->value.data;
	t->len = (uint32_t)d->value.len;
	return 0;
}

static int next_text(struct decode_column *d, struct decode_text *t, struct err *err)
{
	switch (d->encoding) {
	case PARQUET_PLAIN:
		if (get_text(&d->texts, d->texts_end, t) < 0)
			return bad(d, err, "texts that go past their page");
		return 0;
	case PARQUET_DELTA_LENGTH_BYTE_ARRAY:
		return next_delta(d, t, err);
	case PARQUET_DELTA_BYTE_ARRAY:
		return next_delta_prefixed(d, t, err);
	default:
		*t = d->dictionary[d->index[d->index_at++]];
		return 0;
	}
}

int decode_next(struct decode_column *d, const char **text, size_t *len, struct err *err)
{
	struct decode_text t;
	int rc;

	if (d->batch_at == d->batch) {
		rc = next_batch(d, err);
		if (rc < 0)
			return rc;
	}
	*text = NULL;
	*len = 0;
	if (!d->level[d->batch_at++])
		return 0;
	rc = next_text(d, &t, err);
	if (rc < 0)
		return rc;
	*text = (const char *)t.at;
	*len = t.len;
	return 0;
}
