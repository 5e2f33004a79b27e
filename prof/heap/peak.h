/* The exact high-water mark of the heap, of the run and of every open stage, without a lock that all
 * threads share as long as no mark is near.
 *
 * Live bytes are kept per shard, under the shard's lock. Each shard has a limit up to which it may grow by
 * itself; the limits add up to the lowest mark that is still to be reached (the "edge"), so that no mark can be
 * reached while all shards stay below theirs. Who reaches his limit takes all locks, adds up, declares marks
 * and deals out limits anew. The last of equal marks counts. docs/memory.md has the proof.
 *
 * A process with one thread takes no atomic lock: heap_lock() looks at heap_peak.many. Inside the target;
 * spins, then waits by futex; never allocates. */
#ifndef HEAP_PEAK_H
#define HEAP_PEAK_H

#include "prof/heap/format.h"
#include "prof/heap/tables.h"

struct heap_shard {            /* lines of its own */
	_Atomic uint32_t lock; /* 0 free, 1 held, 2 held and waited for */
	uint32_t used;
	int64_t live_bytes, live_count, limit_bytes; /* by the lock */
	struct heap_index index;
	struct heap_shard_sum *sum; /* published */
};

struct heap_level; /* stages whose marks are equal; private to peak.c */

/* An open stage's mark: in the stage's own memory, zeroed before. */
struct heap_mark {
	struct heap_level *level;
	int64_t peak_bytes; /* once ended */
};

struct heap_peak;

#endif
