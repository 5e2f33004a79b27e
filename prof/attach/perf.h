/* perf_event_open on live processes: the software task-clock with user registers and a piece of the user stack,
 * fork, exec, exit and mmap records, context switches. Per thread and CPU with inheritance, so that no thread is
 * missed; nothing is injected, nothing stopped. Rings are read by one thread of ours. What the kernel writes is
 * checked like any foreign bytes (perf_records.c). Source: perf_event_open(2), include/uapi/linux/perf_event.h. */
#ifndef ATTACH_PERF_H
#define ATTACH_PERF_H

#include <stddef.h>
#include <stdint.h>

#include "prof/base/err.h"
#include "prof/unwind/unwind.h"

struct perf_options {
	uint32_t
		rate_hz; /* per thread, of CPU time; intervals are jittered where that costs nothing */
	uint32_t stack_bytes; /* 0: chosen by what stacks need, adapted while running */
	int children;         /* processes too, not only threads */
	int switches;         /* context-switch records, where allowed */
	int on_exec; /* starts with the next exec (a command of ours that waits before it) */
};

struct perf_sample {
	int pid, tid;
	int64_t t_ns;   /* CLOCK_MONOTONIC */
	int64_t cpu_ns; /* CPU time it stands for */
	uint32_t cpu;
	struct unwind_regs regs; /* known = 0: a kernel thread or no user context */
	const uint8_t *stack;    /* valid during the call: copied from the stack pointer on */
	size_t stack_bytes;
	int stack_cut; /* the copy was as large as asked for: there may be more */
};
enum perf_task_event {
	PERF_TASK_FORK,
	PERF_TASK_EXIT,
	PERF_TASK_EXEC,
	PERF_TASK_COMM,
	PERF_TASK_MMAP
};
struct perf_task {
	enum perf_task_event event;
	int pid, tid, ppid, ptid; /* fork: pid and tid are the new ones */
	int64_t t_ns;
	const char *comm;                 /* COMM, EXEC */
	uint64_t address, length, offset; /* MMAP: executable mappings */
	const char *path;
	uint64_t device, inode; /* of its file; inode 0: not told */
};
struct perf_switch {
	int pid, tid, in, preempted; /* out, preempted: still runnable */
	int64_t t_ns;
};
/* A value other than 0 ends the reading and is returned. Records of one CPU come in order; across CPUs they are
 * sorted by time within a poll. NULL members are skipped. */
struct perf_handler {
	void *ctx;
	int (*sample)(void *ctx, const struct perf_sample *s);
	int (*task)(void *ctx, const struct perf_task *t);
	int (*switched)(void *ctx, const struct perf_switch *s);
	void (*lost)(void *ctx, uint64_t records);
};

struct perf_source;
/* Tries a first event on `pid` (0: ourselves). ERR_DENIED (errno in err->sys), ERR_UNSUPPORTED, ERR_NOMEM. */
int perf_source_new(struct perf_source **out, const struct perf_options *o, struct err *err);
void perf_source_free(struct perf_source *s);
/* All threads of a process, until no new one turns up. ERR_DENIED, ERR_NOTFOUND, ERR_LIMIT (descriptors: says the
 * limit and the line), ERR_NOMEM. */
int perf_source_add(struct perf_source *s, int pid, struct err *err);
/* A descriptor to poll for input (an epoll of the rings), readable when a ring is filled to its mark. What comes
 * slower is there to be read at any time: look every 50 ms or so. */
int perf_source_fd(const struct perf_source *s);
/* Everything that is in the rings now. 0, what a handler returned, or ERR_FORMAT (a ring makes no sense). */
int perf_source_read(struct perf_source *s, const struct perf_handler *h);
/* How unwinding went: `used` bytes of a sample's copy were needed, `complete`: they were enough. By this the copies
 * grow and shrink where stack_bytes was 0, at a later perf_source_read(). */
void perf_source_tell(struct perf_source *s, int complete, size_t used);
/* No switch records from now on: they came too fast. Not from within a handler. */
void perf_source_no_switches(struct perf_source *s);
/* Stops sampling; what is in the rings can still be read. */
void perf_source_stop(struct perf_source *s);

struct perf_facts {
	uint32_t events, stack_bytes; /* now */
	uint64_t samples, lost, throttled, cut;
	int switches; /* are on */
};
void perf_source_facts(const struct perf_source *s, struct perf_facts *f);

/* One sample of each of these running threads, without a stop: an event each, waited for up to `wait_ns`. Calls
 * `each` for those that ran. 0, ERR_DENIED. For dump --nonblocking. */
int perf_glance(const int *tids, uint32_t n, int64_t wait_ns, uint32_t stack_bytes,
		const struct perf_handler *each, struct err *err);

#endif
