/* Every allocation of memory over time fails once: the recording goes on, nothing leaks, and what is not known is
 * not told as something else. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "prof/base/clock.h"
#include "tests/fault/each.h"
#include "tests/unit/record_rig.h"

static struct record_rig rig;

/* The same recording is polled again and again: what failed is tried again. */
static int poll_twice(void)
{
	for (int i = 0; i < 2; i++) {
		rig.r.timeline.point_ns = 0;
		timeline_poll(&rig.r);
	}
	return 0;
}

static int starts_anew(void)
{
	int rc;

	timeline_release(&rig.r);
	memset(&rig.r.timeline, 0, sizeof rig.r.timeline);
	timeline_forget(&rig.r, rig.r.images[0]);
	rig.r.batch.n_counters = 0;
	rc = poll_twice();
	if (rig.r.images[0]->memory) {
		int64_t peak = timeline_peak_rss(rig.r.images[0], 0, clock_mono_ns());

		assert_true(peak > 0);
	} else {
		assert_int_equal(timeline_peak_rss(rig.r.images[0], 0, clock_mono_ns()), -1);
	}
	timeline_end(&rig.r);
	for (uint32_t i = 0; i < rig.r.batch.n_counters; i++)
		assert_true(rig.r.batch.counters[i].value >= 0);
	return rc;
}

static void polls_survive_failing_allocations(void **state)
{
	struct err err = ERR_INIT;

	(void)state;
	record_rig_make(&rig, "timeline.sqlite");
	rig.spool.head->start_ticks = 0; /* it is this process, whenever it began */
	rig_thread(&rig, 77, 10, "main");
	rig_round(&rig);
	assert_true(fault_each(starts_anew, 1) > 1);
	assert_int_equal(recording_flush(&rig.r, 1, &err), 0);
	record_rig_drop(&rig);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(polls_survive_failing_allocations),
	};

	return cmocka_run_group_tests(tests, scratch_make, scratch_remove);
}
