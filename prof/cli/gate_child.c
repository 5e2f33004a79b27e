/* Children of `gate --exec`, their signals and their end: see gate_child.h. */
#include "prof/cli/gate_child.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "prof/attach/proc.h"
#include "prof/attach/procmaps.h"
#include "prof/base/clock.h"

#define PATIENCE_NS INT64_C(3000000000) /* from "please" to SIGKILL */
#define GIVE_UP_NS  INT64_C(10000000000)

static const int ends[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT};

/* ---- begin and end ---- */

static int parse_cpu(const char **text)
{
	char *end;
	long n;

	if (**text < '0' || **text > '9')
		return -1;
	n = strtol(*text, &end, 10);
	*text = end;
	return n < CPU_SETSIZE ? (int)n : -1;
}

int gate_cpus_parse(cpu_set_t *set, const char *text, struct err *err)
{
	const char *p = text;

	CPU_ZERO(set);
	do {
		int first = parse_cpu(&p), last = first;

		if (first >= 0 && *p == '-') {
			p++;
			last = parse_cpu(&p);
		}
		if (first < 0 || last < first)
			return err_set(err, ERR_ARG, "CPUs '%s': write them as 0 or 0,2-3", text);
		for (int i = first; i <= last; i++)
			CPU_SET((size_t)i, set);
	} while (*p++ == ',');
	return p[-1] ? err_set(err, ERR_ARG, "CPUs '%s': write them as 0 or 0,2-3", text) : 0;
}

static int pin(struct gate_rig *rig, const char *text, struct err *err)
{
	cpu_set_t have, both;
	int rc = gate_cpus_parse(&rig->cpus, text, err);

	if (rc)
		return rc;
	if (sched_getaffinity(0, sizeof have, &have))
		return err_sys(err, ERR_IO, "cannot tell which CPUs there are");
	CPU_AND(&both, &have, &rig->cpus);
	if (!CPU_EQUAL(&both, &rig->cpus))
		return err_set(err, ERR_ARG,
			       "CPUs '%s': not all of them are there, or not for us (we have %d)",
			       text, CPU_COUNT(&have));
	rig->pinned = 1;
	return 0;
}

static int make_folder(struct gate_rig *rig, struct err *err)
{
	const char *tmp = getenv("TMPDIR");
	int n = snprintf(rig->folder, sizeof rig->folder, "%s/protea-gate.XXXXXX",
			 tmp && *tmp ? tmp : "/tmp");

	if (n >= (int)sizeof rig->folder || !mkdtemp(rig->folder)) {
		int rc = err_sys(err, ERR_IO, "cannot make a folder in '%s'",
				 tmp && *tmp ? tmp : "/tmp");

		rig->folder[0] = '\0';
		return rc;
	}
	return 0;
}

/* What we were started to ignore (nohup) stays ignored. */
static int listen_to_signals(struct gate_rig *rig, struct err *err)
{
	struct sigaction now, dfl = {.sa_handler = SIG_DFL};
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGCHLD);
	for (size_t i = 0; i < sizeof ends / sizeof *ends; i++)
		if (sigaction(ends[i], NULL, &now) == 0 && now.sa_handler != SIG_IGN)
			sigaddset(&set, ends[i]);
	rig->signal_fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	if (rig->signal_fd < 0)
		return err_sys(err, ERR_IO, "cannot wait for signals");
	(void)sigprocmask(SIG_BLOCK, &set, &rig->old_mask);
	/* Were it ignored, the kernel would throw statuses away. */
	(void)sigaction(SIGCHLD, &dfl, &rig->old_chld);
	return 0;
}

int gate_rig_begin(struct gate_rig *rig, const char *cpus, struct err *err)
{
	int rc = 0;

	memset(rig, 0, sizeof *rig);
	rig->signal_fd = -1;
	if (cpus)
		rc = pin(rig, cpus, err);
	if (rc == 0)
		rc = make_folder(rig, err);
	if (rc == 0)
		rc = listen_to_signals(rig, err);
	/* Daemons that a command starts become our children when their parents end. */
	if (rc == 0)
		(void)prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
	return rc;
}

