/* Streams of a database: snapshots, terms, edges, annotation and evaluation sets, proteins. Orders are made by
 * the server and checked here, so that a view or a broken index cannot give silently wrong results. */
#include "pipeline/source/pg_stream.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "prof/base/buf.h"

/* A row's callback of any type, and what belongs to it. */
struct taker {
	union {
		source_config_fn *config;
		source_annotation_set_fn *annotation_set;
		source_evaluation_set_fn *evaluation_set;
		source_term_fn *term;
		source_edge_fn *edge;
		source_protein_fn *protein;
	} fn;
	void *ctx;
	const char *snapshot_id;
	struct buf last; /* accession of the row before */
};

/* Runs a SELECT with up to two ids or names in it. */
static int stream(struct pg_stream *r, const char *format, const char *first, const char *second)
{
	const char *const texts[] = {first, second};
	int rc;
	char *select = pg_stream_select(r->p, format, texts, &rc, r->err);

	if (rc == 0)
		rc = pg_stream_run(r, select);
	free(select);
	return rc;
}

/* ---- snapshots, configurations, sets ------------------------------------------------------------- */

static void take_nothing(struct pg_stream *r)
{
	(void)r;
}

int pg_source_has_snapshot(struct source *s, const char *snapshot_id, struct err *err)
{
	struct pg_stream r = {.p = pg_of(s),
			      .table = "ontology_snapshot",
			      .columns = "id",
			      .n_fields = 1,
			      .fn = take_nothing,
			      .err = err};
	char id[UUID_TEXT];
	int rc;

	if (uuid_normalise(snapshot_id, id) < 0)
		return 0; /* nothing has such an id */
	rc = stream(&r, "SELECT id FROM ontology_snapshot WHERE id = $::uuid", id, NULL);
	return rc < 0 ? rc : r.count > 0;
}

static void take_config(struct pg_stream *r)
{
	struct taker *t = r->ctx;
	struct source_config row;
	char id[UUID_TEXT];

	row.id = pg_stream_uuid(r, 0, id);
	row.model_name = pg_stream_text(r, 1, NULL);
	if (!r->failed)
		r->failed = t->fn.config(t->ctx, &row, r->err);
}

int pg_source_configs(struct source *s, source_config_fn *fn, void *ctx, struct err *err)
{
	struct taker t = {.fn.config = fn, .ctx = ctx};
	struct pg_stream r = {.p = pg_of(s),
			      .table = "embedding_config",
			      .columns = "id model_name",
			      .n_fields = 2,
			      .fn = take_config,
			      .ctx = &t,
			      .err = err};

	return stream(&r, "SELECT id, model_name FROM embedding_config ORDER BY id", NULL, NULL);
}

static void take_annotation_set(struct pg_stream *r)
{
	struct taker *t = r->ctx;
	struct source_annotation_set row;
	char id[UUID_TEXT], snapshot[UUID_TEXT];

	row.id = pg_stream_uuid(r, 0, id);
	row.source_version = pg_stream_text_or_null(r, 1);
	row.snapshot_id = pg_stream_uuid(r, 2, snapshot);
	row.created_at_ns = pg_stream_stamp(r, 3);
	if (!r->failed)
		r->failed = t->fn.annotation_set(t->ctx, &row, r->err);
}

int pg_source_annotation_sets(struct source *s, const char *source_name,
			      source_annotation_set_fn *fn, void *ctx, struct err *err)
{
	struct taker t = {.fn.annotation_set = fn, .ctx = ctx};
	struct pg_stream r = {.p = pg_of(s),
			      .table = "annotation_set",
			      .columns = "id source_version ontology_snapshot_id created_at",
			      .n_fields = 4,
			      .fn = take_annotation_set,
			      .ctx = &t,
			      .err = err};

	return stream(&r,
		      "SELECT id, source_version, ontology_snapshot_id, created_at"
		      " FROM annotation_set WHERE source = $ ORDER BY id",
		      source_name, NULL);
}

/* stats.pivot_ontology_snapshot_id in lower case into `pivot`; returns it, or NULL if there is none. */
static const char *pivot_of_stats(struct pg_stream *r, int col, char pivot[UUID_TEXT])
{
	struct err bad = ERR_INIT;
	const char *found = NULL;
	const char *text, *id;
	json_t *stats;
	size_t len;

	text = pg_stream_text(r, col, &len);
	if (r->failed)
		return NULL;
	stats = json_parse("stats", text, len, &bad);
	if (!stats) {
		if (bad.code == ERR_NOMEM)
			r->failed = err_nomem(r->err, "JSON of the database");
		else
			pg_stream_bad(r, "column stats is not JSON: %s", bad.text);
		return NULL;
	}
	id = json_string_value(json_object_get(stats, "pivot_ontology_snapshot_id"));
	if (id && uuid_normalise(id, pivot) == 0)
		found = pivot;
	else if (id)
		pg_stream_bad(r, "stats.pivot_ontology_snapshot_id is not a UUID");
	json_decref(stats);
	return found;
}

static void take_evaluation_set(struct pg_stream *r)
{
	struct taker *t = r->ctx;
	struct source_evaluation_set row;
	char id[UUID_TEXT], pivot[UUID_TEXT];

	row.id = pg_stream_uuid(r, 0, id);
	row.pivot_snapshot_id = pivot_of_stats(r, 1, pivot);
	row.groundtruth_uri = pg_stream_text_or_null(r, 2);
	row.created_at_ns = pg_stream_stamp(r, 3);
	if (!r->failed)
		r->failed = t->fn.evaluation_set(t->ctx, &row, r->err);
}

