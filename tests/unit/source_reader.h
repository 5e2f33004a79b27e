/* Reads the fixture's streams into text, for tests of sources. */
#ifndef TESTS_SOURCE_READER_H
#define TESTS_SOURCE_READER_H

#include <string.h>

#include "pipeline/source/source.h"
#include "tests/unit/bundle_fixture.h"

static struct err err;
static struct buf seen; /* what the callbacks saw */

static inline const char *or_null(const char *text)
{
	return text ? text : "NULL";
}

static inline int on_config(void *ctx, const struct source_config *row, struct err *e)
{
	(void)ctx, (void)e;
	return buf_printf(&seen, "%s=%s\n", row->id, row->model_name);
}

static inline int on_set(void *ctx, const struct source_annotation_set *row, struct err *e)
{
	(void)ctx, (void)e;
	return buf_printf(&seen, "%s %s %s %lld\n", row->id, or_null(row->source_version),
			  row->snapshot_id, (long long)row->created_at_ns);
}

static inline int on_eval(void *ctx, const struct source_evaluation_set *row, struct err *e)
{
	(void)ctx, (void)e;
	return buf_printf(&seen, "%s %s %s %lld\n", row->id, or_null(row->pivot_snapshot_id),
			  or_null(row->groundtruth_uri), (long long)row->created_at_ns);
}

static inline int on_term(void *ctx, const struct source_term *row, struct err *e)
{
	(void)ctx, (void)e;
	return buf_printf(&seen, "%lld %s %c\n", (long long)row->id, row->go_id,
			  row->aspect ? row->aspect : '-');
}

static inline int on_edge(void *ctx, const struct source_edge *row, struct err *e)
{
	(void)ctx, (void)e;
	return buf_printf(&seen, "%lld>%lld\n", (long long)row->child_id,
			  (long long)row->parent_id);
}

static inline int on_annotation(void *ctx, const struct source_annotation *row, struct err *e)
{
	(void)ctx, (void)e;
	return buf_printf(&seen, "%lld %s %lld %s %s\n", (long long)row->id, row->accession,
			  (long long)row->term_id, or_null(row->qualifier),
			  or_null(row->evidence_code));
}

static inline int on_protein(void *ctx, const struct source_protein *row, struct err *e)
{
	(void)ctx, (void)e;
	return buf_printf(&seen, "%s %lld %s\n", row->accession, (long long)row->sequence_id,
			  or_null(row->taxonomy_id));
}

static inline int on_embedding(void *ctx, const struct source_embedding *row, struct err *e)
{
	size_t n = row->dim * (row->type == SOURCE_HALF_LE ? 2 : 4);
	const unsigned char *bytes = row->values;

	(void)ctx, (void)e;
	assert_int_equal((uintptr_t)row->values % 4, 0);
	buf_printf(&seen, "%lld seq %lld chunk %lld dim %zu ", (long long)row->id,
		   (long long)row->sequence_id, (long long)row->chunk_index_s, row->dim);
	for (size_t i = 0; i < n; i++)
		buf_printf(&seen, "%02x", bytes[i]);
	return buf_puts(&seen, "\n");
}

static inline int on_sequence(void *ctx, int64_t id, const char *text, size_t len, struct err *e)
{
	(void)ctx, (void)e;
	assert_int_equal(strlen(text), len);
	return buf_printf(&seen, "%lld=%s\n", (long long)id, text);
}

static inline int read_terms(struct source *s)
{
	return source_terms(s, SNAP_1, on_term, NULL, &err);
}

static inline int read_edges(struct source *s)
{
	return source_edges(s, SNAP_1, on_edge, NULL, &err);
}

static inline int read_proteins(struct source *s)
{
	return source_proteins(s, on_protein, NULL, &err);
}

static inline int read_annotations(struct source *s)
{
	return source_annotations(s, SET_OLD, on_annotation, NULL, &err);
}

static inline int read_embeddings(struct source *s)
{
	return source_embeddings(s, CONFIG_H, on_embedding, NULL, &err);
}

static inline int read_sets(struct source *s)
{
	return source_annotation_sets(s, "goa", on_set, NULL, &err);
}

static inline int read_evals(struct source *s)
{
	return source_evaluation_sets(s, SET_OLD, SET_NEW, on_eval, NULL, &err);
}

static inline int read_configs(struct source *s)
{
	return source_configs(s, on_config, NULL, &err);
}

static inline int read_sequences(struct source *s)
{
	static const int64_t ids[] = {1, 2, 3};

	return source_sequences(s, ids, 3, on_sequence, NULL, &err);
}

#endif
