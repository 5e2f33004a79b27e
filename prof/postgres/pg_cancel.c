/* Asking a server to cancel. PQcancel() makes a connection of its own and waits until the server has closed it,
 * which a server that is stopped never does. So a thread asks, and is left behind when it takes too long: it
 * owns what it works on, and ends when the server or the network does. */
#include "prof/postgres/pg_int.h"

#ifdef HAVE_LIBPQ

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <time.h>

#define ASKING_MAX 8 /* threads left behind at once */
#define STACK      (256u << 10)

struct asking {
	PGcancel *cancel; /* owned */
	pthread_mutex_t lock;
	pthread_cond_t over;
	int left; /* by one of the two; the other frees it */
};

static atomic_int n_asking;

/* 1: the other one has left before. */
static int leave(struct asking *a)
{
	int last;

	pthread_mutex_lock(&a->lock);
	last = a->left++;
	pthread_cond_signal(&a->over);
	pthread_mutex_unlock(&a->lock);
	return last;
}

static void release(struct asking *a)
{
	PQfreeCancel(a->cancel);
	pthread_cond_destroy(&a->over);
	pthread_mutex_destroy(&a->lock);
	free(a);
}

static void *ask(void *ctx)
{
	struct asking *a = ctx;
	char why[256];

	PQcancel(a->cancel, why, sizeof why); /* a refusal shows: the statement goes on */
	atomic_fetch_sub(&n_asking, 1);
	if (leave(a))
		release(a);
	return NULL;
}

static struct asking *asking_new(struct pg *pg)
{
	struct asking *a = calloc(1, sizeof *a);
	pthread_condattr_t attr;

	if (!a)
		return NULL;
	a->cancel = PQgetCancel(pg->conn);
	pthread_mutex_init(&a->lock, NULL);
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&a->over, &attr);
	pthread_condattr_destroy(&attr);
	if (a->cancel)
		return a;
	release(a);
	return NULL;
}

/* Signals are the other threads' business. 0: it works. */
static int start(struct asking *a)
{
	pthread_attr_t attr;
	pthread_t thread;
	sigset_t all, before;
	int rc = pthread_attr_init(&attr);

	if (rc)
		return rc;
	pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
	pthread_attr_setstacksize(&attr, STACK);
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	rc = pthread_create(&thread, &attr, ask, a);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	pthread_attr_destroy(&attr);
	return rc;
}

static void wait_for(struct asking *a, int ms)
{
	struct timespec until;
	int rc = 0;

	clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_sec += ms / 1000;
	until.tv_nsec += ms % 1000 * 1000000L;
	if (until.tv_nsec >= 1000000000L) {
		until.tv_sec++;
		until.tv_nsec -= 1000000000L;
	}
	pthread_mutex_lock(&a->lock);
	while (!a->left && rc == 0)
		rc = pthread_cond_timedwait(&a->over, &a->lock, &until);
	pthread_mutex_unlock(&a->lock);
}

/* Not asked: the server notices by itself that nobody is there any more. */
void pg_ask_to_cancel(struct pg *pg, int ms)
{
	struct asking *a = NULL;

	if (atomic_fetch_add(&n_asking, 1) < ASKING_MAX)
		a = asking_new(pg);
	if (!a || start(a) != 0) {
		atomic_fetch_sub(&n_asking, 1);
		if (a)
			release(a);
		return;
	}
	wait_for(a, ms);
	if (leave(a))
		release(a);
}

#endif
