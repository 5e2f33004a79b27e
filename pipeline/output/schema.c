/* The column table: see schema.h. Rows stand in the order of enum schema_column, which is the file
 * order of both profiles once the columns of the other profile are left out. */
#include "pipeline/output/schema.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "prof/base/buf.h"
#include "prof/base/err.h"

enum { IN_V2 = 1 << SCHEMA_V2_56, IN_V5 = 1 << SCHEMA_V5_73, IN_BOTH = IN_V2 | IN_V5 };

struct column {
	const char *name;
	enum schema_type type;
	int profiles;
};

#define TEXT(n)                                                                                    \
	{                                                                                          \
		n, SCHEMA_STRING, IN_BOTH                                                          \
	}
#define REAL(n)                                                                                    \
	{                                                                                          \
		n, SCHEMA_DOUBLE, IN_BOTH                                                          \
	}
#define REAL_V5(n)                                                                                 \
	{                                                                                          \
		n, SCHEMA_DOUBLE, IN_V5                                                            \
	}
#define BOOL_V5(n)                                                                                 \
	{                                                                                          \
		n, SCHEMA_BOOL, IN_V5                                                              \
	}

static const struct column columns[] = {
	TEXT("protein_accession"),
	TEXT("go_term_id"),
	{"label", SCHEMA_INT8, IN_BOTH},
	TEXT("category"),
	TEXT("snapshot_pair"),
	REAL("distance"),
	REAL("identity_nw"),
	REAL("similarity_nw"),
	REAL("alignment_score_nw"),
	REAL("gaps_pct_nw"),
	REAL("alignment_length_nw"),
	REAL("identity_sw"),
	REAL("similarity_sw"),
	REAL("alignment_score_sw"),
	REAL("gaps_pct_sw"),
	REAL("alignment_length_sw"),
	REAL("length_query"),
	REAL("length_ref"),
	REAL("taxonomic_distance"),
	REAL("taxonomic_common_ancestors"),
	REAL("vote_count"),
	REAL("k_position"),
	REAL("go_term_frequency"),
	REAL("ref_annotation_density"),
	REAL("neighbor_distance_std"),
	REAL("neighbor_vote_fraction"),
	REAL("neighbor_min_distance"),
	REAL("neighbor_mean_distance"),
	REAL("anc2vec_neighbor_cos"),
	REAL("anc2vec_neighbor_maxcos"),
	REAL("anc2vec_has_emb"),
	REAL("anc2vec_query_known_cos"),
	REAL("anc2vec_query_known_maxcos"),
	REAL("anc2vec_query_known_count"),
	REAL("tax_voters_same_frac"),
	REAL("tax_voters_close_frac"),
	REAL("tax_voters_mean_common_ancestors"),
	REAL("emb_pca_query_0"),
	REAL("emb_pca_query_1"),
	REAL("emb_pca_query_2"),
	REAL("emb_pca_query_3"),
	REAL("emb_pca_query_4"),
	REAL("emb_pca_query_5"),
	REAL("emb_pca_query_6"),
	REAL("emb_pca_query_7"),
	REAL("emb_pca_query_8"),
	REAL("emb_pca_query_9"),
	REAL("emb_pca_query_10"),
	REAL("emb_pca_query_11"),
	REAL("emb_pca_query_12"),
	REAL("emb_pca_query_13"),
	REAL("emb_pca_query_14"),
	REAL("emb_pca_query_15"),
	REAL("lineage_is_ancestor_of_known"),
	REAL("lineage_is_descendant_of_known"),
	REAL("lineage_ancestor_of_count"),
	REAL("lineage_descendant_of_count"),
	BOOL_V5("interpro_hit"),
	REAL_V5("interpro_score"),
	REAL_V5("interpro_n_signatures"),
	BOOL_V5("interpro_db_pfam"),
	BOOL_V5("interpro_db_panther"),
	BOOL_V5("interpro_db_superfamily"),
	BOOL_V5("interpro_db_smart"),
	BOOL_V5("interpro_db_cdd"),
	BOOL_V5("interpro_db_prosite"),
	BOOL_V5("knn_present"),
	BOOL_V5("interpro_present"),
	REAL_V5("classifier_score"),
	REAL_V5("classifier_present"),
	REAL_V5("self_prior_score"),
	REAL_V5("association_total"),
	REAL_V5("association_cross"),
	REAL_V5("association_present"),
	TEXT("qualifier"),
	TEXT("evidence_code"),
	TEXT("taxonomic_relation"),
	TEXT("aspect"),
};

