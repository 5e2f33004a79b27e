/* See perf_attr.h. Tries features from the newest down: each kernel that lacks one answers EINVAL or E2BIG. */
#include "prof/attach/perf_attr.h"

#include <errno.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "prof/attach/perf_records.h"

void perf_attr_sampler(struct perf_event_attr *attr, const struct perf_wish *wish)
{
	memset(attr, 0, sizeof *attr);
	attr->type = PERF_TYPE_SOFTWARE;
	attr->size = sizeof *attr;
	attr->config = PERF_COUNT_SW_TASK_CLOCK;
	attr->sample_period = wish->period_ns;
	attr->sample_type = PERF_SAMPLE_FIELDS | (wish->can.value ? PERF_SAMPLE_READ : 0);
	attr->sample_regs_user = PERF_REGS_MASK;
	attr->sample_stack_user = wish->stack_bytes & ~7u;
	attr->sample_id_all = 1;
	attr->disabled = 1;
	attr->enable_on_exec = wish->on_exec != 0;
	attr->exclude_kernel = !wish->can.kernel;
	attr->exclude_hv = 1;
	attr->inherit = wish->inherit != 0;
	attr->inherit_thread = wish->inherit && !wish->children && wish->can.thread;
	attr->mmap = 1; /* executable mappings only: not mmap_data */
	attr->mmap2 = 1;
	attr->comm = 1;
	attr->comm_exec = 1;
	attr->task = 1;
	attr->context_switch = wish->switches != 0;
	attr->watermark = 1; /* the ring's owner has the mark */
	attr->use_clockid = 1;
	attr->clockid = CLOCK_MONOTONIC;
}

void perf_attr_early(struct perf_event_attr *attr, const struct perf_wish *wish, uint64_t period_ns)
{
	perf_attr_sampler(attr, wish);
	attr->sample_period = period_ns;
	attr->enable_on_exec = 0;
	attr->inherit = attr->inherit_thread = 0;
	attr->mmap = attr->mmap2 = 0;
	attr->comm = attr->comm_exec = 0;
	attr->task = attr->context_switch = 0;
}

void perf_attr_owner(struct perf_event_attr *attr, size_t mark)
{
	memset(attr, 0, sizeof *attr);
	attr->type = PERF_TYPE_SOFTWARE;
	attr->size = sizeof *attr;
	attr->config = PERF_COUNT_SW_DUMMY;
	attr->exclude_kernel = 1;
	attr->exclude_hv = 1;
	attr->watermark = 1;
	attr->wakeup_watermark = (uint32_t)mark;
	attr->use_clockid = 1; /* all events of a ring must have the same clock */
	attr->clockid = CLOCK_MONOTONIC;
}

static int raise_limit(void)
{
	struct rlimit r;

	if (getrlimit(RLIMIT_NOFILE, &r) || r.rlim_cur >= r.rlim_max)
		return -1;
	r.rlim_cur = r.rlim_max;
	return setrlimit(RLIMIT_NOFILE, &r);
}

int perf_open_event(const struct perf_event_attr *attr, int pid, int cpu)
{
	long fd = syscall(SYS_perf_event_open, attr, pid, cpu, -1, PERF_FLAG_FD_CLOEXEC);

	if (fd < 0 && errno == EMFILE && raise_limit() == 0)
		fd = syscall(SYS_perf_event_open, attr, pid, cpu, -1, PERF_FLAG_FD_CLOEXEC);
	return (int)fd;
}

int perf_attr_probe(struct perf_features *can, const struct perf_wish *wish, struct err *err)
{
	/* In the order of what they are worth. */
	static const struct perf_features tries[] = {
		{1, 1, 1}, {1, 0, 1}, {1, 0, 0}, {0, 1, 1}, {0, 0, 1}, {0, 0, 0},
	};
	struct perf_event_attr attr;
	struct perf_wish try = *wish;
	size_t i;
	int fd;

	for (i = 0; i < sizeof tries / sizeof tries[0]; i++) {
		try.can = tries[i];
		perf_attr_sampler(&attr, &try);
		fd = perf_open_event(&attr, 0, -1);
		if (fd >= 0) {
			*can = tries[i];
			(void)close(fd);
			return 0;
		}
		if (errno != EINVAL && errno != E2BIG && errno != EACCES && errno != EPERM)
			break;
	}
	return perf_open_failed(err, 0);
}

static int denied(struct err *err, int pid)
{
	if (pid > 0)
		return err_sys(err, ERR_DENIED, "cannot open perf events on process %d", pid);
	return err_sys(
		err, ERR_DENIED,
		"cannot open perf events: 'sysctl kernel.perf_event_paranoid=2' allows them, "
		"unless a seccomp filter forbids perf_event_open");
}

int perf_open_failed(struct err *err, int pid)
{
	struct rlimit r = {0, 0};

	switch (errno) {
	case EACCES:
	case EPERM:
		return denied(err, pid);
	case ESRCH:
		return err_sys(err, ERR_NOTFOUND, "there is no process %d any more", pid);
	case ENODEV:
		return err_sys(err, ERR_NOTFOUND, "a CPU went offline");
	case EMFILE:
	case ENFILE:
		(void)getrlimit(RLIMIT_NOFILE, &r);
		return err_sys(
			err, ERR_LIMIT,
			"%llu file descriptors are too few for one perf event per thread and CPU: "
			"'ulimit -n' raises the limit",
			(unsigned long long)r.rlim_cur);
	case ENOMEM:
		return err_nomem(err, "perf events");
	default:
		return err_sys(err, ERR_UNSUPPORTED,
			       "this kernel does not offer perf's task clock with user stacks");
	}
}

int perf_map_failed(struct err *err)
{
	if (errno == EPERM)
		return err_sys(
			err, ERR_DENIED,
			"no locked memory is left for perf's rings: 'sysctl "
			"kernel.perf_event_mlock_kb=2048' or a higher 'ulimit -l' gives more");
	if (errno == ENOMEM)
		return err_nomem(err, "perf's rings");
	return err_sys(err, ERR_UNSUPPORTED, "cannot map a perf ring");
}
