/* Stacks of open stages and what becomes of a stage when it ends: BEGIN and END in the ring, one WHOLE
 * record for a short one in which nothing happened, or a place in a sum when there are so many that rows
 * of their own are worth nothing. Normal context, except stage_publish() and stage_fold_flush(), which
 * the tick's handler may call when `busy` is not set. */
#include <errno.h>
#include <math.h>
#include <string.h>
#include <sys/mman.h>

#include "prof/agent/mem.h"
#include "prof/agent/stage.h"
#include "prof/base/clock.h"

#define CPU_LOOK_NS                                                                                \
	32000 /* the CPU clock is a system call of 0.2 to 0.7 us: at most 2 % of the time */
#define CREDIT_MAX    64      /* nested phases at a program's start get their BEGIN at once, */
#define CREDIT_EACH   1000000 /* then one per millisecond */
#define FOLD_FLUSH_NS 100000000
#define NAME_PROBES   4

_Atomic uint32_t stage_epoch = 1;

static _Atomic(struct stage_stack *) stacks[STAGE_STACKS_MAX];
static _Atomic uint32_t stacks_made, serials;
static __thread struct stage_stack *self;

struct stage_stack *stage_stack_at(uint32_t index)
{
	if (index >= STAGE_STACKS_MAX)
		return NULL;
	return atomic_load_explicit(&stacks[index], memory_order_acquire);
}

static struct stage_stack *stack_reuse(void)
{
	uint32_t n = atomic_load(&stacks_made);

	for (uint32_t i = 0; i < n && i < STAGE_STACKS_MAX; i++) {
		struct stage_stack *st = stage_stack_at(i);
		uint32_t unused = 0;

		if (st && atomic_compare_exchange_strong(&st->used, &unused, 1))
			return st;
	}
	return NULL;
}

static struct stage_stack *stack_make(void)
{
	struct stage_stack *st = stack_reuse();
	uint32_t index;

	if (st)
		return st;
	index = atomic_fetch_add(&stacks_made, 1);
	if (index >= STAGE_STACKS_MAX) {
		atomic_store(&stacks_made, STAGE_STACKS_MAX);
		return NULL;
	}
	st = mmap(NULL, sizeof *st, PROT_READ | PROT_WRITE,
		  MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (st == MAP_FAILED)
		return NULL;
	st->index = index;
	atomic_store(&st->used, 1);
	atomic_store_explicit(&stacks[index], st, memory_order_release);
	return st;
}

static void stack_reset(struct stage_stack *st, struct agent_slot *slot)
{
	st->busy = 1;
	st->depth = st->published = 0;
	atomic_store(&st->asked, 0);
	st->folds = 0;
	memset(st->fold, 0, sizeof st->fold);
	memset(st->names, 0, sizeof st->names);
	st->serial = atomic_fetch_add(&serials, 1) + 1;
	st->seq = 0;
	st->clock_ns = st->clock_cpu_ns = 0;
	st->credit = CREDIT_MAX;
	st->credit_ns = 0;
	st->slot = slot;
	st->epoch = atomic_load(&stage_epoch);
	atomic_signal_fence(memory_order_seq_cst);
	st->busy = 0;
	slot->stage_id = 0;
	slot->stages = st;
}

/* Kept out of line: once per thread and recording. */
static __attribute__((noinline)) struct stage_stack *stack_attach(void)
{
	int saved = errno;
	struct agent_slot *slot = agent_slot_self();

	if (slot && !self)
		self = stack_make();
	if (slot && self)
		stack_reset(self, slot);
	errno = saved;
	return slot ? self : NULL;
}

struct stage_stack *stage_stack_self(void)
{
	struct stage_stack *st = self;

