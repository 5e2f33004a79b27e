/* Chains of frames for a batch of addresses while they are found, in any order. Private to prof/symbol. */
#ifndef SYMBOL_RESULT_H
#define SYMBOL_RESULT_H

#include <stddef.h>
#include <stdint.h>

#include "prof/symbol/symbol.h"

struct result {
	const uint64_t *addrs; /* borrowed; ascending, each once */
	size_t n;
	uint32_t *first, *count;     /* owned; of each address, count 0: nothing known */
	struct symbol_frame *frames; /* owned */
	uint32_t n_frames, cap_frames;
};

int result_init(struct result *r, const uint64_t *addrs, size_t n); /* 0 or ERR_NOMEM */
void result_release(struct result *r);
/* `n` frames for address `i`, zeroed; what it had is forgotten. NULL: no memory. */
struct symbol_frame *result_put(struct result *r, size_t i, uint32_t n);

#endif
