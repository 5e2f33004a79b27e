/* Places of stages and threads in a graph, run by run: what groups, spans and ticks refer to. Private to the
 * graph_*.c of viewer. */
#ifndef VIEWER_GRAPH_GROUPS_H
#define VIEWER_GRAPH_GROUPS_H

#include "viewer/graph_build.h"

struct grouper {
	struct build *b;
	uint32_t run;
	uint32_t *stage_of;   /* owned; by place in the run's stages: place in the graph's */
	uint32_t *thread_of;  /* owned; by place in the run's threads: place in the graph's */
	int merge;            /* threads of one name are one */
	struct idmap stages;  /* of all runs: (parent << 32 | name) to place */
	struct idmap threads; /* of this run, when merged: (process name << 32 | name) to place */
	struct idmap owners;  /* of this run and kind: (stage << 32 | thread) to group */
	uint32_t cap_groups, cap_stages, cap_threads;
};

/* Stages of the run as spans, behind those of the runs before, where there is room. */
void grouper_spans(struct grouper *w);
/* Samples in time. 0 or ERR_NOMEM. */
int grouper_ticks(struct grouper *w);

#endif
