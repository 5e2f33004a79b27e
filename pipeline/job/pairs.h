/* The pairs of a run, stage by stage over all of them: (1) ground truth, queries and references of each; (2)
 * one neighbour search for all, and the PCA scores of their distinct queries; (3) one pass over their distinct text pairs; (4) features and records of
 * each. What (2) and (3) have found is kept in the staging folder part by part, so that a run that was killed
 * goes on from there; pairs that are finished take no part in any of it. */
#ifndef JOB_PAIRS_H
#define JOB_PAIRS_H

#include "pipeline/job/align_work.h"
#include "pipeline/job/split.h"

struct pairs {
	struct context *c; /* borrowed, all of these */
	const struct payload *payload;
	const struct plan *plan;
	struct staging *staging; /* NULL: nothing is finished or staged (a grid's neighbour pass) */
	struct events *events;
	struct split *split; /* owned: one per pair of the plan */
	size_t n;
	size_t n_done;          /* markers that are there */
	struct align_work work; /* after the alignments: their values */
};

/* Finishes every pair; marker[i] is a new reference (NULL where it did not come to it). */
int pairs_run(struct pairs *r, json_t **marker, struct err *err);
/* Phases 1 and 2 alone: the neighbours of all pairs, kept for those who come. */
int pairs_search(struct pairs *r, struct err *err);
void pairs_release(struct pairs *r);

/* Parts, one file each. */
/* Distinct queries of one part of the search, for so many references. */
uint64_t pairs_part_queries(uint64_t n_refs, uint64_t dim);
int pairs_neighbors(struct pairs *r, struct err *err);  /* pairs_knn.c */
int pairs_project(struct pairs *r, struct err *err);    /* pairs_pca.c: PCA scores of queries */
int pairs_alignments(struct pairs *r, struct err *err); /* pairs_align.c */
/* The values of a pair's accession pairs, out of the common ones. */
int pairs_take_alignments(const struct pairs *r, struct split *s, struct err *err);

#endif
