/* One thread behind its owner: see behind.h. Jobs lie in a ring of `most` places; a place is free when
 * its job is finished. */
#include "pipeline/core/behind.h"

#include <pthread.h>
#include <signal.h>
#include <stdlib.h>

#include "protea-prof.h"

struct handed {
	size_t job;
	pp_token stage;
};

struct behind {
	behind_fn *fn;
	void *ctx;
	size_t most;
	int threaded;
	pthread_t thread;
	pthread_mutex_t lock; /* guards all below */
	pthread_cond_t changed;
	size_t n_put, n_done;
	int ending;
	int code; /* of the job that failed */
	struct err err;
	struct handed ring[];
};

static void do_job(struct behind *b, struct handed h)
{
	struct err err = ERR_INIT;
	int code;

	if (b->threaded)
		pp_stage_adopt(h.stage);
	code = b->fn(b->ctx, h.job, &err);
	if (b->threaded)
		pp_stage_adopt_end();
	pthread_mutex_lock(&b->lock);
	b->n_done++;
	if (code < 0) {
		b->code = code;
		b->err = err;
	}
	pthread_cond_broadcast(&b->changed);
	pthread_mutex_unlock(&b->lock);
}

static void *thread_main(void *arg)
{
	struct behind *b = arg;

	pthread_mutex_lock(&b->lock);
	for (;;) {
		while (b->n_done == b->n_put && !b->ending)
			pthread_cond_wait(&b->changed, &b->lock);
		if (b->code || b->n_done == b->n_put)
			break;
		struct handed h = b->ring[b->n_done % b->most];

		pthread_mutex_unlock(&b->lock);
		do_job(b, h);
		pthread_mutex_lock(&b->lock);
	}
	pthread_mutex_unlock(&b->lock);
	return NULL;
}

/* Stop signals are left to the owner's thread, whose blocked calls they interrupt. */
static void start_thread(struct behind *b)
{
	sigset_t stops, old;

	sigemptyset(&stops);
	sigaddset(&stops, SIGTERM);
	sigaddset(&stops, SIGINT);
	sigaddset(&stops, SIGHUP);
	pthread_sigmask(SIG_BLOCK, &stops, &old);
	b->threaded = 1; /* before the thread looks */
	if (pthread_create(&b->thread, NULL, thread_main, b) != 0)
		b->threaded = 0;
	pthread_sigmask(SIG_SETMASK, &old, NULL);
}

struct behind *behind_start(behind_fn *fn, void *ctx, size_t most, struct err *err)
{
	struct behind *b;

	if (most < 1)
		most = 1;
	b = calloc(1, sizeof *b + most * sizeof b->ring[0]);
	if (!b) {
		(void)err_nomem(err, "a thread's jobs");
		return NULL;
	}
	b->fn = fn;
	b->ctx = ctx;
	b->most = most;
	pthread_mutex_init(&b->lock, NULL);
	pthread_cond_init(&b->changed, NULL);
	start_thread(b);
	return b;
}

/* With the lock held: the failure so far. */
static int failure(const struct behind *b, struct err *err)
{
	if (b->code && err)
		*err = b->err;
	return b->code;
}

int behind_put(struct behind *b, size_t job, struct err *err)
{
	struct handed h = {.job = job, .stage = pp_stage_token()};
	int rc;

	pthread_mutex_lock(&b->lock);
	while (!b->code && b->n_put - b->n_done == b->most)
		pthread_cond_wait(&b->changed, &b->lock);
	rc = failure(b, err);
	if (!rc) {
		b->ring[b->n_put % b->most] = h;
		b->n_put++;
		pthread_cond_broadcast(&b->changed);
	}
	pthread_mutex_unlock(&b->lock);
	if (rc || b->threaded)
		return rc;
	do_job(b, h);
	return failure(b, err);
}

int behind_finish(struct behind *b, struct err *err)
{
	int rc;

	if (!b)
		return 0;
	pthread_mutex_lock(&b->lock);
	b->ending = 1;
	pthread_cond_broadcast(&b->changed);
	pthread_mutex_unlock(&b->lock);
	if (b->threaded)
		pthread_join(b->thread, NULL);
	rc = failure(b, err);
	pthread_cond_destroy(&b->changed);
	pthread_mutex_destroy(&b->lock);
	free(b);
	return rc;
}
