/* Fewer rows before a tree is made of them. Private to viewer. */
#ifndef VIEWER_GRAPH_PRUNE_H
#define VIEWER_GRAPH_PRUNE_H

#include <stddef.h>
#include <stdint.h>

#include "prof/model/stacktab.h"

/* How heavy one must be to be one of about `keep` heaviest (never more of them), within 0.1 %: weights are
 * counted in buckets, so that millions need no sorting. At least 1. */
struct prune_scale {
	uint32_t *buckets; /* owned; zeroed by prune_scale_init() */
};

int prune_scale_init(struct prune_scale *s); /* 0 or ERR_NOMEM */
void prune_scale_add(struct prune_scale *s, uint64_t weight);
uint64_t prune_scale_least(const struct prune_scale *s, uint64_t keep);
void prune_scale_release(struct prune_scale *s);

/* A copy of `*rows` with the `keep` heaviest rows of it, by their own weight and that of all below; others
 * are joined in one row labelled `other` per parent. `*rows` is replaced, (*to)[row] (owned by the caller)
 * is where each row went. 0, ERR_NOMEM or ERR_LIMIT, with `*rows` as it was and `*to` NULL. */
int prune_rows(struct stacktab **rows, const uint64_t *self, uint32_t keep, uint32_t other,
	       uint32_t **to);

#endif
