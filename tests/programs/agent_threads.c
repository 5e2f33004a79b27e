/* Threads of every make, each working for a while: prints "KIND TID" for each one that ran, for the test to
 * look up. */
#include <pthread.h>
#include <sched.h>
#include <semaphore.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <threads.h>
#include <time.h>
#include <unistd.h>

static pthread_mutex_t out = PTHREAD_MUTEX_INITIALIZER;
static sem_t detached_done;
static volatile int bare_done;

static void burn(int ms)
{
	volatile uint64_t x = 1;

	for (long i = 0; i < ms * 400000L; i++)
		x = x * 6364136223846793005u + 1;
}

static void say(const char *kind)
{
	pthread_mutex_lock(&out);
	printf("%s %ld\n", kind, syscall(SYS_gettid));
	fflush(stdout);
	pthread_mutex_unlock(&out);
}

static void *plain(void *kind)
{
	say(kind);
	burn(60);
	return kind;
}

static void *named(void *kind)
{
	say(kind);
	pthread_setname_np(pthread_self(), "worker-bee");
	burn(60);
	return NULL;
}

static void *exits(void *kind)
{
	say(kind);
	burn(60);
	pthread_exit(NULL);
}

static void *cancelled(void *kind)
{
	say(kind);
	burn(60);
	for (;;)
		pause();
	return NULL;
}

static void *detached(void *kind)
{
	say(kind);
	burn(60);
	sem_post(&detached_done);
	return NULL;
}

static void *brief(void *unused)
{
	return unused;
}

static int c11(void *kind)
{
	say(kind);
	burn(60);
	return 5;
}

/* No libc in here: it has no thread control block of its own. */
static int bare(void *tid)
{
	volatile uint64_t x = 1;

	*(volatile long *)tid = syscall(SYS_gettid);
	for (long i = 0; i < 200 * 400000L; i++)
		x = x * 6364136223846793005u + 1;
	bare_done = 1;
	return 0;
}

static void run_bare(void)
{
	static volatile long tid;
	const int flags =
		CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD | CLONE_SYSVSEM;
	size_t size = 256 << 10;
	char *stack = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	const struct timespec ms = {0, 1000000};

	if (stack == MAP_FAILED || clone(bare, stack + size, flags, (void *)&tid) < 0)
		exit(1);
	while (!bare_done) { /* this thread must tick too: its handler is who attaches the bare one */
		burn(1);
		nanosleep(&ms, NULL);
	}
	printf("bare %ld\n", tid);
	nanosleep(&ms, NULL);
}

static void sigev(union sigval v)
{
	say("notify");
	burn(60);
	sem_post(v.sival_ptr);
}

static void run_notify(void)
{
	sem_t done;
	struct sigevent ev;
	struct itimerspec its = {{0, 0}, {0, 1000000}};
	timer_t timer;

	sem_init(&done, 0, 0);
	memset(&ev, 0, sizeof ev);
	ev.sigev_notify = SIGEV_THREAD;
	ev.sigev_notify_function = sigev;
	ev.sigev_value.sival_ptr = &done;
	if (timer_create(CLOCK_MONOTONIC, &ev, &timer))
		exit(1);
	timer_settime(timer, 0, &its, NULL);
	while (sem_trywait(&done))
		burn(1);
	timer_delete(timer);
}

int main(void)
{
	pthread_attr_t attr;
	pthread_t t[6];
	thrd_t c;
	void *ret;
	int code;

	sem_init(&detached_done, 0, 0);
	pthread_attr_init(&attr);
	pthread_attr_setstacksize(&attr, 16384);
	pthread_create(&t[0], NULL, plain, "plain");
	pthread_create(&t[1], &attr, plain, "small");
	pthread_create(&t[2], NULL, named, "named");
	pthread_create(&t[3], NULL, exits, "exits");
	pthread_create(&t[4], NULL, cancelled, "cancelled");
	pthread_attr_setstacksize(&attr, 1 << 20);
	pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
	pthread_create(&t[5], &attr, detached, "detached");
	thrd_create(&c, c11, "c11");
	burn(60);
	pthread_cancel(t[4]);
	for (int i = 0; i < 5; i++) {
		pthread_join(t[i], &ret);
		if (i < 2 && ret == NULL)
			return 1;
		if (i == 4 && ret != PTHREAD_CANCELED)
			return 1;
	}
	if (thrd_join(c, &code) != thrd_success || code != 5)
		return 1;
	sem_wait(&detached_done);
	run_bare();
	run_notify();
	for (int i = 0; i < 1000; i++) {
		if (pthread_create(&t[0], NULL, brief, &attr))
			return 1;
		pthread_join(t[0], &ret);
		if (ret != &attr)
			return 1;
	}
	say("main");
	return 0;
}
