/* Slots of threads. A slot is one mapping: the struct, its rule cache, its array of addresses, room for a
 * copy of a foreign stack. Nothing here waits or allocates otherwise, so that a thread may be attached
 * from another one's handler. */
#include "prof/agent/slots.h"

#include <errno.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/uio.h>
#include <time.h>

#include "prof/agent/engine.h"
#include "prof/agent/handler.h"
#include "prof/agent/sys.h"
#include "prof/base/clock.h"

#define ALIGN64(n) (((n) + 63) & ~(size_t)63)

struct agent agent;
__thread struct agent_slot *agent_self __attribute__((tls_model("initial-exec")));

static void lay_out(struct agent_slot *s, uint32_t index)
{
	uint8_t *at = (uint8_t *)s + ALIGN64(sizeof *s);

	s->index = index;
	s->fd = s->timer = -1;
	s->cache = (struct unwind_cache *)(void *)at;
	at += ALIGN64(unwind_cache_bytes());
	s->addresses = (uint64_t *)(void *)at;
	at += UNWIND_DEPTH_MAX * sizeof *s->addresses;
	s->stack_bytes = at;
	at += HANDLER_STACK_COPY;
	s->pages = (struct iovec *)(void *)at;
	atomic_store(&s->tid, -1);
}

static struct agent_slot *make_slot(void)
{
	uint32_t i = atomic_load(&agent.slots_used);
	size_t bytes = ALIGN64(sizeof(struct agent_slot)) + ALIGN64(unwind_cache_bytes()) +
		       UNWIND_DEPTH_MAX * sizeof(uint64_t) + HANDLER_STACK_COPY +
		       HANDLER_STACK_PAGES * sizeof(struct iovec);
	struct agent_slot *s;

	do {
		if (i >= SPOOL_RINGS_MAX)
			return NULL;
	} while (!atomic_compare_exchange_weak(&agent.slots_used, &i, i + 1));
	s = sys_map(bytes);
	if (!s) /* the place stays empty: too little memory to mind */
		return NULL;
	lay_out(s, i);
	atomic_store_explicit(&agent.slots[i], s, memory_order_release);
	return s;
}

struct agent_slot *slot_take(void)
{
	uint32_t used = atomic_load(&agent.slots_used);

	for (uint32_t i = 0; i < used; i++) {
		struct agent_slot *s = atomic_load_explicit(&agent.slots[i], memory_order_acquire);
		int32_t none = 0;

		if (s && atomic_load_explicit(&s->tid, memory_order_relaxed) == 0 &&
		    atomic_compare_exchange_strong(&s->tid, &none, -1))
			return s;
	}
	return make_slot();
}

struct agent_slot *slot_of_tid(int tid)
{
	uint32_t used = atomic_load(&agent.slots_used);

	for (uint32_t i = 0; i < used; i++) {
		struct agent_slot *s = atomic_load_explicit(&agent.slots[i], memory_order_acquire);

		if (s && atomic_load_explicit(&s->tid, memory_order_relaxed) == tid)
			return s;
	}
	return NULL;
}

int64_t slot_cpu_ns(int tid)
{
	struct timespec ts = {0, 0};
	long clock = (int)((~(uint32_t)tid << 3) | 6); /* the kernel's id of a thread's CPU clock */

	if (tid <= 0) /* those would be clocks of another kind */
		return -1;
	if (sys2(SYS_clock_gettime, clock, (long)&ts) < 0)
		return -1;
	return (int64_t)ts.tv_sec * 1000000000 + ts.tv_nsec;
}

int64_t agent_thread_cpu_ns(void)
{
	struct timespec ts = {0, 0};

	(void)sys2(SYS_clock_gettime, CLOCK_THREAD_CPUTIME_ID, (long)&ts);
	return (int64_t)ts.tv_sec * 1000000000 + ts.tv_nsec;
}

/* The kernel's name of a thread, as ps shows it; empty if the thread is gone. */
static void read_name(int tid, char name[SPOOL_NAME_MAX])
{
	char path[64] = "/proc/self/task/";
	long n;

	if (tid == sys_gettid() && sys2(SYS_prctl, PR_GET_NAME, (long)name) == 0)
		return;
	memcpy(sys_digits(path + strlen(path), (uint64_t)tid), "/comm", 6);
	memset(name, 0, SPOOL_NAME_MAX);
	n = sys_read_file(path, name, SPOOL_NAME_MAX);
	for (long i = 0; i < n; i++)
		if (name[i] == '\n')
			name[i] = '\0';
	name[SPOOL_NAME_MAX - 1] = '\0';
}

static int put(struct agent_slot *slot, enum spool_type type, uint32_t extra, const void *bytes,
	       uint32_t n)
{
	void *p = ring_begin(&slot->ring, type, n);

	if (!p)
		return -1;
	memcpy(p, bytes, n);
	ring_commit(&slot->ring, 0, extra, clock_mono_ns(), n);
	return 0;
}

static void reset(struct agent_slot *slot, int foreign)
{
	int64_t now = clock_mono_ns();

	slot->foreign = (uint32_t)foreign;
	slot->thread_pointer = 0;
	slot->stack_lo = slot->stack_hi = 0;
	slot->last_ns = now;
	slot->accounted_ns = slot->value_ns = slot->raw_after_ns = 0;
	slot->resync = 0;
	slot->ticks = 0;
	slot->tick_cost_ns = 0;
	slot->stage_id = 0;
	slot->random = ((uint64_t)now ^ (uint64_t)slot->index << 32) | 1;
	atomic_store(&slot->in_use, NULL);
}

