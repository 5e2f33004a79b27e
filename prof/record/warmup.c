/* Opening a perf event early: see warmup.h. */
#include "prof/record/warmup.h"

#include <linux/perf_event.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

static void *open_event(void *arg)
{
	struct warmup *w = arg;
	struct perf_event_attr attr;

	memset(&attr, 0, sizeof attr);
	attr.size = sizeof attr;
	attr.type = PERF_TYPE_SOFTWARE;
	attr.config = PERF_COUNT_SW_TASK_CLOCK;
	attr.exclude_kernel = 1;
	attr.exclude_hv = 1;
	attr.disabled = 1;
	w->fd = (int)syscall(SYS_perf_event_open, &attr, 0, -1, -1, PERF_FLAG_FD_CLOEXEC);
	return NULL;
}

void warmup_begin(struct warmup *w)
{
	sigset_t all, old;
	pthread_t thread;

	w->fd = -1;
	sigfillset(&all); /* signals are the main thread's */
	(void)pthread_sigmask(SIG_SETMASK, &all, &old);
	w->started = pthread_create(&thread, NULL, open_event, w) == 0;
	(void)pthread_sigmask(SIG_SETMASK, &old, NULL);
	w->thread = w->started ? thread : 0;
}

void warmup_end(struct warmup *w)
{
	if (!w->started)
		return;
	(void)pthread_join(w->thread, NULL);
	if (w->fd >= 0)
		(void)close(w->fd);
	w->started = 0;
}
