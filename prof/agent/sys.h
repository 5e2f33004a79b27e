/* System calls without libc: no errno, no cancellation point, no wrapper of ours in between. They return
 * the kernel's value, -errno on failure. Signal-safe. */
#ifndef AGENT_SYS_H
#define AGENT_SYS_H

#include <stddef.h>
#include <stdint.h>
#include <sys/syscall.h>

static inline long sys6(long n, long a, long b, long c, long d, long e, long f)
{
	register long r10 __asm__("r10") = d;
	register long r8 __asm__("r8") = e;
	register long r9 __asm__("r9") = f;
	long ret;

	__asm__ volatile("syscall"
			 : "=a"(ret)
			 : "a"(n), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9)
			 : "rcx", "r11", "memory");
	return ret;
}

static inline long sys4(long n, long a, long b, long c, long d)
{
	return sys6(n, a, b, c, d, 0, 0);
}

static inline long sys3(long n, long a, long b, long c)
{
	return sys6(n, a, b, c, 0, 0, 0);
}

static inline long sys2(long n, long a, long b)
{
	return sys6(n, a, b, 0, 0, 0, 0);
}

static inline int sys_gettid(void)
{
	return (int)sys2(SYS_gettid, 0, 0);
}

/* Zeroed private memory, NULL: none. */
void *sys_map(size_t bytes);
void sys_unmap(void *p, size_t bytes);
/* Up to `size` bytes of a file from its beginning; how many, negative on failure. */
long sys_read_file(const char *path, void *out, size_t size);
/* Decimal digits at `out` (room for 21 bytes), NUL-terminated; returns their end. */
char *sys_digits(char *out, uint64_t n);

/* The address that fs:0 holds: glibc's thread control block, which lies above the thread's stack. */
static inline uint64_t sys_thread_pointer(void)
{
	uint64_t fs;

	__asm__("mov %%fs:0, %0" : "=r"(fs));
	return fs;
}

#endif
