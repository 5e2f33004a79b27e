/* The stopper: a thread of our own that traces, started when it is needed, ended when that is the only way to let
 * a thread go (stop_trace.c); the watchdog over it; statistics. While a stop is going on no signal reaches
 * the caller's thread, so that Ctrl-Z does not suspend us with a thread in hand. */
#include "prof/attach/stop.h"

#include <errno.h>
#include <limits.h>
#include <linux/futex.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "prof/attach/pauses.h"
#include "prof/attach/stop_trace.h"
#include "prof/attach/watchdog.h"

#define MAX_PAUSE_NS INT64_C(1000000)
#define WATCHDOG_NS  INT64_C(200000000)
#define END_NS       INT64_C(2000000000) /* for our thread's end: it holds running threads only */
#define STACK_BYTES  (256u << 10)        /* of the tracer's thread; it uses a few KiB */

enum turn { TURN_OURS, TURN_TRACER, TURN_END, TURN_GONE /* the thread ended by itself */ };

struct stopper {
	struct watchdog *watchdog;
	struct pauses pauses;
	struct stop_job job;
	struct stop_late late; /* the tracer's */
	int64_t max_pause_ns, arrive_ns;
	pthread_t thread;
	int has_thread, bell;
	struct err *err; /* the caller's, during a stop */
	int failed;
	int cpu; /* that the thread is bound to; -1: none */
	_Atomic uint32_t turn;
};

/* ---- the two threads ---- */

static void wait_while(_Atomic uint32_t *word, uint32_t value)
{
	while (atomic_load(word) == value)
		(void)syscall(SYS_futex, word, FUTEX_WAIT_PRIVATE, value, NULL, NULL, 0);
}

static void wake(_Atomic uint32_t *word)
{
	(void)syscall(SYS_futex, word, FUTEX_WAKE_PRIVATE, INT_MAX, NULL, NULL, 0);
}

static void pass(_Atomic uint32_t *word, uint32_t value)
{
	atomic_store(word, value);
	wake(word);
}

/* A thread that stands still waits for us: nothing goes before, where we may say so. */
static void be_prompt(void)
{
	struct sched_param p = {.sched_priority = 1};

	(void)prctl(PR_SET_NAME, "protea-stop");
	(void)prctl(PR_SET_TIMERSLACK, 1ul);
	(void)sched_setscheduler(0, SCHED_FIFO | SCHED_RESET_ON_FORK, &p);
}

/* Until those that are late have come and were let go, or never will. `meanwhile`: only while there is nothing else to do. */
static void attend(struct stopper *s, int meanwhile)
{
	uint32_t turn = atomic_load(&s->turn);

	while (s->late.n > 0 && !late_is_hopeless(&s->late) &&
	       !(meanwhile && atomic_load(&s->turn) != TURN_OURS)) {
		struct timespec rest = {.tv_nsec = late_rest_ns(&s->late)};

		late_serve(&s->late, &s->pauses);
		watchdog_extend(s->watchdog, 0);
		if (s->late.n > 0)
			(void)syscall(SYS_futex, &s->turn, FUTEX_WAIT_PRIVATE, turn, &rest, NULL,
				      0);
	}
	if (s->late.n == 0)
		watchdog_end(s->watchdog);
}

/* The watchdog's time is this thread's alone: on a busy machine the caller may not run for long after it. 1: the thread
 * must end. */
static int trace(struct stopper *s)
{
	s->failed = watchdog_begin(s->watchdog, s->err);
	if (s->failed)
		return 0;
	if (s->late.over)
		s->job.must_end = 1;
	else
		stop_trace(&s->job);
	if (s->job.must_end) {
		attend(s, 0);
		watchdog_extend(s->watchdog, END_NS);
	} else if (s->late.n == 0) {
		watchdog_end(s->watchdog);
	}
	return s->job.must_end;
}

/* What is to be done next. TURN_GONE: nothing, but only our end lets go of some. */
static uint32_t next_turn(struct stopper *s)
{
	uint32_t ours = TURN_OURS;

	if (s->late.n > 0)
		attend(s, 1);
	if ((s->late.n > 0 || s->late.over) &&
	    atomic_compare_exchange_strong(&s->turn, &ours, TURN_GONE)) {
		watchdog_end(s->watchdog);
		return TURN_GONE;
	}
	wait_while(&s->turn, TURN_OURS);
	return atomic_load(&s->turn);
}

static void *tracer(void *arg)
{
	struct stopper *s = arg;
	uint32_t turn;

	be_prompt();
	while ((turn = next_turn(s)) == TURN_TRACER) {
		int last = trace(s);

		pass(&s->turn, TURN_OURS);
		if (last)
			return NULL;
	}
	if (turn == TURN_END) {
		attend(s, 0);
		watchdog_end(s->watchdog);
	}
	return NULL;
}

