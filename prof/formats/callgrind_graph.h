/* Lines and calls by function, each once, and the circles that functions form by calling each other. Private to
 * prof/formats/callgrind*.c. */
#ifndef FORMATS_CALLGRIND_GRAPH_H
#define FORMATS_CALLGRIND_GRAPH_H

#include "prof/formats/callgrind_internal.h"

struct callgrind_graph {
	struct callgrind_line *lines; /* sorted by function; each line once */
	struct callgrind_call *calls; /* sorted by caller */
	size_t n_lines, n_calls;
	size_t *first_line, *first_call; /* by function, and one more */
	uint32_t *circle;                /* by function */
	uint32_t n_circles;
	double *work,
		*into; /* by circle: what its lines and the calls that leave it cost; calls into it */
};

/* 0 or ERR_NOMEM; to be released in each case. */
int callgrind_graph_make(struct callgrind_graph *g, const struct callgrind *c);
void callgrind_graph_release(struct callgrind_graph *g);

#endif
