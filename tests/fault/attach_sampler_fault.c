/* Every allocation of a sampler fails once, with either engine: what cannot be kept is left out or counted, rounds go on or
 * say no memory, nothing leaks, and the process goes on. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "tests/fault/each.h"
#include "tests/unit/sampler_rig.h"

static struct live_child child;
static struct sampler_options options;

static void *sleeps(void *arg)
{
	prctl(PR_SET_NAME, "sleeps");
	for (;;)
		pause();
	return arg;
}

static int works_and_sleeps(int ready, int go, void *arg)
{
	pthread_t t;

	(void)go, (void)arg;
	for (int i = 0; i < 3; i++)
		if (pthread_create(&t, NULL, sleeps, NULL))
			return 1;
	live_ready(ready);
	rig_nine_and_one();
	return 0;
}

static int one_recording(void)
{
	struct err err = ERR_INIT;
	int rc = sampler_new(&rig.s, &options, &err);

	if (rc) {
		assert_null(rig.s);
		return rc;
	}
	rc = sampler_add(rig.s, child.pid, &err);
	if (rc)
		assert_true(rc < 0 && err.text[0]);
	for (int i = 0; i < 4 && rc == 0; i++)
		rc = sampler_round(rig.s, 3, -1, rig_take, NULL);
	if (rc == 0)
		rc = sampler_finish(rig.s, rig_take, NULL);
	sampler_free(rig.s);
	rig.n = 0;
	assert_int_equal(rig.odd, 0);
	return rc;
}

static void survives(const struct sampler_options *o)
{
	struct err err = ERR_INIT;
	size_t failures;
	int rc;

	options = *o;
	options.wall = 1;
	options.children = 1;
	memset(&rig, 0, sizeof rig);
	assert_int_equal(live_start(&child, works_and_sleeps, NULL), 0);
	assert_int_equal(sampler_new(&rig.s, &options, &err), 0);
	rc = sampler_add(rig.s, child.pid, &err);
	sampler_free(rig.s);
	if (rc == ERR_DENIED || rc == ERR_UNSUPPORTED) {
		print_message("%s\n", err.text);
		live_end(&child);
		skip();
	}
	failures = fault_each(one_recording, 1);
	print_message("%zu allocations\n", failures);
	assert_true(failures > 20);
	assert_int_equal(kill(child.pid, 0), 0);
	live_end(&child);
}

static void polling_survives_failing_allocations(void **state)
{
	(void)state;
	survives(&rig_poll);
}

static void perf_survives_failing_allocations(void **state)
{
	(void)state;
	survives(&rig_perf);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(polling_survives_failing_allocations),
		cmocka_unit_test(perf_survives_failing_allocations),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
