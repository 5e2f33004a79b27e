/* Looks at a process as hard as it can and dies at the worst moments: the rig of 109_never_harm.sh.
 *   attach_siege kill N PID     N times: a child takes snaps in a loop, and is killed at a random moment
 *   attach_siege suspend N PID  the same with SIGSTOP; then the child is left alone for half a second
 *   attach_siege storm S PID    stops random threads for S seconds
 * Prints what it did and, for the first two, "still N": how often a thread stood still (state T or t) when
 * that should be over. Exit code 0, or 1 if it could not be done. */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "prof/attach/snap.h"
#include "prof/base/clock.h"
#include "prof/base/hash.h"

#define STORM_THREADS 8
#define STORM_STACK   65536u

static void nap_us(int64_t us)
{
	struct timespec t = {us / 1000000, us % 1000000 * 1000};

	while (nanosleep(&t, &t) != 0)
		continue;
}

/* ---- the child ---- */

static void snap_for_ever(int pid)
{
	struct proc p;
	struct module_set *set = module_set_new("");
	struct stop_options stops = {0};
	struct snap_options o = {0};
	struct attach_space *space;

	if (proc_open(&p, pid, NULL) != 0 || !set || !(space = attach_space_new(set, &p)))
		_exit(1);
	o.stopper = stopper_new(&stops, NULL);
	for (;;) {
		struct snap s;

		if (snap_take(&s, &p, space, &o, NULL) != 0)
			_exit(1);
		snap_release(&s);
	}
}

/* ---- us ---- */

static int count_still(int pid)
{
	struct proc p;
	struct proc_stat stat;
	int *tids = NULL, still = 0;
	uint32_t n = 0, cap = 0;

	if (proc_open(&p, pid, NULL) != 0)
		return -1;
	if (proc_tasks(&p, &tids, &n, &cap) != 0)
		n = 0;
	for (uint32_t i = 0; i < n; i++)
		if (proc_task_stat(&p, tids[i], &stat) == 0)
			still += stat.state == 'T' || stat.state == 't';
	free(tids);
	proc_close(&p);
	return still;
}

/* The kernel lets go of threads as the tracer exits: moments after waitpid() told of its end. */
static int stands_still(int pid, int patience_ms)
{
	for (int i = 0; i <= patience_ms; i++) {
		if (count_still(pid) <= 0)
			return 0;
		nap_us(1000);
	}
	return 1;
}

static int besiege(int pid, int n, int sig)
{
	int still = 0, ended = 0;

	for (int i = 0; i < n; i++) {
		int child = fork(), status;

		if (child == 0)
			snap_for_ever(pid);
		if (child < 0)
			return 1;
		nap_us(1000 + (int64_t)(hash_u64((uint64_t)clock_mono_ns()) % 25000));
		(void)kill(child, sig);
		if (sig == SIGSTOP) {
			nap_us(500000);
			ended += waitpid(child, &status, WNOHANG) == child;
			still += stands_still(pid, 0);
			(void)kill(child, SIGKILL);
		}
		(void)waitpid(child, &status, 0);
		still += sig == SIGKILL && stands_still(pid, 100);
	}
	if (sig == SIGSTOP)
		printf("suspended %d, ended by the watchdog %d, still %d\n", n, ended, still);
	else
		printf("killed %d, still %d\n", n, still);
	return 0;
}

struct storm {
	struct stop_copy copies[STORM_THREADS];
	uint64_t turns, stops, asleep, mended;
};

static void choose(struct storm *s, const int *tids, uint32_t n, uint8_t *stacks)
{
	for (uint32_t i = 0; i < STORM_THREADS; i++)
		s->copies[i] = (struct stop_copy){
			.tid = tids[(i * (n / STORM_THREADS + 1) + s->turns) % n],
			.stack = stacks + (size_t)i * STORM_STACK,
			.size = STORM_STACK};
}

static void count(struct storm *s, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++) {
		const struct stop_copy *c = &s->copies[i];

		s->stops += c->result == STOP_COPIED;
		s->asleep += c->result == STOP_BLOCKED;
		s->mended += c->result == STOP_COPIED && (int64_t)c->orig_rax >= 0 &&
			     (int64_t)c->regs.reg[0] == -EINTR;
	}
}

static int storm(int pid, double seconds)
{
	struct stop_options o = {0};
	struct stopper *stopper = stopper_new(&o, NULL);
	uint8_t *stacks = malloc((size_t)STORM_THREADS * STORM_STACK);
	int64_t end = clock_mono_ns() + (int64_t)(seconds * 1e9);
	struct storm s = {.stops = 0};
	struct pause_stats stats;
	struct proc p;
	int *tids = NULL;
	uint32_t n = 0, cap = 0;

	if (!stopper || !stacks || proc_open(&p, pid, NULL) != 0 ||
	    proc_tasks(&p, &tids, &n, &cap) != 0 || n == 0)
		return 1;
	while (clock_mono_ns() < end) {
		choose(&s, tids, n, stacks);
		if (stop_and_copy(stopper, pid, s.copies, n < STORM_THREADS ? n : STORM_THREADS,
				  NULL) != 0)
			return 1;
		count(&s, n < STORM_THREADS ? n : STORM_THREADS);
		s.turns++;
	}
	stopper_stats(stopper, &stats);
	printf("stops %llu, left asleep %llu, given up %llu, calls mended %llu, pause p50 %lld us, "
	       "p99 %lld us, max %lld us\n",
	       (unsigned long long)s.stops, (unsigned long long)s.asleep,
	       (unsigned long long)stats.skipped, (unsigned long long)s.mended,
	       (long long)stats.p50_ns / 1000, (long long)stats.p99_ns / 1000,
	       (long long)stats.max_ns / 1000);
	stopper_free(stopper);
	proc_close(&p);
	free(stacks);
	free(tids);
	return 0;
}

int main(int argc, char **argv)
{
	int pid = argc == 4 ? (int)strtol(argv[3], NULL, 10) : 0;

	if (pid > 0 && strcmp(argv[1], "kill") == 0)
		return besiege(pid, (int)strtol(argv[2], NULL, 10), SIGKILL);
	if (pid > 0 && strcmp(argv[1], "suspend") == 0)
		return besiege(pid, (int)strtol(argv[2], NULL, 10), SIGSTOP);
	if (pid > 0 && strcmp(argv[1], "storm") == 0)
		return storm(pid, strtod(argv[2], NULL));
	fputs("usage: attach_siege kill|suspend|storm N PID\n", stderr);
	return 2;
}
