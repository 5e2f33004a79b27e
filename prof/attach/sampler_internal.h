/* What the parts of the sampler share: rows for the caller, what is alive, the stack at hand. sampler.c is the
 * loop, sampler_rows.c who is there, sampler_tasks.c who comes and goes by /proc, sampler_stack.c from registers
 * to a delivered stack, sampler_perf.c and sampler_poll.c the engines, sampler_wall.c sleeping time.
 * Private to prof/attach/sampler*.c. */
#ifndef ATTACH_SAMPLER_INTERNAL_H
#define ATTACH_SAMPLER_INTERNAL_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <time.h>

#include "prof/attach/blocked.h"
#include "prof/attach/gap.h"
#include "prof/attach/perf.h"
#include "prof/attach/remote.h"
#include "prof/attach/sampler.h"
#include "prof/attach/stack.h"
#include "prof/base/hash.h"

#define NS_PER_MS INT64_C(1000000)
#define NS_PER_S  INT64_C(1000000000)

#define PROCESS_ROWS 65536u  /* beyond: the process is left out, and counted */
#define THREAD_ROWS  262144u /* beyond: one row per process stands for all further threads */
#define OPEN_FILES   4096u   /* schedstat files kept open, all processes together */
#define NONE         UINT32_MAX

#define SAMPLER_TOKENS (10 * NS_PER_MS) /* CPU time for looks, saved up at most */

/* A stack as it is delivered, kept over looks. */
struct kept_stack {
	struct attach_frame *frames; /* owned */
	uint32_t n, cap;
	enum unwind_end end;
	uint32_t end_module;
	uint8_t known, truncated, torn;
};

struct live_process {
	struct proc proc; /* stays at its place: the space borrows it */
	uint32_t row;
	uint32_t overflow; /* the row for threads beyond the limit; NONE */
	struct attach_space *space;
	struct remote memory;
	struct unwind_cache *cache;
	int has_clock;
	clockid_t clock;              /* CPU time of all its threads, those that ended too */
	int64_t clock_ns;             /* read last */
	int64_t clock_at;             /* when */
	int64_t busy_ns;              /* its clock had moved on, last */
	int64_t quiet_from, quiet_to; /* none of its threads ran in between */
	int idle;                     /* none of its threads ran between the last two readings */
	int64_t fresh_ns;             /* maps read last */
	int64_t fresh_cost;           /* CPU time that took */
	uint8_t stale;                /* maps may have changed */
	/* It had ended before its records were read: known by these only (proc.dir is -1). Until its exec it has the
	 * map of its parent, of that process number, else the one its mapping records make. */
	struct attach_space *lender;
	int root_pid;
	uint8_t gone;
	uint8_t polled;         /* no perf events on it */
	struct gap_cache *gaps; /* owned; NULL until code without call frame information was met */
	uint8_t before_exec;
	uint8_t ended;
	uint64_t image; /* hash of auxv: another one after an exec */
	int64_t listed_ns, noticed_ns, renewed_ns;
	int64_t list_cost;
	nlink_t task_links;
	uint8_t relist; /* a thread was missed */
	uint32_t n_threads;
	uint64_t minor_base, major_base;
};

struct live_thread {
	uint32_t row, overflow; /* overflow: the row stands for more than this thread */
	struct live_process *process;
	int tid, fd; /* fd: schedstat; -1 */
	int64_t met_ns;
	struct proc_schedstat seen;
	int64_t at_ns;    /* accounted up to */
	int64_t still_ns; /* has not run since */
	uint32_t hot;     /* its place in the list of threads that ran lately; NONE */
	uint8_t listed, fresh, wants_stop;
	uint8_t was_running;
	uint8_t unplaced; /* it ran since it was seen asleep: where it sleeps now is not known */
	uint64_t outer;   /* frames beyond the copy, when last found trustworthy: their hash */
	/* polling: CPU time that no stack was found for yet, and since when */
	int64_t cpu_pending, pending_ns;
	/* wall: time on a CPU, runnable and asleep that no stack was found for yet */
	int64_t run_credit, wait_credit, sleep_credit;
	struct kept_stack ran, sleep;
	int64_t sleep_ns, flushed_ns; /* asleep in `sleep`, not delivered yet */
	/* By switch records, since the last look: when it first got a CPU; when it left it last, to sleep. 0: it did not. */
	int64_t first_in_ns, last_out_ns;
	int64_t ahead_ns; /* delivered as sleep, but it ran or waited, as was told later */
	int64_t ran_ns;   /* seen running last */
	uint64_t sleep_count;
	enum profile_state sleep_state;
	const char *sleep_call;
};

