/* The producer's side of a ring: in the target, in handlers. Signal-safe: no allocation, no lock. One
 * producer at a time per ring: a handler that interrupts a normal-context write of the same thread
 * must see ring_writer.busy and drop its record (counted). */
#ifndef SPOOL_WRITER_H
#define SPOOL_WRITER_H

#include "prof/spool/format.h"

/* A ring begins with this much memory: threads that take few samples cost little. */
#define RING_READY (64u << 10)

struct ring_writer {
	struct spool_ring *ring; /* shared */
	uint8_t *bytes;          /* shared: the ring's bytes */
	uint32_t size;
	uint32_t
		ready; /* bytes from the start whose memory is there; grows when a record needs more */
	volatile uint32_t busy; /* a record is being written by this thread */
	uint64_t record_at;     /* begun record: its place, */
	uint32_t record_max;    /* and the bytes reserved for it */
};

/* Room for a record of up to `payload_max` bytes of payload: where the payload goes, or NULL (ring full
 * or busy; counted as ring_full or record_dropped). Nothing is visible until ring_commit(). */
void *ring_begin(struct ring_writer *w, enum spool_type type, uint32_t payload_max);
/* Publishes it with `payload` bytes in use. */
void ring_commit(struct ring_writer *w, uint16_t flags, uint32_t extra, int64_t t_ns,
		 uint32_t payload);
void ring_abandon(struct ring_writer *w);
void ring_loss(struct ring_writer *w, enum spool_loss loss, uint64_t n);
/* Bytes that could be written now. */
uint32_t ring_room(const struct ring_writer *w);

#endif
