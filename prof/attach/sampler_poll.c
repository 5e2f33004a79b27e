/* Looks at threads at the rate: the engine where perf is not permitted, and sleeping time for either engine.
 *
 * One look costs a read of schedstat per thread that ran lately, less for others. How long a thread ran since the
 * last look is the kernel's own count, so a thread's samples add up to its CPU time, whatever is missed. Which
 * stack gets it? The one the thread is stopped in for a copy while it runs: a look falls into a moment of its
 * running time at random (the interval is jittered, a half to one and a half of the nominal one), and what it ran
 * since it was last seen so, also while looks found it asleep again, goes there. A thread that sleeps at the look
 * is never given that time for its place of sleep, which would make system calls look costly that are not. Only
 * what finds no running stack within a second goes to the one seen last, or, for threads that run so briefly that no
 * look ever met them, to the place where they sleep again (state: sleeping), where indeed the way into the kernel
 * is most of what they do.
 *
 * What is off: the kernel counts a thread on a CPU up to its last tick, so a look may give up to a tick (4 ms at
 * HZ 250) to the look after it; and on a busy machine a look takes a CPU from someone, who is runnable in that
 * moment and hard to stop: those that run on the other CPUs are met more often. Both even out over a second.
 *
 * Pauses: never more than 1/200 of the time that passed, all threads together; beyond that, a thread is left
 * running and its time waits for the next look. CPU time for looks is rationed likewise: thousands of threads
 * are looked at in turn, less often each, with more time per look. Looks that come late are not made up for. */
#include "prof/attach/sampler_internal.h"

#include <stdlib.h>
#include <string.h>

#include "prof/attach/stop.h"
#include "prof/attach/waits.h"
#include "prof/base/clock.h"

#define STOPS       16u             /* threads stopped at once */
#define STOP_BYTES  16384u          /* of stack, copied in the pause */
#define PAUSE_SHARE 200             /* of the time, 1/200 at most is spent in pauses */
#define ARRIVE_MAX  (2 * NS_PER_MS) /* for a thread without a CPU to stand still */
#define WATCHDOG_NS NS_PER_S        /* a machine may be so busy that we wait for a CPU that long */
#define PAUSE_FIRST (2 * NS_PER_MS) /* before that share has grown */
#define HOT_SHARE   200             /* of a CPU: 0.5 % for threads that ran lately */
#define WALL_SHARE  80              /* 1.25 % where their places of sleep are asked for, too */
#define COLD_SHARE  500             /* 0.2 % for the others */
#define FRESH_SHARE 20              /* 5 % for first looks at new threads */
#define STOP_SHARE  200             /* 0.5 % for stopping threads */
#define COOL_NS     (100 * NS_PER_MS)    /* without running: no more "lately" */
#define CLOCK_NS    (50 * INT64_C(1000)) /* per thread, between readings of its process's clock */
#define CHECK_EVERY 8u /* threads looked at between two readings of our own clock */
#define LOOK_FLUSH  (400 * NS_PER_MS)
#define SETTLE_NS   NS_PER_S
#define TICK_SLACK  (20 * NS_PER_MS) /* two ticks at HZ 100: counted late by the kernel */

int poll_engine_start(struct sampler *s, struct err *err)
{
	struct stop_options o = {.max_pause_ns = s->o.max_pause_ns,
				 .arrive_ns = s->interval_ns / 2,
				 .watchdog_ns = WATCHDOG_NS};

	if (o.arrive_ns > ARRIVE_MAX)
		o.arrive_ns = ARRIVE_MAX;
	if (s->stopper || s->o.nonblocking)
		return 0;
	s->copies = calloc(STOPS, sizeof *s->copies);
	s->copy_bytes = malloc((size_t)STOPS * STOP_BYTES);
	if (!s->copies || !s->copy_bytes)
		return err_nomem(err, "copies of stacks");
	s->stopper = stopper_new(&o, err);
	return s->stopper ? 0 : err && err->code ? err->code : ERR_NOMEM;
}

