/* Distinct values of a column chunk: see encode_dict.h. Load stays at or below one half. */
#include "pipeline/output/encode_dict.h"

#include <stdlib.h>
#include <string.h>

#include "prof/base/err.h"
#include "prof/base/hash.h"

#define FIRST_SLOTS ((size_t)1024)

int encode_dict_init(struct encode_dict *d, uint32_t cap)
{
	size_t slots = FIRST_SLOTS;

	while (slots < (size_t)cap * 2)
		slots *= 2;
	*d = (struct encode_dict){.cap = cap};
	d->keys = malloc(cap * sizeof *d->keys);
	d->slots = malloc(slots * sizeof *d->slots);
	if (!d->keys || !d->slots) {
		encode_dict_release(d);
		return ERR_NOMEM;
	}
	encode_dict_clear(d);
	return 0;
}

void encode_dict_release(struct encode_dict *d)
{
	free(d->keys);
	free(d->slots);
	*d = (struct encode_dict){0};
}

void encode_dict_clear(struct encode_dict *d)
{
	d->count = 0;
	d->mask = FIRST_SLOTS - 1;
	memset(d->slots, 0, FIRST_SLOTS * sizeof *d->slots);
}

static void grow(struct encode_dict *d)
{
	d->mask = d->mask * 2 + 1;
	memset(d->slots, 0, (d->mask + 1) * sizeof *d->slots);
	for (uint32_t i = 0; i < d->count; i++) {
		size_t at = hash_u64(d->keys[i]) & d->mask;

		while (d->slots[at])
			at = (at + 1) & d->mask;
		d->slots[at] = i + 1;
	}
}

uint32_t encode_dict_intern(struct encode_dict *d, uint64_t key, uint32_t limit)
{
	size_t at = hash_u64(key) & d->mask;

	while (d->slots[at]) {
		if (d->keys[d->slots[at] - 1] == key)
			return d->slots[at] - 1;
		at = (at + 1) & d->mask;
	}
	if (d->count == limit)
		return ENCODE_DICT_FULL;
	d->keys[d->count] = key;
	d->slots[at] = ++d->count;
	if ((size_t)d->count * 2 > d->mask + 1)
		grow(d);
	return d->count - 1;
}
