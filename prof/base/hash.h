/* Hashing and open-addressing tables from keys to small ids. Two tables: `idmap` for 64-bit keys,
 * `hashidx` for keys of any shape that live in an array of the caller. Neither iterates: order
 * always comes from the caller's array, so results never depend on hash order. Not thread-safe;
 * look-ups of a finished table may run on any number of threads. */
#ifndef BASE_HASH_H
#define BASE_HASH_H

#include <stddef.h>
#include <stdint.h>

uint64_t hash_bytes(const void *bytes, size_t n, uint64_t seed);
uint64_t hash_u64(uint64_t key); /* a bijection that mixes all bits */

#define IDMAP_NONE UINT32_MAX

struct idmap {
	uint64_t *keys;   /* owned */
	uint32_t *values; /* owned; IDMAP_NONE marks an empty slot */
	size_t mask;      /* slots - 1, 0 when nothing is allocated */
	size_t count;
};

#define IDMAP_INIT                                                                                 \
	{                                                                                          \
		0                                                                                  \
	}
void idmap_release(struct idmap *m);
/* 0 or ERR_NOMEM. Replaces an old value. `value` is not IDMAP_NONE. */
int idmap_set(struct idmap *m, uint64_t key, uint32_t value);
uint32_t idmap_get(const struct idmap *m, uint64_t key); /* IDMAP_NONE: absent */
/* The value of `key`, or `fresh` after storing it; IDMAP_NONE: no memory. */
uint32_t idmap_intern(struct idmap *m, uint64_t key, uint32_t fresh);

/* Ids 0, 1, 2, … of a caller's array, found by hash; the caller compares. */
struct hashidx {
	uint32_t *slots;  /* owned; id + 1, 0 empty */
	uint32_t *hashes; /* owned; upper half of the hash */
	size_t mask;
	size_t count;
};

#define HASHIDX_INIT                                                                               \
	{                                                                                          \
		0                                                                                  \
	}
#define HASHIDX_NONE UINT32_MAX

typedef int hashidx_equal(const void *ctx, uint32_t id); /* is the key sought the one of `id`? */
void hashidx_release(struct hashidx *h);
uint32_t hashidx_find(const struct hashidx *h, uint64_t hash, hashidx_equal *equal,
		      const void *ctx);
/* Adds an id that is known to be absent; 0 or ERR_NOMEM. */
int hashidx_add(struct hashidx *h, uint64_t hash, uint32_t id);

#endif
