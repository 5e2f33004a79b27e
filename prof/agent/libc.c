/* The few libc functions that handlers and records use, for the agent alone. Sanitizers and other tools put
 * theirs in front of libc's, with locks that the interrupted code may hold; the agent must not meet them.
 * Hidden, so calls inside the library end here whatever the program defines (builtins.h sends those of memcpy
 * and memmove here, whose names are hooks). Signal-safe. */
#include <dlfcn.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

#include "prof/agent/sys.h"

typedef uint64_t word __attribute__((may_alias, aligned(1)));
typedef unsigned char block __attribute__((vector_size(16), may_alias, aligned(1)));

#define STRING_MIN 512 /* from here on the CPU's string instruction is as fast */

void *agent_memcpy(void *restrict to, const void *restrict from, size_t n);
void *agent_memmove(void *to, const void *from, size_t n);

/* Prototypes of the others are the compiler's own. */
void *agent_memcpy(void *restrict to, const void *restrict from, size_t n)
{
	unsigned char *t = to;
	const unsigned char *f = from;

	if (n >= STRING_MIN) {
		__asm__ volatile("rep movsb" : "+D"(t), "+S"(f), "+c"(n) : : "memory");
		return to;
	}
	for (; n >= sizeof(block); n -= sizeof(block), t += sizeof(block), f += sizeof(block)) {
		*(block *)t = *(const block *)f;
		__asm__ volatile("" : : : "memory"); /* or it is made a call of itself */
	}
	if (n & 8) {
		*(word *)t = *(const word *)f;
		t += 8;
		f += 8;
	}
	for (n &= 7; n > 0; n--) {
		*t++ = *f++;
		__asm__ volatile("" : : : "memory");
	}
	return to;
}

void *memset(void *to, int value, size_t n)
{
	unsigned char *t = to;

	__asm__ volatile("rep stosb" : "+D"(t), "+c"(n) : "a"(value) : "memory");
	return to;
}

void *agent_memmove(void *to, const void *from, size_t n)
{
	unsigned char *t = to;
	const unsigned char *f = from;

	if ((uintptr_t)t - (uintptr_t)f >= n)
		return agent_memcpy(to, from, n);
	while (n-- > 0) {
		t[n] = f[n];
		__asm__ volatile("" : : : "memory");
	}
	return to;
}

int memcmp(const void *a, const void *b, size_t n)
{
	const unsigned char *x = a, *y = b;

	for (; n > 0; n--, x++, y++) {
		if (*x != *y)
			return *x < *y ? -1 : 1;
		__asm__ volatile("");
	}
	return 0;
}

size_t strnlen(const char *s, size_t max)
{
	size_t n = 0;

	while (n < max && s[n]) {
		n++;
		__asm__ volatile("");
	}
	return n;
}

size_t strlen(const char *s)
{
	return strnlen(s, SIZE_MAX / 2 - 1);
}

typedef int clock_fn(clockid_t, struct timespec *);
static _Atomic(clock_fn *) libc_clock;

static __attribute__((constructor(101))) void find_clock(void)
{
	/* What sanitizers put in front has no version. */
	void *fn = dlvsym(RTLD_NEXT, "clock_gettime", "GLIBC_2.17");

	libc_clock = (clock_fn *)(fn ? fn : dlsym(RTLD_NEXT, "clock_gettime"));
}

int clock_gettime(clockid_t id, struct timespec *ts)
{
	clock_fn *fn = libc_clock;

	return fn ? fn(id, ts) : (int)sys2(SYS_clock_gettime, id, (long)ts);
}
