/* What every output of `gate` shows, in the same order and words: which rows come first, how a number, a change and an
 * interval are written, which commands come next. Writes nothing itself. */
#ifndef CLI_GATE_VIEW_H
#define CLI_GATE_VIEW_H

#include <stddef.h>
#include <stdio.h>

#include "prof/analyze/gate.h"
#include "prof/base/buf.h"
#include "prof/base/err.h"

struct gate_shown {       /* a group; texts borrowed, never NULL */
	const char *text; /* as typed */
	const char *what; /* as it was read: "the 5 runs named 'before'" */
	const struct gate_run *runs;
	size_t n;
};

/* Functions of one kind of sample. */
struct gate_kind {
	struct gate_result g;
	int counts; /* their values are numbers of blocks or calls */
};

#define GATE_NOTES_MAX 20

struct gate_view { /* borrowed; texts may be NULL where said */
	const struct gate_result *g;
	int counts; /* its functions' values are numbers of instructions */
	struct gate_shown sides[METRICS_GROUPS];
	const struct gate_kind *others; /* of other kinds of samples: only their functions count */
	size_t n_others;
	const char *page;    /* the differential page that was written, or its address; NULL none */
	const char *flame;   /* command that makes it; NULL: there is nothing to show */
	const char *options; /* of this command, for the lines to type: " --store x"; "" none */
	const char *operands; /* likewise: "before after" */
	const char *counted_options,
		*counted_operands; /* of rows that callgrind counted beside runs; NULL none */
	const char *more; /* lines that record as many more runs as would decide; NULL none */
	const char *no_functions;          /* why there are none; NULL */
	const char *notes[GATE_NOTES_MAX]; /* sentences beside the result's remarks */
	size_t n_notes;
	int all; /* rows that did not move, too */
};

/* Rows in the order of what matters to the reader: regressions, what cannot be said, improvements, accepted changes, new
 * and missing stages, then the rest; counts before times, larger changes first. */
enum gate_state {
	GATE_STATE_REGRESSION,
	GATE_STATE_INCONCLUSIVE, /* and it matters */
	GATE_STATE_REFUSED,
	GATE_STATE_IMPROVED,
	GATE_STATE_ACCEPTED,
	GATE_STATE_NEW,
	GATE_STATE_MISSING,
	GATE_STATE_UNDECIDED, /* cannot be said, and does not matter */
	GATE_STATE_OK,
	GATE_STATE_IGNORED,
	GATE_STATES
};
enum gate_state gate_row_state(const struct gate_row *r);
const char *gate_state_name(enum gate_state s); /* "regression", "inconclusive", "refused", … */

struct gate_order {
	const struct gate_row **rows; /* owned */
	size_t n, moved;              /* those before UNDECIDED come first */
	size_t of[GATE_STATES];
};
int gate_order_make(struct gate_order *o, const struct gate_result *g); /* 0 or ERR_NOMEM */
void gate_order_release(struct gate_order *o);

#define GATE_TEXT 96
/* "+2.3 %", "-12 %", "x 3.4"; "-" for what cannot be said. */
char *gate_view_change(char out[GATE_TEXT], double change);
/* "+1.1 % to +3.4 %", "at least +1.1 %", "-". */
char *gate_view_range(char out[GATE_TEXT], double lo, double hi);
/* The same of a row at 1 - alpha; "exact" of counts that do not vary; "-". */
char *gate_view_interval(char out[GATE_TEXT], const struct gate_row *r);
/* "20 pairs", "5 + 5 runs", "3 of 5 + 5 runs" where values are missing. */
char *gate_view_runs(char out[GATE_TEXT], const struct gate_row *r);
/* The stage's name; "(whole run)" of NULL. */
const char *gate_view_stage(const char *stage);
/* Why a row is what it is, one sentence without a full stop, or NULL. */
const char *gate_view_note(const struct gate_row *r);

/* "regression: …": the verdict and what decided. */
void gate_view_headline(struct buf *out, const struct gate_view *v);
/* "wall time 1.00 s -> 1.12 s, +12 % (+10 % to +14 %)"; names are put in as they are. */
void gate_view_sentence(struct buf *out, const struct gate_row *r);
/* "the 5 runs named 'x' on host h, program.name 2026-11-21 08:10 UTC" */
void gate_view_side(struct buf *out, const struct gate_shown *s);
/* "protea-prof gate --accept … A B" for a regression. */
void gate_view_accept(struct buf *out, const struct gate_view *v, const struct gate_row *r);

/* Remark `i` of the result, then of the view, then why there are no functions; NULL: no more. */
const char *gate_view_remark(const struct gate_view *v, size_t i);

/* Functions of the result and of the others that moved: a regression or an improvement of their own. */
struct gate_moved {
	const struct gate_function *f;
	enum profile_kind kind;
	int counts;
};
/* "cpu", "alloc", …; of numbers "instructions", "blocks". */
const char *gate_view_kind(const struct gate_moved *m);
/* What it costs by itself: time, bytes, or a number of blocks or calls. */
char *gate_view_value(char out[GATE_TEXT], const struct gate_moved *m, double value);
int gate_view_rose(const struct gate_function *f); /* it costs more now, proven or not */
/* Is any of one run a side? */
int gate_view_unproven(const struct gate_moved *moved, size_t n);
/* Of all kinds, the kind of the result first; malloc'ed. -1: no memory. */
int gate_view_moved(const struct gate_view *v, struct gate_moved **moved, size_t *n);

/* The function that explains a row best: of the kind that its metric is of, in its stage, moved the same way; or NULL. */
const struct gate_function *gate_view_function(const struct gate_view *v, const struct gate_row *r);

/* Place of the run whose whole wall time is the middle one of its group. */
size_t gate_view_median(const struct metric_table *t, int group);

#endif
