/* Static pages about many runs: what a site shows, in plain data, and its index page. The pages of single runs
 * are flame.h's. All strings are foreign and borrowed; NULL stands for "not known", as does NAN. */
#ifndef VIEWER_SITE_H
#define VIEWER_SITE_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "prof/base/err.h"

#define SITE_METRICS_MAX 16
#define SITE_NONE        UINT32_MAX

enum site_unit { SITE_NS, SITE_BYTES, SITE_SHARE, SITE_PER_S, SITE_COUNT };

struct site_metric {
	const char *name; /* "wall", "alignment share" */
	const char *help; /* what it is, in a sentence */
	enum site_unit unit;
};

/* All stages of one name in one run, added up. */
struct site_stage {
	const char *name;
	uint32_t depth; /* of the first one */
	uint64_t n;
	double wall_ns, cpu_ns, items, peak_heap_bytes; /* NAN: not measured */
	double x;                                       /* what plots have across; NAN: none */
};

struct site_loss {
	const char *reason;
	uint64_t count;
};

struct site_run {
	const char *id, *name, *command, *host, *cpu_model, *kernel, *version, *git_sha, *data_set;
	const char *how;          /* engine and mode: "perf, cpu" */
	const char *row, *column; /* values of the two labels; NULL: the run has no such label */
	uint32_t ncpu;
	double rate_hz;
	int64_t started_at; /* unix ns */
	int failed;         /* ended by a signal, or with another code than 0 */
	char ending[24];    /* "exit 3", "signal 9" */
	uint64_t samples;
	double value[SITE_METRICS_MAX]; /* by metric */
	struct site_stage *stages;
	struct site_loss *losses;
	uint32_t n_stages, n_losses;
};

/* A change of level in a trend: the first value of the new one, how much it is in parts of the old one, and its interval
 * (NAN: not known). */
struct site_step {
	uint32_t at;
	double before, after, change, lo, hi;
};

/* Changes of `n` values in the order of time, one of `series` series of the page: at most `room`. How many, or a code of
 * prof/base/err.h. Statistics are the caller's. */
typedef int site_steps(void *ctx, const double *values, uint32_t n, uint32_t series,
		       struct site_step *to, uint32_t room);

struct site {
	const char *title;               /* NULL: made of the labels' names */
	const char *row_name, *col_name; /* labels; col_name NULL: one column */
	const char *x_name;              /* what site_stage.x is; NULL: the columns' numbers */
	const struct site_run *runs;     /* by time, oldest first */
	const struct site_metric
		*metrics; /* the first two: time and memory, whose trend is shown */
	uint32_t n_runs, n_metrics;
	uint32_t left_out; /* runs without an end */
	site_steps *steps; /* NULL: changes of level are not looked for */
	void *steps_ctx;
};

/* ---- the matrix ---- */

struct site_axis {
	const char *
		*values; /* owned array, in natural order; NULL last, for runs without the label */
	double *numbers; /* owned; of values, NAN where it is none */
	uint32_t n;
	int numeric; /* each value is a number */
};

struct site_cell {
	uint32_t row, column;
	const uint32_t *runs; /* by time; in site_grid.members */
	uint32_t n_runs;
	uint32_t
		shown; /* the run that stands for the cell: the median by time of the last commit's that did not fail */
	const char
		*page; /* set by the caller: file of its page relative to the index; NULL: none */
	uint32_t
		place; /* set by the caller: which run of the comparison page; SITE_NONE: not in it */
};

struct site_grid {
	struct site_axis rows, columns;
	struct site_cell *cells; /* owned; row by row, only those with runs */
	uint32_t *at;            /* owned; by row and column: cell or SITE_NONE */
	uint32_t *members;       /* owned */
	uint32_t n_cells;
};

/* Is it one of the runs that `shown` is the median of? */
int site_is_current(const struct site *s, const struct site_cell *c, uint32_t run);

int site_grid_make(struct site_grid *g, const struct site *s, struct err *err);
/* Would it be huge and nearly empty? Needs no room for it. */
int site_grid_sparse(const struct site *s, int *sparse, struct err *err);
void site_grid_release(struct site_grid *g);

/* Digits as numbers, everything else byte by byte: "k9" before "k10". NULL is last. */
int site_natural(const char *a, const char *b);

/* Bytes of `text`, at most `most`, that cut no character. */
size_t site_cut(const char *text, size_t most);

/* "prot_t5, K = 5"-like name of a cell, cut to fit. */
#define SITE_CELL_NAME 96
void site_cell_name(const struct site *s, const struct site_grid *g, uint32_t cell,
		    char name[SITE_CELL_NAME]);

struct site_spread {
	double median, min, max; /* NAN: no value */
	uint32_t n;
};

/* Sorts `values` and forgets those that are NAN. The lower of two medians, so that it is one of them. */
struct site_spread site_spread(double *values, uint32_t n);

/* ---- the page ---- */

struct site_links {
	const char *compare; /* the comparison page, relative to the index; NULL: none */
	uint32_t compared;   /* cells in it */
};

/* The index; the same site gives the same bytes. */
int site_index(FILE *out, const struct site *s, const struct site_grid *g,
	       const struct site_links *links, struct err *err);

#endif
