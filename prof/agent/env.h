/* The two variables that bring the agent into a program. Private to prof/agent; signal-safe but for
 * agent_env_hide(), and safe between vfork() and exec. */
#ifndef AGENT_ENV_H
#define AGENT_ENV_H

#include <stddef.h>

/* Should a program that this one is about to start be followed? `own`: it takes this process's place. */
int env_follows(int own);
/* A program started from here on is not followed: a forked child of a session without children. */
void env_forget(void);

/* Entries of an environment, NULL for none. */
size_t env_count(char *const *envp);
/* Bytes that env_with_agent() needs for its text. */
size_t env_text_bytes(char *const *envp);
/* `out` (room for env_count() + 3 pointers) becomes `envp` with our two variables, LD_PRELOAD's text at
 * `text`. An environment that names a session already is copied as it is. */
void env_with_agent(char **out, char *text, char *const *envp);

/* "LD_PRELOAD=<the agent>" and "PROTEA_PROF_SESSION=<folder>", "" if not known. */
const char *env_preload_entry(void);
const char *env_session_entry(void);
/* The agent's own file, as the loader knows it; "" if not known. Asks the loader: normal context. */
const char *env_agent_path(void);

#endif
