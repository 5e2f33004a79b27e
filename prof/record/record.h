/* Recording: starts a program with the agent in it, drains its spool into the store while it runs,
 * names the frames at the end. The supervisor's side of everything; joins spool, unwind, store, symbol. */
#ifndef RECORD_RECORD_H
#define RECORD_RECORD_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "prof/base/err.h"
#include "prof/spool/format.h"

struct record_options { /* strings borrowed */
	const char *store_path;
	const char *name;        /* NULL: the command's base name */
	const char *labels_json; /* NULL: {} */
	const char *job;         /* run.job: path of a job file or a job's UUID; NULL: none */
	const char *agent_path;  /* libprotea-prof.so; NULL: found beside the program */
	char *const *argv;       /* NULL-terminated; argv[0] by PATH */
	uint32_t rate_hz;
	enum spool_engine engine;
	enum spool_mode mode;
	uint32_t memory_mode;       /* enum heap_mode */
	uint32_t memory_temporary;  /* 0: 1 */
	uint64_t memory_rate_bytes; /* 0: 512 KiB */
	int children;
	int sql;             /* statements by caller */
	uint32_t sql_params; /* examples of parameters that are kept of a statement */
	int64_t duration_ns; /* stop recording (not the program) after that; 0: never */
	const char *version, *git_sha;
};

struct record_result {
	char run_id[40];
	int exit_code; /* what `run` should exit with: the child's own, or 128 + signal */
	int started;   /* 0: the program could not be started (exit 4) */
	int signal;
	int64_t duration_ns, cpu_ns;
	uint64_t samples, lost, late;
	double expected; /* ticks that the rate and the CPU time ask for */
	double overhead; /* part of the CPU time spent in our handlers, estimated */
	uint32_t processes, threads;
	const char *engine;  /* "perf", "clock", "none" */
	int engine_errno;    /* why not perf */
	char notes[4][1024]; /* what the user should know; "" unused */
};

/* 0 when the program ran (whatever it returned) and its data are in the store; else nothing was started
 * or *result tells how far it came. */
int record_run(const struct record_options *options, struct record_result *result, struct err *err);

/* Supervises an existing session made by pp_start() of process `pid` until it asks to stop or ends. */
int record_supervise(const char *session_path, const char *store_path, pid_t pid,
		     const char *version, const char *git_sha, struct err *err);

/* Brings what dead supervisors left in spools into the store; *runs counts runs completed. Called
 * whenever a command opens a store for writing or finds unfinished runs. */
#define RECORD_RECOVERED "recovered" /* label of such runs: their end was not seen */
int record_recover(const char *store_path, int *runs, struct err *err);

#endif
