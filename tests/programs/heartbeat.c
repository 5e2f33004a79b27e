/* A program that notices what is done to it. Two threads run all the time and look at the clock, one sleeps in
 * epoll_wait() for 2 ms at a time and one without an end, one sends the running ones signals with a number
 * each. heartbeat SECONDS prints "ready PID" and at its end (or on SIGTERM)
 *     beats B gap_us G eintr E sent S received R wrong W
 * gap_us is the longest time between two looks at the clock of a running thread; eintr how often a call was
 * interrupted in threads that never get a signal; wrong: signals that came twice or out of order. Undisturbed:
 * eintr 0, received = sent, wrong 0, and gap_us what the scheduler does. */
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <time.h>
#include <unistd.h>

#define RUNNERS 2

static _Atomic int over;
static _Atomic uint64_t beats, eintr, sent, received, wrong;
static _Atomic int64_t gaps[RUNNERS];
static __thread int expected = 1;

static int64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

static void on_signal(int sig, siginfo_t *info, void *context)
{
	(void)sig;
	(void)context;
	received++;
	if (info->si_value.sival_int != expected)
		wrong++;
	expected = info->si_value.sival_int + 1;
}

static void allow_signals(void)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGRTMIN);
	pthread_sigmask(SIG_UNBLOCK, &set, NULL);
}

static void *run(void *arg)
{
	_Atomic int64_t *gap = arg;
	int64_t last = now_ns();

	allow_signals();
	while (!over) {
		int64_t now = now_ns();

		if (now - last > *gap)
			*gap = now - last;
		last = now;
		beats++;
	}
	return NULL;
}

static void *doze(void *arg)
{
	int timeout_ms = *(int *)arg, fd = epoll_create1(0);
	struct epoll_event e;

	while (!over)
		if (epoll_wait(fd, &e, 1, timeout_ms) < 0 && errno == EINTR)
			eintr++;
	return NULL;
}

int main(int argc, char **argv)
{
	double seconds = argc > 1 ? strtod(argv[1], NULL) : 1;
	int64_t end = now_ns() + (int64_t)(seconds * 1e9), gap = 0;
	struct sigaction sa = {.sa_sigaction = on_signal, .sa_flags = SA_SIGINFO | SA_RESTART};
	int timeouts[2] = {2, -1};
	pthread_t runners[RUNNERS], t;
	struct timespec moment = {.tv_nsec = 1000000}, none = {0, 0};
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGRTMIN);
	sigaddset(&set, SIGTERM);
	pthread_sigmask(SIG_BLOCK, &set, NULL);
	sigaction(SIGRTMIN, &sa, NULL);
	for (int i = 0; i < RUNNERS; i++)
		if (pthread_create(&runners[i], NULL, run, (void *)&gaps[i]) != 0)
			return 1;
	for (int i = 0; i < 2; i++)
		if (pthread_create(&t, NULL, doze, &timeouts[i]) != 0)
			return 1;
	printf("ready %d\n", (int)getpid());
	fflush(stdout);
	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	for (int n = 1; now_ns() < end && sigtimedwait(&set, NULL, &none) < 0; n++) {
		for (int i = 0; i < RUNNERS; i++)
			if (pthread_sigqueue(runners[i], SIGRTMIN,
					     (union sigval){.sival_int = n}) == 0)
				sent++;
		nanosleep(&moment, NULL);
	}
	for (int i = 0; i < 1000 && received < sent; i++)
		nanosleep(&moment, NULL);
	over = 1;
	for (int i = 0; i < RUNNERS; i++)
		gap = gaps[i] > gap ? gaps[i] : gap;
	printf("beats %llu gap_us %lld eintr %llu sent %llu received %llu wrong %llu\n",
	       (unsigned long long)beats, (long long)(gap / 1000), (unsigned long long)eintr,
	       (unsigned long long)sent, (unsigned long long)received, (unsigned long long)wrong);
	fflush(stdout);
	_exit(0);
}
