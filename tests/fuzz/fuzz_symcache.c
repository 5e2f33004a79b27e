/* Any bytes as a file of the symbol cache: either refused, or every look-up gives names that are there. The
 * checksum is put right first, or nothing would get past it. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "prof/base/hash.h"
#include "prof/symbol/diskcache.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

#define ADDRESSES 32

static void look_up(const struct diskcache *c)
{
	struct strtab *strings = strtab_new();
	uint64_t addrs[ADDRESSES];
	struct result r;
	size_t left;

	for (size_t i = 0; i < ADDRESSES; i++)
		addrs[i] = c->n && i % 2 && c->addrs[i % c->n] < 1000 * i ? 1000 * i - 1 : 1000 * i;
	if (c->n)
		addrs[ADDRESSES - 1] =
			c->addrs[c->n - 1] > addrs[ADDRESSES - 2] ? c->addrs[c->n - 1] : UINT64_MAX;
	if (strings && result_init(&r, addrs, ADDRESSES) == 0) {
		if (diskcache_fill(c, strings, STRTAB_EMPTY, &r, &left) < 0 || left > ADDRESSES)
			abort();
		for (uint32_t i = 0; i < r.n_frames; i++) {
			if (r.frames[i].function >= strtab_count(strings))
				abort();
		}
		result_release(&r);
	}
	strtab_free(strings);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	const size_t behind = offsetof(struct diskcache_header, setup);
	struct diskcache_note now = {0};
	struct diskcache c;
	uint8_t *bytes = malloc(n + 1);

	if (!bytes)
		return 0;
	memcpy(bytes, data, n);
	if (n > behind) {
		uint64_t sum = hash_bytes(bytes + behind, n - behind, 0);

		memcpy(bytes, DISKCACHE_MAGIC, 8);
		memcpy(bytes + offsetof(struct diskcache_header, checksum), &sum, sizeof sum);
	}
	if (!diskcache_parse(&c, bytes, n)) {
		free(bytes);
		return 0;
	}
	diskcache_is_stale(&c, &now);
	look_up(&c);
	diskcache_close(&c);
	return 0;
}
