/* A ring: mapped memory that the kernel writes at its head and we free at its tail. An event of our own that never
 * counts owns a CPU's, so that it outlives every target. Hands records out in place; what wraps around the
 * ring's end is put together in `scratch`. One reader. */
#ifndef ATTACH_PERF_RING_H
#define ATTACH_PERF_RING_H

#include <stddef.h>
#include <stdint.h>

#include "prof/base/err.h"

struct perf_ring {
	int fd; /* of its owner; -1: none */
	uint32_t cpu;
	void *map;
	size_t map_bytes;
	const uint8_t *data; /* `bytes` of it, a power of two */
	uint64_t bytes;
	uint64_t tail, freed; /* read up to here; told to the kernel up to here */
	uint64_t head;        /* written up to here when perf_ring_look() last looked */
	int near_full; /* it was so full since the last clear that a record may have been dropped */
};

/* Maps `bytes` (a power of two of pages) or, where the locked-memory limit says no, a half, down to `least`. Owns
 * `fd`, also on failure. ERR_DENIED (sys EPERM: kernel.perf_event_mlock_kb), ERR_NOMEM. */
int perf_ring_map(struct perf_ring *r, int fd, size_t bytes, size_t least, struct err *err);
/* One of a CPU, that wakes its reader when half full. ERR_NOTFOUND: the CPU is offline; ERR_LIMIT: descriptors;
 * and perf_ring_map()'s. */
int perf_ring_open(struct perf_ring *r, uint32_t cpu, size_t bytes, struct err *err);
void perf_ring_close(struct perf_ring *r); /* one with fd -1 is fine */

/* Notes how far the kernel has written. ERR_FORMAT: the head makes no sense. */
int perf_ring_look(struct perf_ring *r);
/* The next record, whole; NULL: none up to the head (*bad 0), or bytes that are no record (*bad 1).
 * Aligned to 8, valid until perf_ring_take(). `scratch` has PERF_RECORD_MAX bytes. */
const uint8_t *perf_ring_peek(const struct perf_ring *r, uint8_t *scratch, size_t *size, int *bad);
/* The same at `at`, between the tail and the head. */
const uint8_t *perf_ring_at(const struct perf_ring *r, uint64_t at, uint8_t *scratch, size_t *size,
			    int *bad);
/* That record is done with; its room goes back to the kernel in steps. */
void perf_ring_take(struct perf_ring *r, size_t size);
/* Leaves out everything up to the head. */
void perf_ring_skip(struct perf_ring *r);
/* All the room that was read goes back now. */
void perf_ring_free(struct perf_ring *r);

#endif
