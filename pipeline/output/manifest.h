/* manifest.json (spec 5.3): bytes from values. */
#ifndef OUTPUT_MANIFEST_H
#define OUTPUT_MANIFEST_H

#include <stddef.h>
#include <stdint.h>

#include "prof/base/buf.h"
#include "prof/base/err.h"

struct manifest { /* all borrowed */
	const char *name;
	int k;
	const char *embedding_config_id, *ontology_snapshot_id, *annotation_source;
	const char *const *train_snapshot_pairs;
	size_t n_train_snapshot_pairs;
	const char *eval_snapshot_pair;
	const char *schema_sha;
	int64_t n_train_rows, n_eval_rows;
	const char *producer_version;
	const char *producer_git_sha; /* NULL possible */
};

int manifest_format(const struct manifest *m, struct buf *out, struct err *err);

#endif
