/* Ticks by a timer on the thread's own CPU clock, where perf events are forbidden. The kernel looks at
 * such timers at its clock interrupts only (4 ms at CONFIG_HZ=250), so the rate ends there; the interval
 * is a random whole number of them whose mean is the one asked for. One shot at a time: nothing piles
 * up. */
#include "prof/agent/engine.h"

#include <time.h>

#include "prof/agent/sys.h"

/* Low half: the slot; high half tells timers of a slot apart (a late signal of an earlier thread). */
#define VALUE(slot) ((int)((slot)->index | (uint32_t)((slot)->random & 0x7fff) << 16))

struct kernel_sigevent { /* struct sigevent, whose union libc does not spell out */
	sigval_t value;
	int signo, notify, tid;
	int pad[11];
};

#define NOTIFY_THREAD_ID 4

static int64_t kernel_tick_ns(void)
{
	static _Atomic int64_t known;
	int64_t ns = atomic_load_explicit(&known, memory_order_relaxed);
	struct timespec ts = {0, 4000000};

	if (ns == 0) {
		(void)sys2(SYS_clock_getres, CLOCK_MONOTONIC_COARSE, (long)&ts);
		ns = (int64_t)ts.tv_sec * 1000000000 + ts.tv_nsec;
		if (ns < 1000000 || ns > 20000000)
			ns = 4000000;
		atomic_store_explicit(&known, ns, memory_order_relaxed);
	}
	return ns;
}

int clock_open(struct agent_slot *slot)
{
	int tid = atomic_load(&slot->tid), id = -1;
	struct kernel_sigevent ev = {.signo = agent.signo, .notify = NOTIFY_THREAD_ID, .tid = tid};
	int clock = (int)(~(uint32_t)tid << 3) | 6; /* the kernel's id of a thread's CPU clock */
	long rc;

	ev.value.sival_int = slot->timer_value = VALUE(slot);
	rc = sys3(SYS_timer_create, clock, (long)&ev, (long)&id);
	if (rc < 0)
		return (int)rc;
	slot->timer = id;
	clock_rearm(slot);
	return 0;
}

void clock_stop(struct agent_slot *slot)
{
	struct itimerspec off = {{0, 0}, {0, 0}};

	if (slot->timer >= 0)
		(void)sys4(SYS_timer_settime, slot->timer, 0, (long)&off, 0);
}

void clock_close(struct agent_slot *slot)
{
	int id = slot->timer;

	slot->timer = -1;
	if (id >= 0)
		(void)sys2(SYS_timer_delete, id, 0);
}

struct agent_slot *clock_slot_of(uint32_t value)
{
	uint32_t i = value & 0xffff;
	struct agent_slot *slot;

	if (i >= atomic_load_explicit(&agent.slots_used, memory_order_relaxed))
		return NULL;
	slot = atomic_load_explicit(&agent.slots[i], memory_order_acquire);
	return slot && slot->timer >= 0 && (uint32_t)slot->timer_value == value ? slot : NULL;
}

void clock_rearm(struct agent_slot *slot)
{
	int64_t tick = kernel_tick_ns(), mean = agent.interval_ns > tick ? agent.interval_ns : tick;
	int64_t n = mean / tick, rest = mean % tick;
	struct itimerspec its = {{0, 0}, {0, 0}};
	int64_t ns;

	/* n or n + 1 clock interrupts, so that the mean is right; from three on spread by one more. */
	(void)engine_draw(slot);
	if ((int64_t)((slot->random & 0xffffff) * (uint64_t)tick >> 24) < rest)
		n++;
	if (n >= 3)
		n += (int64_t)(slot->random >> 32) % 3 - 1;
	ns = n * tick - tick / 2; /* seen at the interrupt after it */
	its.it_value.tv_sec = ns / 1000000000;
	its.it_value.tv_nsec = ns % 1000000000;
	slot->interval_ns = n * tick;
	(void)sys4(SYS_timer_settime, slot->timer, 0, (long)&its, 0);
}
