/* Who waits for whom, as a tree: those that block others and wait for nobody are roots, whoever waits hangs below the
 * one that holds what it waits for. Parallel workers count as their leader. Everybody is in it once; a circle (a
 * deadlock that the server has not broken yet) is opened at its smallest pid. */
#ifndef PGWATCH_BLOCKERS_H
#define PGWATCH_BLOCKERS_H

#include <stdint.h>

#include "prof/pgwatch/shot.h"

enum block_is {
	BLOCK_SESSION,
	BLOCK_PREPARED,
	BLOCK_GONE, /* was named as a blocker and is no session (any more) */
};

struct block_node { /* in the order of the tree: below a node stand those that wait for it */
	enum block_is is;
	uint32_t item;   /* place in shot.sessions or shot.prepared; SHOT_NONE: not known which */
	int pid;         /* 0: a prepared transaction */
	uint32_t parent; /* place in nodes; SHOT_NONE: a root */
	uint32_t depth;
	uint32_t waiting; /* how many wait for it in the end, through however many others */
	uint32_t others;  /* that it waits for besides its parent */
	int circle;       /* it waits for itself in the end */
	const struct shot_lock *lock; /* what it waits for; NULL: nothing, or not told */
	const struct shot_lock *
		held; /* the same lock, as its parent has it; NULL: its parent is ahead in the queue */
};

struct blockers {
	struct block_node *nodes; /* owned */
	uint32_t n, n_roots, n_waiting, n_circles;
	double longest_s; /* wait; < 0: nobody waits, or not told */
};

/* 0 or ERR_NOMEM. The shot must outlive it. */
int blockers_find(struct blockers *b, const struct shot *s);
void blockers_release(struct blockers *b); /* a zeroed one is fine */
/* The node of that pid; NULL: it neither waits nor blocks. */
const struct block_node *blockers_node(const struct blockers *b, int pid);

#endif
