/* Threads without a ring: made by clone() or by a library that the agent does not see. Their numbers are
 * left in the spool file's head, where the agent's next tick finds them. Where no thread ticks, because
 * all that are known sleep, one event of our own wakes the agent in the new thread. */
#include "prof/record/observe.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/perf_event.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "prof/base/clock.h"
#include "prof/attach/procmaps.h"

#define LOOK_NS INT64_C(100000000) /* between two looks at a process */
#define ASK_NS  INT64_C(150000000) /* asked for that long ago and nobody answered: wake the agent */
#define WAKE_NS 1000000            /* CPU time after which our own event fires */

/* 1: a ring is in use by that thread. */
static int has_ring(const struct image *m, int tid)
{
	uint32_t n = spool_rings(&m->file);

	for (uint32_t i = 0; i < n; i++) {
		const struct spool_ring *ring = spool_ring_at(&m->file, i);

		if (atomic_load_explicit(&ring->state, memory_order_relaxed) == SPOOL_RING_USED &&
		    atomic_load_explicit(&ring->tid, memory_order_relaxed) == tid)
			return 1;
	}
	return 0;
}

static uint32_t rings_in_use(const struct image *m)
{
	uint32_t n = spool_rings(&m->file), used = 0;

	for (uint32_t i = 0; i < n; i++)
		used += atomic_load_explicit(&spool_ring_at(&m->file, i)->state,
					     memory_order_relaxed) == SPOOL_RING_USED;
	return used;
}

/* Nanoseconds the thread was on a CPU; 0: it never ran, or is gone. */
static uint64_t run_ns(int pid, int tid)
{
	char path[64], text[128];

	snprintf(path, sizeof path, "/proc/%d/task/%d/schedstat", pid, tid);
	return procfile_read(text, sizeof text, path) > 0 ? strtoull(text, NULL, 10) : 0;
}

static int ask_for(struct spool_head *h, int tid)
{
	const size_t n = sizeof h->ask_tid / sizeof *h->ask_tid;

	for (size_t i = 0; i < n; i++)
		if (atomic_load(&h->ask_tid[i]) == tid)
			return 0; /* still not answered */
	for (size_t i = 0; i < n; i++) {
		int32_t none = 0;

		if (atomic_compare_exchange_strong(&h->ask_tid[i], &none, tid))
			return 1;
	}
	return 0;
}

/* One overflow of a task clock on the thread, as the agent's own events do: it fires while the thread
 * runs in user code, and never wakes a sleeping one. The descriptor stays open until the next look. */
static int wake_agent(const struct image *m, int tid)
{
	struct perf_event_attr attr = {
		.type = PERF_TYPE_SOFTWARE,
		.size = sizeof attr,
		.config = PERF_COUNT_SW_TASK_CLOCK,
		.sample_period = WAKE_NS,
		.disabled = 1,
		.exclude_kernel = 1,
		.exclude_hv = 1,
		.remove_on_exec = 1, /* a new program has no handler: it would die of the signal */
	};
	struct f_owner_ex owner = {F_OWNER_TID, tid};
	int signo = (int)m->file.head->signo;
	int fd;

	if (signo < SIGRTMIN || signo > SIGRTMAX || m->file.head->engine != SPOOL_ENGINE_PERF)
		return -1;
	fd = (int)syscall(SYS_perf_event_open, &attr, tid, -1, -1, PERF_FLAG_FD_CLOEXEC);
	if (fd < 0)
		return -1;
	if (fcntl(fd, F_SETOWN_EX, &owner) || fcntl(fd, F_SETSIG, signo) ||
	    fcntl(fd, F_SETFL, O_RDWR | O_ASYNC) || ioctl(fd, PERF_EVENT_IOC_REFRESH, 1)) {
		(void)close(fd);
		return -1;
	}
	return fd;
}

static void missing_thread(struct image *m, int tid, int64_t now)
{
	if (run_ns(m->space.pid, tid) == 0)
		return;
	if (ask_for(m->file.head, tid)) {
		m->asked_ns = now;
		return;
	}
	if (m->asked_ns && now - m->asked_ns > ASK_NS && m->wake_fd < 0) {
		m->wake_fd = wake_agent(m, tid);
		m->asked_ns = now;
	}
}

static void look_at_tasks(struct image *m, int64_t now)
{
	char path[48];
	struct dirent *d;
	DIR *dir;

	snprintf(path, sizeof path, "/proc/%d/task", m->space.pid);
	dir = opendir(path);
	if (!dir)
		return;
	while ((d = readdir(dir)) != NULL) {
		int tid = (int)strtol(d->d_name, NULL, 10);

		if (tid > 0 && !has_ring(m, tid))
			missing_thread(m, tid, now);
	}
	(void)closedir(dir);
}

/* The folder's link count tells how many threads there are: nothing to do where each has its ring. */
static int threads_are_missing(const struct image *m)
{
	char path[48];
	struct stat st;

	snprintf(path, sizeof path, "/proc/%d/task", m->space.pid);
	return stat(path, &st) == 0 && st.st_nlink > 2 + (nlink_t)rings_in_use(m);
}

void observe_threads(struct recording *r)
{
	int64_t now = clock_mono_ns();

	for (uint32_t i = 0; i < r->n_images; i++) {
		struct image *m = r->images[i];

		if (!m->file.head || m->gone || m->ended || m->space.pid <= 0 ||
		    now - m->tasks_ns < LOOK_NS || atomic_load(&m->file.head->ended))
			continue;
		m->tasks_ns = now;
		if (m->wake_fd >= 0 && now - m->asked_ns > LOOK_NS) {
			(void)close(m->wake_fd);
			m->wake_fd = -1;
		}
		if (threads_are_missing(m))
			look_at_tasks(m, now);
	}
}

void observe_release(struct image *m)
{
	if (m->wake_fd >= 0)
		(void)close(m->wake_fd);
	m->wake_fd = -1;
}
