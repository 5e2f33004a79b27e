/* A database of the original's tables (spec 2.1), whatever holds it: a bundle (SQLite) or PostgreSQL.
 *
 * Reads are streams: rows are pushed to a callback in a stated order, as they come from sqlite3_step
 * or a binary COPY, so nothing is held twice. Texts and bytes are borrowed and valid during the
 * callback only. A callback returns 0 to go on, or a negative code that ends the stream and becomes
 * its result. No transaction is open between two calls (spec 4.0). A signal ends a stream with
 * ERR_CANCELLED (core/cancel.h); writing goes on, so that a stopped job can still be closed.
 *
 * A callback leaves the source it is called from alone: a connection in the middle of a COPY answers
 * nothing else. A struct source belongs to one thread at a time; events go through a handle of their
 * own (source_open again), because each is committed at once (spec 6.1). */
#ifndef SOURCE_SOURCE_H
#define SOURCE_SOURCE_H

#include <stddef.h>
#include <stdint.h>

#include "pipeline/source/source_jobs.h"
#include "prof/base/err.h"

struct source;

enum source_flags {
	SOURCE_READ = 0,
	SOURCE_WRITE = 1 << 0, /* jobs, events and data sets will be written */
};

/* `url`: "bundle:PATH" (or a bare path of an existing file), "postgresql://…", "postgres://…",
 * "postgresql+psycopg://…". ERR_UNSUPPORTED names what this build lacks. A bundle is checked for
 * being one: application id, tables, required columns. */
int source_open(struct source **out, const char *url, unsigned flags, struct err *err);
void source_close(struct source *s);             /* NULL is fine */
const char *source_name(const struct source *s); /* for messages: path, or URL without password */
const char *source_url(const struct source *s);  /* what source_open was given */
const char *source_kind(const struct source *s); /* "bundle" or "postgresql" */

/* ---- reading -------------------------------------------------------------------------------- */

/* 1 exists, 0 not, negative failure. ids are lower-case UUID texts. */
int source_has_snapshot(struct source *s, const char *snapshot_id, struct err *err);

struct source_config {
	const char *id;
	const char *model_name;
};
typedef int source_config_fn(void *ctx, const struct source_config *row, struct err *err);
int source_configs(struct source *s, source_config_fn *fn, void *ctx, struct err *err); /* by id */

struct source_annotation_set {
	const char *id;
	const char *source_version; /* NULL possible */
	const char *snapshot_id;
	int64_t created_at_ns; /* unix time */
};
typedef int source_annotation_set_fn(void *ctx, const struct source_annotation_set *row,
				     struct err *err);
/* Rows with source = `source_name`, by id. */
int source_annotation_sets(struct source *s, const char *source_name, source_annotation_set_fn *fn,
			   void *ctx, struct err *err);

struct source_evaluation_set {
	const char *id;
	const char *pivot_snapshot_id; /* stats.pivot_ontology_snapshot_id, NULL if absent */
	const char *groundtruth_uri;   /* NULL = never materialised */
	int64_t created_at_ns;
};
typedef int source_evaluation_set_fn(void *ctx, const struct source_evaluation_set *row,
				     struct err *err);
int source_evaluation_sets(struct source *s, const char *old_set_id, const char *new_set_id,
			   source_evaluation_set_fn *fn, void *ctx, struct err *err); /* by id */

struct source_term {
	int64_t id;
	const char *go_id;
	char aspect; /* 'P', 'F', 'C'; any other letter as stored; 0: NULL or empty */
	const char *snapshot_id;
};
typedef int source_term_fn(void *ctx, const struct source_term *row, struct err *err);
int source_terms(struct source *s, const char *snapshot_id, source_term_fn *fn, void *ctx,
		 struct err *err); /* by id */

struct source_edge { /* only is_a and part_of */
	int64_t child_id;
	int64_t parent_id;
};
typedef int source_edge_fn(void *ctx, const struct source_edge *row, struct err *err);
int source_edges(struct source *s, const char *snapshot_id, source_edge_fn *fn, void *ctx,
		 struct err *err); /* by row id */

struct source_annotation {
	int64_t id;
	const char *accession;
	int64_t term_id;
	const char *qualifier;     /* NULL possible */
	const char *evidence_code; /* NULL possible */
};
typedef int source_annotation_fn(void *ctx, const struct source_annotation *row, struct err *err);
int source_annotations(struct source *s, const char *set_id, source_annotation_fn *fn, void *ctx,
		       struct err *err); /* by id */

/* Where the rows of a set lie among the ids, for reading them in parts. `whole`: parts cannot be read. */
struct source_span {
	int64_t first, last; /* ids; first > last: the set has no rows */
	int whole;
	int dense; /* few rows of others lie between */
};
int source_annotation_span(struct source *s, const char *set_id, struct source_span *span,
			   struct err *err);
/* The rows with ids from `first` to `last`, by id; `span` as the call above gave it. */
int source_annotations_between(struct source *s, const char *set_id, const struct source_span *span,
			       int64_t first, int64_t last, source_annotation_fn *fn, void *ctx,
			       struct err *err);

struct source_protein {
	const char *accession;
	int64_t sequence_id;     /* -1: NULL */
	const char *taxonomy_id; /* NULL possible */
};
typedef int source_protein_fn(void *ctx, const struct source_protein *row, struct err *err);
int source_proteins(struct source *s, source_protein_fn *fn, void *ctx,
		    struct err *err); /* by accession, compared as bytes */

enum source_vector_type {
	SOURCE_HALF_LE, /* float16, little-endian */
	SOURCE_HALF_BE,
	SOURCE_FLOAT_LE, /* float32: rounded to half by the text route of spec 2.2 */
	SOURCE_FLOAT_BE,
};

struct source_embedding {
	int64_t id;
	int64_t sequence_id;
	int64_t chunk_index_s; /* 0 where the column is absent */
	const void *values;    /* dim values of `type`, aligned to 4 */
	size_t dim;            /* as found in the row */
	enum source_vector_type type;
};
typedef int source_embedding_fn(void *ctx, const struct source_embedding *row, struct err *err);
/* All rows of one configuration, by sequence id, then row id. */
int source_embeddings(struct source *s, const char *config_id, source_embedding_fn *fn, void *ctx,
		      struct err *err);

/* Can the rows be read in parts, each by a handle of its own? */
int source_has_embedding_parts(const struct source *s);
/* The rows of sequences from `first` to `last`; where there are parts. */
int source_embeddings_between(struct source *s, const char *config_id, int64_t first, int64_t last,
			      source_embedding_fn *fn, void *ctx, struct err *err);

/* Rows and dimension of a configuration, cheaply (no COUNT over a large table is needed: planner
 * estimates will do where exactness is costly). *dim = 0: no rows. */
int source_embedding_estimate(struct source *s, const char *config_id, uint64_t *rows,
			      uint64_t *dim, struct err *err);
/* Proteins whose sequence has a row of the configuration (spec 6.3, "total"): exact, from keys alone. */
int source_embedded_proteins(struct source *s, const char *config_id, uint64_t *n, struct err *err);

typedef int source_sequence_fn(void *ctx, int64_t id, const char *text, size_t len,
			       struct err *err);
/* Texts of the given sequence ids (ascending, distinct), in that order; ids without a row are left
 * out. */
int source_sequences(struct source *s, const int64_t *ids, size_t n, source_sequence_fn *fn,
		     void *ctx, struct err *err);

/* ---- jobs, events, data sets (SOURCE_WRITE): source_jobs.h ------------------------------------ */

#endif
