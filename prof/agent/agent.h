/* The agent inside a target, shared by the files of this room: state of the process, one slot per
 * thread, and who provides what. The agent never allocates with malloc, holds no lock that a handler
 * or the program could wait for, prints nothing, and leaves errno as it found it.
 *
 * Contexts: "handler" functions may run in the tick's signal handler at any instruction of the
 * program; all others run in normal context (a wrapper of a libc call, a constructor). */
#ifndef AGENT_AGENT_H
#define AGENT_AGENT_H

#include <signal.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#include "prof/spool/format.h"
#include "prof/spool/session.h"
#include "prof/spool/writer.h"
#include "prof/unwind/unwind.h"

/* What the program sees in place of libc's; also to be named in exports.map. */
#define AGENT_EXPORT __attribute__((visibility("default")))

enum agent_state {
	AGENT_IDLE,  /* no session: every hook passes straight through */
	AGENT_BUSY,  /* being started or ended */
	AGENT_LIVE,  /* threads have slots, ticks arrive */
	AGENT_ENDED, /* the process is about to end, or the session is over */
};

/* One per thread that is sampled. Mapped once, reused, never unmapped: a handler may hold a pointer
 * to it at any time. Written by its own thread (or, before the first tick, by whoever attached it). */
struct agent_slot {
	_Atomic int32_t tid;     /* 0: free; -1: being made */
	_Atomic int32_t for_tid; /* the thread that it is being made for */
	uint32_t index;          /* place in agent.slots */
	int32_t fd;              /* of the perf event, -1: none */
	int32_t timer;           /* kernel's timer id, -1: none */
	int32_t timer_value;     /* what its signals carry */
	uint32_t foreign;        /* attached by another thread: nothing tells us of its end */
	uint64_t thread_pointer; /* fs base of the thread, 0: not seen yet */
	void *start_fn;          /* of a thread that pthread_create() is making */
	void *start_arg;
	int start_signal;         /* agent_signal_thread_create() */
	size_t start_stack_bytes; /* its stack, guard included, 0: not known */
	/* Who makes it, in `addresses` until it runs; 0: not wanted. */
	uint32_t start_frames, start_frame_flags;
	uint64_t start_hash;
	struct ring_writer ring;
	volatile uint64_t write_sp; /* of the agent_write() that is under way */

	_Atomic uint32_t in_handler;
	_Atomic(struct agent_modules *) in_use; /* snapshot that the handler reads, NULL */

	uint64_t stack_lo, stack_hi; /* 0: not known; memory from sp up to stack_hi is readable */
	int64_t last_ns;             /* CLOCK_MONOTONIC of the last tick */
	int64_t start_cpu_ns;        /* thread CPU clock when it was attached */
	int64_t accounted_ns;        /* CPU time that its samples carry, on top of start_cpu_ns */
	int64_t interval_ns;         /* between ticks, as set now */
	uint32_t resync;             /* ticks until the CPU clock is read again */
	uint32_t rearm, refresh;     /* ticks until the interval changes, until more are allowed */
	int64_t mirror_ns;           /* the next interval where it is known already, 0 */
	uint64_t ticks, random;
	int64_t value_ns;     /* of the last sample: how many ticks a blocked signal swallowed */
	int64_t raw_after_ns; /* no raw stack before this time */
	int64_t tick_cost_ns; /* of one handler call, measured now and then */

	volatile uint32_t
		own_work;      /* the thread lists libraries for us: no sample of the program */
	uint64_t sample_stage; /* handler: stage of the sample being taken */
	/* Owned by stage.c. */
	volatile uint64_t stage_id; /* innermost open stage, 0: none */
	void *stages;               /* its stack of open stages, NULL until the first one */

	struct unwind_cache *cache;
	uint64_t *addresses;  /* UNWIND_DEPTH_MAX */
	uint8_t *stack_bytes; /* copy of a stack that is not the thread's own */
	struct iovec *pages;  /* of the call that copies it: small stacks have no room to spare */
};

/* Everything else of the process. Zero until agent_begin(). */
struct agent {
	_Atomic uint32_t state; /* enum agent_state */
	_Atomic uint32_t
		sealed; /* a filter would kill it for our system calls: there are none any more */
	_Atomic uint32_t coming; /* threads that are getting or giving back a slot */
	int32_t pid;
	int signo;           /* of ticks, 0: none */
	uint32_t engine;     /* enum spool_engine in use */
	int64_t interval_ns; /* mean time between ticks */
	struct spool_session *session;
	struct spool_head *head;
	char session_path[SPOOL_PATH_MAX];
	_Atomic(struct agent_modules *) modules;
	_Atomic uint32_t slots_used; /* slots[0 … slots_used - 1] were made */
	_Atomic(struct agent_slot *) slots[SPOOL_RINGS_MAX];
};

extern struct agent agent;

/* Around what a thread does with system calls of ours when it comes or goes: 0: it is sealed, leave it. seal.c waits for
 * those that are inside. */
static inline int agent_enter(void)
{
	atomic_fetch_add(&agent.coming, 1);
	if (!atomic_load(&agent.sealed))
		return 1;
	atomic_fetch_sub(&agent.coming, 1);
	return 0;
}

static inline void agent_leave(void)
{
	atomic_fetch_sub(&agent.coming, 1);
}

