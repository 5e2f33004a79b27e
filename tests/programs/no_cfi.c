/* Threads that wait, or work, in a libc without call frame information (musl's): built by musl-gcc, -O2 -g. Its own
 * functions, the innermost first:
 *   main thread  inner middle main: in pause()      poller  polled: in poll()
 *   locker  locked: in pthread_mutex_lock()          reader  read_line: in fgets(), of standard input
 *   sleeper slept: in sleep()                        sorter  sorted: in qsort() (or compare, called by it), running
 * Threads have no names: musl's older versions cannot give them. */
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define NOINLINE __attribute__((noinline, noclone))

static volatile int sink;
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static int values[100000];

NOINLINE void inner(void)
{
	pause();
	sink++;
}

NOINLINE void middle(void)
{
	inner();
	sink++;
}

NOINLINE void polled(void)
{
	poll(NULL, 0, -1);
	sink++;
}

NOINLINE void locked(void)
{
	pthread_mutex_lock(&mutex);
	sink++;
}

NOINLINE void read_line(void)
{
	char line[100];

	sink += fgets(line, sizeof line, stdin) != NULL;
}

NOINLINE void slept(void)
{
	sleep(1000);
	sink++;
}

static int compare(const void *a, const void *b)
{
	sink++;
	return *(const int *)a - *(const int *)b;
}

NOINLINE void sorted(void)
{
	for (int i = 0; i < 100000; i++)
		values[i] = (int)((unsigned)i * 2654435761u >> 1);
	qsort(values, 100000, sizeof values[0], compare);
	sink++;
}

static void *poller(void *p)
{
	polled();
	return p;
}

static void *locker(void *p)
{
	locked();
	return p;
}

static void *reader(void *p)
{
	read_line();
	return p;
}

static void *sleeper(void *p)
{
	slept();
	return p;
}

static void *sorter(void *p)
{
	for (;;) {
		sorted();
		sink++;
	}
	return p;
}

int main(void)
{
	static void *(*const starts[])(void *) = {poller, locker, reader, sleeper, sorter};
	pthread_t thread;

	pthread_mutex_lock(&mutex);
	for (size_t i = 0; i < sizeof starts / sizeof starts[0]; i++)
		if (pthread_create(&thread, NULL, starts[i], NULL))
			return 1;
	middle();
	return 0;
}
