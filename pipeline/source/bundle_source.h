/* A bundle as a source: the struct behind it, and its three parts. Private to this room.
 *   bundle_open.c     open, close, the table of functions
 *   bundle_read.c     ontology, annotation and evaluation sets, proteins
 *   bundle_annotations.c  annotations, whole sets and parts of them
 *   bundle_cells.c    annotations as they lie on the pages
 *   bundle_pages.c    the pages
 *   bundle_vectors.c  embeddings and sequences
 *   bundle_sql.c      statements that write
 *   bundle_jobs.c     jobs
 *   bundle_datasets.c  events, data sets
 *   bundle_name.c     the lock on a data set's name */
#ifndef SOURCE_BUNDLE_SOURCE_H
#define SOURCE_BUNDLE_SOURCE_H

#include <sqlite3.h>

#include "pipeline/source/source_ops.h"

struct bundle_source {
	struct source base; /* first */
	sqlite3 *db;        /* owned */
	int writing;        /* opened with SOURCE_WRITE, and a bundle for sure */
	int has_chunk;      /* columns that may be absent (spec 2.1) */
	int has_dim;
	int has_parent_job;
	int has_lease;
	int has_sha_v2;
	int sequence_by_id;   /* sequence.id is a key: look-ups are quick */
	int annotation_by_id; /* and so is protein_go_annotation.id */
	int lock_fd;          /* -1: no name reserved */
	char *lock_path;      /* owned */
};

static inline struct bundle_source *bundle_of(struct source *s)
{
	return (struct bundle_source *)s;
}

int bundle_has_snapshot(struct source *s, const char *snapshot_id, struct err *err);
int bundle_configs(struct source *s, source_config_fn *fn, void *ctx, struct err *err);
int bundle_annotation_sets(struct source *s, const char *source_name, source_annotation_set_fn *fn,
			   void *ctx, struct err *err);
int bundle_evaluation_sets(struct source *s, const char *old_set_id, const char *new_set_id,
			   source_evaluation_set_fn *fn, void *ctx, struct err *err);
int bundle_terms(struct source *s, const char *snapshot_id, source_term_fn *fn, void *ctx,
		 struct err *err);
int bundle_edges(struct source *s, const char *snapshot_id, source_edge_fn *fn, void *ctx,
		 struct err *err);
int bundle_annotations(struct source *s, const char *set_id, source_annotation_fn *fn, void *ctx,
		       struct err *err);
int bundle_annotation_span(struct source *s, const char *set_id, struct source_span *span,
			   struct err *err);
int bundle_annotations_between(struct source *s, const char *set_id, const struct source_span *span,
			       int64_t first, int64_t last, source_annotation_fn *fn, void *ctx,
			       struct err *err);
int bundle_proteins(struct source *s, source_protein_fn *fn, void *ctx, struct err *err);

struct bundle_rows;
/* Column 0 as an id that must be above *last, which it becomes. */
int64_t bundle_next_id(struct bundle_rows *r, int64_t *last);

int bundle_embeddings_between(struct source *s, const char *config_id, int64_t first, int64_t last,
			      source_embedding_fn *fn, void *ctx, struct err *err);
int bundle_embeddings(struct source *s, const char *config_id, source_embedding_fn *fn, void *ctx,
		      struct err *err);
int bundle_embedded_proteins(struct source *s, const char *config_id, uint64_t *n, struct err *err);
int bundle_embedding_estimate(struct source *s, const char *config_id, uint64_t *rows,
			      uint64_t *dim, struct err *err);
int bundle_sequences(struct source *s, const int64_t *ids, size_t n, source_sequence_fn *fn,
		     void *ctx, struct err *err);

int bundle_has_dataset(struct source *s, const char *name, struct err *err);
int bundle_read_dataset(struct source *s, const char *name, char **json, struct err *err);
int bundle_insert_dataset(struct source *s, const struct source_dataset *row, struct err *err);
int bundle_insert_job(struct source *s, struct source_claim *claim, const char *operation,
		      const char *payload_json, struct err *err);
int bundle_claim_job(struct source *s, const char *job_id, const struct source_claimant *who,
		     struct source_job *job, struct err *err);
int bundle_claim_next(struct source *s, const char *queue, const char *operation,
		      const struct source_claimant *who, struct source_job *job, struct err *err);
int bundle_take_expired(struct source *s, const char *queue, const char *operation,
			const struct source_claimant *who, struct source_job *job, struct err *err);
int bundle_requeue_job(struct source *s, const struct source_claim *claim, const char *reason,
		       struct err *err);
int bundle_read_job(struct source *s, const char *job_id, struct source_job *job, struct err *err);
int bundle_finish_job(struct source *s, const struct source_claim *claim,
		      const struct source_end *end, struct err *err);
int bundle_extend_lease(struct source *s, const struct source_claim *claim, struct err *err);
int bundle_check_job(struct source *s, const struct source_claim *claim, struct err *err);
int bundle_wait_jobs(struct source *s, int timeout_ms, struct err *err);
int bundle_insert_event(struct source *s, const struct source_event *row, struct err *err);

int bundle_reserve_name(struct source *s, const char *name, struct err *err);
void bundle_release_name(struct source *s);
int bundle_check_name(struct source *s, struct err *err);

#endif