struct sampler {
	struct sampler_options o;
	char *cache_dir; /* owned; NULL */
	struct module_set *modules;
	struct perf_source *perf;
	struct stopper *stopper;
	struct sampler_process *process_rows;
	struct sampler_thread *thread_rows;
	uint32_t n_process_rows, cap_process_rows, n_thread_rows, cap_thread_rows;
	struct live_process **processes;
	uint32_t n_processes, cap_processes;
	struct live_thread *live;
	uint32_t n_live, cap_live;
	struct idmap by_tid, by_pid; /* places in `live`, `processes`; GONE */
	uint32_t *hot;               /* places in `live` */
	uint32_t n_fresh;            /* not looked at yet */
	uint32_t n_hot, cap_hot, next_hot, next_cold;
	uint32_t next_row, open_files, max_open_files;
	int epoll, any_perf, any_polled, any_wants;
	int adopts; /* processes were added: children that were missed are looked for once */
	int64_t start_ns, own_base_ns, interval_ns;
	int64_t look_due, drain_due, drain_ns, house_due, children_due;
	int64_t hot_tokens, cold_tokens, fresh_tokens, stop_tokens,
		tokens_ns; /* CPU time that looks may still take */
	int64_t pause_spent;
	int64_t gap_spent; /* looking for callers in code without call frame information */
	uint64_t random;
	uint64_t loss[SAMPLER_LOSSES];
	int asked_hurry, may_hurry;
	uint64_t delivered;
	uint64_t switches; /* records in the second that began at switches_ns */
	int64_t switches_ns;
	uint64_t slices; /* perf: times that threads got a CPU, since slices_ns */
	int64_t slices_ns;
	int switching; /* they are on */
	char note[1024];
	/* of the round */
	sampler_take *take;
	void *take_ctx;
	int rc;
	/* the stack at hand */
	struct remote_stack window;
	struct attach_stack stack, beyond;
	struct attach_frame frames[UNWIND_DEPTH_MAX];
	struct stop_copy *copies;
	uint8_t *copy_bytes;
	int *tids; /* a list of tasks */
	uint32_t n_tids, cap_tids;
};

#define GONE (UINT32_MAX - 1)

/* sampler_rows.c */
/* A child has its parent's name until it executes; the parent may have ended before it. Only where there is none. */
void rows_name_by_parent(const struct sampler *s, struct sampler_process *row, int ppid);
/* NULL: no memory, or too many (counted). Takes `proc` over when it succeeds. `start_ns` before `now`: it began
 * then, under our eyes, and all its CPU time is the recording's; likewise for threads. */
struct live_process *rows_meet_process(struct sampler *s, struct proc *proc, int ppid, int added,
				       int64_t start_ns, int64_t now);
/* The recording of an added process begins: what went before is not its. The time. */
int64_t rows_begin(struct sampler *s, struct live_process *p);
/* One that could not be added: it never was there. */
void rows_drop_process(struct sampler *s, struct live_process *p);
void rows_end_process(struct sampler *s, uint32_t place, int64_t now);
struct live_process *rows_process(const struct sampler *s, int pid);
/* Place in `live`; NONE: no memory. */
uint32_t rows_meet_thread(struct sampler *s, struct live_process *p, int tid, int64_t start_ns,
			  int64_t now);
uint32_t rows_thread(const struct sampler *s, int tid);
void rows_end_thread(struct sampler *s, uint32_t place, int64_t now);
void rows_heat(struct sampler *s, uint32_t place);
void rows_cool(struct sampler *s, uint32_t place);
void rows_tidy(struct sampler *s);
void rows_release(struct sampler *s);

static inline struct attach_space *space_of(const struct live_process *p)
{
	return p->lender ? p->lender : p->space;
}

