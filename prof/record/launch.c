/* Starting the program: see launch.h. */
#include "prof/record/launch.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "prof/base/buf.h"
#include "prof/base/clock.h"
#include "prof/attach/procmaps.h"
#include "prof/spool/session.h"

extern char **environ;

static const int passed_on[] = {SIGTERM, SIGHUP, SIGQUIT};
static struct sigaction old_pipe; /* what SIGPIPE did before launch_outlive_reader() */
static int outlives;

void launch_outlive_reader(void)
{
	struct sigaction ignore = {.sa_handler = SIG_IGN};

	if (!outlives && sigaction(SIGPIPE, &ignore, &old_pipe) == 0)
		outlives = 1;
}

int launch_begin(struct launch *l, struct err *err)
{
	struct sigaction dfl = {.sa_handler = SIG_DFL};
	sigset_t set;

	memset(l, 0, sizeof *l);
	l->go_fd = l->report_fd = -1;
	l->own_cpu_ns = -1;
	sigemptyset(&set);
	sigaddset(&set, SIGCHLD);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGUSR1);
	for (size_t i = 0; i < sizeof passed_on / sizeof *passed_on; i++)
		sigaddset(&set, passed_on[i]);
	l->signal_fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	if (l->signal_fd < 0)
		return err_sys(err, ERR_IO, "cannot wait for signals");
	(void)sigprocmask(SIG_BLOCK, &set, &l->old_mask);
	/* Were it ignored, the kernel would throw the program's status away. */
	(void)sigaction(SIGCHLD, &dfl, &l->old_chld);
	return 0;
}

static void drop_fd(int *fd)
{
	if (*fd >= 0)
		(void)close(*fd);
	*fd = -1;
}

/* One that was never told to go on ends now. */
static void drop_held(struct launch *l)
{
	if (l->go_fd >= 0) {
		drop_fd(&l->go_fd);
		(void)waitpid(l->pid, NULL, 0);
		l->pid = 0;
	}
	drop_fd(&l->report_fd);
}

void launch_end(struct launch *l)
{
	struct signalfd_siginfo si;

	if (l->signal_fd < 0)
		return;
	drop_held(l);
	while (read(l->signal_fd, &si, sizeof si) == (ssize_t)sizeof si)
		; /* a Ctrl-C that was the program's must not end us now */
	(void)sigaction(SIGCHLD, &l->old_chld, NULL);
	(void)sigprocmask(SIG_SETMASK, &l->old_mask, NULL);
	(void)close(l->signal_fd);
	l->signal_fd = -1;
}

static int is_variable(const char *entry, const char *name)
{
	size_t n = strlen(name);

	return strncmp(entry, name, n) == 0 && entry[n] == '=';
}

/* Our environment with the two variables the agent needs; texts go to `texts`. The program sees it as it
 * was: the agent takes its part out again, so what was not there goes to the end. */
static char **make_env(struct buf *texts, const char *agent, const char *session)
{
	size_t n = 0, k = 0, session_at;
	char **env;

	while (environ[n])
		n++;
	env = calloc(n + 3, sizeof *env);
	buf_printf(texts, "LD_PRELOAD=%s", agent);
	for (size_t i = 0; i < n; i++)
		if (is_variable(environ[i], "LD_PRELOAD") && environ[i][11])
			buf_printf(texts, ":%s", environ[i] + 11);
	buf_putc(texts, '\0');
	session_at = texts->len;
	buf_printf(texts, "%s=%s", SPOOL_ENV_SESSION, session);
	if (!env || buf_failed(texts)) {
		free(env);
		return NULL;
	}
	for (size_t i = 0; i < n; i++) {
		if (is_variable(environ[i], SPOOL_ENV_SESSION))
			continue;
		env[k++] = is_variable(environ[i], "LD_PRELOAD") ? texts->data : environ[i];
	}
	if (!getenv("LD_PRELOAD"))
		env[k++] = texts->data;
	env[k] = texts->data + session_at;
	return env;
}

static void run_child(const struct launch *l, const char *path, char *const *argv, char *const *env,
		      const int go[2], int report)
{
	char byte;
	int sys;

	(void)sigaction(SIGCHLD, &l->old_chld, NULL);
	if (outlives)
		(void)sigaction(SIGPIPE, &old_pipe, NULL);
	(void)sigprocmask(SIG_SETMASK, &l->old_mask, NULL);
	(void)close(go[1]);
	while (read(go[0], &byte, 1) != 1) /* its end: nobody wants it to run */
		if (errno != EINTR)
			_exit(127);
	execve(path, argv, env);
	sys = errno;
	if (write(report, &sys, sizeof sys) != (ssize_t)sizeof sys)
		_exit(126);
	_exit(127);
}

static int refuse(const char *name, int why, struct err *err)
{
	const char *reason = why == ENOEXEC  ? "no executable format (a script needs a '#!' line)"
			     : why == ENOENT ? "its interpreter or loader does not exist"
			     : why == EACCES ? "permission denied"
			     : why == E2BIG  ? "its arguments and environment are too long"
					     : strerror(why);

	return err_set(err, why == ENOENT ? ERR_NOTFOUND : ERR_UNSUPPORTED, "cannot start '%s': %s",
		       name, reason);
}