int pg_source_evaluation_sets(struct source *s, const char *old_set_id, const char *new_set_id,
			      source_evaluation_set_fn *fn, void *ctx, struct err *err)
{
	struct taker t = {.fn.evaluation_set = fn, .ctx = ctx};
	struct pg_stream r = {.p = pg_of(s),
			      .table = "evaluation_set",
			      .columns = "id stats groundtruth_uri created_at",
			      .n_fields = 4,
			      .fn = take_evaluation_set,
			      .ctx = &t,
			      .err = err};

	return stream(&r,
		      "SELECT id, stats::text, groundtruth_uri, created_at FROM evaluation_set"
		      " WHERE old_annotation_set_id = $::uuid AND new_annotation_set_id = $::uuid"
		      " ORDER BY id",
		      old_set_id, new_set_id);
}

/* ---- ontology --------------------------------------------------------------------------------- */

/* The letter of an aspect, 0 for NULL and "". */
static char aspect_letter(struct pg_stream *r, int col)
{
	const char *text;
	size_t len;

	if (r->failed || pg_stream_is_null(r, col))
		return 0;
	text = pg_stream_text(r, col, &len);
	if (len > 1)
		pg_stream_bad(r, "column aspect holds '%.40s', one letter is needed", text);
	return text[0];
}

static void take_term(struct pg_stream *r)
{
	struct taker *t = r->ctx;
	struct source_term row = {.snapshot_id = t->snapshot_id};

	row.id = pg_stream_next_id(r, 0);
	row.go_id = pg_stream_text(r, 1, NULL);
	row.aspect = aspect_letter(r, 2);
	if (!r->failed)
		r->failed = t->fn.term(t->ctx, &row, r->err);
}

int pg_source_terms(struct source *s, const char *snapshot_id, source_term_fn *fn, void *ctx,
		    struct err *err)
{
	struct taker t = {.fn.term = fn, .ctx = ctx, .snapshot_id = snapshot_id};
	struct pg_stream r = {.p = pg_of(s),
			      .table = "go_term",
			      .columns = "id go_id aspect",
			      .n_fields = 3,
			      .fn = take_term,
			      .ctx = &t,
			      .err = err};

	return stream(&r,
		      "SELECT id, go_id, aspect FROM go_term"
		      " WHERE ontology_snapshot_id = $::uuid ORDER BY id",
		      snapshot_id, NULL);
}

static void take_edge(struct pg_stream *r)
{
	struct taker *t = r->ctx;
	struct source_edge row;

	pg_stream_next_id(r, 0);
	row.child_id = pg_stream_int(r, 1);
	row.parent_id = pg_stream_int(r, 2);
	if (!r->failed)
		r->failed = t->fn.edge(t->ctx, &row, r->err);
}

int pg_source_edges(struct source *s, const char *snapshot_id, source_edge_fn *fn, void *ctx,
		    struct err *err)
{
	struct taker t = {.fn.edge = fn, .ctx = ctx};
	struct pg_stream r = {.p = pg_of(s),
			      .table = "go_term_relationship",
			      .columns = "id child_go_term_id parent_go_term_id",
			      .n_fields = 3,
			      .fn = take_edge,
			      .ctx = &t,
			      .err = err};

	return stream(&r,
		      "SELECT id, child_go_term_id, parent_go_term_id FROM go_term_relationship"
		      " WHERE ontology_snapshot_id = $::uuid"
		      " AND relation_type IN ('is_a', 'part_of') ORDER BY id",
		      snapshot_id, NULL);
}

/* ---- proteins --------------------------------------------------------------------------------- */

/* An accession must come after the one before, which is kept. */
static const char *next_accession(struct pg_stream *r, struct buf *last)
{
	size_t len;
	const char *text = pg_stream_text(r, 0, &len);

	if (r->failed)
		return text;
	if (len == 0)
		pg_stream_bad(r, "column accession is empty");
	else if (last->len && strcmp(text, buf_str(last)) <= 0)
		pg_stream_bad(r, "rows are not in order of accession, or one comes twice");
	buf_clear(last);
	if (buf_put(last, text, len) < 0 && !r->failed)
		r->failed = err_nomem(r->err, "an accession");
	return text;
}

static void take_protein(struct pg_stream *r)
{
	struct taker *t = r->ctx;
	struct source_protein row;

	row.accession = next_accession(r, &t->last);
	row.sequence_id = pg_stream_int_or(r, 1, -1);
	row.taxonomy_id = pg_stream_text_or_null(r, 2);
	if (!r->failed && row.sequence_id < 0 && !pg_stream_is_null(r, 1))
		pg_stream_bad(r, "column sequence_id is negative");
	if (!r->failed)
		r->failed = t->fn.protein(t->ctx, &row, r->err);
}

int pg_source_proteins(struct source *s, source_protein_fn *fn, void *ctx, struct err *err)
{
	struct taker t = {.fn.protein = fn, .ctx = ctx, .last = BUF_INIT};
	struct pg_stream r = {.p = pg_of(s),
			      .table = "protein",
			      .columns = "accession sequence_id taxonomy_id",
			      .n_fields = 3,
			      .fn = take_protein,
			      .ctx = &t,
			      .err = err};
	int rc = stream(&r,
			"SELECT accession, sequence_id, taxonomy_id FROM protein"
			" ORDER BY accession COLLATE \"C\"",
			NULL, NULL);

	buf_release(&t.last);
	return rc;
}
