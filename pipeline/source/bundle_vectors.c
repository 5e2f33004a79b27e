/* Embeddings and sequences of a bundle. Vectors are passed on as they are stored; which row of a
 * protein counts and whether dimensions agree is the reader's business (spec 4.4). */
#include "pipeline/source/bundle_source.h"

#include "pipeline/bundle/db.h"
#include "pipeline/bundle/rows.h"
#include "prof/base/buf.h"

/* ---- embeddings ------------------------------------------------------------------------------- */

/* sequence_embedding.embedding_dim is optional in spec 2.1, but bytes cannot be read without it
 * (spec B.15). */
static int require_dim(struct bundle_source *b, struct err *err)
{
	if (b->has_dim)
		return 0;
	return err_set(err, ERR_FORMAT,
		       "'%s': table sequence_embedding has no column embedding_dim, which BLOB "
		       "embeddings need",
		       b->base.name);
}

/* Type and dimension from the row's length and embedding_dim. */
static void vector_shape(struct bundle_rows *r, const char *config_id, int64_t dim, size_t len,
			 struct source_embedding *row)
{
	if (r->failed)
		return;
	if (dim > 0 && (uint64_t)dim <= len / 2 && (uint64_t)dim * 2 == len) {
		row->type = SOURCE_HALF_LE;
	} else if (dim > 0 && (uint64_t)dim <= len / 4 && (uint64_t)dim * 4 == len) {
		row->type = SOURCE_FLOAT_LE;
	} else {
		bundle_rows_bad(r,
				"configuration %s, sequence %lld: embedding has %zu bytes for "
				"embedding_dim %lld, 2 or 4 bytes per value are needed",
				config_id, (long long)row->sequence_id, len, (long long)dim);
		return;
	}
	row->dim = (size_t)dim;
}

/* The bytes where float32 may be read from them: SQLite's own may start anywhere. */
static const void *aligned(struct bundle_rows *r, const void *bytes, size_t len, struct buf *copy)
{
	if (r->failed || (uintptr_t)bytes % sizeof(float) == 0)
		return bytes;
	buf_clear(copy);
	if (buf_put(copy, bytes, len) < 0) {
		r->failed = err_nomem(r->err, "an embedding");
		return NULL;
	}
	return copy->data;
}

static void check_embedding_order(struct bundle_rows *r, const struct source_embedding *row,
				  int64_t last_sequence, int64_t last_id)
{
	if (r->failed || r->count == 1 || row->sequence_id > last_sequence)
		return;
	if (row->sequence_id < last_sequence || row->id <= last_id)
		bundle_rows_bad(r,
				"rows are not in order of sequence_id and id, or one comes twice "
				"(file damaged?)");
}

#define ROWS(chunk)                                                                                \
	"SELECT id, sequence_id, embedding_dim, embedding, " chunk                                 \
	" FROM sequence_embedding WHERE embedding_config_id = ?1"
#define SPAN  " AND sequence_id BETWEEN ?2 AND ?3"
#define ORDER " ORDER BY sequence_id, id"

static int push_rows(struct bundle_rows *r, const char *config_id, source_embedding_fn *fn,
		     void *ctx)
{
	struct source_embedding row = {0};
	struct buf copy = BUF_INIT;
	int64_t last_sequence = 0, last_id = 0;

	while (bundle_rows_next(r) > 0) {
		int64_t dim = bundle_rows_int(r, 2);
		size_t len;

		row.id = bundle_rows_int(r, 0);
		row.sequence_id = bundle_rows_int(r, 1);
		row.chunk_index_s = bundle_rows_int(r, 4);
		row.values = bundle_rows_blob(r, 3, &len);
		row.values = aligned(r, row.values, len, &copy);
		vector_shape(r, config_id, dim, len, &row);
		check_embedding_order(r, &row, last_sequence, last_id);
		last_sequence = row.sequence_id;
		last_id = row.id;
		if (!r->failed)
			r->failed = fn(ctx, &row, r->err);
	}
	buf_release(&copy);
	return bundle_rows_end(r);
}

int bundle_embeddings(struct source *s, const char *config_id, source_embedding_fn *fn, void *ctx,
		      struct err *err)
{
	struct bundle_source *b = bundle_of(s);
	struct bundle_rows r;
	int rc = require_dim(b, err);

	if (rc < 0)
		return rc;
	bundle_rows_begin(&r, b->db, "sequence_embedding",
			  b->has_chunk ? ROWS("chunk_index_s") ORDER : ROWS("0") ORDER, err);
	bundle_rows_bind_text(&r, 1, config_id);
	return push_rows(&r, config_id, fn, ctx);
}

int bundle_embeddings_between(struct source *s, const char *config_id, int64_t first, int64_t last,
			      source_embedding_fn *fn, void *ctx, struct err *err)
{
	struct bundle_source *b = bundle_of(s);
	struct bundle_rows r;
	int rc = require_dim(b, err);

	if (rc < 0)
		return rc;
	bundle_rows_begin(&r, b->db, "sequence_embedding",
			  b->has_chunk ? ROWS("chunk_index_s") SPAN ORDER : ROWS("0") SPAN ORDER,
			  err);
	bundle_rows_bind_text(&r, 1, config_id);
	bundle_rows_bind_int(&r, 2, first);
	bundle_rows_bind_int(&r, 3, last);
	return push_rows(&r, config_id, fn, ctx);
}

