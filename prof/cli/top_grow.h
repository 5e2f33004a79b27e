/* Growing the arrays of top. */
#ifndef CLI_TOP_GROW_H
#define CLI_TOP_GROW_H

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include "prof/base/err.h"

/* Room in the array `rows` for `more` items of `size` bytes behind the `n` that are there; 0, or ERR_NOMEM and
 * everything as it was. */
#define TOP_GROW(rows, n, more, cap)                                                               \
	top_grow((void **)(void *)&(rows), (n), (more), &(cap), sizeof(*(rows)))
static inline int top_grow(void **rows, uint32_t n, uint32_t more, uint32_t *cap, size_t size)
{
	uint32_t want = *cap ? *cap : 64;
	void *grown;

	if (more <= *cap - n)
		return 0;
	while (want - n < more) {
		if (want > UINT32_MAX / 4)
			return ERR_NOMEM;
		want *= 2;
	}
	grown = realloc(*rows, want * size);
	if (!grown)
		return ERR_NOMEM;
	*rows = grown;
	*cap = want;
	return 0;
}

#endif
