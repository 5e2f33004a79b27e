/* Strings once: see dict.h. */
#include "pipeline/core/dict.h"

#include "prof/base/err.h"

#include <stdlib.h>
#include <string.h>

#define FIRST_CAP 64u

struct key {
	const struct dict *dict;
	const char *text;
	size_t len;
};

static int key_equal(const void *ctx, uint32_t id)
{
	const struct key *k = ctx;

	return k->dict->len[id] == k->len &&
	       (k->len == 0 || memcmp(k->dict->text[id], k->text, k->len) == 0);
}

static uint32_t find_hashed(const struct dict *d, const char *text, size_t len, uint64_t hash)
{
	struct key k = {d, text, len};
	uint32_t id = hashidx_find(&d->index, hash, key_equal, &k);

	return id == HASHIDX_NONE ? DICT_NONE : id;
}

/* Room for one more text; 0 or ERR_NOMEM. */
static int grow(struct dict *d)
{
	uint32_t cap = d->cap ? d->cap : FIRST_CAP;
	const char **text;
	uint32_t *len;

	if (d->count < d->cap)
		return 0;
	if (d->cap)
		cap = d->cap > DICT_NONE / 2 ? DICT_NONE : d->cap * 2;
	if (d->count >= cap)
		return ERR_NOMEM;
	text = realloc(d->text, cap * sizeof *text);
	if (!text)
		return ERR_NOMEM;
	d->text = text;
	len = realloc(d->len, cap * sizeof *len);
	if (!len)
		return ERR_NOMEM;
	d->len = len;
	d->cap = cap;
	return 0;
}

uint32_t dict_intern(struct dict *d, const char *text, size_t len)
{
	uint64_t hash = hash_bytes(text, len, 0);
	uint32_t id = find_hashed(d, text, len, hash);
	char *copy;

	if (id != DICT_NONE)
		return id;
	if (len > UINT32_MAX || grow(d) != 0)
		return DICT_NONE;
	copy = arena_strndup(&d->arena, text, len);
	if (!copy || hashidx_add(&d->index, hash, d->count) != 0)
		return DICT_NONE;
	d->text[d->count] = copy;
	d->len[d->count] = (uint32_t)len;
	return d->count++;
}

uint32_t dict_find(const struct dict *d, const char *text, size_t len)
{
	return find_hashed(d, text, len, hash_bytes(text, len, 0));
}

const char *dict_text(const struct dict *d, uint32_t id)
{
	return d->text[id];
}

void dict_release(struct dict *d)
{
	free(d->text);
	free(d->len);
	hashidx_release(&d->index);
	arena_release(&d->arena);
	*d = (struct dict)DICT_INIT;
}