static inline int agent_live(void)
{
	return atomic_load_explicit(&agent.state, memory_order_relaxed) == AGENT_LIVE;
}

/* ---- process: init.c ------------------------------------------------------------------------- */

/* Starts recording into a session folder: spool file, modules, signal, engine, a slot for every
 * thread there is. 0 or a code of enum err_code; on failure the agent stays idle. */
int agent_begin(const char *session_path, struct err *err);
/* The same by what the environment says, once: at the first sign of life after libc's own start, which is
 * another library's start-up code or our constructor. */
void agent_start(void);
/* Ends it: no tick after it returns, THREAD_END for all threads, totals of the process. `ended` is
 * what spool_head.ended becomes (enum spool_ended). */
void agent_end(uint32_t ended);
/* Just before execve(): totals, ended = 2; undone by _failed(). Ticks are exec.c's care. */
void agent_exec_prepare(void);
void agent_exec_failed(void);
/* First thing in a forked child (not vfork): closes the parent's events, takes up a spool file and a
 * slot of its own, or falls idle if the session does not follow children. */
void agent_on_fork_child(void);
/* The next definition of a libc function, never NULL for what libc has. All that are named in this
 * library are looked up at its start: a wrapper may be called in a signal handler, where dlsym() must
 * not. */
struct agent_next_entry {
	_Atomic(void *) found;
	const char *called;
};
void *agent_next(struct agent_next_entry *entry);
#define AGENT_NEXT(name)                                                                           \
	({                                                                                         \
		static struct agent_next_entry next_                                               \
			__attribute__((section("agent_lookups"), used)) = {.called = #name};       \
		(__typeof__(&name))agent_next(&next_);                                             \
	})

/* ---- threads: slots.c, thread.c -------------------------------------------------------------- */

/* The calling thread's slot; a thread without one is attached first. NULL: idle, or no ring left.
 * Normal context only. */
struct agent_slot *agent_slot_self(void);
/* Attaches the calling thread (idempotent), or takes it out; normal context. `stack_size` 0: not
 * known. */
struct agent_slot *agent_thread_attach(size_t stack_size);
void agent_thread_detach(void);
/* The thread's exact CPU clock. Signal-safe. */
int64_t agent_thread_cpu_ns(void);
/* One whole record into the calling thread's ring, in normal context: the two pieces one after the
 * other. 0, or -1 when it was dropped (counted). Handlers of this thread drop theirs meanwhile. */
int agent_write(struct agent_slot *slot, enum spool_type type, uint32_t extra, int64_t t_ns,
		const void *a, size_t a_bytes, const void *b, size_t b_bytes);
/* Threads that the supervisor found without a slot (spool_head.ask_tid). Signal-safe. */
void agent_threads_asked(void);

/* ---- modules: modules.c ---------------------------------------------------------------------- */

/* Compares the loaded modules with the snapshot, writes MODULE_LOAD/UNLOAD records, publishes a new
 * snapshot. Never waits: if another thread is at it, that one looks once more. Normal context. */
void agent_modules_refresh(void);

/* ---- by env.c, exec.c, fork.c, dl.c, sigwrap.c, stage.c -------------------------------------- */

/* Value of SPOOL_ENV_SESSION, NULL or "": none. */
const char *agent_env_session(void);
/* Takes the session and our entry of LD_PRELOAD out of environ, keeping them for exec. */
void agent_env_hide(void);

/* A real-time signal that nobody uses, 0: none. */
int agent_signal_choose(void);
/* Installs the tick's handler (SA_SIGINFO | SA_RESTART | SA_ONSTACK, every signal blocked meanwhile: the
 * program must not longjmp out of the middle of it), keeping what was there; from now on the wrappers keep the program from blocking, replacing or seeing it. 0 or -1. */
int agent_signal_install(int signo, void (*handler)(int, siginfo_t *, void *));
/* Signal-safe: hands a signal that is not a tick to the action that the program has for it; does nothing
 * where it has none (a last tick of a thread that was just detached). */
void agent_signal_chain(int signo, siginfo_t *info, void *ucontext);

/* Before a thread is made, and first thing in it, with what the former returned: how its mask is to be
 * read, which it inherits. */
int agent_signal_thread_create(void);
void agent_signal_thread_start(int inherited);
/* Refreshes the modules if the loader loaded or unloaded any since the last time. */
void agent_modules_changed(void);

/* Handler, before it writes a sample: writes the BEGIN of open stages that have none yet, and returns the
 * stage that the sample belongs to (0: none). */
uint64_t agent_stages_in_handler(struct agent_slot *slot);
/* The stage under which the calling thread's memory is booked, after mem_stage_changed(AGENT_STAGE_ASK): open
 * stages get their BEGIN now if this thread may write so many, else it is the innermost one that has it (0:
 * none). Holds until the next mem_stage_changed(). `slot` may be NULL. */
uint64_t agent_stage_for_memory(struct agent_slot *slot);
/* The stage of an SQL statement, which is rare enough that open stages always get their BEGIN. */
uint64_t agent_stage_for_statement(struct agent_slot *slot);
#define AGENT_STAGE_ASK UINT64_MAX
/* Ends stages that the calling thread left open and forgets its stack of them. */
void agent_stages_thread_end(struct agent_slot *slot);
/* In a forked child: the surviving thread's open stages are the parent's business. */
void agent_stages_fork_child(struct agent_slot *slot);

#endif
