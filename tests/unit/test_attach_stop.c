/* prof/attach/stop: running threads are copied and let go; sleeping ones are left asleep; no signal is lost, made or
 * delivered twice; what ends, executes or is held by others meanwhile harms nobody. */
#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <time.h>

#include <cmocka.h>

#include "prof/attach/proc.h"
#include "prof/attach/stop.h"
#include "prof/base/clock.h"
#include "tests/unit/live_child.h"

#define STACK 65536u
#define MANY  16

static uint8_t stacks[MANY][STACK];
static struct stopper *stopper;

static void nap_us(long us)
{
	const struct timespec t = {us / 1000000, us % 1000000 * 1000};

	nanosleep(&t, NULL);
}

static int set_up(void **state)
{
	struct stop_options o = {0};
	struct err err = ERR_INIT;

	(void)state;
	stopper = stopper_new(&o, &err);
	if (!stopper)
		print_message("%s\n", err.text);
	return stopper ? 0 : -1;
}

static int tear_down(void **state)
{
	(void)state;
	stopper_free(stopper);
	stopper = NULL;
	return 0;
}

static struct stop_copy stop_one(int pid, int tid)
{
	struct stop_copy c = {.tid = tid, .stack = stacks[0], .size = STACK};
	struct err err = ERR_INIT;

	assert_int_equal(stop_and_copy(stopper, pid, &c, 1, &err), 0);
	return c;
}

/* Stops until it is copied: a busy machine may not let it arrive in time. Skips where tracing is not permitted. */
static struct stop_copy copy_one(int pid, int tid)
{
	struct stop_copy c = stop_one(pid, tid);

	for (int i = 0;
	     i < LIVE_PATIENCE_MS && (c.result == STOP_BUDGET || c.result == STOP_BLOCKED); i++) {
		live_nap();
		c = stop_one(pid, tid);
	}
	if (c.result == STOP_DENIED) {
		print_message("may not trace here\n");
		skip();
	}
	assert_int_equal(c.result, STOP_COPIED);
	return c;
}

static char state_of(int pid)
{
	struct proc p;
	struct proc_stat stat = {.state = '-'};

	if (proc_open(&p, pid, NULL) != 0)
		return '-';
	(void)proc_stat(&p, &stat);
	proc_close(&p);
	return stat.state;
}

/* The kernel lets go while the tracer's thread ends: moments later. */
static int comes_to(int pid, const char *states)
{
	for (int i = 0; i < LIVE_PATIENCE_MS; i++, nap_us(1000))
		if (strchr(states, state_of(pid)))
			return 1;
	return 0;
}

/* ---- */

static int marked(int ready, int go, void *arg)
{
	volatile uint64_t mark[4] = {0x1122334455667788u, (uint64_t)(uintptr_t)arg, 0, 0};

	(void)go;
	live_ready(ready);
	for (;;)
		mark[2]++;
	return 0;
}

static void a_running_thread_is_copied_and_runs_on(void **state)
{
	struct live_child c = {0};
	struct stop_copy copy;
	struct pause_stats stats;
	int found = 0;

	(void)state;
	assert_int_equal(live_start(&c, marked, (void *)0x4242), 0);
	copy = copy_one(c.pid, c.pid);
	assert_true(copy.bytes >= 64);
	assert_true(copy.regs.known & 1u << UNWIND_SP && copy.regs.known & 1u << UNWIND_IP);
	assert_true(copy.pause_ns > 0);
	assert_true(copy.at_ns > 0 && copy.at_ns <= clock_mono_ns());
	for (size_t at = 0; at + 16 <= copy.bytes; at += 8)
		found |= memcmp(copy.stack + at, &(uint64_t){0x1122334455667788u}, 8) == 0 &&
			 memcmp(copy.stack + at + 8, &(uint64_t){0x4242}, 8) == 0;
	assert_true(found);
	assert_true(comes_to(c.pid, "R"));
	stopper_stats(stopper, &stats);
	assert_true(stats.n >= 1);
	assert_true(stats.p50_ns > 0 && stats.p50_ns <= stats.p99_ns &&
		    stats.p99_ns <= stats.max_ns);
	live_end(&c);
}

/* The number of times that it slept and woke up does not change. */
static uint64_t slices(int pid)
{
	struct proc_schedstat s = {0};
	struct proc p;

	assert_int_equal(proc_open(&p, pid, NULL), 0);
	assert_int_equal(proc_schedstat(&p, pid, &s), 0);
	proc_close(&p);
	return s.slices;
}

