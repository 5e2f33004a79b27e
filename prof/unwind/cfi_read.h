/* A cursor over bytes that may be hostile: after the first read past the end, or of a number that does
 * not fit, `bad` is set and everything reads as 0. Little-endian. Shared by cfi.c and cfi_run.c. */
#ifndef UNWIND_CFI_READ_H
#define UNWIND_CFI_READ_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "prof/unwind/cfi.h"

struct cfi_cursor {
	const uint8_t *data;
	size_t at, end;
	int bad;
};

static inline uint64_t cfi_fixed(struct cfi_cursor *c, size_t n)
{
	uint64_t v = 0;

	if (c->bad || c->end - c->at < n) {
		c->bad = 1;
		return 0;
	}
	memcpy(&v, c->data + c->at, n);
	c->at += n;
	return v;
}

/* Numbers of more bytes are refused: padding serves no one but those who want us to read for long. */
#define CFI_LEB_BITS (7 * 16)

static inline uint64_t cfi_uleb(struct cfi_cursor *c)
{
	uint64_t v = 0;

	for (unsigned int shift = 0; !c->bad; shift += 7) {
		uint8_t b = (uint8_t)cfi_fixed(c, 1);
		uint64_t part = b & 0x7f;

		if ((part && (shift > 63 || part << shift >> shift != part)) ||
		    shift >= CFI_LEB_BITS)
			c->bad = 1;
		else if (shift <= 63)
			v |= part << shift;
		if (!(b & 0x80))
			break;
	}
	return c->bad ? 0 : v;
}

static inline int64_t cfi_sleb(struct cfi_cursor *c)
{
	uint64_t v = 0;
	unsigned int shift = 0;
	uint8_t b = 0;

	do {
		b = (uint8_t)cfi_fixed(c, 1);
		if (shift < 64)
			v |= (uint64_t)(b & 0x7f) << shift;
		shift += 7;
		c->bad |= shift > CFI_LEB_BITS;
	} while (!c->bad && (b & 0x80));
	if (shift < 64 && (b & 0x40))
		v |= ~(uint64_t)0 << shift;
	return c->bad ? 0 : (int64_t)v;
}

/* `n` bytes are stepped over. */
static inline void cfi_skip(struct cfi_cursor *c, uint64_t n)
{
	if (c->bad || n > c->end - c->at)
		c->bad = 1;
	else
		c->at += (size_t)n;
}

/* A pointer in one of the encodings of the LSB (DW_EH_PE_*), relative to where it stands in the section
 * or to `func`. Sets `bad` for encodings that there are none of; *indirect tells that the value is only
 * the address of the pointer. */
uint64_t cfi_pointer(const struct cfi_section *s, struct cfi_cursor *c, uint8_t encoding,
		     uint64_t func, int *indirect);

#endif
