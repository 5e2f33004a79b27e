/* Starting the supervisor without the program noticing: two children, one made by the other, both with
 * memory borrowed (as vfork() does it) and the first without a signal at its end, so that neither SIGCHLD
 * nor wait() tells of them. All signals are blocked meanwhile: no handler may run on borrowed memory. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "prof/agent/env.h"
#include "prof/agent/sigwrap.h"
#include "prof/agent/start.h"
#include "prof/agent/sys.h"
#include "prof/spool/session.h"

#define PROGRAM     "protea-prof"
#define STACK_BYTES 32768
#define ARGS_MAX    16

struct birth {
	const char *path;
	char **argv, **envp;
	char *stacks; /* of both children */
	volatile int pid, error;
};

/* ---- finding it ------------------------------------------------------------------------------ */

static int is_program(const char *path)
{
	return access(path, X_OK) == 0;
}

/* DIR (its first `n` bytes) + "/" + rest, if that is a program. */
static int try_in(char out[PATH_MAX], const char *dir, size_t n, const char *rest)
{
	size_t m = strlen(rest);

	if (n + m + 2 > PATH_MAX)
		return 0;
	memcpy(out, dir, n);
	out[n] = '/';
	memcpy(out + n + 1, rest, m + 1);
	return is_program(out);
}

/* The library's real file: where links lead, without the malloc of realpath(). */
static size_t agent_folder(char out[PATH_MAX])
{
	char link[64] = "/proc/self/fd/";
	int fd = open(env_agent_path(), O_PATH | O_CLOEXEC);
	ssize_t n;

	if (fd < 0)
		return 0;
	(void)sys_digits(link + strlen(link), (uint64_t)fd);
	n = readlink(link, out, PATH_MAX - 1);
	(void)close(fd);
	while (n > 0 && out[n - 1] != '/')
		n--;
	return n > 0 ? (size_t)n - 1 : 0;
}

static int find_in_path(char out[PATH_MAX])
{
	const char *p = getenv("PATH");

	while (p && *p) {
		size_t n = strcspn(p, ":");

		if (n > 0 && try_in(out, p, n, PROGRAM))
			return 1;
		p += n;
		p += *p == ':';
	}
	return 0;
}

static int find_program(char out[PATH_MAX])
{
	const char *given = getenv("PROTEA_PROF");
	char folder[PATH_MAX];
	size_t n;

	if (given && strchr(given, '/') && strlen(given) < PATH_MAX && is_program(given)) {
		memcpy(out, given, strlen(given) + 1);
		return 0;
	}
	n = agent_folder(folder);
	if ((n && (try_in(out, folder, n, PROGRAM) || try_in(out, folder, n, "../bin/" PROGRAM))) ||
	    find_in_path(out))
		return 0;
	errno = ENOENT;
	return -1;
}

/* ---- two children ---------------------------------------------------------------------------- */

static void default_signals(void)
{
	struct {
		void *handler;
		unsigned long flags, restorer, mask;
	} dfl = {0};
	sigset_t none;

	for (int s = 1; s <= SIGRTMAX; s++)
		(void)sys4(SYS_rt_sigaction, s, (long)&dfl, 0, sizeof dfl.mask);
	sigemptyset(&none);
	sig_mask_raw(SIG_SETMASK, &none, NULL);
}

/* The supervisor to be: a session of its own, nothing open but /dev/null. */
static int grandchild(void *arg)
{
	struct birth *b = arg;
	long null;

	default_signals();
	(void)sys2(SYS_setsid, 0, 0);
	null = sys4(SYS_openat, AT_FDCWD, (long)"/dev/null", O_RDWR, 0);
	for (long fd = 0; fd < 3 && null >= 0; fd++)
		(void)sys3(SYS_dup3, null, fd, 0);
	(void)sys3(SYS_close_range, 3, UINT_MAX, 0);
	b->error = (int)-sys3(SYS_execve, (long)b->path, (long)b->argv, (long)b->envp);
	for (;;)
		(void)sys2(SYS_exit_group, 127, 0);
	return 0;
}

