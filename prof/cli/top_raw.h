/* Samples of an interval before they have names: each distinct stack once, with what it cost. Kept from interval to
 * interval, so that a stack that comes again costs one look-up. Bounded: cleared between intervals when it got
 * large. Not thread-safe. */
#ifndef CLI_TOP_RAW_H
#define CLI_TOP_RAW_H

#include <stddef.h>
#include <stdint.h>

#include "prof/attach/sampler.h"
#include "prof/base/hash.h"
#include "prof/cli/top_model.h"

/* A frame of no module, for "[truncated]" and the like: rel_addr is a string's id. */
#define TOP_RAW_LABEL (MODULE_NONE - 1)

struct top_raw_frame {
	struct attach_frame frame;
	uint32_t first, n; /* its places (inlined functions too), innermost first, of `places` */
	uint8_t stale;     /* places are to be looked up (again) */
	uint8_t wanted;    /* by a stack of this interval */
};

struct top_raw_stack {
	size_t at; /* of `ids`, the innermost frame first */
	uint32_t n;
	uint64_t count[TOP_KINDS];
	double value[TOP_KINDS];
};

struct top_raw {
	struct top_raw_frame *frames; /* owned, all arrays */
	struct top_raw_stack *stacks;
	uint32_t *ids, *places;
	uint32_t n_frames, cap_frames, n_stacks, cap_stacks, n_ids, cap_ids, n_places, cap_places;
	struct hashidx frame_ids, stack_ids;
};

void top_raw_release(struct top_raw *r); /* a zeroed one is fine; it is usable again */
/* Adds to the stack of these frames (innermost first, then up to two labels, 0: none; strings); its number, or
 * TOP_NONE: no memory. */
uint32_t top_raw_add(struct top_raw *r, const struct attach_frame *frames, uint32_t n,
		     const uint32_t labels[2], enum top_kind kind, double value_ns, uint64_t count);
/* Room for the `n` places of a frame, which is no longer stale. NULL: no memory. */
uint32_t *top_raw_places(struct top_raw *r, struct top_raw_frame *f, uint32_t n);
/* Places of all frames are to be looked up again. */
void top_raw_stale(struct top_raw *r);
int top_raw_is_large(const struct top_raw *r); /* take what is in it, and begin anew */
/* Costs back to nothing; everything forgotten if it is large. */
void top_raw_begin(struct top_raw *r);

#endif
