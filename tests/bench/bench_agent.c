/* What a sample costs the program, in CPU time of a fixed piece of work (30 frames deep, no system calls),
 * run in turns: alone; with a perf task-clock event whose signal handler is empty (what any sampler by
 * signals pays the kernel for); with the agent. Medians of the turns. Also the rate reached, and what
 * start-up and threads cost. Numbers, no verdict. */
#include <fcntl.h>
#include <linux/perf_event.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "prof/base/clock.h"
#include "prof/spool/reader.h"

#define TURNS  9
#define ROUNDS 700 /* of about a millisecond */
#define DEPTH  28

struct outcome {        /* of one run of the child */
	double work_ns; /* CPU time of its loop */
	double wall_ns, samples;
};

static volatile uint64_t sink;
static volatile sig_atomic_t ticks;
static int event_fd = -1;

/* ---- the child's work */

__attribute__((noinline)) static uint64_t leaf(uint64_t x)
{
	for (int i = 0; i < 500000; i++) {
		x ^= x << 13;
		x ^= x >> 7;
		x ^= x << 17;
	}
	return x;
}

__attribute__((noinline)) static uint64_t descend(int d, uint64_t x)
{
	uint64_t r = d > 0 ? descend(d - 1, x) : leaf(x);

	__asm__ volatile("" : "+r"(r));
	return r;
}

static void on_tick(int sig)
{
	(void)sig;
	if (++ticks % 16 == 0)
		(void)ioctl(event_fd, PERF_EVENT_IOC_REFRESH, 16);
}

static void start_event(long hz)
{
	struct f_owner_ex owner = {F_OWNER_TID, (pid_t)syscall(SYS_gettid)};
	struct perf_event_attr attr;
	struct sigaction sa;

	memset(&attr, 0, sizeof attr);
	attr.type = PERF_TYPE_SOFTWARE;
	attr.size = sizeof attr;
	attr.config = PERF_COUNT_SW_TASK_CLOCK;
	attr.sample_period = (uint64_t)(1000000000 / hz);
	attr.exclude_kernel = attr.exclude_hv = attr.disabled = 1;
	event_fd = (int)syscall(SYS_perf_event_open, &attr, 0, -1, -1, PERF_FLAG_FD_CLOEXEC);
	memset(&sa, 0, sizeof sa);
	sa.sa_handler = on_tick;
	sa.sa_flags = SA_RESTART;
	(void)sigaction(SIGRTMIN + 1, &sa, NULL);
	(void)fcntl(event_fd, F_SETOWN_EX, &owner);
	(void)fcntl(event_fd, F_SETSIG, SIGRTMIN + 1);
	(void)fcntl(event_fd, F_SETFL, O_RDWR | O_ASYNC);
	(void)ioctl(event_fd, PERF_EVENT_IOC_REFRESH, 32);
}

static void *nothing(void *p)
{
	return p;
}

/* argv: --work spin HZ | --work exit | --work threads N. Tells the CPU time of the work on stdout. */
static int child_main(char **argv)
{
	int64_t spent = clock_process_cpu_ns();

	if (strcmp(argv[2], "spin") == 0) {
		if (strtol(argv[3], NULL, 10) > 0)
			start_event(strtol(argv[3], NULL, 10));
		for (int i = 0; i < ROUNDS; i++)
			sink += descend(DEPTH, (uint64_t)i + 1);
	}
	for (long i = strcmp(argv[2], "threads") == 0 ? strtol(argv[3], NULL, 10) : 0; i > 0; i--) {
		pthread_t t;

		if (pthread_create(&t, NULL, nothing, NULL) || pthread_join(t, NULL))
			return 1;
	}
	spent = clock_process_cpu_ns() - spent;
	return write(STDOUT_FILENO, &spent, sizeof spent) != sizeof spent;
}

/* ---- the parent */

static int map_image(struct spool_file *f, const char *folder, pid_t pid)
{
	char file[SPOOL_PATH_MAX + 32];

	snprintf(file, sizeof file, "%s/%d.0", folder, (int)pid);
	return spool_map(f, file, NULL);
}

/* Empties every ring, unread. */
static void drain(struct spool_file *f)
{
	struct ring_reader r;
	struct spool_view view;

	for (uint32_t i = 0; i < spool_rings(f); i++) {
		if (ring_reader_init(&r, f, i))
			return;
		ring_reader_refresh(&r);
		while (ring_next(&r, &view) > 0)
			;
		ring_consume(&r);
		(void)ring_recycle(&r);
		ring_reader_release(&r);
	}
}

static int wait_for(pid_t pid, const char *folder, struct rusage *u)
{
	const struct timespec pause = {0, 5000000};
	struct spool_file f = {0};
	int status = 0, mapped = 0;
	pid_t got;

	while ((got = wait4(pid, &status, folder ? WNOHANG : 0, u)) == 0) {
		if (mapped || (mapped = map_image(&f, folder, pid) == 0))
			drain(&f);
		(void)nanosleep(&pause, NULL);
	}
	if (mapped)
		spool_unmap(&f);
	return got == pid ? status : -1;
}

static void read_image(const char *folder, pid_t pid, struct outcome *o)
{
	struct spool_file f;

	if (map_image(&f, folder, pid))
		return;
	for (uint32_t i = 0; i < spool_rings(&f); i++)
		o->samples += (double)spool_ring_at(&f, i)->samples;
	spool_unmap(&f);
}

