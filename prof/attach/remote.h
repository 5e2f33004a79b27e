/* Memory of another process, read without stopping it: process_vm_readv, /proc/PID/mem where that is
 * filtered. A page that cannot be read ends a read, it does not spoil it. */
#ifndef ATTACH_REMOTE_H
#define ATTACH_REMOTE_H

#include <stddef.h>
#include <stdint.h>

#include "prof/unwind/unwind.h"

struct remote {
	int pid;
	int mem_fd; /* /proc/PID/mem, opened when process_vm_readv is refused; -1 */
	/* Memory that is elsewhere (a core file): asked instead, if not NULL; as remote_read(). */
	long (*read)(void *ctx, uint64_t address, void *out, size_t len);
	void *read_ctx;
};

void remote_init(struct remote *r, int pid);
void remote_close(struct remote *r);
/* Reads up to `len` bytes at `address`: how many from the beginning could be read, -1 and errno. */
long remote_read(struct remote *r, uint64_t address, void *out, size_t len);
/* A NUL-terminated text of at most size - 1 bytes; its length or -1. */
long remote_text(struct remote *r, uint64_t address, char *out, size_t size);

/* Windows for unwinding: what was copied at a stop first, the process's memory beyond it. */
#define REMOTE_WINDOW 32768u
struct remote_stack {
	struct remote *remote; /* NULL: only the copy may be read */
	const uint8_t *copy;   /* of [copy_lo, copy_lo + copy_bytes) */
	uint64_t copy_lo;
	size_t copy_bytes;
	/* Windows of stack that were read from the live process: such frames may be torn. */
	uint32_t live_reads;
	uint64_t window_lo;
	size_t window_bytes;
	uint8_t window[REMOTE_WINDOW];
};
/* An unwind_memory over it; a window of another use is forgotten. `s` must not move while it is in use. */
void remote_stack_memory(struct remote_stack *s, struct unwind_memory *m);

#endif