	if (!agent_live())
		return NULL;
	if (__builtin_expect(
		    st && st->epoch == atomic_load_explicit(&stage_epoch, memory_order_relaxed), 1))
		return st;
	return stack_attach();
}

void stage_stack_release(struct stage_stack *st)
{
	if (st == self)
		self = NULL;
	st->slot = NULL;
	atomic_store(&st->used, 0);
}

void stage_stack_free_others(struct stage_stack *keep)
{
	uint32_t n = atomic_load(&stacks_made);

	for (uint32_t i = 0; i < n && i < STAGE_STACKS_MAX; i++) {
		struct stage_stack *st = stage_stack_at(i);

		if (st && st != keep)
			atomic_store(&st->used, 0);
	}
	if (self != keep)
		self = NULL;
}

int64_t stage_cpu_ns(struct stage_stack *st, int64_t now_ns)
{
	int64_t passed = now_ns - st->clock_ns, cpu;

	if (passed >= 0 && passed < CPU_LOOK_NS)
		return st->clock_cpu_ns + passed;
	cpu = agent_thread_cpu_ns();
	st->clock_ns = now_ns;
	if (cpu > st->clock_cpu_ns) /* an estimate may have run ahead of the clock */
		st->clock_cpu_ns = cpu;
	return st->clock_cpu_ns;
}

/* Marks take locks, so handlers are kept out of them. A handler that has a stage of its own, in the middle of
 * our work, has it without memory. */
void stage_memory_begin(struct stage_memory *m, int mark)
{
	struct mem_thread *t = mem_enter();
	uint64_t bytes = 0, count = 0;

	m->mark = (struct heap_mark){.peak_bytes = -1};
	m->alloc_bytes = m->alloc_count = -1;
	if (!t)
		return;
	if (mem_totals(&bytes, &count) == 0) {
		m->alloc_bytes = (int64_t)bytes;
		m->alloc_count = (int64_t)count;
	}
	if (mark)
		heap_mark_begin(mem_heap_thread(t), &m->mark);
	mem_leave(t);
}

/* In m->mark.peak_bytes, too. Sums below the first ones are those of another recording. */
static void memory_end(struct stage_memory *m)
{
	struct mem_thread *t = m->alloc_bytes >= 0 ? mem_enter() : NULL;
	uint64_t bytes = 0, count = 0;

	if (t && mem_totals(&bytes, &count) == 0 && bytes >= (uint64_t)m->alloc_bytes &&
	    count >= (uint64_t)m->alloc_count) {
		m->alloc_bytes = (int64_t)bytes - m->alloc_bytes;
		m->alloc_count = (int64_t)count - m->alloc_count;
	} else {
		m->alloc_bytes = m->alloc_count = -1;
	}
	if (!t)
		return;
	(void)heap_mark_end(mem_heap_thread(t), &m->mark);
	mem_leave(t);
}

void stage_memory_end_of(struct stage_memory *m, uint64_t serial)
{
	struct mem_thread *t = mem_enter();

	if (!t)
		return;
	heap_mark_end_of(mem_heap_thread(t), &m->mark, serial);
	mem_leave(t);
}

uint64_t stage_next_id(struct stage_stack *st)
{
	if (++st->seq == 0) {
		st->serial = atomic_fetch_add(&serials, 1) + 1;
		st->seq = 1;
	}
	return (uint64_t)st->serial << 32 | st->seq;
}

/* ---- records --------------------------------------------------------------------------------- */

/* Bytes of a name that are kept: at most STAGE_NAME_MAX, no UTF-8 character in parts. */
static uint32_t name_bytes(const char *name)
{
	size_t n = strnlen(name, STAGE_NAME_MAX + 1);

	if (n <= STAGE_NAME_MAX)
		return (uint32_t)n;
	for (n = STAGE_NAME_MAX; n > STAGE_NAME_MAX - 3 && ((unsigned char)name[n] & 0xc0) == 0x80;)
		n--;
	return (uint32_t)n;
}

static int write_begin(struct stage_stack *st, const struct stage_open *o)
{
	struct spool_stage_begin b = {o->id, o->parent, o->start_cpu_ns};
	uint32_t name = name_bytes(o->name);
	uint8_t *p = ring_begin(&st->slot->ring, SPOOL_STAGE_BEGIN, sizeof b + name + 1);

	if (!p)
		return -1;
	memcpy(p, &b, sizeof b);
	memcpy(p + sizeof b, o->name, name);
	p[sizeof b + name] = 0;
	ring_commit(&st->slot->ring, 0, 0, o->start_ns, (uint32_t)sizeof b + name + 1);
	return 0;
}

void stage_publish(struct stage_stack *st)
{
	while (st->published < st->depth) {
		const struct stage_open *o = &st->open[st->published];

		if (o->name && write_begin(st, o) < 0)
			return;
		st->published = st->published + 1;
	}
}

int stage_may_publish(struct stage_stack *st, int64_t now_ns)
{
	int64_t more = (now_ns - st->credit_ns) / CREDIT_EACH;

	if (more > 0) {
		st->credit =
			more >= CREDIT_MAX - st->credit ? CREDIT_MAX : st->credit + (uint32_t)more;
		st->credit_ns = now_ns;
	}
	if (st->credit == 0)
		return 0;
	st->credit--;
	return 1;
}

static uint8_t *put_params(uint8_t *p, const struct stage_open *o)
{
	for (uint32_t i = 0; i < o->n_params; i++) {
		struct spool_param param;
		size_t n = strnlen(o->params[i].name, sizeof param.name - 1);

		memset(&param, 0, sizeof param);
		memcpy(param.name, o->params[i].name, n);
		param.value = o->params[i].value;
		memcpy(p, &param, sizeof param);
		p += sizeof param;
	}
	return p;
}

static void write_end(struct stage_stack *st, const struct stage_open *o, int64_t end_ns,
		      int64_t cpu_ns)
{
	struct spool_stage_end e = {o->id,
				    cpu_ns,
				    o->items,
				    o->memory.alloc_bytes,
				    o->memory.alloc_count,
				    o->memory.mark.peak_bytes,
				    -1};
	uint32_t bytes = (uint32_t)(sizeof e + o->n_params * sizeof(struct spool_param));
	uint8_t *p = ring_begin(&st->slot->ring, SPOOL_STAGE_END, bytes);

	if (!p)
		return;
	memcpy(p, &e, sizeof e);
	put_params(p + sizeof e, o);
	ring_commit(&st->slot->ring, o->flags, o->n_params, end_ns, bytes);
}

static int write_whole(struct stage_stack *st, const struct stage_open *o, int64_t end_ns,
		       int64_t cpu_ns)
{
	struct spool_stage_whole w = {o->id,
				      o->parent,
				      end_ns - o->start_ns,
				      cpu_ns,
				      o->items,
				      o->memory.alloc_bytes,
				      o->memory.alloc_count,
				      o->memory.mark.peak_bytes,
				      -1};
	uint32_t name = name_bytes(o->name);
	uint32_t bytes = (uint32_t)(sizeof w + o->n_params * sizeof(struct spool_param)) + name + 1;
	uint8_t *p = ring_begin(&st->slot->ring, SPOOL_STAGE_WHOLE, bytes);

	if (!p)
		return -1;
	memcpy(p, &w, sizeof w);
	p = put_params(p + sizeof w, o);
	memcpy(p, o->name, name);
	p[name] = 0;
	ring_commit(&st->slot->ring, o->flags, o->n_params, end_ns, bytes);
	return 0;
}

/* ---- floods ---------------------------------------------------------------------------------- */

static void fold_write(struct stage_stack *st, struct stage_folded *f)
{
	uint32_t name = name_bytes(f->name);
	uint8_t *p =
		ring_begin(&st->slot->ring, SPOOL_STAGE_FOLD, (uint32_t)sizeof f->sum + name + 1);

	if (p) {
		memcpy(p, &f->sum, sizeof f->sum);
		memcpy(p + sizeof f->sum, f->name, name);
		p[sizeof f->sum + name] = 0;
		ring_commit(&st->slot->ring, 0, 0, f->last_ns, (uint32_t)sizeof f->sum + name + 1);
	} else if (f->sum.count > 1) { /* ring_begin() counted one record, not what it stood for */
		ring_loss(&st->slot->ring, SPOOL_LOSS_RING_FULL, f->sum.count - 1);
	}
	f->name = NULL;
	st->folds--;
}

void stage_fold_flush(struct stage_stack *st)
{
	for (uint32_t i = 0; st->folds && i < STAGE_FOLDS; i++)
		if (st->fold[i].name)
			fold_write(st, &st->fold[i]);
}

/* The sum that stages of this name and parent go to; the oldest makes room for a new one. */
static struct stage_folded *fold_find(struct stage_stack *st, const struct stage_open *o)
{
	struct stage_folded *unused = NULL, *oldest = &st->fold[0];

