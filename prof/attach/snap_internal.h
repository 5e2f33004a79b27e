/* A snap in the making: shared by snap.c (which threads, names, states) and snap_run.c (those that run). */
#ifndef ATTACH_SNAP_INTERNAL_H
#define ATTACH_SNAP_INTERNAL_H

#include "prof/attach/snap.h"

struct snap_maker {
	struct snap *snap;
	const struct proc *p;
	struct attach_space *space;
	const struct snap_options *options;
	struct remote memory;
	struct stopper *stopper;     /* options->stopper or `own` */
	struct stopper *own;         /* owned */
	struct unwind_cache *cache;  /* owned */
	struct remote_stack *window; /* owned */
	struct attach_stack *stack;  /* owned: the one at hand */
	uint8_t *copies;             /* owned: SNAP_BATCH stacks */
};

#define SNAP_BATCH 8

/* The thread's stack if it sleeps: 1; 0: it runs (how stays SNAP_NONE); ERR_NOTFOUND: it is gone (tid
 * becomes 0); ERR_NOMEM; ERR_DENIED: it may not be looked at. */
int snap_look(struct snap_maker *m, struct snap_thread *t);
/* m->stack goes into the row. 0 or ERR_NOMEM. */
int snap_keep(struct snap_maker *m, struct snap_thread *t);
/* Stacks of all rows from `first` on that have none and run. 0 or ERR_NOMEM. */
int snap_running(struct snap_maker *m, uint32_t first);

#endif
