/* Parts of bundle_check(), each over an open bundle. Private to this room. */
#ifndef BUNDLE_CHECK_PARTS_H
#define BUNDLE_CHECK_PARTS_H

#include <sqlite3.h>

#include "pipeline/bundle/check.h"

struct bundle_checker {
	sqlite3 *db;
	struct bundle_report *report;
	struct err *err;
};

/* What a finding is, apart from its cases. */
struct check_kind {
	const char *kind;
	const char *meaning;
	enum bundle_severity severity;
};

/* One case more; `example` need not be clean. 0 or ERR_NOMEM. */
int check_add(struct bundle_checker *c, const struct check_kind *kind, const char *example);
int check_addf(struct bundle_checker *c, const struct check_kind *kind, const char *fmt, ...)
	ERR_PRINTF(3, 4);

int check_values(struct bundle_checker *c);     /* types, texts, stamps, JSON, UUIDs */
int check_references(struct bundle_checker *c); /* keys and what SQL can say */
int check_ontology(struct bundle_checker *c);   /* cycles */
int check_vectors(struct bundle_checker *c);    /* embeddings */
int check_sequences(struct bundle_checker *c);  /* texts against their digests */

#endif
