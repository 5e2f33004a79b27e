/* Names that fix identifiers: the models of spec section 9 with the configuration ids of the original,
 * and UUIDs derived from texts, so that the same input always gives the same bundle and a job file can
 * name rows before they exist. Thread-safe. */
#ifndef BUNDLE_IDS_H
#define BUNDLE_IDS_H

#include "pipeline/core/text.h"
#include "prof/base/err.h"

struct bundle_model {
	const char *short_name; /* "esm2_650m" */
	const char *checkpoint; /* "facebook/esm2_t33_650M_UR50D" */
	const char *config_id;
};

#define BUNDLE_N_MODELS 8
extern const struct bundle_model bundle_models[BUNDLE_N_MODELS];

/* By short name or checkpoint; NULL: any other model. */
const struct bundle_model *bundle_model_find(const char *name);

/* A version-8 UUID (RFC 9562) of the SHA-256 of "protea-bundle", `kind` and `name`. 0 or a negative
 * code of the digest. */
int bundle_uuid(const char *kind, const char *name, char out[UUID_TEXT], struct err *err);

#endif
