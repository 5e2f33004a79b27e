/* Stages that threads have open: private to stage.c (the API) and stage_stack.c (stacks and records). One
 * stack per thread, in memory of the agent's own that is never unmapped; written by its thread, read by
 * the tick's handler of that thread, which keeps away while `busy` stands. */
#ifndef AGENT_STAGE_H
#define AGENT_STAGE_H

#include <stdatomic.h>
#include <stdint.h>

#include "prof/agent/agent.h"
#include "prof/heap/heap.h"

#define STAGE_DEPTH_MAX  1024
#define STAGE_PARAMS_MAX 8
#define STAGE_NAME_MAX   255
#define STAGE_STACKS_MAX 8192
#define STAGE_FOLDS      8
#define STAGE_NAMES      64    /* names whose number is counted, by a hash of their address */
#define STAGE_ROWS_MAX   10000 /* of one name: the store folds beyond it, so the agent may */

struct stage_param {
	const char *name;
	double value;
};

/* What the thread had allocated when the stage began, and the mark of the process's heap since then; in a
 * record: what that came to. -1: not measured. */
struct stage_memory {
	int64_t alloc_bytes, alloc_count;
	struct heap_mark mark;
};

struct stage_open {
	uint64_t id, parent;
	const char *name; /* NULL: not a stage of this thread but one it adopted */
	int64_t start_ns, start_cpu_ns;
	double items;
	_Atomic uint64_t ended_id; /* == id: another thread ended it, */
	_Atomic int64_t ended_ns;  /* at this time */
	struct stage_memory memory;
	uint16_t flags; /* enum spool_stage_flags */
	uint32_t n_params;
	struct stage_param params[STAGE_PARAMS_MAX];
};

struct stage_folded {
	const char *name; /* NULL: not in use */
	struct spool_stage_fold sum;
	int64_t last_ns;
};

struct stage_stack {
	_Atomic uint32_t used; /* by a thread */
	uint32_t index;        /* place in the table of stacks */
	uint32_t epoch;        /* of the recording its contents belong to */
	uint32_t serial, seq;  /* make the next id */
	struct agent_slot *slot;
	volatile uint32_t busy;  /* its thread is changing it */
	volatile uint32_t depth; /* open[0 … depth - 1] */
	volatile uint32_t
		published;      /* of them open[0 … published - 1] have their BEGIN in the ring */
	_Atomic uint32_t asked; /* another thread ended one of them */
	int64_t clock_ns, clock_cpu_ns; /* last look at the CPU clock, and when */
	int64_t credit_ns;              /* last refill of `credit` */
	uint32_t credit;                /* BEGIN records that may be written at once */
	uint32_t folds;                 /* in use */
	struct stage_folded fold[STAGE_FOLDS];
	struct {
		const char *name;
		uint32_t count;
	} names[STAGE_NAMES];
	struct stage_open open[STAGE_DEPTH_MAX];
};

/* Counts recordings of this process: what was begun in one means nothing in the next. */
extern _Atomic uint32_t stage_epoch;

/* The calling thread's stack, made at first use; NULL: nothing is recorded, or no memory. */
struct stage_stack *stage_stack_self(void);
struct stage_stack *stage_stack_at(uint32_t index); /* NULL: none */
void stage_stack_free_others(struct stage_stack *keep);
void stage_stack_release(struct stage_stack *st);
/* The thread's CPU clock: exact when the last look is some time ago, else that plus the time since. */
int64_t stage_cpu_ns(struct stage_stack *st, int64_t now_ns);
uint64_t stage_next_id(struct stage_stack *st);
/* A stage that is adopted (`mark` 0) has no peak: its own thread sees to that. */
void stage_memory_begin(struct stage_memory *m, int mark);
/* Another thread ends it, if its mark is the one with `serial`. */
void stage_memory_end_of(struct stage_memory *m, uint64_t serial);
/* Writes BEGIN of all stages that have none yet; with `st->busy` set, or in the handler without it. */
void stage_publish(struct stage_stack *st);
/* May BEGIN be written at once, or does this thread begin too many stages for that? */
int stage_may_publish(struct stage_stack *st, int64_t now_ns);
/* Closes open[depth - 1]; with `st->busy` set. */
void stage_pop(struct stage_stack *st, int64_t end_ns);
void stage_fold_flush(struct stage_stack *st);

#endif
