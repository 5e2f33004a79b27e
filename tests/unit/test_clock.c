/* Clocks: they run, forward, at the pace of each other. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <math.h>
#include <time.h>

#include "prof/base/clock.h"

static void spin_until_cpu(int64_t ns)
{
	int64_t start = clock_thread_cpu_ns();

	while (clock_thread_cpu_ns() - start < ns)
		;
}

static void time_never_goes_back(void **state)
{
	int64_t last = clock_mono_ns();

	(void)state;
	for (int i = 0; i < 100000; i++) {
		int64_t now = clock_mono_ns();

		assert_true(now >= last);
		last = now;
	}
}

static void stamps_are_unix_time(void **state)
{
	int64_t before = (int64_t)time(NULL) - 1, now = clock_real_ns() / 1000000000;

	(void)state;
	assert_in_range(now, before, (int64_t)time(NULL) + 1);
}

static void work_costs_cpu_and_sleep_does_not(void **state)
{
	int64_t mono = clock_mono_ns(), process = clock_process_cpu_ns();
	int64_t thread = clock_thread_cpu_ns(), idle;
	struct timespec nap = {.tv_nsec = 30000000};

	(void)state;
	spin_until_cpu(5000000);
	assert_true(clock_thread_cpu_ns() - thread >= 5000000);
	assert_true(clock_process_cpu_ns() - process >= 5000000);
	assert_true(clock_mono_ns() - mono >= 5000000);
	idle = clock_thread_cpu_ns();
	mono = clock_mono_ns();
	nanosleep(&nap, NULL);
	assert_true(clock_mono_ns() - mono >= 30000000);
	assert_true(clock_thread_cpu_ns() - idle < 30000000);
}

static void elapsed_seconds_have_three_decimals(void **state)
{
	double s = clock_elapsed_s(clock_mono_ns() - 1234567890);

	(void)state;
	assert_true(s >= 1.234 && s < 60);
	assert_true(fabs(s * 1000 - round(s * 1000)) < 1e-6);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(time_never_goes_back),
		cmocka_unit_test(stamps_are_unix_time),
		cmocka_unit_test(work_costs_cpu_and_sleep_does_not),
		cmocka_unit_test(elapsed_seconds_have_three_decimals),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
