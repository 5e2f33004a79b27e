/* Memory tracking inside the agent: what its files share. Who does what:
 *   mem.c         life cycle: begin, end, fork, threads' state; the slow ways of allocating and freeing
 *   mem_pool.c    threads' states
 *   mem_malloc.c  the malloc family as the program calls it; mem_fast.h: what it asks first
 *   mem_next.c    the allocator behind us, and memory before libc can be asked for it
 *   mem_new.c     operator new and delete, for allocators that do not go through malloc
 *   mem_map.c     mmap and its kin, brk, thread stacks
 *   mem_copy.c    memcpy and its kin
 *   mem_stack.c   the stack of an allocation
 *
 * Fast ways: an allocation takes its size off `left`; as long as that lasts nothing else happens. In full mode
 * and with tracking off `left` is always 0: one comparison serves all modes. A free looks into the filter: one
 * counter that is not 0 in full mode, the tag set's in sampled mode. */
#ifndef AGENT_MEM_H
#define AGENT_MEM_H

#include <pthread.h>
#include <stddef.h>
#include <stdint.h>

#include "prof/heap/heap.h"

struct mem_thread; /* mem_thread.h */

struct mem_tls { /* zero in a new thread: the first allocation goes the slow way */
	uint64_t
		left; /* what may be allocated before the next sample; an allocation of n takes n + 1 */
	uint64_t count;    /* allocations, ever; failed ones too where they take the fast way */
	int64_t copy_left; /* the same for bytes copied */
	struct mem_thread *thread; /* NULL: not seen yet */
};
#define MEM_HIDDEN __attribute__((visibility("hidden")))
extern __thread struct mem_tls mem_tls __attribute__((tls_model("initial-exec"))) MEM_HIDDEN;

/* What free looks at. */
extern uint8_t *mem_filter
	MEM_HIDDEN; /* never NULL: one counter of constant value while nothing is sampled */
extern uint64_t mem_filter_mask MEM_HIDDEN; /* of heap_filter_at(): 0 or all ones */

/* 0: tracking is off. Else the number of what is tracked now. In a page that reads as zeros in a forked child,
 * however it was made: it is off there until mem_fork_begin(). */
extern _Atomic uint32_t *mem_gate MEM_HIDDEN;

/* Of the function that calls it, which must be the one that the program called (or inlined into it): a frame
 * pointer is kept there. */
struct mem_caller {
	uint64_t ip, sp, bp;
};
#define MEM_CALLER()                                                                               \
	({                                                                                         \
		const uint64_t *frame_ = __builtin_frame_address(0);                               \
		(struct mem_caller){frame_[1], (uint64_t)(frame_ + 2), frame_[0]};                 \
	})

/* The calling thread's state, or NULL: tracking is off, we are inside of it already (handlers), or no
 * memory. While it is held (`busy`), handlers keep out; mem_leave() books the frees that they met. */
struct mem_thread *mem_enter(void);
void mem_leave(struct mem_thread *t);
struct heap_thread *mem_heap_thread(struct mem_thread *t);
/* mem_stack.c: the stack of `caller`; valid until the next one of this thread. */
void mem_stack(struct mem_thread *t, const struct mem_caller *caller, struct heap_stack *stack);
/* The same without addresses: prof/heap asks for them if it has not met the stack before. For a stack that is
 * booked by the very call that `caller` called. */
void mem_stack_quick(struct mem_thread *t, const struct mem_caller *caller,
		     struct heap_stack *stack);

/* Slow ways, after the allocator gave a block (mem.c): full mode, or a sample is due. errno is kept. */
void mem_allocated(void *p, size_t bytes, const struct mem_caller *caller);
/* Before the allocator gets it back. */
void mem_freed(void *p);
/* Before and after realloc() of a block (NULL: none) to a size that is not 0; q NULL: it failed. */
struct mem_resize {
	uint64_t old;
	struct heap_block block;
};
void mem_resize_begin(struct mem_resize *r, void *p);
void mem_resize_end(const struct mem_resize *r, void *q, size_t bytes,
		    const struct mem_caller *caller);

/* Our malloc() and free(), whatever the program's are. */
void *mem_malloc_own(size_t n);
void mem_free_own(void *p);

/* init.c, fork.c, thread.c, stage.c: */
void mem_begin(void); /* after the first slot is there; by agent.session->memory_mode */
void mem_end(void);
int mem_is_busy(void); /* a thread is in our own work, which may make system calls */
void mem_fork_prepare(
	void); /* this thread forks: whoever comes by in the child first calls mem_fork_child() */
void mem_fork_parent(void);
void mem_fork_child(void);
void mem_fork_begin(void);   /* in the child, once its image is there */
void mem_threads_many(void); /* before a second thread is made */
void mem_thread_gone(void);  /* last known moment of the calling thread; it may allocate still */
/* The calling thread's exact sums, for stages: bytes and number allocated. 0, or -1: not measured. */
int mem_totals(uint64_t *bytes, uint64_t *count);
void mem_stage_changed(uint64_t stage_id); /* new blocks of this thread belong to it */

/* mem_copy.c, mem_map.c */
struct agent_slot;
/* Before a thread is made: the stack of whoever makes it, into the new thread's slot. Then in the new thread,
 * before the slot is its own; and in its last known moment, before mem_thread_gone(). */
void mem_map_thread_made(struct agent_slot *slot, const pthread_attr_t *attr,
			 const struct mem_caller *caller);
void mem_map_thread_begins(const struct agent_slot *slot);
void mem_map_thread_ends(void);

#endif
