/* The consumer's side: records out of a ring that another process writes (or wrote before it died).
 * Trusts nothing: lengths, offsets, checksums and types are checked against a private copy. */
#ifndef SPOOL_READER_H
#define SPOOL_READER_H

#include <stddef.h>

#include "prof/spool/format.h"
#include "prof/spool/session.h"

struct spool_view { /* one record, copied out of shared memory; valid until the next call */
	enum spool_type type;
	uint16_t flags;
	uint32_t extra;
	int64_t t_ns;
	const uint8_t *
		payload; /* aligned to 8; payload[payload_bytes] is 0, so texts at the end do end */
	size_t payload_bytes; /* padding (zeros) included */
};

struct ring_reader {
	struct spool_ring *ring; /* shared */
	const uint8_t *bytes;    /* shared */
	uint32_t ring_bytes;
	uint64_t at;    /* next byte to read; starts at the ring's tail */
	uint64_t limit; /* head as seen by ring_reader_refresh() */
	uint8_t *copy;  /* owned */
	size_t copy_cap;
	uint64_t bad; /* records skipped as malformed */
};

/* 0, ERR_ARG for a ring that the file does not have. Allocates nothing yet. */
int ring_reader_init(struct ring_reader *r, const struct spool_file *file, uint32_t index);
void ring_reader_release(struct ring_reader *r);
void ring_reader_refresh(struct ring_reader *r); /* reads the producer's head */
/* 1 and a record that passed all checks (payload long enough for its type), 0: nothing up to `limit`,
 * ERR_NOMEM. A malformed record costs the rest up to `limit` (there is no telling where the next one
 * begins) and counts as one in `bad`. */
int ring_next(struct ring_reader *r, struct spool_view *view);
/* Gives everything before `at` back to the producer. */
void ring_consume(const struct ring_reader *r);
/* A ring whose thread ended and that is consumed to its end may be claimed again: 1, else 0. */
int ring_recycle(const struct ring_reader *r);

#endif
