/* Annotations of a bundle, by id: whole sets, and the rows between two ids, so that several threads can
 * read one set. A set whose rows lie side by side, as `bundle create` writes them, is read from the table
 * alone, page by page as far as that goes; otherwise its index says where the rows are. */
#include "pipeline/source/bundle_source.h"

#include <string.h>

#include "pipeline/bundle/rows.h"
#include "pipeline/source/bundle_cells.h"

#define COLUMNS "SELECT id, protein_accession, go_term_id, qualifier, evidence_code"
#define PROBES  64 /* places where the span of a set is looked at */

int64_t bundle_next_id(struct bundle_rows *r, int64_t *last)
{
	int64_t id = bundle_rows_int(r, 0);

	if (!r->failed && r->count > 1 && id <= *last)
		bundle_rows_bad(
			r, "rows are not in order of id, or an id comes twice (file damaged?)");
	*last = id;
	return id;
}

static int push_rows(struct bundle_rows *r, source_annotation_fn *fn, void *ctx)
{
	struct source_annotation row;
	int64_t last = 0;

	while (bundle_rows_next(r) > 0) {
		row.id = bundle_next_id(r, &last);
		row.accession = bundle_rows_text(r, 1, NULL);
		row.term_id = bundle_rows_int(r, 2);
		row.qualifier = bundle_rows_text_or_null(r, 3);
		row.evidence_code = bundle_rows_text_or_null(r, 4);
		if (!r->failed)
			r->failed = fn(ctx, &row, r->err);
	}
	return bundle_rows_end(r);
}

int bundle_annotations(struct source *s, const char *set_id, source_annotation_fn *fn, void *ctx,
		       struct err *err)
{
	struct bundle_rows r;

	bundle_rows_begin(&r, bundle_of(s)->db, "protein_go_annotation",
			  COLUMNS " FROM protein_go_annotation WHERE annotation_set_id = ?1"
				  " ORDER BY id",
			  err);
	bundle_rows_bind_text(&r, 1, set_id);
	return push_rows(&r, fn, ctx);
}

/* ---- parts ------------------------------------------------------------------------------------ */

/* First or last id of a set; 1: there is one. */
static int end_id(struct source *s, const char *set_id, const char *sql, int64_t *id,
		  struct err *err)
{
	struct bundle_rows r;
	int there, rc;

	bundle_rows_begin(&r, bundle_of(s)->db, "protein_go_annotation", sql, err);
	bundle_rows_bind_text(&r, 1, set_id);
	there = bundle_rows_next(&r) > 0;
	if (there)
		*id = bundle_rows_int(&r, 0);
	rc = bundle_rows_end(&r);
	return rc < 0 ? rc : there;
}

/* Looks at places spread over the span: does most of it belong to the set? */
static int look_at(struct source *s, const char *set_id, struct source_span *span, struct err *err)
{
	uint64_t step = ((uint64_t)span->last - (uint64_t)span->first) / PROBES + 1;
	struct bundle_rows r;
	int ours = 0, i;

	bundle_rows_begin(&r, bundle_of(s)->db, "protein_go_annotation",
			  "SELECT id, annotation_set_id FROM protein_go_annotation"
			  " WHERE id >= ?1 ORDER BY id LIMIT 1",
			  err);
	for (i = 0; i < PROBES && !r.failed; i++) {
		const char *text;

		bundle_rows_restart(&r);
		bundle_rows_bind_int(&r, 1, (int64_t)((uint64_t)span->first + (uint64_t)i * step));
		if (bundle_rows_next(&r) > 0) {
			text = bundle_rows_text(&r, 1, NULL);
			ours += !r.failed && strcmp(text, set_id) == 0;
		}
	}
	span->dense = ours >= PROBES / 2;
	return bundle_rows_end(&r);
}

int bundle_annotation_span(struct source *s, const char *set_id, struct source_span *span,
			   struct err *err)
{
	int rc;

	*span = (struct source_span){.first = 1, .whole = !bundle_of(s)->annotation_by_id};
	if (span->whole) { /* ids that are no key: each part would read the whole table */
		span->last = INT64_MAX;
		return 0;
	}
	rc = end_id(s, set_id,
		    "SELECT id FROM protein_go_annotation WHERE annotation_set_id = ?1"
		    " ORDER BY id LIMIT 1",
		    &span->first, err);
	if (rc > 0)
		rc = end_id(s, set_id,
			    "SELECT id FROM protein_go_annotation WHERE annotation_set_id = ?1"
			    " ORDER BY id DESC LIMIT 1",
			    &span->last, err);
	if (rc <= 0)
		return rc;
	return look_at(s, set_id, span, err);
}

int bundle_annotations_between(struct source *s, const char *set_id, const struct source_span *span,
			       int64_t first, int64_t last, source_annotation_fn *fn, void *ctx,
			       struct err *err)
{
	struct bundle_rows r;
	int whole = 0, rc = 0;

	if (span->dense)
		rc = bundle_annotation_cells(s, set_id, &first, last, &whole, fn, ctx, err);
	if (rc || whole)
		return rc;
	/* the unary plus keeps SQLite from the index of the set */
	bundle_rows_begin(&r, bundle_of(s)->db, "protein_go_annotation",
			  span->dense ? COLUMNS " FROM protein_go_annotation"
						" WHERE +annotation_set_id = ?1"
						" AND id BETWEEN ?2 AND ?3 ORDER BY id"
				      : COLUMNS " FROM protein_go_annotation"
						" WHERE annotation_set_id = ?1"
						" AND id BETWEEN ?2 AND ?3 ORDER BY id",
			  err);
	bundle_rows_bind_text(&r, 1, set_id);
	bundle_rows_bind_int(&r, 2, first);
	bundle_rows_bind_int(&r, 3, last);
	return push_rows(&r, fn, ctx);
}
