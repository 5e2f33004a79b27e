/* Strings once: text -> dense id 0, 1, 2, … in order of first appearance. Bytes are compared, never
 * locales. Not thread-safe while it grows; finished dictionaries may be read by any thread. */
#ifndef CORE_DICT_H
#define CORE_DICT_H

#include <stddef.h>
#include <stdint.h>

#include "prof/base/arena.h"
#include "prof/base/hash.h"

#define DICT_NONE UINT32_MAX

struct dict {
	struct arena arena;
	const char **text; /* owned array; texts live in the arena, NUL-terminated */
	uint32_t *len;     /* owned; bytes of each text */
	uint32_t count;
	uint32_t cap;
	struct hashidx index;
};

#define DICT_INIT                                                                                  \
	{                                                                                          \
		0                                                                                  \
	}

/* The id of the text, new or old; DICT_NONE: no memory (or 2^32-1 texts). */
uint32_t dict_intern(struct dict *d, const char *text, size_t len);
uint32_t dict_find(const struct dict *d, const char *text, size_t len); /* DICT_NONE: absent */
const char *dict_text(const struct dict *d, uint32_t id);
void dict_release(struct dict *d);

#endif
