/* What feeds top: the sampler's stacks, named once per interval, into the model; and the numbers of its head. Can be
 * stopped and started again (pause, another mode, Ctrl-Z): while it is stopped nothing of the target is touched.
 * Not thread-safe. */
#ifndef CLI_TOP_FEED_H
#define CLI_TOP_FEED_H

#include <stdint.h>

#include "prof/attach/pick.h"
#include "prof/attach/sampler.h"
#include "prof/base/err.h"
#include "prof/cli/top_layout.h"
#include "prof/cli/top_model.h"
#include "prof/cli/top_raw.h"
#include "prof/record/livenames.h"

struct top_feed_thread {      /* at the sampler's place of the thread */
	int64_t cpu_ns;       /* when the interval began; -1: met in this one */
	int64_t row_ns;       /* what the sampler said when it was looked at last */
	int64_t call_ns;      /* its CPU time when its system call was asked for: -1 never */
	uint64_t switches[2]; /* voluntary, forced; when the interval began */
	int counted;          /* they are known */
	int ended, ran;       /* ran: a sample of this interval says so */
	uint32_t stack;       /* of the last sample, or TOP_NONE */
	uint32_t function;    /* a string, of this interval */
	uint64_t samples;
	const char *syscall;
};

struct top_feed_process { /* likewise: when the interval began */
	int met, ended;
	int64_t cpu_ns, rss_bytes;
	uint64_t minor_faults, major_faults;
};

struct top_feed {
	struct sampler_options options; /* rate and wall follow `kind` */
	struct pick_list pids;          /* owned */
	struct strtab *strings;         /* owned */
	struct top_model model;
	struct top_raw raw;
	struct top_status status;
	int look_at_calls; /* which system call sleeping threads are in: for whoever shows threads */
	enum top_kind kind; /* which is looked at; takes effect with top_feed_start() */
	uint32_t rates_hz[TOP_KINDS];

	struct sampler *sampler; /* NULL: stopped */
	struct livenames *names;
	char cache_dir[4096];
	struct top_feed_thread *threads; /* owned */
	struct top_feed_process *processes;
	uint32_t n_threads, cap_threads, n_processes, cap_processes;
	uint32_t generation;
	uint32_t truncated, unread; /* strings */
	uint64_t lost_before;       /* by samplers that were stopped */
	int64_t begun_ns, started_ns, own_cpu_ns;
	int begun; /* samples of this interval are in the model already */
};

/* Attaches to `pids` (taken over); what is wrong with any of them is refused in words. The rest of `f` is
 * filled. top_feed_release() is needed in any case. */
int top_feed_open(struct top_feed *f, struct pick_list *pids, const struct sampler_options *options,
		  const uint32_t rates_hz[TOP_KINDS], struct err *err);
void top_feed_release(struct top_feed *f);

int top_feed_start(struct top_feed *f, struct err *err);
void top_feed_stop(struct top_feed *f);

enum top_feed_event { TOP_FEED_DUE, TOP_FEED_WOKEN, TOP_FEED_ENDED };
/* Takes samples until `until_ns` (CLOCK_MONOTONIC), `wake_fd` is readable, or all processes ended. An event or
 * negative. */
int top_feed_wait(struct top_feed *f, int64_t until_ns, int wake_fd, struct err *err);
/* Ends the interval: names, sums, threads, status. 0 or negative. */
int top_feed_frame(struct top_feed *f, struct err *err);
/* Forgets what was seen so far. 0 or ERR_NOMEM. */
int top_feed_reset(struct top_feed *f, struct err *err);

/* What is kept of the sampler's thread at `place`; NULL: no memory. */
struct top_feed_thread *top_feed_thread_at(struct top_feed *f, uint32_t place);
/* The head's numbers and the threads' rows (top_use.c): looked at first when sampling begins, told at the end of
 * each interval. 0 or ERR_NOMEM. */
int top_feed_first_use(struct top_feed *f);
int top_feed_use(struct top_feed *f, int64_t interval_ns);
void top_feed_describe(struct top_feed *f); /* name, command line */

#endif
