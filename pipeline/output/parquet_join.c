/* parquet_join of parquet.h: the pages of finished files one after the other, and a footer whose
 * offsets are moved accordingly. Nothing is decoded. */
#include "pipeline/output/parquet.h"

#include <string.h>

#include "pipeline/core/fsio.h"
#include "pipeline/output/parquet_source.h"

#define COPY_BYTES ((uint64_t)1 << 20)

struct joiner {
	struct fsio_out out;
	enum schema_profile profile;
	enum schema_column columns[SCHEMA_COLUMNS];
	size_t n_columns;
	struct buf groups; /* items of FileMetaData.row_groups */
	size_t n_groups;
	int64_t n_rows;
	struct buf block; /* bytes on their way */
};

static int same_element(const struct parquet_element *e, enum schema_column c)
{
	const char *name = schema_column_name(c);
	enum schema_type t = schema_column_type(c);

	return e->name_len == strlen(name) && !memcmp(e->name, name, e->name_len) &&
	       e->type == parquet_physical_type(t) && e->converted == parquet_converted_type(t) &&
	       e->repetition == PARQUET_OPTIONAL && e->n_children == 0;
}

static int check_schema(const struct joiner *j, const struct parquet_source *s, struct err *err)
{
	const struct parquet_meta *m = &s->meta;

	if (m->n_elements != j->n_columns + 1 || m->elements[0].n_children != (int32_t)j->n_columns)
		return err_set(err, ERR_FORMAT, "%s: %zu columns, profile %s has %zu", s->name,
			       m->n_elements - 1, schema_profile_name(j->profile), j->n_columns);
	for (size_t i = 0; i < j->n_columns; i++)
		if (!same_element(&m->elements[i + 1], j->columns[i]))
			return err_set(err, ERR_FORMAT, "%s: column %zu is not '%s' of profile %s",
				       s->name, i + 1, schema_column_name(j->columns[i]),
				       schema_profile_name(j->profile));
	return 0;
}

/* This writer leaves no gap: each chunk starts where the one before it ends. `*at` moves on. */
static int check_group(const struct joiner *j, const struct parquet_source *s,
		       const struct parquet_group *g, uint64_t *at, struct err *err)
{
	if (g->n_chunks != j->n_columns)
		return err_set(err, ERR_FORMAT, "%s: a row group of %zu columns instead of %zu",
			       s->name, g->n_chunks, j->n_columns);
	for (size_t i = 0; i < g->n_chunks; i++) {
		const struct parquet_chunk *c = &g->chunks[i];
		uint64_t start = (uint64_t)parquet_chunk_start(c);

		if (c->external || c->n_values != g->n_rows || start != *at ||
		    (uint64_t)c->file_bytes > s->data_end - start)
			return err_set(err, ERR_FORMAT,
				       "%s: column '%s' at offset %llu does not join the column "
				       "before it; "
				       "the file was not written by this program or is damaged",
				       s->name, schema_column_name(j->columns[i]),
				       (unsigned long long)start);
		*at += (uint64_t)c->file_bytes;
	}
	return 0;
}

static int check_input(const struct joiner *j, const struct parquet_source *s, struct err *err)
{
	uint64_t at = PARQUET_MAGIC_LEN;
	int64_t n_rows = 0, total;
	int rc = check_schema(j, s, err);

	for (size_t i = 0; i < s->meta.n_groups && !rc; i++) {
		rc = check_group(j, s, &s->meta.groups[i], &at, err);
		if (__builtin_add_overflow(n_rows, s->meta.groups[i].n_rows, &n_rows))
			n_rows = -1;
	}
	if (!rc && (n_rows != s->meta.n_rows || at != s->data_end ||
		    __builtin_add_overflow(j->n_rows, n_rows, &total)))
		rc = err_set(err, ERR_FORMAT,
			     "%s: row groups and footer disagree; the file is damaged", s->name);
	return rc;
}

static void add_groups(struct joiner *j, const struct parquet_source *s, int64_t shift)
{
	for (size_t i = 0; i < s->meta.n_groups; i++) {
		struct parquet_group *g = &s->meta.groups[i];

		for (size_t k = 0; k < g->n_chunks; k++) {
			g->chunks[k].data_offset += shift;
			if (g->chunks[k].dictionary_offset >= 0)
				g->chunks[k].dictionary_offset += shift;
		}
		parquet_meta_put_group(&j->groups, g, j->profile);
	}
	j->n_groups += s->meta.n_groups;
	j->n_rows += s->meta.n_rows;
}

static int copy_pages(struct joiner *j, const struct parquet_source *s, struct err *err)
{
	for (uint64_t at = PARQUET_MAGIC_LEN; at < s->data_end;) {
		uint64_t n = s->data_end - at < COPY_BYTES ? s->data_end - at : COPY_BYTES;
		const unsigned char *bytes;
		int rc = parquet_source_get(s, at, n, &j->block, &bytes, err);

		if (!rc)
			rc = fsio_write(&j->out, bytes, (size_t)n, err);
		if (rc < 0)
			return rc;
		at += n;
	}
	return 0;
}

static int add_file(struct joiner *j, const char *path, struct err *err)
{
	struct parquet_source s;
	int rc = parquet_source_open(&s, path, err);

	if (rc < 0)
		return rc;
	rc = check_input(j, &s, err);
	if (!rc) {
		add_groups(j, &s, (int64_t)j->out.offset - PARQUET_MAGIC_LEN);
		rc = copy_pages(j, &s, err);
	}
	parquet_source_close(&s);
	return rc;
}

static int write_all(struct joiner *j, const char *path, const char *const *inputs, size_t n_inputs,
		     struct err *err)
{
	int rc = fsio_write(&j->out, PARQUET_MAGIC, PARQUET_MAGIC_LEN, err);

	for (size_t i = 0; i < n_inputs && !rc; i++)
		rc = add_file(j, inputs[i], err);
	if (rc < 0)
		return rc;
	buf_clear(&j->block);
	rc = parquet_meta_put_footer(&j->block, j->profile, j->n_rows, &j->groups, j->n_groups);
	if (rc < 0)
		return err_set(err, rc, "%s: the footer of %zu row groups cannot be made", path,
			       j->n_groups);
	return fsio_write(&j->out, j->block.data, j->block.len, err);
}

int parquet_join(const char *path, const char *const *inputs, size_t n_inputs,
		 enum schema_profile profile, uint64_t *n_rows, uint64_t *bytes, struct err *err)
{
	struct joiner j = {.profile = profile, .groups = BUF_INIT, .block = BUF_INIT};
	int rc = fsio_create(&j.out, path, err);

	if (rc < 0)
		return rc;
	j.n_columns = schema_columns(profile, j.columns);
	rc = write_all(&j, path, inputs, n_inputs, err);
	if (!rc) {
		if (n_rows)
			*n_rows = (uint64_t)j.n_rows;
		if (bytes)
			*bytes = j.out.offset;
		rc = fsio_commit(&j.out, err);
	} else {
		fsio_abort(&j.out);
	}
	buf_release(&j.groups);
	buf_release(&j.block);
	return rc;
}
