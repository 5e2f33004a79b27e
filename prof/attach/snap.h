/* All threads of one process at a moment: what dump shows. Sleeping threads are read without a stop, running
 * ones stopped for microseconds, or not at all (nonblocking). Names of functions are the caller's. */
#ifndef ATTACH_SNAP_H
#define ATTACH_SNAP_H

#include <stdint.h>

#include "prof/attach/modules.h"
#include "prof/attach/proc.h"
#include "prof/attach/stack.h"
#include "prof/attach/stop.h"

enum snap_how {
	SNAP_BLOCKED, /* without a stop */
	SNAP_STOPPED, /* stopped for pause_ns */
	SNAP_PERF,    /* running, told by a perf event: without a stop */
	SNAP_NONE,    /* no stack: `why` */
	SNAP_CORE,
};

struct snap_thread {
	int tid, ns_tid; /* ns_tid: in its own pid namespace, tid if it is ours */
	char name[PROC_COMM_MAX];
	enum profile_state state;
	char letter; /* of stat */
	int64_t cpu_ns;
	enum snap_how how;
	const char *why; /* static: "ended meanwhile", "could not be stopped in time", …; NULL */
	int64_t pause_ns;
	enum proc_call call_state;
	struct proc_syscall call; /* nr -1: none */
	uint8_t torn;
	uint32_t n_frames, guessed;
	enum unwind_end end;
	uint64_t *addresses; /* owned; look-up addresses, innermost first */
	char syscall[192];   /* "futex(0x7f…, FUTEX_WAIT_PRIVATE, 2, NULL)"; "" none (waits.h) */
	char waits_on
		[192]; /* "mutex 0x… held by thread 12 (worker)", "fd 3: /tmp/x"; "" nothing known */
	char signal[64]; /* core: "SIGSEGV at 0x0"; "" */
};

struct snap {
	int pid;
	char name[256];
	int64_t at_ns, took_ns;
	struct snap_thread *threads; /* owned; main thread first, then by tid */
	uint32_t n, cap;
	struct pause_stats pause;
};

struct snap_options {
	int nonblocking;      /* no stop at all */
	int64_t max_pause_ns; /* 0: 1 ms */
	uint32_t max_frames;  /* 0: UNWIND_DEPTH_MAX */
	struct stopper
		*stopper; /* NULL: one is made if it is needed. snap.pause is all of its stops */
	/* Tells by its ids and its name whether a thread is to be read at all; NULL: all are. */
	int (*wanted)(void *ctx, const struct snap_thread *t);
	void *wanted_ctx;
};

/* 0; ERR_NOTFOUND: it ended before anything was read; ERR_DENIED (which right, rights.h); ERR_NOMEM. Threads that
 * end meanwhile are left out. */
int snap_take(struct snap *s, const struct proc *p, struct attach_space *space,
	      const struct snap_options *o, struct err *err);
void snap_release(struct snap *s); /* a zeroed one is fine */
/* A row at the end, zeroed. NULL: no memory. */
struct snap_thread *snap_add(struct snap *s);

#endif
