/* Processes that come and go in every way, with memory in their hands. Prints what a program sees; what each
 * process allocated, by its own count, is said in lines "sum NAME bytes blocks live_bytes", which tell the order
 * of the images. mem_fork WAY */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <spawn.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define APART __attribute__((noinline))
#define N     100

extern char **environ;

struct sums {
	uint64_t bytes, blocks, live;
};

static struct sums here;
static void *kept[N];

APART static void *take(size_t n)
{
	void *p = malloc(n);

	if (!p)
		abort();
	memset(p, 1, n);
	here.bytes += n;
	here.blocks++;
	here.live += n;
	return p;
}

APART static void give(void *p, size_t n)
{
	here.live -= n;
	free(p);
}

static void fill(size_t n)
{
	for (int i = 0; i < N; i++)
		kept[i] = take(n);
}

/* Straight to the descriptor: stdio is not for what follows a fork in a threaded program. */
static void say(const char *what)
{
	char line[200];
	int n = snprintf(line, sizeof line, "sum %s %llu %llu %llu\n", what,
			 (unsigned long long)here.bytes, (unsigned long long)here.blocks,
			 (unsigned long long)here.live);

	if (write(1, line, (size_t)n) != n)
		abort();
}

static void reap(const char *what, int want)
{
	char line[100];
	int status, n = 0, bad = 0, size;

	while (wait(&status) > 0) {
		n++;
		bad += status != 0;
	}
	size = snprintf(line, sizeof line, "%s: %d of %d, bad %d\n", what, n, want, bad);
	if (write(1, line, (size_t)size) != size)
		abort();
}

/* The child frees what it inherited, which was never its own, and goes on. */
static void as_child(void)
{
	here = (struct sums){0};
	for (int i = 0; i < N; i++)
		free(kept[i]);
	fill(40);
	for (int i = 0; i < N; i += 2)
		give(kept[i], 40);
}

static void way_fork(void)
{
	fill(1000);
	if (fork() == 0) {
		as_child();
		if (fork() == 0) {
			here = (struct sums){0};
			(void)take(5);
			exit(0);
		}
		reap("grandchild", 1);
		exit(0);
	}
	reap("child", 1);
	give(kept[0], 1000);
	say("parent");
}

static void way_bare_fork(void)
{
	fill(10);
	if (_Fork() == 0) {
		as_child();
		_exit(0);
	}
	reap("child", 1);
	/* One that nobody is told of: it is not recorded, and does not touch the parent's sums. */
	if (syscall(SYS_fork) == 0) {
		as_child();
		(void)take(12345);
		syscall(SYS_exit_group, 0);
	}
	reap("bare", 1);
	say("parent");
}

static void way_vfork(char *self)
{
	char *argv[] = {self, (char *)"leaf", NULL};
	pid_t pid;

	fill(10);
	pid = vfork();
	if (pid == 0) {
		execv(self, argv);
		_exit(1);
	}
	reap("vfork", 1);
	if (posix_spawn(&pid, self, NULL, NULL, argv, environ))
		abort();
	reap("spawn", 1);
	pid = vfork();
	if (pid == 0)
		_exit(0);
	reap("vfork without exec", 1);
	say("parent");
}

static void way_exec(char *self)
{
	char *argv[] = {self, (char *)"leaf", NULL};

	fill(10);
	say("before");
	here = (struct sums){0};
	execv("/nowhere", argv);
	execv(self, argv);
}

static void way_leaf(void)
{
	(void)take(77);
	say("leaf");
}

/* ---- threads */

static _Atomic int stop;

static void *churn(void *arg)
{
	void *mine[32] = {0};
	unsigned int at = (unsigned int)(uintptr_t)arg;

	while (!stop) {
		at = at * 1103515245 + 12345;
		free(mine[at >> 16 & 31]);
		mine[at >> 16 & 31] = malloc(at >> 20 & 511);
	}
	for (int i = 0; i < 32; i++)
		free(mine[i]);
	return NULL;
}

static void *allocate(void *arg)
{
	void **out = arg;

	for (int i = 0; i < N; i++)
		out[i] = malloc(10);
	return NULL;
}

static void way_threads(char *self)
{
	char *argv[] = {self, (char *)"leaf", NULL};
	pthread_t t[3], one;

	for (uintptr_t i = 0; i < 3; i++)
		if (pthread_create(&t[i], NULL, churn, (void *)(i + 1)))
			abort();
	for (int i = 0; i < 40; i++) {
		pid_t pid = fork();

		if (pid != 0)
			continue;
		fill(100);
		if (i % 4 == 1) {
			int null = open("/dev/null", O_WRONLY | O_CLOEXEC);

			(void)dup2(null, 1);
			execv(self, argv);
		}
		if (i % 4 == 2) { /* threads of its own */
			if (pthread_create(&one, NULL, allocate, kept) || pthread_join(one, NULL))
				_exit(1);
			for (int k = 0; k < N; k++)
				free(kept[k]);
		}
		if (i % 4 == 3)
			exit(0);
		_exit(0);
	}
	reap("children", 40);
	stop = 1;
	for (int i = 0; i < 3; i++)
		pthread_join(t[i], NULL);
}

