/* Machine code of another process, as far as stacks need it: the call that a return address comes from, and where
 * that call leads. x86-64. Foreign bytes. Not thread-safe. */
#ifndef ATTACH_CODE_H
#define ATTACH_CODE_H

#include <stddef.h>
#include <stdint.h>

#include "prof/attach/remote.h"

#define CODE_PAGE  4096u
#define CODE_PAGES 8u

#define CODE_TABLES 4u

struct code_table { /* of the module with this bias */
	int known;
	uint64_t bias, table; /* table 0: it has none */
};

struct code { /* zeroed but for `remote`: nothing read yet */
	struct remote *remote;
	struct code_table tables[CODE_TABLES];
	uint32_t next_table;
	uint64_t address[CODE_PAGES]; /* of a page; 0: none */
	uint8_t bytes[CODE_PAGES][CODE_PAGE];
};

/* `n` bytes at `address`; 0 or -1. */
int code_read(struct code *c, uint64_t address, void *out, size_t n);

enum code_call {
	CODE_NO_CALL,
	CODE_CALL,          /* of *target */
	CODE_CALL_INDIRECT, /* nobody knows where to */
};
/* The call instruction that ends at `ra`. A target that is a stub of a procedure linkage table is followed to
 * where it leads by now. */
enum code_call code_call_before(struct code *c, uint64_t ra, uint64_t *target);

/* The piece of a function around `pc`, as the module's sorted table of call frame information has it
 * (.eh_frame_hdr): [*start, *end). The cold part of a function is a piece of its own. `bias` is the module's.
 * 1, or 0: not told. */
int code_function(struct code *c, uint64_t bias, uint64_t pc, uint64_t *start, uint64_t *end);

#endif
