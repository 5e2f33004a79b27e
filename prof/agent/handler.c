/* The tick's signal handler: how much CPU time passed, where the thread is, one record. Runs at any
 * instruction of the program, with every signal blocked: no libc call but clock_gettime (vDSO), no lock,
 * under 1 KiB of stack. Addresses are gathered in the slot, not on the stack. */
#include "prof/agent/handler.h"

#include <string.h>
#include <sys/uio.h>

#include "prof/agent/agent.h"
#include "prof/agent/engine.h"
#include "prof/agent/modules.h"
#include "prof/agent/sys.h"
#include "prof/base/clock.h"

#define RED_ZONE       128
#define RESYNC_TICKS   32   /* how long a thread's clock is taken from the wall clock */
#define SIGNAL_COST_NS 1300 /* delivery and return of a signal, Milan VM */
#define COST_EVERY     64   /* ticks between two measurements of our own time */
#define COST_MAX_NS    100000
#define RAW_MAX        16384   /* stack bytes kept where we cannot unwind */
#define RAW_PAUSE_NS   5000000 /* between two such samples of a thread: 3 MB/s at most */
#define PAGE           4096ull

/* CPU time since the sample before. A thread whose tick came when it was due was on the CPU all the time:
 * no need to ask the kernel (650 ns on the Milan VM). The account is squared with the kernel's clock now
 * and then, so that the sum stays exact. */
static int64_t cpu_since(struct agent_slot *s, int64_t now)
{
	int64_t wall = now - s->last_ns, value;

	if (s->resync > 0 && wall <= s->interval_ns + s->interval_ns / 8) {
		s->resync--;
		value = wall;
	} else {
		s->resync = RESYNC_TICKS;
		value = agent_thread_cpu_ns() - s->start_cpu_ns - s->accounted_ns;
	}
	return value > 0 ? value : 0;
}

/* Copies stack bytes into the slot as far as they are readable, by a system call that reports what is
 * not instead of faulting: pages of a stack that is not the thread's own may be gone at any time. */
static size_t copy_stack(struct agent_slot *s, uint64_t from)
{
	struct iovec to = {s->stack_bytes, HANDLER_STACK_COPY};
	struct iovec *pages = s->pages;
	uint64_t at = from, end = from + HANDLER_STACK_COPY;
	int n = 0;
	long got;

	while (at < end && n < HANDLER_STACK_PAGES) {
		uint64_t next = (at | (PAGE - 1)) + 1;

		if (next > end)
			next = end;
		pages[n].iov_base = (void *)at;
		pages[n++].iov_len = next - at;
		at = next;
	}
	got = sys6(SYS_process_vm_readv, agent.pid, (long)&to, 1, (long)pages, n, 0);
	return got > 0 ? (size_t)got : 0;
}

static int extend(struct unwind_memory *m, uint64_t address)
{
	struct agent_slot *s = m->ctx;
	uint64_t from = address & ~7ull;
	size_t n;

	if (from >= UINT64_MAX - HANDLER_STACK_COPY)
		return -1;
	n = copy_stack(s, from);
	if (n < 16)
		return -1;
	m->lo = from;
	m->hi = from + n;
	m->base = s->stack_bytes;
	return 0;
}

/* The thread's own stack can be read in place; everything else goes through extend(). */
static void set_window(struct agent_slot *s, struct unwind_memory *m, uint64_t sp)
{
	m->ctx = s;
	m->extend = extend;
	if (sp >= s->stack_lo && sp < s->stack_hi) {
		m->lo = sp - RED_ZONE;
		m->hi = s->stack_hi;
		m->base = (const uint8_t *)m->lo;
	} else {
		m->lo = m->hi = 0;
		m->base = NULL;
	}
}

static void fill_sample(struct spool_sample *out, const struct agent_slot *s, int64_t value)
{
	out->value_ns = value;
	out->stage_id = s->sample_stage;
	out->state = 0;
	out->reserved = 0;
}

static uint16_t sample_flags(const struct unwind_result *r)
{
	uint16_t flags = (uint16_t)(r->end & SPOOL_SAMPLE_END_MASK);

	if (r->end == UNWIND_DEPTH)
		flags |= SPOOL_SAMPLE_TRUNCATED;
	if (r->guessed)
		flags |= SPOOL_SAMPLE_GUESSED;
	return flags;
}

