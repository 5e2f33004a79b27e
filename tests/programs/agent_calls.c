/* System calls that sleep, between bursts of work, on threads of their own: how many of them were
 * interrupted, and did errno ever change by itself. Says both; both must be 0. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/select.h>
#include <time.h>
#include <unistd.h>

#define TURNS 150

static _Atomic int interrupted, changed, failed;
static int pipe_fd[2];

static void burn(int errno_then)
{
	volatile uint64_t x = 1;

	errno = errno_then;
	for (int i = 0; i < 300000; i++)
		x = x * 6364136223846793005u + 1;
	if (errno != errno_then)
		changed++;
}

static void note(int rc, int expected_errno)
{
	if (rc < 0 && errno == EINTR)
		interrupted++;
	else if (rc < 0 && errno != expected_errno)
		failed++;
}

static void *sleeper(void *unused)
{
	const struct timespec ms = {0, 2000000};

	for (int i = 0; i < TURNS; i++) {
		burn(ENOTDIR);
		note(nanosleep(&ms, NULL), 0);
		note(poll(NULL, 0, 2), 0);
	}
	return unused;
}

static void *waiter(void *unused)
{
	struct timeval tv;
	struct epoll_event ev;
	sem_t sem;
	int ep = epoll_create1(0);

	sem_init(&sem, 0, 0);
	for (int i = 0; i < TURNS; i++) {
		struct timespec until;

		burn(EXDEV);
		tv.tv_sec = 0;
		tv.tv_usec = 1000;
		note(select(0, NULL, NULL, NULL, &tv), 0);
		note(epoll_wait(ep, &ev, 1, 1), 0);
		clock_gettime(CLOCK_REALTIME, &until);
		until.tv_nsec += 1000000;
		until.tv_sec += until.tv_nsec / 1000000000;
		until.tv_nsec %= 1000000000;
		note(sem_timedwait(&sem, &until), ETIMEDOUT);
	}
	close(ep);
	return unused;
}

static void *reader(void *unused)
{
	char c;

	for (int i = 0; i < TURNS; i++) {
		burn(EDOM);
		if (read(pipe_fd[0], &c, 1) != 1)
			note(-1, 0);
	}
	return unused;
}

static void *writer(void *unused)
{
	const struct timespec ms = {0, 3000000};

	for (int i = 0; i < TURNS; i++) {
		burn(ERANGE);
		if (write(pipe_fd[1], "x", 1) != 1)
			note(-1, 0);
		note(nanosleep(&ms, NULL), 0);
	}
	return unused;
}

/* Short system calls all the time: a tick that comes due inside one must wait for its end. */
static void *caller(void *unused)
{
	char buf[64];
	int fd = open("/dev/zero", O_RDONLY);

	for (int i = 0; i < TURNS * 2000; i++) {
		errno = EXDEV;
		note((int)read(fd, buf, sizeof buf), 0);
		if (errno != EXDEV)
			changed++;
	}
	close(fd);
	return unused;
}

int main(void)
{
	void *(*const work[])(void *) = {sleeper, waiter, reader, writer, caller};
	pthread_t t[5];

	if (pipe(pipe_fd))
		return 1;
	for (int i = 0; i < 5; i++)
		if (pthread_create(&t[i], NULL, work[i], NULL))
			return 1;
	for (int i = 0; i < 5; i++)
		pthread_join(t[i], NULL);
	printf("interrupted %d changed %d failed %d\n", interrupted, changed, failed);
	return 0;
}
