/* Embeddings and sequences of a database. Vectors are passed on in the width they are stored in; which row of a
 * protein counts and whether dimensions agree is the reader's business (spec 4.4). */
#include "pipeline/source/pg_stream.h"

#include <inttypes.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "prof/base/buf.h"

#define IDS_A_STATEMENT 16384

/* ---- embeddings ------------------------------------------------------------------------------- */

/* sequence_embedding.embedding_dim is optional in spec 2.1, but bytes cannot be read without it
 * (spec B.15). */
static int require_dim(const struct pg_source *p, struct err *err)
{
	if (p->has_dim || p->vectors != PGVALUE_BYTEA)
		return 0;
	return err_set(err, ERR_FORMAT,
		       "'%s': table sequence_embedding has no column embedding_dim, which bytea "
		       "embeddings need",
		       p->base.name);
}

struct taker {
	source_embedding_fn *fn;
	void *ctx;
	const char *config_id;
	struct buf scratch; /* elements of an array brought together */
	struct buf copy;    /* values where float32 may be read from them */
	int64_t last_sequence, last_id;
};

static void take_vector(struct pg_stream *r, struct taker *t, struct source_embedding *row)
{
	enum pgvalue_vector_kind kind = r->p->vectors;
	struct err why = ERR_INIT;
	struct pgvalue_vector v;
	int64_t dim = pg_stream_int_or(r, 2, -1);

	if (r->failed)
		return;
	if (pgvalue_vector(&r->fields[3], kind, dim, &t->scratch, &v, &why) < 0) {
		if (why.code == ERR_NOMEM)
			r->failed = err_nomem(r->err, "an embedding");
		else
			pg_stream_bad(r, "configuration %s, sequence %lld: %s", t->config_id,
				      (long long)row->sequence_id, why.text);
		return;
	}
	row->dim = v.dim;
	row->values = v.values;
	if (v.width == 2)
		row->type = v.little ? SOURCE_HALF_LE : SOURCE_HALF_BE;
	else
		row->type = v.little ? SOURCE_FLOAT_LE : SOURCE_FLOAT_BE;
	if ((uintptr_t)v.values % sizeof(float) == 0)
		return;
	buf_clear(&t->copy);
	if (buf_put(&t->copy, v.values, v.dim * (size_t)v.width) < 0)
		r->failed = err_nomem(r->err, "an embedding");
	row->values = t->copy.data;
}

static void take_embedding(struct pg_stream *r)
{
	struct taker *t = r->ctx;
	struct source_embedding row = {0};

	row.id = pg_stream_int(r, 0);
	row.sequence_id = pg_stream_int(r, 1);
	row.chunk_index_s = pg_stream_int_or(r, 4, 0);
	if (!r->failed && r->count > 1 &&
	    (row.sequence_id < t->last_sequence ||
	     (row.sequence_id == t->last_sequence && row.id <= t->last_id)))
		pg_stream_bad(r, "rows are not in order of sequence_id and id, or one comes twice");
	t->last_sequence = row.sequence_id;
	t->last_id = row.id;
	take_vector(r, t, &row);
	if (!r->failed)
		r->failed = t->fn(t->ctx, &row, r->err);
}

/* SELECT of the embeddings of a configuration; `tail` is what follows the condition. */
static int read_embeddings(struct pg_source *p, const char *config_id, const char *tail,
			   source_embedding_fn *fn, void *ctx, struct err *err)
{
	struct taker t = {.fn = fn,
			  .ctx = ctx,
			  .config_id = config_id,
			  .scratch = BUF_INIT,
			  .copy = BUF_INIT};
	struct pg_stream r = {.p = p,
			      .table = "sequence_embedding",
			      .columns = "id sequence_id embedding_dim embedding chunk_index_s",
			      .n_fields = 5,
			      .fn = take_embedding,
			      .ctx = &t,
			      .err = err};
	struct buf format = BUF_INIT;
	char *select = NULL;
	int rc = require_dim(p, err);

	if (rc < 0)
		return rc;
	buf_printf(&format,
		   "SELECT id, sequence_id, %s, embedding, %s FROM sequence_embedding"
		   " WHERE embedding_config_id = $::uuid ORDER BY sequence_id, id%s",
		   p->has_dim ? "embedding_dim" : "NULL::integer",
		   p->has_chunk ? "chunk_index_s" : "0", tail);
	if (buf_failed(&format))
		rc = err_nomem(err, "a statement");
	else
		select = pg_stream_select(p, buf_str(&format), &config_id, &rc, err);
	if (rc == 0)
		rc = pg_stream_run(&r, select);
	free(select);
	buf_release(&format);
	buf_release(&t.scratch);
	buf_release(&t.copy);
	return rc;
}

int pg_source_embeddings(struct source *s, const char *config_id, source_embedding_fn *fn,
			 void *ctx, struct err *err)
{
	return read_embeddings(pg_of(s), config_id, "", fn, ctx, err);
}

/* ---- how many --------------------------------------------------------------------------------- */

static int note_dim(void *ctx, const struct source_embedding *row, struct err *err)
{
	(void)err;
	*(uint64_t *)ctx = row->dim;
	return 0;
}

