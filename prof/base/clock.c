/* Clocks as int64 nanoseconds: see clock.h. */
#include "prof/base/clock.h"

#include <time.h>

static int64_t read_clock(clockid_t id)
{
	struct timespec ts = {0};

	(void)clock_gettime(id, &ts); /* cannot fail for these clocks on Linux */
	return (int64_t)ts.tv_sec * 1000000000 + ts.tv_nsec;
}

int64_t clock_mono_ns(void)
{
	return read_clock(CLOCK_MONOTONIC);
}

int64_t clock_real_ns(void)
{
	return read_clock(CLOCK_REALTIME);
}

int64_t clock_process_cpu_ns(void)
{
	return read_clock(CLOCK_PROCESS_CPUTIME_ID);
}

int64_t clock_thread_cpu_ns(void)
{
	return read_clock(CLOCK_THREAD_CPUTIME_ID);
}

double clock_elapsed_s(int64_t start_ns)
{
	int64_t ms = (clock_mono_ns() - start_ns + 500000) / 1000000;

	return (double)ms / 1000.0;
}