	for (uint32_t i = 0; i < STAGE_FOLDS; i++) {
		struct stage_folded *f = &st->fold[i];

		if (f->name == o->name && f->sum.parent == o->parent)
			return f;
		if (!f->name)
			unused = f;
		else if (f->sum.first_ns < oldest->sum.first_ns)
			oldest = f;
	}
	if (!unused) {
		fold_write(st, oldest);
		unused = oldest;
	}
	unused->sum = (struct spool_stage_fold){.parent = o->parent,
						.first_ns = o->start_ns,
						.wall_min_ns = INT64_MAX,
						.items = NAN,
						.alloc_bytes = -1,
						.alloc_count = -1,
						.peak_heap_bytes = -1};
	unused->name = o->name;
	st->folds++;
	return unused;
}

static void fold_add(struct stage_stack *st, const struct stage_open *o, int64_t end_ns,
		     int64_t cpu_ns)
{
	struct stage_folded *f = fold_find(st, o);
	int64_t wall = end_ns - o->start_ns;

	f->sum.count++;
	f->sum.wall_ns += wall;
	f->sum.cpu_ns += cpu_ns;
	if (wall < f->sum.wall_min_ns)
		f->sum.wall_min_ns = wall;
	if (wall > f->sum.wall_max_ns)
		f->sum.wall_max_ns = wall;
	if (!isnan(o->items))
		f->sum.items = isnan(f->sum.items) ? o->items : f->sum.items + o->items;
	if (o->memory.alloc_bytes >= 0) {
		f->sum.alloc_bytes += o->memory.alloc_bytes + (f->sum.alloc_bytes < 0);
		f->sum.alloc_count += o->memory.alloc_count + (f->sum.alloc_count < 0);
	}
	if (f->sum.peak_heap_bytes < o->memory.mark.peak_bytes)
		f->sum.peak_heap_bytes = o->memory.mark.peak_bytes;
	f->last_ns = end_ns;
	if (end_ns - f->sum.first_ns > FOLD_FLUSH_NS)
		fold_write(st, f);
}

/* How often this name has ended on this thread, as far as the small table remembers. */
static uint32_t name_count(struct stage_stack *st, const char *name)
{
	uint64_t hash = ((uintptr_t)name >> 2) * 0x9e3779b97f4a7c15u;
	uint32_t at = (uint32_t)(hash >> 58), victim = at;

	for (uint32_t i = 0; i < NAME_PROBES; i++) {
		uint32_t k = (at + i) % STAGE_NAMES;

		if (st->names[k].name == name)
			return ++st->names[k].count;
		if (st->names[k].count < st->names[victim].count)
			victim = k;
	}
	st->names[victim].name = name;
	st->names[victim].count = 1;
	return 1;
}

/* A leaf that has no BEGIN: one record, or a place in a sum. A stage with parameters is worth a row of
 * its own for longer: the cost model reads them. */
static void end_whole(struct stage_stack *st, const struct stage_open *o, int64_t end_ns,
		      int64_t cpu_ns)
{
	struct ring_writer *ring = &st->slot->ring;
	uint32_t count = name_count(st, o->name);

	stage_publish(st); /* those around it */
	if (count <= STAGE_ROWS_MAX && ring_room(ring) > ring->size / 4 &&
	    write_whole(st, o, end_ns, cpu_ns) == 0)
		return;
	fold_add(st, o, end_ns, cpu_ns);
}

static void fold_flush_parent(struct stage_stack *st, uint64_t parent)
{
	for (uint32_t i = 0; st->folds && i < STAGE_FOLDS; i++)
		if (st->fold[i].name && st->fold[i].sum.parent == parent)
			fold_write(st, &st->fold[i]);
}

static void end_adopted(struct stage_stack *st, const struct stage_open *o, int64_t cpu_ns)
{
	struct spool_stage_add add = {o->id, cpu_ns, o->memory.alloc_bytes, o->memory.alloc_count};

	if (o->id)
		agent_write(st->slot, SPOOL_STAGE_ADD, 0, clock_mono_ns(), &add, sizeof add, NULL,
			    0);
}

void stage_pop(struct stage_stack *st, int64_t end_ns)
{
	uint32_t at = st->depth - 1, had_begin = st->published > at;
	struct stage_open *o = &st->open[at];
	int64_t cpu_ns = stage_cpu_ns(st, end_ns) - o->start_cpu_ns;

	memory_end(&o->memory);
	if (atomic_load_explicit(&o->ended_id, memory_order_acquire) == o->id && o->name) {
		end_ns = atomic_load_explicit(&o->ended_ns, memory_order_relaxed);
		if (end_ns < o->start_ns)
			end_ns = o->start_ns;
	}
	if (cpu_ns < 0)
		cpu_ns = 0;
	if (cpu_ns > end_ns - o->start_ns)
		cpu_ns = end_ns - o->start_ns;
	st->slot->stage_id = at ? st->open[at - 1].id : 0;
	if (st->folds && o->name)
		fold_flush_parent(st, o->id);
	st->depth = at;
	if (had_begin)
		st->published = at;
	if (!o->name)
		end_adopted(st, o, cpu_ns);
	else if (had_begin)
		write_end(st, o, end_ns, cpu_ns);
	else
		end_whole(st, o, end_ns, cpu_ns);
}
