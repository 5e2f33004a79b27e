/* Each string once: see strtab.h. Bytes lie in an arena, so texts never move. */
#include "prof/model/strtab.h"

#include <string.h>

#include "prof/base/arena.h"
#include "prof/base/err.h"
#include "prof/base/hash.h"
#include "prof/model/grow.h"

#define SEED 0x73747274u /* any value: only the place in the index depends on it */

struct strtab {
	struct arena arena;
	const char **text; /* owned array; bytes in the arena */
	uint32_t *len;     /* owned */
	uint32_t count, cap;
	struct hashidx index;
	size_t used_bytes, max_bytes;
};

struct strtab *strtab_new(void)
{
	struct strtab *t = calloc(1, sizeof *t);
	uint32_t id;

	if (!t)
		return NULL;
	t->max_bytes = UINT32_MAX;
	if (strtab_intern(t, "", 0, &id) != 0) {
		strtab_free(t);
		return NULL;
	}
	return t;
}

void strtab_free(struct strtab *t)
{
	if (!t)
		return;
	arena_release(&t->arena);
	hashidx_release(&t->index);
	free(t->text);
	free(t->len);
	free(t);
}

void strtab_set_limit(struct strtab *t, size_t bytes)
{
	t->max_bytes = bytes;
}

struct sought {
	const struct strtab *t;
	const char *bytes;
	size_t len;
};

static int is_sought(const void *ctx, uint32_t id)
{
	const struct sought *s = ctx;

	return s->t->len[id] == s->len &&
	       (s->len == 0 || memcmp(s->t->text[id], s->bytes, s->len) == 0);
}

int strtab_find(const struct strtab *t, const char *bytes, size_t len, uint32_t *id)
{
	struct sought s = {t, bytes, len};
	uint32_t hit = hashidx_find(&t->index, hash_bytes(bytes, len, SEED), is_sought, &s);

	if (hit == HASHIDX_NONE)
		return 0;
	*id = hit;
	return 1;
}

static int grow(struct strtab *t)
{
	uint32_t cap = grow_next(t->cap, HASHIDX_NONE - 1);

	if (!cap)
		return ERR_LIMIT;
	if (GROW(t->text, cap) != 0 || GROW(t->len, cap) != 0)
		return ERR_NOMEM;
	t->cap = cap;
	return 0;
}

int strtab_intern(struct strtab *t, const char *bytes, size_t len, uint32_t *id)
{
	const char *copy;
	int rc;

	if (strtab_find(t, bytes, len, id))
		return 0;
	if (len >= UINT32_MAX || t->used_bytes > t->max_bytes || len > t->max_bytes - t->used_bytes)
		return ERR_LIMIT;
	if (t->count == t->cap && (rc = grow(t)) != 0)
		return rc;
	copy = arena_strndup(&t->arena, bytes, len);
	if (!copy || hashidx_add(&t->index, hash_bytes(bytes, len, SEED), t->count) != 0)
		return ERR_NOMEM; /* the copy stays in the arena, unused */
	t->text[t->count] = copy;
	t->len[t->count] = (uint32_t)len;
	t->used_bytes += len;
	*id = t->count++;
	return 0;
}

int strtab_intern_text(struct strtab *t, const char *text, uint32_t *id)
{
	return strtab_intern(t, text, strlen(text), id);
}

uint32_t strtab_count(const struct strtab *t)
{
	return t->count;
}

const char *strtab_text(const struct strtab *t, uint32_t id)
{
	return id < t->count ? t->text[id] : "";
}

size_t strtab_len(const struct strtab *t, uint32_t id)
{
	return id < t->count ? t->len[id] : 0;
}

static int compare(const void *pa, const void *pb, void *ctx)
{
	const struct strtab *t = ctx;
	uint32_t a = *(const uint32_t *)pa, b = *(const uint32_t *)pb;
	uint32_t common = t->len[a] < t->len[b] ? t->len[a] : t->len[b];
	int c = memcmp(t->text[a], t->text[b], common);

	return c ? c : (t->len[a] > t->len[b]) - (t->len[a] < t->len[b]);
}

int strtab_rank(const struct strtab *t, uint32_t *rank)
{
	uint32_t *order = malloc(t->count * sizeof *order);
	uint32_t i;

	if (!order)
		return ERR_NOMEM;
	for (i = 0; i < t->count; i++)
		order[i] = i;
	qsort_r(order, t->count, sizeof *order, compare, (void *)(uintptr_t)t);
	for (i = 0; i < t->count; i++)
		rank[order[i]] = i;
	free(order);
	return 0;
}
