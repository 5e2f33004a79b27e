/* Time in the kernel: phases of small writes to /dev/null and reads of /dev/zero, and of pure computing.
 * Answer: the sum of CPU time is getrusage's user + system (printed at the end as "cpu_ns N"); `in_kernel` has
 * about the share that its printed time has.
 * build: -O2 */
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "samples/programs/spin.h"

static int64_t cpu_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return t.tv_sec * INT64_C(1000000000) + t.tv_nsec;
}

static __attribute__((noinline)) void in_kernel(int zero, int null)
{
	static char block[65536];
	int i;

	for (i = 0; i < 20000; i++)
		if (read(zero, block, sizeof(block)) < 0 || write(null, block, 1) < 0)
			return;
}

static __attribute__((noinline)) void computing(void)
{
	spin_sink = spin_body(500 * SPIN_UNIT, spin_sink);
}

int main(int argc, char **argv)
{
	int i, rounds = (int)(4 * spin_scale(argc, argv));
	int zero = open("/dev/zero", O_RDONLY), null = open("/dev/null", O_WRONLY);
	int64_t kernel = 0;
	struct rusage r;

	for (i = 0; i < rounds; i++) {
		int64_t start = cpu_ns();

		in_kernel(zero, null);
		kernel += cpu_ns() - start;
		computing();
	}
	getrusage(RUSAGE_SELF, &r);
	printf("cpu_ns %" PRId64 " in_kernel_ns %" PRId64 "\n",
	       (r.ru_utime.tv_sec + r.ru_stime.tv_sec) * INT64_C(1000000000) +
		       (r.ru_utime.tv_usec + r.ru_stime.tv_usec) * INT64_C(1000),
	       kernel);
	return 0;
}