static int write_sample(struct agent_slot *s, int64_t now, int64_t value,
			const struct unwind_result *r)
{
	uint32_t bytes = (uint32_t)(sizeof(struct spool_sample) + r->n * sizeof(uint64_t));
	uint8_t *p = ring_begin(&s->ring, SPOOL_SAMPLE, bytes);

	if (!p)
		return -1;
	fill_sample((struct spool_sample *)(void *)p, s, value);
	memcpy(p + sizeof(struct spool_sample), s->addresses, r->n * sizeof(uint64_t));
	ring_commit(&s->ring, sample_flags(r), r->n, now, bytes);
	return 0;
}

/* Stack bytes upwards from the frame where unwinding stopped. */
static uint32_t raw_stack(struct agent_slot *s, uint64_t sp, uint8_t *out, uint32_t max)
{
	uint64_t n;

	if (sp >= s->stack_lo && sp < s->stack_hi) {
		n = s->stack_hi - sp < max ? s->stack_hi - sp : max;
		memcpy(out, (const void *)sp, n);
	} else {
		n = copy_stack(s, sp);
		n = n < max ? n : max;
		memcpy(out, s->stack_bytes, n);
	}
	return (uint32_t)n & ~7u;
}

/* The frames so far, and what somebody with more means needs to go on. */
static int write_raw(struct agent_slot *s, int64_t now, int64_t value,
		     const struct unwind_result *r, const struct unwind_regs *regs)
{
	uint32_t n = r->n < 1024 ? r->n : 1024;
	uint32_t fixed = (uint32_t)(sizeof(struct spool_sample) + n * sizeof(uint64_t) +
				    sizeof(struct spool_raw));
	uint8_t *p = ring_begin(&s->ring, SPOOL_SAMPLE_RAW, fixed + RAW_MAX);
	struct spool_raw *raw;

	if (!p)
		return -1;
	fill_sample((struct spool_sample *)(void *)p, s, value);
	memcpy(p + sizeof(struct spool_sample), s->addresses, n * sizeof(uint64_t));
	raw = (struct spool_raw *)(void *)(p + fixed - sizeof *raw);
	memcpy(raw->reg, regs->reg, sizeof raw->reg);
	raw->known = regs->known;
	raw->stack_bytes = raw_stack(s, regs->reg[UNWIND_SP], p + fixed, RAW_MAX);
	ring_commit(&s->ring, sample_flags(r), n, now, fixed + raw->stack_bytes);
	return 0;
}

static int wants_raw(struct agent_slot *s, const struct unwind_result *r, int64_t now)
{
	if (r->end != UNWIND_NO_TABLE && r->end != UNWIND_NO_RULE && r->end != UNWIND_NEED_REG)
		return 0;
	if (now < s->raw_after_ns || r->n >= 1024 || ring_room(&s->ring) < 4 * RAW_MAX)
		return 0;
	s->raw_after_ns = now + RAW_PAUSE_NS;
	return 1;
}

/* A record that was begun by a frame which is no longer on the stack (the program jumped out of a signal
 * handler that had interrupted it) will never be finished: nobody saw it, forget it. */
static void forget_dead_record(struct agent_slot *s, uint64_t sp)
{
	if (s->ring.busy && s->write_sp && s->write_sp < sp && sp < s->stack_hi &&
	    s->write_sp >= s->stack_lo) {
		s->write_sp = 0;
		ring_abandon(&s->ring);
	}
}

static int take_sample(struct agent_slot *s, int64_t now, int64_t value, const void *ucontext)
{
	struct agent_modules *modules = modules_enter(s);
	struct unwind_regs regs;
	struct unwind_memory memory;
	struct unwind_result r;
	int rc;

	unwind_regs_from_ucontext(&regs, ucontext);
	forget_dead_record(s, regs.reg[UNWIND_SP]);
	set_window(s, &memory, regs.reg[UNWIND_SP]);
	r = unwind(&regs, &memory, modules_map(modules), s->cache, s->addresses, UNWIND_DEPTH_MAX);
	modules_leave(s);
	if (r.n == 0) { /* at least where it was */
		s->addresses[0] = regs.reg[UNWIND_IP];
		r.n = 1;
	}
	rc = wants_raw(s, &r, now) ? write_raw(s, now, value, &r, &regs)
				   : write_sample(s, now, value, &r);
	if (rc == 0 && r.end == UNWIND_DEPTH)
		ring_loss(&s->ring, SPOOL_LOSS_TRUNCATED, 1);
	return rc;
}

