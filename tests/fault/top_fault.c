/* Every allocation of top's model, rows and pages fails once. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "prof/base/err.h"
#include "prof/cli/top_layout.h"
#include "prof/cli/top_raw.h"
#include "prof/cli/top_view.h"
#include "tests/fault/each.h"
#include "tests/unit/top_feed_made.h"

static int add_many(struct top_model *m)
{
	char path[64];
	int i;

	top_model_begin(m);
	for (i = 0; i < 150; i++) {
		snprintf(path, sizeof(path), "main;a%d;b%d@%d", i % 7, i, i);
		if (made_add(m, TOP_CPU, path, 1e6 * i + 1e6))
			return -1;
	}
	return top_model_thread(m) ? top_model_close(m, 1000000000) : -1;
}

static int look(struct top_model *m)
{
	struct top_status s = {.engine = "perf", .name = "prog"};
	struct top_view v;
	struct top_page p;
	int rc = 0, tab;

	top_view_init(&v);
	top_page_init(&p);
	for (tab = 0; !rc && tab < TOP_TABS; tab++) {
		v.tab = (enum top_tab)tab;
		rc = top_rows_build(&v, m);
		top_page_begin(&p, 100, 1);
		if (!rc)
			top_layout_screen(&p, &s, m, &v, 40);
		rc = rc ? rc : p.failed;
	}
	top_view_release(&v);
	top_page_release(&p);
	return rc;
}

static int show;

static int once(void)
{
	struct strtab *strings = strtab_new();
	struct top_model m;
	int rc = strings ? top_model_init(&m, strings) : ERR_NOMEM;

	if (rc) {
		strtab_free(strings);
		return rc;
	}
	m.max_functions = m.max_lines = m.max_nodes = 100;
	rc = add_many(&m);
	if (!rc && show)
		rc = look(&m);
	if (!rc)
		rc = top_model_reset(&m);
	if (!rc)
		rc = add_many(&m);
	top_model_release(&m);
	strtab_free(strings);
	return rc;
}

static void models(void **state)
{
	(void)state;
	show = 0;
	assert_in_range(fault_each(once, 0), 50, 100000);
}

/* A width that cannot be told makes a page that is laid out worse. */
static void pages(void **state)
{
	(void)state;
	show = 1;
	assert_in_range(fault_each(once, 1), 100, 100000);
}

static int filter_once(void)
{
	struct strtab *strings = strtab_new();
	struct top_model m;
	struct top_view v;
	int rc = strings ? top_model_init(&m, strings) : ERR_NOMEM;

	if (rc) {
		strtab_free(strings);
		return rc;
	}
	top_view_init(&v);
	v.tab = TOP_TAB_TREE;
	rc = add_many(&m);
	if (!rc)
		rc = top_view_filter(&v, "b1");
	if (!rc)
		rc = top_rows_build(&v, &m);
	top_view_release(&v);
	top_model_release(&m);
	strtab_free(strings);
	return rc;
}

static void filtered_trees(void **state)
{
	(void)state;
	assert_in_range(fault_each(filter_once, 0), 20, 100000);
}

static int raw_once(void)
{
	static const uint32_t none[2], labels[2] = {5, 6};
	struct attach_frame frames[40];
	struct top_raw r = {0};
	uint32_t i;
	int rc = 0;

	for (i = 0; i < 40; i++)
		frames[i] = (struct attach_frame){i % 3, 4096 + i};
	for (i = 0; !rc && i < 200; i++) {
		frames[0].rel_addr = 8192 + i % 100;
		if (top_raw_add(&r, frames, 40, i & 1 ? labels : none, TOP_CPU, 1e6, 1) == TOP_NONE)
			rc = ERR_NOMEM;
	}
	for (i = 0; !rc && i < r.n_frames; i++)
		rc = top_raw_places(&r, &r.frames[i], 3) ? 0 : ERR_NOMEM;
	if (!rc) {
		assert_int_equal(r.n_stacks, 100);
		assert_int_equal(r.stacks[0].count[TOP_CPU], 2);
		top_raw_begin(&r);
		assert_int_equal(r.stacks[0].count[TOP_CPU], 0);
	}
	top_raw_release(&r);
	return rc;
}

static void stacks_without_names(void **state)
{
	(void)state;
	assert_in_range(fault_each(raw_once, 0), 8, 100000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(models),
		cmocka_unit_test(pages),
		cmocka_unit_test(filtered_trees),
		cmocka_unit_test(stacks_without_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
