/* Compressed lists: for each of n keys a run of 32-bit items. A plain record. */
#ifndef ONTOLOGY_CSR_H
#define ONTOLOGY_CSR_H

#include <stddef.h>
#include <stdint.h>

#include "prof/base/err.h"

struct csr {
	uint32_t n; /* keys */
	uint32_t *
		start; /* owned: n + 1; the items of key i are item[start[i]] … item[start[i+1]-1] */
	uint32_t *item; /* owned */
};

#define CSR_INIT                                                                                   \
	{                                                                                          \
		0                                                                                  \
	}

/* Lists from `m` (key, item) pairs; items of a key keep the order of the pairs. */
int csr_build(struct csr *out, uint32_t n, const uint32_t *key, const uint32_t *item, size_t m,
	      struct err *err);
/* Sorts each list ascending and drops repeats. */
void csr_sort_unique(struct csr *c);
/* The same relation the other way round. */
int csr_transpose(struct csr *out, const struct csr *in, uint32_t n_out, struct err *err);
void csr_release(struct csr *c);

static inline uint32_t csr_len(const struct csr *c, uint32_t i)
{
	return c->start[i + 1] - c->start[i];
}

static inline const uint32_t *csr_at(const struct csr *c, uint32_t i)
{
	return c->item + c->start[i];
}

#endif
