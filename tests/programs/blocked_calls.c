/* Sleeping threads whose stacks are hard to read from outside without a stop: each way into a sleep (WAYS, one thread
 * each) through each kind of frame (KINDS), after other calls have left their return addresses in the places
 * that the frames now use. Compiled in several ways: with frame pointers, frames need a register that is not
 * told without a stop. Prints "ready N" when all sleep, N threads beside the main one, and sleeps. */
#include <dirent.h>
#include <poll.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/select.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define APART __attribute__((noinline))

static volatile int sink;
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER, held = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t cond = PTHREAD_COND_INITIALIZER;
static sem_t sem;
static int ends[2], child;
static pthread_barrier_t begun;

APART static void way_read(void)
{
	char c;

	sink += (int)read(ends[0], &c, 1);
}

APART static void way_poll(void)
{
	struct pollfd p = {ends[0], POLLIN, 0};

	sink += poll(&p, 1, -1);
}

APART static void way_epoll(void)
{
	struct epoll_event e;

	sink += epoll_wait(epoll_create1(0), &e, 1, -1);
}

APART static void way_nanosleep(void)
{
	struct timespec t = {1000, 0};

	sink += nanosleep(&t, NULL);
}

APART static void way_sleep(void)
{
	sink += (int)sleep(1000);
}

APART static void way_cond(void)
{
	pthread_mutex_lock(&mutex);
	pthread_cond_wait(&cond, &mutex);
	pthread_mutex_unlock(&mutex);
	sink++;
}

APART static void way_mutex(void)
{
	sink += pthread_mutex_lock(&held);
}

APART static void way_sem(void)
{
	sink += sem_wait(&sem);
}

APART static void way_sigwait(void)
{
	sigset_t set;
	int got;

	sigemptyset(&set);
	sigaddset(&set, SIGUSR2);
	sink += sigwait(&set, &got);
}

APART static void way_accept(void)
{
	struct sockaddr_un a = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	sink += bind(fd, (struct sockaddr *)&a, sizeof a.sun_family) + listen(fd, 1);
	sink += accept(fd, NULL, NULL);
}

APART static void way_pause(void)
{
	sink += pause();
}

APART static void way_select(void)
{
	fd_set set;

	FD_ZERO(&set);
	FD_SET(ends[0], &set);
	sink += select(ends[0] + 1, &set, NULL, NULL, NULL);
}

APART static void way_wait(void)
{
	sink += waitpid(child, NULL, 0);
}

APART static void way_recv(void)
{
	int pair[2];
	char c;

	sink += socketpair(AF_UNIX, SOCK_STREAM, 0, pair);
	sink += (int)recv(pair[0], &c, 1, 0);
}

static void (*const ways[])(void) = {way_read,  way_poll,   way_epoll, way_nanosleep, way_sleep,
				     way_cond,  way_mutex,  way_sem,   way_sigwait,   way_accept,
				     way_pause, way_select, way_wait,  way_recv};

#define WAYS  (int)(sizeof ways / sizeof *ways)
#define KINDS 9

APART static void plain(int way)
{
	volatile int local[20];

	local[3] = way;
	ways[way]();
	sink += local[3];
}

APART static void variable(int way, size_t n)
{
	volatile char local[n];

	local[n / 2] = 1;
	plain(way);
	sink += local[n / 2];
}

APART static void variable_twice(int way, size_t n)
{
	volatile char local[n];

	local[0] = 1;
	variable(way, n);
	sink += local[0];
}

APART static void arguments(int way, int b, int c, int d, int e, int f, int g, int h, int i)
{
	plain(way);
	sink += b + c + d + e + f + g + h + i;
}

APART static void recursive(int way, int n)
{
	volatile int local[5];

	local[0] = n;
	if (n == 0)
		plain(way);
	else
		recursive(way, n - 1);
	sink += local[0];
}

struct aligned {
	char bytes[64];
} __attribute__((aligned(64)));

APART static void aligned(int way)
{
	volatile struct aligned local;

	local.bytes[3] = (char)way;
	plain(way);
	sink += local.bytes[3];
}

