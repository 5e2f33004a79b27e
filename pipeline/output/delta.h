/* DELTA_BINARY_PACKED of Parquet (Encodings.md), as it carries the lengths of the delta byte-array
 * encodings: non-negative 32-bit numbers, read one by one without storing them, so that a few bytes
 * cannot ask for much memory. Private to the Parquet reader. One reader belongs to one thread. */
#ifndef OUTPUT_DELTA_H
#define OUTPUT_DELTA_H

#include <stddef.h>
#include <stdint.h>

struct delta_in {
	const unsigned char *at; /* next unread byte: start of the next miniblock or block */
	const unsigned char *end;
	uint64_t left;               /* values still to come */
	uint32_t per_mini;           /* values in a miniblock */
	uint32_t n_minis;            /* miniblocks in a block */
	uint32_t mini;               /* next miniblock of the block; n_minis: block finished */
	const unsigned char *widths; /* bit widths of the block's miniblocks */
	uint32_t min_delta;          /* arithmetic is modulo 2^32 */
	uint32_t value;              /* the next value to give */
	const unsigned char *packed; /* current miniblock */
	uint32_t packed_at;          /* next value in it */
	uint32_t packed_left;        /* values of it not yet taken */
	unsigned width;
};

/* 0, or -1 when the bytes are malformed. */
int delta_open(struct delta_in *in, const unsigned char *bytes, size_t n);
int delta_next(struct delta_in *in, uint32_t *value);
/* Bytes that the whole encoding takes; 0: malformed. `in` is not changed. */
size_t delta_size(const struct delta_in *in, const unsigned char *bytes);

#endif
