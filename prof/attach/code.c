/* Calls in foreign machine code: see code.h. Encodings: Intel SDM volume 2, CALL and section 2.1.5. */
#include "prof/attach/code.h"

#include <string.h>

static const uint8_t *page_of(struct code *c, uint64_t address)
{
	uint64_t start = address / CODE_PAGE * CODE_PAGE;
	uint32_t slot = (uint32_t)(start / CODE_PAGE % CODE_PAGES);

	if (start == 0)
		return NULL;
	if (c->address[slot] != start) {
		c->address[slot] = 0;
		if (remote_read(c->remote, start, c->bytes[slot], CODE_PAGE) != CODE_PAGE)
			return NULL;
		c->address[slot] = start;
	}
	return c->bytes[slot];
}

int code_read(struct code *c, uint64_t address, void *out, size_t n)
{
	size_t done = 0;

	while (done < n) {
		const uint8_t *page = page_of(c, address + done);
		size_t at = (size_t)((address + done) % CODE_PAGE), some = CODE_PAGE - at;

		if (!page)
			return -1;
		if (some > n - done)
			some = n - done;
		memcpy((uint8_t *)out + done, page + at, some);
		done += some;
	}
	return 0;
}

static int32_t number(const uint8_t *at)
{
	int32_t n;

	memcpy(&n, at, sizeof n);
	return n;
}

/* Length of "FF /2" with this ModRM byte and SIB byte, without prefixes. */
static uint32_t indirect_length(uint8_t modrm, uint8_t sib)
{
	uint32_t mod = modrm >> 6, rm = modrm & 7, length = 2;

	if (mod == 3)
		return 2;
	if (rm == 4)
		length++;
	if (mod == 1)
		return length + 1;
	if (mod == 2 || rm == 5 || (rm == 4 && (sib & 7) == 5))
		return length + 4;
	return length;
}

/* endbr64, bnd: jmp *slot(%rip), the stub of a linkage table. */
static uint64_t follow_stub(struct code *c, uint64_t target)
{
	static const uint8_t endbr[4] = {0xf3, 0x0f, 0x1e, 0xfa};
	uint8_t b[16];
	uint64_t slot, to;
	uint32_t at = 0;

	if (code_read(c, target, b, sizeof b) < 0)
		return target;
	if (memcmp(b, endbr, sizeof endbr) == 0)
		at += 4;
	if (b[at] == 0xf2)
		at++;
	if (b[at] != 0xff || b[at + 1] != 0x25)
		return target;
	slot = target + at + 6 + (uint64_t)(int64_t)number(b + at + 2);
	if (remote_read(c->remote, slot, &to, sizeof to) != sizeof to)
		return target;
	return to;
}

enum code_call code_call_before(struct code *c, uint64_t ra, uint64_t *target)
{
	uint8_t b[8];

	if (ra < 8 || code_read(c, ra - 8, b, sizeof b) < 0)
		return CODE_NO_CALL;
	if (b[3] == 0xe8) {
		*target = follow_stub(c, ra + (uint64_t)(int64_t)number(b + 4));
		return CODE_CALL;
	}
	if (b[2] == 0xff && b[3] == 0x15) { /* call *slot(%rip): -fno-plt */
		uint64_t slot = ra + (uint64_t)(int64_t)number(b + 4);

		if (remote_read(c->remote, slot, target, sizeof *target) == sizeof *target)
			return CODE_CALL;
	}
	for (uint32_t length = 2; length <= 7; length++) {
		const uint8_t *at = b + 8 - length;

		if (at[0] == 0xff && (at[1] >> 3 & 7) == 2 &&
		    indirect_length(at[1], length > 2 ? at[2] : 0) == length)
			return CODE_CALL_INDIRECT;
	}
	return CODE_NO_CALL;
}
