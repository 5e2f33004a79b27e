/* Cycles of a directed graph: an ontology's is_a and part_of edges must have none. Thread-safe. */
#ifndef BUNDLE_CYCLES_H
#define BUNDLE_CYCLES_H

#include <stddef.h>
#include <stdint.h>

#include "prof/base/err.h"

struct cycle_edge {
	uint32_t from, to; /* nodes 0 … n_nodes-1 */
};

/* Counts the edges that close a cycle in a depth-first walk from node 0 up; the nodes of the first
 * cycle found go to *path (malloc'ed, in order, the first one not repeated; NULL if there is none). */
int cycles_find(uint32_t n_nodes, const struct cycle_edge *edges, size_t n_edges,
		uint64_t *n_cycles, uint32_t **path, size_t *path_len, struct err *err);

#endif
