/* Programs that make a profiler's life hard, by their first argument; each works for some 200 ms and prints
 * what it saw.
 *   closes     closes every descriptor it did not open, and wants a high one for itself
 *   blocks     has all signals blocked, by bare system calls, for most of its work
 *   forbidden  cannot use perf_event_open (seccomp), then runs itself anew
 *   pending    runs itself anew with every signal blocked, then unblocks them
 *   execs      works, then runs itself anew, four images deep
 *   ends HOW   ends by _exit, quick_exit, kill, abort, exit from a thread, or pthread_exit of main */
#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

static int64_t cpu_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return t.tv_sec * INT64_C(1000000000) + t.tv_nsec;
}

/* CPU time, however fast the processor is. */
static void burn(int ms)
{
	volatile uint64_t x = 1;
	int64_t end = cpu_ns() + ms * INT64_C(1000000);

	while (cpu_ns() < end)
		for (int i = 0; i < 100000; i++)
			x = x * 6364136223846793005u + 1;
}

static int closes(void)
{
	int fd;

	burn(50);
	for (int i = 3; i < 20000; i++)
		if (close(i) == 0)
			printf("closed %d\n", i);
	burn(50);
	closefrom(3);
	burn(50);
	fd = open("/dev/null", O_RDONLY);
	for (int i = 760; i < 3000; i++) { /* wherever the agent's are */
		if (dup2(fd, i) != i || close(i))
			printf("no %d\n", i);
	}
	burn(50);
	printf("first %d\n", fd);
	return 0;
}

static int blocks(void)
{
	uint64_t all = ~0ull, none = 0;

	burn(50);
	syscall(SYS_rt_sigprocmask, SIG_SETMASK, &all, &none, sizeof all);
	burn(200);
	syscall(SYS_rt_sigprocmask, SIG_SETMASK, &none, NULL, sizeof none);
	burn(50);
	puts("blocked");
	return 0;
}

static int forbidden(char **argv)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_perf_event_open, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EACCES),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog prog = {sizeof code / sizeof *code, code};
	char *again[] = {argv[0], "plain", NULL};

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) ||
	    prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &prog))
		return 77;
	execv(argv[0], again);
	return 1;
}

/* A tick waits behind the blocked signal when the new program begins, and when that one unblocks it. */
static int pending(char **argv)
{
	uint64_t all = ~0ull, none = 0;
	char *nowhere[] = {"/nonexistent", NULL};

	if (argv[2]) {
		syscall(SYS_rt_sigprocmask, SIG_SETMASK, &none, NULL, sizeof none);
		puts("alive");
		return 0;
	}
	syscall(SYS_rt_sigprocmask, SIG_SETMASK, &all, NULL, sizeof all);
	burn(50);
	execv(nowhere[0], nowhere);
	burn(50);
	execv(argv[0], (char *[]){argv[0], "pending", "on", NULL});
	return 1;
}

static int execs(char **argv)
{
	int left = argv[2] ? (int)strtol(argv[2], NULL, 10) : 3;
	char next[16];
	char *again[] = {argv[0], "execs", next, NULL};

	burn(50);
	if (left == 0)
		return puts("deep enough") < 0;
	snprintf(next, sizeof next, "%d", left - 1);
	execv(argv[0], again);
	return 1;
}

static void *exits(void *unused)
{
	burn(50);
	exit(3);
	return unused;
}

static void *last(void *unused)
{
	burn(100);
	return unused;
}

static int ends(const char *how)
{
	pthread_t t;

	burn(100);
	if (strcmp(how, "_exit") == 0)
		_exit(3);
	if (strcmp(how, "quick_exit") == 0)
		quick_exit(3);
	if (strcmp(how, "kill") == 0)
		kill(getpid(), SIGKILL);
	if (strcmp(how, "abort") == 0)
		abort();
	if (strcmp(how, "thread") == 0) {
		pthread_create(&t, NULL, exits, NULL);
		pthread_join(t, NULL);
	}
	if (strcmp(how, "main") == 0) {
		pthread_create(&t, NULL, last, NULL);
		pthread_exit(NULL);
	}
	return 1;
}

int main(int argc, char **argv)
{
	const char *what = argc > 1 ? argv[1] : "";

	if (strcmp(what, "closes") == 0)
		return closes();
	if (strcmp(what, "blocks") == 0)
		return blocks();
	if (strcmp(what, "forbidden") == 0)
		return forbidden(argv);
	if (strcmp(what, "pending") == 0)
		return pending(argv);
	if (strcmp(what, "execs") == 0)
		return execs(argv);
	if (strcmp(what, "ends") == 0 && argc > 2)
		return ends(argv[2]);
	burn(200);
	puts("worked");
	return 0;
}