static void remove_folder(const char *folder)
{
	DIR *dir = opendir(folder);
	struct dirent *e;

	while (dir && (e = readdir(dir)))
		if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0)
			(void)unlinkat(dirfd(dir), e->d_name, 0);
	if (dir)
		(void)closedir(dir);
	(void)rmdir(folder);
}

void gate_rig_end(struct gate_rig *rig)
{
	struct signalfd_siginfo si;

	if (rig->folder[0])
		remove_folder(rig->folder);
	if (rig->signal_fd < 0)
		return;
	while (read(rig->signal_fd, &si, sizeof si) == (ssize_t)sizeof si)
		; /* what was heeded already must not end us now */
	(void)prctl(PR_SET_CHILD_SUBREAPER, 0, 0, 0, 0);
	(void)sigaction(SIGCHLD, &rig->old_chld, NULL);
	(void)sigprocmask(SIG_SETMASK, &rig->old_mask, NULL);
	(void)close(rig->signal_fd);
	rig->signal_fd = -1;
}

/* ---- a child ---- */

static _Noreturn void fail_child(int report)
{
	int sys = errno;

	_exit(write(report, &sys, sizeof sys) == (ssize_t)sizeof sys ? 127 : 126);
}

static _Noreturn void run_child(const struct gate_rig *rig, const struct gate_child *c, pid_t gate,
				int report)
{
	int in = open("/dev/null", O_RDONLY);
	int out = c->log ? open(c->log, O_WRONLY | O_CREAT | O_TRUNC | O_APPEND, 0600)
			 : STDERR_FILENO;

	(void)setpgid(0, 0);
	/* A gate that is killed leaves nothing running: the recorder ends its program. */
	if (in < 0 || out < 0 || prctl(PR_SET_PDEATHSIG, SIGTERM, 0, 0, 0) || getppid() != gate ||
	    dup2(in, STDIN_FILENO) < 0 || dup2(out, STDOUT_FILENO) < 0 ||
	    dup2(out, STDERR_FILENO) < 0)
		fail_child(report);
	if (rig->pinned && sched_setaffinity(0, sizeof rig->cpus, &rig->cpus))
		fail_child(report);
	(void)sigaction(SIGCHLD, &rig->old_chld, NULL);
	(void)sigprocmask(SIG_SETMASK, &rig->old_mask, NULL);
	execve(c->argv[0], c->argv, c->envp);
	fail_child(report);
}

/* Waits until exec succeeded (the pipe closes) or its errno arrives. */
static int await_exec(int report, const char *name, struct err *err)
{
	int sys = 0;
	ssize_t n;

	do
		n = read(report, &sys, sizeof sys);
	while (n < 0 && errno == EINTR);
	(void)close(report);
	if (n == 0)
		return 0;
	errno = n == (ssize_t)sizeof sys ? sys : EIO;
	return err_sys(err, ERR_IO, "cannot start '%s'", name);
}

static pid_t start(struct gate_rig *rig, const struct gate_child *c, struct err *err)
{
	pid_t gate = getpid(), pid;
	int report[2];

	if (pipe2(report, O_CLOEXEC)) {
		err_sys(err, ERR_IO, "cannot make a pipe");
		return -1;
	}
	pid = fork();
	if (pid == 0)
		run_child(rig, c, gate, report[1]);
	if (pid > 0)
		(void)setpgid(pid, pid); /* whoever comes first */
	else
		err_sys(err, ERR_IO, "cannot start a process");
	(void)close(report[1]);
	if (pid < 0) {
		(void)close(report[0]);
		return -1;
	}
	if (await_exec(report[0], c->argv[0], err)) {
		(void)waitpid(pid, NULL, 0);
		return -1;
	}
	return pid;
}