/* Two may want to make a slot for one thread: the thread itself, and a handler of another one that the
 * supervisor asked. Each says so before it looks for the other; the thread itself waits for the outcome,
 * the other one gives up. */
static struct agent_slot *rival(const struct agent_slot *slot, int tid, int wait)
{
	uint32_t used = atomic_load(&agent.slots_used);

	for (uint32_t i = 0; i < used; i++) {
		struct agent_slot *s = atomic_load_explicit(&agent.slots[i], memory_order_acquire);

		if (!s || s == slot || atomic_load(&s->for_tid) != tid)
			continue;
		for (int n = 0; wait && n < 1000 && atomic_load(&s->tid) == -1; n++)
			(void)sys2(SYS_sched_yield, 0, 0);
		if (atomic_load(&s->tid) == tid || (!wait && atomic_load(&s->tid) == -1))
			return s;
	}
	return NULL;
}

int slot_prepare(struct agent_slot *slot, int tid, int foreign)
{
	struct spool_thread start;

	if (tid > 0)
		atomic_store(&slot->for_tid, tid);
	if (tid <= 0 || rival(slot, tid, !foreign)) { /* a sandbox may refuse even gettid() */
		slot_forget(slot);
		return -1;
	}
	reset(slot, foreign);
	slot->start_cpu_ns = start.start_cpu_ns = slot_cpu_ns(tid);
	if (start.start_cpu_ns < 0 || spool_claim(agent.head, tid, &slot->ring)) {
		slot_forget(slot);
		return -1;
	}
	read_name(tid, start.name);
	(void)put(slot, SPOOL_THREAD_START, (uint32_t)tid, &start, sizeof start);
	atomic_store_explicit(&slot->ring.ring->cpu_ns, (uint64_t)start.start_cpu_ns,
			      memory_order_relaxed);
	atomic_store(&slot->tid, tid);
	return 0;
}

void slot_tick(struct agent_slot *slot)
{
	(void)engine_open(slot); /* without it the thread has its stages and its end */
}

static void end(struct agent_slot *slot, int tid)
{
	int64_t cpu;
	uint64_t used;
	char name[SPOOL_NAME_MAX];

	engine_stop(slot);
	ring_abandon(&slot->ring); /* of a record whose writer was cancelled half-way */
	cpu = slot_cpu_ns(tid);
	if (cpu < 0) /* gone: what its last sample knew */
		cpu = slot->start_cpu_ns + slot->accounted_ns;
	read_name(tid, name);
	if (name[0])
		(void)put(slot, SPOOL_THREAD_NAME, (uint32_t)tid, name, sizeof name);
	used = (uint64_t)cpu;
	(void)put(slot, SPOOL_THREAD_END, (uint32_t)tid, &used, sizeof used);
	if (slot->ring.ring)
		atomic_store_explicit(&slot->ring.ring->cpu_ns, used, memory_order_relaxed);
	engine_close(slot);
	spool_release(agent.head, &slot->ring);
	slot_forget(slot);
}

void slot_end(struct agent_slot *slot)
{
	end(slot, atomic_load(&slot->tid));
}

void slot_forget(struct agent_slot *slot)
{
	slot->ring.ring = NULL;
	slot->ring.busy = 0;
	slot->stage_id = 0;
	atomic_store(&slot->in_use, NULL);
	slot->write_sp = 0;
	atomic_store(&slot->for_tid, 0);
	atomic_store_explicit(&slot->tid, 0, memory_order_release);
}

/* Several may reap at once: a slot is taken (-1) until it is free, or two would free it, and two threads that are about to start
 * would get it. */
void slots_reap(void)
{
	uint32_t used = atomic_load(&agent.slots_used);

	for (uint32_t i = 0; i < used; i++) {
		struct agent_slot *s = atomic_load_explicit(&agent.slots[i], memory_order_acquire);
		int tid = s ? atomic_load_explicit(&s->tid, memory_order_relaxed) : 0;

		if (tid > 0 && sys3(SYS_tgkill, agent.pid, tid, 0) == -ESRCH &&
		    atomic_compare_exchange_strong(&s->tid, &tid, -1))
			end(s, tid);
	}
}

int agent_write(struct agent_slot *slot, enum spool_type type, uint32_t extra, int64_t t_ns,
		const void *a, size_t a_bytes, const void *b, size_t b_bytes)
{
	uint64_t sp = (uint64_t)__builtin_frame_address(0);
	uint8_t *p;

	if (!slot || a_bytes > UINT16_MAX || b_bytes > UINT16_MAX)
		return -1;
	p = ring_begin(&slot->ring, type, (uint32_t)(a_bytes + b_bytes));
	if (!p)
		return -1;
	slot->write_sp = sp;
	if (a_bytes)
		memcpy(p, a, a_bytes);
	if (b_bytes)
		memcpy(p + a_bytes, b, b_bytes);
	ring_commit(&slot->ring, 0, extra, t_ns, (uint32_t)(a_bytes + b_bytes));
	slot->write_sp = 0;
	return 0;
}
