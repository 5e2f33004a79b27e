/* posix_spawn(), system() and popen(): libc starts their children without calling the exec family by
 * name. system() is done here with posix_spawn(), as libc does it; popen()'s FILE is libc's business, so
 * its command is given to a shell that replaces itself by one with our variables. wordexp() is left
 * alone. Not signal-safe, as in libc. */
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "prof/agent/agent.h"
#include "prof/agent/env.h"
#include "prof/agent/exec.h"
#include "prof/agent/sigwrap.h"
#include "prof/agent/sys.h"

#define SHELL "/bin/sh"

typedef int spawn_fn(pid_t *, const char *, const posix_spawn_file_actions_t *,
		     const posix_spawnattr_t *, char *const *, char *const *);

struct spawn_call {
	spawn_fn *next;
	pid_t *pid;
	const char *path;
	const posix_spawn_file_actions_t *actions;
	const posix_spawnattr_t *attr;
	char *const *argv;
};

/* The child inherits the thread's mask unless the attributes give one. */
static int run(const struct spawn_call *c, char *const *envp)
{
	struct sig_exec sig = {0};
	short flags = 0;
	int rc, masked;

	if (c->attr)
		(void)posix_spawnattr_getflags(c->attr, &flags);
	masked = flags & POSIX_SPAWN_SETSIGMASK;
	if (!masked)
		sig_exec_prepare(&sig, 0);
	rc = c->next(c->pid, c->path, c->actions, c->attr, c->argv, envp);
	if (!masked)
		sig_exec_undo(&sig);
	return rc;
}

static int run_with(const struct spawn_call *c, char *const *envp, size_t entries, size_t bytes)
{
	char *copy[entries], text[bytes];

	env_with_agent(copy, text, envp);
	return run(c, copy);
}

static int start(const struct spawn_call *c, char *const *envp)
{
	size_t entries = 0, bytes = 0;

	if (atomic_load_explicit(&agent.state, memory_order_relaxed) != AGENT_IDLE)
		exec_env_size(envp, 0, &entries, &bytes);
	return entries ? run_with(c, envp, entries, bytes) : run(c, envp);
}

AGENT_EXPORT int posix_spawn(pid_t *restrict pid, const char *restrict path,
			     const posix_spawn_file_actions_t *restrict actions,
			     const posix_spawnattr_t *restrict attr, char *const argv[restrict],
			     char *const envp[restrict])
{
	struct spawn_call c = {AGENT_NEXT(posix_spawn), pid, path, actions, attr, argv};

	return start(&c, envp);
}

AGENT_EXPORT int posix_spawnp(pid_t *restrict pid, const char *restrict file,
			      const posix_spawn_file_actions_t *restrict actions,
			      const posix_spawnattr_t *restrict attr, char *const argv[restrict],
			      char *const envp[restrict])
{
	struct spawn_call c = {AGENT_NEXT(posix_spawnp), pid, file, actions, attr, argv};

	return start(&c, envp);
}

/* ---- system ---------------------------------------------------------------------------------- */

/* SIGINT and SIGQUIT are ignored while any thread is in system(). */
static pthread_mutex_t system_lock = PTHREAD_MUTEX_INITIALIZER;
static uint32_t system_users;
static struct sigaction system_int, system_quit;

/* A child forked while another thread was in system() has no such thread. */
void spawn_fork_child(void)
{
	system_lock = (pthread_mutex_t)PTHREAD_MUTEX_INITIALIZER;
	system_users = 0;
}

struct system_call {
	sigset_t mask; /* of the caller */
	pid_t pid;
};

static void system_enter(struct system_call *s, sigset_t *reset)
{
	struct sigaction ignore;
	sigset_t child;

	memset(&ignore, 0, sizeof ignore);
	ignore.sa_handler = SIG_IGN;
	sigemptyset(reset);
	(void)pthread_mutex_lock(&system_lock);
	if (system_users++ == 0) {
		(void)sigaction(SIGINT, &ignore, &system_int);
		(void)sigaction(SIGQUIT, &ignore, &system_quit);
	}
	if (system_int.sa_handler != SIG_IGN)
		sigaddset(reset, SIGINT);
	if (system_quit.sa_handler != SIG_IGN)
		sigaddset(reset, SIGQUIT);
	(void)pthread_mutex_unlock(&system_lock);
	sigemptyset(&child);
	sigaddset(&child, SIGCHLD);
	(void)pthread_sigmask(SIG_BLOCK, &child, &s->mask);
}

static void system_leave(struct system_call *s)
{
	(void)pthread_mutex_lock(&system_lock);
	if (--system_users == 0) {
		(void)sigaction(SIGINT, &system_int, NULL);
		(void)sigaction(SIGQUIT, &system_quit, NULL);
	}
	(void)pthread_mutex_unlock(&system_lock);
	(void)pthread_sigmask(SIG_SETMASK, &s->mask, NULL);
}

