/* Short texts by one look: see shortnames.h. Load stays at or below one half. */
#include "pipeline/ontology/shortnames.h"

#include <stdlib.h>
#include <string.h>

struct key {
	uint64_t low;
	uint32_t high;
};

static struct key key_of(const char *text, size_t len)
{
	char padded[SHORTNAME_BYTES] = {0};
	struct key k;

	memcpy(padded, text, len);
	memcpy(&k.low, padded, sizeof k.low);
	memcpy(&k.high, padded + sizeof k.low, sizeof k.high);
	return k;
}

static int is_key(const struct shortname *s, struct key k)
{
	return memcmp(s->text, &k.low, sizeof k.low) == 0 &&
	       memcmp(s->text + sizeof k.low, &k.high, sizeof k.high) == 0;
}

static size_t place_of(const struct shortnames *s, struct key k)
{
	return (size_t)hash_u64(k.low ^ (uint64_t)k.high << 21) & s->mask;
}

/* The slot that has the key, or the free one where it would be. */
static struct shortname *look(const struct shortnames *s, struct key k)
{
	size_t at = place_of(s, k);

	while (s->slot[at].id && !is_key(&s->slot[at], k))
		at = (at + 1) & s->mask;
	return &s->slot[at];
}

void shortnames_make(struct shortnames *s, const struct dict *d)
{
	size_t slots = 64;
	uint32_t i;

	while (slots < 2 * (size_t)d->count)
		slots *= 2;
	*s = (struct shortnames){.dict = d, .mask = slots - 1};
	s->slot = calloc(slots, sizeof *s->slot);
	for (i = 0; s->slot && i < d->count; i++) {
		struct shortname *at;

		if (d->len[i] > SHORTNAME_BYTES)
			continue;
		at = look(s, key_of(d->text[i], d->len[i]));
		memcpy(at->text, d->text[i], d->len[i]);
		at->id = i + 1;
	}
}

void shortnames_release(struct shortnames *s)
{
	free(s->slot);
	*s = (struct shortnames){0};
}

void shortnames_ask(const struct shortnames *s, const char *text, size_t len)
{
	if (s->slot && len <= SHORTNAME_BYTES)
		__builtin_prefetch(&s->slot[place_of(s, key_of(text, len))]);
}

uint32_t shortnames_find(const struct shortnames *s, const char *text, size_t len)
{
	const struct shortname *at;

	if (!s->slot || len > SHORTNAME_BYTES)
		return dict_find(s->dict, text, len);
	at = look(s, key_of(text, len));
	return at->id ? at->id - 1 : DICT_NONE;
}
