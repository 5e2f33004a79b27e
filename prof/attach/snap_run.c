/* Threads that run, for a snap: stopped for microseconds, or, where that is not wanted or not possible, told by
 * a perf event or looked at again. See snap.h. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "prof/attach/gap.h"
#include "prof/attach/perf.h"
#include "prof/attach/snap_internal.h"

#define STACK_BYTES 262144u           /* copied at a stop: what lies further out is read live */
#define ATTEMPTS    8                 /* a thread may fall asleep and wake up faster than we look */
#define ROUNDS      2                 /* the second for the few that were slower than that */
#define GLANCE_NS   INT64_C(10000000) /* for a first tick of 20 us of CPU time, on a busy machine */

/* Reasons that may be gone a moment later. */
static const char SLEPT[] = "ran and slept too fast to be read";
static const char LATE[] = "could not be stopped in time";

static const char *why_denied(int sys)
{
	switch (sys) {
	case EOPNOTSUPP:
		return "runs 32-bit code";
	case EPERM:
	case EACCES:
		return "runs, and may not be stopped";
	default:
		return "runs, and cannot be stopped";
	}
}

static int make_stopper(struct snap_maker *m)
{
	struct stop_options o = {.max_pause_ns = m->options->max_pause_ns};

	if (!m->copies)
		m->copies = malloc((size_t)SNAP_BATCH * STACK_BYTES);
	if (!m->copies)
		return ERR_NOMEM;
	if (!m->stopper)
		m->stopper = m->own = stopper_new(&o, NULL);
	return m->stopper ? 0 : ERR_LIMIT;
}

/* Registers and the stack from their stack pointer on, of a thread that ran: into m->stack. */
static void unwind_bytes(struct snap_maker *m, struct unwind_regs *regs, const uint8_t *stack,
			 size_t bytes)
{
	m->window->remote = &m->memory;
	m->window->copy = stack;
	m->window->copy_lo = regs->reg[UNWIND_SP];
	m->window->copy_bytes = bytes;
	m->stack->running = 1;
	attach_unwind(m->space, regs, m->window, m->cache, m->stack);
	if (m->stack->end == UNWIND_NO_RULE) {
		struct gap_cache cache = {.code.remote = &m->memory};

		gap_bridge(m->space, &cache, m->window, regs, m->stack);
	}
	m->stack->running = 0;
}

static int unwind_copy(struct snap_maker *m, struct stop_copy *c, struct snap_thread *t)
{
	unwind_bytes(m, &c->regs, c->stack, c->bytes);
	t->how = SNAP_STOPPED;
	t->why = NULL;
	t->pause_ns = c->pause_ns;
	return snap_keep(m, t);
}

/* 0, or ERR_NOMEM. */
static int take(struct snap_maker *m, struct stop_copy *c, struct snap_thread *t)
{
	switch (c->result) {
	case STOP_COPIED:
		return unwind_copy(m, c, t);
	case STOP_BLOCKED:
		t->why = SLEPT;
		return snap_look(m, t) == ERR_NOMEM ? ERR_NOMEM : 0;
	case STOP_GONE:
		t->tid = 0;
		return 0;
	case STOP_BUDGET:
		t->why = LATE;
		return 0;
	case STOP_TRACED:
		t->why = "runs under another tracer";
		return 0;
	case STOP_DENIED:
		t->why = why_denied(c->sys);
		return 0;
	}
	return 0;
}

static int is_running(const struct snap_thread *t)
{
	return t->tid && t->how == SNAP_NONE && t->call_state == PROC_CALL_RUNNING;
}

/* Is another attempt at stopping it worth it? */
static int is_wanted(const struct snap_thread *t)
{
	return is_running(t) && (!t->why || t->why == SLEPT || t->why == LATE);
}

/* The next rows from *at on that run: how many. */
static uint32_t next_rows(const struct snap_maker *m, uint32_t *at, uint32_t rows[SNAP_BATCH])
{
	uint32_t n = 0;

	for (; *at < m->snap->n && n < SNAP_BATCH; ++*at)
		if (is_wanted(&m->snap->threads[*at]))
			rows[n++] = *at;
	return n;
}

