/* A set of go numbers as bits, with a second level that says which words are in use: adding and testing
 * cost one word, going through the set and emptying it cost what it holds. Numbers come out ascending.
 * Scratch memory of one thread. */
#ifndef ONTOLOGY_TERMBITS_H
#define ONTOLOGY_TERMBITS_H

#include <stddef.h>
#include <stdint.h>

#include "prof/base/err.h"

struct termbits {
	uint64_t *word; /* owned: 64 numbers each */
	uint64_t *used; /* owned: per word, whether something was put there since it was emptied */
	size_t n_used;  /* words of `used` */
};

int termbits_init(struct termbits *t, uint32_t n, struct err *err);
void termbits_release(struct termbits *t); /* a zeroed struct is fine */
void termbits_clear(struct termbits *t);
/* Takes out what is not in `mask` (NULL: everything is) and what is in `gone`. */
void termbits_keep(struct termbits *t, const uint64_t *mask, const struct termbits *gone);
void termbits_each(const struct termbits *t, void (*fn)(void *ctx, uint32_t number), void *ctx);
/* Bits of the numbers with a byte that is not 0, malloc'ed; NULL: no memory. */
uint64_t *termbits_mask(const char *byte, uint32_t n);

static inline void termbits_add(struct termbits *t, uint32_t number)
{
	t->word[number >> 6] |= UINT64_C(1) << (number & 63);
	t->used[number >> 12] |= UINT64_C(1) << (number >> 6 & 63);
}

static inline int termbits_has(const struct termbits *t, uint32_t number)
{
	return (int)(t->word[number >> 6] >> (number & 63) & 1);
}

#endif
