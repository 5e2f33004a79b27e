/* What the stack is like in stubs of procedure linkage, for linkers that write no call frame information for
 * them (lld, mold): see table_make.h. Recognises the code of x86-64 stubs; knows nothing of the table. */
#include "prof/unwind/table_make.h"

#include <string.h>

#define STUB 16 /* bytes */

/* push GOT+8(%rip); jmp *GOT+16(%rip): where calls end that are not bound yet. */
static int is_resolver(const uint8_t *code, uint64_t size)
{
	return size >= 2 * STUB && code[0] == 0xff && code[1] == 0x35 && code[6] == 0xff &&
	       code[7] == 0x25;
}

/* Bytes of a stub up to behind its push of the relocation's number, 0 for other code. */
static int32_t push_ends(const uint8_t *stub)
{
	static const uint8_t endbr64[] = {0xf3, 0x0f, 0x1e, 0xfa};

	if (stub[0] == 0xff && stub[1] == 0x25 && stub[6] == 0x68)
		return 11; /* jmp *GOT(%rip); push $n; jmp */
	if (memcmp(stub, endbr64, sizeof endbr64) == 0 && stub[4] == 0x68)
		return 9; /* endbr64; push $n; jmp */
	return 0;
}

uint32_t plt_rows(const uint8_t *code, uint64_t addr, uint64_t size, struct plt_row rows[3])
{
	int32_t ends = is_resolver(code, size) && addr % STUB == 0 ? push_ends(code + STUB) : 0;

	if (ends == 0) { /* only jumps */
		rows[0] = (struct plt_row){0, UNWIND_CFA_SP, 8};
		return 1;
	}
	rows[0] = (struct plt_row){0, UNWIND_CFA_SP, 16};
	rows[1] = (struct plt_row){6, UNWIND_CFA_SP, 24};
	rows[2] = (struct plt_row){STUB, UNWIND_CFA_PLT, ends};
	return 3;
}
