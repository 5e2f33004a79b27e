/* Sampling live processes from outside: perf events where they are permitted, else CPU clocks polled and stacks read
 * (running threads stopped for microseconds each, or not at all). Delivers stacks as modules and addresses;
 * who counts, keeps, names or shows them is the caller (record, top). Nothing is injected. One thread. */
#ifndef ATTACH_SAMPLER_H
#define ATTACH_SAMPLER_H

#include <stdint.h>

#include "prof/attach/modules.h"
#include "prof/attach/proc.h"
#include "prof/attach/stop.h"
#include "prof/base/err.h"
#include "prof/model/profile.h"
#include "prof/unwind/unwind.h"

enum sampler_engine { SAMPLER_AUTO, SAMPLER_PERF, SAMPLER_POLL };

struct sampler_options {
	uint32_t rate_hz;
	enum sampler_engine engine;
	int wall; /* sleeping threads too, at the rate: kinds wall and offcpu */
	int children;
	int nonblocking;      /* poll: never stop a thread */
	int64_t max_pause_ns; /* poll; 0: 1 ms */
	const char *cache_dir;
};

struct sampler_process {
	struct proc proc;
	int ppid;
	char name[256];
	int64_t start_ns, end_ns; /* CLOCK_MONOTONIC; end 0: alive */
	int64_t base_cpu_ns,
		cpu_ns; /* CPU clock when first seen, and last: the difference is the recording's */
	int64_t rss_bytes, max_rss_bytes;
	uint64_t minor_faults, major_faults; /* since first seen */
	int added;                           /* by the caller; 0: a child */
};

struct sampler_thread {
	uint32_t process;
	int tid;
	char name[PROC_COMM_MAX];
	enum profile_state state; /* when last looked at */
	int64_t start_ns, end_ns, base_cpu_ns, cpu_ns;
	int64_t sampled_ns; /* CPU time that samples carried */
};

enum sampler_part { SAMPLE_CPU, SAMPLE_WALL, SAMPLE_OFFCPU };

struct sampler_sample {
	enum sampler_part part;
	uint32_t process, thread;
	int64_t t_ns, value_ns;
	uint64_t count;
	enum profile_state state;
	const char *syscall;               /* static; what it sleeps in; NULL */
	const struct attach_frame *frames; /* innermost first; n 0: nothing could be read */
	uint32_t n;
	enum unwind_end end;
	uint32_t end_module; /* where unwinding ended without a rule: MODULE_NONE or a module */
	int truncated, torn;
};

enum sampler_loss {
	SAMPLER_RECORD_DROPPED, /* ring full */
	SAMPLER_LATE,           /* looks that came too late and were left out */
	SAMPLER_TORN,
	SAMPLER_TRUNCATED,
	SAMPLER_NO_UNWIND_INFO,
	SAMPLER_THREAD_LIMIT,
	SAMPLER_LOSSES
};

struct sampler;
int sampler_new(struct sampler **out, const struct sampler_options *o, struct err *err);
void sampler_free(struct sampler *s);
/* A process that runs. ERR_DENIED etc. with rights' words; engine AUTO falls back to polling and says so in
 * sampler_note(). */
int sampler_add(struct sampler *s, int pid, struct err *err);
/* A child of ours that waits before its exec. */
int sampler_add_before_exec(struct sampler *s, int pid, struct err *err);

typedef int sampler_take(void *ctx, const struct sampler_sample *sample);
/* Waits up to `timeout_ms` for something to do (or until `wake_fd` is readable; -1: none), and delivers what
 * there is. 1: all processes ended, 0, or negative (`take`'s or ours). */
int sampler_round(struct sampler *s, int timeout_ms, int wake_fd, sampler_take *take, void *ctx);
/* No new samples; what is on its way is delivered. */
int sampler_finish(struct sampler *s, sampler_take *take, void *ctx);

/* Places stay the same for good; rows grow at the end. */
uint32_t sampler_processes(const struct sampler *s, const struct sampler_process **rows);
uint32_t sampler_threads(const struct sampler *s, const struct sampler_thread **rows);
struct module_set *sampler_modules(struct sampler *s);
uint64_t sampler_loss(const struct sampler *s, enum sampler_loss loss);
void sampler_pauses(const struct sampler *s, struct pause_stats *stats);
const char *sampler_engine_name(const struct sampler *s); /* "perf", "poll" */
const char *
sampler_note(const struct sampler *s); /* why not perf, what else the user should know; "" */
int64_t sampler_own_cpu_ns(const struct sampler *s); /* our own CPU time since sampler_new() */

#endif
