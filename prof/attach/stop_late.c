/* See stop_late.h. */
#include "prof/attach/stop_late.h"

#include <sys/wait.h>

#include "prof/attach/stop_hold.h"
#include "prof/base/clock.h"

#define HOPELESS_NS INT64_C(1000000000)
#define REST_NS     INT64_C(10000)
#define REST_NS_MAX INT64_C(1000000)
#define REST_SHARE  8 /* of what it took so far */

int late_add(struct stop_late *l, int pid, int tid, int64_t now_ns)
{
	if (l->n == LATE_MOST)
		return -1;
	l->of[l->n].pid = pid;
	l->of[l->n].tid = tid;
	l->of[l->n].since_ns = now_ns;
	l->n++;
	l->none_ns = l->progress_ns = now_ns;
	return 0;
}

int late_take(struct stop_late *l, int tid)
{
	for (uint32_t i = 0; i < l->n; i++) {
		if (l->of[i].tid != tid)
			continue;
		l->of[i] = l->of[--l->n];
		return 1;
	}
	return 0;
}

int late_is_process(const struct stop_late *l, int pid)
{
	for (uint32_t i = 0; i < l->n; i++)
		if (l->of[i].pid == pid)
			return 1;
	return 0;
}

static int is_process(const void *ctx, int pid)
{
	return late_is_process(ctx, pid);
}

void late_serve(struct stop_late *l, struct pauses *pauses)
{
	int64_t before;
	int status, tid;

	for (;;) {
		before = clock_mono_ns();
		tid = hold_next(&status, is_process, l);
		if (tid <= 0)
			break;
		(void)late_take(l, tid);
		if (WIFSTOPPED(status)) {
			(void)hold_let_go(tid, status, NULL, NULL);
			l->progress_ns = clock_mono_ns();
			pauses_add(pauses, l->progress_ns - l->none_ns);
		}
	}
	if (tid < 0)
		l->n = 0;
	l->over |= tid == HOLD_PROCESS;
	l->none_ns = before;
}

int late_is_hopeless(const struct stop_late *l)
{
	int64_t now = clock_mono_ns();

	for (uint32_t i = 0; i < l->n; i++)
		if (now - l->of[i].since_ns > HOPELESS_NS)
			return 1;
	return 0;
}

int64_t late_rest_ns(const struct stop_late *l)
{
	int64_t rest = (clock_mono_ns() - l->progress_ns) / REST_SHARE;

	return rest < REST_NS ? REST_NS : rest > REST_NS_MAX ? REST_NS_MAX : rest;
}
