/* Hashing and open-addressing tables: see hash.h. Load is kept at or below one half. */
#include "prof/base/hash.h"
#include "prof/base/err.h"

#include <stdlib.h>
#include <string.h>

#define FIRST_SLOTS ((size_t)64)

/* Multiply-and-fold mixing of 64-bit words, the idea of wyhash (Wang Yi, public domain). */
static uint64_t fold(uint64_t a, uint64_t b)
{
	__extension__ typedef unsigned __int128 u128;
	u128 p = (u128)a * b;

	return (uint64_t)p ^ (uint64_t)(p >> 64);
}

static uint64_t load_tail(const unsigned char *p, size_t n)
{
	uint64_t v = 0;

	memcpy(&v, p, n);
	return v;
}

uint64_t hash_bytes(const void *bytes, size_t n, uint64_t seed)
{
	const uint64_t k0 = 0x9e3779b97f4a7c15u, k1 = 0xd6e8feb86659fd93u;
	const unsigned char *p = bytes;
	uint64_t h = seed ^ fold(n ^ k0, k1);

	while (n >= 16) {
		h = fold(load_tail(p, 8) ^ k0 ^ h, load_tail(p + 8, 8) ^ k1);
		p += 16;
		n -= 16;
	}
	if (n >= 8)
		h = fold(load_tail(p, 8) ^ k0 ^ h, load_tail(p + 8, n - 8) ^ k1);
	else if (n)
		h = fold(load_tail(p, n) ^ k0 ^ h, k1 + n);
	return hash_u64(h);
}

uint64_t hash_u64(uint64_t x)
{
	/* The finaliser of splitmix64 (Steele, Lea and Flood 2014). */
	x ^= x >> 30;
	x *= 0xbf58476d1ce4e5b9u;
	x ^= x >> 27;
	x *= 0x94d049bb133111ebu;
	x ^= x >> 31;
	return x;
}

void idmap_release(struct idmap *m)
{
	free(m->keys);
	free(m->values);
	*m = (struct idmap)IDMAP_INIT;
}

static size_t idmap_slot(const struct idmap *m, uint64_t key)
{
	size_t i = hash_u64(key) & m->mask;

	while (m->values[i] != IDMAP_NONE && m->keys[i] != key)
		i = (i + 1) & m->mask;
	return i;
}

static int idmap_grow(struct idmap *m)
{
	size_t slots = m->mask ? 2 * (m->mask + 1) : FIRST_SLOTS;
	struct idmap fresh = {.mask = slots - 1, .count = m->count};
	size_t i;

	fresh.keys = malloc(slots * sizeof *fresh.keys);
	fresh.values = malloc(slots * sizeof *fresh.values);
	if (!fresh.keys || !fresh.values) {
		idmap_release(&fresh);
		return ERR_NOMEM;
	}
	memset(fresh.values, 0xff, slots * sizeof *fresh.values);
	for (i = 0; m->mask && i <= m->mask; i++) {
		if (m->values[i] != IDMAP_NONE) {
			size_t at = idmap_slot(&fresh, m->keys[i]);

			fresh.keys[at] = m->keys[i];
			fresh.values[at] = m->values[i];
		}
	}
	free(m->keys);
	free(m->values);
	*m = fresh;
	return 0;
}

/* The slot of `key`, empty or not, with room for one more entry; SIZE_MAX: no memory. */
static size_t idmap_claim(struct idmap *m, uint64_t key)
{
	if ((!m->mask || 2 * (m->count + 1) > m->mask + 1) && idmap_grow(m) != 0)
		return SIZE_MAX;
	return idmap_slot(m, key);
}

int idmap_set(struct idmap *m, uint64_t key, uint32_t value)
{
	size_t i = idmap_claim(m, key);

	if (i == SIZE_MAX)
		return ERR_NOMEM;
	m->count += m->values[i] == IDMAP_NONE;
	m->keys[i] = key;
	m->values[i] = value;
	return 0;
}

uint32_t idmap_get(const struct idmap *m, uint64_t key)
{
	return m->mask ? m->values[idmap_slot(m, key)] : IDMAP_NONE;
}

uint32_t idmap_intern(struct idmap *m, uint64_t key, uint32_t fresh)
{
	size_t i = idmap_claim(m, key);

	if (i == SIZE_MAX)
		return IDMAP_NONE;
	if (m->values[i] == IDMAP_NONE) {
		m->keys[i] = key;
		m->values[i] = fresh;
		m->count++;
	}
	return m->values[i];
}

void hashidx_release(struct hashidx *h)
{
	free(h->slots);
	free(h->hashes);
	*h = (struct hashidx)HASHIDX_INIT;
}

/* Slots are chosen by the kept upper half of the hash, so that growing needs no re-hashing. */
static void hashidx_place(struct hashidx *h, uint32_t upper, uint32_t stored)
{
	size_t i = upper & h->mask;

	while (h->slots[i])
		i = (i + 1) & h->mask;
	h->slots[i] = stored;
	h->hashes[i] = upper;
}

static int hashidx_grow(struct hashidx *h)
{
	size_t slots = h->mask ? 2 * (h->mask + 1) : FIRST_SLOTS;
	struct hashidx fresh = {.mask = slots - 1, .count = h->count};
	size_t i;

	fresh.slots = calloc(slots, sizeof *fresh.slots);
	fresh.hashes = malloc(slots * sizeof *fresh.hashes);
	if (!fresh.slots || !fresh.hashes) {
		hashidx_release(&fresh);
		return ERR_NOMEM;
	}
	for (i = 0; h->mask && i <= h->mask; i++)
		if (h->slots[i])
			hashidx_place(&fresh, h->hashes[i], h->slots[i]);
	free(h->slots);
	free(h->hashes);
	*h = fresh;
	return 0;
}

uint32_t hashidx_find(const struct hashidx *h, uint64_t hash, hashidx_equal *equal, const void *ctx)
{
	uint32_t upper = (uint32_t)(hash >> 32);
	size_t i;

	if (!h->mask)
		return HASHIDX_NONE;
	for (i = upper & h->mask; h->slots[i]; i = (i + 1) & h->mask)
		if (h->hashes[i] == upper && equal(ctx, h->slots[i] - 1))
			return h->slots[i] - 1;
	return HASHIDX_NONE;
}

int hashidx_add(struct hashidx *h, uint64_t hash, uint32_t id)
{
	if ((!h->mask || 2 * (h->count + 1) > h->mask + 1) && hashidx_grow(h) != 0)
		return ERR_NOMEM;
	hashidx_place(h, (uint32_t)(hash >> 32), id + 1);
	h->count++;
	return 0;
}
