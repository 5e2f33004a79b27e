/* The stage API inside the target: begin, end, items, parameters, tokens, counters (protea-prof.h says
 * what each means). Stages of a thread are a stack of that thread; what is written of them, and when,
 * is stage_stack.c's. Normal context; the tick's handler only reads. errno is kept. */
#include "prof/agent/stage.h"

#include <errno.h>
#include <math.h>
#include <string.h>

#include "prof/agent/mem.h"
#include "prof/base/clock.h"
#include "protea-prof.h"

static void enter(struct stage_stack *st)
{
	st->busy = 1;
	atomic_signal_fence(memory_order_seq_cst);
}

/* Under which stage is what the thread allocates now? One that has no BEGIN gets it if anything is. */
static void tell_memory(const struct stage_stack *st)
{
	uint32_t n = st->depth;

	mem_stage_changed(st->published < n ? AGENT_STAGE_ASK : n ? st->open[n - 1].id : 0);
}

static void leave(struct stage_stack *st)
{
	tell_memory(st);
	atomic_signal_fence(memory_order_seq_cst);
	st->busy = 0;
}

static void pop_to(struct stage_stack *st, uint32_t depth, int64_t now_ns)
{
	while (st->depth > depth)
		stage_pop(st, now_ns);
}

/* Ends what other threads ended for us. */
static __attribute__((noinline)) void answer(struct stage_stack *st, int64_t now_ns)
{
	atomic_store(&st->asked, 0);
	for (uint32_t i = 0; i < st->depth; i++) {
		struct stage_open *o = &st->open[i];

		if (o->name && atomic_load_explicit(&o->ended_id, memory_order_acquire) == o->id) {
			pop_to(st, i, now_ns);
			return;
		}
	}
}

/* Room for one more; NULL: too deep (counted). With `busy` set. */
static struct stage_open *push(struct stage_stack *st, int64_t now_ns)
{
	struct stage_open *o = &st->open[st->depth];

	if (atomic_load_explicit(&st->asked, memory_order_relaxed)) {
		answer(st, now_ns);
		o = &st->open[st->depth];
	}
	if (st->depth == STAGE_DEPTH_MAX) {
		ring_loss(&st->slot->ring, SPOOL_LOSS_RECORD_DROPPED, 1);
		return NULL;
	}
	o->parent = st->depth ? o[-1].id : 0;
	o->start_ns = now_ns;
	o->start_cpu_ns = stage_cpu_ns(st, now_ns);
	o->items = NAN;
	o->n_params = 0;
	o->flags = 0;
	atomic_store_explicit(&o->ended_id, 0, memory_order_relaxed);
	return o;
}

/* Makes it the innermost one; the handler sees it from here on. */
static void show(struct stage_stack *st, const struct stage_open *o)
{
	atomic_signal_fence(memory_order_seq_cst);
	st->depth = st->depth + 1;
	st->slot->stage_id = o->id;
}

void pp_agent_stage_begin(pp_stage *stage, const char *name)
{
	struct stage_stack *st;
	struct stage_open *o;
	int64_t now_ns;

	stage->id = stage->owner = 0;
	if (!agent_live())
		return;
	st = stage_stack_self();
	if (!st)
		return;
	now_ns = clock_mono_ns();
	enter(st);
	o = push(st, now_ns);
	if (o) {
		o->id = stage_next_id(st);
		o->name = name ? name : "?";
		stage->id = o->id;
		stage->owner = (uint64_t)st->index << 32 | st->depth;
		stage_memory_begin(&o->memory, 1);
		show(st, o);
		if (stage_may_publish(st, now_ns))
			stage_publish(st);
	}
	leave(st);
}

/* The open stage behind a value, and the stack it is on; NULL: it has ended. */
static struct stage_open *find(const pp_stage *stage, struct stage_stack **where)
{
	uint32_t at = (uint32_t)stage->owner;
	struct stage_stack *st;

	if (!stage->id || !agent_live())
		return NULL;
	st = stage_stack_at((uint32_t)(stage->owner >> 32));
	if (!st || at >= STAGE_DEPTH_MAX || at >= st->depth || st->open[at].id != stage->id ||
	    st->epoch != atomic_load_explicit(&stage_epoch, memory_order_relaxed))
		return NULL;
	*where = st;
	return &st->open[at];
}

void pp_agent_stage_items(pp_stage *stage, uint64_t items)
{
	struct stage_stack *st;
	struct stage_open *o = find(stage, &st);

	if (o)
		o->items = (double)items;
}

void pp_agent_stage_param(pp_stage *stage, const char *name, double value)
{
	struct stage_stack *st;
	struct stage_open *o = find(stage, &st);
	uint32_t i = 0;

	if (!o || !name)
		return;
	while (i < o->n_params && o->params[i].name != name && strcmp(o->params[i].name, name) != 0)
		i++;
	if (i == STAGE_PARAMS_MAX)
		return;
	o->params[i] = (struct stage_param){name, value};
	if (i == o->n_params)
		o->n_params++;
}

/* Ended by another thread than began it: its own thread closes it when it comes by, with this time. */
static void end_elsewhere(struct stage_stack *st, struct stage_open *o, uint64_t id)
{
	uint64_t serial = heap_mark_serial(&o->memory.mark);

	if (*(const volatile uint64_t *)&o->id != id)
		return;
	stage_memory_end_of(&o->memory, serial);
	atomic_store_explicit(&o->ended_ns, clock_mono_ns(), memory_order_relaxed);
	atomic_store_explicit(&o->ended_id, id, memory_order_release);
	atomic_store(&st->asked, 1);
}