static void run(struct outcome *o, long agent_hz, char *const argv[])
{
	struct spool_session config = {.rate_hz = (uint32_t)agent_hz, .ring_bytes = 256 << 10};
	struct spool_session *session = NULL;
	char folder[SPOOL_PATH_MAX], library[SPOOL_PATH_MAX];
	const char *out = getenv("O");
	struct rusage u;
	int64_t start;
	int64_t work = 0;
	int fd[2], status = 0;
	pid_t pid;

	memset(o, 0, sizeof *o);
	snprintf(library, sizeof library, "%s/libprotea-prof.so", out ? out : "build");
	snprintf(config.cache_dir, sizeof config.cache_dir, "%s/bench-cache", out ? out : "build");
	if (agent_hz >= 0 && session_make(&session, folder, &config, "/tmp", NULL))
		exit(1);
	if (pipe(fd))
		exit(1);
	start = clock_mono_ns();
	pid = fork();
	if (pid == 0) {
		(void)dup2(fd[1], STDOUT_FILENO);
		(void)close(fd[0]);
		(void)close(fd[1]);
		if (session) {
			char *full = realpath(library, NULL);

			(void)setenv("LD_PRELOAD", full ? full : library, 1);
			(void)setenv(SPOOL_ENV_SESSION, folder, 1);
		}
		execv("/proc/self/exe", argv);
		_exit(127);
	}
	status = pid < 0 ? -1
			 : wait_for(pid, session && strcmp(argv[2], "exit") != 0 ? folder : NULL,
				    &u);
	if (status != 0) {
		fprintf(stderr, "bench_agent: the program failed (status %x)\n",
			(unsigned int)status);
		exit(1);
	}
	o->wall_ns = (double)(clock_mono_ns() - start);
	if (read(fd[0], &work, sizeof work) == sizeof work)
		o->work_ns = (double)work;
	(void)close(fd[0]);
	(void)close(fd[1]);
	if (session) {
		read_image(folder, pid, o);
		session_unmap(session);
		(void)session_remove(folder, NULL);
	}
}

static int by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return x < y ? -1 : x > y;
}

static double median(const double *v)
{
	double sorted[TURNS];

	memcpy(sorted, v, sizeof sorted);
	qsort(sorted, TURNS, sizeof *sorted, by_value);
	return sorted[TURNS / 2];
}

static void bench_rate(long hz)
{
	char number[32], *plain[] = {"bench_agent", "--work", "spin", "0", NULL},
			 *event[] = {"bench_agent", "--work", "spin", number, NULL};
	double with_event[TURNS], with_agent[TURNS], rate[TURNS], ours[TURNS], theirs[TURNS];

	snprintf(number, sizeof number, "%ld", hz);
	for (int i = 0; i < TURNS; i++) {
		struct outcome alone, empty, agent;

		run(&alone, -1, plain);
		run(&empty, -1, event);
		run(&agent, hz, plain);
		with_event[i] = empty.work_ns / alone.work_ns - 1;
		with_agent[i] = agent.work_ns / alone.work_ns - 1;
		rate[i] = agent.samples / ((double)hz * agent.work_ns / 1e9);
		theirs[i] = (empty.work_ns - alone.work_ns) / ((double)hz * empty.work_ns / 1e9);
		ours[i] = (agent.work_ns - alone.work_ns) / agent.samples;
	}
	printf("%6ld Hz  rate reached %5.1f %%   overhead %6.2f %%, empty handler %6.2f %%   per "
	       "sample "
	       "%6.2f us, empty handler %6.2f us\n",
	       hz, 100 * median(rate), 100 * median(with_agent), 100 * median(with_event),
	       median(ours) / 1e3, median(theirs) / 1e3);
}

static void bench_start(void)
{
	char *argv[] = {"bench_agent", "--work", "exit", NULL};
	double alone[TURNS], agent[TURNS];
	struct outcome o;

	for (int i = 0; i < TURNS; i++) {
		run(&o, -1, argv);
		alone[i] = o.wall_ns;
		run(&o, 199, argv);
		agent[i] = o.wall_ns;
	}
	printf("start and end of a process: alone %.2f ms, with the agent %.2f ms\n",
	       median(alone) / 1e6, median(agent) / 1e6);
}

static void bench_threads(void)
{
	char *argv[] = {"bench_agent", "--work", "threads", "500", NULL};
	double alone[TURNS], agent[TURNS];
	struct outcome o;

	for (int i = 0; i < TURNS; i++) {
		run(&o, -1, argv);
		alone[i] = o.work_ns / 500;
		run(&o, 199, argv);
		agent[i] = o.work_ns / 500;
	}
	printf("a thread that does nothing: alone %.1f us of CPU, with the agent %.1f us\n",
	       median(alone) / 1e3, median(agent) / 1e3);
}

int main(int argc, char **argv)
{
	if (argc > 2 && strcmp(argv[1], "--work") == 0)
		return child_main(argv);
	(void)setvbuf(stdout, NULL, _IOLBF, 0);
	bench_rate(199);
	bench_rate(1000);
	bench_rate(10000);
	bench_start();
	bench_threads();
	return 0;
}
