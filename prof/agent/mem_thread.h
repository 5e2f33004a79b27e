/* A thread's part of memory tracking: one mapping, laid out by mem_thread_lay(), pooled by mem.c and never
 * unmapped, since handlers and late destructors may hold a pointer to it. Its own thread writes it; the
 * pool links are mem.c's. Private to mem.c and mem_stack.c. */
#ifndef AGENT_MEM_THREAD_H
#define AGENT_MEM_THREAD_H

#include <stdatomic.h>

#include "prof/agent/mem.h"
#include "prof/agent/modules.h"
#include "prof/unwind/trail.h"

struct mem_thread {
	struct heap_thread heap; /* heap.busy: in our own work, set by mem_enter() */

	/* mem_pool.c. */
	struct mem_thread *next; /* of all that were ever made; set before it is published */
	_Atomic int32_t tid;     /* whose it is; 0: free */
	_Atomic uint32_t gone; /* its last known moment has passed: free once the thread is dead */
	uint64_t thread_pointer; /* of its thread: mem_tls of another one is not to be trusted */

	/* mem.c. */
	uint32_t gate;   /* what mem_gate said when it was begun */
	uint32_t events; /* how many: the clock is read now and then */
	/* Where on the stack who set heap.busy is, and whether there is a mark of it there. */
	uint64_t enter_sp;
	uint32_t enter_marked;
	uint64_t drawn; /* mem_tls.left and .count when they were last added to heap's sums */
	uint64_t counted;
	uint64_t random; /* the sampler's state, not 0 */

	/* mem_stack.c: where the thread's own stack is, 0: not looked for; hi 1: not to be found. */
	uint64_t stack_lo, stack_hi;
	struct modules_pin pin; /* the snapshot that a walk reads */
	struct unwind_cache *cache;
	struct unwind_trail *trail;
	uint8_t *stack_bytes; /* copy of a stack that is not the thread's own */
	uint64_t first;       /* the caller's address where there is no more of the stack */
};

/* Zeroed memory of so many bytes (aligned to 64: mapped) becomes one; once per mapping. */
size_t mem_thread_bytes(void);
void mem_thread_lay(struct mem_thread *t);
/* Before another thread uses it: nothing that is remembered of the last one's stack holds. */
void mem_thread_reset(struct mem_thread *t);

#endif
