/* Nanoseconds that the agent adds to a call of libpq, in one run: calls of a library that answers at once
 * (tests/programs/fake_pq.c), made by this program again as a child of its own, with no agent, one without a session,
 * and one that records statements; medians of interleaved rounds. Then the parts alone: the normaliser and the hash of a text,
 * what two readings of the clock cost. Statements differ in their parameters (1,000 sets) from call to call. */
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "prof/base/clock.h"
#include "prof/base/sqlnorm.h"
#include "prof/spool/session.h"

#define ROUNDS 9
#define N      100000
#define SETS   1000

typedef void *exec_fn(void *, const char *);
typedef void *params_fn(void *, const char *, int, const unsigned *, const char *const *,
			const int *, const int *, int);
typedef void *prepared_fn(void *, const char *, int, const char *const *, const int *, const int *,
			  int);
extern void *PQconnectdb(const char *);
extern exec_fn PQexec;
extern params_fn PQexecParams;
extern prepared_fn PQexecPrepared;
extern void *PQprepare(void *, const char *, const char *, int, const unsigned *);

#define BEFORE "SELECT id, accession, taxon FROM protein WHERE accession = "
#define AFTER  " ORDER BY id LIMIT 10"

/* CPU time of this thread: others share the machine. */
static int64_t now(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return t.tv_sec * INT64_C(1000000000) + t.tv_nsec;
}

static char ids[SETS][16], text[160];

/* As a client would have just written it. */
static const char *with_value(int i)
{
	memcpy(text + sizeof BEFORE, ids[i % SETS], 6);
	return text;
}

static double by_exec(void *c)
{
	int64_t t = now();

	for (int i = 0; i < N; i++)
		(void)PQexec(c, with_value(i));
	return (double)(now() - t) / N;
}

static double by_params(void *c)
{
	int64_t t = now();

	for (int i = 0; i < N; i++) {
		const char *values[] = {ids[i % SETS]};

		(void)PQexecParams(c,
				   "SELECT id, accession, taxon FROM protein WHERE accession = $1",
				   1, NULL, values, NULL, NULL, 0);
	}
	return (double)(now() - t) / N;
}

static double by_prepared(void *c)
{
	int64_t t = now();

	for (int i = 0; i < N; i++) {
		const char *values[] = {ids[i % SETS]};

		(void)PQexecPrepared(c, "p", 1, values, NULL, NULL, 0);
	}
	return (double)(now() - t) / N;
}

/* Twelve frames deep, as calls from real programs are. */
static __attribute__((noinline)) double deep(double (*f)(void *), void *c, int depth)
{
	double d = depth ? deep(f, c, depth - 1) : f(c);

	__asm__ volatile("" : : : "memory");
	return d;
}

static void make_texts(void)
{
	for (int i = 0; i < SETS; i++)
		snprintf(ids[i], sizeof ids[i], "P%05u", (unsigned)i % 100000u);
	snprintf(text, sizeof text, BEFORE "'P00000'" AFTER);
}

static double (*const ways[])(void *) = {by_exec, by_params, by_prepared};
static const char *const way_names[] = {"PQexec, values in the text", "PQexecParams",
					"PQexecPrepared"};
#define WAYS 3

static int child(void)
{
	void *c = PQconnectdb("");

	make_texts();
	(void)PQprepare(c, "p", "SELECT id FROM protein WHERE accession = $1", 1, NULL);
	for (int w = 0; w < WAYS; w++) {
		(void)deep(ways[w], c, 12);
		printf("%.2f\n", deep(ways[w], c, 12));
	}
	return 0;
}

enum { ABSENT, IDLE, RECORDING, KINDS };

