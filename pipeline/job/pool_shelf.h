/* Pools that a grid has loaded and will want again: its cells come after the neighbours of all PLMs. They
 * stay while there is memory for them; what was given up is loaded again. */
#ifndef JOB_POOL_SHELF_H
#define JOB_POOL_SHELF_H

#include <stddef.h>
#include <stdint.h>

#include "pipeline/pool/pool.h"

struct pool_shelf {
	struct pool *list; /* owned */
	size_t n, cap;
};

/* Takes the pool over; without memory for that it is released. */
void pool_shelf_put(struct pool_shelf *s, struct pool *pool);
/* 1: the pool of the configuration is in *out and no longer here; 0: it is not here. */
int pool_shelf_take(struct pool_shelf *s, const char *config_id, struct pool *out);
/* Bytes of the pools but that of the configuration. */
uint64_t pool_shelf_bytes(const struct pool_shelf *s, const char *config_id);
void pool_shelf_clear(struct pool_shelf *s); /* a zeroed struct is fine */

static inline uint64_t pool_bytes(const struct pool *p)
{
	return (uint64_t)p->n * p->dim * sizeof *p->values;
}

#endif
