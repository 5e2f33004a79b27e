/* Whether a process is one that stacks can be had of at all; each refusal says why, and what to do instead. Missing
 * rights are rights.c's. */
#include <elf.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "prof/attach/pick.h"
#include "prof/attach/rights.h"

static void name_of(int pid, char *out, size_t size)
{
	struct err err = ERR_INIT;
	struct proc p;

	snprintf(out, size, "?");
	if (proc_open(&p, pid, &err) == 0)
		proc_name(&p, out, size);
	proc_close(&p);
}

static int refuse_zombie(const struct proc *p, const struct proc_stat *stat, struct err *err)
{
	char parent[128];

	if (!stat->ppid)
		return err_set(err, ERR_NOTFOUND,
			       "process %d (%s) has ended: only its entry is left, and its parent, "
			       "which should take it away (wait), is not in this pid namespace",
			       p->pid, stat->comm);
	name_of(stat->ppid, parent, sizeof parent);
	return err_set(
		err, ERR_NOTFOUND,
		"process %d (%s) has ended: only its entry is left until its parent, process "
		"%d (%s), takes it away (wait); to see what that one does: -p %d",
		p->pid, stat->comm, stat->ppid, parent, stat->ppid);
}

/* NULL: a program that we can unwind, or whose file may not be opened (which is a matter of rights). */
static const char *foreign_kind(const struct proc *p)
{
	unsigned char head[EI_NIDENT + 4] = {0}; /* e_type, e_machine */
	int fd = proc_openat(p, "exe", O_RDONLY);
	unsigned machine;
	ssize_t n;

	if (fd < 0)
		return NULL;
	n = pread(fd, head, sizeof head, 0);
	(void)close(fd);
	if (n < (ssize_t)sizeof head || memcmp(head, ELFMAG, SELFMAG) != 0)
		return NULL;
	machine = head[EI_NIDENT + 2] | (unsigned)head[EI_NIDENT + 3] << 8;
	if (head[EI_CLASS] == ELFCLASS32)
		return machine == EM_X86_64 ? "an x32 program" : "a 32-bit program";
	return machine == EM_X86_64 ? NULL : "a program for another processor";
}

/* The tracer sees each of our system calls first: stopped, it would never let us let it go again. */
static int traces_us(int pid)
{
	struct err err = ERR_INIT;
	struct proc_status status;
	struct proc self;
	int rc = proc_open(&self, getpid(), &err);

	if (rc == 0)
		rc = proc_status(&self, &status);
	proc_close(&self);
	return rc == 0 && status.tracer == pid;
}

static int check_open(const struct proc *p, int stops, struct err *err)
{
	struct proc_status status;
	struct proc_stat stat;
	const char *kind;
	char name[128];

	if (proc_stat(p, &stat) || proc_status(p, &status))
		return err_set(err, ERR_NOTFOUND, "process %d ended just now", p->pid);
	proc_name(p, name, sizeof name);
	if (status.tgid && status.tgid != p->pid)
		return err_set(err, ERR_NOTFOUND,
			       "%d is not a process but a thread of process %d (%s): -p %d", p->pid,
			       status.tgid, name, status.tgid);
	if (p->pid == getpid())
		return err_set(err, ERR_UNSUPPORTED,
			       "process %d is this profiler itself: to profile it, start it under "
			       "another one (protea-prof run -- protea-prof …)",
			       p->pid);
	if (stat.flags & PROC_KTHREAD)
		return err_set(
			err, ERR_UNSUPPORTED,
			"process %d (%s) is a thread of the kernel, which has no user stack: "
			"as root, cat /proc/%d/stack, or perf record -g -p %d",
			p->pid, stat.comm, p->pid, p->pid);
	if ((stat.state == 'Z' && stat.n_threads <= 1) || stat.state == 'X')
		return refuse_zombie(p, &stat, err);
	kind = foreign_kind(p);
	if (kind)
		return err_set(
			err, ERR_UNSUPPORTED,
			"process %d (%s) is %s; only those of x86-64 can be read: gdb -p %d, "
			"or perf record -g -p %d",
			p->pid, name, kind, p->pid, p->pid);
	if (stops && traces_us(p->pid))
		return err_set(err, ERR_UNSUPPORTED,
			       "process %d (%s) traces this profiler: stopped, it could not let us "
			       "go on; leave it away, or look without stops (--nonblocking)",
			       p->pid, name);
	return 0;
}

/* In a container most of the machine's processes are not there. */
static int absent(int pid, struct err *err)
{
	const char *where = rights_where();

	if (strcmp(where, "kubernetes") == 0)
		return err_set(
			err, ERR_NOTFOUND,
			"no process %d: it ended, or is in another container of the pod, which "
			"sees it with shareProcessNamespace: true, or by kubectl debug "
			"--target=CONTAINER; those that are seen: ps -e",
			pid);
	if (*where)
		return err_set(
			err, ERR_NOTFOUND,
			"no process %d: it ended, or is not in this container and so not seen "
			"(%s run --pid=host, or look from the host); those that are: ps -e",
			pid, strcmp(where, "podman") == 0 ? "podman" : "docker");
	return ERR_NOTFOUND;
}

int pick_check(struct proc *p, int pid, int stops, struct err *err)
{
	int rc;

	*p = (struct proc){pid, -1, -1, 0};
	if (pid <= 0 || pid > PICK_PID_MAX)
		return err_set(err, ERR_ARG,
			       "no process can have the number %d: they go from 1 to %d", pid,
			       PICK_PID_MAX);
	rc = proc_open(p, pid, err);
	if (rc == ERR_NOTFOUND)
		return absent(pid, err);
	if (rc)
		return rc;
	rc = check_open(p, stops, err);
	if (rc)
		proc_close(p);
	return rc;
}
