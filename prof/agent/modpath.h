/* Paths of modules: for those the loader names by no path or a relative one. Plain system calls, no
 * malloc; not for handlers. Private to prof/agent. */
#ifndef AGENT_MODPATH_H
#define AGENT_MODPATH_H

#include <stddef.h>
#include <stdint.h>

/* Is this the kernel's image (vDSO)? */
int modpath_is_vdso(uint64_t base);
/* The file mapped at an address, by /proc/self/maps; `out` is unchanged if there is none. */
void modpath_of_address(uint64_t address, char *out, size_t size);
/* The mapping of an address, likewise; -1: none. */
int modpath_range(uint64_t address, uint64_t *start, uint64_t *end);
/* What to open for a path: /proc/self/exe for a program whose file was deleted or replaced. */
const char *modpath_to_open(const char *path);

#endif
