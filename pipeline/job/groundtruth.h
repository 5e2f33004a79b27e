/* Ground truth of the pairs: materialised files from the artifact store, else computed (spec 2.4, 4.3,
 * B.5). */
#ifndef JOB_GROUNDTRUTH_H
#define JOB_GROUNDTRUTH_H

#include "pipeline/job/context.h"

/* Reads the files of all pairs that name one. A missing object, of which the preflight warns, is
 * computed instead. */
int groundtruth_read_all(struct context *c, const struct plan *plan, struct err *err);
/* Turns provisional go numbers into final ones; after ontology_finish(). */
void groundtruth_finish(struct context *c);

/* Buckets of a pair, read or computed; the sets of both versions are loaded as needed. *computed tells
 * which. The caller releases them. */
int groundtruth_buckets(struct context *c, const struct plan *plan, size_t pair,
			struct buckets *out, int *computed, struct events *e, struct err *err);

/* Queries of a pair: pool rows of all proteins that gained something, ascending. malloc'ed. */
int groundtruth_queries(const struct context *c, const struct buckets *b, uint32_t **rows,
			uint32_t *n, struct err *err);

/* Key of the materialised object of an evaluation set. */
void groundtruth_key(const char *evaluation_set, char key[128]);

#endif