static void a_sleeping_thread_sleeps_on(void **state)
{
	struct live_child c = {0};
	uint64_t before;

	(void)state;
	assert_int_equal(live_start(&c, live_pause, NULL), 0);
	assert_true(comes_to(c.pid, "S"));
	before = slices(c.pid);
	for (int i = 0; i < 100; i++)
		assert_int_equal(stop_one(c.pid, c.pid).result, STOP_BLOCKED);
	assert_int_equal(slices(c.pid), before);
	live_end(&c);
}

/* Its entry is left, and says that it is in no system call. */
static void one_that_has_ended_is_gone(void **state)
{
	int pid = fork(), status;

	(void)state;
	assert_true(pid >= 0);
	if (pid == 0)
		_exit(0);
	assert_true(comes_to(pid, "Z"));
	assert_int_equal(stop_one(pid, pid).result, STOP_GONE);
	assert_int_equal(waitpid(pid, &status, 0), pid);
}

static void who_is_not_there_is_gone(void **state)
{
	struct live_child c = {0};
	struct stop_copy copy;

	(void)state;
	assert_int_equal(live_start(&c, live_spin, NULL), 0);
	assert_int_equal(stop_one(c.pid, getpid()).result, STOP_GONE); /* no thread of it */
	kill(c.pid, SIGKILL);
	assert_true(comes_to(c.pid, "Z-"));
	copy = stop_one(c.pid, c.pid);
	assert_int_not_equal(copy.result, STOP_COPIED);
	assert_int_equal(copy.pause_ns, 0);
	assert_int_equal(waitpid(c.pid, NULL, 0), c.pid);
	assert_int_equal(stop_one(c.pid, c.pid).result, STOP_GONE);
	close(c.ready);
	close(c.go);
}

static void a_suspended_process_stays_suspended(void **state)
{
	struct live_child c = {0};

	(void)state;
	assert_int_equal(live_start(&c, live_spin, NULL), 0);
	kill(c.pid, SIGSTOP);
	assert_true(comes_to(c.pid, "T"));
	assert_int_equal(stop_one(c.pid, c.pid).result, STOP_BLOCKED);
	assert_int_equal(state_of(c.pid), 'T');
	kill(c.pid, SIGCONT);
	assert_true(comes_to(c.pid, "R"));
	live_end(&c);
}

/* SIGSTOP and SIGCONT come while it is being stopped: it ends up as those two want it. */
static void job_control_wins(void **state)
{
	struct live_child c = {0};

	(void)state;
	assert_int_equal(live_start(&c, live_spin, NULL), 0);
	for (int i = 0; i < 200; i++) {
		int helper = fork();

		if (helper == 0) {
			nap_us(i % 50 * 10);
			kill(c.pid, i % 2 ? SIGCONT : SIGSTOP);
			_exit(0);
		}
		for (int k = 0; k < 5; k++)
			(void)stop_one(c.pid, c.pid);
		assert_int_equal(waitpid(helper, NULL, 0), helper);
		assert_true(comes_to(c.pid, i % 2 ? "R" : "T"));
	}
	live_end(&c);
}

static int trace_it(int ready, int go, void *arg)
{
	char byte;

	if (ptrace(PTRACE_SEIZE, *(int *)arg, NULL, NULL) != 0)
		return 1;
	live_ready(ready);
	return read(go, &byte, 1) < 0;
}

static void another_tracer_is_named(void **state)
{
	struct live_child c = {0}, tracer = {0};

	(void)state;
	assert_int_equal(live_start(&c, live_spin, NULL), 0);
	if (live_start(&tracer, trace_it, &c.pid) == 0)
		assert_int_equal(stop_one(c.pid, c.pid).result, STOP_TRACED);
	else
		print_message("may not trace here\n");
	live_end(&tracer);
	live_end(&c);
}

/* ---- signals ---- */

#define SIGNALS 2000

struct tally { /* shared with the child */
	_Atomic int count, wrong, last;
};
static struct tally *tally;

static void on_number(int sig, siginfo_t *info, void *context)
{
	(void)sig;
	(void)context;
	tally->wrong += info->si_value.sival_int != tally->last + 1 || info->si_pid != getppid();
	tally->last = info->si_value.sival_int;
	tally->count++;
}

static int count_signals(int ready, int go, void *arg)
{
	struct sigaction sa = {.sa_sigaction = on_number, .sa_flags = SA_SIGINFO};

	sigaction(SIGRTMIN, &sa, NULL);
	return live_spin(ready, go, arg);
}

