/* What runs took, side by side: a table of stage × metric × run, for two groups of runs. It says of each value
 * whether it is a count that is exact, a time, or an estimate; what a missing value means is left to whoever
 * judges. Everything in the table is its own copy: a profile may go once its run was added. */
#ifndef ANALYZE_METRICS_H
#define ANALYZE_METRICS_H

#include <stddef.h>
#include <stdint.h>

#include "prof/base/err.h"
#include "prof/base/hash.h"
#include "prof/model/profile.h"

enum metric {
	METRIC_WALL,
	METRIC_CPU,
	METRIC_PEAK_HEAP,
	METRIC_PEAK_RSS,
	METRIC_ALLOC_COUNT,
	METRIC_ALLOC_BYTES,
	METRIC_SQL,
	METRIC_INSTRUCTIONS,
	METRICS
};

const char *metric_name(enum metric m);  /* "wall", "cpu", …: files, JSON, options */
const char *metric_title(enum metric m); /* "wall time", "CPU time", "peak heap", …: for people */
const char *metric_unit(enum metric m);  /* "ns", "bytes" or "" (a number) */
int metric_parse(const char *name);      /* a metric or -1 */
int metric_is_time(enum metric m);

/* What the values of a row are. A row is the weakest that one of its runs makes it. */
enum metric_kind {
	METRIC_KIND_COUNT, /* counted, none left out: may be compared exactly where it does not vary */
	METRIC_KIND_TIME,     /* of a clock: differs from run to run */
	METRIC_KIND_POLLED,   /* of the kernel's pages: differs from run to run */
	METRIC_KIND_ESTIMATE, /* of sampled memory */
	METRIC_KINDS
};
const char *metric_kind_name(enum metric_kind kind); /* "count", "time", "polled", "estimate" */
int metric_kind_parse(const char *name);             /* or -1 */

enum { METRICS_BASE, METRICS_CANDIDATE, METRICS_GROUPS };

/* Kinds of loss, by what they spoil. */
struct gate_loss {
	uint64_t samples; /* samples that are missing: shares of functions */
	uint64_t
		counts; /* a table or disk was full: allocations, stages or counters may be missing */
};

struct gate_run {
	char *id, *name, *command, *label; /* owned by the table, never NULL; label: JSON object */
	char *host, *cpu_model, *kernel, *mode, *engine, *memory, *version, *git_sha;
	uint32_t ncpu;
	double rate_hz;
	uint64_t memory_rate_bytes;
	int64_t started_at; /* unix ns */
	int finished;
	int failed; /* ended by a signal or with another exit code than 0 */
	int exit_code, signal;
	uint64_t samples; /* of kind cpu, or wall without those */
	uint64_t lost;    /* all that the store says is lost */
	struct gate_loss loss;
	int cpu_of_samples; /* CPU time is the sum of samples: the processes have none */
	int kept;           /* of a baseline file: no samples, no stacks */
	char *source;       /* where it was read from, for texts; "" not told */
};

struct metric_row {
	const char *stage; /* UTF-8 (other bytes became U+FFFD); NULL: the whole run */
	enum metric metric;
	enum metric_kind kind;
	uint32_t depth; /* of the stage: 0 outermost; the whole run: 0 */
	uint32_t place; /* of the stage: grows by first appearance; the whole run: 0 */
	double *a,
		*b; /* a value for each run of the group, in the order they were added; NAN: it has none */
};

/* Zeroed is empty. Rows in the order of their first appearance; gate_judge() brings them into the order of reports.
 * A row exists where a run of either group has (or had) a value. */
struct metric_table {
	struct gate_run *runs_a, *runs_b; /* owned */
	size_t n_a, n_b;
	struct metric_row *rows; /* owned */
	size_t n;

	struct strtab *names; /* private from here */
	struct idmap index;
	size_t cap_rows, cap_a, cap_b, room_a, room_b;
};

#define METRICS_RUNS_MAX 10000  /* of a group */
#define METRICS_ROWS_MAX 400000 /* stages × metrics */

/* `p` is read with STORE_READ_SAMPLES; with STORE_READ_COUNTERS too if it may have a counter "instructions".
 * On failure the table is as before. */
int metrics_add_run(struct metric_table *t, int group, const struct profile *p, struct err *err);
/* A run known by its values alone; `run`'s texts are copied, NULL is "". The run gets the next place. */
int metrics_add_known(struct metric_table *t, int group, const struct gate_run *run,
		      struct err *err);
/* Gives run `at` of the group a value (stage NULL: the whole run), as a count, time, …; replaces an old one. What is
 * infinite or negative is none. */
int metrics_set(struct metric_table *t, int group, size_t at, const char *stage, enum metric m,
		enum metric_kind kind, double value, struct err *err);
/* Where the run was read from, for texts. */
int metrics_set_source(struct metric_table *t, int group, size_t at, const char *source,
		       struct err *err);
/* NULL: no run of either group has it. */
const struct metric_row *metrics_row(const struct metric_table *t, const char *stage,
				     enum metric m);
void metrics_release(struct metric_table *t);
/* Rows in the order of reports: the whole run, then stages by first appearance; metrics as in the enum. Allocated, t->n
 * places of t->rows; NULL: no memory. */
uint32_t *metrics_order(const struct metric_table *t);

/* The value as people read it: "1.24 s", "12.3 MiB", "4,096"; "-" for none. */
#define METRIC_TEXT 48
char *metric_text(char out[METRIC_TEXT], enum metric m, double value);

#endif