APART static void large(int way)
{
	volatile char local[20000];

	local[100] = (char)way;
	arguments(way, 1, 2, 3, 4, 5, 6, 7, 8);
	sink += local[100];
}

static int compare(const void *a, const void *b)
{
	static __thread int slept;

	if (!slept++)
		plain(*(const int *)a & 0xff);
	return *(const int *)a - *(const int *)b;
}

APART static void sorting(int way)
{
	int values[2] = {way | 0x100, way};

	qsort(values, 2, sizeof *values, compare);
	sink += values[0];
}

static __thread int way_of_signal;

static void on_signal(int sig)
{
	(void)sig;
	plain(way_of_signal);
}

APART static void interrupted(int way)
{
	way_of_signal = way;
	sink += raise(SIGUSR1);
}

APART static void kind_of(int kind, int way)
{
	switch (kind) {
	case 0:
		plain(way);
		break;
	case 1:
		variable(way, 333);
		break;
	case 2:
		arguments(way, 1, 2, 3, 4, 5, 6, 7, 8);
		break;
	case 3:
		recursive(way, 30);
		break;
	case 4:
		variable_twice(way, 200);
		break;
	case 5:
		aligned(way);
		break;
	case 6:
		large(way);
		break;
	case 7:
		sorting(way);
		break;
	default:
		interrupted(way);
	}
	sink++;
}

/* Leaves frames behind, of the same functions as well. */
APART static int litter(int n)
{
	volatile char local[600];

	memset((char *)local, n, sizeof local);
	return n <= 0 ? local[5] : litter(n - 1) + local[3];
}

static void *thread(void *arg)
{
	int number = (int)(intptr_t)arg;

	sink += litter(8);
	pthread_barrier_wait(&begun);
	kind_of(number / WAYS, number % WAYS);
	return NULL;
}

/* How often all the other threads have gone to sleep; -1: one of them is awake. */
static long moves_of_sleepers(void)
{
	char path[320], line[128], state;
	long sum = 0, moves;
	struct dirent *e;
	DIR *dir = opendir("/proc/self/task");

	while (dir && sum >= 0 && (e = readdir(dir))) {
		FILE *f;

		if (e->d_name[0] == '.' || strtol(e->d_name, NULL, 10) == getpid())
			continue;
		snprintf(path, sizeof path, "/proc/self/task/%s/status", e->d_name);
		f = fopen(path, "re");
		while (f && sum >= 0 && fgets(line, sizeof line, f)) {
			if (sscanf(line, "State: %c", &state) == 1 && state != 'S')
				sum = -1;
			else if (sscanf(line, "voluntary_ctxt_switches: %ld", &moves) == 1)
				sum += moves;
		}
		if (f)
			fclose(f);
	}
	if (dir)
		closedir(dir);
	return sum;
}

int main(void)
{
	struct sigaction sa = {.sa_handler = on_signal};
	pthread_attr_t attr;
	sigset_t set;

	sigaction(SIGUSR1, &sa, NULL);
	sigemptyset(&set);
	sigaddset(&set, SIGUSR2);
	pthread_sigmask(SIG_BLOCK, &set, NULL);
	if (pipe(ends) != 0 || sem_init(&sem, 0, 0) != 0 || pthread_mutex_lock(&held) != 0)
		return 1;
	child = fork();
	if (child == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		for (;;)
			pause();
	}
	pthread_attr_init(&attr);
	pthread_attr_setstacksize(&attr, 128 << 10);
	pthread_barrier_init(&begun, NULL, KINDS * WAYS + 1);
	for (intptr_t i = 0; i < KINDS * WAYS; i++) {
		pthread_t t;

		if (pthread_create(&t, &attr, thread, (void *)i) != 0)
			return 1;
	}
	pthread_barrier_wait(&begun);
	for (long before = -1, now = -2; now < 0 || now != before; usleep(1000)) {
		before = now;
		now = moves_of_sleepers();
	}
	printf("ready %d\n", KINDS * WAYS);
	fflush(stdout);
	kind_of(1, 0);
	return 0;
}