void pp_agent_stage_end(pp_stage *stage)
{
	struct stage_stack *st, *own;
	struct stage_open *o = find(stage, &st);
	int64_t now_ns;

	if (!o)
		return;
	own = stage_stack_self();
	if (st != own) {
		end_elsewhere(st, o, stage->id);
		return;
	}
	now_ns = clock_mono_ns();
	enter(st);
	if (atomic_load_explicit(&st->asked, memory_order_relaxed))
		answer(st, now_ns);
	pop_to(st, (uint32_t)stage->owner, now_ns);
	leave(st);
}

void pp_agent_stage_token(pp_token *token)
{
	struct stage_stack *st = stage_stack_self();

	token->id = token->owner = 0;
	if (!st)
		return;
	enter(st);
	if (atomic_load_explicit(&st->asked, memory_order_relaxed))
		answer(st, clock_mono_ns());
	for (uint32_t i = 0; i < st->depth; i++)
		st->open[i].flags = SPOOL_STAGE_SHARED;
	stage_publish(st); /* other rings are going to name it */
	leave(st);
	token->id = st->slot->stage_id;
	token->owner = st->epoch;
}

void pp_agent_stage_adopt(const pp_token *token)
{
	struct stage_stack *st = stage_stack_self();
	struct stage_open *o;

	if (!st)
		return;
	enter(st);
	o = push(st, clock_mono_ns());
	if (o) {
		o->id = token->owner == st->epoch ? token->id : 0;
		o->name = NULL;
		stage_memory_begin(&o->memory, 0);
		show(st, o);
		if (st->published + 1 == st->depth) /* its BEGIN is in another ring */
			stage_publish(st);
	}
	leave(st);
}

void pp_agent_stage_adopt_end(void)
{
	struct stage_stack *st = stage_stack_self();
	uint32_t i;

	if (!st)
		return;
	enter(st);
	for (i = st->depth; i > 0 && st->open[i - 1].name; i--)
		;
	if (i > 0)
		pop_to(st, i - 1, clock_mono_ns());
	leave(st);
}

void pp_agent_counter(const char *name, double value)
{
	int saved = errno;
	struct agent_slot *slot = agent_live() ? agent_slot_self() : NULL;

	if (slot && name) {
		size_t n = strnlen(name, STAGE_NAME_MAX);
		uint8_t *p =
			ring_begin(&slot->ring, SPOOL_COUNTER, (uint32_t)(sizeof value + n) + 1);

		if (p) {
			memcpy(p, &value, sizeof value);
			memcpy(p + sizeof value, name, n);
			p[sizeof value + n] = 0;
			ring_commit(&slot->ring, 0, 0, clock_mono_ns(),
				    (uint32_t)(sizeof value + n) + 1);
		}
	}
	errno = saved; /* the thread may have been attached just now */
}

/* ---- for the rest of the agent --------------------------------------------------------------- */

uint64_t agent_stages_in_handler(struct agent_slot *slot)
{
	struct stage_stack *st = slot->stages;
	uint32_t n;

	if (!st)
		return 0;
	if (!st->busy && !slot->ring.busy) {
		if (st->published < st->depth)
			stage_publish(st);
		if (st->folds)
			stage_fold_flush(st);
		if (st->depth && st->published == st->depth)
			mem_stage_changed(st->open[st->depth - 1].id);
	}
	n = st->published < st->depth ? st->published : st->depth;
	return n && n <= STAGE_DEPTH_MAX ? st->open[n - 1].id : 0;
}

/* In the middle of pp_stage_begin() and its kin (`busy`) nothing of ours allocates. */
static uint64_t published_stage(struct agent_slot *slot, int rarely)
{
	struct stage_stack *st = slot ? slot->stages : NULL;
	uint32_t n;

	if (!st || st->slot != slot)
		return 0;
	if (!st->busy && st->published < st->depth) {
		st->busy = 1;
		atomic_signal_fence(memory_order_seq_cst);
		if (!rarely || stage_may_publish(st, st->open[st->depth - 1].start_ns))
			stage_publish(st);
		atomic_signal_fence(memory_order_seq_cst);
		st->busy = 0;
	}
	n = st->published < st->depth ? st->published : st->depth;
	return n ? st->open[n - 1].id : 0;
}

uint64_t agent_stage_for_memory(struct agent_slot *slot)
{
	return published_stage(slot, 1);
}

uint64_t agent_stage_for_statement(struct agent_slot *slot)
{
	return published_stage(slot, 0);
}

void agent_stages_thread_end(struct agent_slot *slot)
{
	struct stage_stack *st = slot->stages;

	if (!st || st->slot != slot)
		return;
	enter(st);
	pop_to(st, 0, clock_mono_ns());
	stage_fold_flush(st);
	leave(st);
	slot->stages = NULL;
	slot->stage_id = 0;
	stage_stack_release(st);
}

void agent_stages_fork_child(struct agent_slot *slot)
{
	stage_stack_free_others(NULL);
	if (slot) {
		slot->stages = NULL;
		slot->stage_id = 0;
	}
}
