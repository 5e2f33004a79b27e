/* One pair of releases: what is found before the pairs' common searches (ground truth, queries, references)
 * and what is made of their results (features, records, shards; spec 4.0, step 4). pairs.h has the order of
 * work over all pairs. */
#ifndef JOB_SPLIT_H
#define JOB_SPLIT_H

#include "pipeline/features/association.h"
#include "pipeline/features/inputs.h"
#include "pipeline/features/neighbors.h"
#include "pipeline/job/context.h"
#include "pipeline/job/staging.h"

/* Queries go through the records stage in blocks; each worker has so many of them in a window, and while
 * one window is computed another is appended. */
#define SPLIT_BLOCK_QUERIES 32
#define SPLIT_WORKER_BLOCKS 4
#define SPLIT_WINDOWS       2

/* The work on one pair. */
struct split {
	struct context *c; /* borrowed, all of these */
	const struct payload *payload;
	const struct plan *plan;
	struct staging *staging;
	struct events *events;
	size_t pair;
	int works;        /* it is neither finished nor skipped */
	int skipped;      /* by this run: its marker is to be staged */
	double elapsed_s; /* its stages, and its share of those that are common to the pairs */

	struct buckets buckets;
	uint32_t *query_row; /* owned */
	uint32_t n_queries;
	const struct references *refs; /* of the context, until the end */
	struct neighbors own_neighbors;
	const struct neighbors *neighbors;
	uint32_t n_found; /* queries, from the first, whose neighbours are there */
	int found_kept;   /* all of them were kept by an earlier run or cell */
	struct pair_list pairs;
	uint32_t *job_of;           /* owned, per pair: its alignment, or UINT32_MAX */
	struct align_values *align; /* owned, per pair */
	unsigned char *has_align;   /* owned */
	size_t align_hits; /* text pairs whose values were there: of the cache, kept, or of an earlier pair */
	size_t align_computed;
	struct tax_pair *tax;      /* owned, per pair */
	const double **pca_scores; /* owned, per query: its scores in the context */
	unsigned char *in_pool;    /* owned, per go */
	struct association association;
	int has_association;
	json_t *marker; /* owned: counts of the pair */
	pp_stage mark;  /* of features and records: its sizes are those of the stages inside it */
};

/* Ground truth, queries, references. A pair to be skipped has its marker then, with "skipped": reason. */
int split_begin(struct split *s, struct err *err);
/* Features and records: shards and marker in staging. */
int split_finish(struct split *s, struct err *err);
/* Leaves a marker in staging and says so; `done`: pairs that are finished with this one. */
int split_stage(struct split *s, size_t done, struct err *err);
void split_release(struct split *s);

/* Parts, one file each. */
int split_features(struct split *s, struct err *err); /* split_features.c: taxonomy, term pool */
int split_records(struct split *s, struct err *err);  /* split_records.c */

json_t *split_name(const struct split *s); /* "split" of events; new reference */
size_t split_workers(const struct split *s);

#endif