/* Blocks that end in another thread than they began, threads that end one after the other. */
static void way_handover(void)
{
	for (int round = 0; round < 200; round++) {
		void *blocks[N];
		pthread_t t;

		if (pthread_create(&t, NULL, allocate, blocks) || pthread_join(t, NULL))
			abort();
		for (int i = 0; i < N; i++)
			free(blocks[i]);
	}
}

/* ---- ends */

static pthread_key_t key;
static void *by_exit;

static void at_end(void)
{
	give(by_exit, 500);
}

static void key_end(void *p)
{
	static __thread int rounds;

	free(p);
	if (++rounds < PTHREAD_DESTRUCTOR_ITERATIONS)
		pthread_setspecific(key, malloc(300)); /* up to the last round */
}

static void *with_key(void *arg)
{
	(void)arg;
	pthread_setspecific(key, malloc(300));
	return NULL;
}

static void way_late(void)
{
	pthread_t t;

	by_exit = take(500);
	atexit(at_end);
	pthread_key_create(&key, key_end);
	for (int i = 0; i < 50; i++)
		if (pthread_create(&t, NULL, with_key, NULL) || pthread_join(t, NULL))
			abort();
	(void)take(7);
}

static void *exits(void *arg)
{
	(void)take(11);
	say("thread");
	exit(*(int *)arg);
}

static void way_exit_in_thread(void)
{
	pthread_t t;
	int code = 5;

	fill(10);
	if (pthread_create(&t, NULL, exits, &code) == 0)
		pthread_join(t, NULL);
}

static void way_daemon(void)
{
	fill(10);
	if (daemon(1, 1))
		abort();
	as_child();
	say("daemon");
}

static void dies(int how)
{
	fill(10);
	give(kept[0], 10);
	say("dies");
	if (how == 0)
		kill(getpid(), SIGKILL);
	if (how == 1)
		abort();
	if (how == 2)
		_exit(3);
	if (how == 3)
		free((char *)kept[1] + 8); /* the allocator says so and aborts */
	if (how == 4) {
		free(kept[1]);
		free(kept[1]);
	}
	*(volatile int *)8 = 0;
}

/* ---- out of memory: under a limit that was set before the start */

static void way_limit(void)
{
	struct rlimit limit;
	void **list = NULL, **p;
	int n = 0, again = 0;

	if (getrlimit(RLIMIT_AS, &limit) || limit.rlim_cur == RLIM_INFINITY)
		abort();
	for (size_t size = 8 << 20; size >= sizeof(void *); size /= 2) {
		while ((p = malloc(size)) != NULL) {
			*p = list;
			list = p;
			n++;
		}
		if (errno != ENOMEM)
			abort();
	}
	while (list) {
		p = *list;
		free(list);
		list = p;
	}
	for (int i = 0; i < N; i++) {
		kept[i] = malloc(100000);
		again += kept[i] != NULL;
	}
	for (int i = 0; i < N; i++)
		free(kept[i]);
	printf("ran out of memory %d, has some again %d\n", n > 10, again);
}

int main(int argc, char **argv)
{
	const char *way = argc > 1 ? argv[1] : "";
	static char buffer[BUFSIZ];

	setvbuf(stdout, buffer, _IOFBF, sizeof buffer);
	if (!strcmp(way, "fork"))
		way_fork();
	else if (!strcmp(way, "bare_fork"))
		way_bare_fork();
	else if (!strcmp(way, "vfork"))
		way_vfork(argv[0]);
	else if (!strcmp(way, "exec"))
		way_exec(argv[0]);
	else if (!strcmp(way, "leaf"))
		way_leaf();
	else if (!strcmp(way, "threads"))
		way_threads(argv[0]);
	else if (!strcmp(way, "handover"))
		way_handover();
	else if (!strcmp(way, "late"))
		way_late();
	else if (!strcmp(way, "exit_in_thread"))
		way_exit_in_thread();
	else if (!strcmp(way, "daemon"))
		way_daemon();
	else if (!strcmp(way, "limit"))
		way_limit();
	else if (!strncmp(way, "dies", 4))
		dies(way[4] - '0');
	else
		return 2;
	return 0;
}
