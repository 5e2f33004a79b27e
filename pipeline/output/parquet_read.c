/* The string-column reader of parquet.h: finds the columns in the schema, walks row groups and hands
 * rows out. Pages are decode_column's, bytes and footer parquet_source's. Reads any file without
 * trusting it; belongs to one thread. */
#include "pipeline/output/parquet.h"

#include <stdlib.h>
#include <string.h>

#include "pipeline/output/decode_column.h"

/* A page of repeated values can stand for any number of rows. The largest evaluation known has some
 * 10^6; this keeps a hostile file from turning for hours. */
#define ROWS_MAX ((int64_t)1 << 28)

struct reader {
	struct parquet_source source;
	size_t n_columns;
	const char *const *names;
	size_t *leaf;                 /* owned; which chunk of a row group holds the column */
	int *optional;                /* owned */
	struct decode_column *column; /* owned */
	const char **text;            /* owned; the current row */
	size_t *len;                  /* owned */
};

/* Skips a node with all below it; counts leaves. Depth-first order makes this a count of children
 * still owed. Returns the next node, or 0 for a tree that is cut short. */
static size_t skip_node(const struct parquet_meta *m, size_t at, size_t *n_leaves)
{
	uint64_t owed = 1;

	while (owed) {
		if (at >= m->n_elements)
			return 0;
		owed += (uint64_t)m->elements[at].n_children;
		if (!m->elements[at].n_children)
			++*n_leaves;
		owed--;
		at++;
	}
	return at;
}

static int take_column(struct reader *r, size_t k, const struct parquet_element *e, size_t leaf,
		       struct err *err)
{
	if (e->n_children || e->type != PARQUET_BYTE_ARRAY ||
	    (e->repetition != PARQUET_OPTIONAL && e->repetition != PARQUET_REQUIRED))
		return err_set(err, ERR_FORMAT, "%s: column '%s' is not a plain column of strings",
			       r->source.name, r->names[k]);
	r->leaf[k] = leaf;
	r->optional[k] = e->repetition == PARQUET_OPTIONAL;
	return 0;
}

static int find_column(struct reader *r, size_t k, struct err *err)
{
	const struct parquet_meta *m = &r->source.meta;
	size_t len = strlen(r->names[k]), leaf = 0, at = 1;

	for (int32_t child = 0; child < m->elements[0].n_children; child++) {
		const struct parquet_element *e = &m->elements[at];

		if (at < m->n_elements && e->name_len == len && !memcmp(e->name, r->names[k], len))
			return take_column(r, k, e, leaf, err);
		at = skip_node(m, at, &leaf);
		if (!at)
			return err_set(err, ERR_FORMAT,
				       "%s: corrupt Parquet footer: the schema is cut short",
				       r->source.name);
	}
	return err_set(err, ERR_FORMAT, "%s has no column '%s'", r->source.name, r->names[k]);
}

static int start_group(struct reader *r, size_t g, struct err *err)
{
	const struct parquet_group *group = &r->source.meta.groups[g];

	for (size_t k = 0; k < r->n_columns; k++) {
		const struct parquet_chunk *c;
		int rc;

		if (r->leaf[k] >= group->n_chunks)
			return err_set(err, ERR_FORMAT, "%s: row group %zu has no column '%s'",
				       r->source.name, g, r->names[k]);
		c = &group->chunks[r->leaf[k]];
		if (c->external)
			return err_set(err, ERR_UNSUPPORTED,
				       "%s: column '%s' is encrypted or in another file",
				       r->source.name, r->names[k]);
		if (c->type != PARQUET_BYTE_ARRAY || c->n_values != group->n_rows)
			return err_set(err, ERR_FORMAT,
				       "%s: column '%s', row group %zu: %lld values of type %d for "
				       "%lld rows",
				       r->source.name, r->names[k], g, (long long)c->n_values,
				       c->type, (long long)group->n_rows);
		rc = decode_start(&r->column[k], &r->source, c, r->names[k], g, r->optional[k],
				  err);
		if (rc < 0)
			return rc;
	}
	return 0;
}

static int read_group(struct reader *r, size_t g, parquet_strings_fn *fn, void *ctx,
		      struct err *err)
{
	int64_t n = r->source.meta.groups[g].n_rows;
	int rc = n ? start_group(r, g, err) : 0;

	for (int64_t row = 0; row < n && !rc; row++) {
		for (size_t k = 0; k < r->n_columns && !rc; k++)
			rc = decode_next(&r->column[k], &r->text[k], &r->len[k], err);
		if (!rc)
			rc = fn(ctx, r->text, r->len, err);
	}
	return rc;
}

static int check_rows(const struct reader *r, struct err *err)
{
	const struct parquet_meta *m = &r->source.meta;
	int64_t n = 0;

	for (size_t g = 0; g < m->n_groups; g++) {
		if (m->groups[g].n_rows > ROWS_MAX - n)
			return err_set(err, ERR_LIMIT, "%s: more than %lld rows", r->source.name,
				       (long long)ROWS_MAX);
		n += m->groups[g].n_rows;
	}
	if (n != m->n_rows)
		return err_set(err, ERR_FORMAT,
			       "%s: row groups hold %lld rows, the footer says %lld",
			       r->source.name, (long long)n, (long long)m->n_rows);
	return 0;
}

static int reader_alloc(struct reader *r, struct err *err)
{
	size_t n = r->n_columns ? r->n_columns : 1;

	r->leaf = calloc(n, sizeof *r->leaf);
	r->optional = calloc(n, sizeof *r->optional);
	r->text = calloc(n, sizeof *r->text);
	r->len = calloc(n, sizeof *r->len);
	r->column = calloc(n, sizeof *r->column);
	if (!r->leaf || !r->optional || !r->text || !r->len || !r->column)
		return err_nomem(err, "a Parquet reader");
	for (size_t k = 0; k < r->n_columns; k++)
		decode_init(&r->column[k]);
	return 0;
}

static void reader_free(struct reader *r)
{
	for (size_t k = 0; r->column && k < r->n_columns; k++)
		decode_release(&r->column[k]);
	free(r->leaf);
	free(r->optional);
	free(r->text);
	free(r->len);
	free(r->column);
	parquet_source_close(&r->source);
}

static int read_all(struct reader *r, parquet_strings_fn *fn, void *ctx, struct err *err)
{
	int rc = reader_alloc(r, err);

	for (size_t k = 0; k < r->n_columns && !rc; k++)
		rc = find_column(r, k, err);
	if (!rc)
		rc = check_rows(r, err);
	for (size_t g = 0; g < r->source.meta.n_groups && !rc; g++)
		rc = read_group(r, g, fn, ctx, err);
	reader_free(r);
	return rc;
}

int parquet_read_strings(const char *path, const char *const *columns, size_t n_columns,
			 parquet_strings_fn *fn, void *ctx, struct err *err)
{
	struct reader r = {.n_columns = n_columns, .names = columns};
	int rc = parquet_source_open(&r.source, path, err);

	return rc < 0 ? rc : read_all(&r, fn, ctx, err);
}

int parquet_read_strings_memory(const char *name, const void *bytes, size_t n,
				const char *const *columns, size_t n_columns,
				parquet_strings_fn *fn, void *ctx, struct err *err)
{
	struct reader r = {.n_columns = n_columns, .names = columns};
	int rc = parquet_source_open_memory(&r.source, name, bytes, n, err);

	return rc < 0 ? rc : read_all(&r, fn, ctx, err);
}
