/* From registers and a copied piece of stack to a delivered sample.
 *
 * The copy is from one moment, and may end before the root. Frames beyond it are read from the live process some
 * milliseconds later, when the thread may have returned from them. They are believed only if they lead to
 * the root without a guess, and either the end of the copy still reads the same in the process (who returned
 * beyond it and called anew has most likely written there), or this thread had the very same outer frames when
 * that was so. Else the stack stays cut, and says so. */
#include "prof/attach/sampler_internal.h"

#include <stdlib.h>
#include <string.h>

#include "prof/base/clock.h"

#define GAP_FIRST  (30 * NS_PER_MS) /* until the pcs of a loop are known */
#define GAP_SHARE  200              /* of the time: 0.5 % of a CPU */
#define SEAM_BYTES 256
#define OTHER_STACK                                                                                \
	((uint64_t)1 << 20) /* a stack pointer that moved so far at once is on another stack */
#define FRESH_NS (5 * NS_PER_MS)
#define FRESH_SHARE                                                                                \
	100 /* of our time, at most 1/100 goes into maps that were said to have changed */

/* Maps that perf said have changed, or that were never read. Those of which nobody told are found by
 * attach_unwind(), at a pc outside of all modules. */
void stack_fresh(struct live_process *p, int64_t now)
{
	int64_t cost;

	if (!p->stale || (p->fresh_ns && (now - p->fresh_ns < FRESH_NS ||
					  now - p->fresh_ns < p->fresh_cost * FRESH_SHARE)))
		return;
	cost = clock_thread_cpu_ns();
	if (attach_space_refresh(p->space, 0, NULL) == 0)
		p->stale = 0;
	p->fresh_cost = clock_thread_cpu_ns() - cost;
	p->fresh_ns = now;
}

static int seam_holds(struct live_process *p, const struct copied_stack *c)
{
	uint8_t live[SEAM_BYTES];
	size_t n = c->size < sizeof live ? c->size : sizeof live;
	uint64_t at = c->regs->reg[UNWIND_SP] + c->size - n;

	return remote_read(&p->memory, at, live, n) == (long)n &&
	       memcmp(live, c->bytes + c->size - n, n) == 0;
}

/* Goes on from where the copy ended, `regs`, by the live process. `elsewhere`: on another stack than the copied one,
 * which was left by a signal and stands still as long as its handler runs; nothing tells whether it still does.
 * 1: s->stack is whole now. */
static int go_on_live(struct sampler *s, struct live_thread *t, const struct copied_stack *c,
		      int elsewhere, struct unwind_regs *regs)
{
	struct live_process *p = t->process;
	uint64_t stop = unwind_lookup(regs), outer;
	uint32_t n = s->stack.n;

	if (n > 0 && s->stack.addresses[n - 1] == stop)
		n--; /* it stands there as the last frame that is known, and comes again */
	s->window.remote = &p->memory;
	s->beyond.running = 0;
	attach_unwind(space_of(p), regs, &s->window, p->cache, &s->beyond);
	if (s->beyond.end != UNWIND_ROOT || s->beyond.guessed || !s->beyond.n ||
	    s->beyond.n > UNWIND_DEPTH_MAX - n)
		return 0;
	outer = hash_bytes(s->beyond.addresses, s->beyond.n * sizeof *s->beyond.addresses, 1);
	if (outer != t->outer && !elsewhere && !seam_holds(p, c))
		return 0;
	s->stack.torn |= elsewhere && outer != t->outer;
	t->outer = outer;
	memcpy(&s->stack.addresses[n], s->beyond.addresses,
	       s->beyond.n * sizeof *s->beyond.addresses);
	s->stack.n = n + s->beyond.n;
	s->stack.end = UNWIND_ROOT;
	return 1;
}

static struct stack_view view_of(struct sampler *s, struct live_process *p, int cut)
{
	struct stack_view v = {.frames = s->frames, .n = s->stack.n, .end = s->stack.end};

	for (uint32_t i = 0; i < s->stack.n; i++)
		s->frames[i] = attach_space_frame(space_of(p), s->stack.addresses[i]);
	v.end_module = v.n > 0 && v.end != UNWIND_ROOT ? s->frames[v.n - 1].module : MODULE_NONE;
	v.truncated = v.end == UNWIND_DEPTH || (cut && v.end == UNWIND_BAD_READ);
	v.torn = s->stack.torn;
	return v;
}

/* How much of the copy the walk took: to where it stopped, which is near the root if it got there. */
static size_t used_bytes(const struct copied_stack *c, const struct unwind_regs *end)
{
	uint64_t used = end->reg[UNWIND_SP] - c->regs->reg[UNWIND_SP];

	return used < c->size ? (size_t)used : c->size;
}

/* Code without call frame information: callers are searched for in the copy, as far as the time for it goes. */
static void cross_gap(struct sampler *s, struct live_process *p, struct unwind_regs *regs,
		      int64_t now)
{
	int64_t begun;

	if (p->gone || s->gap_spent > GAP_FIRST + (now - s->start_ns) / GAP_SHARE)
		return;
	if (!p->gaps && !(p->gaps = calloc(1, sizeof *p->gaps)))
		return;
	p->gaps->code.remote = &p->memory;
	begun = clock_mono_ns();
	s->window.remote = &p->memory;
	gap_bridge(space_of(p), p->gaps, &s->window, regs, &s->stack);
	s->window.remote = NULL;
	s->gap_spent += clock_mono_ns() - begun;
}

