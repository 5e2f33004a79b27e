/* Threads that stand where their names say: each in a chain of functions that is known, blocked in a call of its own or
 * spinning. dump is compared with a debugger on them.
 *
 *   known_stacks all             one thread of each role below, and the main thread in main > hold > wait_end > read
 *   known_stacks deep N DEPTH    N threads of DEPTH frames each: deep_top > deep (recursive) > deep_leaf > read
 *   known_stacks churn           threads that end after a millisecond, for ever
 *   known_stacks exec            executes itself again and again
 *   known_stacks fork            forks children that end at once, for ever
 *   known_stacks crash           ends by SIGSEGV in main > crash_1 > crash_2
 *
 * Chains, outermost first (after the thread's start):
 *   owner      own_1 > own_2 > pause                     holds the mutex
 *   locked     lock_1 > lock_2 > pthread_mutex_lock      waits for the one that owner holds
 *   cond       cond_1 > pthread_cond_wait
 *   reader     read_1 > read_2 > read                    of a pipe that nobody writes to
 *   poller     poll_1 > poll
 *   epoller    epoll_1 > epoll_wait
 *   sleeper    sleep_1 > sleep_2 > clock_nanosleep
 *   accepter   accept_1 > accept
 *   joiner     join_1 > pthread_join
 *   semaphore  sem_1 > sem_wait
 *   sorter     sort_1 > qsort > compare > read           libc in the middle
 *   handled    handle_1 > handle_2 > raise > on_signal > handler_read > read: in a signal handler
 *   inlined    inline_outer > [inline_a > inline_b] > read: two are inlined when optimised
 *   variable   vla_1 > vla_2 > read                      a frame of variable size
 *   aligned    align_1 > align_2 > read                  a frame that is realigned
 *   spinner    spin_1 > spin_2 > spin_3                  runs
 *
 * Prints "ready" when all stand there; ends when standard input does, and by itself after ten minutes. */
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define NOINLINE __attribute__((noinline, noclone))
#define INLINE   static inline __attribute__((always_inline))
/* Something behind each call, so that it is no tail call. */
#define AFTER __asm__ volatile("" ::: "memory")

static int quiet_pipe[2];
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER, cond_mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t condition = PTHREAD_COND_INITIALIZER;
static sem_t semaphore;
static pthread_t endless;
static volatile int owned;
static volatile unsigned long work;

static void read_for_ever(void)
{
	char c;

	while (read(quiet_pipe[0], &c, 1) != 0)
		;
	AFTER;
}

NOINLINE static void own_2(void)
{
	owned = 1;
	for (;;)
		pause();
}

NOINLINE static void own_1(void)
{
	pthread_mutex_lock(&mutex);
	own_2();
	AFTER;
}

NOINLINE static void lock_2(void)
{
	pthread_mutex_lock(&mutex);
	AFTER;
}

NOINLINE static void lock_1(void)
{
	while (!owned)
		usleep(1000);
	lock_2();
	AFTER;
}

NOINLINE static void cond_1(void)
{
	pthread_mutex_lock(&cond_mutex);
	for (;;)
		pthread_cond_wait(&condition, &cond_mutex);
}

NOINLINE static void read_2(void)
{
	char c;

	while (read(quiet_pipe[0], &c, 1) != 0)
		;
	AFTER;
}

NOINLINE static void read_1(void)
{
	read_2();
	AFTER;
}

NOINLINE static void poll_1(void)
{
	struct pollfd fds[2] = {{quiet_pipe[0], POLLIN, 0}, {-1, 0, 0}};

	for (;;)
		(void)poll(fds, 2, -1);
}

NOINLINE static void epoll_1(void)
{
	struct epoll_event e = {.events = EPOLLIN};
	int fd = epoll_create1(EPOLL_CLOEXEC);

	(void)epoll_ctl(fd, EPOLL_CTL_ADD, quiet_pipe[0], &e);
	for (;;)
		(void)epoll_wait(fd, &e, 1, -1);
}

