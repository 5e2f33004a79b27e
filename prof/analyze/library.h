/* Which frames are not the user's own code: run-time libraries, and functions that allocate on behalf of
 * whoever calls them. */
#ifndef ANALYZE_LIBRARY_H
#define ANALYZE_LIBRARY_H

#include "prof/model/profile.h"

/* Code that a user of the program did not write and cannot change: the C and C++ run-time, the dynamic
 * linker, the kernel's vDSO. libc.so.6 and libc-2.31.so are, libc-client.so and libdlib.so are not. */
int library_is_module(const char *path);
/* Code of such a module, or _start, which lies in the program's file but comes from crt1.o. */
int library_is_frame(const struct profile *p, const struct profile_frame *f);
/* Not what asked for memory but what hands it on: library code, operator new, std::vector and its kin,
 * g_malloc, xmalloc, …; frames that are no code. */
int library_is_plumbing(const struct profile *p, const struct profile_frame *f);
/* Where a demangled function's name begins: behind the return type that templates have. */
const char *library_name(const char *function);

/* The part of a path of calls that ends in the innermost frame of the program's own: the stack itself when it
 * has none, or 0 for stack 0. */
uint32_t library_user_stack(const struct profile *p, uint32_t stack);

#endif
