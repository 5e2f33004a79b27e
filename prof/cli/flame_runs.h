/* Which runs a page is made of: RUN, FILE:RUN and groups k=v, of one store or of several. */
#ifndef CLI_FLAME_RUNS_H
#define CLI_FLAME_RUNS_H

#include <stddef.h>
#include <stdint.h>

#include "prof/base/err.h"
#include "prof/store/store.h"

struct flame_pick {
	struct store *store; /* borrowed from flame_picks */
	int64_t run;
};

struct flame_store {
	char *path;          /* owned */
	struct store *store; /* owned */
};

struct flame_picks {
	struct flame_pick *items; /* owned; each run once, in the order of the arguments */
	size_t n;
	struct flame_store *stores; /* owned */
	size_t n_stores;
};

/* The runs of `n` arguments (0: the last run). `store` is where a RUN without a file is looked for. Says on stderr
 * when a run is named twice. */
int flame_picks_make(struct flame_picks *p, const char *store, int n, char **args, struct err *err);
void flame_picks_release(struct flame_picks *p);

#endif
