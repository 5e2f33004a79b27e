/* Memory that dies together: see arena.h. */
#include "prof/base/arena.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define CHUNK_BYTES ((size_t)256 << 10) /* larger requests get a chunk of their own */

struct arena_chunk {
	struct arena_chunk *next;
	size_t size; /* bytes of data */
	size_t used;
	_Alignas(64) unsigned char data[];
};

static struct arena_chunk *add_chunk(struct arena *a, size_t size)
{
	struct arena_chunk *c;
	size_t total;

	if (size > SIZE_MAX - sizeof *c - 63)
		return NULL;
	total = (sizeof *c + size + 63) & ~(size_t)63; /* aligned_alloc wants a multiple */
	c = aligned_alloc(64, total);
	if (!c)
		return NULL;
	c->size = size;
	c->used = 0;
	a->held_bytes += total;
	/* A full-size chunk becomes the one that later requests fill; an oversized one goes behind it. */
	if (a->head && size > CHUNK_BYTES) {
		c->next = a->head->next;
		a->head->next = c;
	} else {
		c->next = a->head;
		a->head = c;
	}
	return c;
}

void *arena_alloc(struct arena *a, size_t size, size_t align)
{
	struct arena_chunk *c = a->head;
	size_t at = 0;

	if (c)
		at = (c->used + align - 1) & ~(align - 1);
	if (!c || at > c->size || size > c->size - at) {
		c = add_chunk(a, size > CHUNK_BYTES ? size : CHUNK_BYTES);
		if (!c)
			return NULL;
		at = 0;
	}
	a->used_bytes += at + size - c->used;
	c->used = at + size;
	return c->data + at;
}

void *arena_calloc(struct arena *a, size_t n, size_t size)
{
	void *p;

	if (size && n > SIZE_MAX / size)
		return NULL;
	p = arena_alloc(a, n * size, 16);
	if (p)
		memset(p, 0, n * size);
	return p;
}

char *arena_strndup(struct arena *a, const char *text, size_t len)
{
	char *p;

	if (len == SIZE_MAX)
		return NULL;
	p = arena_alloc(a, len + 1, 1);
	if (!p)
		return NULL;
	if (len)
		memcpy(p, text, len);
	p[len] = '\0';
	return p;
}

char *arena_strdup(struct arena *a, const char *text)
{
	return arena_strndup(a, text, strlen(text));
}

void arena_release(struct arena *a)
{
	struct arena_chunk *c = a->head;

	while (c) {
		struct arena_chunk *next = c->next;

		free(c);
		c = next;
	}
	*a = (struct arena)ARENA_INIT;
}
