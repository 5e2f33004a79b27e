/* The Parquet writer of parquet.h: collects rows into row groups of PARQUET_ROW_GROUP_ROWS and writes
 * each as soon as it is full. Holds one row group and the finished part of the footer. Encoding is
 * encode_column's, files are fsio's. A writer belongs to one thread. */
#include "pipeline/output/parquet.h"

#include <stdlib.h>
#include <string.h>

#include "pipeline/core/fsio.h"
#include "pipeline/output/encode_column.h"
#include "pipeline/output/parquet_meta.h"

struct parquet_writer {
	struct fsio_out out;
	char *path; /* owned */
	enum schema_profile profile;
	enum schema_column columns[SCHEMA_COLUMNS];
	size_t n_columns;
	struct rows
		pending; /* rows of the row group being filled; strings borrowed from the caller */
	struct encoder encoder;
	struct buf groups; /* finished items of FileMetaData.row_groups */
	size_t n_groups;
	uint64_t n_rows; /* in finished row groups */
	int failed;      /* first failure; the file can then only be dropped */
};

int parquet_create(struct parquet_writer **out, const char *path, enum schema_profile profile,
		   struct err *err)
{
	struct parquet_writer *w = calloc(1, sizeof *w);
	int rc;

	*out = NULL;
	if (!w || !(w->path = strdup(path))) {
		free(w);
		return err_nomem(err, "a Parquet writer");
	}
	w->profile = profile;
	w->n_columns = schema_columns(profile, w->columns);
	buf_init(&w->groups, BUF_NO_LIMIT);
	rc = rows_init(&w->pending, profile, NULL, PARQUET_ROW_GROUP_ROWS, err);
	if (!rc)
		rc = encoder_init(&w->encoder, PARQUET_ROW_GROUP_ROWS, err);
	if (!rc)
		rc = fsio_create(&w->out, path, err);
	if (!rc)
		rc = fsio_write(&w->out, PARQUET_MAGIC, PARQUET_MAGIC_LEN, err);
	if (rc < 0) {
		parquet_abort(w);
		return rc;
	}
	*out = w;
	return 0;
}

static void writer_free(struct parquet_writer *w)
{
	rows_release(&w->pending);
	encoder_release(&w->encoder);
	buf_release(&w->groups);
	free(w->path);
	free(w);
}

void parquet_abort(struct parquet_writer *w)
{
	if (!w)
		return;
	fsio_abort(&w->out);
	writer_free(w);
}

static int write_column(struct parquet_writer *w, enum schema_column c, struct parquet_chunk *chunk,
			struct err *err)
{
	int64_t start = (int64_t)w->out.offset;
	int rc = encoder_column(&w->encoder, &w->pending, c, chunk, err);

	if (rc < 0)
		return err_prefix(err, "%s", w->path);
	chunk->data_offset += start;
	if (chunk->dictionary_offset >= 0)
		chunk->dictionary_offset += start;
	return fsio_write(&w->out, w->encoder.chunk.data, w->encoder.chunk.len, err);
}

/* The footer's item is made after all columns are written, but statistics live only until the next
 * column is encoded: texts stay where they are, in the caller's table; numbers are kept here. */
struct kept_bounds {
	unsigned char bytes[2][sizeof(double)];
};

static void keep_bounds(struct parquet_stats *s, struct kept_bounds *k, enum schema_type type)
{
	if (!s->min || type == SCHEMA_STRING)
		return;
	memcpy(k->bytes[0], s->min, s->min_len);
	memcpy(k->bytes[1], s->max, s->max_len);
	s->min = k->bytes[0];
	s->max = k->bytes[1];
}

static int flush_group(struct parquet_writer *w, struct err *err)
{
	struct parquet_chunk chunks[SCHEMA_COLUMNS];
	struct kept_bounds bounds[SCHEMA_COLUMNS];
	struct parquet_group group = {
		.chunks = chunks, .n_chunks = w->n_columns, .n_rows = (int64_t)w->pending.count};

	for (size_t i = 0; i < w->n_columns; i++) {
		int rc = write_column(w, w->columns[i], &chunks[i], err);

		if (rc < 0)
			return rc;
		keep_bounds(&chunks[i].stats, &bounds[i], schema_column_type(w->columns[i]));
		group.raw_bytes += chunks[i].raw_bytes;
	}
	parquet_meta_put_group(&w->groups, &group, w->profile);
	if (buf_failed(&w->groups))
		return err_nomem(err, "a Parquet footer");
	w->n_groups++;
	w->n_rows += w->pending.count;
	w->pending.count = 0;
	return 0;
}

static void copy_rows(struct parquet_writer *w, const struct rows *from, size_t at, size_t n)
{
	struct rows *to = &w->pending;

	for (size_t i = 0; i < w->n_columns; i++) {
		enum schema_column c = w->columns[i];

		if (from->number[c])
			memcpy(to->number[c] + to->count, from->number[c] + at, n * sizeof(double));
		else if (from->string[c])
			memcpy(to->string[c] + to->count, from->string[c] + at,
			       n * sizeof(uint32_t));
		else
			memcpy(to->small[c] + to->count, from->small[c] + at, n);
	}
	to->count += n;
}

int parquet_append(struct parquet_writer *w, const struct rows *rows, struct err *err)
{
	if (w->failed)
		return err_set(err, w->failed, "%s: an earlier write failed", w->path);
	if (rows->profile != w->profile ||
	    (w->pending.strings && w->pending.strings != rows->strings))
		return err_set(err, ERR_INTERNAL, "%s: a batch of another profile or string table",
			       w->path);
	w->pending.strings = rows->strings;
	for (size_t at = 0; at < rows->count;) {
		size_t room = PARQUET_ROW_GROUP_ROWS - w->pending.count;
		size_t n = rows->count - at < room ? rows->count - at : room;

		copy_rows(w, rows, at, n);
		at += n;
		if (w->pending.count < PARQUET_ROW_GROUP_ROWS)
			continue;
		w->failed = flush_group(w, err);
		if (w->failed)
			return w->failed;
	}
	return 0;
}

static int write_footer(struct parquet_writer *w, struct err *err)
{
	struct buf footer = BUF_INIT;
	int rc = parquet_meta_put_footer(&footer, w->profile, (int64_t)w->n_rows, &w->groups,
					 w->n_groups);

	if (rc < 0)
		rc = err_set(err, rc, "%s: the footer of %zu row groups cannot be made", w->path,
			     w->n_groups);
	else
		rc = fsio_write(&w->out, footer.data, footer.len, err);
	buf_release(&footer);
	return rc;
}

int parquet_close(struct parquet_writer *w, uint64_t *n_rows, uint64_t *bytes, struct err *err)
{
	int rc = 0;

	if (w->failed)
		rc = err_set(err, w->failed, "%s: an earlier write failed", w->path);
	if (!rc && w->pending.count)
		rc = flush_group(w, err);
	if (!rc)
		rc = write_footer(w, err);
	if (rc < 0) {
		parquet_abort(w);
		return rc;
	}
	if (n_rows)
		*n_rows = w->n_rows;
	if (bytes)
		*bytes = w->out.offset;
	rc = fsio_commit(&w->out, err);
	writer_free(w);
	return rc;
}