/* ---- waiting ---- */

static int64_t ns_of(struct timeval t)
{
	return (int64_t)t.tv_sec * 1000000000 + (int64_t)t.tv_usec * 1000;
}

/* Up to `ms`: for a signal. */
static void wait_signal(struct gate_rig *rig, int ms)
{
	struct pollfd fd = {.fd = rig->signal_fd, .events = POLLIN};
	struct signalfd_siginfo si;

	(void)poll(&fd, 1, ms);
	while (read(rig->signal_fd, &si, sizeof si) == (ssize_t)sizeof si)
		if (si.ssi_signo != SIGCHLD)
			rig->interrupted = (int)si.ssi_signo;
}

/* Takes what has ended; 1 if `pid` is among it. *left: are there living ones? */
static int reap(pid_t pid, struct gate_child_end *end, int *left)
{
	struct rusage usage;
	int status, found = 0;
	pid_t ended;

	while ((ended = wait4(-1, &status, WNOHANG, &usage)) > 0) {
		end->cpu_ns += ns_of(usage.ru_utime) + ns_of(usage.ru_stime);
		end->switches += usage.ru_nivcsw;
		if (ended != pid)
			continue;
		end->status = status;
		found = 1;
	}
	*left = ended == 0;
	return found;
}

/* Our children, by looking through /proc: a group is no hold on those that left it. */
static unsigned signal_children(int signo)
{
	DIR *dir = opendir("/proc");
	unsigned n = 0;
	struct dirent *e;

	while (dir && (e = readdir(dir))) {
		struct proc_stat s;
		char path[64], text[1024];

		if (e->d_name[0] < '1' || e->d_name[0] > '9')
			continue;
		snprintf(path, sizeof path, "/proc/%.20s/stat", e->d_name);
		if (procfile_read(text, sizeof text, path) <= 0 || proc_stat_parse(&s, text) ||
		    s.ppid != getpid() || s.state == 'Z')
			continue;
		n++;
		(void)kill((pid_t)strtol(e->d_name, NULL, 10), signo);
	}
	if (dir)
		(void)closedir(dir);
	return n;
}

/* The command is over: so is what it left in the background, before it disturbs the next one. */
static void end_others(struct gate_rig *rig, pid_t group, struct gate_child_end *end)
{
	int64_t began = clock_mono_ns(), so_far = 0;
	unsigned most = 0;
	int left;

	while ((void)reap(0, end, &left), left && so_far < GIVE_UP_NS) {
		int signo = so_far > PATIENCE_NS ? SIGKILL : SIGTERM;
		unsigned n = signal_children(signo);

		(void)kill(-group, signo);
		most = n > most ? n : most;
		wait_signal(rig, 10);
		so_far = clock_mono_ns() - began;
	}
	rig->left_behind += most;
}

int gate_child_run(struct gate_rig *rig, const struct gate_child *child, struct gate_child_end *end,
		   struct err *err)
{
	int64_t asked = 0;
	pid_t pid;
	int left;

	memset(end, 0, sizeof *end);
	wait_signal(rig, 0);
	if (rig->interrupted)
		return err_set(err, ERR_CANCELLED, "interrupted");
	pid = start(rig, child, err);
	if (pid < 0)
		return err->code;
	while (!reap(pid, end, &left)) {
		wait_signal(rig, rig->interrupted ? 50 : -1);
		if (!rig->interrupted)
			continue;
		if (!asked) {
			asked = clock_mono_ns();
			(void)kill(-pid, SIGTERM);
		} else if (clock_mono_ns() - asked > PATIENCE_NS) {
			(void)kill(-pid, SIGKILL);
		}
	}
	end_others(rig, pid, end);
	return rig->interrupted ? err_set(err, ERR_CANCELLED, "interrupted") : 0;
}
