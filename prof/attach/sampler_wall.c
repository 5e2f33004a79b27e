/* Where threads were while they did not run. Of each look the kernel's schedstat tells how long a thread was on a
 * CPU and runnable; the rest of the time that really passed it slept. So the parts add up to its life while
 * recorded, whatever the rate.
 *
 * Which stack does a part belong to? A thread that did not run since the last look is where it was then. One that
 * ran and sleeps again changed its place somewhere in between: half of the sleep goes to the old place and
 * half to the new one, right on average. Where perf tells of each switch, what it slept until it first ran and since
 * it last did is known, and only sleeps in between are halved. One that is running now slept at the old place. Time
 * on a CPU or runnable goes to the stacks seen running (perf's samples, or polling's), in
 * proportion to their CPU time; what finds none within a second goes to the one seen running last, else to where the
 * thread sleeps.
 *
 * Equal sleeps are put together and delivered some times a second: a thousand idle threads cost next to nothing. */
#include "prof/attach/sampler_internal.h"

#define FLUSH_NS  (400 * NS_PER_MS)
#define SETTLE_NS NS_PER_S

static void deliver_sleep(struct sampler *s, struct live_thread *t, int64_t now)
{
	struct stack_view v = stack_kept(&t->sleep);
	struct delivery d = {.part = SAMPLE_WALL,
			     .t_ns = now,
			     .value_ns = t->sleep_ns,
			     .count = t->sleep_count ? t->sleep_count : 1,
			     .state = t->sleep_state,
			     .call = t->sleep_call};

	stack_deliver(s, t, &v, &d);
	d.part = SAMPLE_OFFCPU;
	stack_deliver(s, t, &v, &d);
	t->sleep_ns = 0;
	t->sleep_count = 0;
}

/* Another place to sleep at: what was slept at the old one is delivered first. */
static void move_to(struct sampler *s, struct live_thread *t, const struct sleeping *now_in,
		    int64_t now)
{
	if (t->sleep_call == now_in->call && t->sleep_state == now_in->state &&
	    stack_same(&t->sleep, &now_in->stack))
		return;
	deliver_sleep(s, t, now);
	stack_keep(&t->sleep, &now_in->stack);
	t->sleep_state = now_in->state;
	t->sleep_call = now_in->call;
}

static void sleep_on(struct live_thread *t, int64_t ns, uint64_t count)
{
	if (ns <= 0)
		return;
	t->sleep_ns += ns;
	t->sleep_count += count;
}

/* The kernel counts a thread on a CPU up to its last tick, and a wait for one when it is over: until then both look
 * like sleep. */
static void take_back(struct live_thread *t, int64_t ns)
{
	int64_t slept = t->sleep_ns < ns ? t->sleep_ns : ns;

	t->sleep_ns -= slept;
	ns -= slept;
	slept = t->sleep_credit < ns ? t->sleep_credit : ns;
	t->sleep_credit -= slept;
	t->ahead_ns += ns - slept;
}

/* How much of the sleep belongs to the place where it slept at the last look, now that it sleeps? */
static int64_t slept_before(const struct live_thread *t, const struct passed *d)
{
	int64_t quiet = d->quiet < d->slept ? d->quiet : d->slept;

	if (!t->sleep.known || t->was_running)
		return 0;
	if (d->ran <= 0 && d->waited <= 0)
		return d->slept;
	if (d->old >= 0 && d->fresh >= 0) {
		int64_t old = d->old < d->slept ? d->old : d->slept;
		int64_t rest = d->slept - old;

		return old + (d->fresh < rest ? (rest - d->fresh) / 2 : 0);
	}
	return quiet > 0 ? quiet + (d->slept - quiet) / 2 : d->slept / 2;
}

void wall_passed(struct sampler *s, struct live_thread *t, const struct passed *d,
		 const struct sleeping *now_in, int64_t now)
{
	int64_t before;

	if (d->slept < 0)
		take_back(t, -d->slept);
	t->run_credit += d->ran;
	t->wait_credit += d->waited;
	if (!now_in && !t->sleep.known) { /* nobody knows where, yet */
		t->sleep_credit += d->slept > 0 ? d->slept : 0;
		return;
	}
	before = now_in ? slept_before(t, d) : d->slept;
	sleep_on(t, before, 1);
	if (!now_in)
		return;
	move_to(s, t, now_in, now);
	sleep_on(t, d->slept - before + t->sleep_credit, before == 0);
	t->sleep_credit = 0;
}

