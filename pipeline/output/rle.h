/* Parquet's RLE / bit-packing hybrid (Encodings.md): definition levels and dictionary indices.
 * Private to the Parquet files of this room. One reader belongs to one thread. */
#ifndef OUTPUT_RLE_H
#define OUTPUT_RLE_H

#include <stddef.h>
#include <stdint.h>

#include "prof/base/buf.h"

/* Appends `n` values of `width` bits each (1 to 32, and each value fits). */
void rle_encode(struct buf *out, const uint32_t *values, size_t n, unsigned width);

struct rle_in {
	const unsigned char *at; /* borrowed foreign bytes */
	const unsigned char *end;
	unsigned width;
	uint64_t run_left; /* values of the current RLE run still to come */
	uint32_t run_value;
	uint64_t packed_left; /* values of the current bit-packed run still to come */
	unsigned bit;         /* position in `at` of the next packed value, 0 to 7 */
};

/* `width` 0 to 32 (0: every value is 0). */
void rle_open(struct rle_in *in, const void *bytes, size_t n, unsigned width);
/* The next `n` values, each of `width` bits at most; 0, or -1 when the bytes end before or are
 * malformed. */
int rle_read(struct rle_in *in, uint32_t *out, size_t n);

unsigned rle_width(uint32_t max_value); /* bits that hold it: 0 for 0 */

#endif
