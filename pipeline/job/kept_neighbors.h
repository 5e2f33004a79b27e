/* Neighbours of a pair in files, so that a search that was killed, or another cell of a grid, does not begin
 * anew. One file for a run of queries, complete under its name, with a key over everything that the neighbours
 * depend on and a checksum; what does not fit is as if it were not there. */
#ifndef JOB_KEPT_NEIGHBORS_H
#define JOB_KEPT_NEIGHBORS_H

#include "pipeline/job/split.h"

struct kept_neighbors {
	char *prefix;         /* owned: path of the files but for the number of their first query */
	char key[SHA256_HEX]; /* "" before kept_neighbors_open() */
};

/* Files of the pair in `dir`. `base` names pool and data: the run's fingerprint, or the pool's digest. */
int kept_neighbors_open(struct kept_neighbors *kept, const struct split *s, const char *dir,
			const char *base, struct err *err);
void kept_neighbors_close(struct kept_neighbors *kept);

/* Fills s->own_neighbors from the first query on as far as files go; s->n_found says how far. */
int kept_neighbors_load(const struct kept_neighbors *kept, struct split *s, struct err *err);
/* Keeps the queries [from, to). */
int kept_neighbors_save(const struct kept_neighbors *kept, const struct split *s, uint32_t from,
			uint32_t to, struct err *err);

#endif
