/* What a kind of source must offer. Private to this room: source.c looks at the URL, calls the opener
 * and from then on goes through this table. A PostgreSQL room fills the same table: each reading
 * function becomes one `COPY (SELECT …) TO STDOUT (FORMAT binary)` whose tuples are decoded in the
 * connection's buffer and pushed to the callback, so every function here must work with rows that
 * are seen once, in order, and gone after the callback. */
#ifndef SOURCE_SOURCE_OPS_H
#define SOURCE_SOURCE_OPS_H

#include "pipeline/source/source.h"

struct source_ops {
	const char *kind;
	void (*close)(struct source *s); /* frees s itself, not url and name */

	int (*has_snapshot)(struct source *s, const char *snapshot_id, struct err *err);
	int (*configs)(struct source *s, source_config_fn *fn, void *ctx, struct err *err);
	int (*annotation_sets)(struct source *s, const char *source_name,
			       source_annotation_set_fn *fn, void *ctx, struct err *err);
	int (*evaluation_sets)(struct source *s, const char *old_set_id, const char *new_set_id,
			       source_evaluation_set_fn *fn, void *ctx, struct err *err);
	int (*terms)(struct source *s, const char *snapshot_id, source_term_fn *fn, void *ctx,
		     struct err *err);
	int (*edges)(struct source *s, const char *snapshot_id, source_edge_fn *fn, void *ctx,
		     struct err *err);
	int (*annotations)(struct source *s, const char *set_id, source_annotation_fn *fn,
			   void *ctx, struct err *err);
	int (*annotation_span)(struct source *s, const char *set_id, struct source_span *span,
			       struct err *err);
	int (*annotations_between)(struct source *s, const char *set_id,
				   const struct source_span *span, int64_t first, int64_t last,
				   source_annotation_fn *fn, void *ctx, struct err *err);
	int (*proteins)(struct source *s, source_protein_fn *fn, void *ctx, struct err *err);
	int (*embeddings)(struct source *s, const char *config_id, source_embedding_fn *fn,
			  void *ctx, struct err *err);
	int (*embeddings_between)(struct source *s, const char *config_id, int64_t first,
				  int64_t last, source_embedding_fn *fn, void *ctx,
				  struct err *err); /* NULL: there are no parts */
	int (*embedding_estimate)(struct source *s, const char *config_id, uint64_t *rows,
				  uint64_t *dim, struct err *err);
	int (*embedded_proteins)(struct source *s, const char *config_id, uint64_t *n,
				 struct err *err);
	int (*sequences)(struct source *s, const int64_t *ids, size_t n, source_sequence_fn *fn,
			 void *ctx, struct err *err);

	/* as in source_jobs.h */
	int (*reserve_name)(struct source *s, const char *name, struct err *err);
	void (*release_name)(struct source *s);
	int (*check_name)(struct source *s, struct err *err);
	int (*has_dataset)(struct source *s, const char *name, struct err *err);
	int (*read_dataset)(struct source *s, const char *name, char **json, struct err *err);
	int (*insert_dataset)(struct source *s, const struct source_dataset *row, struct err *err);
	int (*insert_job)(struct source *s, struct source_claim *claim, const char *operation,
			  const char *payload_json, struct err *err);
	int (*claim_job)(struct source *s, const char *job_id, const struct source_claimant *who,
			 struct source_job *job, struct err *err);
	int (*claim_next)(struct source *s, const char *queue, const char *operation,
			  const struct source_claimant *who, struct source_job *job,
			  struct err *err);
	int (*take_expired)(struct source *s, const char *queue, const char *operation,
			    const struct source_claimant *who, struct source_job *job,
			    struct err *err);
	int (*requeue_job)(struct source *s, const struct source_claim *claim, const char *reason,
			   struct err *err);
	int (*read_job)(struct source *s, const char *job_id, struct source_job *job,
			struct err *err);
	int (*finish_job)(struct source *s, const struct source_claim *claim,
			  const struct source_end *end, struct err *err);
	int (*extend_lease)(struct source *s, const struct source_claim *claim, struct err *err);
	int (*check_job)(struct source *s, const struct source_claim *claim, struct err *err);
	int (*wait_jobs)(struct source *s, int timeout_ms, struct err *err);
	int (*insert_event)(struct source *s, const struct source_event *row, struct err *err);
};

/* First member of each kind's own struct. */
struct source {
	const struct source_ops *ops;
	char *url;  /* owned by source.c */
	char *name; /* owned by source.c */
};

/* May a job of this status register its data set? 0 or why not. */
int source_may_register(const struct source_dataset *row, const char *status, struct err *err);

/* Opens a bundle; `*out` has its ops set. */
int source_open_bundle(struct source **out, const char *path, unsigned flags, struct err *err);
/* Connects to a database; `name` is what messages may show of the URL. */
int source_open_pg(struct source **out, const char *url, const char *name, unsigned flags,
		   struct err *err);

#endif
