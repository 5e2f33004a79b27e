/* Sections of call frame information put together by hand. For unit tests only. */
#ifndef TESTS_CFI_BYTES_H
#define TESTS_CFI_BYTES_H

#include <stdint.h>
#include <string.h>

#include "prof/unwind/cfi.h"

#define CFI_BYTES_ADDR 0x10000 /* of the section */

struct cfi_bytes {
	uint8_t data[4096];
	size_t len;
	int debug, dwarf64;
	size_t cie; /* offset of the newest CIE */
};

static inline void cb_put(struct cfi_bytes *b, uint64_t v, size_t n)
{
	if (n > sizeof b->data - b->len)
		return;
	memcpy(b->data + b->len, &v, n);
	b->len += n;
}

static inline void cb_bytes(struct cfi_bytes *b, const void *p, size_t n)
{
	if (n == 0 || n > sizeof b->data - b->len)
		return;
	memcpy(b->data + b->len, p, n);
	b->len += n;
}

/* Begins an entry; its end is patched by cb_end(). */
static inline size_t cb_begin(struct cfi_bytes *b)
{
	size_t at = b->len;

	if (b->dwarf64)
		cb_put(b, 0xffffffff, 4);
	cb_put(b, 0, b->dwarf64 ? 8 : 4);
	return at;
}

static inline void cb_end(struct cfi_bytes *b, size_t at)
{
	size_t head = b->dwarf64 ? 12 : 4;
	uint64_t n;

	while (b->len % 8 != 0)
		cb_put(b, 0, 1); /* DW_CFA_nop */
	n = b->len - at - head;
	memcpy(b->data + at + head - (b->dwarf64 ? 8 : 4), &n, b->dwarf64 ? 8 : 4);
}

/* A CIE of version 1: code alignment 1, data alignment -8, return address 16. `augmentation` with its NUL is
 * `letters`, its data (with the length for 'z') `data`. */
static inline void cb_cie(struct cfi_bytes *b, const char *letters, const void *data, size_t n_data,
			  const void *code, size_t n_code)
{
	size_t at = cb_begin(b);

	b->cie = at;
	cb_put(b, b->debug ? UINT64_MAX : 0, b->debug && b->dwarf64 ? 8 : 4);
	cb_put(b, 1, 1);
	cb_bytes(b, letters, strlen(letters) + 1);
	cb_put(b, 1, 1);
	cb_put(b, 0x78, 1); /* sleb -8 */
	cb_put(b, 16, 1);
	cb_bytes(b, data, n_data);
	cb_bytes(b, code, n_code);
	cb_end(b, at);
}

/* Begins an FDE of the newest CIE, up to where its address stands. */
static inline size_t cb_fde_begin(struct cfi_bytes *b)
{
	size_t at = cb_begin(b);

	if (b->debug)
		cb_put(b, b->cie, b->dwarf64 ? 8 : 4);
	else
		cb_put(b, b->len - b->cie, 4);
	return at;
}

/* An FDE with 8-byte absolute addresses, for a CIE without 'R'. */
static inline void cb_fde(struct cfi_bytes *b, uint64_t start, uint64_t size, int has_z,
			  const void *code, size_t n_code)
{
	size_t at = cb_fde_begin(b);

	cb_put(b, start, 8);
	cb_put(b, size, 8);
	if (has_z)
		cb_put(b, 0, 1);
	cb_bytes(b, code, n_code);
	cb_end(b, at);
}

static inline struct cfi_section cb_section(const struct cfi_bytes *b)
{
	return (struct cfi_section){
		.data = b->data, .len = b->len, .addr = CFI_BYTES_ADDR, .debug = b->debug};
}

#endif