static void *send_signals(void *arg)
{
	int pid = *(int *)arg;

	for (int i = 1; i <= SIGNALS; i++) {
		sigqueue(pid, SIGRTMIN, (union sigval){.sival_int = i});
		if (i % 4 == 0)
			nap_us(20);
	}
	return NULL;
}

static void every_signal_comes_once_and_in_order(void **state)
{
	struct live_child c = {0};
	pthread_t sender;
	int stops = 0;

	(void)state;
	tally = mmap(NULL, sizeof *tally, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1,
		     0);
	assert_ptr_not_equal(tally, MAP_FAILED);
	assert_int_equal(live_start(&c, count_signals, NULL), 0);
	assert_int_equal(pthread_create(&sender, NULL, send_signals, &c.pid), 0);
	for (int64_t end = clock_mono_ns() + INT64_C(60000000000);
	     tally->last < SIGNALS && clock_mono_ns() < end;)
		stops += stop_one(c.pid, c.pid).result == STOP_COPIED;
	pthread_join(sender, NULL);
	print_message("%d stops while %d signals came\n", stops, (int)tally->count);
	assert_int_equal(tally->count, SIGNALS);
	assert_int_equal(tally->wrong, 0);
	live_end(&c);
	munmap(tally, sizeof *tally);
}

static void our_own_signals_are_as_before(void **state)
{
	struct live_child c = {0};
	sigset_t set, before, after;

	(void)state;
	sigemptyset(&set);
	sigaddset(&set, SIGUSR2);
	pthread_sigmask(SIG_SETMASK, &set, NULL);
	pthread_sigmask(SIG_SETMASK, NULL, &before);
	assert_int_equal(live_start(&c, live_spin, NULL), 0);
	(void)stop_one(c.pid, c.pid);
	pthread_sigmask(SIG_SETMASK, NULL, &after);
	for (int i = 1; i < 64; i++)
		assert_int_equal(sigismember(&before, i), sigismember(&after, i));
	sigemptyset(&set);
	pthread_sigmask(SIG_SETMASK, &set, NULL);
	live_end(&c);
}

/* ---- many threads, and what comes and goes ---- */

static void *spin(void *arg)
{
	volatile uint64_t n = 0;

	(void)arg;
	for (;;)
		n++;
	return NULL;
}

static int spin_many(int ready, int go, void *arg)
{
	pthread_t t;

	(void)arg;
	for (int i = 1; i < MANY; i++)
		if (pthread_create(&t, NULL, spin, NULL) != 0)
			return 1;
	return live_spin(ready, go, NULL);
}

static void more_threads_than_may_stand_still(void **state)
{
	struct live_child c = {0};
	struct stop_copy copies[MANY];
	int *tids = NULL, copied[MANY] = {0}, all = 0;
	uint32_t n = 0, cap = 0;
	struct proc p;

	(void)state;
	assert_int_equal(live_start(&c, spin_many, NULL), 0);
	assert_int_equal(proc_open(&p, c.pid, NULL), 0);
	assert_int_equal(proc_tasks(&p, &tids, &n, &cap), 0);
	assert_int_equal(n, MANY);
	for (int round = 0; round < 200 && all < MANY; round++) {
		for (int i = 0; i < MANY; i++)
			copies[i] = (struct stop_copy){
				.tid = tids[i], .stack = stacks[i], .size = STACK};
		assert_int_equal(stop_and_copy(stopper, c.pid, copies, MANY, NULL), 0);
		for (int i = 0; i < MANY; i++) {
			if (copies[i].result == STOP_DENIED)
				print_message("may not trace here\n");
			assert_true(copies[i].result == STOP_COPIED ||
				    copies[i].result == STOP_BUDGET);
			all += copies[i].result == STOP_COPIED && !copied[i];
			copied[i] |= copies[i].result == STOP_COPIED;
		}
	}
	assert_int_equal(all, MANY);
	assert_int_equal(stop_and_copy(stopper, c.pid, copies, 0, NULL), 0);
	for (uint32_t i = 0; i < n; i++) {
		struct proc_stat stat;

		assert_int_equal(proc_task_stat(&p, tids[i], &stat), 0);
		for (int k = 0; k < LIVE_PATIENCE_MS && stat.state == 't'; k++, nap_us(1000))
			assert_int_equal(proc_task_stat(&p, tids[i], &stat), 0);
		assert_int_equal(stat.state, 'R');
	}
	free(tids);
	proc_close(&p);
	live_end(&c);
}

static void *moment(void *arg)
{
	for (volatile int i = 0; i < 20000; i++)
		continue;
	return arg;
}

