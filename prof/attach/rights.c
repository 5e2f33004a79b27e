/* Each right is tried on the process itself (a call that a filter refuses is not made), as far as that leaves no trace in it; the reason for a refusal comes
 * from the facts (rights_facts.c), the words from rights_words.c. PTRACE_SEIZE is not tried: a signal that came in
 * between would stop the process. process_vm_readv asks the kernel for the very same permission. */
#include "prof/attach/rights.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/perf_event.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include "prof/attach/procmaps.h"
#include "prof/attach/rights_internal.h"

const char *right_name(enum right r)
{
	static const char *const names[RIGHTS] = {"read", "ptrace", "perf", "files"};

	return (unsigned)r < RIGHTS ? names[r] : "?";
}

static int is_denial(int error)
{
	return error == EPERM || error == EACCES;
}

static int is_gone(int error)
{
	return error == ESRCH || error == ENOENT;
}

/* ---- tries: 0, or the errno --------------------------------------------------------------------- */

struct first_code {
	uint64_t start, end;
};

static int find_code(void *ctx, const struct procmap *m)
{
	struct first_code *first = ctx;

	if (!m->executable || m->path[0] != '/')
		return 0;
	*first = (struct first_code){m->start, m->end};
	return 1;
}

/* The maps as far as a page of them goes: the program's own come first. */
static int try_maps(const struct proc *p, struct first_code *first)
{
	char text[4097];
	long n = proc_read(p, "maps", text, sizeof text);

	*first = (struct first_code){0, 0};
	if (n < 0)
		return errno;
	(void)procmaps_parse(text, (size_t)n, find_code, first);
	return 0;
}

/* A byte of its code. That there is none at the place means that we may ask. */
static int try_memory(const struct proc *p, const struct first_code *first)
{
	uintptr_t place = first->start ? (uintptr_t)first->start : (uintptr_t)sysconf(_SC_PAGESIZE);
	char byte;
	struct iovec local = {&byte, 1}, remote = {(void *)place, 1};

	if (process_vm_readv(p->pid, &local, 1, &remote, 1, 0) == 1 || errno == EFAULT)
		return 0;
	return errno;
}

static int try_syscall(const struct proc *p)
{
	char text[256];

	return proc_read(p, "syscall", text, sizeof text) < 0 ? errno : 0;
}

/* As the sampler's, but disabled; with a small ring, for these may be used up. *error_of_ring: it failed there. */
static int try_perf(const struct proc *p, int *error_of_ring)
{
	struct perf_event_attr attr = {.type = PERF_TYPE_SOFTWARE,
				       .size = sizeof attr,
				       .config = PERF_COUNT_SW_TASK_CLOCK,
				       .sample_type = PERF_SAMPLE_TID,
				       .disabled = 1,
				       .exclude_kernel = 1,
				       .exclude_hv = 1};
	size_t bytes = 2 * (size_t)sysconf(_SC_PAGESIZE);
	int fd = (int)syscall(SYS_perf_event_open, &attr, p->pid, -1, -1, PERF_FLAG_FD_CLOEXEC);
	int error = errno;
	void *ring;

	*error_of_ring = 0;
	if (fd < 0)
		return error;
	ring = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	*error_of_ring = ring == MAP_FAILED ? errno : 0;
	if (ring != MAP_FAILED)
		(void)munmap(ring, bytes);
	(void)close(fd);
	return *error_of_ring;
}

static int try_open(const struct proc *p, const char *name)
{
	int fd = proc_openat(p, name, O_RDONLY | O_NONBLOCK);

	if (fd < 0)
		return errno;
	(void)close(fd);
	return 0;
}

/* ---- findings ----------------------------------------------------------------------------------- */

static void found(struct right_finding *finding, const struct rights_facts *f, int error,
		  enum rights_reason reason)
{
	finding->sys = error;
	finding->granted = !error;
	if (error)
		rights_words(finding, f, is_gone(error) ? REASON_GONE : reason);
}

/* The rule's reason; where it sees none, a namespace that is not ours is the likeliest. */
static enum rights_reason rule(const struct rights_facts *f, int attach, int cap)
{
	enum rights_reason reason = rights_ptrace_rule(f, attach, cap);

	if (reason == REASON_NONE)
		reason = f->userns != USERNS_SAME ? REASON_USERNS : REASON_MODULE;
	return reason;
}

static enum rights_reason filter_or(const struct rights_facts *f, enum right right,
				    enum rights_reason otherwise)
{
	if (!f->filtered[right])
		return otherwise;
	return f->filtered[right] == ENOSYS && f->self.seccomp != 2 ? REASON_KERNEL : REASON_FILTER;
}

static int look_read(struct right_finding *finding, const struct rights_facts *f,
		     const struct proc *p, struct first_code *first)
{
	int maps = try_maps(p, first), calls = try_syscall(p);
	int memory = f->filtered[RIGHT_READ] ? f->filtered[RIGHT_READ] : try_memory(p, first);
	enum rights_reason reason = rule(f, is_denial(maps) ? 0 : 1, RIGHTS_CAP_SYS_PTRACE);

	if (maps)
		found(finding, f, maps, reason);
	else if (memory)
		found(finding, f, memory, filter_or(f, RIGHT_READ, reason));
	else
		found(finding, f, calls, reason);
	return memory;
}