void poll_engine_release(struct sampler *s)
{
	stopper_free(s->stopper);
	free(s->copies);
	free(s->copy_bytes);
	s->stopper = NULL;
	s->copies = NULL;
	s->copy_bytes = NULL;
}

/* ---- CPU time ------------------------------------------------------------------------------------- */

static void deliver_cpu(struct sampler *s, struct live_thread *t, const struct stack_view *v,
			enum profile_state state, int64_t now)
{
	struct delivery d = {.part = SAMPLE_CPU,
			     .t_ns = now,
			     .value_ns = t->cpu_pending,
			     .count = 1,
			     .state = state};

	stack_deliver(s, t, v, &d);
	t->cpu_pending = 0;
	t->pending_ns = now;
}

/* It was seen running. */
static void seen_running(struct sampler *s, struct live_thread *t, const struct stack_view *v,
			 int64_t now)
{
	int64_t cpu = t->cpu_pending;

	deliver_cpu(s, t, v, PROFILE_RUNNING, now);
	if (s->o.wall)
		wall_ran(s, t, v, t->run_credit > cpu ? t->run_credit : cpu, now);
	else
		stack_keep(&t->ran, v);
}

void poll_settle(struct sampler *s, struct live_thread *t, int64_t now)
{
	struct stack_view v = stack_kept(&t->ran);
	enum profile_state state = PROFILE_RUNNING;

	if (t->cpu_pending <= 0)
		return;
	if (!t->ran.known && t->sleep.known) {
		v = stack_kept(&t->sleep);
		state = t->sleep_state;
	}
	deliver_cpu(s, t, &v, state, now);
}

/* It ran for a while now, and no look met it running. */
static void waited_long(struct sampler *s, struct live_thread *t, int64_t now)
{
	struct stack_view v;
	struct proc_syscall call;

	if (!t->ran.known && !s->o.wall && stack_blocked(s, t, now, &v, &call) == BLOCKED_OK) {
		deliver_cpu(s, t, &v, PROFILE_SLEEPING, now);
		return;
	}
	poll_settle(s, t, now);
}

/* ---- stops ---------------------------------------------------------------------------------------- */

static int pause_allowed(const struct sampler *s, int64_t now)
{
	return s->pause_spent < (now - s->start_ns) / PAUSE_SHARE + PAUSE_FIRST;
}

static void take_copy(struct sampler *s, const struct stop_copy *c, int64_t now)
{
	uint32_t at = rows_thread(s, c->tid);
	struct copied_stack stack = {.regs = &c->regs, .bytes = c->stack, .size = c->bytes};
	struct stack_view v;

	s->pause_spent += c->pause_ns;
	if (at == NONE)
		return;
	if (c->result == STOP_DENIED)
		sampler_add_note(s, "threads may not be stopped: what they run is not seen, only "
				    "where they sleep");
	if (c->result != STOP_COPIED)
		return;
	v = stack_unwind(s, &s->live[at], &stack, now);
	seen_running(s, &s->live[at], &v, c->at_ns ? c->at_ns : now);
}

static void stop_batch(struct sampler *s, int pid, uint32_t n, int64_t now)
{
	struct err err = ERR_INIT;

	if (!n)
		return;
	if (stop_and_copy(s->stopper, pid, s->copies, n, &err)) {
		sampler_add_note(s, err.text);
		return;
	}
	for (uint32_t i = 0; i < n; i++)
		take_copy(s, &s->copies[i], now);
}