static void deliver_run(struct sampler *s, struct live_thread *t, const struct stack_view *v,
			int64_t ran, int64_t waited, int64_t now)
{
	struct delivery d = {.part = SAMPLE_WALL, .t_ns = now, .count = 1};

	d.value_ns = ran;
	d.state = PROFILE_RUNNING;
	stack_deliver(s, t, v, &d);
	d.value_ns = waited;
	d.state = PROFILE_RUNNABLE;
	d.count = ran <= 0;
	stack_deliver(s, t, v, &d);
}

void wall_ran(struct sampler *s, struct live_thread *t, const struct stack_view *v, int64_t cpu_ns,
	      int64_t now)
{
	int64_t ran = cpu_ns, waited = t->wait_credit;

	if (t->run_credit > cpu_ns && t->run_credit > 0)
		waited = (int64_t)((double)waited * (double)cpu_ns / (double)t->run_credit);
	t->run_credit -= ran; /* below zero: the next look says that it ran */
	t->wait_credit -= waited;
	deliver_run(s, t, v, ran, waited, now);
	stack_keep(&t->ran, v);
	t->ran_ns = now;
}

/* Time without a stack goes to the one that is likeliest. */
static void settle_run(struct sampler *s, struct live_thread *t, int64_t now)
{
	struct stack_view v = stack_kept(t->ran.known ? &t->ran : &t->sleep);
	int64_t ran = t->run_credit > 0 ? t->run_credit : 0;

	deliver_run(s, t, &v, ran, t->wait_credit, now);
	t->run_credit -= ran;
	t->wait_credit = 0;
	t->ran_ns = now;
}

static void settle_sleep(struct sampler *s, struct live_thread *t, int64_t now)
{
	struct stack_view v = stack_kept(&t->ran);
	struct delivery d = {.part = SAMPLE_WALL,
			     .t_ns = now,
			     .value_ns = t->sleep_credit,
			     .count = 1,
			     .state = PROFILE_SLEEPING};

	stack_deliver(s, t, &v, &d);
	d.part = SAMPLE_OFFCPU;
	stack_deliver(s, t, &v, &d);
	t->sleep_credit = 0;
}

void wall_flush(struct sampler *s, struct live_thread *t, int64_t now)
{
	if (now - t->flushed_ns < FLUSH_NS)
		return;
	t->flushed_ns = now;
	if (t->sleep_ns > 0)
		deliver_sleep(s, t, now);
	if (now - t->ran_ns < SETTLE_NS)
		return;
	if (t->run_credit > 0 || t->wait_credit > 0)
		settle_run(s, t, now);
	if (t->sleep_credit > 0)
		settle_sleep(s, t, now);
}

/* What was told as sleep and turned out to be a wait or running is not told twice. */
static void settle_ahead(struct live_thread *t)
{
	int64_t waited = t->wait_credit < t->ahead_ns ? t->wait_credit : t->ahead_ns;

	t->wait_credit -= waited;
	t->run_credit -= t->ahead_ns - waited;
	t->ahead_ns = 0;
}

/* The thread ends, or the recording. */
void wall_settle(struct sampler *s, struct live_thread *t, int64_t now)
{
	int64_t rest = now - t->at_ns;

	if (!s->o.wall || t->process->before_exec)
		return;
	if (rest > 0 && t->sleep.known && t->hot == NONE)
		sleep_on(t, rest, 1);
	else if (rest > 0) /* to end, it had to run */
		t->run_credit += rest;
	t->at_ns = now;
	settle_ahead(t);
	if (t->run_credit < 0) { /* its last CPU sample said more than the looks did */
		t->sleep_ns += t->run_credit;
		t->run_credit = 0;
	}
	deliver_sleep(s, t, now);
	settle_run(s, t, now);
	settle_sleep(s, t, now);
}