NOINLINE static void sleep_2(void)
{
	struct timespec t = {100000, 0};

	for (;;)
		(void)clock_nanosleep(CLOCK_MONOTONIC, 0, &t, NULL);
}

NOINLINE static void sleep_1(void)
{
	sleep_2();
	AFTER;
}

NOINLINE static void accept_1(void)
{
	struct sockaddr_un a = {.sun_family = AF_UNIX}; /* no path: the kernel chooses a name */
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	(void)bind(fd, (struct sockaddr *)&a, sizeof(sa_family_t));
	(void)listen(fd, 1);
	for (;;)
		(void)accept(fd, NULL, NULL);
}

NOINLINE static void join_1(void)
{
	pthread_join(endless, NULL);
	AFTER;
}

NOINLINE static void sem_1(void)
{
	while (sem_wait(&semaphore))
		;
	AFTER;
}

NOINLINE static int compare(const void *a, const void *b)
{
	char c;

	while (read(quiet_pipe[0], &c, 1) != 0)
		;
	AFTER;
	return *(const int *)a - *(const int *)b;
}

NOINLINE static void sort_1(void)
{
	int numbers[] = {3, 1, 2};

	qsort(numbers, 3, sizeof(numbers[0]), compare);
	AFTER;
}

NOINLINE static void handler_read(void)
{
	read_for_ever();
	AFTER;
}

static void on_signal(int sig)
{
	(void)sig;
	handler_read();
	AFTER;
}

NOINLINE static void handle_2(void)
{
	raise(SIGUSR1);
	AFTER;
}

NOINLINE static void handle_1(void)
{
	handle_2();
	AFTER;
}

INLINE void inline_b(int fd)
{
	char c;

	while (read(fd, &c, 1) != 0)
		work++;
}

INLINE void inline_a(int fd)
{
	work++;
	inline_b(fd);
	work++;
}

NOINLINE static void inline_outer(void)
{
	inline_a(quiet_pipe[0]);
	AFTER;
}

NOINLINE static void vla_2(volatile char *room, size_t n)
{
	char c;

	room[n - 1] = 1;
	while (read(quiet_pipe[0], &c, 1) != 0)
		;
	AFTER;
}

NOINLINE static void vla_1(void)
{
	size_t n = 100 + work % 7;
	char room[n];

	vla_2(room, n);
	work += (unsigned long)room[0];
}

NOINLINE static void align_2(volatile char *room)
{
	char c;

	room[0] = 1;
	while (read(quiet_pipe[0], &c, 1) != 0)
		;
	AFTER;
}

NOINLINE static void align_1(void)
{
	char room[256] __attribute__((aligned(128)));

	align_2(room);
	work += (unsigned long)room[0];
}

NOINLINE static void spin_3(void)
{
	for (;;)
		work++;
}

NOINLINE static void spin_2(void)
{
	spin_3();
	AFTER;
}

NOINLINE static void spin_1(void)
{
	spin_2();
	AFTER;
}

NOINLINE static void deep_leaf(void)
{
	char c;

	while (read(quiet_pipe[0], &c, 1) != 0)
		;
	AFTER;
}

NOINLINE static void deep(int n)
{
	if (n > 0)
		deep(n - 1);
	else
		deep_leaf();
	AFTER;
}

static int depth;

NOINLINE static void deep_top(void)
{
	deep(depth);
	AFTER;
}

static const struct role {
	const char *name;
	void (*run)(void);
} roles[] = {
	{"owner", own_1},          {"locked", lock_1},     {"cond", cond_1},
	{"reader", read_1},        {"poller", poll_1},     {"epoller", epoll_1},
	{"sleeper", sleep_1},      {"accepter", accept_1}, {"joiner", join_1},
	{"semaphore", sem_1},      {"sorter", sort_1},     {"handled", handle_1},
	{"inlined", inline_outer}, {"variable", vla_1},    {"aligned", align_1},
	{"spinner", spin_1},
};

static void *run_role(void *arg)
{
	const struct role *r = arg;

	pthread_setname_np(pthread_self(), r->name);
	r->run();
	AFTER;
	return NULL;
}

