/* Records the noise of a machine: runs the same fixed work again and again, each time in a new process,
 * and writes how long it took. The statistics of `gate` are tested on such recordings.
 *
 *   noise_record RUNS [--neighbour] [--others MAX] [--pause MS]
 *
 * One run is 5 stages of equal work (hashing, and a walk through 2 MiB in an order that no prefetcher
 * guesses), about 8 ms each on an idle core. With --neighbour a second process computes and copies memory
 * in bursts beside them, as a noisy neighbour does. With --others nothing is written, and the exit code is 3,
 * when other processes took more than that many CPUs meanwhile. --pause sleeps after each run: a kernel
 * throttles real-time processes that never do. Writes to stdout: a line with the least
 * values, then one line per run with what its values are above those: wall and CPU time of the process as
 * its parent sees it, then wall and CPU time of each stage, all in units of 10 us. */
#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "prof/base/clock.h"
#include "prof/base/hash.h"

#define STAGES      5
#define VALUES      (2 + 2 * STAGES)
#define WORDS       (256 * 1024) /* of 8 bytes: 2 MiB */
#define STEPS       330000
#define UNIT_NS     10000
#define RUNS_MAX    10000
#define BURST_BYTES (8 << 20)

extern char **environ;

static long pause_ms;

static uint64_t stage(uint64_t *words, uint64_t at)
{
	uint64_t i;

	for (i = 0; i < STEPS; i++) {
		at = hash_u64(at + i);
		words[at % WORDS] += at;
		at ^= words[(at >> 32) % WORDS];
	}
	return at;
}

