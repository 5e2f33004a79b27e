/* Machine code of another process, as far as stacks need it: the call that a return address comes from, and where
 * that call leads. x86-64. Foreign bytes. Not thread-safe. */
#ifndef ATTACH_CODE_H
#define ATTACH_CODE_H

#include <stddef.h>
#include <stdint.h>

#include "prof/attach/remote.h"

#define CODE_PAGE  4096u
#define CODE_PAGES 8u

struct code { /* zeroed but for `remote`: nothing read yet */
	struct remote *remote;
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

#endif
