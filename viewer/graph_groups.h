/* Stages and threads of the samples that a page shows, as small groups. Private to viewer. */
#ifndef VIEWER_GRAPH_GROUPS_H
#define VIEWER_GRAPH_GROUPS_H

#include "prof/base/hash.h"
#include "viewer/graph.h"

struct grouper {
	struct graph *g;
	const struct profile *p;
	uint32_t *stage_of;   /* owned; by place in profile.stages: place in g->stages */
	uint32_t *thread_of;  /* owned; by place in profile.threads: place in g->threads */
	int merge;            /* threads of one name are one */
	struct idmap stages;  /* (parent << 32 | name) to place */
	struct idmap threads; /* (process name << 32 | name) to place, when merged */
	struct idmap groups;  /* (stage << 32 | thread) to place */
};

/* `taken` tells which samples of the profile count. */
int grouper_init(struct grouper *w, struct graph *g, const struct profile *p,
		 const unsigned char *taken, struct err *err);
/* The group of a sample, GRAPH_NONE: no memory. */
uint32_t grouper_of(struct grouper *w, const struct profile_sample *s);
void grouper_release(struct grouper *w);

#endif
