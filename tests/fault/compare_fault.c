/* Every allocation of a comparison fails once, from its making to its rows: told as such, and nothing is left. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "tests/fault/each.h"
#include "tests/unit/compare_rig.h"

static struct profile runs[2];
static struct compare_options options;

static void fill(struct profile *p, int candidate)
{
	uint32_t load, score;
	char path[160];
	int i;

	assert_int_equal(profile_init(p), 0);
	p->run.memory = made_text(p, "full");
	p->run.duration_ns = 1000000 + candidate;
	made_thread(p, "main", 1);
	load = made_stage(p, "load", PROFILE_NONE, 1000);
	score = made_stage(p, "score", load, 500);
	p->stages[load].items = 10 + candidate;
	for (i = 0; i < 40; i++) {
		snprintf(path, sizeof path, "main@/bin/%s:x.c:%d;f%d.isra.0@/lib/y-1.%d.so:y.c:%d",
			 candidate ? "new" : "old", i % 7, i, candidate, i);
		made_sample(p, PROFILE_CPU, i % 3 ? load : score, 0, path, 10,
			    (i + 1) * 1000 * (candidate + 1));
	}
	snprintf(path, sizeof path, "main@/bin/%s;%s@/bin/%s", candidate ? "new" : "old",
		 candidate ? "young" : "gone", candidate ? "new" : "old");
	made_sample(p, PROFILE_CPU, PROFILE_NONE, 0, path, 10, 90000);
	made_sample(p, PROFILE_CPU, PROFILE_NONE, 0, "[truncated];x", 10, candidate ? 90000 : 9);
}

static int once(void)
{
	struct compare *c = NULL;
	struct err err = ERR_INIT;
	int rc = compare_new(&c, &options, &err);

	if (rc == 0)
		rc = compare_add_run(c, 0, &runs[0], &err);
	if (rc == 0)
		rc = compare_add_run(c, 1, &runs[1], &err);
	if (rc == 0)
		rc = compare_finish(c, &err);
	compare_free(c);
	if (rc) {
		assert_int_equal(rc, ERR_NOMEM);
		assert_int_equal(err.code, ERR_NOMEM);
	}
	return rc;
}

static void no_memory(void **state)
{
	static const struct compare_options all[] = {
		{.kind = PROFILE_CPU},
		{.kind = PROFILE_CPU, .by = COMPARE_BY_LINE, .norm = COMPARE_ITEMS},
		{.kind = PROFILE_CPU,
		 .by = COMPARE_BY_MODULE,
		 .norm = COMPARE_TOTAL,
		 .thread = "main"},
		{.kind = PROFILE_CPU, .by = COMPARE_BY_STAGE, .norm = COMPARE_STAGE},
		{.kind = PROFILE_CPU,
		 .by = COMPARE_BY_STACK,
		 .norm = COMPARE_DURATION,
		 .stage = "load"},
	};
	size_t i;

	(void)state;
	fill(&runs[0], 0);
	fill(&runs[1], 1);
	for (i = 0; i < sizeof all / sizeof all[0]; i++) {
		options = all[i];
		assert_true(fault_each(once, 0) > 40);
	}
	profile_release(&runs[0]);
	profile_release(&runs[1]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(no_memory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
