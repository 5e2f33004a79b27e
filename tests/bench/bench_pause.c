/* How long a look at a process stops its threads: ours, beside what others do, in the same run, in turns, with medians:
 *   ours   stop_and_copy(): running threads only, registers and stack copied, let go, unwound afterwards
 *   hold   as py-spy does it (remoteprocess): every thread is seized and interrupted, waited for, unwound while
 *          all are held, then let go: each thread's pause is from its interrupt to its release
 *   gdb, eu-stack   the whole command: they stop all threads from the beginning to the end
 * Targets: one running thread; 200 threads of which 8 run; 200 that sleep. Pauses are bounded from outside, so
 * scheduling on a busy machine counts against whoever it happens to. bench_pause [ROUNDS [alone]]: alone, without the commands. */
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/uio.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "prof/attach/snap.h"
#include "prof/attach/stop.h"
#include "prof/base/clock.h"

#define THREADS_MAX 256
#define STACK       262144u
#define BATCH       8

struct target {
	const char *name;
	int threads, running;
	int pid;
	struct proc p;
	struct module_set *set;
	struct attach_space *space;
	int tids[THREADS_MAX];
	uint32_t n;
};

struct series {
	int64_t *ns;
	size_t n, cap;
};

static void add(struct series *s, int64_t ns)
{
	if (s->n == s->cap) {
		s->cap = s->cap ? 2 * s->cap : 1024;
		s->ns = realloc(s->ns, s->cap * sizeof *s->ns);
		if (!s->ns)
			exit(1);
	}
	s->ns[s->n++] = ns;
}

static int compare(const void *a, const void *b)
{
	int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

	return (x > y) - (x < y);
}

static double us(struct series *s, double q)
{
	if (s->n == 0)
		return 0;
	qsort(s->ns, s->n, sizeof *s->ns, compare);
	return (double)s->ns[(size_t)((double)(s->n - 1) * q)] / 1000;
}

/* ---- the target ---- */

static __attribute__((noinline)) void work(int depth, int runs)
{
	volatile uint64_t n[8] = {0};

	if (depth > 0)
		work(depth - 1, runs);
	while (depth == 0 && runs)
		n[0]++;
	while (depth == 0)
		pause();
	n[1]++;
}

static void *thread(void *arg)
{
	work(20, arg != NULL);
	return NULL;
}

static void be_target(const struct target *t, int ready)
{
	pthread_t id;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	for (int i = 1; i < t->threads; i++)
		if (pthread_create(&id, NULL, thread, i < t->running ? &id : NULL) != 0)
			_exit(1);
	if (write(ready, "", 1) != 1)
		_exit(1);
	work(20, t->running > 0);
}

static void start(struct target *t)
{
	struct timespec moment = {0, 100000000};
	int ready[2], *tids = NULL;
	uint32_t cap = 0;
	char byte;

	if (pipe(ready) != 0 || (t->pid = fork()) < 0)
		exit(1);
	if (t->pid == 0)
		be_target(t, ready[1]);
	if (read(ready[0], &byte, 1) != 1 || proc_open(&t->p, t->pid, NULL) != 0)
		exit(1);
	nanosleep(&moment, NULL);
	t->set = module_set_new("");
	t->space = attach_space_new(t->set, &t->p);
	if (!t->space || attach_space_refresh(t->space, 0, NULL) != 0 ||
	    proc_tasks(&t->p, &tids, &t->n, &cap) != 0 || t->n > THREADS_MAX)
		exit(1);
	memcpy(t->tids, tids, t->n * sizeof *tids);
	free(tids);
	close(ready[0]);
	close(ready[1]);
}

static void end(struct target *t)
{
	kill(t->pid, SIGKILL);
	waitpid(t->pid, NULL, 0);
	attach_space_free(t->space);
	module_set_free(t->set);
	proc_close(&t->p);
}

/* ---- ours ---- */

static uint8_t *stacks;
static uint64_t missed;
static int commands = 1;

static void ours(struct target *t, struct stopper *stopper, struct series *s)
{
	struct stop_copy copies[BATCH];

	for (uint32_t i = 0; i < t->n; i += BATCH) {
		uint32_t n = t->n - i < BATCH ? t->n - i : BATCH;

		for (uint32_t k = 0; k < n; k++)
			copies[k] = (struct stop_copy){.tid = t->tids[i + k],
						       .stack = stacks + (size_t)k * STACK,
						       .size = STACK};
		if (stop_and_copy(stopper, t->pid, copies, n, NULL) != 0)
			exit(1);
		for (uint32_t k = 0; k < n; k++) {
			if (copies[k].result == STOP_COPIED)
				add(s, copies[k].pause_ns);
			missed += copies[k].result == STOP_BUDGET;
		}
	}
}

/* ---- as py-spy does ---- */