/* See at the head of this file. */
static void look_ptrace(struct right_finding *finding, const struct rights_facts *f, int memory)
{
	if (f->filtered[RIGHT_PTRACE])
		found(finding, f, f->filtered[RIGHT_PTRACE],
		      filter_or(f, RIGHT_PTRACE, REASON_FILTER));
	else if (memory && !f->filtered[RIGHT_READ])
		found(finding, f, memory, rule(f, 1, RIGHTS_CAP_SYS_PTRACE));
	else if (f->target.tracer)
		found(finding, f, EPERM, REASON_TRACED);
	else if (memory && rights_ptrace_rule(f, 1, RIGHTS_CAP_SYS_PTRACE))
		found(finding, f, EPERM, rule(f, 1, RIGHTS_CAP_SYS_PTRACE));
	else
		found(finding, f, 0, REASON_NONE);
}

static void look_perf(struct right_finding *finding, const struct rights_facts *f,
		      const struct proc *p)
{
	int ring = 0, ours = f->filtered[RIGHT_PERF], error = ours ? ours : try_perf(p, &ring);
	enum rights_reason reason = rule(f, 0, RIGHTS_CAP_PERFMON);

	if (error == EMFILE || error == ENFILE)
		reason = REASON_LIMIT;
	else if (ring)
		reason = is_denial(ring) ? REASON_MLOCK : REASON_MODULE;
	else if (is_denial(ours))
		reason = f->paranoid > 2 && !rights_has_cap(&f->self, RIGHTS_CAP_PERFMON) &&
					 !rights_has_cap(&f->self, RIGHTS_CAP_SYS_ADMIN)
				 ? REASON_PARANOID
			 : f->self.seccomp == 2 ? REASON_FILTER
						: REASON_MODULE;
	else if (ours)
		reason = filter_or(f, RIGHT_PERF, REASON_KERNEL);
	if (ours == ENOENT)
		error = ENOSYS; /* no such event: the kernel, not the process */
	found(finding, f, error, reason);
}

static void look_files(struct right_finding *finding, const struct rights_facts *f,
		       const struct proc *p, const struct first_code *first)
{
	int exe = try_open(p, "exe"), mapped;
	char name[64];

	found(finding, f, exe, rule(f, 0, RIGHTS_CAP_SYS_PTRACE));
	if (exe || !first->start)
		return;
	snprintf(name, sizeof name, "map_files/%llx-%llx", (unsigned long long)first->start,
		 (unsigned long long)first->end);
	mapped = try_open(p, name);
	if (is_denial(mapped))
		snprintf(finding->why, sizeof finding->why,
			 "through its root folder; deleted or replaced libraries out of its memory "
			 "(map_files needs CAP_CHECKPOINT_RESTORE or CAP_SYS_ADMIN of the first "
			 "user "
			 "namespace)");
}

static void note_facts(struct rights *r, const struct rights_facts *f, const struct proc *p)
{
	char text[8192];

	r->yama = f->yama;
	r->paranoid = f->paranoid;
	r->same_user = f->same_user;
	r->same_userns = f->userns == USERNS_SAME;
	r->same_pidns = f->same_pidns;
	r->has_ptrace_cap = rights_has_cap(&f->self, RIGHTS_CAP_SYS_PTRACE);
	r->has_admin_cap = rights_has_cap(&f->self, RIGHTS_CAP_SYS_ADMIN);
	r->has_perf_cap = r->has_admin_cap || rights_has_cap(&f->self, RIGHTS_CAP_PERFMON);
	snprintf(r->container, sizeof r->container, "%s", f->container);
	if (proc_read(p, "cgroup", text, sizeof text) > 0)
		snprintf(r->target_container, sizeof r->target_container, "%s",
			 rights_container_of(text));
}

/* A process whose main thread ended shows its memory, its program and its events by its other threads only. */
static int by_living_thread(const struct proc *p, struct proc *view)
{
	uint32_t n = 0, cap = 0;
	struct proc_stat stat;
	char name[32];
	int *tids = NULL;

	*view = (struct proc){p->pid, -1, -1, p->start_ticks};
	if (proc_stat(p, &stat) || stat.state != 'Z' || proc_tasks(p, &tids, &n, &cap))
		n = 0;
	for (uint32_t i = 0; i < n && view->dir < 0; i++) {
		if (proc_task_stat(p, tids[i], &stat) || stat.state == 'Z')
			continue;
		snprintf(name, sizeof name, "task/%d", tids[i]);
		view->dir = proc_openat(p, name, O_RDONLY | O_DIRECTORY);
		view->pid = tids[i];
	}
	free(tids);
	return view->dir >= 0;
}

void rights_look(struct rights *r, const struct proc *p)
{
	struct rights_facts f;
	struct first_code first;
	struct proc view;
	int memory;

	memset(r, 0, sizeof *r);
	for (int i = 0; i < RIGHTS; i++)
		r->of[i].right = (enum right)i;
	rights_gather(&f, p);
	note_facts(r, &f, p);
	if (by_living_thread(p, &view))
		p = &view;
	memory = look_read(&r->of[RIGHT_READ], &f, p, &first);
	look_ptrace(&r->of[RIGHT_PTRACE], &f, memory);
	look_perf(&r->of[RIGHT_PERF], &f, p);
	look_files(&r->of[RIGHT_FILES], &f, p, &first);
	proc_close(&view);
}

int rights_refuse(const struct rights *r, enum right right, const struct proc *p, struct err *err)
{
	static const char *const cannot[RIGHTS] = {"may not be read", "may not be stopped",
						   "may not have perf events on it",
						   "does not let its files be opened"};
	const struct right_finding *f = &r->of[right];
	char name[128];
	int rc;

	proc_name(p, name, sizeof name);
	rc = err_set(err, ERR_DENIED, "process %d (%s) %s: %s; to change that: %s; else %s", p->pid,
		     name, cannot[right], f->why, f->remedy, f->other);
	if (err)
		err->sys = f->sys;
	return rc;
}
