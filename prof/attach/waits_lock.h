/* What lies behind a futex word, by the memory around it: locks of glibc and musl, as far as their fields fit. No I/O; any
 * bytes will do. Whether an owner is a thread of the process is for the caller to find out: without that, nothing here is
 * certain. Sources: glibc sysdeps/nptl/bits/struct_mutex.h, struct_rwlock.h, thread-shared-types.h, nptl/descr.h,
 * pthread_cond_common.c; musl src/internal/pthread_impl.h. */
#ifndef ATTACH_WAITS_LOCK_H
#define ATTACH_WAITS_LOCK_H

#include <stddef.h>
#include <stdint.h>

enum lock_kind {
	LOCK_NONE,
	LOCK_MUTEX,
	LOCK_RWLOCK, /* owner: the writer; 0: `readers` hold it */
	LOCK_COND,   /* no owner */
	LOCK_THREAD, /* a thread's descriptor: `owner` is to end */
	LOCK_STREAM, /* of a FILE: owner is an address, of the descriptor of the thread that holds it */
	LOCK_PI_WORD, /* a lock that inherits priority: the kernel keeps its owner in the word */
	LOCK_KINDS
};

struct lock {
	enum lock_kind kind;
	uint64_t address; /* of the object */
	uint64_t owner;   /* tid as its own pid namespace counts; LOCK_STREAM: an address */
	uint32_t readers;
	int shared; /* between processes: the owner may be another one's thread */
};

/* What is read around the word: [word - LOCK_BEFORE, word + LOCK_AFTER). */
#define LOCK_BEFORE     48u
#define LOCK_AFTER      48u
#define LOCK_THREAD_TID 720u /* of the tid in glibc's thread descriptor, x86-64 */

struct lock_wait {
	uint64_t word; /* its address */
	uint32_t op;   /* FUTEX_*, without flags */
	int is_private;
	uint32_t value; /* that it is waited to change from */
};

/* What fits, in the order of how sure it is; each has to be confirmed by its owner. How many: at most `max`. `around`
 * has LOCK_BEFORE + LOCK_AFTER bytes, of which [from, to) were read. */
size_t lock_guess(const struct lock_wait *wait, const uint8_t *around, size_t from, size_t to,
		  struct lock *out, size_t max);
/* Is that the head of a glibc thread descriptor at `address` (16 bytes from offset 0 and 8 at 16)? */
int lock_is_descriptor(uint64_t address, const uint8_t head[24]);

#endif
