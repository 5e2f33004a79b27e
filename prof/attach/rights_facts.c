/* The facts that rights follow from, and the kernel's rule for looking at another process. Reads files of /proc and
 * /sys; asks the kernel about ourselves only. */
#include <errno.h>
#include <fcntl.h>
#include <linux/perf_event.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "prof/attach/procmaps.h"
#include "prof/attach/rights_internal.h"

#define PARENTS_MAX 256 /* of a process: a chain that is longer is a race */

int rights_has_cap(const struct proc_status *status, int cap)
{
	return (int)(status->cap_effective >> cap & 1);
}

static int number_in(const char *path)
{
	char text[32], *end;
	long value;

	if (procfile_read(text, sizeof text, path) <= 0)
		return -1;
	value = strtol(text, &end, 10);
	return end == text ? -1 : (int)value;
}

/* ---- namespaces --------------------------------------------------------------------------------- */

static int same_link(const struct proc *self, const struct proc *p, const char *name)
{
	char ours[64], theirs[64];

	if (proc_readlink(self, name, ours, sizeof ours) <= 0 ||
	    proc_readlink(p, name, theirs, sizeof theirs) <= 0)
		return -1;
	return strcmp(ours, theirs) == 0;
}

/* uid_map may be read by all, and shows a namespace's ids in ours: one below has ids that we know, one beside or
 * above has none (-1). The link tells same from not, but only where we have the right to read it. */
static enum rights_userns userns_of(const struct proc *self, const struct proc *p)
{
	char ours[512], theirs[512], *end;
	int same = same_link(self, p, "ns/user");

	if (same == 1 || proc_read(self, "uid_map", ours, sizeof ours) < 0 ||
	    proc_read(p, "uid_map", theirs, sizeof theirs) < 0)
		return USERNS_SAME;
	if (same < 0 && strcmp(ours, theirs) == 0)
		return USERNS_SAME;
	(void)strtoull(theirs, &end, 10);
	return strtoull(end, NULL, 10) == UINT32_MAX ? USERNS_OTHER : USERNS_BELOW;
}

static int pidns_is_ours(const struct proc *self, const struct proc *p,
			 const struct proc_status *target)
{
	int same = same_link(self, p, "ns/pid");

	return same < 0 ? !target->ns_pid || target->ns_pid == p->pid : same;
}

/* A child of ours, or a child's child. */
static int is_below_us(int pid)
{
	int us = getpid();

	for (int i = 0; i < PARENTS_MAX && pid > 0; i++) {
		struct err err = ERR_INIT;
		struct proc_stat stat;
		struct proc p;
		int rc;

		if (pid == us)
			return 1;
		rc = proc_open(&p, pid, &err);
		rc = rc ? rc : proc_stat(&p, &stat);
		proc_close(&p);
		if (rc)
			return 0;
		pid = stat.ppid;
	}
	return 0;
}

/* ---- the process -------------------------------------------------------------------------------- */

/* The kernel gives the files of a process that is not dumpable to root; the folder itself stays the user's. */
static int is_undumpable(const struct proc *p)
{
	struct stat folder, file;

	if (fstat(p->dir, &folder) || fstatat(p->dir, "maps", &file, AT_SYMLINK_NOFOLLOW))
		return 0;
	return folder.st_uid != file.st_uid;
}

static void name_tracer(struct rights_facts *f)
{
	struct err err = ERR_INIT;
	struct proc p;

	if (!f->target.tracer)
		return;
	if (proc_open(&p, f->target.tracer, &err) == 0)
		proc_name(&p, f->tracer_name, sizeof f->tracer_name);
	proc_close(&p);
}

static int is_same_user(const struct proc_status *us, const struct proc_status *it)
{
	return us->uid == it->uid && us->uid == it->euid && us->uid == it->suid &&
	       us->gid == it->gid && us->gid == it->egid && us->gid == it->sgid;
}

/* ---- ourselves ---------------------------------------------------------------------------------- */

/* Each call on ourselves: nothing but a filter (or a kernel without it) refuses these. 0 or errno. */

static int call_perf(void)
{
	struct perf_event_attr attr = {.type = PERF_TYPE_SOFTWARE,
				       .size = sizeof attr,
				       .config = PERF_COUNT_SW_TASK_CLOCK,
				       .disabled = 1,
				       .exclude_kernel = 1,
				       .exclude_hv = 1};
	long fd = syscall(SYS_perf_event_open, &attr, 0, -1, -1, PERF_FLAG_FD_CLOEXEC);

	if (fd < 0)
		return errno;
	(void)close((int)fd);
	return 0;
}

static int call_readv(void)
{
	char from = 'x', to = 0;
	struct iovec local = {&to, 1}, remote = {&from, 1};

	return process_vm_readv(getpid(), &local, 1, &remote, 1, 0) == 1 ? 0 : errno;
}