_Static_assert(sizeof columns / sizeof columns[0] == SCHEMA_COLUMNS, "one row per column");
_Static_assert(SCHEMA_COLUMNS == 78, "spec 5.1");

static const char *const profile_names[] = {
	[SCHEMA_V2_56] = "v2-56",
	[SCHEMA_V5_73] = "v5-73",
};

const char *schema_column_name(enum schema_column c)
{
	assert(c < SCHEMA_COLUMNS);
	return columns[c].name;
}

enum schema_type schema_column_type(enum schema_column c)
{
	assert(c < SCHEMA_COLUMNS);
	return columns[c].type;
}

int schema_in_profile(enum schema_column c, enum schema_profile p)
{
	assert(c < SCHEMA_COLUMNS);
	return columns[c].profiles >> p & 1;
}

size_t schema_columns(enum schema_profile p, enum schema_column out[SCHEMA_COLUMNS])
{
	size_t n = 0;

	for (enum schema_column c = 0; c < SCHEMA_COLUMNS; c++)
		if (schema_in_profile(c, p))
			out[n++] = c;
	return n;
}

const char *schema_profile_name(enum schema_profile p)
{
	return profile_names[p];
}

int schema_profile_parse(const char *name, enum schema_profile *out)
{
	for (enum schema_profile p = SCHEMA_V2_56; p <= SCHEMA_V5_73; p++) {
		if (!strcmp(name, profile_names[p])) {
			*out = p;
			return 0;
		}
	}
	return ERR_ARG;
}

/* Names of the features, reserved columns left out; their number. */
static size_t feature_names(enum schema_profile p, const char *out[SCHEMA_COLUMNS])
{
	enum schema_column all[SCHEMA_COLUMNS];
	size_t n = schema_columns(p, all);

	for (size_t i = SCHEMA_RESERVED; i < n; i++)
		out[i - SCHEMA_RESERVED] = schema_column_name(all[i]);
	return n - SCHEMA_RESERVED;
}

static int short_digest(struct buf *text, char out[SCHEMA_SHA_TEXT])
{
	char hex[SHA256_HEX];
	int rc = buf_failed(text);

	if (!rc)
		rc = sha256_hex(text->data, text->len, hex);
	if (!rc) {
		memcpy(out, hex, SCHEMA_SHA_TEXT - 1);
		out[SCHEMA_SHA_TEXT - 1] = '\0';
	}
	buf_release(text);
	return rc;
}

/* A JSON array: no name holds a character that JSON would escape. */
int schema_sha(enum schema_profile p, char out[SCHEMA_SHA_TEXT])
{
	const char *names[SCHEMA_COLUMNS];
	size_t n = feature_names(p, names);
	struct buf text = BUF_INIT;

	for (size_t i = 0; i < n; i++)
		buf_printf(&text, "%s\"%s\"", i ? ", " : "[", names[i]);
	buf_putc(&text, ']');
	return short_digest(&text, out);
}

static int compare_names(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

int schema_sha_contract(enum schema_profile p, char out[SCHEMA_SHA_TEXT])
{
	const char *names[SCHEMA_COLUMNS];
	size_t n = feature_names(p, names);
	struct buf text = BUF_INIT;

	qsort(names, n, sizeof names[0], compare_names);
	for (size_t i = 0; i < n; i++)
		buf_printf(&text, "%s%s", i ? "|" : "", names[i]);
	return short_digest(&text, out);
}
