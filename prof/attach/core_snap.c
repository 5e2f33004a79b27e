/* The threads of a core with their stacks: registers of NT_PRSTATUS, unwound over the core's memory. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "prof/attach/core.h"
#include "prof/attach/core_internal.h"
#include "prof/base/clock.h"
#include "prof/unwind/unwind.h"

#define COMPAT_CS 0x23 /* __USER32_CS of the kernel: the thread ran 32-bit code */

struct walk {
	struct core *c;
	struct unwind_memory memory;
	struct unwind_cache *cache;
	uint64_t *addresses; /* of the thread at hand */
	uint32_t max;
};

/* ---- one stack ---- */

static void take_regs(struct unwind_regs *regs, const struct core_thread *t)
{
	static const uint8_t places[UNWIND_NREGS] = {
		CORE_AX,  CORE_DX,  CORE_CX,  CORE_BX,  CORE_SI,  CORE_DI,
		CORE_BP,  CORE_SP,  CORE_R8,  CORE_R9,  CORE_R10, CORE_R11,
		CORE_R12, CORE_R13, CORE_R14, CORE_R15, CORE_IP};
	uint32_t i;

	for (i = 0; i < UNWIND_NREGS; i++)
		regs->reg[i] = t->reg[places[i]];
	regs->known = (1u << UNWIND_NREGS) - 1;
}

static uint64_t load_word(const struct core *c, uint64_t address)
{
	uint64_t word = 0;

	return core_memory_read(&c->memory, address, &word, sizeof(word)) == sizeof(word) ? word
											  : 0;
}

/* A call through a bad pointer ends where there is no code; it has pushed where it came from, and no more. */
static uint32_t leave_wild_call(struct walk *w, struct unwind_regs *regs)
{
	uint64_t from;

	if (attach_space_is_code(w->c->space, regs->reg[UNWIND_IP]))
		return 0;
	w->addresses[0] = regs->reg[UNWIND_IP];
	from = load_word(w->c, regs->reg[UNWIND_SP]);
	if (!from || !attach_space_is_code(w->c->space, from - 1))
		return 1;
	regs->reg[UNWIND_IP] = from;
	regs->reg[UNWIND_SP] += sizeof(from);
	regs->known |= UNWIND_IP_IS_RETURN;
	return 1;
}

static void walk_stack(struct walk *w, const struct core_thread *t, struct snap_thread *row)
{
	struct unwind_result found = {.end = UNWIND_DEPTH};
	struct unwind_regs regs;
	uint32_t n;

	take_regs(&regs, t);
	n = leave_wild_call(w, &regs);
	if (n < w->max)
		found = unwind(&regs, &w->memory, attach_space_map(w->c->space), w->cache,
			       w->addresses + n, w->max - n);
	n += found.n;
	/* The frame that led no further is one, if it is code. */
	if (found.end != UNWIND_ROOT && found.end != UNWIND_DEPTH && n < w->max &&
	    attach_space_is_code(w->c->space, unwind_lookup(&regs)))
		w->addresses[n++] = unwind_lookup(&regs);
	row->n_frames = n;
	row->guessed = found.guessed;
	row->end = found.end;
}

/* ---- one thread ---- */

static void name_signal(const struct core *c, const struct core_thread *t, struct snap_thread *row)
{
	const char *name = sigabbrev_np(t->signal);
	char number[16];

	snprintf(number, sizeof(number), "%d", t->signal);
	if (!t->has_info || t->info_signal != t->signal)
		snprintf(row->signal, sizeof(row->signal), "%s%s", name ? "SIG" : "signal ",
			 name ? name : number);
	else if (t->info_code > 0 && (t->signal == SIGSEGV || t->signal == SIGBUS ||
				      t->signal == SIGILL || t->signal == SIGFPE))
		snprintf(row->signal, sizeof(row->signal), "SIG%s at 0x%llx", name,
			 (unsigned long long)t->info_address);
	else if (t->info_code <= 0 && t->info_address && (int)t->info_address != c->file.pid)
		snprintf(row->signal, sizeof(row->signal), "%s%s from process %d",
			 name ? "SIG" : "signal ", name ? name : number, (int)t->info_address);
	else
		snprintf(row->signal, sizeof(row->signal), "%s%s", name ? "SIG" : "signal ",
			 name ? name : number);
}