/* Of a process that we do not trace: ESRCH, where it may be asked at all. */
static int call_ptrace(void)
{
	return ptrace(PTRACE_GETEVENTMSG, getpid(), NULL, NULL) && errno != ESRCH ? errno : 0;
}

/* A filter may kill who makes the call (systemd's do): a child makes it. */
static int call_in_child(int (*call)(void))
{
	int up[2], error = EPERM, child;

	if (pipe2(up, O_CLOEXEC))
		return call();
	child = fork();
	if (child == 0) {
		error = call();
		if (write(up[1], &error, sizeof error) < 0)
			error = EPERM;
		(void)kill(getpid(), SIGKILL); /* no handlers of ours at its end */
	}
	(void)close(up[1]);
	if (child > 0 && read(up[0], &error, sizeof error) != (ssize_t)sizeof error)
		error = EPERM;
	(void)close(up[0]);
	while (child > 0 && waitpid(child, NULL, 0) < 0 && errno == EINTR)
		;
	return child > 0 ? error : call();
}

static void find_filters(struct rights_facts *f)
{
	int (*const calls[RIGHTS])(void) = {
		[RIGHT_READ] = call_readv, [RIGHT_PTRACE] = call_ptrace, [RIGHT_PERF] = call_perf};

	for (int i = 0; i < RIGHTS; i++)
		if (calls[i])
			f->filtered[i] =
				f->self.seccomp == 2 ? call_in_child(calls[i]) : calls[i]();
}

static void find_modules(struct rights_facts *f)
{
	char text[128];
	long n = procfile_read(text, sizeof text, "/proc/self/attr/current");

	while (n > 0 && (text[n - 1] == '\n' || !text[n - 1]))
		text[--n] = '\0';
	snprintf(f->label, sizeof f->label, "%.*s", n > 0 ? (int)sizeof f->label - 1 : 0, text);
	if (strcmp(f->label, "unconfined") == 0)
		f->label[0] = '\0';
	f->selinux_deny_ptrace = number_in("/sys/fs/selinux/booleans/deny_ptrace") == 1;
}

void rights_gather(struct rights_facts *f, const struct proc *p)
{
	struct err err = ERR_INIT;
	struct proc self;

	memset(f, 0, sizeof *f);
	f->pid = p->pid;
	f->yama = number_in("/proc/sys/kernel/yama/ptrace_scope");
	f->paranoid = number_in("/proc/sys/kernel/perf_event_paranoid");
	f->mlock_kb = number_in("/proc/sys/kernel/perf_event_mlock_kb");
	snprintf(f->container, sizeof f->container, "%s", rights_where());
	proc_name(p, f->name, sizeof f->name);
	(void)proc_status(p, &f->target);
	if (proc_open(&self, getpid(), &err) == 0) {
		(void)proc_status(&self, &f->self);
		f->userns = userns_of(&self, p);
		f->same_pidns = pidns_is_ours(&self, p, &f->target);
	}
	proc_close(&self);
	f->same_user = is_same_user(&f->self, &f->target);
	f->below_us = is_below_us(p->pid);
	f->not_dumpable = is_undumpable(p);
	name_tracer(f);
	find_filters(f);
	find_modules(f);
}

/* In the kernel's order (__ptrace_may_access() of kernel/ptrace.c, then cap_ptrace_access_check() and Yama's), but
 * for Yama 3, which nothing overrides. */
enum rights_reason rights_ptrace_rule(const struct rights_facts *f, int attach, int cap)
{
	int over = rights_has_cap(&f->self, RIGHTS_CAP_SYS_PTRACE) && f->userns != USERNS_OTHER;

	if (cap == RIGHTS_CAP_PERFMON && (rights_has_cap(&f->self, RIGHTS_CAP_PERFMON) ||
					  rights_has_cap(&f->self, RIGHTS_CAP_SYS_ADMIN)))
		over = 1;
	if (f->userns == USERNS_BELOW &&
	    f->same_user) /* who makes a namespace has all rights in it */
		over = 1;
	if (attach && f->yama >= 3)
		return REASON_YAMA;
	if (over)
		return REASON_NONE;
	if (!f->same_user)
		return f->userns == USERNS_SAME ? REASON_USER : REASON_USERNS;
	if (f->not_dumpable)
		return REASON_DUMPABLE;
	if (f->userns != USERNS_SAME)
		return REASON_USERNS;
	if (f->target.cap_permitted & ~f->self.cap_permitted)
		return REASON_CAPS;
	if (attach && (f->yama == 2 || (f->yama == 1 && !f->below_us)))
		return REASON_YAMA;
	return REASON_NONE;
}
