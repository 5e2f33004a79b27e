/* Every allocation of a gate's outputs, and of finding its groups, fails once: a document is whole or its buffer has
 * failed, a group is found or it is said that it was not. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <jansson.h>

#include "prof/base/log.h"
#include "prof/cli/gate_groups.h"
#include "tests/fault/each.h"
#include "tests/unit/gate_made.h"
#include "tests/unit/store_rig.h"

static struct made made;
static void (*writer)(struct buf *out);
static char *whole; /* what it writes when nothing fails */

static void text(struct buf *out)
{
	gate_write_text(out, &made.v, 80, 1);
}

static void markdown(struct buf *out)
{
	gate_write_markdown(out, &made.v, GATE_MARKDOWN_MAX);
}

static void junit(struct buf *out)
{
	gate_write_junit(out, &made.v);
}

static void github(struct buf *out)
{
	gate_write_github(out, &made.v, "/srv/project");
}

static int write_once(void)
{
	struct buf b = BUF_INIT;
	int failed;

	writer(&b);
	failed = buf_failed(&b);
	if (!failed)
		assert_string_equal(buf_str(&b), whole);
	buf_release(&b);
	return failed;
}

static void documents_are_whole_or_failed(void **state)
{
	void (*const writers[])(struct buf *) = {text, markdown, junit, github};
	size_t i;

	(void)state;
	make_four(&made);
	made.v.all = 1;
	for (i = 0; i < sizeof writers / sizeof *writers; i++) {
		struct buf b = BUF_INIT;

		writer = writers[i];
		writer(&b);
		whole = buf_steal(&b, NULL);
		assert_non_null(whole);
		assert_true(fault_each(write_once, 0) > 10);
		free(whole);
	}
	free(made.rows);
}

static int write_json(void)
{
	json_t *o = gate_write_json(&made.v), *quality = gate_write_gitlab(&made.v, NULL, "f");
	int bad = !o || !quality;

	json_decref(o);
	json_decref(quality);
	return bad;
}

static void json_is_whole_or_null(void **state)
{
	(void)state;
	json_set_alloc_funcs(malloc, free); /* those that can fail */
	make_four(&made);
	assert_true(fault_each(write_json, 1) > 100);
	free(made.rows);
}

/* ---- groups ---- */

static int put_run(struct store *s, const char *id, const char *name, int64_t at)
{
	struct store_run run = {
		.id = id, .name = name, .labels_json = "{\"k\": \"v\"}", .started_at = at};
	struct store_run_end end = {.duration_ns = 1};
	struct err err = ERR_INIT;
	int64_t key;
	int rc = store_run_add(s, &run, &key, &err) || store_run_finish(s, key, &end, &err);

	if (rc)
		print_message("%s\n", err.text);
	return rc;
}

static int make_three(void **state)
{
	struct err err = ERR_INIT;
	struct store *s;
	int rc;

	if (rig_setup(state) || store_open(&s, rig_path, STORE_CREATE, &err))
		return -1;
	rc = store_begin(s, &err) || put_run(s, "aaaa1111", "before", 3) ||
	     put_run(s, "bbbb2222", "before", 1) || put_run(s, "cccc3333", "after", 2) ||
	     store_commit(s, &err);
	store_close(s);
	return rc;
}

static const char *operand;
static size_t found;

static int find_once(void)
{
	struct gate_stores stores = {0};
	struct gate_group group = {0};
	struct err err = ERR_INIT;
	int rc = gate_group_add(&stores, &group, rig_path, operand, 0, &err);

	if (rc == 0)
		assert_int_equal(group.n, found);
	else
		assert_true(err.code == rc && err.text[0]);
	gate_group_release(&group);
	gate_stores_release(&stores);
	return rc;
}

static void groups_are_found_or_it_is_said(void **state)
{
	static const struct {
		const char *operand;
		size_t n;
	} cases[] = {{"before", 2}, {"last", 1},          {"last~2", 1},
		     {"k=v", 3},    {"cccc", 1},          {"before,after", 3},
		     {NULL, 3},     {"before,before", 2}, {"after,last~2", 2}};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof cases / sizeof *cases; i++) {
		operand = cases[i].operand ? cases[i].operand : rig_path;
		found = cases[i].n;
		assert_true(fault_each(find_once, 1) > 5);
	}
}

static void groups_are_in_the_order_of_time(void **state)
{
	struct gate_stores stores = {0};
	struct gate_group group = {0};
	struct err err = ERR_INIT;

	(void)state;
	assert_int_equal(gate_group_add(&stores, &group, rig_path, "k=v", 0, &err), 0);
	assert_int_equal(group.n, 3);
	assert_string_equal(group.runs[0].head->id, "bbbb2222");
	assert_string_equal(group.runs[1].head->id, "cccc3333");
	assert_string_equal(group.runs[2].head->id, "aaaa1111");
	assert_string_equal(group.what, "the 3 runs with the label k=v");
	assert_string_equal(group.more, "-l k=v");
	assert_int_equal(gate_group_add(&stores, &group, rig_path, "nosuch", 0, &err),
			 ERR_NOTFOUND);
	gate_group_release(&group);
	gate_stores_release(&stores);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(documents_are_whole_or_failed),
		cmocka_unit_test(json_is_whole_or_null),
		cmocka_unit_test_setup_teardown(groups_are_found_or_it_is_said, make_three,
						rig_teardown),
		cmocka_unit_test_setup_teardown(groups_are_in_the_order_of_time, make_three,
						rig_teardown),
	};

	log_init("test", LOG_QUIET);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
