/* Two groups of runs of one kind of sample: which functions (lines, modules, stages, call paths) cost more or less,
 * by how much, how sure that is, and on which call path and in which stage it happened. Functions are the same when
 * they have the same name in a module of the same name, whatever its folder or version; those that still have no
 * partner are matched by name alone. Pure: no store, no files. docs/diff.md says what the numbers mean. */
#ifndef ANALYZE_COMPARE_H
#define ANALYZE_COMPARE_H

#include <stddef.h>
#include <stdint.h>

#include "prof/analyze/hot.h"
#include "prof/base/err.h"
#include "prof/model/profile.h"

enum compare_by {
	COMPARE_BY_FUNCTION,
	COMPARE_BY_LINE,
	COMPARE_BY_MODULE,
	COMPARE_BY_STAGE,
	COMPARE_BY_STACK
};

/* Values of every run are scaled so that what is named is the same in it as in the mean base run: they stay ns (or
 * bytes), as if both groups had had the base's total, duration or items. */
enum compare_norm {
	COMPARE_NONE,
	COMPARE_TOTAL,    /* of all samples that are compared */
	COMPARE_DURATION, /* of the run */
	COMPARE_STAGE,    /* of samples of the same stage: what the stage is made of */
	COMPARE_ITEMS     /* of the stage, or of the nearest one around it that has items */
};

#define COMPARE_ALPHA                                                                              \
	0.05 /* false discoveries among what is said to have moved; 1 - that: intervals */

struct compare_options {
	enum profile_kind kind;
	enum compare_by by;
	enum compare_norm norm;
	const char *stage, *thread; /* as in struct sample_filter; NULL: all */
	int counts;                 /* compare blocks, calls, samples instead of bytes and ns */
};

enum compare_test {
	COMPARE_EXACT, /* no run was sampled and none varies within its group: every difference counts */
	COMPARE_SAMPLING, /* a run per side: only the noise of its own samples is known, not that between runs */
	COMPARE_RUNS /* what varies between the runs of a group */
};

struct compare_value {
	double a, b;                 /* means per run, normalised */
	double delta;                /* b - a */
	double lo, hi;               /* interval of delta */
	double change;               /* delta / a; NAN where a is 0 */
	double change_lo, change_hi; /* interval of change; may be infinite; NAN where a is 0 */
	double p,
		q; /* of no change; q: with all rows in mind (NAN: too few samples for any answer) */
	uint64_t count_a, count_b; /* samples, blocks or calls of the whole group */
};

enum compare_fate {
	COMPARE_BOTH,
	COMPARE_NEW,      /* in no base run */
	COMPARE_GONE,     /* in no candidate run */
	COMPARE_INLINED,  /* gone, and its callers' own cost rose by what it had: `partner` */
	COMPARE_OUTLINED, /* new, and its callers' own cost fell by what it has: `partner` */
	COMPARE_RENAMED /* gone or new, and `partner` took or had its place under the same callers at the same cost */
};

struct compare_function {  /* a row, of whatever the list is by; strings: compare_text() */
	uint32_t function; /* or line "file:line", module, stage, path "main;f;g" */
	uint32_t module;   /* of functions and lines, as the candidate has it; STRTAB_EMPTY: none */
	uint32_t file;     /* of functions: where it is; STRTAB_EMPTY: not known */
	uint32_t detail;   /* of lines: the function; STRTAB_EMPTY elsewhere */
	struct compare_value self, total; /* recursive functions count once per path in total */
	uint32_t
		stack; /* "main;f;g": the path below which most of self (or total) moved; STRTAB_EMPTY: none */
	uint32_t stage;     /* in which most of it moved; STRTAB_EMPTY: in none */
	double stage_delta; /* of self there */
	/* Its total moved, no single callee explains most of that, and what moved by itself below it does not add up to
	 * it: many small changes. */
	int is_sum;
	enum compare_fate fate;
	uint32_t partner; /* row */
};

/* The smallest subtree that explains a moved total: each step down kept at least COMPARE_EXPLAINS of the change. */
#define COMPARE_EXPLAINS 0.8
struct compare_place {
	uint32_t stack; /* path; STRTAB_EMPTY: none smaller than the whole */
	double a, b, delta;
	double part; /* of the whole's delta */
};

struct compare;

/* 0 or ERR_NOMEM. */
int compare_new(struct compare **c, const struct compare_options *options, struct err *err);
void compare_free(struct compare *c); /* NULL is fine */
/* Adds a run to group 0 (base) or 1 (candidate). `p` was read with its samples (STORE_READ_SAMPLES) and may be
 * released after. */
int compare_add_run(struct compare *c, int group, const struct profile *p, struct err *err);
/* Matches, sums, tests, orders. ERR_ARG: a group without runs; ERR_NOTFOUND: samples of that kind (or that stage,
 * thread, items) are missing in a group; the text says what both have. */
int compare_finish(struct compare *c, struct err *err);

/* ---- what came out; borrowed ---- */

/* Those that moved (compare_moved) first, then the others; both by |self.delta|, then |total.delta|, then name. */
const struct compare_function *compare_rows(const struct compare *c, size_t *n);
/* Is it said to have moved: q of self at most COMPARE_ALPHA? */
int compare_moved(const struct compare_function *f);
int compare_total_moved(const struct compare_function *f);
const struct compare_value *compare_whole(const struct compare *c);
const struct compare_place *compare_explanation(const struct compare *c);
enum compare_test compare_test(const struct compare *c);
const struct compare_options *compare_options(const struct compare *c);
size_t compare_runs(const struct compare *c, int group);
/* Sentences a reader needs: stacks cut short, items missing, modules matched by name alone, … */
const char *compare_remark(const struct compare *c, size_t i); /* NULL: no more */
const char *compare_text(const struct compare *c, uint32_t string);

const char *compare_norm_name(enum compare_norm norm); /* "none", "total", … */
int compare_norm_parse(const char *text);              /* or -1 */
const char *compare_by_name(enum compare_by by);       /* "function", … */
int compare_by_parse(const char *text);                /* or -1 */

#endif
