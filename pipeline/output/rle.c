/* RLE / bit-packing hybrid: see rle.h. */
#include "pipeline/output/rle.h"

#include <string.h>

#define GROUP 8 /* bit-packed runs come in eights */

unsigned rle_width(uint32_t max_value)
{
	return max_value ? 32u - (unsigned)__builtin_clz(max_value) : 0;
}

static void put_varint(struct buf *out, uint64_t v)
{
	while (v >= 0x80) {
		buf_putc(out, (char)(v | 0x80));
		v >>= 7;
	}
	buf_putc(out, (char)v);
}

static void put_run(struct buf *out, uint32_t value, size_t n, unsigned width)
{
	put_varint(out, (uint64_t)n << 1);
	buf_put(out, &value, (width + 7) / 8); /* little-endian, like the machine */
}

/* `n` values as whole groups; a short last group is filled with zeros. */
static void put_packed(struct buf *out, const uint32_t *values, size_t n, unsigned width)
{
	size_t groups = (n + GROUP - 1) / GROUP, bytes = groups * width, at = 0;
	uint64_t word = 0;
	unsigned bits = 0;
	char *to;

	put_varint(out, (uint64_t)groups << 1 | 1);
	to = buf_reserve(out, bytes);
	if (!to)
		return;
	for (size_t i = 0; i < n; i++) {
		word |= (uint64_t)values[i] << bits;
		bits += width;
		while (bits >= 8) {
			to[at++] = (char)word;
			word >>= 8;
			bits -= 8;
		}
	}
	if (bits)
		to[at++] = (char)word;
	memset(to + at, 0, bytes - at);
	out->len += bytes;
}

/* A run of eight or more equal values costs less as RLE than the groups it would fill, whatever the
 * width. Packed values wait in `values[packed] … values[i - 1]`, always whole groups. */
void rle_encode(struct buf *out, const uint32_t *values, size_t n, unsigned width)
{
	size_t packed = 0, i = 0;

	while (i < n) {
		size_t run = 1;

		while (i + run < n && values[i + run] == values[i])
			run++;
		if (run < GROUP) {
			i += n - i < GROUP ? n - i : GROUP;
			continue;
		}
		if (packed < i)
			put_packed(out, values + packed, i - packed, width);
		put_run(out, values[i], run, width);
		i += run;
		packed = i;
	}
	if (packed < n)
		put_packed(out, values + packed, n - packed, width);
}

void rle_open(struct rle_in *in, const void *bytes, size_t n, unsigned width)
{
	*in = (struct rle_in){.at = bytes, .end = (const unsigned char *)bytes + n, .width = width};
}

static int take_varint(struct rle_in *in, uint64_t *v)
{
	*v = 0;
	for (int shift = 0; shift < 64 && in->at < in->end; shift += 7) {
		unsigned char b = *in->at++;

		*v |= (uint64_t)(b & 0x7f) << shift;
		if (!(b & 0x80))
			return 0;
	}
	return -1;
}

static int next_run(struct rle_in *in)
{
	size_t value_bytes = (in->width + 7) / 8;
	uint64_t head;

	if (in->bit) { /* the last packed run ended within a byte: padding */
		in->at++;
		in->bit = 0;
	}
	if (take_varint(in, &head) < 0)
		return -1;
	if (head & 1) {
		in->packed_left = head >> 1 > UINT64_MAX / GROUP ? UINT64_MAX : (head >> 1) * GROUP;
		return in->packed_left ? 0 : -1;
	}
	if ((size_t)(in->end - in->at) < value_bytes)
		return -1;
	in->run_left = head >> 1;
	in->run_value = 0;
	memcpy(&in->run_value, in->at, value_bytes);
	in->at += value_bytes;
	if ((uint64_t)in->run_value >>
	    in->width) /* whole bytes can hold more than the width says */
		return -1;
	return in->run_left ? 0 : -1;
}

/* Bits past the end of the bytes read as missing: writers may cut the padding of a last group, so
 * that only values that are asked for must be there. */
static int take_packed(struct rle_in *in, uint32_t *out, size_t n)
{
	size_t have = (size_t)(in->end - in->at);
	uint64_t mask = ((uint64_t)1 << in->width) - 1;

	if (in->width == 0) {
		memset(out, 0, n * sizeof *out);
		return 0;
	}
	if (n > (have * 8 - in->bit) / in->width)
		return -1;
	for (size_t i = 0; i < n; i++) {
		size_t bytes = (in->bit + in->width + 7) / 8; /* at most 5 */
		uint64_t word = 0;

		if (in->end - in->at >= 8)
			memcpy(&word, in->at, 8);
		else
			memcpy(&word, in->at, bytes);
		out[i] = (uint32_t)(word >> in->bit & mask);
		in->bit += in->width;
		in->at += in->bit / 8;
		in->bit %= 8;
	}
	return 0;
}

int rle_read(struct rle_in *in, uint32_t *out, size_t n)
{
	while (n) {
		size_t take;

		if (!in->run_left && !in->packed_left && next_run(in) < 0)
			return -1;
		if (in->run_left) {
			take = in->run_left < n ? (size_t)in->run_left : n;
			for (size_t i = 0; i < take; i++)
				out[i] = in->run_value;
			in->run_left -= take;
		} else {
			take = in->packed_left < n ? (size_t)in->packed_left : n;
			if (take_packed(in, out, take) < 0)
				return -1;
			in->packed_left -= take;
		}
		out += take;
		n -= take;
	}
	return 0;
}
