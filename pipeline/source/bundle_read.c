/* Streams of a bundle: snapshots, terms, edges, annotation and evaluation sets, proteins.
 * Every stream checks its own order: a broken index would otherwise give silently wrong results, and
 * a file made to loop would never end. */
#include "pipeline/source/bundle_source.h"

#include <jansson.h>
#include <string.h>

#include "pipeline/bundle/rows.h"
#include "pipeline/core/text.h"
#include "prof/base/buf.h"

int bundle_has_snapshot(struct source *s, const char *snapshot_id, struct err *err)
{
	struct bundle_rows r;
	int there, rc;

	bundle_rows_begin(&r, bundle_of(s)->db, "ontology_snapshot",
			  "SELECT id FROM ontology_snapshot WHERE id = ?1", err);
	bundle_rows_bind_text(&r, 1, snapshot_id);
	there = bundle_rows_next(&r);
	rc = bundle_rows_end(&r);
	return rc < 0 ? rc : there;
}

int bundle_configs(struct source *s, source_config_fn *fn, void *ctx, struct err *err)
{
	struct source_config row;
	struct bundle_rows r;

	bundle_rows_begin(&r, bundle_of(s)->db, "embedding_config",
			  "SELECT id, model_name FROM embedding_config"
			  " ORDER BY id COLLATE BINARY",
			  err);
	while (bundle_rows_next(&r) > 0) {
		row.id = bundle_rows_uuid(&r, 0);
		row.model_name = bundle_rows_text(&r, 1, NULL);
		if (!r.failed)
			r.failed = fn(ctx, &row, err);
	}
	return bundle_rows_end(&r);
}

int bundle_annotation_sets(struct source *s, const char *source_name, source_annotation_set_fn *fn,
			   void *ctx, struct err *err)
{
	struct source_annotation_set row;
	struct bundle_rows r;

	bundle_rows_begin(&r, bundle_of(s)->db, "annotation_set",
			  "SELECT id, source_version, ontology_snapshot_id, created_at"
			  " FROM annotation_set WHERE source = ?1 ORDER BY id COLLATE BINARY",
			  err);
	bundle_rows_bind_text(&r, 1, source_name);
	while (bundle_rows_next(&r) > 0) {
		row.id = bundle_rows_uuid(&r, 0);
		row.source_version = bundle_rows_text_or_null(&r, 1);
		row.snapshot_id = bundle_rows_uuid(&r, 2);
		row.created_at_ns = bundle_rows_stamp(&r, 3);
		if (!r.failed)
			r.failed = fn(ctx, &row, err);
	}
	return bundle_rows_end(&r);
}

/* stats.pivot_ontology_snapshot_id in lower case into `pivot`; returns it, or NULL if there is none. */
static const char *pivot_of_stats(struct bundle_rows *r, int col, char pivot[UUID_TEXT])
{
	struct err bad = ERR_INIT;
	const char *found = NULL;
	const char *text, *id;
	json_t *stats;
	size_t len;

	text = bundle_rows_text(r, col, &len);
	if (r->failed)
		return NULL;
	stats = json_parse("stats", text, len, &bad);
	if (!stats) {
		if (bad.code == ERR_NOMEM)
			r->failed = err_nomem(r->err, "JSON of the bundle");
		else
			bundle_rows_bad(r, "column stats is not JSON: %s", bad.text);
		return NULL;
	}
	id = json_string_value(json_object_get(stats, "pivot_ontology_snapshot_id"));
	if (id && uuid_normalise(id, pivot) == 0)
		found = pivot;
	else if (id)
		bundle_rows_bad(r, "stats.pivot_ontology_snapshot_id is not a UUID");
	json_decref(stats);
	return found;
}

int bundle_evaluation_sets(struct source *s, const char *old_set_id, const char *new_set_id,
			   source_evaluation_set_fn *fn, void *ctx, struct err *err)
{
	struct source_evaluation_set row;
	char pivot[UUID_TEXT];
	struct bundle_rows r;

	bundle_rows_begin(&r, bundle_of(s)->db, "evaluation_set",
			  "SELECT id, stats, groundtruth_uri, created_at FROM evaluation_set"
			  " WHERE old_annotation_set_id = ?1 AND new_annotation_set_id = ?2"
			  " ORDER BY id COLLATE BINARY",
			  err);
	bundle_rows_bind_text(&r, 1, old_set_id);
	bundle_rows_bind_text(&r, 2, new_set_id);
	while (bundle_rows_next(&r) > 0) {
		row.id = bundle_rows_uuid(&r, 0);
		row.pivot_snapshot_id = pivot_of_stats(&r, 1, pivot);
		row.groundtruth_uri = bundle_rows_text_or_null(&r, 2);
		row.created_at_ns = bundle_rows_stamp(&r, 3);
		if (!r.failed)
			r.failed = fn(ctx, &row, err);
	}
	return bundle_rows_end(&r);
}

