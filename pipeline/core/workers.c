/* Threads for independent items: see workers.h. The caller is worker 0; threads that cannot be made
 * are done without, since results never depend on their number. */
#include "pipeline/core/workers.h"

#include "pipeline/core/cancel.h"
#include "protea-prof.h"

#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <unistd.h>

struct run {
	workers_fn *fn;
	void *ctx;
	size_t n_items;
	atomic_size_t next;
	atomic_int stop;
	pp_token stage;       /* of the caller */
	pthread_mutex_t lock; /* guards the three below */
	int code;
	size_t failed_item; /* SIZE_MAX: a cancellation, which any item's failure outranks */
	struct err *err;    /* borrowed from the caller; may be NULL */
};

struct worker {
	struct run *run;
	size_t number;
	pthread_t thread;
};

static void note_failure(struct run *r, size_t item, int code, const struct err *err)
{
	pthread_mutex_lock(&r->lock);
	if (!r->code || item < r->failed_item) {
		r->code = code;
		r->failed_item = item;
		if (r->err)
			*r->err = *err;
	}
	pthread_mutex_unlock(&r->lock);
	atomic_store(&r->stop, 1);
}

static void work(struct run *r, size_t worker)
{
	while (!atomic_load_explicit(&r->stop, memory_order_relaxed)) {
		struct err err = ERR_INIT;
		size_t item = atomic_fetch_add(&r->next, 1);
		int rc;

		if (item >= r->n_items)
			return;
		rc = cancel_check(&err);
		if (rc != 0) {
			note_failure(r, SIZE_MAX, rc, &err);
			return;
		}
		rc = r->fn(r->ctx, worker, item, &err);
		if (rc < 0)
			note_failure(r, item, rc, &err);
	}
}

static void *thread_main(void *arg)
{
	struct worker *w = arg;

	pp_stage_adopt(w->run->stage);
	work(w->run, w->number);
	pp_stage_adopt_end();
	return NULL;
}

/* Starts up to `n` threads; returns how many run. Stop signals are left to the caller's thread, whose
 * blocked calls they interrupt; others (a profiler's) must still reach the threads. */
static size_t start_threads(struct run *r, struct worker *workers, size_t n)
{
	sigset_t stops, old;
	size_t i;

	sigemptyset(&stops);
	sigaddset(&stops, SIGTERM);
	sigaddset(&stops, SIGINT);
	sigaddset(&stops, SIGHUP);
	pthread_sigmask(SIG_BLOCK, &stops, &old);
	for (i = 0; i < n; i++) {
		workers[i].run = r;
		workers[i].number = i + 1;
		if (pthread_create(&workers[i].thread, NULL, thread_main, &workers[i]) != 0)
			break;
	}
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	return i;
}

int workers_run(size_t n_workers, size_t n_items, workers_fn *fn, void *ctx, struct err *err)
{
	struct run r = {.fn = fn, .ctx = ctx, .n_items = n_items, .err = err};
	struct worker *workers = NULL;
	size_t n_threads = 0, i;

	if (n_workers > n_items)
		n_workers = n_items;
	pthread_mutex_init(&r.lock, NULL);
	if (n_workers > 1) {
		r.stage = pp_stage_token();
		workers = calloc(n_workers - 1, sizeof *workers);
		if (workers)
			n_threads = start_threads(&r, workers, n_workers - 1);
	}
	work(&r, 0);
	for (i = 0; i < n_threads; i++)
		pthread_join(workers[i].thread, NULL);
	free(workers);
	pthread_mutex_destroy(&r.lock);
	return r.code;
}

size_t workers_cpu_count(void)
{
	cpu_set_t set;
	long n;

	if (sched_getaffinity(0, sizeof set, &set) == 0 && CPU_COUNT(&set) > 0)
		return (size_t)CPU_COUNT(&set);
	n = sysconf(_SC_NPROCESSORS_ONLN); /* machines beyond 1024 processors */
	return n > 0 ? (size_t)n : 1;
}
