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
	int interval_s;
	char *url;    /* owned */
	char *job_id; /* owned */
};

static void beat(struct heartbeat *h)
{
	struct source *s = NULL;
	struct err err = ERR_INIT;
	int rc = source_open(&s, h->url, SOURCE_WRITE, &err);

	if (!rc)
		rc = source_extend_lease(s, h->job_id, &err);
	if (rc == ERR_CANCELLED && !cancel_requested()) {
		log_warn("%s: stopping", err.text);
		atomic_store(&h->cancelled, 1);
		cancel_request(SIGTERM);
	} else if (rc) {
		log_warn("the job's lease could not be extended: %s", err.text);
	}
	source_close(s);
}

static void *loop(void *ctx)
{
	struct heartbeat *h = ctx;

	pthread_mutex_lock(&h->lock);
	while (!h->stop) {
		struct timespec until;

		clock_gettime(CLOCK_MONOTONIC, &until);
		until.tv_sec += h->interval_s;
		if (pthread_cond_timedwait(&h->wake, &h->lock, &until) == 0 || h->stop)
			continue;
		pthread_mutex_unlock(&h->lock);
		beat(h);
		pthread_mutex_lock(&h->lock);
	}
	pthread_mutex_unlock(&h->lock);
	return NULL;
}

struct heartbeat *heartbeat_start(const char *source_url, const char *job_id, int interval_s)
{
	struct heartbeat *h = calloc(1, sizeof *h);
	pthread_condattr_t attr;

	if (!h)
		return NULL;
	h->interval_s = interval_s > 0 ? interval_s : 30;
	h->url = strdup(source_url);
	h->job_id = strdup(job_id);
	pthread_mutex_init(&h->lock, NULL);
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&h->wake, &attr);
	pthread_condattr_destroy(&attr);
	if (!h->url || !h->job_id || pthread_create(&h->thread, NULL, loop, h) != 0) {
		log_warn("the job's lease will not be extended: no thread could be made");
		free(h->url);
		free(h->job_id);
		free(h);
		return NULL;
	}
	return h;
}

int heartbeat_cancelled(const struct heartbeat *h)
{
	return h && atomic_load(&h->cancelled);
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
	free(h->job_id);
	free(h);
}
