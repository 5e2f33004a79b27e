/* Every allocation on the way from a profile to the views of its memory fails once: told as such, and nothing is
 * left. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "prof/analyze/leaks.h"
#include "prof/analyze/memory.h"
#include "prof/analyze/snapdiff.h"
#include "prof/analyze/source.h"
#include "prof/analyze/trend.h"
#include "tests/fault/each.h"
#include "tests/unit/made_profile.h"

static struct profile profile;

static void add_snapshot(struct profile *p, int i)
{
	struct profile_snapshot *s;
	struct profile_snapshot_row *r;

	p->snapshots = made_grow(p->snapshots, p->n_snapshots, sizeof(*s));
	s = &p->snapshots[p->n_snapshots++];
	*s = (struct profile_snapshot){.id = i + 1,
				       .t_ns = i * INT64_C(1000000000),
				       .name = made_text(p, "auto"),
				       .first = p->n_snapshot_rows,
				       .n = 1};
	p->snapshot_rows = made_grow(p->snapshot_rows, p->n_snapshot_rows, sizeof(*r));
	r = &p->snapshot_rows[p->n_snapshot_rows++];
	*r = (struct profile_snapshot_row){1, 1, 10000 * (int64_t)i};
}

static void fill(struct profile *p)
{
	char path[128];
	int i;

	assert_int_equal(profile_init(p), 0);
	p->run.memory = made_text(p, "full");
	made_thread(p, "main", 1);
	for (i = 0; i < 400; i++) {
		snprintf(path, sizeof(path), "main@/bin/x:x.c:%d;f%d@/bin/x:x.c:%d", i % 7, i, i);
		made_sample(p, i % 2 ? PROFILE_ALLOC : PROFILE_LEAK, PROFILE_NONE, 0, path, 1, i);
	}
	for (i = 0; i < 2 * TREND_POINTS_MIN; i++)
		add_snapshot(p, i);
}

static int told(int rc, const struct err *err)
{
	if (rc) {
		assert_int_equal(rc, ERR_NOMEM);
		assert_int_equal(err->code, ERR_NOMEM);
	}
	return rc;
}

static int memory(void)
{
	struct err err = ERR_INIT;
	struct memory_list l;
	int rc = memory_list_make(&l, &profile, HOT_FUNCTION, NULL, MEMORY_BY_LEAK, &err);

	if (rc == 0)
		memory_list_release(&l);
	return told(rc, &err);
}

static int leaks(void)
{
	static const char text[] = "leak:f1$  known\nleak:f2$\n";
	struct sample_filter filter = {.kind = PROFILE_LEAK};
	struct growth_list growth = {0};
	struct leak_list list = {0};
	struct suppress rules = {0};
	struct err err = ERR_INIT;
	int rc = suppress_add_text(&rules, text, sizeof(text) - 1, "f", &err);

	if (rc == 0)
		rc = suppress_add_builtin(&rules, &err);
	if (rc == 0)
		rc = leak_list_make(&list, &profile, &filter, &rules, &err);
	if (rc == 0)
		rc = growth_list_make(&growth, &profile, &rules, &err);
	growth_list_release(&growth);
	leak_list_release(&list);
	suppress_release(&rules);
	return told(rc, &err);
}

static int snapshots(void)
{
	struct err err = ERR_INIT;
	struct snapdiff d = {0};
	int rc = snapdiff_make(&d, &profile, 0, 3, &err);

	snapdiff_release(&d);
	return told(rc, &err);
}

static int source(void)
{
	struct err err = ERR_INIT;
	struct source_view v;
	int rc = source_view_make(&v, &profile, "x.c", NULL, &err);

	if (rc == 0)
		source_view_release(&v);
	return told(rc, &err);
}

static int source_of_all(void)
{
	struct err err = ERR_INIT;
	struct source_files v;
	int rc = source_files_make(&v, &profile, NULL, &err);

	if (rc == 0)
		source_files_release(&v);
	return told(rc, &err);
}

static void views_say_when_there_is_no_memory(void **state)
{
	(void)state;
	fill(&profile);
	assert_true(fault_each(memory, 0) > 10);
	assert_true(fault_each(leaks, 0) > 10);
	assert_true(fault_each(snapshots, 0) > 0);
	assert_true(fault_each(source, 0) > 5);
	assert_true(fault_each(source_of_all, 0) > 5);
	profile_release(&profile);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(views_say_when_there_is_no_memory)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
