/* Nanoseconds per pp_stage_begin() + pp_stage_end(): no agent in the process, an agent without a session, and
 * one that records, without memory and with, with and without parameters and inside another stage; and the same
 * against what two readings of the clock cost, which a stage cannot do without. Medians of interleaved runs of this program
 * itself; the library beside build/tests is preloaded into them. */
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "prof/base/clock.h"
#include "prof/spool/session.h"
#include "protea-prof.h"

#define ROUNDS 7
#define N      400000
#define KINDS  5
#define VALUES 4

static const char *const kind_names[KINDS] = {"absent", "idle", "recording", "+ sampled",
					      "+ full"}; /* memory */
static const char *const value_names[VALUES] = {"begin + end", "in a stage, with items",
						"with a parameter", "clock_gettime twice"};

static double plain(void)
{
	int64_t t = clock_mono_ns();

	for (int i = 0; i < N; i++) {
		pp_stage s = pp_stage_begin("plain");

		pp_stage_end(&s);
	}
	return (double)(clock_mono_ns() - t) / N;
}

static double nested(void)
{
	pp_stage out = pp_stage_begin("out");
	int64_t t = clock_mono_ns();
	double ns;

	for (int i = 0; i < N; i++) {
		pp_stage s = pp_stage_begin("nested");

		pp_stage_items(&s, 1);
		pp_stage_end(&s);
	}
	ns = (double)(clock_mono_ns() - t) / N;
	pp_stage_end(&out);
	return ns;
}

static double with_param(void)
{
	int64_t t = clock_mono_ns();

	for (int i = 0; i < N; i++) {
		pp_stage s = pp_stage_begin("param");

		pp_stage_param(&s, "n", i);
		pp_stage_end(&s);
	}
	return (double)(clock_mono_ns() - t) / N;
}

static double clocks(void)
{
	int64_t t = clock_mono_ns(), sum = 0;

	for (int i = 0; i < N; i++)
		sum += clock_mono_ns() - clock_mono_ns();
	return sum > 0 ? 0 : (double)(clock_mono_ns() - t) / N;
}

static int measure(void)
{
	(void)plain(); /* the first thousands have rows of their own */
	(void)nested();
	(void)with_param();
	printf("%.2f %.2f %.2f %.2f\n", plain(), nested(), with_param(), clocks());
	return 0;
}

/* What a supervisor does: takes everything, at once. */
static void swallow(const char *folder, pid_t pid)
{
	char file[SPOOL_PATH_MAX + 64];
	struct spool_file f = {0};
	struct timespec pause = {0, 10000000};
	struct err err;

	snprintf(file, sizeof file, "%s/%d.0", folder, (int)pid);
	while (waitpid(pid, NULL, WNOHANG) == 0) {
		if (!f.head && spool_map(&f, file, &err))
			f.head = NULL;
		for (uint32_t i = 0; f.head && i < spool_rings(&f); i++) {
			struct spool_ring *ring = spool_ring_at(&f, i);

			atomic_store(&ring->tail, atomic_load(&ring->head));
		}
		(void)nanosleep(&pause, NULL);
	}
	spool_unmap(&f);
}

static int run(const char *self, const char *library, int kind, double value[VALUES])
{
	struct spool_session config = {.rate_hz = 199, .ring_bytes = 1 << 20}, *session = NULL;
	char folder[SPOOL_PATH_MAX] = "", line[256] = "";
	struct err err = ERR_INIT;
	int p[2];
	pid_t pid;
	ssize_t n;

	config.memory_mode = kind > 2 ? (uint32_t)kind - 2 : 0; /* enum heap_mode */
	config.memory_rate_bytes = 512 << 10;
	if (kind >= 2 && session_make(&session, folder, &config, "/tmp", &err)) {
		fprintf(stderr, "bench_stage: %s\n", err.text);
		return -1;
	}
	if (pipe2(p, O_CLOEXEC))
		return -1;
	pid = fork();
	if (pid == 0) {
		(void)dup2(p[1], 1);
		if (kind > 0)
			(void)setenv("LD_PRELOAD", library, 1);
		if (kind >= 2)
			(void)setenv(SPOOL_ENV_SESSION, folder, 1);
		(void)execl(self, self, "measure", (char *)NULL);
		_exit(127);
	}
	(void)close(p[1]);
	swallow(folder, pid);
	n = read(p[0], line, sizeof line - 1);
	(void)close(p[0]);
	if (session) {
		session_unmap(session);
		(void)session_remove(folder, NULL);
	}
	return n > 0 && sscanf(line, "%lf %lf %lf %lf", &value[0], &value[1], &value[2],
			       &value[3]) == VALUES
		       ? 0
		       : -1;
}

static int by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

int main(int argc, char **argv)
{
	static double all[KINDS][VALUES][ROUNDS];
	char self[PATH_MAX], library[PATH_MAX + 64];
	double median[KINDS][VALUES];
	ssize_t n = readlink("/proc/self/exe", self, sizeof self - 1);

	if (argc > 1 && strcmp(argv[1], "measure") == 0)
		return measure();
	if (n <= 0)
		return 1;
	self[n] = 0;
	snprintf(library, sizeof library, "%.*s/../../libprotea-prof.so",
		 (int)(strrchr(self, '/') - self), self);
	for (int round = 0; round < ROUNDS; round++)
		for (int kind = 0; kind < KINDS; kind++) {
			double v[VALUES];

			if (run(self, library, kind, v)) {
				fprintf(stderr, "bench_stage: a run failed\n");
				return 1;
			}
			for (int i = 0; i < VALUES; i++)
				all[kind][i][round] = v[i];
		}
	printf("%-26s", "ns");
	for (int kind = 0; kind < KINDS; kind++)
		printf(" %10s", kind_names[kind]);
	printf("   full / two clocks\n");
	for (int i = 0; i < VALUES; i++) {
		printf("%-26s", value_names[i]);
		for (int kind = 0; kind < KINDS; kind++) {
			qsort(all[kind][i], ROUNDS, sizeof(double), by_value);
			median[kind][i] = all[kind][i][ROUNDS / 2];
			printf(" %10.1f", median[kind][i]);
		}
		qsort(all[KINDS - 1][VALUES - 1], ROUNDS, sizeof(double), by_value);
		printf(" %10.2f\n", median[KINDS - 1][i] / all[KINDS - 1][VALUES - 1][ROUNDS / 2]);
	}
	return 0;
}
