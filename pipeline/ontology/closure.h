/* Transitive closures over GO graphs. A walk is scratch memory of one thread. */
#ifndef ONTOLOGY_CLOSURE_H
#define ONTOLOGY_CLOSURE_H

#include <stddef.h>
#include <stdint.h>

#include "pipeline/ontology/csr.h"
#include "prof/base/err.h"

struct walk {
	uint32_t *stamp; /* owned: per node, the walk that met it last */
	uint32_t *found; /* owned: nodes met by the current walk */
	uint32_t n_found;
	uint32_t n;
	uint32_t now;
};

int walk_init(struct walk *w, uint32_t n, struct err *err);
void walk_release(struct walk *w);

/* Everything reachable from `node` in one or more steps, into w->found, ascending when `sorted`;
 * `node` itself only if it lies on a cycle. */
void walk_from(struct walk *w, const struct csr *graph, uint32_t node, int sorted);

/* walk_from for every node, as lists. */
int closure_build(struct csr *out, const struct csr *graph, struct err *err);

#endif
