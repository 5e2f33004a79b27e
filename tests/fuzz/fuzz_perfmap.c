/* Any bytes as a just-in-time compiler's map: names lie inside the bytes and belong to a line that covers
 * the address. */
#include <stdint.h>
#include <stdlib.h>

#include "prof/symbol/perfmap.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

#define ADDRESSES 32

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	static const uint8_t none[1];
	struct span text = {n ? data : none, n}, names[ADDRESSES];
	uint64_t addrs[ADDRESSES];
	size_t lines;

	for (size_t i = 0; i < ADDRESSES; i++)
		addrs[i] = i * i * 0x40;
	addrs[ADDRESSES - 1] = UINT64_MAX;
	lines = perfmap_find(text, addrs, ADDRESSES, names);
	if (lines > n)
		abort();
	for (size_t i = 0; i < ADDRESSES; i++) {
		if (!names[i].n)
			continue;
		if (names[i].p < text.p || names[i].p + names[i].n > text.p + n || !lines ||
		    memchr(names[i].p, '\n', names[i].n))
			abort();
	}
	return 0;
}
