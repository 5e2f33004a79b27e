/* The pickles numpy.save writes for object arrays of str, as texts. A machine of opcodes without
 * objects: it knows five names (numpy's array and dtype constructors, numpy.str_ scalars, and the
 * spelling of bytes in protocol 2), calls nothing, and refuses everything else with the remedy.
 * Memory is bounded by the number of items the array's header states and by the pickle's size. Thread-safe. */
#ifndef CORE_PICKLE_H
#define CORE_PICKLE_H

#include <stddef.h>
#include <stdint.h>

#include "pipeline/core/npz.h"

/* Room for 1.8 million GO ids; hostile pickles of this size make the machine hold up to 48 times it. */
#define PICKLE_MAX_BYTES ((size_t)32 << 20)

/* Gives each of the `n_items` texts to `fn` in order. `n_dims` is 0 or 1. `name` for messages. */
int pickle_texts(const char *name, const unsigned char *bytes, size_t n, size_t n_dims,
		 uint64_t n_items, npz_text_fn *fn, void *ctx, struct err *err);

#endif
