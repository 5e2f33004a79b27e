/* Filling a run. Ids that functions return are rows of the tables; 0 stands for "none". All calls need
 * store_begin(). Codes: 0, ERR_DATABASE (disk full has err.sys = ENOSPC), ERR_NOMEM. */
#ifndef STORE_WRITE_H
#define STORE_WRITE_H

#include <stddef.h>

#include "prof/model/profile.h"
#include "prof/store/store.h"

struct store_run {      /* strings may be NULL */
	const char *id; /* uuid */
	const char *name, *command, *argv_json, *job, *host, *cpu_model, *kernel, *version,
		*git_sha;
	const char *labels_json; /* NULL: {} */
	const char *mode, *engine;
	const char *memory; /* "off", "sampled", "full"; NULL: not known */
	uint64_t memory_rate_bytes, memory_temporary;
	const char *spool_path; /* where data lie that are not in the store yet */
	int64_t started_at, start_ns;
	uint32_t ncpu;
	double rate_hz;
};

int store_run_add(struct store *s, const struct store_run *run, int64_t *key, struct err *err);

struct store_run_end {
	int64_t duration_ns;
	int has_exit_code, exit_code;
	int signal;         /* 0: none */
	const char *engine; /* in use at the end; NULL: as before */
};
/* Sets finished = 1, forgets the spool path and the marks, prepares what views need. */
int store_run_finish(struct store *s, int64_t run, const struct store_run_end *end,
		     struct err *err);

int store_process_add(struct store *s, int64_t run, const struct profile_process *p,
		      const char *name, int64_t *id, struct err *err);
int store_process_update(struct store *s, int64_t id, const struct profile_process *p,
			 const char *name, struct err *err);
/* profile_thread.process is not looked at. */
int store_thread_add(struct store *s, int64_t process, const struct profile_thread *t,
		     const char *name, int64_t *id, struct err *err);
int store_thread_update(struct store *s, int64_t id, const struct profile_thread *t,
			const char *name, struct err *err);

int store_module_add(struct store *s, int64_t run, const char *path, const char *build_id,
		     uint64_t start, uint64_t end, uint64_t offset, int64_t *id, struct err *err);
/* A frame without names yet; module 0: none (rel_addr is then an absolute address). */
int store_frame_add(struct store *s, int64_t run, int64_t module, uint64_t rel_addr, int64_t *id,
		    struct err *err);
/* A frame that stands for no code: "[truncated]", "[not sampled]", "[no unwind info: libx.so]". */
int store_frame_add_label(struct store *s, int64_t run, const char *label, int64_t *id,
			  struct err *err);
int store_stack_add(struct store *s, int64_t parent, int64_t frame, uint32_t depth, int64_t *id,
		    struct err *err);

/* Adds to the row of (run, kind, stage, thread, stack). */
int store_sample_add(struct store *s, int64_t run, enum profile_kind kind, int64_t stage,
		     int64_t thread, int64_t stack, uint64_t count, int64_t value, struct err *err);
/* Ticks are thinned to keep the store small on long runs: every 2nd, 4th, 8th, … one of each thread
 * stays, so that a run has at most STORE_TICKS_FIRST of them, and STORE_TICKS_MORE for each further
 * thread, but never more than STORE_TICKS_MAX. */
#define STORE_TICKS_MAX   131072
#define STORE_TICKS_FIRST 16384
#define STORE_TICKS_MORE  2048
int store_tick_add(struct store *s, int64_t run, int64_t thread, int64_t t_ns, int64_t stack,
		   enum profile_state state, struct err *err);
int store_counter_add(struct store *s, int64_t run, int64_t t_ns, const char *name, double value,
		      struct err *err);
/* As store_sample_add(), with what memory samples have beside: sums, added up on rows that exist. */
struct store_sample {
	enum profile_kind kind;
	int64_t stage, thread, stack;
	uint64_t count;
	int64_t value;
	double variance, life_ns; /* 0: none */
};
int store_sample_add_memory(struct store *s, int64_t run, const struct store_sample *sample,
			    struct err *err);

/* A snapshot of live memory, and its rows, one a stack; removing takes the rows along. */
int store_snapshot_add(struct store *s, int64_t run, int64_t t_ns, const char *name,
		       int64_t heap_bytes, int64_t *id, struct err *err);
int store_snapshot_row_add(struct store *s, int64_t snapshot, int64_t stack, uint64_t count,
			   int64_t value, struct err *err);
int store_snapshot_remove(struct store *s, int64_t snapshot, struct err *err);

/* A statement, as issued from one stack in one stage of one process; ids of rows, 0: none. */
struct store_statement {
	const char *fingerprint, *text, *kind;
	const char *times, *examples_json; /* NULL: none */
	int64_t stack, stage, process;
	uint64_t calls, rows, distinct_params, sent, received, errors, unfinished, unjudged,
		statement_distinct;
	int64_t total_ns, p95_ns, max_ns, inside_ns;
};
int store_sql_add(struct store *s, int64_t run, const struct store_statement *row, struct err *err);
/* Takes the kept examples of parameters out of a run, for good; *n: statements that had some. */
int store_sql_redact(struct store *s, int64_t run, int64_t *n, struct err *err);

int store_loss_add(struct store *s, int64_t run, const char *reason, uint64_t count,
		   struct err *err);

/* A stage that began (wall_ns = -1: open), and its end. Beyond 10,000 rows of one name in a run the
 * stage is folded into one row, whose id all further ones get. */
int store_stage_add(struct store *s, int64_t run, int64_t parent, int64_t thread, const char *name,
		    uint64_t seq, int64_t start_ns, int64_t *id, struct err *err);
int store_stage_end(struct store *s, int64_t id, const struct profile_stage *end,
		    const char *params_json, struct err *err);

/* The row, ended with the sums of many stages, stands for `more` beside the one that was added. */
int store_stage_more(struct store *s, int64_t id, uint64_t more, struct err *err);

/* How far a spool file's ring is in the store, so that nothing is read twice after a crash. */
int store_mark_set(struct store *s, int64_t run, const char *file, uint32_t ring, uint64_t opened,
		   uint64_t offset, struct err *err);
/* Calls `each` for all marks of a run. */
int store_marks(struct store *s, int64_t run,
		int (*each)(void *ctx, const char *file, uint32_t ring, uint64_t opened,
			    uint64_t offset),
		void *ctx, struct err *err);
/* Runs with finished = 0, oldest first. */
int store_unfinished(struct store *s,
		     int (*each)(void *ctx, int64_t run, const char *id, const char *spool_path),
		     void *ctx, struct err *err);

/* Naming, at the end: modules that have frames without names, the frames' addresses, the answers. */
struct store_unnamed {
	int64_t module; /* 0: none */
	const char *path, *build_id;
	int64_t pid; /* of the run's first process */
	const int64_t *frames;
	const uint64_t *rel_addrs;
	size_t n;
};
int store_unnamed(struct store *s, int64_t run,
		  int (*each)(void *ctx, const struct store_unnamed *u, struct err *err), void *ctx,
		  struct err *err);
struct store_name {
	const char *function, *file, *language;
	uint32_t line;
};
/* The chain of one frame (outermost first, n >= 1): the frame itself becomes the innermost one, rows
 * for the functions it was inlined into are put before it in every stack. Collected until
 * store_names_apply(), which rewrites the run's stacks in one pass. */
int store_name_frame(struct store *s, int64_t run, int64_t frame, const struct store_name *chain,
		     size_t n, struct err *err);
int store_names_apply(struct store *s, int64_t run, struct err *err);

#endif
