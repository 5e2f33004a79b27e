/* How large a batch may be: memory of a worker = base + shared + items * per item, and time = start + items * each, out of
 * stages that ran with different numbers of items; from these the largest batch under a limit, how long it takes, and how
 * many workers fit side by side. What is shared (files, shared memory) is there once, however many workers map it.
 * Pure but for the profiles that it reads. */
#ifndef ANALYZE_BATCH_H
#define ANALYZE_BATCH_H

#include <stddef.h>
#include <stdint.h>

#include "prof/analyze/line_fit.h"
#include "prof/base/err.h"
#include "prof/model/profile.h"

/* ---- what was measured ---- */

enum batch_memory { BATCH_RSS, BATCH_HEAP };

struct batch_point { /* the stages of one size in one run */
	double items;
	double memory;          /* bytes, the highest; NAN: not measured */
	double shared;          /* of it, of files and shared memory; NAN: not known */
	double wall_ns, cpu_ns; /* medians */
	uint32_t run;           /* which one, as they were added */
	uint32_t n;             /* stages */
	uint32_t n_memory;      /* of them those whose memory was measured */
	int left_out;           /* as wrong, by the fit of memory */
};

struct batch_stage {                /* of a name */
	const char *name;           /* borrowed from `names` */
	struct batch_point *points; /* owned; by run, then items */
	size_t n;
	uint64_t stages;   /* closed ones of that name */
	uint64_t no_items; /* those without a number of items */
	uint64_t
		after; /* whose resident memory a larger batch before them in the process left behind */
	uint64_t folded;    /* too many of a name: only their sum is known */
	uint64_t processes; /* when several ran at once: what is shared is not known */
	uint64_t no_memory; /* too short for their memory to be measured */
	double failed_at;   /* the smallest size that a run which failed had last; 0: none */
};

struct batch_data { /* zeroed is empty */
	struct batch_stage *
		stages; /* owned; in the order of their first appearance. The first is that without a name */
	size_t n;
	struct strtab *names;                     /* owned; a stage's number is its name's */
	uint32_t runs, failed, unfinished, lossy; /* failed: not among the runs, left out */
	struct strtab *machines;                  /* owned: host and CPU model of runs */
};

/* The stages of a run; items are the stage's own, or its parameter `param`. Of a run that failed (by a signal or its exit
 * code) only the size that it had last is kept. `p` is read with STORE_READ_STAGES and _COUNTERS. On failure `d` may hold a
 * part of it. */
int batch_add_run(struct batch_data *d, const struct profile *p, const char *param,
		  enum batch_memory memory, struct err *err);
void batch_data_release(struct batch_data *d);

/* ---- what it says ---- */

enum batch_reason {
	BATCH_FITTED,
	BATCH_NO_ITEMS,      /* no stage has a number of items */
	BATCH_ONE_SIZE,      /* all had the same */
	BATCH_NO_MEMORY,     /* was not measured */
	BATCH_DOES_NOT_GROW, /* larger batches do not use more */
	BATCH_NOT_FINITE,
};
const char *
batch_reason_text(enum batch_reason r); /* a plain sentence: what cannot be said, and what to do */

struct batch_model {
	enum batch_reason reason;
	double base, shared, per_item;                /* bytes */
	double lo, hi;                                /* of per_item; NAN: cannot be said */
	int given_base, given_shared, given_per_item; /* by the user, not measured */
	int shared_known;
	struct line_fit memory, wall, cpu; /* sizes < 2: there is none */
	struct line_fit shared_line; /* likewise; what of it grows with items is in per_item */
	double steep; /* bytes per item between the two largest sizes, if it is much more than before; else 0 */
	double steep_from, steep_to; /* these sizes */
};

/* Numbers of the user, NAN: not given. */
struct batch_given {
	double base, shared, per_item;
};

/* `s` may be NULL when all is given. 0 or ERR_NOMEM; what cannot be said is in `reason`. Marks points left out. */
int batch_fit(struct batch_model *m, struct batch_stage *s, const struct batch_given *given,
	      struct err *err);

/* ---- the plan ---- */

struct batch_limits {
	double memory;   /* bytes of the machine or container */
	double headroom; /* part of it that may be used, over 0 up to 1 */
	double cpus;     /* for all workers; 0: do not mind */
	int optimistic;  /* per item as estimated, not the upper end */
};

struct batch_row {
	double items;
	double memory;          /* of one worker, with what is shared */
	double latency, lo, hi; /* ns, and where a batch will be in 95 of 100; NAN: not known */
	double per_second;      /* items, of one worker; NAN: not known */
	double workers;         /* that fit: a whole number */
	double useful;          /* of them: more find no free CPU; NAN: not known */
	double all_per_second;  /* items of these; NAN: not known */
	int measured;
};

#define BATCH_ROWS_MAX  24
#define BATCH_ITEMS_MAX 1e15 /* more is no batch */

struct batch_plan {
	double usable;      /* memory * headroom */
	double for_items;   /* usable - base - shared; may be below 0 */
	double per_item;    /* planned with */
	double exact;       /* for_items / per_item */
	double largest;     /* items that fit; 0: not one */
	double at_estimate; /* with per_item as estimated */
	int bends; /* largest is that of the measured sizes: memory grows faster than the line */
	double too_large; /* a size that was measured, and did not fit where the line says it does; else 0 */
	double failed_at; /* a size at which a run failed where the line says it fits; else 0 */
	struct batch_row rows[BATCH_ROWS_MAX];
	size_t n_rows;
	size_t best; /* row of the most items per second in all, of nearly equal ones that of the least latency; SIZE_MAX: not known */
};

/* `m` is fitted (BATCH_FITTED); `s` may be NULL. */
void batch_plan_make(struct batch_plan *plan, const struct batch_model *m,
		     const struct batch_stage *s, const struct batch_limits *limits);

#endif
