/* What exec.c and spawn.c share. Private to prof/agent; signal-safe, and safe after vfork(). */
#ifndef AGENT_EXEC_H
#define AGENT_EXEC_H

#include <stddef.h>

/* Entries and bytes of an environment whose copy may lie on the stack; beyond it, the program is started
 * with its environment as given, and not followed. */
#define EXEC_ENV_MAX  32768
#define EXEC_TEXT_MAX 65536

/* Pointers and bytes that a copy of `envp` with our variables takes; *entries 0: it is to be passed on
 * as it is. `own`: the program takes this process's place. */
void exec_env_size(char *const *envp, int own, size_t *entries, size_t *bytes);
/* rlimit.c: the new program gets the limits that this one set; undone if exec fails. */
void rlimit_exec_prepare(void);
void rlimit_exec_failed(void);
/* In a forked child. */
void spawn_fork_child(void);

#endif