/* The work itself, in a process of its own: writes 2 numbers per stage to stdout. */
static int work(void)
{
	int64_t times[2 * STAGES];
	uint64_t *words = mmap(NULL, WORDS * sizeof(*words), PROT_READ | PROT_WRITE,
			       MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	uint64_t at = 1;
	int i;

	if (words == MAP_FAILED)
		return 1;
	for (i = 0; i < STAGES; i++) {
		int64_t wall = clock_mono_ns(), cpu = clock_process_cpu_ns();

		at = stage(words, at);
		times[2 * i] = clock_mono_ns() - wall;
		times[2 * i + 1] = clock_process_cpu_ns() - cpu;
	}
	words[0] = at;
	return write(STDOUT_FILENO, times, sizeof(times)) != (ssize_t)sizeof(times);
}

/* Bursts of 20 to 400 ms, pauses of 20 to 800 ms, until the parent ends. */
static void neighbour(void)
{
	char *from = malloc(BURST_BYTES), *to = malloc(BURST_BYTES);
	uint64_t state = 1;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (!from || !to)
		_exit(1);
	memset(from, 1, BURST_BYTES);
	for (;;) {
		int64_t until;
		struct timespec pause = {0};

		state = hash_u64(state + 1);
		until = clock_mono_ns() + (int64_t)(20 + state % 380) * 1000000;
		while (clock_mono_ns() < until) {
			memcpy(to, from, BURST_BYTES);
			from[state % BURST_BYTES] = to[(state >> 20) % BURST_BYTES];
		}
		pause.tv_nsec = (long)(20 + (state >> 40) % 780) * 1000000;
		nanosleep(&pause, NULL);
	}
}

static int64_t cpu_ns(const struct rusage *u)
{
	return (int64_t)(u->ru_utime.tv_sec + u->ru_stime.tv_sec) * 1000000000 +
	       (int64_t)(u->ru_utime.tv_usec + u->ru_stime.tv_usec) * 1000;
}

/* One run: its VALUES numbers in ns; 0, or 1 after a message. */
static int run(const char *self, int64_t *values)
{
	char *argv[] = {(char *)self, "--work", NULL};
	posix_spawn_file_actions_t actions;
	struct rusage usage;
	int pipes[2], status = 0, rc;
	int64_t start;
	pid_t pid;

	if (pipe(pipes) != 0 || posix_spawn_file_actions_init(&actions) != 0)
		return 1;
	posix_spawn_file_actions_adddup2(&actions, pipes[1], STDOUT_FILENO);
	posix_spawn_file_actions_addclose(&actions, pipes[0]);
	start = clock_mono_ns();
	rc = posix_spawn(&pid, self, &actions, NULL, argv, environ);
	posix_spawn_file_actions_destroy(&actions);
	close(pipes[1]);
	if (rc == 0)
		rc = wait4(pid, &status, 0, &usage) != pid || status != 0;
	values[0] = clock_mono_ns() - start;
	if (rc == 0)
		rc = read(pipes[0], values + 2, 2 * STAGES * sizeof(*values)) !=
		     (ssize_t)(2 * STAGES * sizeof(*values));
	close(pipes[0]);
	if (rc != 0) {
		fprintf(stderr, "noise_record: a run failed\n");
		return 1;
	}
	values[1] = cpu_ns(&usage);
	return 0;
}

static void print(int64_t (*runs)[VALUES], size_t n)
{
	int64_t least[VALUES];
	size_t i, k;

	for (k = 0; k < VALUES; k++) {
		size_t kind = k % 2 + (k < 2 ? 0 : 2);

		if (k < 4)
			least[kind] = runs[0][k];
		for (i = 0; i < n; i++)
			if (runs[i][k] < least[kind])
				least[kind] = runs[i][k];
	}
	for (k = 0; k < 4; k++)
		printf("%" PRId64 "%c", least[k] / UNIT_NS, k < 3 ? ' ' : '\n');
	for (i = 0; i < n; i++)
		for (k = 0; k < VALUES; k++)
			printf("%" PRId64 "%c",
			       (runs[i][k] - least[k % 2 + (k < 2 ? 0 : 2)]) / UNIT_NS,
			       k < VALUES - 1 ? ' ' : '\n');
}

/* CPU time of the whole machine, in ns: user, nice, system, interrupts, and what the host took; -1. */
static int64_t machine_ns(void)
{
	FILE *f = fopen("/proc/stat", "re");
	long long user, nice, sys, idle, iowait, irq, softirq, steal;
	int n;

	if (!f)
		return -1;
	n = fscanf(f, "cpu %lld %lld %lld %lld %lld %lld %lld %lld", &user, &nice, &sys, &idle,
		   &iowait, &irq, &softirq, &steal);
	fclose(f);
	if (n != 8)
		return -1;
	return (user + nice + sys + irq + softirq + steal) * (1000000000 / sysconf(_SC_CLK_TCK));
}

/* Of this process and its children that ended. */
static int64_t own_ns(void)
{
	struct rusage self, children;

	getrusage(RUSAGE_SELF, &self);
	getrusage(RUSAGE_CHILDREN, &children);
	return cpu_ns(&self) + cpu_ns(&children);
}

static int record(const char *self, size_t n, int with_neighbour, double others_max)
{
	int64_t wall = clock_mono_ns(), machine = machine_ns(), own = own_ns();
	int64_t(*runs)[VALUES] = calloc(n, sizeof(*runs));
	pid_t pid = -1;
	size_t i;
	int rc = 0;

	if (!runs) {
		fprintf(stderr, "noise_record: no memory\n");
		return 1;
	}
	if (with_neighbour && (pid = fork()) == 0)
		neighbour();
	for (i = 0; i < n && rc == 0; i++) {
		struct timespec pause = {0, pause_ms * 1000000};

		rc = run(self, runs[i]);
		nanosleep(&pause, NULL);
	}
	if (pid > 0) {
		kill(pid, SIGKILL);
		waitpid(pid, NULL, 0);
	}
	if (rc == 0) {
		double others = (double)(machine_ns() - machine - (own_ns() - own)) /
				(double)(clock_mono_ns() - wall);

		fprintf(stderr, "noise_record: others took %.3f CPUs\n", others);
		rc = others > others_max ? 3 : 0;
	}
	if (rc == 0)
		print(runs, n);
	free(runs);
	return rc;
}

int main(int argc, char **argv)
{
	char self[4096] = "";
	double others_max = 1e9;
	int with_neighbour = 0, i, wrong = 0;
	long n;

	if (argc == 2 && strcmp(argv[1], "--work") == 0)
		return work();
	n = argc > 1 ? strtol(argv[1], NULL, 10) : 0;
	for (i = 2; i < argc; i++)
		if (strcmp(argv[i], "--neighbour") == 0)
			with_neighbour = 1;
		else if (strcmp(argv[i], "--others") == 0 && i + 1 < argc)
			others_max = strtod(argv[++i], NULL);
		else if (strcmp(argv[i], "--pause") == 0 && i + 1 < argc)
			pause_ms = strtol(argv[++i], NULL, 10) % 1000;
		else
			wrong = 1;
	if (n < 1 || n > RUNS_MAX || wrong) {
		fprintf(stderr,
			"usage: noise_record RUNS [--neighbour] [--others MAX] [--pause MS]\n");
		return 2;
	}
	if (readlink("/proc/self/exe", self, sizeof(self) - 1) <= 0) {
		fprintf(stderr, "noise_record: /proc/self/exe: %s\n", strerror(errno));
		return 1;
	}
	return record(self, (size_t)n, with_neighbour, others_max);
}