static void *run_deep(void *arg)
{
	char name[16];

	snprintf(name, sizeof(name), "deep-%d", (int)(long)arg);
	pthread_setname_np(pthread_self(), name);
	deep_top();
	AFTER;
	return NULL;
}

static void *run_short(void *arg)
{
	usleep(1000);
	return arg;
}

static pthread_t start(void *(*run)(void *), void *arg)
{
	pthread_attr_t attr;
	pthread_t t;

	pthread_attr_init(&attr);
	pthread_attr_setstacksize(&attr, 128 << 10);
	if (pthread_create(&t, &attr, run, arg)) {
		perror("pthread_create");
		exit(1);
	}
	pthread_attr_destroy(&attr);
	return t;
}

/* All sleep where they should: looked up in /proc, as the one who waits for "ready" would have to. */
static void settle(int sleeping)
{
	char path[64], line[512];
	int tries, n;

	for (tries = 0; tries < 2000; tries++) {
		char *end;
		FILE *f;
		int tid;

		n = 0;
		for (tid = getpid(); tid < getpid() + 4 * sleeping + 200; tid++) {
			snprintf(path, sizeof(path), "/proc/self/task/%d/stat", tid);
			f = fopen(path, "r");
			if (!f)
				continue;
			end = fgets(line, sizeof(line), f) ? strrchr(line, ')') : NULL;
			n += end && end[2] == 'S';
			fclose(f);
		}
		if (n >= sleeping)
			return;
		usleep(5000);
	}
}

NOINLINE static void wait_end(void)
{
	char c;

	printf("ready\n");
	fflush(stdout);
	while (read(0, &c, 1) > 0)
		;
	AFTER;
}

NOINLINE static void hold(void)
{
	wait_end();
	AFTER;
}

static void all(void)
{
	size_t i, n = sizeof(roles) / sizeof(roles[0]);

	for (i = 0; i < n; i++) {
		pthread_t t = start(run_role, (void *)&roles[i]);

		if (i == 0)
			endless = t;
	}
	settle((int)n - 1); /* all but the spinner; the main thread runs */
	hold();
}

static void many(int n)
{
	long i;

	for (i = 0; i < n; i++)
		(void)start(run_deep, (void *)i);
	settle(n);
	hold();
}

static void churn(void)
{
	printf("ready\n");
	fflush(stdout);
	for (;;) {
		pthread_t t[8];
		size_t i;

		for (i = 0; i < 8; i++)
			t[i] = start(run_short, NULL);
		for (i = 0; i < 8; i++)
			pthread_join(t[i], NULL);
	}
}

static void exec_again(char **argv)
{
	printf("ready\n");
	fflush(stdout);
	usleep(2000);
	execv("/proc/self/exe", argv);
}

static void fork_again(void)
{
	printf("ready\n");
	fflush(stdout);
	for (;;) {
		pid_t p = fork();

		if (p == 0)
			_exit(0);
		if (p > 0)
			waitpid(p, NULL, 0);
	}
}

NOINLINE static void crash_2(volatile int *nowhere)
{
	*nowhere = 1;
	AFTER;
}

NOINLINE static void crash_1(void)
{
	crash_2((volatile int *)(work & 8)); /* 0, which the compiler cannot know */
	AFTER;
}

int main(int argc, char **argv)
{
	const char *what = argc > 1 ? argv[1] : "all";

	alarm(600);
	signal(SIGUSR1, on_signal);
	sem_init(&semaphore, 0, 0);
	if (pipe(quiet_pipe))
		return 1;
	depth = argc > 3 ? (int)strtol(argv[3], NULL, 10) : 20;
	if (strcmp(what, "all") == 0)
		all();
	else if (strcmp(what, "deep") == 0)
		many(argc > 2 ? (int)strtol(argv[2], NULL, 10) : 50);
	else if (strcmp(what, "churn") == 0)
		churn();
	else if (strcmp(what, "exec") == 0)
		exec_again(argv);
	else if (strcmp(what, "fork") == 0)
		fork_again();
	else if (strcmp(what, "crash") == 0)
		crash_1();
	else
		return 2;
	_exit(0);
}
