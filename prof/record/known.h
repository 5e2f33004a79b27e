/* What the supervisor knows of a run: processes, threads, open stages, modules, frames, stacks; with the
 * ids they have in the store, 0 as long as they are not there. Growing only by what is new in the
 * program, never by time. Not thread-safe. */
#ifndef RECORD_KNOWN_H
#define RECORD_KNOWN_H

#include <stdint.h>

#include "prof/base/hash.h"
#include "prof/model/frametab.h"
#include "prof/model/modtab.h"
#include "prof/model/profile.h"
#include "prof/model/stacktab.h"
#include "prof/model/strtab.h"
#include "prof/spool/format.h"

#define KNOWN_NONE       UINT32_MAX
#define KNOWN_STACKS_MAX (1u << 24) /* 16 M rows: 400 MiB here */
#define KNOWN_STAGES_MAX (1u << 20) /* open at the same time, or ended and not stored yet */

struct known_process {
	int64_t id;
	int fresh; /* id given in the transaction that is open */
	int changed;
	struct profile_process row;
	char name[SPOOL_NAME_MAX + 1];
	uint64_t start_ticks;
	uint32_t main_thread; /* KNOWN_NONE */
	int64_t base_ns;      /* its CPU clock when the recording began (attached: not 0) */
	int ended;
};

struct known_thread {
	int64_t id;
	int fresh, changed;
	uint32_t process;
	struct profile_thread row;
	char name[SPOOL_NAME_MAX + 1];
	int64_t base_ns;    /* its CPU clock when the recording began (attached: not 0) */
	int64_t sampled_ns; /* CPU time that its samples carry */
	uint32_t last_stack;
	uint32_t before; /* 1 + the thread before with the same tid in the process, 0: none */
};

/* LATE: stored as it ended; threads that have adopted it may still have something to add. */
enum known_stage_state { STAGE_FREE, STAGE_OPEN, STAGE_ENDED, STAGE_LATE };

struct known_stage { /* in chains of a hash table by (space, id) */
	uint32_t next;
	enum known_stage_state state;
	int64_t row_id;
	int fresh;
	int shared; /* others may have adopted it */
	int more;   /* LATE, and something has come since it was stored */
	uint64_t space, id;
	uint32_t parent; /* a stage, KNOWN_NONE; gone when its seq is another */
	uint64_t parent_seq;
	uint32_t thread, name; /* name: string */
	uint64_t seq;
	int64_t start_ns;
	struct profile_stage end; /* once STAGE_ENDED */
	uint32_t params;          /* string: JSON */
	uint64_t samples;
};

struct known_module { /* as first mapped */
	uint64_t start, end, offset;
};

struct known {
	struct strtab *strings;
	struct modtab *modules;
	struct frametab *frames;
	struct stacktab *stacks;
	struct known_module *module_info; /* by module */
	uint32_t module_info_cap;
	/* Ids in the store: rows below the count have one. `kept` are the counts as of the last commit. */
	int64_t *module_ids, *frame_ids, *stack_ids;
	uint32_t n_module_ids, n_frame_ids, n_stack_ids;
	uint32_t kept_modules, kept_frames, kept_stacks;
	uint32_t cap_module_ids, cap_frame_ids, cap_stack_ids;
	struct known_process *processes;
	uint32_t n_processes, cap_processes;
	struct known_thread *threads;
	uint32_t n_threads, cap_threads;
	struct idmap thread_by_tid; /* newest of (process, tid) */
	struct known_stage *stages;
	uint32_t n_stages, cap_stages, free_stage;
	uint32_t *stage_heads; /* chains */
	uint32_t stage_mask;
	uint64_t stage_seq;
	uint32_t label_module; /* frames of it are labels: rel_addr is a string */
};

int known_init(struct known *k); /* 0 or ERR_NOMEM */
void known_release(struct known *k);

/* A process by pid and start time (field 22 of its stat): exec keeps it. KNOWN_NONE: no memory. */
uint32_t known_process(struct known *k, int pid, int ppid, uint64_t start_ticks, int64_t start_ns);
/* The newest living thread of that process with that tid, or a new one. KNOWN_NONE: no memory. */
uint32_t known_thread(struct known *k, uint32_t process, int tid, int64_t start_ns);
/* The thread with that tid that lived at `t_ns`, or nearly so; a new one if there is none. */
uint32_t known_thread_at(struct known *k, uint32_t process, int tid, int64_t t_ns);
/* The newest, but never a new one. */
uint32_t known_thread_find(const struct known *k, uint32_t process, int tid);

/* What a thread's CPU clock shows; never goes back. */
void known_thread_cpu(struct known *k, uint32_t thread, int64_t clock_ns);

/* Module by build id or path. 0, ERR_NOMEM, ERR_LIMIT. */
int known_module(struct known *k, const char *build_id, const char *path, uint64_t start,
		 uint64_t end, uint64_t offset, uint32_t *module);
/* A frame that stands for no code. */
int known_label(struct known *k, const char *text, uint32_t *frame);

/* Stages. KNOWN_NONE: unknown, or no memory (or too many) for a new one. */
uint32_t known_stage_find(const struct known *k, uint64_t space, uint64_t id);
uint32_t known_stage_add(struct known *k, uint64_t space, uint64_t id);
/* The stage around it, as long as that is known. */
uint32_t known_stage_parent(const struct known *k, uint32_t stage);
void known_stage_drop(struct known *k, uint32_t stage);

/* A commit makes ids given since the last one permanent; a rollback takes them back. */
void known_keep_ids(struct known *k);
void known_forget_ids(struct known *k);

#endif