/* Waits until exec succeeded (the pipe closes) or its errno arrives. */
static int await_exec(struct launch *l, const char *name, struct err *err)
{
	int sys = 0;
	ssize_t n;

	do
		n = read(l->report_fd, &sys, sizeof sys);
	while (n < 0 && errno == EINTR);
	drop_fd(&l->report_fd);
	if (n == 0)
		return 0;
	(void)waitpid(l->pid, NULL, 0);
	l->pid = 0;
	return refuse(name, n == (ssize_t)sizeof sys ? sys : EIO, err);
}

static int start_child(struct launch *l, const struct program *p, char *const *argv, char **env,
		       struct err *err)
{
	int go[2], report[2];

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, go)) /* no SIGPIPE, as from a pipe */
		return err_sys(err, ERR_IO, "cannot make a pipe");
	if (pipe2(report, O_CLOEXEC)) {
		(void)close(go[0]);
		(void)close(go[1]);
		return err_sys(err, ERR_IO, "cannot make a pipe");
	}
	l->start_ns = clock_mono_ns();
	l->pid = fork();
	if (l->pid == 0)
		run_child(l, p->path, argv, env, go, report[1]);
	(void)close(go[0]);
	(void)close(report[1]);
	l->go_fd = go[1];
	l->report_fd = report[0];
	if (l->pid > 0)
		return 0;
	l->pid = 0;
	drop_fd(&l->go_fd);
	drop_fd(&l->report_fd);
	return err_sys(err, ERR_IO, "cannot start a process");
}

int launch_hold(struct launch *l, const struct program *p, char *const *argv, const char *agent,
		const char *session, struct err *err)
{
	struct buf texts = BUF_INIT;
	char **env = environ;
	int rc;

	if (agent && !(env = make_env(&texts, agent, session))) {
		buf_release(&texts);
		return err_nomem(err, "the program's environment");
	}
	rc = start_child(l, p, argv, env, err);
	if (env != environ)
		free(env);
	buf_release(&texts);
	return rc;
}

int launch_go(struct launch *l, const char *name, struct err *err)
{
	int rc;

	l->start_ns = clock_mono_ns();
	(void)!write(l->go_fd, "",
		     1); /* a child that was killed meanwhile tells by the other pipe */
	drop_fd(&l->go_fd);
	rc = await_exec(l, name, err);
	if (rc == 0)
		l->start_ticks = procstat_start(l->pid, NULL);
	return rc;
}

int launch_start(struct launch *l, const struct program *p, char *const *argv, const char *agent,
		 const char *session, struct err *err)
{
	int rc = launch_hold(l, p, argv, agent, session, err);

	return rc ? rc : launch_go(l, argv[0], err);
}

static int64_t ns_of(struct timeval t)
{
	return (int64_t)t.tv_sec * 1000000000 + (int64_t)t.tv_usec * 1000;
}

/* A thread of ours may trace it (prof/attach): then the kernel tells us of its stops, too, whoever asks. */
int launch_ended(const struct launch *l)
{
	siginfo_t si = {0};

	if (!l->pid || l->exited ||
	    waitid(P_PID, (id_t)l->pid, &si, WEXITED | WNOHANG | WNOWAIT) != 0 || si.si_pid == 0)
		return 0;
	return si.si_code != CLD_TRAPPED && si.si_code != CLD_STOPPED;
}

/* The program ended: its own CPU time from the zombie, then the rest with wait4(). */
static void reap(struct launch *l)
{
	struct rusage usage;
	struct timespec ts;
	clockid_t clock;

	if (!launch_ended(l))
		return;
	l->end_ns = clock_mono_ns();
	if (clock_getcpuclockid(l->pid, &clock) == 0 && clock_gettime(clock, &ts) == 0)
		l->own_cpu_ns = (int64_t)ts.tv_sec * 1000000000 + ts.tv_nsec;
	if (wait4(l->pid, &l->status, 0, &usage) != l->pid)
		return;
	l->exited = 1;
	l->cpu_ns = ns_of(usage.ru_utime) + ns_of(usage.ru_stime);
	l->max_rss_bytes = usage.ru_maxrss * 1024;
}

void launch_wait(struct launch *l, int timeout_ms)
{
	struct pollfd fd = {.fd = l->signal_fd, .events = POLLIN};
	struct signalfd_siginfo si;

	(void)poll(&fd, 1, timeout_ms);
	while (read(l->signal_fd, &si, sizeof si) == (ssize_t)sizeof si) {
		l->asked |= si.ssi_signo == SIGUSR1;
		for (size_t i = 0; i < sizeof passed_on / sizeof *passed_on; i++)
			/* What the terminal sends, it sends to the program as well. */
			if ((int)si.ssi_signo == passed_on[i] && si.ssi_code != SI_KERNEL &&
			    l->pid && !l->exited) {
				l->forwarded++;
				(void)kill(l->pid, passed_on[i]);
			}
	}
	if (l->pid && !l->exited)
		reap(l);
}
