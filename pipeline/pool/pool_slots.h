/* The memory that a pool is read into. A fresh page costs the kernel more than the rows that come to lie in
 * it, so a thread of its own has pages made while rows are read. One owner. */
#ifndef POOL_POOL_SLOTS_H
#define POOL_POOL_SLOTS_H

#include <stdatomic.h>
#include <stddef.h>

#include "prof/base/err.h"

struct behind;

struct pool_slots {
	unsigned char *at;     /* mapped; whose it is when all is read, the owner says */
	size_t bytes;          /* of the mapping */
	struct behind *behind; /* owned; NULL: pages are made as they are written */
	_Atomic int over;      /* what has not been made yet need not be */
};

/* Maps `bytes` zeros, of which untouched pages cost nothing. ERR_NOMEM. */
int pool_slots_map(struct pool_slots *s, size_t bytes, struct err *err);
/* From now on pages are made by another thread, first to last. For slots nearly all of which will be written:
 * others would take memory for nothing. Without memory or a kernel for it (Linux 5.14) nothing happens. */
void pool_slots_make_pages(struct pool_slots *s);
/* The pages of bytes from `from` to before `to`, by the caller: who is about to write most of them. */
void pool_slots_make(const struct pool_slots *s, size_t from, size_t to);
/* Ends that thread. To be called before the mapping goes, or changes. */
void pool_slots_settle(struct pool_slots *s);

#endif
