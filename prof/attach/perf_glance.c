/* One sample of each running thread, by an event of its own that stops after its first tick. The thread is interrupted
 * for microseconds, as by any timer of the kernel's, and never stopped. Leaves unwinding to the caller. */
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "prof/attach/perf.h"
#include "prof/attach/perf_attr.h"
#include "prof/attach/perf_records.h"
#include "prof/attach/perf_ring.h"
#include "prof/attach/perf_source.h"
#include "prof/base/clock.h"

#define BATCH 16u /* rings at a time: 1 MiB of locked memory, what an unprivileged user has */
#define PERIOD_NS                                                                                  \
	20000 /* the first tick comes after so much CPU time; the kernel's least is 10,000 */

struct glance {
	struct perf_wish wish;
	const struct perf_handler *each;
	struct perf_ring rings[BATCH];
	struct pollfd fds[BATCH]; /* fd -1: had its sample, or hung up */
	uint32_t n, left;
	uint8_t *scratch; /* owned */
};

static size_t ring_bytes(uint32_t stack_bytes)
{
	size_t bytes = 8192;

	while (bytes < stack_bytes + 1024u)
		bytes *= 2;
	return bytes;
}

/* 1: this thread has a ring; 0: it ended; negative: no event, or no room for another ring. */
static int watch(struct glance *g, int tid, struct err *err)
{
	size_t bytes = ring_bytes(g->wish.stack_bytes);
	struct perf_event_attr attr;
	int fd, rc;

	perf_attr_sampler(&attr, &g->wish);
	attr.mmap = attr.mmap2 = attr.comm = attr.comm_exec = attr.task = 0;
	attr.watermark = 0;
	attr.wakeup_events = 1;
	fd = perf_open_event(&attr, tid, -1);
	if (fd < 0 && errno == ESRCH)
		return 0;
	if (fd < 0)
		return perf_open_failed(err, tid);
	rc = perf_ring_map(&g->rings[g->n], fd, bytes, bytes, err);
	if (rc)
		return rc;
	g->fds[g->n] = (struct pollfd){.fd = fd, .events = POLLIN};
	g->n++;
	g->left++;
	return 1;
}

static int hand_out(struct glance *g, uint32_t i)
{
	struct perf_ring *ring = &g->rings[i];
	struct perf_record r;
	const uint8_t *bytes;
	size_t size;
	int bad, rc = 0;
	struct perf_sample s;

	if (perf_ring_look(ring))
		return 0;
	while (rc == 0 && g->fds[i].fd >= 0 &&
	       (bytes = perf_ring_peek(ring, g->scratch, &size, &bad))) {
		if (perf_record_decode(&r, bytes, size, 0) == 0 && r.kind == PERF_IS_SAMPLE) {
			s = perf_sample_of(&r);
			rc = g->each->sample(g->each->ctx, &s);
			g->fds[i].fd = -1;
			g->left--;
		}
		perf_ring_take(ring, size);
	}
	return rc;
}

static void hung_up(struct glance *g, uint32_t i)
{
	if (g->fds[i].fd < 0)
		return;
	g->fds[i].fd = -1; /* it ended */
	g->left--;
}

static int wait_for(struct glance *g, int64_t until)
{
	int64_t left;
	uint32_t i;
	int rc = 0, n;

	for (i = 0; i < g->n; i++)
		(void)ioctl(g->rings[i].fd, PERF_EVENT_IOC_REFRESH, 1);
	while (g->left > 0 && rc == 0 && (left = until - clock_mono_ns()) > 0) {
		n = poll(g->fds, g->n, (int)(left / 1000000) + 1);
		for (i = 0; i < g->n && rc == 0 && n > 0; i++) {
			if (g->fds[i].fd >= 0 && g->fds[i].revents)
				rc = hand_out(g, i);
			if (g->fds[i].revents & (POLLHUP | POLLERR))
				hung_up(g, i);
		}
	}
	return rc;
}

static void end_batch(struct glance *g)
{
	while (g->n > 0)
		perf_ring_close(&g->rings[--g->n]);
	g->left = 0;
}

/* As many of the threads as get rings: how many were dealt with, in *done. */
static int batch(struct glance *g, const int *tids, uint32_t n, int64_t wait_ns, uint32_t *done,
		 struct err *err)
{
	int rc = 1;

	for (*done = 0; *done < n && g->n < BATCH; ++*done) {
		rc = watch(g, tids[*done], err);
		if (rc < 0)
			break;
	}
	if (rc < 0 && (rc != ERR_DENIED || g->n == 0)) {
		end_batch(g);
		return rc;
	}
	rc = g->n ? wait_for(g, clock_mono_ns() + wait_ns) : 0;
	end_batch(g);
	return rc;
}

int perf_glance(const int *tids, uint32_t n, int64_t wait_ns, uint32_t stack_bytes,
		const struct perf_handler *each, struct err *err)
{
	struct glance *g;
	uint32_t done;
	int rc;

	if (n == 0 || !each->sample)
		return 0;
	g = calloc(1, sizeof *g);
	if (!g || !(g->scratch = malloc(PERF_RECORD_MAX))) {
		free(g);
		return err_nomem(err, "perf events");
	}
	g->each = each;
	g->wish.period_ns = PERIOD_NS;
	g->wish.stack_bytes = stack_bytes > PERF_STACK_MAX ? PERF_STACK_MAX : stack_bytes;
	rc = perf_attr_probe(&g->wish.can, &g->wish, err);
	g->wish.can.value = 0;
	while (rc == 0 && n > 0) {
		rc = batch(g, tids, n, wait_ns, &done, err);
		tids += done;
		n -= done;
	}
	free(g->scratch);
	free(g);
	return rc;
}