struct stack_view stack_unwind(struct sampler *s, struct live_thread *t,
			       const struct copied_stack *c, int64_t now)
{
	struct unwind_regs regs = *c->regs;
	struct live_process *p = t->process;
	int cut, elsewhere;

	stack_fresh(p, now);
	s->window.remote = NULL;
	s->window.copy = c->bytes;
	s->window.copy_lo = c->regs->reg[UNWIND_SP];
	s->window.copy_bytes = c->size;
	s->window.live_reads = 0;
	s->stack.running = 0;
	attach_unwind(space_of(p), &regs, &s->window, p->cache, &s->stack);
	if (s->stack.end == UNWIND_NO_RULE)
		cross_gap(s, p, &regs, now);
	cut = s->stack.end == UNWIND_BAD_READ; /* too short, or a page of it was not there */
	elsewhere = cut && regs.reg[UNWIND_SP] - c->regs->reg[UNWIND_SP] > OTHER_STACK;
	if (s->perf && !p->polled && !elsewhere)
		perf_source_tell(s->perf, !cut, used_bytes(c, &regs));
	if (cut && !p->gone && go_on_live(s, t, c, elsewhere, &regs))
		cut = 0;
	return view_of(s, p, cut);
}

enum blocked_result stack_blocked(struct sampler *s, struct live_thread *t, int64_t now,
				  struct stack_view *view, struct proc_syscall *call)
{
	enum blocked_result result;

	stack_fresh(t->process, now);
	s->stack.n = 0;
	s->stack.end = UNWIND_NO_TABLE;
	s->stack.torn = 0;
	result = blocked_stack(&t->process->proc, &t->process->memory, t->process->space, t->tid, 2,
			       &s->stack, call);
	if (result != BLOCKED_OK)
		s->stack.n = 0;
	*view = view_of(s, t->process, 0);
	return result;
}

int stack_same(const struct kept_stack *k, const struct stack_view *v)
{
	if (!k->known || k->n != v->n || k->end != v->end || k->truncated != v->truncated)
		return 0;
	for (uint32_t i = 0; i < v->n; i++)
		if (k->frames[i].rel_addr != v->frames[i].rel_addr ||
		    k->frames[i].module != v->frames[i].module)
			return 0;
	return 1;
}

/* Without memory nothing is kept, and the time has no stack. */
void stack_keep(struct kept_stack *k, const struct stack_view *v)
{
	if (v->n > k->cap) {
		struct attach_frame *frames = realloc(k->frames, v->n * sizeof *frames);

		if (!frames) {
			k->known = 0;
			return;
		}
		k->frames = frames;
		k->cap = v->n;
	}
	if (v->n)
		memcpy(k->frames, v->frames, v->n * sizeof *k->frames);
	k->n = v->n;
	k->end = v->end;
	k->end_module = v->end_module;
	k->truncated = v->truncated;
	k->torn = v->torn;
	k->known = 1;
}

struct stack_view stack_kept(const struct kept_stack *k)
{
	if (!k->known)
		return (struct stack_view){.end = UNWIND_NO_TABLE, .end_module = MODULE_NONE};
	return (struct stack_view){.frames = k->frames,
				   .n = k->n,
				   .end = k->end,
				   .end_module = k->end_module,
				   .truncated = k->truncated,
				   .torn = k->torn};
}

void stack_release(struct kept_stack *k)
{
	free(k->frames);
	memset(k, 0, sizeof *k);
}

/* Off-CPU samples are a part of the wall's, and counted there. */
static void count_losses(struct sampler *s, const struct stack_view *v, const struct delivery *d)
{
	if (d->part == SAMPLE_OFFCPU)
		return;
	if (v->torn)
		s->loss[SAMPLER_TORN] += d->count;
	if (v->truncated)
		s->loss[SAMPLER_TRUNCATED] += d->count;
	else if (v->n > 0 && v->end != UNWIND_ROOT)
		s->loss[SAMPLER_NO_UNWIND_INFO] += d->count;
}

void stack_deliver(struct sampler *s, const struct live_thread *t, const struct stack_view *v,
		   const struct delivery *d)
{
	struct sampler_thread *row = &s->thread_rows[t->row];
	struct sampler_sample sample = {.part = d->part,
					.process = row->process,
					.thread = t->row,
					.t_ns = d->t_ns,
					.value_ns = d->value_ns,
					.count = d->count,
					.state = d->state,
					.syscall = d->call,
					.frames = v->frames,
					.n = v->n,
					.end = v->end,
					.end_module = v->end_module,
					.truncated = v->truncated,
					.torn = v->torn};

	if (d->value_ns <= 0 || t->process->before_exec)
		return;
	if (d->part == SAMPLE_CPU)
		row->sampled_ns += d->value_ns;
	count_losses(s, v, d);
	s->delivered++;
	if (s->take && s->rc == 0)
		s->rc = s->take(s->take_ctx, &sample);
}