/* Threads of one process that were found running, from `*at` in the list of hot ones on. */
static void stop_wanted(struct sampler *s, struct live_process *p, int64_t now)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < s->n_hot && pause_allowed(s, now); i++) {
		struct live_thread *t = &s->live[s->hot[(s->next_hot + i) % s->n_hot]];
		struct stop_copy *c = &s->copies[n];

		if (!t->wants_stop || t->process != p)
			continue;
		t->wants_stop = 0;
		memset(c, 0, sizeof *c);
		c->tid = t->tid;
		c->stack = s->copy_bytes + (size_t)n * STOP_BYTES;
		c->size = STOP_BYTES;
		if (++n == STOPS) {
			stop_batch(s, p->proc.pid, n, now);
			n = 0;
		}
	}
	stop_batch(s, p->proc.pid, n, now);
}

static void stop_running(struct sampler *s, int64_t now)
{
	if (!s->stopper)
		return;
	for (uint32_t i = 0; i < s->n_processes; i++)
		if (s->processes[i]->polled && !s->processes[i]->before_exec)
			stop_wanted(s, s->processes[i], now);
}

/* ---- one thread ----------------------------------------------------------------------------------- */

/* Where it sleeps; 0: it runs, or is gone. */
static int asleep(struct sampler *s, struct live_thread *t, struct sleeping *in, int64_t now)
{
	struct proc_syscall call = {.nr = -1};
	enum blocked_result result = stack_blocked(s, t, now, &in->stack, &call);

	if (result == BLOCKED_RUNNING || result == BLOCKED_GONE)
		return 0;
	in->call = call.nr >= 0 ? syscall_name(call.nr) : NULL;
	in->state = t->sleep_state;
	if (in->call != t->sleep_call || !in->call || !stack_same(&t->sleep, &in->stack))
		in->state = tasks_state(t);
	if (in->state == PROFILE_RUNNABLE) /* in our hands */
		return 0;
	if (in->state == PROFILE_RUNNING)
		in->state = PROFILE_SLEEPING; /* it woke just now */
	return 1;
}

/* Its records up to this look; what came after it belongs to the next. */
static void take_switches(struct live_thread *t, struct passed *d, int64_t now)
{
	d->old = d->fresh = -1;
	if (t->last_out_ns > t->at_ns && t->last_out_ns <= now)
		d->fresh = now - t->last_out_ns;
	if (t->first_in_ns > now)
		return;
	if (t->first_in_ns > t->at_ns)
		d->old = t->first_in_ns - t->at_ns;
	t->first_in_ns = 0;
}

/* What happened since the last look, as the kernel counted it. */
static struct passed account(struct sampler *s, struct live_thread *t,
			     const struct proc_schedstat *seen, int64_t now)
{
	struct passed d = {0};
	const struct live_process *p = t->process;
	int64_t dt = now - t->at_ns;

	if (t->at_ns >= p->quiet_from && t->at_ns < p->quiet_to)
		d.quiet = p->quiet_to - t->at_ns;
	take_switches(t, &d, now);
	/* Less than before: by exec another thread took this number over. */
	if (seen->run_ns >= t->seen.run_ns && seen->wait_ns >= t->seen.wait_ns) {
		d.ran = (int64_t)(seen->run_ns - t->seen.run_ns);
		d.waited = (int64_t)(seen->wait_ns - t->seen.wait_ns);
	}
	if (d.ran > dt + TICK_SLACK)
		d.ran = dt + TICK_SLACK;
	if (!t->overflow)
		s->thread_rows[t->row].cpu_ns += d.ran;
	d.slept = dt - d.ran - d.waited - t->ahead_ns;
	t->ahead_ns = 0;
	t->seen = *seen;
	t->at_ns = now;
	return d;
}

/* Is it worth asking where it sleeps? Not while it ran all the time, most likely still does, and perf samples it. */
static int place_wanted(const struct live_thread *t, const struct passed *d, int moved)
{
	if (!moved)
		return t->unplaced;
	return t->process->polled || d->slept > (d->ran + d->waited) / 8;
}

static void show_state(struct sampler *s, const struct live_thread *t, int moved,
		       const struct sleeping *in)
{
	if (t->overflow)
		return;
	if (in)
		s->thread_rows[t->row].state = in->state;
	else if (moved)
		s->thread_rows[t->row].state = PROFILE_RUNNING;
}

