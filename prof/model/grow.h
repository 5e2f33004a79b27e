/* Growing the parallel arrays of this room's tables. Private to prof/model. */
#ifndef MODEL_GROW_H
#define MODEL_GROW_H

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

/* Capacity after `cap` for rows numbered in 32 bits, never beyond `max`; 0: there is none. */
static inline uint32_t grow_next(uint32_t cap, uint32_t max)
{
	uint32_t next = cap < 64 ? 64 : cap > UINT32_MAX / 2 ? UINT32_MAX : 2 * cap;

	if (next > max)
		next = max;
	return next > cap ? next : 0;
}

/* `*array` (owned by the caller, any object pointer) with room for `n` items of `size` bytes; 0, or
 * -1 with the array as it was. */
#define GROW(array, n) grow_array((void **)(void *)&(array), (n), sizeof *(array))
static inline int grow_array(void **array, size_t n, size_t size)
{
	void *p = n > SIZE_MAX / size ? NULL : realloc(*array, n * size);

	if (!p)
		return -1;
	*array = p;
	return 0;
}

#endif