static void unwind_held(struct target *t, int tid)
{
	static struct remote_stack window;
	static struct attach_stack stack;
	struct user_regs_struct u;
	struct iovec iov = {&u, sizeof u};
	struct unwind_regs regs = {0};
	struct remote memory;

	remote_init(&memory, t->pid);
	if (ptrace(PTRACE_GETREGSET, tid, (void *)NT_PRSTATUS, &iov) != 0)
		return;
	regs.reg[UNWIND_SP] = u.rsp;
	regs.reg[UNWIND_BP] = u.rbp;
	regs.reg[UNWIND_BX] = u.rbx;
	regs.reg[UNWIND_IP] = u.rip;
	regs.known = 1u << UNWIND_SP | 1u << UNWIND_BP | 1u << UNWIND_BX | 1u << UNWIND_IP;
	window.remote = &memory;
	window.copy = NULL;
	window.copy_bytes = 0;
	stack.running = 0;
	attach_unwind(t->space, &regs, &window, NULL, &stack);
	remote_close(&memory);
}

static void hold(struct target *t, struct series *s)
{
	static int64_t since[THREADS_MAX];
	static int held[THREADS_MAX];
	int status;

	for (uint32_t i = 0; i < t->n; i++) {
		since[i] = clock_mono_ns();
		held[i] = ptrace(PTRACE_SEIZE, t->tids[i], NULL, NULL) == 0 &&
			  ptrace(PTRACE_INTERRUPT, t->tids[i], NULL, NULL) == 0 &&
			  waitpid(t->tids[i], &status, __WALL) == t->tids[i];
	}
	for (uint32_t i = 0; i < t->n; i++)
		if (held[i])
			unwind_held(t, t->tids[i]);
	for (uint32_t i = 0; i < t->n; i++) {
		if (!held[i])
			continue;
		(void)ptrace(PTRACE_DETACH, t->tids[i], NULL, NULL);
		add(s, clock_mono_ns() - since[i]);
	}
}

/* ---- whole commands ---- */

static int64_t command(struct target *t, const char *const *argv)
{
	char pid[16];
	const char *args[12];
	int64_t begin = clock_mono_ns();
	int child, status, n = 0;

	(void)snprintf(pid, sizeof pid, "%d", t->pid);
	for (; argv[n] && n < 11; n++)
		args[n] = strcmp(argv[n], "PID") == 0 ? pid : argv[n];
	args[n] = NULL;
	child = fork();
	if (child == 0) {
		int null = open("/dev/null", O_WRONLY);

		dup2(null, 1);
		dup2(null, 2);
		execvp(args[0], (char *const *)args);
		_exit(127);
	}
	if (child < 0 || waitpid(child, &status, 0) != child || !WIFEXITED(status) ||
	    WEXITSTATUS(status) == 127)
		return -1;
	return clock_mono_ns() - begin;
}

static void row(const char *what, struct series *s)
{
	printf("  %-10s %7zu  %9.1f  %9.1f  %9.1f\n", what, s->n, us(s, 0.5), us(s, 0.99),
	       us(s, 1));
}

static void measure(struct target *t, int rounds)
{
	static const char *const gdb[] = {
		"gdb", "-p", "PID", "-batch", "-nx", "-ex", "thread apply all bt", NULL};
	static const char *const eu[] = {"eu-stack", "-p", "PID", NULL};
	struct timespec moment = {0, 2000000};
	struct series mine = {0}, other = {0}, by_gdb = {0}, by_eu = {0};
	struct stop_options o = {0};
	struct stopper *stopper = stopper_new(&o, NULL);

	if (!stopper)
		exit(1);
	missed = 0;
	start(t);
	for (int i = 0; i < rounds; i++) {
		ours(t, stopper, &mine);
		nanosleep(&moment, NULL);
		hold(t, &other);
		nanosleep(&moment, NULL);
		if (commands && i < 3 && command(t, gdb) > 0)
			add(&by_gdb, command(t, gdb));
		if (commands && i < 3 && command(t, eu) > 0)
			add(&by_eu, command(t, eu));
	}
	printf("%s: pause of a thread, us\n  %-10s %7s  %9s  %9s  %9s\n", t->name, "", "stops",
	       "p50", "p99", "max");
	row("ours", &mine);
	row("hold", &other);
	if (by_gdb.n)
		row("gdb", &by_gdb);
	if (by_eu.n)
		row("eu-stack", &by_eu);
	if (mine.n)
		printf("  ours / hold: p50 %.3f, p99 %.3f; not in time: %llu of %llu\n",
		       us(&mine, 0.5) / us(&other, 0.5), us(&mine, 0.99) / us(&other, 0.99),
		       (unsigned long long)missed, (unsigned long long)missed + mine.n);
	end(t);
	stopper_free(stopper);
	free(mine.ns);
	free(other.ns);
	free(by_gdb.ns);
	free(by_eu.ns);
}

int main(int argc, char **argv)
{
	struct target targets[] = {
		{.name = "1 thread that runs", .threads = 1, .running = 1},
		{.name = "200 threads, 8 run", .threads = 200, .running = 8},
		{.name = "200 threads, all sleep", .threads = 200, .running = 0},
	};
	int rounds = argc > 1 ? (int)strtol(argv[1], NULL, 10) : 100;

	commands = argc < 3;
	stacks = malloc((size_t)BATCH * STACK);
	if (!stacks)
		return 1;
	memset(stacks, 0, (size_t)BATCH * STACK);
	for (size_t i = 0; i < sizeof targets / sizeof *targets; i++)
		measure(&targets[i], rounds);
	free(stacks);
	return 0;
}
