/* One pair from ground truth to shards (spec 4.0, step 4). */
#ifndef JOB_SPLIT_H
#define JOB_SPLIT_H

#include "pipeline/align/align_cache.h"
#include "pipeline/features/association.h"
#include "pipeline/features/inputs.h"
#include "pipeline/features/neighbors.h"
#include "pipeline/job/context.h"
#include "pipeline/job/staging.h"

/* Queries go through the records stage in blocks; each worker has so many of them in a window. */
#define SPLIT_BLOCK_QUERIES 32
#define SPLIT_WORKER_BLOCKS 4

/* The work on one pair; split_run() fills and releases it. */
struct split {
	struct context *c; /* borrowed, all of these */
	const struct payload *payload;
	const struct plan *plan;
	struct staging *staging;
	struct events *events;
	size_t pair;

	struct buckets buckets;
	uint32_t *query_row; /* owned */
	uint32_t n_queries;
	struct references refs;
	struct neighbors own_neighbors; /* empty when a grid's are used */
	const struct neighbors *neighbors;
	struct pair_list pairs;
	struct align_values *align; /* owned, per pair */
	unsigned char *has_align;   /* owned */
	size_t align_hits;          /* text pairs answered by the cache, and aligned */
	size_t align_computed;
	struct tax_pair *tax;   /* owned, per pair */
	double *pca_scores;     /* owned, per query */
	unsigned char *in_pool; /* owned, per go */
	struct association association;
	int has_association;
	json_t *marker; /* owned: counts of the pair */
	pp_stage mark;  /* of the whole pair: its sizes are those of the stages inside it */
};

/* Computes the pair and leaves its shards and marker in staging; *marker is a new reference.
 * A skipped pair has a marker with "skipped": reason. */
int split_run(struct context *c, const struct payload *p, const struct plan *plan,
	      struct staging *staging, struct events *e, size_t pair, json_t **marker,
	      struct err *err);

/* Parts, one file each. */
int split_search(struct split *s, struct err *err);   /* split_knn.c */
int split_align(struct split *s, struct err *err);    /* split_align.c */
int split_features(struct split *s, struct err *err); /* split_features.c: taxonomy, pool, PCA */
int split_records(struct split *s, struct err *err);  /* split_records.c */

json_t *split_name(const struct split *s); /* "split" of events; new reference */
size_t split_workers(const struct split *s);

#endif
