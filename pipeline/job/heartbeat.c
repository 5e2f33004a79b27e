/* Keeps a job's lease alive: see heartbeat.h. */
#include "pipeline/job/heartbeat.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "pipeline/core/cancel.h"
#include "pipeline/source/source.h"
#include "prof/base/log.h"

struct heartbeat {
	pthread_t thread;
	pthread_mutex_t lock; /* guards stop */
	pthread_cond_t wake;
	int stop;
	atomic_int cancelled;
	atomic_int lost;
	int interval_s, look_s;
	char *url; /* owned */
	struct source_claim claim;
	struct source *source; /* of the thread, open between two beats; NULL: not */
	int failing;           /* the last beat failed; told once */
};

static void stop_run(struct heartbeat *h, atomic_int *why, const struct err *err)
{
	if (atomic_exchange(why, 1))
		return;
	log_warn("%s: stopping", err->text);
	if (!cancel_requested())
		cancel_request(SIGTERM);
	h->failing = 0;
}

static void say_trouble(struct heartbeat *h, int rc, const struct err *err)
{
	if (rc && !h->failing)
		log_warn("the job's lease could not be extended, the job goes on: %s", err->text);
	else if (!rc && h->failing)
		log_info("the job's lease is extended again");
	h->failing = rc != 0;
}

/* A signal of life, or only a look whether the job is still ours. */
static void beat(struct heartbeat *h, int extend)
{
	struct err err = ERR_INIT;
	int rc = h->source ? 0 : source_open(&h->source, h->url, SOURCE_WRITE, &err);

	if (!rc)
		rc = extend ? source_extend_lease(h->source, &h->claim, &err)
			    : source_check_job(h->source, &h->claim, &err);
	if (rc == ERR_CANCELLED && h->source) {
		stop_run(h, &h->cancelled, &err);
	} else if (h->source && (rc == ERR_EXISTS || rc == ERR_NOTFOUND)) {
		stop_run(h, &h->lost, &err);
	} else {
		say_trouble(h, rc, &err);
		if (rc) {
			source_close(h->source);
			h->source = NULL;
		}
	}
}

/* Looks each look_s, extends the lease each interval_s. */
static void *loop(void *ctx)
{
	struct heartbeat *h = ctx;
	struct timespec until, next;

	clock_gettime(CLOCK_MONOTONIC, &next);
	until = next;
	next.tv_sec += h->interval_s;
	pthread_mutex_lock(&h->lock);
	while (!h->stop) {
		int extend;

		until.tv_sec += h->look_s;
		while (!h->stop && pthread_cond_timedwait(&h->wake, &h->lock, &until) == 0)
			;
		if (h->stop)
			break;
		pthread_mutex_unlock(&h->lock);
		clock_gettime(CLOCK_MONOTONIC, &until);
		extend = until.tv_sec >= next.tv_sec;
		if (extend)
			next.tv_sec = until.tv_sec + h->interval_s;
		beat(h, extend);
		clock_gettime(CLOCK_MONOTONIC, &until);
		pthread_mutex_lock(&h->lock);
	}
	pthread_mutex_unlock(&h->lock);
	source_close(h->source);
	return NULL;
}

struct heartbeat *heartbeat_start(const char *source_url, const struct source_claim *claim,
				  int interval_s, int look_s)
{
	struct heartbeat *h = calloc(1, sizeof *h);
	pthread_condattr_t attr;

	if (!h)
		return NULL;
	h->interval_s = interval_s > 0 ? interval_s : 30;
	h->look_s = look_s > 0 && look_s < h->interval_s ? look_s : h->interval_s;
	h->url = strdup(source_url);
	h->claim = *claim;
	pthread_mutex_init(&h->lock, NULL);
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&h->wake, &attr);
	pthread_condattr_destroy(&attr);
	if (!h->url || pthread_create(&h->thread, NULL, loop, h) != 0) {
		log_warn("the job's lease will not be extended: no thread could be made");
		free(h->url);
		free(h);
		return NULL;
	}
	return h;
}

int heartbeat_cancelled(const struct heartbeat *h)
{
	return h && atomic_load(&h->cancelled);
}

int heartbeat_lost(const struct heartbeat *h)
{
	return h && atomic_load(&h->lost);
}

void heartbeat_stop(struct heartbeat *h)
{
	if (!h)
		return;
	pthread_mutex_lock(&h->lock);
	h->stop = 1;
	pthread_cond_signal(&h->wake);
	pthread_mutex_unlock(&h->lock);
	pthread_join(h->thread, NULL);
	pthread_mutex_destroy(&h->lock);
	pthread_cond_destroy(&h->wake);
	free(h->url);
	free(h);
}
