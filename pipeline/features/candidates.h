/* Candidates of one (query, aspect): the votes of spec 4.6, the leaves of 4.10 with the consensus of
 * 4.7.3 and the cosines of 4.8, ancestor expansion, and InterPro-only rows. One struct group is the
 * scratch memory of one thread. */
#ifndef FEATURES_CANDIDATES_H
#define FEATURES_CANDIDATES_H

#include <stddef.h>
#include <stdint.h>

#include "pipeline/anc2vec/anc2vec_max.h"
#include "pipeline/features/inputs.h"
#include "prof/base/err.h"

#define PAIR_NONE UINT32_MAX

struct candidate {
	uint32_t go;
	uint32_t pair;                /* donor pair; PAIR_NONE for InterPro-only rows */
	uint32_t qualifier, evidence; /* ids in the run's strings */
	double distance;              /* NaN is null, here and below */
	double vote_count, k_position, term_frequency, ref_density;
	double vote_fraction, min_distance, mean_distance;
	double neighbor_cos, neighbor_maxcos, has_emb;
	double known_cos, known_maxcos;
	double voters_same, voters_close, voters_mean_common;
	double lineage_above; /* known terms that have it as ancestor, or are it */
	double lineage_below; /* known terms among its ancestors */
	double association_total, association_cross;
	int knn_present;
};

struct vote { /* of one term in one (query, aspect) */
	uint32_t term;
	uint32_t count, k_position;
	double min_distance, sum_distance;
	double first_distance;
	uint32_t pair, ref_row, qualifier, evidence; /* of the first row */
	uint32_t same, close;
	int64_t common_sum, common_n;
};

struct group {
	const struct feature_inputs *in; /* borrowed */
	/* per query */
	uint32_t query;
	const uint64_t *known; /* keys of the query's known terms, ascending */
	uint32_t n_known;
	double distance_std;
	const float **known_vector; /* owned array: unit vectors of known terms that have one */
	uint32_t n_known_vectors, known_cap;
	struct anc2vec_set known_set; /* of them */
	float *known_centroid;        /* owned: unit */
	int has_known_centroid;
	double *distances;     /* owned scratch: 2 x (ASPECTS x k) */
	uint32_t *known_stamp; /* owned, per go: == query_now when known */
	uint32_t *above_stamp; /* owned, per go: == query_now when above_count is valid */
	uint32_t *above_count; /* owned, per go: known terms that have it as ancestor or are it */
	uint32_t query_now;
	/* per aspect */
	int aspect;
	struct vote *vote; /* owned; order of first appearance */
	uint32_t n_votes, vote_cap;
	uint32_t *term_stamp, *term_vote; /* owned, per term */
	uint32_t *go_stamp, *go_slot; /* owned, per go: candidate number; ancestors follow leaves */
	uint32_t now;
	struct candidate *leaf; /* owned: leaves, then InterPro-only rows */
	uint32_t n_leaves, n_rows, leaf_cap;
	struct candidate *ancestor; /* owned */
	uint32_t n_ancestors, ancestor_cap;
	float *centroid; /* owned: unit neighbour centroid */
	int has_centroid;
	const float **row_vector; /* owned array: matrix M of 4.8 */
	uint32_t n_row_vectors, row_cap;
	struct anc2vec_set row_set; /* of them */
	double *cosine;             /* owned scratch of cosines.c */
	size_t cosine_cap;
};

int group_init(struct group *g, const struct feature_inputs *in, struct err *err);
void group_release(struct group *g);

/* Turns to another query: its known terms, their centroid and lineage counts, distance_std. */
int group_query(struct group *g, uint32_t query, struct err *err);
/* Makes the candidates of one aspect of that query: g->leaf[0 … n_leaves) leaves, then InterPro-only
 * rows up to n_rows, and g->ancestor[0 … n_ancestors). */
int group_aspect(struct group *g, int aspect, struct err *err);

/* ---- parts, one file each ------------------------------------------------------------------------- */

int group_collect_votes(struct group *g, struct err *err);      /* votes.c */
int group_make_leaves(struct group *g, struct err *err);        /* leaves.c */
int group_add_cosines(struct group *g, struct err *err);        /* cosines.c */
void group_known_cosines(struct group *g, struct candidate *c); /* cosines.c */
int group_expand(struct group *g, struct err *err);             /* expand.c */
int group_add_interpro(struct group *g, struct err *err);       /* union.c */

void group_lineage(const struct group *g, struct candidate *c); /* lineage.c */
void group_mark_known(struct group *g);                         /* lineage.c */

/* Room for one more element of an owned array. 0 or ERR_NOMEM. */
int group_grow(void *array, uint32_t *cap, uint32_t n, size_t size, struct err *err);

#endif