/* One tick: a record, unless it is one of a pile that waited while the signal was blocked. */
static void tick(struct agent_slot *s, const void *ucontext, int ran_dry)
{
	struct spool_ring *ring = s->ring.ring;
	int64_t now = clock_mono_ns(), value;
	uint64_t missed;

	if (ran_dry && s->value_ns > s->interval_ns) {
		missed = (uint64_t)(s->value_ns / s->interval_ns);
		ring_loss(&s->ring, SPOOL_LOSS_LATE_TICK, missed);
	}
	if (now - s->last_ns < agent.interval_ns / 8) {
		ring_loss(&s->ring, SPOOL_LOSS_LATE_TICK, 1);
		return;
	}
	value = cpu_since(s, now);
	s->last_ns = now;
	if (s->timer >= 0 && value > 3 * s->interval_ns) /* a timer fires once, however late */
		ring_loss(&s->ring, SPOOL_LOSS_LATE_TICK, (uint64_t)(value / s->interval_ns) - 1);
	s->sample_stage = agent_stages_in_handler(s);
	/* In our own work under a library's _init, which has no CFI, no stack leads to the program. */
	if (s->own_work || take_sample(s, now, value, ucontext)) {
		s->resync = 0; /* its time goes to the next one */
		return;
	}
	s->accounted_ns += value;
	s->value_ns = value;
	atomic_store_explicit(&ring->cpu_ns, (uint64_t)(s->start_cpu_ns + s->accounted_ns),
			      memory_order_relaxed);
	atomic_fetch_add_explicit(&ring->samples, 1, memory_order_relaxed);
}

/* Our own time, extrapolated from one tick in COST_EVERY. */
static void account(struct agent_slot *s, int64_t began)
{
	int64_t cost = began ? clock_mono_ns() - began : 0;

	if (cost > 0 && cost < COST_MAX_NS) /* else another thread ran in between */
		s->tick_cost_ns = cost;
	if (s->ticks % COST_EVERY == 0)
		atomic_fetch_add_explicit(&agent.head->self_cpu_ns,
					  COST_EVERY * (s->tick_cost_ns + SIGNAL_COST_NS),
					  memory_order_relaxed);
}

/* First tick of a thread that somebody else attached: the stack below its control block is its own. How
 * far down is not known, so only what is above the stack pointer now counts. */
static int is_this_thread(struct agent_slot *s)
{
	uint64_t tp = sys_thread_pointer();

	if (s->thread_pointer == tp)
		return 1;
	if (atomic_load_explicit(&s->tid, memory_order_relaxed) != sys_gettid())
		return 0;
	s->thread_pointer = tp;
	return 1;
}

void handler_tick(struct agent_slot *s, const siginfo_t *info, const void *ucontext)
{
	int64_t began = 0;
	int ran_dry;

	atomic_store_explicit(&s->in_handler, 1, memory_order_relaxed);
	s->ticks++;
	atomic_store_explicit(&s->ring.ring->ticks, s->ticks, memory_order_relaxed);
	if (s->ticks % COST_EVERY == 1)
		began = clock_mono_ns();
	ran_dry = engine_rearm(s, info);
	if (atomic_load_explicit(&agent.session->state, memory_order_relaxed) >= SPOOL_DONE)
		engine_stop(s);
	else
		tick(s, ucontext, ran_dry);
	agent_threads_asked();
	account(s, began);
	atomic_store_explicit(&s->in_handler, 0, memory_order_release);
}

void agent_tick(int signo, siginfo_t *info, void *ucontext)
{
	struct agent_slot *s = engine_slot_of(info);

	if (s && atomic_load_explicit(&agent.sealed, memory_order_relaxed))
		return;
	if (s && is_this_thread(s) && s->ring.ring) {
		handler_tick(s, info, ucontext);
		return;
	}
	/* An event of the supervisor's on a thread without a slot: it waits for an answer. */
	if (agent_live() && (info->si_code == POLL_IN || info->si_code == POLL_HUP))
		agent_threads_asked();
	if (!s)
		agent_signal_chain(signo, info, ucontext);
}
