/* Everything at once, for SECONDS: malloc, dlopen, threads that come and go, fork, exec, longjmp, a profiling
 * timer of the program's own, signals in numbers, mmap, exceptions by _Unwind. agent_torture SECONDS LIBRARY.
 * Prints one line that is the same however long it ran and whoever watches. */
#include <dlfcn.h>
#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static volatile int stop;
static _Atomic int wrong;
static _Atomic long prof_ticks, user_signals;
static const char *library;

static void check(int ok, const char *what)
{
	if (!ok && wrong++ == 0)
		fprintf(stderr, "wrong: %s (errno %d)\n", what, errno);
}

static void on_prof(int sig)
{
	(void)sig;
	prof_ticks++;
}

static void on_user(int sig, siginfo_t *info, void *uc)
{
	(void)sig;
	(void)uc;
	if (info->si_code == SI_TKILL || info->si_code == SI_QUEUE || info->si_code == SI_USER)
		user_signals++;
}

static void *allocates(void *unused)
{
	void *held[64] = {0};

	for (uint32_t i = 0; !stop; i++) {
		uint32_t k = i * 2654435761u >> 26;

		free(held[k]);
		held[k] = malloc(16 + (i * 7919u) % 5000);
		check(held[k] != NULL, "malloc");
		memset(held[k], (int)i, 16);
	}
	for (int i = 0; i < 64; i++)
		free(held[i]);
	return unused;
}

static void *loads(void *unused)
{
	while (!stop) {
		void *h = dlopen(library, RTLD_NOW | RTLD_LOCAL);

		check(h && dlclose(h) == 0, "dlopen");
	}
	return unused;
}

static void *brief(void *arg)
{
	volatile uint64_t x = (uintptr_t)arg;

	for (int i = 0; i < 20000; i++)
		x = x * 6364136223846793005u + 1;
	if ((uintptr_t)arg & 1)
		pthread_exit(arg);
	return arg;
}

static void *spawns(void *unused)
{
	for (uintptr_t i = 0; !stop; i++) {
		pthread_t t[4];
		void *ret;

		for (uintptr_t k = 0; k < 4; k++)
			check(pthread_create(&t[k], NULL, brief, (void *)(i * 4 + k)) == 0,
			      "pthread_create");
		for (uintptr_t k = 0; k < 4; k++)
			check(pthread_join(t[k], &ret) == 0 && ret == (void *)(i * 4 + k), "join");
	}
	return unused;
}

static void *forks(void *unused)
{
	for (int i = 0; !stop; i++) {
		int status;
		pid_t pid = i % 3 == 2 ? vfork() : fork();

		if (pid == 0) {
			if (i % 3 == 1)
				execl("/bin/true", "true", (char *)NULL);
			_exit(i % 3 == 1 ? 99 : 5);
		}
		check(pid > 0, "fork");
		while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
			;
		check(WIFEXITED(status) && WEXITSTATUS(status) == (i % 3 == 1 ? 0 : 5), "child");
	}
	return unused;
}

static __thread sigjmp_buf home;

static void jump(int sig)
{
	(void)sig;
	siglongjmp(home, 1);
}

static void *jumps(void *unused)
{
	volatile uint64_t x = 1;

	while (!stop) {
		if (sigsetjmp(home, 1) == 0) {
			for (int i = 0; i < 3000; i++)
				x = x * 6364136223846793005u + 1;
			pthread_kill(pthread_self(), SIGUSR2);
			check(0, "came back from a jump");
		}
	}
	return unused;
}

static void *signals(void *main_thread)
{
	while (!stop) {
		pthread_kill(*(pthread_t *)main_thread, SIGUSR1);
		pthread_kill(pthread_self(), SIGUSR1);
		pthread_kill(pthread_self(), SIGRTMIN + 3);
	}
	return NULL;
}

static void *maps(void *unused)
{
	while (!stop) {
		char *p = mmap(NULL, 65536, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1,
			       0);

		check(p != MAP_FAILED, "mmap");
		p[4096] = 1;
		munmap(p, 65536);
	}
	return unused;
}

static void handle(int sig, void (*fn)(int, siginfo_t *, void *), void (*plain)(int))
{
	struct sigaction sa;

	memset(&sa, 0, sizeof sa);
	sa.sa_flags = SA_RESTART;
	if (fn) {
		sa.sa_sigaction = fn;
		sa.sa_flags |= SA_SIGINFO;
	} else {
		sa.sa_handler = plain;
	}
	check(sigaction(sig, &sa, NULL) == 0, "sigaction");
}

int main(int argc, char **argv)
{
	void *(*const work[])(void *) = {allocates, loads, spawns, forks, jumps, signals, maps};
	enum { N = sizeof work / sizeof *work };
	struct itimerval every = {{0, 4000}, {0, 4000}}, off = {{0, 0}, {0, 0}};
	pthread_t t[N], self = pthread_self();
	struct timespec end, now;

	if (argc < 3)
		return 2;
	library = argv[2];
	handle(SIGPROF, NULL, on_prof);
	handle(SIGUSR1, on_user, NULL);
	handle(SIGRTMIN + 3, on_user, NULL);
	handle(SIGUSR2, NULL, jump);
	setitimer(ITIMER_PROF, &every, NULL);
	clock_gettime(CLOCK_MONOTONIC, &end);
	end.tv_sec += strtol(argv[1], NULL, 10);
	for (int i = 0; i < N; i++)
		check(pthread_create(&t[i], NULL, work[i], &self) == 0, "start");
	do {
		volatile uint64_t x = 1;

		for (int i = 0; i < 100000; i++)
			x = x * 6364136223846793005u + 1;
		clock_gettime(CLOCK_MONOTONIC, &now);
	} while (now.tv_sec < end.tv_sec ||
		 (now.tv_sec == end.tv_sec && now.tv_nsec < end.tv_nsec));
	stop = 1;
	for (int i = 0; i < N; i++)
		pthread_join(t[i], NULL);
	setitimer(ITIMER_PROF, &off, NULL);
	check(prof_ticks > 0, "own timer");
	check(user_signals > 100, "own signals");
	fprintf(stderr, "signals %ld timer %ld\n", (long)user_signals, (long)prof_ticks);
	printf("torture wrong %d\n", wrong);
	return wrong != 0;
}