static int add_row(struct walk *w, const struct core_thread *t, struct snap *s, struct err *err)
{
	struct snap_thread *row = snap_add(s);

	if (!row)
		return err_nomem(err, "the threads of a core file");
	row->tid = row->ns_tid = t->tid;
	if (t->tid == w->c->file.pid)
		snprintf(row->name, sizeof(row->name), "%s", w->c->file.name);
	row->cpu_ns = t->cpu_ns;
	row->how = SNAP_CORE;
	core_describe_call(w->c, t, row);
	row->state = row->call_state == PROC_CALL_IN ? PROFILE_SLEEPING : PROFILE_RUNNING;
	row->letter = row->call_state == PROC_CALL_IN ? 'S' : 'R';
	if ((t->reg[CORE_CS] & 0xffff) == COMPAT_CS) {
		row->how = SNAP_NONE;
		row->why = "it ran 32-bit code";
		return 0;
	}
	walk_stack(w, t, row);
	row->addresses = malloc((row->n_frames ? row->n_frames : 1) * sizeof(*row->addresses));
	if (!row->addresses)
		return err_nomem(err, "the stack of a thread");
	memcpy(row->addresses, w->addresses, row->n_frames * sizeof(*row->addresses));
	return 0;
}

/* ---- all threads ---- */

/* The one that a signal ended: of a kernel's core the first, of gcore's none unless a debugger saw one coming. */
static const struct core_thread *victim(const struct core *c)
{
	const struct core_thread *first = &c->file.threads[0];

	return first->signal ? first : NULL;
}

struct order {
	const struct core *c;
	const struct core_thread **rows;
};

static int by_order(const void *a, const void *b, void *ctx)
{
	const struct core_thread *x = *(const struct core_thread *const *)a;
	const struct core_thread *y = *(const struct core_thread *const *)b;
	const struct core *c = ctx;
	const struct core_thread *first = victim(c);
	int rank_x = x == first ? 0 : x->tid == c->file.pid ? 1 : 2;
	int rank_y = y == first ? 0 : y->tid == c->file.pid ? 1 : 2;

	if (rank_x != rank_y)
		return rank_x - rank_y;
	return (x->tid > y->tid) - (x->tid < y->tid);
}

/* For the main thread the kernel writes the time of all: fill_prstatus() in fs/binfmt_elf.c. */
static void correct_main_cpu(struct core *c, struct snap *s)
{
	int64_t others = 0;
	uint32_t i;

	for (i = 0; i < s->n; i++)
		if (s->threads[i].tid != c->file.pid)
			others += s->threads[i].cpu_ns;
	for (i = 0; i < s->n; i++)
		if (s->threads[i].tid == c->file.pid)
			s->threads[i].cpu_ns =
				s->threads[i].cpu_ns > others ? s->threads[i].cpu_ns - others : 0;
}

static void name_process(const struct core *c, struct snap *s)
{
	const struct core_mapping *program = core_file_mapping(&c->file, c->file.entry);
	const char *name = program ? strrchr(program->path, '/') : NULL;

	snprintf(s->name, sizeof(s->name), "%s", name && name[1] ? name + 1 : c->file.name);
}

static int snap_all(struct walk *w, const struct core_thread **rows, struct snap *s,
		    struct err *err)
{
	const struct core_thread *first = victim(w->c);
	uint32_t i;
	int rc = 0;

	for (i = 0; i < w->c->file.n_threads; i++)
		rows[i] = &w->c->file.threads[i];
	qsort_r(rows, w->c->file.n_threads, sizeof(*rows), by_order, w->c);
	for (i = 0; i < w->c->file.n_threads && rc == 0; i++)
		rc = add_row(w, rows[i], s, err);
	if (rc == 0 && first)
		name_signal(w->c, first, &s->threads[0]);
	correct_main_cpu(w->c, s);
	return rc;
}

int core_snap(struct core *c, struct snap *s, uint32_t max_frames, struct err *err)
{
	uint32_t max = max_frames && max_frames < UNWIND_DEPTH_MAX ? max_frames : UNWIND_DEPTH_MAX;
	struct walk w = {.c = c, .max = max};
	const struct core_thread **rows = calloc(c->file.n_threads, sizeof(*rows));
	int64_t begin = clock_mono_ns();
	int rc;

	w.addresses = malloc(max * sizeof(*w.addresses));
	w.cache = aligned_alloc(64, (unwind_cache_bytes() + 63) & ~(size_t)63);
	if (w.cache)
		memset(w.cache, 0, unwind_cache_bytes());
	if (rows && w.addresses && w.cache) {
		s->pid = c->file.pid;
		s->at_ns = begin;
		name_process(c, s);
		core_memory_window(&c->memory, &w.memory);
		rc = snap_all(&w, rows, s, err);
	} else {
		rc = err_nomem(err, "the threads of a core file");
	}
	free(w.cache);
	free(w.addresses);
	free(rows);
	s->took_ns = clock_mono_ns() - begin;
	return rc;
}
