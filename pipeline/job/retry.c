/* Trying again: see retry.h. */
#include "pipeline/job/retry.h"

#include <time.h>
#include <unistd.h>

#include "pipeline/core/cancel.h"
#include "prof/base/clock.h"

#define SECOND         INT64_C(1000000000)
#define SLICE_MS       100
#define FIRST_PAUSE_MS 250
#define LAST_PAUSE_MS  5000
#define STOPPED_S      10 /* what a stop signal leaves; the worker's grace is 30 s */
#define BUSY_TRIES     4  /* a bundle that others keep busy for several minutes */

void retry_begin(struct retry *r, int patience_s)
{
	*r = (struct retry){.until_ns = clock_mono_ns() + patience_s * SECOND};
}

void retry_pause(int ms)
{
	int stopped = cancel_requested();

	for (; ms > 0 && cancel_requested() == stopped; ms -= SLICE_MS) {
		int now = ms < SLICE_MS ? ms : SLICE_MS;
		struct timespec t = {.tv_nsec = now * 1000000L};

		nanosleep(&t, NULL);
	}
}

/* Workers that were cut off together do not come back together. */
static int pause_of(int tries)
{
	int ms = FIRST_PAUSE_MS;

	while (tries-- > 0 && ms < LAST_PAUSE_MS)
		ms *= 2;
	if (ms > LAST_PAUSE_MS)
		ms = LAST_PAUSE_MS;
	return ms - ms / 4 + (int)(getpid() % 64) * (ms / 128);
}

int retry_anyway(struct retry *r)
{
	int64_t now = clock_mono_ns(), left;
	int pause = pause_of(r->tries++);

	if (cancel_requested() && !r->stopping) {
		r->stopping = 1;
		if (r->until_ns > now + STOPPED_S * SECOND)
			r->until_ns = now + STOPPED_S * SECOND;
	}
	left = (r->until_ns - now) / 1000000;
	if (left <= 0)
		return 0;
	retry_pause(left < pause ? (int)left : pause);
	return 1;
}

int retry_again(struct retry *r, const struct err *why)
{
	if (!source_is_passing(why) &&
	    (why->code != ERR_DATABASE || why->sys < 0 || r->tries + 1 >= BUSY_TRIES))
		return 0;
	return retry_anyway(r);
}

int retry_open(struct source **out, const char *url, unsigned flags, int patience_s,
	       struct err *err)
{
	struct retry t;
	int rc;

	retry_begin(&t, patience_s);
	do {
		rc = source_open(out, url, flags, err);
	} while (rc && source_is_passing(err) && retry_again(&t, err));
	return rc;
}
