/* Memory that dies together: allocations from large chunks, all released at once. Not thread-safe. */
#ifndef BASE_ARENA_H
#define BASE_ARENA_H

#include <stddef.h>

struct arena_chunk;

struct arena {
	struct arena_chunk *head; /* owned list, newest first */
	size_t used_bytes;        /* handed out, alignment included */
	size_t held_bytes;        /* taken from malloc */
};

#define ARENA_INIT                                                                                 \
	{                                                                                          \
		0                                                                                  \
	}

/* `size` bytes aligned to `align` (a power of two, at most 64); NULL: no memory. */
void *arena_alloc(struct arena *a, size_t size, size_t align);
/* Zeroed array; NULL on no memory or when n * size does not fit size_t. */
void *arena_calloc(struct arena *a, size_t n, size_t size);
/* Copy of `len` bytes plus a NUL. */
char *arena_strndup(struct arena *a, const char *text, size_t len);
char *arena_strdup(struct arena *a, const char *text);
void arena_release(struct arena *a); /* frees everything; usable again */

#endif
