/* The payload of spec section 3: parsed and validated strictly, all problems at once. */
#ifndef JOB_PAYLOAD_H
#define JOB_PAYLOAD_H

#include <jansson.h>
#include <stddef.h>
#include <stdint.h>

#include "pipeline/core/text.h"
#include "pipeline/knn/knn.h"
#include "pipeline/output/schema.h"
#include "prof/base/err.h"

struct problems; /* job/problems.h */

struct payload {
	char *output_name; /* owned */
	char embedding_config_id[UUID_TEXT];
	char ontology_snapshot_id[UUID_TEXT];
	int64_t *train_versions; /* owned, ascending */
	size_t n_train_versions;
	int64_t *test_versions; /* owned, ascending */
	size_t n_test_versions;
	char *annotation_source; /* owned */
	int k;
	char *search_backend; /* owned, as given */
	int backend_is_alias; /* faiss or torch: warn */
	int compute_alignments, compute_taxonomy, expand_votes_to_ancestors, use_embedding_pca;
	int compute_self_prior, compute_association;
	enum knn_metric metric;
	double distance_threshold; /* NaN: none */
	char *ia_file;             /* owned, as given; NULL: none */
	enum schema_profile profile;
	int sane_empty_sw, strict_embeddings, compute_groundtruth;
	int ignored_known;    /* stable_feature_cache / classifier_variants were given */
	json_t *unknown_keys; /* owned array of strings, those without '_' */
	json_t *json;         /* owned: the object as given */
};

/* Every violation becomes one problem "payload.FIELD: …". Returns 0, or ERR_ARG if there is any
 * (the payload is then released), or ERR_NOMEM. */
int payload_parse(struct payload *out, const json_t *object, struct problems *problems,
		  struct err *err);
void payload_release(struct payload *p);

#endif