/* The thread is cancelled while it waits: the shell dies with it, as libc does it. */
static void system_cancelled(void *arg)
{
	struct system_call *s = arg;
	int state;

	(void)pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &state);
	(void)kill(s->pid, SIGKILL);
	while (waitpid(s->pid, NULL, 0) < 0 && errno == EINTR)
		;
	system_leave(s);
	(void)pthread_setcancelstate(state, NULL);
}

static int system_wait(struct system_call *s)
{
	int status = -1;
	pid_t got;

	pthread_cleanup_push(system_cancelled, s);
	do
		got = waitpid(s->pid, &status, 0);
	while (got < 0 && errno == EINTR);
	pthread_cleanup_pop(0);
	return got == s->pid ? status : -1;
}

static int system_run(const char *command)
{
	char *argv[] = {(char *)"sh", (char *)"-c", (char *)(uintptr_t)command, NULL};
	struct system_call s = {.pid = -1};
	posix_spawnattr_t attr;
	sigset_t reset;
	int rc, status = 127 << 8; /* the shell could not be started: as if it had said so */

	system_enter(&s, &reset);
	(void)posix_spawnattr_init(&attr);
	(void)posix_spawnattr_setsigmask(&attr, &s.mask);
	(void)posix_spawnattr_setsigdefault(&attr, &reset);
	(void)posix_spawnattr_setflags(&attr, POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK);
	rc = posix_spawn(&s.pid, SHELL, NULL, &attr, argv, environ);
	(void)posix_spawnattr_destroy(&attr);
	if (rc == 0)
		status = system_wait(&s);
	system_leave(&s);
	if (rc != 0)
		errno = rc;
	return status;
}

AGENT_EXPORT int system(const char *command)
{
	if (!env_follows(0))
		return AGENT_NEXT(system)(command);
	return command ? system_run(command) : system_run("exit 0") == 0;
}

/* ---- popen ----------------------------------------------------------------------------------- */

static char *put(char *to, const char *text)
{
	size_t n = strlen(text);

	memcpy(to, text, n);
	return to + n;
}

/* In single quotes, for a shell. */
static char *put_quoted(char *to, const char *text)
{
	*to++ = '\'';
	for (; *text; text++) {
		if (*text == '\'')
			to = put(to, "'\\''");
		else
			*to++ = *text;
	}
	*to++ = '\'';
	return to;
}

/* "VAR=value", the value quoted. */
static char *put_variable(char *to, const char *entry)
{
	size_t name = strcspn(entry, "=") + 1;

	memcpy(to, entry, name);
	return put_quoted(to + name, entry + name);
}

static size_t quoted_bytes(const char *text)
{
	size_t n = 2;

	for (; *text; text++)
		n += *text == '\'' ? 4 : 1;
	return n;
}

/* A command that runs `command` in a shell that has our variables; $0 is what popen()'s shell has. */
static void wrap_command(char *to, char *const *vars, const char *command)
{
	for (; *vars; vars++) {
		to = put_variable(to, *vars);
		*to++ = ' ';
	}
	to = put(to, "exec " SHELL " -c ");
	to = put_quoted(to, command);
	to = put(to, " sh");
	*to = 0;
}

/* `preload`: the program's own LD_PRELOAD variable, NULL: none. */
static FILE *popen_wrapped(const char *command, const char *mode, char *preload)
{
	char *given[] = {preload, NULL}, *vars[4], text[env_text_bytes(given)];
	size_t bytes = quoted_bytes(command) + 64;
	char *wrapped;
	FILE *f;

	env_with_agent(vars, text, given);
	for (int i = 0; vars[i]; i++)
		bytes += quoted_bytes(vars[i]) + 2;
	wrapped = sys_map(bytes);
	if (!wrapped)
		return AGENT_NEXT(popen)(command, mode);
	wrap_command(wrapped, vars, command);
	f = AGENT_NEXT(popen)(wrapped, mode);
	sys_unmap(wrapped, bytes);
	return f;
}

/* The length of one argument that the kernel takes is 128 KiB. */
#define COMMAND_MAX 131072

AGENT_EXPORT FILE *popen(const char *command, const char *mode)
{
	char *preload = NULL;

	if (!command || !env_follows(0) || quoted_bytes(command) > COMMAND_MAX - EXEC_TEXT_MAX)
		return AGENT_NEXT(popen)(command, mode);
	for (char *const *e = environ; e && *e; e++) {
		if (strncmp(*e, SPOOL_ENV_SESSION "=", sizeof SPOOL_ENV_SESSION) == 0)
			return AGENT_NEXT(popen)(command, mode);
		if (strncmp(*e, "LD_PRELOAD=", 11) == 0)
			preload = *e;
	}
	if (preload && strlen(preload) > EXEC_TEXT_MAX / 8)
		return AGENT_NEXT(popen)(command, mode);
	return popen_wrapped(command, mode, preload);
}
