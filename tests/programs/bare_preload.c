/* The least that a library that stands before malloc and memcpy can do: one test and one jump. What a benchmark
 * compares with. Built as a shared library, -fno-builtin. */
#include <dlfcn.h>
#include <stddef.h>

#define FORWARD(type, name, types, args)                                                           \
	static type(*next_##name) types;                                                           \
	static __attribute__((noinline)) type first_##name types                                   \
	{                                                                                          \
		next_##name = (type(*) types)dlsym(RTLD_NEXT, #name);                              \
		return next_##name args;                                                           \
	}                                                                                          \
	type name types                                                                            \
	{                                                                                          \
		if (__builtin_expect(!next_##name, 0))                                             \
			return first_##name args;                                                  \
		return next_##name args;                                                           \
	}

FORWARD(void *, malloc, (size_t n), (n))
FORWARD(void, free, (void *p), (p))
FORWARD(void *, calloc, (size_t n, size_t size), (n, size))
FORWARD(void *, realloc, (void *p, size_t n), (p, n))
FORWARD(void *, memcpy, (void *to, const void *from, size_t n), (to, from, n))
FORWARD(void *, memmove, (void *to, const void *from, size_t n), (to, from, n))
FORWARD(char *, strcpy, (char *to, const char *from), (to, from))
