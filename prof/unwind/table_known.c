/* Code that is known by its bytes, because what the CFI says of it does not lead outwards: see table_make.h.
 * Knows nothing of the table. */
#include <string.h>

#include "prof/unwind/table_make.h"

int code_is_trampoline(const uint8_t *code, uint64_t len)
{
	static const uint8_t known[] = {0x48, 0xc7, 0xc0, 0x0f, 0, 0, 0, 0x0f, 0x05};

	for (uint64_t at = 0; at <= 1; at++)
		if (len >= at + sizeof known && memcmp(code + at, known, sizeof known) == 0)
			return 1;
	return 0;
}

int code_starts_coroutine(const uint8_t *code, uint64_t len)
{
	static const uint8_t endbr64[] = {0xf3, 0x0f, 0x1e, 0xfa};

	if (len >= sizeof endbr64 && memcmp(code, endbr64, sizeof endbr64) == 0) {
		code += sizeof endbr64;
		len -= sizeof endbr64;
	}
	if (len < 3 || code[1] != 0x89)
		return 0;
	return (code[0] == 0x48 && code[2] == 0xdc) ||        /* rbx */
	       (code[0] == 0x4c && (code[2] & 0xe7) == 0xe4); /* r12 … r15 */
}
