/* Ticks by perf's software task clock: one event per thread, counting its CPU time, whose overflow in
 * user code sends a signal to that thread (fcntl F_SETSIG, F_SETOWN_EX). Needs no privilege as long as
 * the kernel's part is excluded, which we want anyway: a tick inside a system call would interrupt it.
 *
 * A real-time signal that cannot be queued turns into SIGIO, which kills. So an event may fire only
 * LIMIT times before it is refreshed, which ticks do. */
#include "prof/agent/engine.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/perf_event.h>
#include <string.h>
#include <sys/resource.h>

#include "prof/agent/sys.h"

#define LIMIT        32     /* signals that may be pending at most, and a refresh more */
#define REFRESH      16     /* ticks between two refreshes (0.4 us each on the Milan VM) */
#define FD_TABLE     65536u /* descriptors modulo this find their slot */
#define FD_PREFERRED 2048   /* above what select() and loops over small numbers touch */
#define FD_SMALL     64     /* with less room than this above, a timer disturbs less */
#define PERIOD_MIN   10000  /* the kernel's own lower bound */

static _Atomic uint16_t slot_by_fd[FD_TABLE]; /* index + 1 */

/* Where our descriptors go: high, but a table of descriptors grows with the highest one, so not at the
 * very top where the limit is large. 0: no room. */
static int fd_base(void)
{
	struct rlimit r = {0, 0};

	if (sys4(SYS_prlimit64, 0, RLIMIT_NOFILE, 0, (long)&r) < 0)
		return 0;
	if (r.rlim_cur > 2 * FD_PREFERRED)
		return FD_PREFERRED;
	if (r.rlim_cur < 4 * FD_SMALL)
		return 0;
	return (int)(r.rlim_cur - r.rlim_cur / 4);
}

static long event_open(int tid)
{
	struct perf_event_attr attr;

	memset(&attr, 0, sizeof attr);
	attr.type = PERF_TYPE_SOFTWARE;
	attr.size = sizeof attr;
	attr.config = PERF_COUNT_SW_TASK_CLOCK;
	attr.sample_period = (uint64_t)agent.interval_ns;
	attr.disabled = 1;
	attr.exclude_kernel = 1;
	attr.exclude_hv = 1;
	return sys6(SYS_perf_event_open, (long)&attr, tid, -1, -1, PERF_FLAG_FD_CLOEXEC, 0);
}

static void fd_close(long fd)
{
	(void)sys2(SYS_close, fd, 0);
}

/* The signal goes to one thread and tells the descriptor it was for. */
static long direct_signal(long fd, int tid)
{
	struct f_owner_ex owner = {F_OWNER_TID, tid};
	long rc = sys3(SYS_fcntl, fd, F_SETOWN_EX, (long)&owner);

	if (rc >= 0)
		rc = sys3(SYS_fcntl, fd, F_SETSIG, agent.signo);
	if (rc >= 0)
		rc = sys3(SYS_fcntl, fd, F_SETFL, O_RDWR | O_ASYNC);
	return rc;
}

static void set_fd(struct agent_slot *slot, int fd)
{
	slot->fd = fd;
	atomic_store(&slot_by_fd[(uint32_t)fd % FD_TABLE], (uint16_t)(slot->index + 1));
}

int perf_open(struct agent_slot *slot)
{
	int base = fd_base(), tid = atomic_load(&slot->tid);
	long low, fd, rc;

	if (base == 0)
		return -EMFILE;
	low = event_open(tid);
	if (low < 0)
		return (int)low;
	fd = sys3(SYS_fcntl, low, F_DUPFD_CLOEXEC, base);
	fd_close(low);
	if (fd < 0)
		return (int)fd;
	rc = direct_signal(fd, tid);
	if (rc >= 0) {
		slot->interval_ns = agent.interval_ns;
		slot->mirror_ns = 0;
		slot->rearm = 1;
		slot->refresh = REFRESH;
		set_fd(slot, (int)fd);
		rc = sys3(SYS_ioctl, fd, PERF_EVENT_IOC_REFRESH, LIMIT);
	}
	if (rc < 0) {
		slot->fd = -1;
		fd_close(fd);
		return (int)rc;
	}
	return 0;
}

