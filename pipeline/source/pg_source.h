/* PostgreSQL as a source: the struct behind it, and its parts. Private to this room.
 *   pg_open.c         open, close, which tables and columns there are, the table of functions
 *   pg_stream.c       one SELECT as a binary COPY stream: fields checked, tries again where that is safe
 *   pg_read.c         ontology, annotation and evaluation sets, proteins
 *   pg_annotations.c  annotations, whole sets and parts of them
 *   pg_vectors.c      embeddings and sequences
 *   pg_jobs*.c        jobs, events, data sets, the lock on a data set's name */
#ifndef SOURCE_PG_SOURCE_H
#define SOURCE_PG_SOURCE_H

#include "pipeline/source/source_ops.h"
#include "prof/postgres/pg.h"
#include "prof/postgres/pgvalue.h"

struct pg_source {
	struct source base; /* first */
	struct pg *pg;      /* owned: reads, and writes of SOURCE_WRITE */
	int writing;        /* opened with SOURCE_WRITE */
	int answer_s;       /* how long one call about a job or a data set may take in all */
	int has_chunk;      /* columns that may be absent (spec 2.1) */
	int has_dim;
	int has_parent_job;
	int has_lease;
	int has_sha_v2;
	int has_events_view;              /* job_events */
	enum pgvalue_vector_kind vectors; /* type of sequence_embedding.embedding */
	struct pg *name_pg;               /* owned: holds the advisory lock on a name; NULL: none */
	char *name_held;                  /* owned */
	struct pg_jobs *jobs; /* owned: what pg_jobs*.c keeps; NULL until it is needed */
};

static inline struct pg_source *pg_of(struct source *s)
{
	return (struct pg_source *)s;
}

/* A further connection with the same URL (the lock on a name outlives a lost one). Its deadline stays set. */
int pg_source_connect(struct pg_source *p, const char *application, struct pg **out,
		      struct err *err);
/* Opens the connection again if it was lost. */
int pg_source_alive(struct pg_source *p, struct err *err);

int pg_source_has_snapshot(struct source *s, const char *snapshot_id, struct err *err);
int pg_source_configs(struct source *s, source_config_fn *fn, void *ctx, struct err *err);
int pg_source_annotation_sets(struct source *s, const char *source_name,
			      source_annotation_set_fn *fn, void *ctx, struct err *err);
int pg_source_evaluation_sets(struct source *s, const char *old_set_id, const char *new_set_id,
			      source_evaluation_set_fn *fn, void *ctx, struct err *err);
int pg_source_terms(struct source *s, const char *snapshot_id, source_term_fn *fn, void *ctx,
		    struct err *err);
int pg_source_edges(struct source *s, const char *snapshot_id, source_edge_fn *fn, void *ctx,
		    struct err *err);
int pg_source_annotations(struct source *s, const char *set_id, source_annotation_fn *fn, void *ctx,
			  struct err *err);
int pg_source_annotation_span(struct source *s, const char *set_id, struct source_span *span,
			      struct err *err);
int pg_source_annotations_between(struct source *s, const char *set_id,
				  const struct source_span *span, int64_t first, int64_t last,
				  source_annotation_fn *fn, void *ctx, struct err *err);
int pg_source_proteins(struct source *s, source_protein_fn *fn, void *ctx, struct err *err);
int pg_source_embeddings(struct source *s, const char *config_id, source_embedding_fn *fn,
			 void *ctx, struct err *err);
int pg_source_embedding_estimate(struct source *s, const char *config_id, uint64_t *rows,
				 uint64_t *dim, struct err *err);
int pg_source_embedded_proteins(struct source *s, const char *config_id, uint64_t *n,
				struct err *err);
int pg_source_sequences(struct source *s, const int64_t *ids, size_t n, source_sequence_fn *fn,
			void *ctx, struct err *err);

/* pg_jobs*.c: the writing side of the table, source_jobs.h. */
int pg_source_reserve_name(struct source *s, const char *name, struct err *err);
void pg_source_release_name(struct source *s);
int pg_source_check_name(struct source *s, struct err *err);
int pg_source_has_dataset(struct source *s, const char *name, struct err *err);
int pg_source_read_dataset(struct source *s, const char *name, char **json, struct err *err);
int pg_source_insert_dataset(struct source *s, const struct source_dataset *row, struct err *err);
int pg_source_insert_job(struct source *s, struct source_claim *claim, const char *operation,
			 const char *payload_json, struct err *err);
int pg_source_claim_job(struct source *s, const char *job_id, const struct source_claimant *who,
			struct source_job *job, struct err *err);
int pg_source_claim_next(struct source *s, const char *queue, const char *operation,
			 const struct source_claimant *who, struct source_job *job,
			 struct err *err);
int pg_source_take_expired(struct source *s, const char *queue, const char *operation,
			   const struct source_claimant *who, struct source_job *job,
			   struct err *err);
int pg_source_requeue_job(struct source *s, const struct source_claim *claim, const char *reason,
			  struct err *err);
int pg_source_read_job(struct source *s, const char *job_id, struct source_job *job,
		       struct err *err);
int pg_source_finish_job(struct source *s, const struct source_claim *claim,
			 const struct source_end *end, struct err *err);
int pg_source_extend_lease(struct source *s, const struct source_claim *claim, struct err *err);
int pg_source_check_job(struct source *s, const struct source_claim *claim, struct err *err);
int pg_source_wait_jobs(struct source *s, int timeout_ms, struct err *err);
int pg_source_insert_event(struct source *s, const struct source_event *row, struct err *err);
/* Frees p->jobs, p->name_pg and p->name_held; called once, at close. */
void pg_jobs_close(struct pg_source *p);

#endif