static int start(const char *self, const char *agent, int kind, double out[WAYS])
{
	static char preload[PATH_MAX + 16], session[SPOOL_PATH_MAX + 32];
	struct spool_session config = {.ring_bytes = 65536, .sql = 1, .children = 1};
	struct spool_session *s = NULL;
	char path[SPOOL_PATH_MAX] = "";
	char *env[] = {NULL, NULL, NULL};
	int fd[2], status = 1;
	FILE *in;
	pid_t pid;

	if (kind == RECORDING && session_make(&s, path, &config, "/tmp", NULL))
		return -1;
	snprintf(preload, sizeof preload, "LD_PRELOAD=%s", agent);
	snprintf(session, sizeof session, SPOOL_ENV_SESSION "=%s", path);
	env[0] = kind != ABSENT ? preload : NULL;
	env[1] = kind == RECORDING ? session : NULL;
	if (pipe(fd))
		return -1;
	pid = fork();
	if (pid == 0) {
		char *argv[] = {(char *)(uintptr_t)self, "child", NULL};

		(void)dup2(fd[1], 1);
		(void)close(fd[0]);
		execve(self, argv, env);
		_exit(127);
	}
	(void)close(fd[1]);
	in = fdopen(fd[0], "r");
	for (int w = 0; in && w < WAYS; w++)
		if (fscanf(in, "%lf", &out[w]) != 1)
			out[w] = -1;
	if (in)
		(void)fclose(in);
	(void)waitpid(pid, &status, 0);
	if (s) {
		session_unmap(s);
		(void)session_remove(path, NULL);
	}
	return status ? -1 : 0;
}

static int by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return x < y ? -1 : x > y;
}

static double median(double v[ROUNDS])
{
	qsort(v, ROUNDS, sizeof *v, by_value);
	return v[ROUNDS / 2];
}

static void say(double all[KINDS][WAYS][ROUNDS])
{
	printf("%-28s %9s %9s %9s %14s\n", "ns per call", "absent", "idle", "--sql",
	       "added by --sql");
	for (int w = 0; w < WAYS; w++) {
		double a = median(all[ABSENT][w]), i = median(all[IDLE][w]),
		       r = median(all[RECORDING][w]);

		printf("%-28s %9.1f %9.1f %9.1f %14.1f\n", way_names[w], a, i, r, r - a);
	}
}

static void parts(void)
{
	double norm[ROUNDS], hash[ROUNDS], clocks[ROUNDS];
	uint64_t sum = 0;

	for (int r = 0; r < ROUNDS; r++) {
		int64_t t = now();
		struct sqlnorm n;
		char out[4096];

		for (int i = 0; i < N; i++) {
			const char *sql = with_value(i);

			sqlnorm(&n, out, sizeof out, sql, strlen(sql), 0);
			sum += n.fingerprint;
		}
		norm[r] = (double)(now() - t) / N;
		t = now();
		for (int i = 0; i < N; i++)
			sum += sqlnorm_hash(with_value(i), strlen(text), 1);
		hash[r] = (double)(now() - t) / N;
		t = now();
		for (int i = 0; i < N; i++)
			sum += (uint64_t)(clock_mono_ns() + clock_mono_ns());
		clocks[r] = (double)(now() - t) / N;
	}
	printf("of a text of %zu bytes: normalising %.1f ns, hashing %.1f ns; two clocks %.1f ns\n",
	       strlen(text), median(norm), median(hash), median(clocks));
	if (sum == 1) /* never: nothing may be left out */
		putchar('\n');
}

int main(int argc, char **argv)
{
	static double all[KINDS][WAYS][ROUNDS];
	char self[PATH_MAX], agent[PATH_MAX];
	ssize_t n = readlink("/proc/self/exe", self, sizeof self - 1);
	char *slash;

	if (argc > 1 && strcmp(argv[1], "child") == 0)
		return child();
	if (n <= 0)
		return 1;
	self[n] = '\0';
	memcpy(agent, self, (size_t)n + 1);
	for (int i = 0; i < 3 && (slash = strrchr(agent, '/')); i++)
		*slash = '\0';
	slash = agent + strlen(agent);
	snprintf(slash, sizeof agent - strlen(agent), "/libprotea-prof.so");
	make_texts();
	for (int r = 0; r < ROUNDS; r++)
		for (int k = 0; k < KINDS; k++) {
			double out[WAYS];

			if (start(self, agent, k, out))
				return 1;
			for (int w = 0; w < WAYS; w++)
				all[k][w][r] = out[w];
		}
	say(all);
	parts();
	return 0;
}