void perf_stop(struct agent_slot *slot)
{
	if (slot->fd >= 0)
		(void)sys3(SYS_ioctl, slot->fd, PERF_EVENT_IOC_DISABLE, 0);
}

void perf_close(struct agent_slot *slot)
{
	int fd = slot->fd;
	uint16_t mine = (uint16_t)(slot->index + 1);

	if (fd < 0)
		return;
	slot->fd = -1;
	(void)atomic_compare_exchange_strong(&slot_by_fd[(uint32_t)fd % FD_TABLE], &mine, 0);
	fd_close(fd);
}

struct agent_slot *perf_slot_of(int fd)
{
	uint32_t i =
		atomic_load_explicit(&slot_by_fd[(uint32_t)fd % FD_TABLE], memory_order_relaxed);
	uint32_t used = atomic_load_explicit(&agent.slots_used, memory_order_relaxed);
	struct agent_slot *slot;

	if (i > 0) {
		slot = atomic_load_explicit(&agent.slots[i - 1], memory_order_acquire);
		if (slot && slot->fd == fd)
			return slot;
	}
	for (i = 0; fd >= 0 && i < used; i++) { /* two descriptors shared a place of the table */
		slot = atomic_load_explicit(&agent.slots[i], memory_order_acquire);
		if (slot && slot->fd == fd)
			return slot;
	}
	return NULL;
}

int perf_owns(int fd)
{
	uint32_t i;
	struct agent_slot *slot;

	if (fd < 0)
		return 0;
	i = atomic_load_explicit(&slot_by_fd[(uint32_t)fd % FD_TABLE], memory_order_relaxed);
	if (i == 0)
		return 0;
	slot = atomic_load_explicit(&agent.slots[i - 1], memory_order_acquire);
	return slot && slot->fd == fd;
}

void perf_move(int fd)
{
	struct agent_slot *slot = perf_slot_of(fd);
	int base = fd_base();
	long moved;

	if (!slot || base == 0)
		return;
	moved = sys3(SYS_fcntl, fd, F_DUPFD_CLOEXEC, base);
	if (moved < 0)
		return;
	/* Ticks name the number by which O_ASYNC was set: from here on the new one. */
	(void)sys3(SYS_fcntl, moved, F_SETFL, O_RDWR);
	(void)sys3(SYS_fcntl, moved, F_SETFL, O_RDWR | O_ASYNC);
	set_fd(slot, (int)moved);
}

/* Ticks with the same interval. A change restarts the kernel's timer, which costs microseconds where the
 * timer is a hypervisor's (16 us on the Milan VM), so fast rates change seldom. */
static uint32_t group(void)
{
	if (agent.interval_ns >= 2000000)
		return 4;
	return agent.interval_ns >= 500000 ? 16 : 64;
}

/* Intervals come in pairs that mirror each other around the mean: random, and after each pair the number
 * of ticks is right to the last one. */
static int64_t next_interval(struct agent_slot *slot)
{
	int64_t next = slot->mirror_ns;

	if (next > 0) {
		slot->mirror_ns = 0;
		return next;
	}
	next = engine_draw(slot);
	slot->mirror_ns = 2 * agent.interval_ns - next;
	return next;
}

static void change_interval(struct agent_slot *slot)
{
	uint64_t period = (uint64_t)next_interval(slot);

	if (period < PERIOD_MIN)
		period = PERIOD_MIN;
	(void)sys3(SYS_ioctl, slot->fd, PERF_EVENT_IOC_PERIOD, (long)&period);
	slot->interval_ns = (int64_t)period;
	slot->rearm = group();
}

int perf_rearm(struct agent_slot *slot, int ran_dry)
{
	if (--slot->rearm == 0)
		change_interval(slot);
	if (ran_dry || --slot->refresh == 0) {
		slot->refresh = REFRESH;
		(void)sys3(SYS_ioctl, slot->fd, PERF_EVENT_IOC_REFRESH, ran_dry ? LIMIT : REFRESH);
	}
	return ran_dry;
}