/* Those of them that still run, once. 1: some are left; 0: none, or nothing can be stopped; or ERR_NOMEM. */
static int attempt(struct snap_maker *m, const uint32_t *rows, uint32_t n)
{
	struct stop_copy copies[SNAP_BATCH];
	uint32_t of[SNAP_BATCH], asked = 0;
	int left = 0;

	for (uint32_t i = 0; i < n; i++) {
		if (!is_wanted(&m->snap->threads[rows[i]]))
			continue;
		of[asked] = rows[i];
		copies[asked] = (struct stop_copy){.tid = m->snap->threads[rows[i]].tid,
						   .stack = m->copies + (size_t)i * STACK_BYTES,
						   .size = STACK_BYTES};
		asked++;
	}
	if (asked == 0 || stop_and_copy(m->stopper, m->p->pid, copies, asked, NULL) != 0)
		return 0;
	for (uint32_t i = 0; i < asked; i++) {
		struct snap_thread *t = &m->snap->threads[of[i]];

		if (take(m, &copies[i], t) != 0)
			return ERR_NOMEM;
		left |= is_wanted(t);
	}
	return left;
}

/* ---- without a stop ---- */

/* Those that cannot be stopped: they may have fallen asleep by now. */
static int look_again(struct snap_maker *m, uint32_t first)
{
	for (uint32_t i = first; i < m->snap->n; i++) {
		struct snap_thread *t = &m->snap->threads[i];

		if (is_running(t) && snap_look(m, t) == ERR_NOMEM)
			return ERR_NOMEM;
	}
	return 0;
}

struct glance {
	struct snap_maker *m;
	uint32_t first;
};

static int take_sample(void *ctx, const struct perf_sample *sample)
{
	const struct glance *g = ctx;
	struct snap_maker *m = g->m;
	struct unwind_regs regs = sample->regs;

	if (!(regs.known >> UNWIND_SP & 1))
		return 0;
	for (uint32_t i = g->first; i < m->snap->n; i++) {
		struct snap_thread *t = &m->snap->threads[i];

		if (t->tid != sample->tid || !is_running(t))
			continue;
		unwind_bytes(m, &regs, sample->stack, sample->stack_bytes);
		t->how = SNAP_PERF;
		t->why = NULL;
		return snap_keep(m, t);
	}
	return 0;
}

/* By a perf event each. What is missing then keeps its reason. */
static int glance(struct snap_maker *m, uint32_t first)
{
	struct glance g = {m, first};
	const struct perf_handler each = {.ctx = &g, .sample = take_sample};
	uint32_t n = 0, room = m->snap->n - first;
	int *tids = room ? malloc(room * sizeof *tids) : NULL, rc;

	if (!tids)
		return room ? ERR_NOMEM : 0;
	for (uint32_t i = first; i < m->snap->n; i++)
		if (is_running(&m->snap->threads[i]))
			tids[n++] = m->snap->threads[i].tid;
	rc = perf_glance(tids, n, GLANCE_NS, STACK_BYTES, &each, NULL);
	free(tids);
	return rc == ERR_NOMEM ? rc : 0;
}

static void say_why(struct snap_maker *m, uint32_t first, const char *why)
{
	for (uint32_t i = first; i < m->snap->n; i++) {
		struct snap_thread *t = &m->snap->threads[i];

		if (is_running(t) && !t->why)
			t->why = why;
	}
}

static uint32_t count(const struct snap_maker *m, uint32_t first)
{
	uint32_t n = 0;

	for (uint32_t i = first; i < m->snap->n; i++)
		n += (uint32_t)is_running(&m->snap->threads[i]);
	return n;
}

/* A few at a time, until each has come: on a busy machine they wait for a CPU, and one that comes while others are asked
 * is let go without a copy. */
static int stop_them(struct snap_maker *m, uint32_t first)
{
	uint32_t rows[SNAP_BATCH], n, at;
	int rc = make_stopper(m);

	for (int round = 0; rc == 0 && round < ROUNDS; round++) {
		at = first;
		while (rc == 0 && (n = next_rows(m, &at, rows)) > 0) {
			int left = 1;

			for (int i = 0; i < ATTEMPTS && left > 0; i++)
				left = attempt(m, rows, n);
			rc = left < 0 ? left : 0;
		}
	}
	return rc == ERR_NOMEM ? ERR_NOMEM : 0;
}

int snap_running(struct snap_maker *m, uint32_t first)
{
	const char *why = "runs, and no thread of ours could be started to stop it";

	if (count(m, first) == 0)
		return 0;
	if (m->options->nonblocking)
		why = "runs, and was not to be stopped";
	else if (stop_them(m, first) != 0)
		return ERR_NOMEM;
	if (count(m, first) && (glance(m, first) != 0 || look_again(m, first) != 0))
		return ERR_NOMEM;
	say_why(m, first, why);
	return 0;
}