static int churn(int ready, int go, void *arg)
{
	(void)go;
	(void)arg;
	live_ready(ready);
	for (;;) {
		pthread_t t[4];

		for (int i = 0; i < 4; i++)
			if (pthread_create(&t[i], NULL, moment, NULL) != 0)
				return 1;
		for (int i = 0; i < 4; i++)
			pthread_join(t[i], NULL);
	}
	return 0;
}

/* Its threads are joined: one that was not let go would stop it all. */
static void threads_that_end_meanwhile_end(void **state)
{
	struct live_child c = {0};
	int results[8] = {0}, *tids = NULL;
	uint32_t n = 0, cap = 0;
	uint64_t before;
	struct proc p;

	(void)state;
	assert_int_equal(live_start(&c, churn, NULL), 0);
	assert_int_equal(proc_open(&p, c.pid, NULL), 0);
	for (int i = 0; i < 500; i++) {
		struct stop_copy copies[MANY];

		assert_int_equal(proc_tasks(&p, &tids, &n, &cap), 0);
		if (n > MANY)
			n = MANY;
		for (uint32_t k = 0; k < n; k++)
			copies[k] = (struct stop_copy){
				.tid = tids[k], .stack = stacks[k], .size = STACK};
		assert_int_equal(stop_and_copy(stopper, c.pid, copies, n, NULL), 0);
		for (uint32_t k = 0; k < n; k++)
			results[copies[k].result]++;
	}
	print_message("copied %d, asleep %d, gone %d, denied %d, not in time %d\n",
		      results[STOP_COPIED], results[STOP_BLOCKED], results[STOP_GONE],
		      results[STOP_DENIED], results[STOP_BUDGET]);
	before = slices(c.pid);
	for (int k = 0; k < LIVE_PATIENCE_MS && slices(c.pid) < before + 20; k++)
		nap_us(1000);
	assert_true(slices(c.pid) >= before + 20);
	free(tids);
	proc_close(&p);
	live_end(&c);
}

static int exec_again(int ready, int go, void *arg)
{
	char *args[] = {
		(char *)"sh", (char *)"-c",
		(char *)"i=0; while [ $i -lt 3000 ]; do i=$((i+1)); done; exec sh -c \"$0\" \"$0\"",
		NULL, NULL};

	(void)go;
	(void)arg;
	args[3] = args[2];
	live_ready(ready);
	execv("/bin/sh", args);
	return 127;
}

static void a_process_that_executes_goes_on(void **state)
{
	struct live_child c = {0};
	int copied = 0;

	(void)state;
	assert_int_equal(live_start(&c, exec_again, NULL), 0);
	for (int i = 0; i < 400; i++)
		copied += stop_one(c.pid, c.pid).result == STOP_COPIED;
	assert_true(comes_to(c.pid, "RS"));
	assert_int_equal(waitpid(c.pid, NULL, WNOHANG), 0);
	print_message("%d copies\n", copied);
	live_end(&c);
}

/* A child of ours that ends while it is being stopped is still there for its parent's wait, with its status. */
static void the_end_of_our_child_is_ours(void **state)
{
	(void)state;
	for (int i = 0; i < 400; i++) {
		int pid = fork(), status = 0;

		assert_true(pid >= 0);
		if (pid == 0) {
			const int64_t end = clock_mono_ns() + 300000 + i % 50 * 7000;

			while (clock_mono_ns() < end)
				;
			_exit(i % 100);
		}
		while (stop_one(pid, pid).result != STOP_GONE)
			;
		assert_int_equal(waitpid(pid, &status, 0), pid);
		assert_true(WIFEXITED(status) && WEXITSTATUS(status) == i % 100);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_running_thread_is_copied_and_runs_on),
		cmocka_unit_test(a_sleeping_thread_sleeps_on),
		cmocka_unit_test(who_is_not_there_is_gone),
		cmocka_unit_test(one_that_has_ended_is_gone),
		cmocka_unit_test(a_suspended_process_stays_suspended),
		cmocka_unit_test(job_control_wins),
		cmocka_unit_test(another_tracer_is_named),
		cmocka_unit_test(every_signal_comes_once_and_in_order),
		cmocka_unit_test(our_own_signals_are_as_before),
		cmocka_unit_test(more_threads_than_may_stand_still),
		cmocka_unit_test(threads_that_end_meanwhile_end),
		cmocka_unit_test(a_process_that_executes_goes_on),
		cmocka_unit_test(the_end_of_our_child_is_ours),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