/* Its time of a sleeping or running place, in wall mode. 1: it sleeps. */
static int place(struct sampler *s, struct live_thread *t, const struct passed *d, int moved,
		 int64_t now)
{
	struct sleeping in = {.call = NULL};
	int sleeps = place_wanted(t, d, moved) && asleep(s, t, &in, now);

	t->unplaced = moved ? !sleeps : t->unplaced && !sleeps;
	wall_passed(s, t, d, sleeps ? &in : NULL, now);
	t->was_running = moved ? !sleeps : t->was_running && !sleeps;
	wall_flush(s, t, now);
	show_state(s, t, moved, sleeps ? &in : NULL);
	return sleeps;
}

static void look_at(struct sampler *s, uint32_t at, int64_t now)
{
	struct live_thread *t = &s->live[at];
	struct proc_schedstat seen;
	struct passed d;
	int moved, sleeps = 0;

	if (tasks_schedstat(s, t, &seen)) {
		rows_end_thread(s, at, now);
		return;
	}
	moved = seen.run_ns != t->seen.run_ns || seen.slices != t->seen.slices;
	d = account(s, t, &seen, now);
	if (moved) {
		t->still_ns = now;
		rows_heat(s, at);
	}
	moved |= t->fresh;
	s->n_fresh -= t->fresh;
	t->fresh = 0;
	if (t->process->polled) {
		if (t->cpu_pending == 0)
			t->pending_ns = now;
		t->cpu_pending += d.ran;
	}
	if (s->o.wall)
		sleeps = place(s, t, &d, moved, now);
	else
		show_state(s, t, moved, NULL);
	t->wants_stop = !sleeps && t->cpu_pending > 0 && now - t->still_ns < TICK_SLACK;
	s->any_wants |= t->wants_stop;
	if (t->cpu_pending > 0 && now - t->pending_ns > SETTLE_NS)
		waited_long(s, t, now);
	if (now - t->still_ns > COOL_NS && t->cpu_pending == 0)
		rows_cool(s, at);
}

/* ---- a look --------------------------------------------------------------------------------------- */

/* Did any thread of the process run? One reading answers it for all of them. */
static void read_clocks(struct sampler *s, int64_t now)
{
	for (uint32_t i = 0; i < s->n_processes; i++) {
		struct live_process *p = s->processes[i];
		int64_t clock;

		if (now - p->clock_at < CLOCK_NS * p->n_threads)
			continue;
		clock = tasks_clock(p);
		p->idle = clock != 0 && clock == p->clock_ns;
		if (p->idle) {
			p->quiet_from = p->busy_ns;
			p->quiet_to = now;
		} else {
			p->busy_ns = now;
		}
		p->clock_ns = clock;
		p->clock_at = now;
	}
}

static int is_due(const struct sampler *s, const struct live_thread *t, int64_t now)
{
	if (t->process->before_exec || (!t->process->polled && !s->o.wall))
		return 0;
	if (t->fresh || (s->o.wall && now - t->at_ns >= LOOK_FLUSH))
		return 1;
	return !t->process->idle || t->cpu_pending > 0 || t->unplaced;
}

static void earn(int64_t *tokens, int64_t ns)
{
	*tokens += ns;
	if (*tokens > SAMPLER_TOKENS)
		*tokens = SAMPLER_TOKENS;
}

static void earn_tokens(struct sampler *s, int64_t now)
{
	int64_t dt = now - s->tokens_ns;

	s->tokens_ns = now;
	earn(&s->hot_tokens, dt / (s->o.wall ? WALL_SHARE : HOT_SHARE));
	earn(&s->cold_tokens, dt / COLD_SHARE);
	earn(&s->fresh_tokens, dt / FRESH_SHARE);
	earn(&s->stop_tokens, dt / STOP_SHARE);
}

