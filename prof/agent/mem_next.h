/* The allocator behind us: whatever comes next in the program's search order. The pointers can be called at
 * any time: until libc can be asked they lead to code that asks it, and, in the middle of that, to a small
 * arena. Private to prof/agent. */
#ifndef AGENT_MEM_NEXT_H
#define AGENT_MEM_NEXT_H

#include <stddef.h>

struct mem_next {
	void *(*malloc)(size_t);
	void (*free)(void *);
	void *(*calloc)(size_t, size_t);
	void *(*realloc)(void *, size_t);
	int (*posix_memalign)(void **, size_t, size_t);
	void *(*aligned_alloc)(size_t, size_t);
	void *(*memalign)(size_t, size_t);
	void *(*valloc)(size_t);
	void *(*pvalloc)(size_t);
	size_t (*malloc_usable_size)(void *);
};
extern struct mem_next mem_next __attribute__((visibility("hidden")));

/* Asks for all of them at once, before threads and handlers can come by; idempotent. 1; 0: the calling
 * thread is in the middle of it. */
int mem_next_find(void);

/* 1: the program has a malloc of its own, which comes before ours. Functions that libc builds on malloc must be
 * built on that one then: */
extern int mem_foreign __attribute__((visibility("hidden")));
void *mem_called_malloc(size_t n); /* what is found by these names in this process */
void *mem_called_memalign(size_t align, size_t n);
void *mem_called_realloc(void *p, size_t n);
void mem_called_free(void *p);

#endif
