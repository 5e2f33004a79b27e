/* Included before everything in each object of the agent but mem_copy.o (the Makefile says so): calls of these
 * two, written or made up by the compiler, go to the agent's own (libc.c) instead of the hooks that the agent
 * exports under their names, which count, and through which another library's would be reached. */
#ifndef AGENT_BUILTINS_H
#define AGENT_BUILTINS_H

__asm__("memcpy = agent_memcpy\n"
	"memmove = agent_memmove");

#endif
