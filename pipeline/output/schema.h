/* The columns of the data set (spec 5.2), their order in both profiles, and the digests of 5.4.
 * Constant tables; thread-safe. */
#ifndef OUTPUT_SCHEMA_H
#define OUTPUT_SCHEMA_H

#include <stddef.h>

#include "pipeline/core/digest.h"

enum schema_profile { SCHEMA_V2_56, SCHEMA_V5_73 };

enum schema_type { SCHEMA_STRING, SCHEMA_INT8, SCHEMA_DOUBLE, SCHEMA_BOOL };

enum schema_column {
	COL_PROTEIN_ACCESSION,
	COL_GO_TERM_ID,
	COL_LABEL,
	COL_CATEGORY,
	COL_SNAPSHOT_PAIR,
	COL_DISTANCE,
	COL_IDENTITY_NW,
	COL_SIMILARITY_NW,
	COL_ALIGNMENT_SCORE_NW,
	COL_GAPS_PCT_NW,
	COL_ALIGNMENT_LENGTH_NW,
	COL_IDENTITY_SW,
	COL_SIMILARITY_SW,
	COL_ALIGNMENT_SCORE_SW,
	COL_GAPS_PCT_SW,
	COL_ALIGNMENT_LENGTH_SW,
	COL_LENGTH_QUERY,
	COL_LENGTH_REF,
	COL_TAXONOMIC_DISTANCE,
	COL_TAXONOMIC_COMMON_ANCESTORS,
	COL_VOTE_COUNT,
	COL_K_POSITION,
	COL_GO_TERM_FREQUENCY,
	COL_REF_ANNOTATION_DENSITY,
	COL_NEIGHBOR_DISTANCE_STD,
	COL_NEIGHBOR_VOTE_FRACTION,
	COL_NEIGHBOR_MIN_DISTANCE,
	COL_NEIGHBOR_MEAN_DISTANCE,
	COL_ANC2VEC_NEIGHBOR_COS,
	COL_ANC2VEC_NEIGHBOR_MAXCOS,
	COL_ANC2VEC_HAS_EMB,
	COL_ANC2VEC_QUERY_KNOWN_COS,
	COL_ANC2VEC_QUERY_KNOWN_MAXCOS,
	COL_ANC2VEC_QUERY_KNOWN_COUNT,
	COL_TAX_VOTERS_SAME_FRAC,
	COL_TAX_VOTERS_CLOSE_FRAC,
	COL_TAX_VOTERS_MEAN_COMMON_ANCESTORS,
	COL_EMB_PCA_QUERY_0,
	COL_EMB_PCA_QUERY_15 = COL_EMB_PCA_QUERY_0 + 15,
	COL_LINEAGE_IS_ANCESTOR_OF_KNOWN,
	COL_LINEAGE_IS_DESCENDANT_OF_KNOWN,
	COL_LINEAGE_ANCESTOR_OF_COUNT,
	COL_LINEAGE_DESCENDANT_OF_COUNT,
	COL_INTERPRO_HIT,
	COL_INTERPRO_SCORE,
	COL_INTERPRO_N_SIGNATURES,
	COL_INTERPRO_DB_PFAM,
	COL_INTERPRO_DB_PANTHER,
	COL_INTERPRO_DB_SUPERFAMILY,
	COL_INTERPRO_DB_SMART,
	COL_INTERPRO_DB_CDD,
	COL_INTERPRO_DB_PROSITE,
	COL_KNN_PRESENT,
	COL_INTERPRO_PRESENT,
	COL_CLASSIFIER_SCORE,
	COL_CLASSIFIER_PRESENT,
	COL_SELF_PRIOR_SCORE,
	COL_ASSOCIATION_TOTAL,
	COL_ASSOCIATION_CROSS,
	COL_ASSOCIATION_PRESENT,
	COL_QUALIFIER,
	COL_EVIDENCE_CODE,
	COL_TAXONOMIC_RELATION,
	COL_ASPECT,
	SCHEMA_COLUMNS, /* 78 */
};

#define SCHEMA_RESERVED 5 /* the first columns are no features */

const char *schema_column_name(enum schema_column c);
enum schema_type schema_column_type(enum schema_column c);
int schema_in_profile(enum schema_column c, enum schema_profile p);
/* Columns of a profile in file order; returns their number (61 or 78). */
size_t schema_columns(enum schema_profile p, enum schema_column out[SCHEMA_COLUMNS]);
const char *schema_profile_name(enum schema_profile p);               /* "v2-56", "v5-73" */
int schema_profile_parse(const char *name, enum schema_profile *out); /* 0 or ERR_ARG */

#define SCHEMA_SHA_TEXT 13
/* 12 hex digits of spec 5.4. 0 or the failure of the digest. */
int schema_sha(enum schema_profile p, char out[SCHEMA_SHA_TEXT]);
int schema_sha_contract(enum schema_profile p, char out[SCHEMA_SHA_TEXT]); /* sorted, '|' */

#endif
