/* One profile in memory, plain data: what the store's reader fills and every view reads. All strings
 * are ids of `strings`. Rows are in the order of their ids in the file unless said otherwise; indexes
 * are places in these arrays, not ids of the file. Not thread-safe. */
#ifndef MODEL_PROFILE_H
#define MODEL_PROFILE_H

#include <stddef.h>
#include <stdint.h>

#include "prof/model/strtab.h"

#define PROFILE_NONE UINT32_MAX

/* sample.kind; the names are a contract (profile_kind_name). */
enum profile_kind {
	PROFILE_CPU,
	PROFILE_WALL,
	PROFILE_OFFCPU,
	PROFILE_ALLOC,
	PROFILE_LIVE,
	PROFILE_PEAK,
	PROFILE_LEAK,
	PROFILE_TEMPORARY,
	PROFILE_MMAP,
	PROFILE_COPY,
	PROFILE_SQL,
	PROFILE_GPU,
	PROFILE_KINDS
};

enum profile_state { /* tick.state */
		     PROFILE_RUNNING,
		     PROFILE_RUNNABLE,
		     PROFILE_SLEEPING,
		     PROFILE_DISK,
		     PROFILE_STOPPED,
		     PROFILE_ZOMBIE,
		     PROFILE_STATES
};

struct profile_module {
	uint32_t path, build_id;
	uint64_t start, end, offset; /* as first mapped */
};

struct profile_frame {
	uint32_t module;                   /* place in modules, or PROFILE_NONE */
	uint32_t function, file, language; /* strings; function never empty */
	uint32_t line;                     /* 0: unknown */
	uint32_t inline_depth;             /* 0: the function that owns the code */
	uint64_t rel_addr;
};

struct profile_stack { /* row 0 is the root (frame PROFILE_NONE); parent < own place */
	uint32_t parent, frame, depth;
};

struct profile_sample {                      /* sorted by kind, stage, thread, stack */
	uint32_t kind, stage, thread, stack; /* stage may be PROFILE_NONE */
	uint64_t count;
	int64_t value; /* ns or bytes */
	double variance; /* of value, estimated: sampled memory; 0: exact, or of a kind that has none */
	double life_ns; /* alloc: sum over its blocks of how long they lived; 0: not measured */
};

struct profile_tick { /* by t_ns */
	int64_t t_ns;
	uint32_t thread, stack, state;
};

struct profile_process {
	int64_t pid, ppid;
	uint32_t name;
	int64_t start_ns, end_ns, cpu_ns, max_rss_bytes;
};

struct profile_thread {
	uint32_t process;
	int64_t tid;
	uint32_t name;
	int64_t start_ns, end_ns, cpu_ns;
};

struct profile_stage { /* parents before children */
	uint32_t parent, thread, name;
	uint64_t seq;
	int64_t start_ns, wall_ns, cpu_ns;
	double items;
	uint32_t params;                                                   /* JSON text */
	int64_t alloc_bytes, alloc_count, peak_heap_bytes, peak_rss_bytes; /* -1: not measured */
	uint64_t samples;
	uint64_t
		folded; /* how many stages this row stands for; 1 but for rows beyond 10,000 of a name */
};

struct profile_counter {
	int64_t t_ns;
	uint32_t name;
	double value;
};

struct profile_snapshot { /* live memory at one moment, by t_ns */
	int64_t id;       /* of the store */
	int64_t t_ns;
	uint32_t
		name; /* string: as asked for; "auto" for those of the time line, "end" for the last */
	int64_t heap_bytes;
	size_t first, n; /* rows */
};

struct profile_snapshot_row {
	uint32_t stack;
	uint64_t count;
	int64_t value; /* live bytes */
};

struct profile_loss {
	uint32_t reason;
	uint64_t count;
};

struct profile_sql { /* a statement, as issued from one stack in one stage of one process */
	uint32_t fingerprint, text; /* strings */
	uint32_t stage;             /* place in stages, or PROFILE_NONE */
	uint32_t stack, process;    /* places, or PROFILE_NONE */
	uint32_t kind;              /* string: "query", "prepare", … */
	uint64_t calls, rows, distinct_params;
	int64_t total_ns;
	int64_t p95_ns, max_ns, inside_ns; /* inside: of the time, in libpq */
	uint64_t sent, received, errors;
	uint64_t unfinished;         /* under way when the process ended; not in calls */
	uint64_t unjudged;           /* calls whose parameters were not compared */
	uint64_t statement_distinct; /* sets of parameters from all stacks of the process */
	uint32_t times;    /* string: histogram, "bucket:calls …" (prof/spool/sqlfile.h) */
	uint32_t examples; /* string: JSON array of parameters that were kept; "" none */
};

struct profile_label {
	uint32_t key, value;
};

struct profile_run {
	uint32_t id, name, command, argv, job, host, cpu_model, kernel, version, git_sha, mode,
		engine;
	uint32_t labels;    /* JSON text */
	int64_t started_at; /* unix ns */
	int64_t start_ns;   /* CLOCK_MONOTONIC */
	int64_t duration_ns;
	int has_exit_code, exit_code, signal; /* signal 0: none */
	uint32_t ncpu;
	double rate_hz;
	int finished;
	uint32_t memory;            /* string: "off", "sampled", "full"; empty: not known */
	uint64_t memory_rate_bytes; /* sampled */
	uint64_t memory_temporary;  /* N of "freed within the N next allocations" */
};

struct profile {
	struct strtab *strings; /* owned */
	struct profile_run run;
	struct profile_module *modules; /* owned, all arrays */
	struct profile_frame *frames;
	struct profile_stack *stacks;
	struct profile_sample *samples;
	struct profile_tick *ticks;
	struct profile_process *processes;
	struct profile_thread *threads;
	struct profile_stage *stages;
	struct profile_counter *counters;
	struct profile_loss *losses;
	struct profile_snapshot *snapshots; /* STORE_READ_SNAPSHOTS */
	struct profile_snapshot_row *snapshot_rows;
	struct profile_sql *sql;
	uint32_t n_modules, n_frames, n_stacks, n_processes, n_threads, n_stages, n_losses;
	size_t n_samples, n_ticks, n_counters, n_snapshots, n_snapshot_rows, n_sql;
};

int profile_init(struct profile *p); /* empty, with the root stack; 0 or ERR_NOMEM */
void profile_release(struct profile *p);

int profile_has_failed(
	const struct profile *p); /* it ended by a signal or with another exit code than 0 */

const char *profile_kind_name(enum profile_kind kind); /* "cpu", … */
int profile_kind_parse(const char *name);              /* a kind or -1 */
int profile_kind_is_time(enum profile_kind kind);      /* ns (1) or bytes (0) */
const char *profile_state_name(enum profile_state state);
int profile_state_parse(const char *name); /* a state or -1 */

#endif
