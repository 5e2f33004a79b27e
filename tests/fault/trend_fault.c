/* Every allocation of lines, batches and changes of level fails once. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "prof/analyze/batch.h"
#include "prof/analyze/change_point.h"
#include "tests/fault/each.h"
#include "tests/unit/made_profile.h"

static struct profile profile;

static int make(void **state)
{
	int i;

	(void)state;
	if (profile_init(&profile))
		return -1;
	made_thread(&profile, "main", 1);
	for (i = 0; i < 40; i++) {
		char name[16];
		uint32_t s;

		snprintf(name, sizeof name, "stage %d", i % 5);
		s = made_stage(&profile, name, PROFILE_NONE, 1000 + 10 * i);
		profile.stages[s].items = 1 + i / 5;
		profile.stages[s].peak_rss_bytes = 1000 * (2 + i / 5);
		profile.stages[s].start_ns = 1000 * i;
		profile.stages[s].params = made_text(&profile, "{\"n\": 5}");
	}
	for (i = 0; i < 10; i++) {
		profile.counters =
			made_grow(profile.counters, profile.n_counters, sizeof *profile.counters);
		profile.counters[profile.n_counters++] = (struct profile_counter){
			1000 * i, made_text(&profile, "rss_shared_bytes"), 500};
	}
	return 0;
}

static int drop(void **state)
{
	(void)state;
	profile_release(&profile);
	return 0;
}

static int plan_once(void)
{
	const struct batch_given given = {(double)NAN, (double)NAN, (double)NAN};
	struct batch_data d = {0};
	struct batch_model m;
	int rc = batch_add_run(&d, &profile, NULL, BATCH_RSS, NULL);

	if (rc == 0)
		rc = batch_fit(&m, &d.stages[1], &given, NULL);
	if (rc == 0)
		assert_int_equal(m.reason, BATCH_FITTED);
	batch_data_release(&d);
	return rc;
}

static void plans(void **state)
{
	(void)state;
	assert_true(fault_each(plan_once, 0) > 10);
}

static int changes_once(void)
{
	const struct change_rule rule = {.relative = 0.02, .alpha = 0.01};
	struct change_work *w = change_work_new();
	struct change_series s = {0}, *all[] = {&s};
	double x[40];
	int i, rc = w ? 0 : ERR_NOMEM;

	for (i = 0; i < 40; i++)
		x[i] = (i < 20 ? 100 : 150) + i % 7;
	if (rc == 0)
		rc = change_find(&s, x, NULL, 40, &rule, w, NULL);
	if (rc == 0)
		rc = change_judge(all, 1, 0.05);
	if (rc == 0)
		assert_int_equal(s.n, 1);
	change_release(&s);
	change_work_free(w);
	return rc;
}

static void changes(void **state)
{
	(void)state;
	assert_true(fault_each(changes_once, 0) > 3);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(plans),
		cmocka_unit_test(changes),
	};

	return cmocka_run_group_tests(tests, make, drop);
}
