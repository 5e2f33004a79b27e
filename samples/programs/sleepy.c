/* Mostly asleep: thread `sleeper` waits in nanosleep and in a pipe read, `worker` works a tenth of the time.
 * Answer: CPU time is all in `burst`; with --mode wall `sleeper` and main are asleep nearly all the time. No
 * system call of the program ends with EINTR (exit code 0; 1 otherwise).
 * build: -O2 -pthread */
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <time.h>
#include <unistd.h>

#include "samples/programs/spin.h"

static int interrupted;
static volatile int stop;
static int pipe_ends[2];

static __attribute__((noinline)) void burst(void)
{
	spin_sink = spin_body(20 * SPIN_UNIT, spin_sink);
}

static void *sleeper(void *arg)
{
	struct pollfd fd = {.fd = pipe_ends[0], .events = POLLIN};

	(void)arg;
	pthread_setname_np(pthread_self(), "sleeper");
	while (!stop) {
		struct timespec t = {0, 20000000};

		if (nanosleep(&t, NULL) && errno == EINTR)
			interrupted = 1;
		if (poll(&fd, 1, 20) < 0 && errno == EINTR)
			interrupted = 1;
	}
	return NULL;
}

static void *worker(void *arg)
{
	int i, rounds = *(int *)arg;

	pthread_setname_np(pthread_self(), "worker");
	for (i = 0; i < rounds; i++) {
		struct timespec t = {0, 50000000};

		burst();
		if (nanosleep(&t, NULL) && errno == EINTR)
			interrupted = 1;
	}
	return NULL;
}

int main(int argc, char **argv)
{
	int rounds = (int)(20 * spin_scale(argc, argv));
	pthread_t a, b;

	if (pipe(pipe_ends) || pthread_create(&a, NULL, sleeper, NULL) ||
	    pthread_create(&b, NULL, worker, &rounds))
		return 2;
	pthread_join(b, NULL);
	stop = 1;
	pthread_join(a, NULL);
	return interrupted;
}
