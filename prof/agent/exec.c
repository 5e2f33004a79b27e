/* The exec family. The new program gets our two variables in its environment, whatever environment that
 * is, and nothing else of us: the thread's engine is stopped and its last tick taken off the queue, since
 * pending signals, mask and ignored signals are inherited and a tick would kill a program that knows
 * nothing of it. If the exec fails, everything is as before.
 *
 * Signal-safe and safe in a child of vfork(): copies lie on the stack, memory of the agent is left alone
 * there. The other threads' engines need no care: they die with their threads. */
#include "prof/agent/exec.h"

#include <errno.h>
#include <stdarg.h>
#include <string.h>
#include <unistd.h>

#include "prof/agent/agent.h"
#include "prof/agent/env.h"
#include "prof/agent/sigwrap.h"
#include "prof/agent/slots.h"

enum exec_kind { EXEC_PATH, EXEC_FILE, EXEC_FD, EXEC_AT };

struct exec_call {
	enum exec_kind kind;
	int fd, flags;
	const char *path;
	char *const *argv;
};

/* Each looks up libc's function once. */
static __typeof__(&execve) next_execve(void)
{
	return AGENT_NEXT(execve);
}

static __typeof__(&execvpe) next_execvpe(void)
{
	return AGENT_NEXT(execvpe);
}

static __typeof__(&fexecve) next_fexecve(void)
{
	return AGENT_NEXT(fexecve);
}

static __typeof__(&execveat) next_execveat(void)
{
	return AGENT_NEXT(execveat);
}

/* After a vfork() it must not be done. */
static __attribute__((constructor)) void exec_resolve(void)
{
	(void)next_execve();
	(void)next_execvpe();
	(void)next_fexecve();
	(void)next_execveat();
}

static int call(const struct exec_call *c, char *const *envp)
{
	switch (c->kind) {
	case EXEC_PATH:
		return next_execve()(c->path, c->argv, envp);
	case EXEC_FILE:
		return next_execvpe()(c->path, c->argv, envp);
	case EXEC_FD:
		return next_fexecve()(c->fd, c->argv, envp);
	default:
		return next_execveat()(c->fd, c->path, c->argv, envp, c->flags);
	}
}

/* ---- the call -------------------------------------------------------------------------------- */

static int run(const struct exec_call *c, char *const *envp, int own)
{
	struct agent_slot *slot = own && agent_live() ? agent_self : NULL;
	struct sig_exec sig;
	int rc, saved = errno;

	if (own && agent_live())
		agent_exec_prepare();
	if (slot && sig_tick)
		sig_quiet(slot);
	sig_exec_prepare(&sig, 1);
	rlimit_exec_prepare();
	errno = saved;
	rc = call(c, envp);
	saved = errno;
	rlimit_exec_failed();
	sig_exec_undo(&sig);
	if (slot && sig_tick)
		sig_loud(slot);
	if (own && agent_live())
		agent_exec_failed();
	errno = saved;
	return rc;
}

void exec_env_size(char *const *envp, int own, size_t *entries, size_t *bytes)
{
	*entries = *bytes = 0;
	if (!env_follows(own))
		return;
	*entries = env_count(envp) + 3;
	*bytes = env_text_bytes(envp);
	if (*entries > EXEC_ENV_MAX || *bytes > EXEC_TEXT_MAX)
		*entries = *bytes = 0;
}

static int run_with(const struct exec_call *c, char *const *envp, int own, size_t entries,
		    size_t bytes)
{
	char *copy[entries], text[bytes];

	env_with_agent(copy, text, envp);
	return run(c, copy, own);
}

static int start(const struct exec_call *c, char *const *envp)
{
	size_t entries, bytes;
	int own;

	if (atomic_load_explicit(&agent.state, memory_order_relaxed) == AGENT_IDLE ||
	    atomic_load_explicit(&agent.sealed, memory_order_relaxed))
		return call(c, envp);
	own = getpid() == agent.pid;
	exec_env_size(envp, own, &entries, &bytes);
	return entries ? run_with(c, envp, own, entries, bytes) : run(c, envp, own);
}

/* ---- the family ------------------------------------------------------------------------------ */

AGENT_EXPORT int execve(const char *path, char *const argv[], char *const envp[])
{
	struct exec_call c = {EXEC_PATH, -1, 0, path, argv};

	return start(&c, envp);
}

AGENT_EXPORT int execv(const char *path, char *const argv[])
{
	return execve(path, argv, environ);
}

AGENT_EXPORT int execvpe(const char *file, char *const argv[], char *const envp[])
{
	struct exec_call c = {EXEC_FILE, -1, 0, file, argv};

	return start(&c, envp);
}

AGENT_EXPORT int execvp(const char *file, char *const argv[])
{
	return execvpe(file, argv, environ);
}

AGENT_EXPORT int fexecve(int fd, char *const argv[], char *const envp[])
{
	struct exec_call c = {EXEC_FD, fd, 0, NULL, argv};

	return start(&c, envp);
}

AGENT_EXPORT int execveat(int fd, const char *path, char *const argv[], char *const envp[],
			  int flags)
{
	struct exec_call c = {EXEC_AT, fd, flags, path, argv};

	return start(&c, envp);
}

/* Arguments of execl() and its kin up to and with the NULL, counted first and then taken. */
static size_t count_args(va_list args)
{
	size_t n = 1;

	while (va_arg(args, char *))
		n++;
	return n;
}

static void take_args(char **argv, const char *first, size_t n, va_list args)
{
	argv[0] = (char *)(uintptr_t)first;
	for (size_t i = 1; i <= n; i++)
		argv[i] = va_arg(args, char *);
}

#define COUNT(n, last)                                                                             \
	do {                                                                                       \
		va_list count_args_;                                                               \
		va_start(count_args_, last);                                                       \
		const char *volatile first_ = (last); /* NULL, against the prototype */            \
		(n) = first_ ? count_args(count_args_) : 0;                                        \
		va_end(count_args_);                                                               \
	} while (0)

AGENT_EXPORT int execl(const char *path, const char *arg, ...)
{
	va_list args;
	size_t n;

	COUNT(n, arg);
	char *argv[n + 1];
	va_start(args, arg);
	take_args(argv, arg, n, args);
	va_end(args);
	return execve(path, argv, environ);
}

AGENT_EXPORT int execlp(const char *file, const char *arg, ...)
{
	va_list args;
	size_t n;

	COUNT(n, arg);
	char *argv[n + 1];
	va_start(args, arg);
	take_args(argv, arg, n, args);
	va_end(args);
	return execvpe(file, argv, environ);
}

AGENT_EXPORT int execle(const char *path, const char *arg, ...)
{
	va_list args;
	char *const *envp;
	size_t n;

	COUNT(n, arg);
	char *argv[n + 1];
	va_start(args, arg);
	take_args(argv, arg, n, args);
	envp = va_arg(args, char *const *);
	va_end(args);
	return execve(path, argv, envp);
}