/* The letter of an aspect, 0 for NULL and "". */
static char aspect_letter(struct bundle_rows *r, int col)
{
	const char *text;
	size_t len;

	if (r->failed || bundle_rows_is_null(r, col))
		return 0;
	text = bundle_rows_text(r, col, &len);
	if (len > 1)
		bundle_rows_bad(r, "column aspect holds '%.40s', one letter is needed", text);
	return text[0];
}

int bundle_terms(struct source *s, const char *snapshot_id, source_term_fn *fn, void *ctx,
		 struct err *err)
{
	struct source_term row;
	struct bundle_rows r;
	int64_t last = 0;

	bundle_rows_begin(&r, bundle_of(s)->db, "go_term",
			  "SELECT id, go_id, aspect FROM go_term WHERE ontology_snapshot_id = ?1"
			  " ORDER BY id",
			  err);
	bundle_rows_bind_text(&r, 1, snapshot_id);
	row.snapshot_id = snapshot_id;
	while (bundle_rows_next(&r) > 0) {
		row.id = bundle_next_id(&r, &last);
		row.go_id = bundle_rows_text(&r, 1, NULL);
		row.aspect = aspect_letter(&r, 2);
		if (!r.failed)
			r.failed = fn(ctx, &row, err);
	}
	return bundle_rows_end(&r);
}

int bundle_edges(struct source *s, const char *snapshot_id, source_edge_fn *fn, void *ctx,
		 struct err *err)
{
	struct source_edge row;
	struct bundle_rows r;
	int64_t last = 0;

	bundle_rows_begin(&r, bundle_of(s)->db, "go_term_relationship",
			  "SELECT id, child_go_term_id, parent_go_term_id"
			  " FROM go_term_relationship WHERE ontology_snapshot_id = ?1"
			  " AND relation_type IN ('is_a', 'part_of') ORDER BY id",
			  err);
	bundle_rows_bind_text(&r, 1, snapshot_id);
	while (bundle_rows_next(&r) > 0) {
		bundle_next_id(&r, &last);
		row.child_id = bundle_rows_int(&r, 1);
		row.parent_id = bundle_rows_int(&r, 2);
		if (!r.failed)
			r.failed = fn(ctx, &row, err);
	}
	return bundle_rows_end(&r);
}

/* An accession must come after the one before, which is kept in `last`. */
static const char *next_accession(struct bundle_rows *r, struct buf *last)
{
	size_t len;
	const char *text = bundle_rows_text(r, 0, &len);

	if (r->failed)
		return text;
	if (len == 0)
		bundle_rows_bad(r, "column accession is empty");
	else if (last->len && strcmp(text, buf_str(last)) <= 0)
		bundle_rows_bad(r, "rows are not in order of accession, or one comes twice (file "
				   "damaged?)");
	buf_clear(last);
	if (buf_put(last, text, len) < 0 && !r->failed)
		r->failed = err_nomem(r->err, "an accession");
	return text;
}

int bundle_proteins(struct source *s, source_protein_fn *fn, void *ctx, struct err *err)
{
	struct source_protein row;
	struct buf last = BUF_INIT;
	struct bundle_rows r;

	bundle_rows_begin(&r, bundle_of(s)->db, "protein",
			  "SELECT accession, sequence_id, taxonomy_id FROM protein"
			  " ORDER BY accession COLLATE BINARY",
			  err);
	while (bundle_rows_next(&r) > 0) {
		row.accession = next_accession(&r, &last);
		row.sequence_id = bundle_rows_int_or(&r, 1, -1);
		row.taxonomy_id = bundle_rows_text_or_null(&r, 2);
		if (!r.failed && row.sequence_id < 0 && !bundle_rows_is_null(&r, 1))
			bundle_rows_bad(&r, "column sequence_id is negative");
		if (!r.failed)
			r.failed = fn(ctx, &row, err);
	}
	buf_release(&last);
	return bundle_rows_end(&r);
}
