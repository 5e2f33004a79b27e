/* OBO 1.2 and 1.4 ontologies, stanza by stanza: terms with name, namespace, alternative ids and
 * typed edges. Escapes, trailing modifiers, comments and continued lines are understood; tags and
 * stanzas that no table of a bundle needs are passed over. Knows no SQL and keeps no term: whether
 * edges meet defined terms is the caller's business. One read belongs to one thread. */
#ifndef BUNDLE_OBO_H
#define BUNDLE_OBO_H

#include <stddef.h>
#include <stdint.h>

#include "pipeline/core/lines.h"
#include "prof/base/err.h"

/* Texts are borrowed and valid during the callback only; absent ones are "". */
struct obo_header {
	const char *format_version;
	const char *data_version;
	const char *date; /* as written: "12:07:2013 15:53" */
	const char *ontology;
};

struct obo_edge {
	const char *relation; /* "is_a", or the name a relationship tag gives */
	const char *target;
	uint64_t line;
};

struct obo_term {
	const char *id;
	const char *name;
	char aspect; /* 'P', 'F', 'C' by namespace; 0: any other namespace */
	int is_obsolete;
	const char *const *alt_ids;
	size_t n_alt_ids;
	const struct obo_edge *edges;
	size_t n_edges;
	uint64_t line; /* of "[Term]" */
};

/* Callbacks return 0 to go on or a negative code, which ends the reading and becomes its result. The
 * header comes once, before the first term, also for a file without header lines. */
struct obo_handler {
	int (*header)(void *ctx, const struct obo_header *header, struct err *err);
	int (*term)(void *ctx, const struct obo_term *term, struct err *err);
};

int obo_read(struct lines *in, const struct obo_handler *handler, void *ctx, struct err *err);

/* "GO:" and seven digits. */
int obo_is_go_id(const char *text);

#endif
