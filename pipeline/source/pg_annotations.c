/* Annotations of a database. A set is one stream, by id: the server scans and sorts with as many workers as it
 * is given, and the set's rows are read once. Parts are not offered: nothing but a second pass over the
 * rows could tell where their ids lie. */
#include "pipeline/source/pg_stream.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#define SELECT_ROWS                                                                                \
	"SELECT id, protein_accession, go_term_id, qualifier, evidence_code"                       \
	" FROM protein_go_annotation WHERE annotation_set_id = $::uuid"

struct taker {
	source_annotation_fn *fn;
	void *ctx;
};

static void take_annotation(struct pg_stream *r)
{
	struct taker *t = r->ctx;
	struct source_annotation row;

	row.id = pg_stream_next_id(r, 0);
	row.accession = pg_stream_text(r, 1, NULL);
	row.term_id = pg_stream_int(r, 2);
	row.qualifier = pg_stream_text_or_null(r, 3);
	row.evidence_code = pg_stream_text_or_null(r, 4);
	if (!r->failed)
		r->failed = t->fn(t->ctx, &row, r->err);
}

static int stream(struct source *s, const char *format, const char *set_id,
		  source_annotation_fn *fn, void *ctx, struct err *err)
{
	struct taker t = {fn, ctx};
	struct pg_stream r = {.p = pg_of(s),
			      .table = "protein_go_annotation",
			      .columns = "id protein_accession go_term_id qualifier evidence_code",
			      .n_fields = 5,
			      .fn = take_annotation,
			      .ctx = &t,
			      .err = err};
	int rc;
	char *select = pg_stream_select(r.p, format, &set_id, &rc, err);

	if (rc == 0)
		rc = pg_stream_run(&r, select);
	free(select);
	return rc;
}

int pg_source_annotations(struct source *s, const char *set_id, source_annotation_fn *fn, void *ctx,
			  struct err *err)
{
	return stream(s, SELECT_ROWS " ORDER BY id", set_id, fn, ctx, err);
}

int pg_source_annotation_span(struct source *s, const char *set_id, struct source_span *span,
			      struct err *err)
{
	(void)s;
	(void)set_id;
	(void)err;
	*span = (struct source_span){.first = INT64_MIN, .last = INT64_MAX, .whole = 1};
	return 0;
}

int pg_source_annotations_between(struct source *s, const char *set_id,
				  const struct source_span *span, int64_t first, int64_t last,
				  source_annotation_fn *fn, void *ctx, struct err *err)
{
	char format[sizeof SELECT_ROWS + 100];

	(void)span;
	if (first == INT64_MIN && last == INT64_MAX)
		return pg_source_annotations(s, set_id, fn, ctx, err);
	snprintf(format, sizeof format,
		 SELECT_ROWS " AND id >= (%" PRId64 ") AND id <= (%" PRId64 ") ORDER BY id", first,
		 last);
	return stream(s, format, set_id, fn, ctx, err);
}