/* Rows are counted in the index alone, which takes milliseconds for half a million. */
int bundle_embedding_estimate(struct source *s, const char *config_id, uint64_t *rows,
			      uint64_t *dim, struct err *err)
{
	struct bundle_source *b = bundle_of(s);
	struct bundle_rows r;
	int64_t found = 0;
	int rc = require_dim(b, err);

	*rows = *dim = 0;
	if (rc < 0)
		return rc;
	bundle_rows_begin(&r, b->db, "sequence_embedding",
			  "SELECT count(*) FROM sequence_embedding WHERE embedding_config_id = ?1",
			  err);
	bundle_rows_bind_text(&r, 1, config_id);
	if (bundle_rows_next(&r) > 0)
		*rows = (uint64_t)bundle_rows_int(&r, 0);
	rc = bundle_rows_end(&r);
	if (rc < 0 || *rows == 0)
		return rc;
	bundle_rows_begin(&r, b->db, "sequence_embedding",
			  "SELECT id, embedding_dim FROM sequence_embedding"
			  " WHERE embedding_config_id = ?1 ORDER BY sequence_id, id LIMIT 1",
			  err);
	bundle_rows_bind_text(&r, 1, config_id);
	if (bundle_rows_next(&r) > 0)
		found = bundle_rows_int(&r, 1);
	if (!r.failed && found <= 0)
		bundle_rows_bad(&r, "embedding_dim is %lld", (long long)found);
	*dim = (uint64_t)found;
	return bundle_rows_end(&r);
}

int bundle_embedded_proteins(struct source *s, const char *config_id, uint64_t *n, struct err *err)
{
	struct bundle_rows r;

	*n = 0;
	bundle_rows_begin(&r, bundle_of(s)->db, "sequence_embedding",
			  "SELECT count(*) FROM protein WHERE sequence_id IN"
			  " (SELECT sequence_id FROM sequence_embedding"
			  " WHERE embedding_config_id = ?1)",
			  err);
	bundle_rows_bind_text(&r, 1, config_id);
	if (bundle_rows_next(&r) > 0)
		*n = (uint64_t)bundle_rows_int(&r, 0);
	return bundle_rows_end(&r);
}

/* ---- sequences -------------------------------------------------------------------------------- */

/* Passes on the row at hand. */
static void push_sequence(struct bundle_rows *r, source_sequence_fn *fn, void *ctx)
{
	size_t len;
	int64_t id = bundle_rows_int(r, 0);
	const char *text = bundle_rows_text(r, 1, &len);

	if (!r->failed)
		r->failed = fn(ctx, id, text, len, r->err);
}

/* One read transaction for all look-ups: without it each takes and drops the file's lock, which costs
 * more than the look-up. */
static int sequences_by_id(struct bundle_source *b, const int64_t *ids, size_t n,
			   source_sequence_fn *fn, void *ctx, struct err *err)
{
	int own = sqlite3_get_autocommit(b->db);
	int rc = own ? bundle_db_exec(b->db, "BEGIN", "read", err) : 0;
	struct bundle_rows r;

	if (rc < 0)
		return rc;
	bundle_rows_begin(&r, b->db, "sequence", "SELECT id, sequence FROM sequence WHERE id = ?1",
			  err);
	for (size_t i = 0; i < n && !r.failed; i++) {
		bundle_rows_restart(&r);
		bundle_rows_bind_int(&r, 1, ids[i]);
		if (bundle_rows_next(&r) > 0)
			push_sequence(&r, fn, ctx);
	}
	rc = bundle_rows_end(&r);
	if (own)
		bundle_db_rollback(b->db); /* nothing was written */
	return rc;
}

/* Without a key on sequence.id every look-up would read the whole table: one pass over all rows in
 * order of id, side by side with the list. */
static int sequences_by_scan(struct bundle_source *b, const int64_t *ids, size_t n,
			     source_sequence_fn *fn, void *ctx, struct err *err)
{
	struct bundle_rows r;
	int64_t last = 0;
	size_t i = 0;

	bundle_rows_begin(&r, b->db, "sequence", "SELECT id, sequence FROM sequence ORDER BY id",
			  err);
	while (i < n && bundle_rows_next(&r) > 0) {
		int64_t id = bundle_rows_int(&r, 0);

		if (!r.failed && r.count > 1 && id <= last)
			bundle_rows_bad(&r, "id comes twice");
		last = id;
		while (i < n && ids[i] < id)
			i++;
		if (!r.failed && i < n && ids[i] == id)
			push_sequence(&r, fn, ctx);
	}
	return bundle_rows_end(&r);
}

int bundle_sequences(struct source *s, const int64_t *ids, size_t n, source_sequence_fn *fn,
		     void *ctx, struct err *err)
{
	struct bundle_source *b = bundle_of(s);

	for (size_t i = 1; i < n; i++)
		if (ids[i] <= ids[i - 1])
			return err_set(err, ERR_INTERNAL, "sequence ids are not ascending");
	return b->sequence_by_id ? sequences_by_id(b, ids, n, fn, ctx, err)
				 : sequences_by_scan(b, ids, n, fn, ctx, err);
}