static int start_thread(struct stopper *s, struct err *err)
{
	pthread_attr_t attr;
	int rc;

	if (s->has_thread)
		return 0;
	atomic_store(&s->turn, TURN_OURS);
	rc = pthread_attr_init(&attr);
	if (rc == 0) {
		(void)pthread_attr_setstacksize(&attr, STACK_BYTES);
		rc = pthread_create(&s->thread, &attr, tracer, s);
		(void)pthread_attr_destroy(&attr);
	}
	s->has_thread = rc == 0;
	s->cpu = -1;
	errno = rc;
	return rc == 0 ? 0 : err_sys(err, ERR_LIMIT, "cannot start the thread that stops threads");
}

/* After this the kernel has let go of all that it held. */
static void end_thread(struct stopper *s)
{
	if (s->has_thread)
		(void)pthread_join(s->thread, NULL);
	s->has_thread = 0;
	s->late.n = 0;
	s->late.over = 0;
}

/* ---- outside ---- */

/* Does the kernel send SIGCHLD when a thread that we trace stands still? */
static int is_rung(void)
{
	struct sigaction sa;

	return sigaction(SIGCHLD, NULL, &sa) == 0 && !(sa.sa_flags & SA_NOCLDSTOP) &&
	       ((sa.sa_flags & SA_SIGINFO) || sa.sa_handler != SIG_IGN);
}

static int make_bell(void)
{
	sigset_t set;

	(void)sigemptyset(&set);
	(void)sigaddset(&set, SIGCHLD);
	return signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
}

struct stopper *stopper_new(const struct stop_options *o, struct err *err)
{
	struct stopper *s = calloc(1, sizeof *s);
	int64_t limit = o->watchdog_ns > 0 ? o->watchdog_ns : WATCHDOG_NS;

	if (!s) {
		(void)err_nomem(err, "stopping threads");
		return NULL;
	}
	s->max_pause_ns = o->max_pause_ns > 0 ? o->max_pause_ns : MAX_PAUSE_NS;
	/* One that waits for a CPU is not stopped yet: it may take longer to arrive than to be copied. */
	s->arrive_ns = o->arrive_ns > 0 ? o->arrive_ns : 20 * s->max_pause_ns;
	if (s->arrive_ns > limit / 4)
		s->arrive_ns = limit / 4;
	if (s->max_pause_ns > limit / 4)
		s->max_pause_ns = limit / 4;
	s->watchdog = watchdog_new(limit, err);
	if (!s->watchdog) {
		free(s);
		return NULL;
	}
	s->bell = make_bell();
	return s;
}

void stopper_free(struct stopper *s)
{
	if (!s)
		return;
	if (s->has_thread)
		pass(&s->turn, TURN_END);
	end_thread(s);
	if (s->bell >= 0)
		(void)close(s->bell);
	watchdog_free(s->watchdog);
	free(s);
}

/* The tracer's thread runs where we run now, as we are about to sleep: elsewhere it might take the CPU from the very
 * thread that it waits for. */
static void come_here(struct stopper *s)
{
	int cpu = sched_getcpu();
	cpu_set_t set;

	if (cpu < 0 || cpu >= CPU_SETSIZE || cpu == s->cpu)
		return;
	CPU_ZERO(&set);
	CPU_SET((unsigned)cpu, &set);
	if (pthread_setaffinity_np(s->thread, sizeof set, &set) == 0)
		s->cpu = cpu;
}

static int stop_all(struct stopper *s, struct err *err)
{
	while (s->job.done < s->job.n) {
		uint32_t ours = TURN_OURS;
		int rc = start_thread(s, err);

		if (rc != 0)
			return rc;
		s->err = err;
		come_here(s);
		if (!atomic_compare_exchange_strong(&s->turn, &ours,
						    TURN_TRACER)) { /* it is gone */
			end_thread(s);
			continue;
		}
		wake(&s->turn);
		wait_while(&s->turn, TURN_TRACER);
		if (s->failed)
			return s->failed;
		if (s->job.must_end) {
			end_thread(s);
			watchdog_end(s->watchdog);
		}
	}
	return 0;
}

int stop_and_copy(struct stopper *s, int pid, struct stop_copy *copies, uint32_t n, struct err *err)
{
	sigset_t all, before;
	int rc;

	for (uint32_t i = 0; i < n; i++)
		copies[i].result = STOP_BUDGET;
	s->job = (struct stop_job){.pid = pid,
				   .copies = copies,
				   .n = n,
				   .max_pause_ns = s->max_pause_ns,
				   .arrive_ns = s->arrive_ns,
				   .pauses = &s->pauses,
				   .late = &s->late,
				   .watchdog = s->watchdog,
				   .bell = is_rung() ? s->bell : -1};
	(void)sigfillset(&all);
	(void)pthread_sigmask(SIG_SETMASK, &all, &before);
	rc = stop_all(s, err);
	if (s->job.rung) /* a child of the program's may have been among them */
		(void)kill(getpid(), SIGCHLD);
	(void)pthread_sigmask(SIG_SETMASK, &before, NULL);
	return rc;
}

void stopper_stats(const struct stopper *s, struct pause_stats *stats)
{
	pauses_stats(&s->pauses, stats);
}