/* sampler_tasks.c */
/* Lists threads: new ones are met, absent ones end. */
int tasks_list(struct sampler *s, struct live_process *p, int64_t now);
/* Names, states, memory, CPU time; new threads and children; ends and execs. */
void tasks_house(struct sampler *s, int64_t now);
void tasks_renew_process(struct sampler *s, struct live_process *p);
int tasks_schedstat(struct sampler *s, struct live_thread *t, struct proc_schedstat *now);
int64_t tasks_clock(const struct live_process *p);
uint64_t tasks_image(const struct live_process *p);
/* When a process or thread with this field 22 of stat began: CLOCK_MONOTONIC, not before `after`, before `now`. */
int64_t tasks_began(uint64_t start_ticks, int64_t after, int64_t now);
void tasks_exec(struct sampler *s, struct live_process *p, int64_t now);
enum profile_state tasks_state(const struct live_thread *t); /* RUNNABLE: it is in our own hands */
void tasks_name_thread(struct sampler *s, const struct live_thread *t);

/* sampler_stack.c: what they leave is in s->stack and s->frames, as `view` tells. */
struct stack_view {
	const struct attach_frame *frames;
	uint32_t n;
	enum unwind_end end;
	uint32_t end_module;
	uint8_t truncated, torn;
};
struct copied_stack {
	const struct unwind_regs *regs;
	const uint8_t *bytes;
	size_t size;
};
void stack_fresh(struct live_process *p, int64_t now);
struct stack_view stack_unwind(struct sampler *s, struct live_thread *t,
			       const struct copied_stack *c, int64_t now);
/* Of a sleeping thread; `call` as blocked_stack(). */
enum blocked_result stack_blocked(struct sampler *s, struct live_thread *t, int64_t now,
				  struct stack_view *view, struct proc_syscall *call);
int stack_same(const struct kept_stack *k, const struct stack_view *v);
void stack_keep(struct kept_stack *k, const struct stack_view *v);
struct stack_view stack_kept(const struct kept_stack *k);
void stack_release(struct kept_stack *k);

struct delivery {
	enum sampler_part part;
	int64_t t_ns, value_ns;
	uint64_t count;
	enum profile_state state;
	const char *call;
};
void stack_deliver(struct sampler *s, const struct live_thread *t, const struct stack_view *v,
		   const struct delivery *d);

/* sampler_perf.c */
/* ERR_DENIED, …: no events on it. */
int perf_engine_add(struct sampler *s, struct live_process *p, int on_exec, struct err *err);
void perf_engine_drain(struct sampler *s);

/* sampler_poll.c */
int poll_engine_start(struct sampler *s, struct err *err);
void poll_engine_release(struct sampler *s);
void poll_look(struct sampler *s, int64_t now);
/* The recording ends: what is known by now is delivered. */
void poll_last_look(struct sampler *s, int64_t now);
/* CPU time that was not attributed yet goes to what is known best. */
void poll_settle(struct sampler *s, struct live_thread *t, int64_t now);

/* sampler_wall.c */
struct passed {        /* of a thread between two looks */
	int64_t quiet; /* at its beginning, nothing of the process ran */
	int64_t old,
		fresh; /* asleep before its first run, and since its last one, as switch records tell; -1: none */
	int64_t ran, waited, slept; /* slept < 0: so much was told as sleep before, wrongly */
};
/* `now_in`: where it sleeps now, in a call of that name; NULL: where it did before (it has not run), or it runs. */
struct sleeping {
	struct stack_view stack;
	enum profile_state state;
	const char *call;
};
void wall_passed(struct sampler *s, struct live_thread *t, const struct passed *d,
		 const struct sleeping *now_in, int64_t now);
/* A stack seen running takes its share of the time on a CPU and runnable: all of it, or that of `cpu_ns`. */
void wall_ran(struct sampler *s, struct live_thread *t, const struct stack_view *v, int64_t cpu_ns,
	      int64_t now);
void wall_flush(struct sampler *s, struct live_thread *t, int64_t now);
void wall_settle(struct sampler *s, struct live_thread *t, int64_t now);

/* sampler.c */
void sampler_add_note(struct sampler *s, const char *text);
void sampler_watch(struct sampler *s, struct live_process *p); /* for its end */

#endif
