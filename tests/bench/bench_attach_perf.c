/* What perf events cost the thread that has them, by its own CPU clock, everything in turns, lower quartiles: a sample (the
 * timer's interrupt alone, then with copies of its stack, at 1,999 Hz so that it shows; the share at 199 Hz is computed),
 * and a context switch (two threads that hand a byte back and forth on one CPU). Numbers, no verdict.
 * Arguments: turns (41), milliseconds of work a turn (30). */
#include <pthread.h>
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "prof/attach/perf_attr.h"
#include "prof/attach/perf_ring.h"
#include "prof/base/clock.h"

#define RATE      1999
#define TURNS_MAX 101
#define TRIPS     2000

struct way {
	const char *name;
	int events;           /* 0: none, 1: samples */
	uint32_t stack_bytes; /* of each */
	uint32_t rate_hz;
	double cost[TURNS_MAX];
};

static struct way samples[] = {
	{"no events", 0, 0, RATE, {0}},
	{"samples without a stack", 1, 0, RATE, {0}},
	{"copies of 4 KiB", 1, 4096, RATE, {0}},
	{"copies of 8 KiB", 1, 8192, RATE, {0}},
	{"copies of 16 KiB", 1, 16384, RATE, {0}},
	{"copies of 48 KiB", 1, 49152, RATE, {0}},
};
static struct way switches[] = {
	{"no events", 0, 0, 0, {0}},
	{"events at 199 Hz", 1, 8192, 199, {0}},
	{"events at 49 Hz", 1, 8192, 49, {0}},
	{"events at 1 Hz", 1, 8192, 1, {0}},
};

static volatile uint64_t sink;

static void work(uint64_t n)
{
	uint64_t x = 1;

	for (uint64_t i = 0; i < n; i++)
		x = x * 6364136223846793005ull + 1;
	sink = x;
}

/* An event on a thread, its ring on the CPU that we are bound to. */
static int open_event(const struct way *w, int tid, const struct perf_ring *ring)
{
	struct perf_event_attr attr;
	struct perf_wish wish = {
		.period_ns = 1000000000u / w->rate_hz, .stack_bytes = w->stack_bytes, .inherit = 1};
	struct err err = ERR_INIT;
	int fd;

	if (perf_attr_probe(&wish.can, &wish, &err)) {
		fprintf(stderr, "%s\n", err.text);
		exit(1);
	}
	perf_attr_sampler(&attr, &wish);
	if (w->stack_bytes == 0)
		attr.sample_type &= ~(uint64_t)PERF_SAMPLE_STACK_USER;
	fd = perf_open_event(&attr, tid, (int)ring->cpu);
	if (fd < 0 || ioctl(fd, PERF_EVENT_IOC_SET_OUTPUT, ring->fd) ||
	    ioctl(fd, PERF_EVENT_IOC_ENABLE, 0)) {
		perror("perf events");
		exit(1);
	}
	return fd;
}

static int by_size(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

/* What a quarter of the turns was below: a busy machine disturbs that least. */
static double quartile(struct way *w, int turns)
{
	qsort(w->cost, (size_t)turns, sizeof w->cost[0], by_size);
	return w->cost[turns / 4];
}

/* CPU time of the work, which leaves enough stack above it for any copy. */
static __attribute__((noinline)) double sampled_work(const struct way *w, struct perf_ring *ring,
						     uint64_t n)
{
	volatile char room[65536];
	int fd = w->events ? open_event(w, 0, ring) : -1;
	int64_t begin;

	memset((char *)room, 1, sizeof room);
	begin = clock_thread_cpu_ns();
	work(n);
	begin = clock_thread_cpu_ns() - begin;
	if (fd >= 0)
		(void)close(fd);
	(void)perf_ring_look(ring);
	perf_ring_skip(ring);
	return (double)begin;
}

static void bench_samples(struct perf_ring *ring, int turns, uint64_t n)
{
	size_t k, ways = sizeof samples / sizeof samples[0];
	double alone, ticks, us;

	for (int i = 0; i < turns; i++) {
		for (k = 0; k < ways; k++)
			samples[k].cost[i] = sampled_work(&samples[k], ring, n);
	}
	alone = quartile(&samples[0], turns);
	ticks = alone * 1e-9 * RATE;
	for (k = 1; k < ways; k++) {
		us = (quartile(&samples[k], turns) - alone) / ticks / 1e3;
		printf("%-26s %6.1f us a sample, %.2f %% at 199 Hz\n", samples[k].name, us,
		       us * 199 / 1e4);
	}
}

static int there[2], back[2];
static _Atomic int echo_tid;

static void *echo(void *ctx)
{
	char byte;

	echo_tid = (int)syscall(SYS_gettid);
	while (read(there[0], &byte, 1) == 1 && write(back[1], &byte, 1) == 1) {
	}
	return ctx;
}

static double trips(const struct way *w, const struct perf_ring *ring)
{
	int fds[2] = {-1, -1};
	int64_t begin;
	char byte = 0;

	for (int i = 0; i < 2 && w->events; i++)
		fds[i] = open_event(w, i ? echo_tid : 0, ring);
	begin = clock_process_cpu_ns();
	for (int i = 0; i < TRIPS; i++) {
		if (write(there[1], &byte, 1) != 1 || read(back[0], &byte, 1) != 1)
			exit(1);
	}
	begin = clock_process_cpu_ns() - begin;
	for (int i = 0; i < 2 && w->events; i++)
		(void)close(fds[i]);
	return (double)begin / TRIPS / 2;
}

static void bench_switches(struct perf_ring *ring, int turns)
{
	size_t k, ways = sizeof switches / sizeof switches[0];
	pthread_t t;

	if (pipe(there) || pipe(back) || pthread_create(&t, NULL, echo, NULL))
		exit(1);
	while (!echo_tid)
		(void)sched_yield();
	for (int i = 0; i < turns; i++) {
		for (k = 0; k < ways; k++) {
			switches[k].cost[i] = trips(&switches[k], ring);
			(void)perf_ring_look(ring);
			perf_ring_skip(ring);
		}
	}
	for (k = 0; k < ways; k++)
		printf("%-26s %6.2f us of CPU time a context switch\n", switches[k].name,
		       quartile(&switches[k], turns) / 1e3);
}

int main(int argc, char **argv)
{
	int turns = argc > 1 ? (int)strtol(argv[1], NULL, 10) : 41;
	long ms = argc > 2 ? strtol(argv[2], NULL, 10) : 30;
	uint64_t n = 10000000;
	struct perf_ring ring;
	struct err err = ERR_INIT;
	cpu_set_t one;
	int64_t took;

	turns = turns < 1 ? 1 : turns > TURNS_MAX ? TURNS_MAX : turns;
	CPU_ZERO(&one);
	CPU_SET((size_t)sched_getcpu(), &one);
	(void)sched_setaffinity(0, sizeof one, &one);
	if (perf_ring_open(&ring, (uint32_t)sched_getcpu(), 4 << 20, &err)) {
		printf("no perf events here: %s\n", err.text);
		return 0;
	}
	took = clock_thread_cpu_ns();
	work(n);
	took = clock_thread_cpu_ns() - took;
	bench_samples(&ring, turns, n * (uint64_t)ms * 1000000 / (uint64_t)took);
	bench_switches(&ring, turns);
	perf_ring_close(&ring);
	return 0;
}