/* "Plan Rows" of EXPLAIN's JSON; 0: not there. */
static uint64_t planned_rows(const char *text)
{
	struct err none = ERR_INIT;
	json_t *plan = json_parse("plan", text, strlen(text), &none);
	json_t *rows =
		json_object_get(json_object_get(json_array_get(plan, 0), "Plan"), "Plan Rows");
	json_int_t n = json_is_integer(rows) ? json_integer_value(rows) : 0;

	json_decref(plan);
	return n > 0 ? (uint64_t)n : 0;
}

/* What the server's planner expects: no row is touched. */
static int expected_rows(struct pg_source *p, const char *config_id, uint64_t *rows,
			 struct err *err)
{
	struct pg_rows *answer = NULL;
	const char *text;
	int rc;
	char *sql = pg_stream_select(p,
				     "EXPLAIN (FORMAT JSON) SELECT 1 FROM sequence_embedding"
				     " WHERE embedding_config_id = $::uuid",
				     &config_id, &rc, err);

	if (rc == 0)
		rc = pg_query(p->pg, &answer, sql, NULL, 0, err);
	text = rc == 0 ? pg_rows_text(answer, 0, 0) : NULL;
	if (rc == 0)
		*rows = text ? planned_rows(text) : 0;
	pg_rows_free(answer);
	free(sql);
	return rc;
}

int pg_source_embedding_estimate(struct source *s, const char *config_id, uint64_t *rows,
				 uint64_t *dim, struct err *err)
{
	struct pg_source *p = pg_of(s);
	int rc;

	*rows = *dim = 0;
	rc = read_embeddings(p, config_id, " LIMIT 1", note_dim, dim, err);
	if (rc == 0 && *dim)
		rc = expected_rows(p, config_id, rows, err);
	if (rc == 0 && *dim && *rows == 0)
		*rows = 1;
	return rc;
}

static void take_number(struct pg_stream *r)
{
	*(uint64_t *)r->ctx = (uint64_t)pg_stream_int(r, 0);
}

/* Asked only where a pool kept on disk must be shown to be of this database (spec 7). */
int pg_source_embedded_proteins(struct source *s, const char *config_id, uint64_t *n,
				struct err *err)
{
	struct pg_stream r = {.p = pg_of(s),
			      .table = "sequence_embedding",
			      .columns = "count",
			      .n_fields = 1,
			      .fn = take_number,
			      .ctx = n,
			      .err = err};
	int rc;
	char *select = pg_stream_select(r.p,
					"SELECT count(p.sequence_id) FROM protein p WHERE EXISTS"
					" (SELECT 1 FROM sequence_embedding e WHERE"
					" e.embedding_config_id = $::uuid"
					" AND e.sequence_id = p.sequence_id)",
					&config_id, &rc, err);

	*n = 0;
	if (rc == 0)
		rc = pg_stream_run(&r, select);
	free(select);
	return rc;
}

/* ---- sequences -------------------------------------------------------------------------------- */

struct sequence_taker {
	source_sequence_fn *fn;
	void *ctx;
};

static void take_sequence(struct pg_stream *r)
{
	struct sequence_taker *t = r->ctx;
	int64_t id = pg_stream_next_id(r, 0);
	size_t len;
	const char *text = pg_stream_text(r, 1, &len);

	if (!r->failed)
		r->failed = t->fn(t->ctx, id, text, len, r->err);
}

static int some_sequences(struct pg_source *p, const int64_t *ids, size_t n, source_sequence_fn *fn,
			  void *ctx, struct err *err)
{
	struct sequence_taker t = {fn, ctx};
	struct pg_stream r = {.p = p,
			      .table = "sequence",
			      .columns = "id sequence",
			      .n_fields = 2,
			      .fn = take_sequence,
			      .ctx = &t,
			      .err = err};
	struct buf sql = BUF_INIT;
	int rc;

	buf_puts(&sql, "SELECT id, sequence FROM sequence WHERE id = ANY ('{");
	for (size_t i = 0; i < n; i++)
		buf_printf(&sql, "%s%" PRId64, i ? "," : "", ids[i]);
	buf_puts(&sql, "}'::bigint[]) ORDER BY id");
	if (buf_failed(&sql))
		rc = err_nomem(err, "a statement");
	else
		rc = pg_stream_run(&r, buf_str(&sql));
	buf_release(&sql);
	return rc;
}

int pg_source_sequences(struct source *s, const int64_t *ids, size_t n, source_sequence_fn *fn,
			void *ctx, struct err *err)
{
	int rc = 0;

	for (size_t i = 1; i < n; i++)
		if (ids[i] <= ids[i - 1])
			return err_set(err, ERR_INTERNAL, "sequence ids are not ascending");
	for (size_t at = 0; rc == 0 && at < n; at += IDS_A_STATEMENT)
		rc = some_sequences(pg_of(s), ids + at,
				    n - at < IDS_A_STATEMENT ? n - at : IDS_A_STATEMENT, fn, ctx,
				    err);
	return rc;
}