/* What it took since *since, our CPU time. 0: the ration is used up. */
static int spend(int64_t *tokens, int64_t *since)
{
	int64_t cpu = clock_thread_cpu_ns();

	*tokens -= cpu - *since;
	*since = cpu;
	return *tokens > 0;
}

/* A ration, and how much of it this look took so far. Our own clock costs as much as a look at a thread: it is read
 * after every few. */
struct spending {
	int64_t *tokens, since;
	uint32_t looks;
};

static int may_look(struct spending *sp)
{
	if (sp->looks++ % CHECK_EVERY == 0 && sp->looks > 1)
		(void)spend(sp->tokens, &sp->since);
	return *sp->tokens > 0;
}

static void settle_up(struct spending *sp, int64_t *since)
{
	if (sp->looks > 0)
		(void)spend(sp->tokens, &sp->since);
	*since = sp->since;
}

/* New ones first: until then nothing is known of a thread's place. */
static void look_fresh(struct sampler *s, int64_t *since, int64_t now)
{
	struct spending sp = {&s->fresh_tokens, *since, 0};

	for (uint32_t i = s->n_hot; i-- > 0 && s->n_fresh > 0;) {
		if (i >= s->n_hot || !s->live[s->hot[i]].fresh ||
		    !is_due(s, &s->live[s->hot[i]], now))
			continue;
		if (!may_look(&sp))
			break;
		look_at(s, s->hot[i], now);
	}
	settle_up(&sp, since);
}

/* In turn, as far as the ration goes. Those that cool down or end make others change places: a look may meet one
 * twice or not at all. */
static void look_hot(struct sampler *s, int64_t *since, int64_t now)
{
	struct spending sp = {&s->hot_tokens, *since, 0};

	for (uint32_t left = s->n_hot; left > 0 && s->n_hot > 0; left--) {
		uint32_t at = s->hot[s->next_hot++ % s->n_hot];

		if (s->live[at].fresh || !is_due(s, &s->live[at], now))
			continue;
		if (may_look(&sp))
			look_at(s, at, now);
		else
			s->loss[SAMPLER_LATE]++;
	}
	settle_up(&sp, since);
}

static void look_cold(struct sampler *s, int64_t *since, int64_t now)
{
	struct spending sp = {&s->cold_tokens, *since, 0};

	for (uint32_t left = s->n_live; left > 0 && s->n_live > 0; left--) {
		uint32_t at = s->next_cold++ % s->n_live;

		if (s->live[at].hot != NONE || !is_due(s, &s->live[at], now))
			continue;
		if (!may_look(&sp))
			break;
		look_at(s, at, now);
	}
	settle_up(&sp, since);
}

void poll_look(struct sampler *s, int64_t now)
{
	int64_t cpu = clock_thread_cpu_ns();

	if (s->next_hot >= s->n_hot)
		s->next_hot = 0;
	s->any_wants = 0;
	earn_tokens(s, now);
	read_clocks(s, now);
	if (s->n_fresh > 0)
		look_fresh(s, &cpu, now);
	look_hot(s, &cpu, now);
	if (s->n_live > s->n_hot)
		look_cold(s, &cpu, now);
	if (!s->any_wants || s->stop_tokens < 0)
		return;
	cpu = clock_process_cpu_ns(); /* stops have a thread of their own */
	stop_running(s, now);
	s->stop_tokens -= clock_process_cpu_ns() - cpu;
}

void poll_last_look(struct sampler *s, int64_t now)
{
	for (uint32_t i = s->n_live; i-- > 0;) {
		struct live_thread *t = &s->live[i];
		struct proc_schedstat seen;

		if (tasks_schedstat(s, t, &seen) == 0) {
			struct passed d = account(s, t, &seen, now);

			if (t->process->polled)
				t->cpu_pending += d.ran;
			if (s->o.wall)
				wall_passed(s, t, &d, NULL, now);
		}
		poll_settle(s, t, now);
		wall_settle(s, t, now);
	}
}