static int borrow(int (*fn)(void *), char *stack, int signo, struct birth *b)
{
	return clone(fn, stack + STACK_BYTES, CLONE_VM | CLONE_VFORK | signo, b);
}

static int child(void *arg)
{
	struct birth *b = arg;
	int pid = borrow(grandchild, b->stacks, SIGCHLD, b);

	if (pid < 0)
		b->error = errno;
	else
		b->pid = pid;
	for (;;)
		(void)sys2(SYS_exit_group, 0, 0);
	return 0;
}

static int give_birth(struct birth *b)
{
	sigset_t all, old;
	int saved, pid;

	memset(&all, 0xff, sizeof all);
	sig_mask_raw(SIG_SETMASK, &all, &old);
	pid = borrow(child, b->stacks + STACK_BYTES, 0, b);
	saved = errno;
	if (pid > 0)
		(void)sys4(SYS_wait4, pid, 0, __WCLONE, 0);
	sig_mask_raw(SIG_SETMASK, &old, NULL);
	if (pid > 0)
		saved = b->error;
	errno = saved;
	return pid > 0 && b->error == 0 && b->pid > 0 ? 0 : -1;
}

/* ---- */

static int is_ours(const char *entry)
{
	return strncmp(entry, "LD_PRELOAD=", 11) == 0 ||
	       strncmp(entry, SPOOL_ENV_SESSION "=", sizeof SPOOL_ENV_SESSION) == 0;
}

/* The environment without what would bring an agent into the supervisor. */
static void copy_env(char **out)
{
	for (char **e = environ; e && *e; e++)
		if (!is_ours(*e))
			*out++ = *e;
	*out = NULL;
}

static uint64_t start_ticks(int pid, char *state)
{
	char path[64] = "/proc/", buf[512];
	char *at;
	long n;

	memcpy(sys_digits(path + strlen(path), (uint64_t)pid), "/stat", 6);
	n = sys_read_file(path, buf, sizeof buf - 1);
	if (n <= 0)
		return 0;
	buf[n] = 0;
	at = strrchr(buf, ')');
	if (!at || !at[1])
		return 0;
	*state = at[2];
	for (int field = 2; at && field < 22; field++)
		at = strchr(at + 1, ' ');
	return at ? strtoul(at, NULL, 10) : 0;
}

int supervisor_alive(const struct supervisor *s)
{
	char state = 'X';
	uint64_t ticks = start_ticks(s->pid, &state);

	return ticks && ticks == s->start_ticks && state != 'Z' && state != 'X';
}

int supervisor_start(struct supervisor *s, const char *session, const char *store)
{
	char program[PATH_MAX], pid[24], state;
	char *argv[] = {(char *)PROGRAM,
			(char *)"_supervise",
			(char *)"--session",
			(char *)(uintptr_t)session,
			(char *)"--store",
			(char *)(uintptr_t)store,
			(char *)"--pid",
			pid,
			NULL};
	size_t env_bytes = (env_count(environ) + 1) * sizeof(char *);
	size_t bytes = env_bytes + 2 * STACK_BYTES;
	struct birth b = {.path = program, .argv = argv};
	int rc = -1;
	char *area;

	s->pid = 0;
	if (find_program(program))
		return -1;
	area = sys_map(bytes);
	if (!area) {
		errno = ENOMEM;
		return -1;
	}
	(void)sys_digits(pid, (uint64_t)getpid());
	b.stacks = area;
	b.envp = (char **)(void *)(area + 2 * STACK_BYTES);
	copy_env(b.envp);
	rc = give_birth(&b);
	if (rc == 0) {
		s->pid = b.pid;
		s->start_ticks = start_ticks(b.pid, &state);
	}
	sys_unmap(area, bytes);
	return rc;
}
