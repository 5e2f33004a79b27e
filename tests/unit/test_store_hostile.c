/* prof/store/read on stores that a foreign hand changed: an error or a profile whose places all exist. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "tests/unit/store_check.h"
#include "tests/unit/store_rig.h"

/* After the change, reading gives `want`: ERR_FORMAT, or 0 and a whole profile. */
static void check_change(const char *sql, int want)
{
	struct store *s = rig_open(STORE_CREATE);
	struct err err = ERR_INIT;
	struct profile p;
	struct rig_run r;
	int rc;

	OK(store_begin(s, e));
	r = rig_small(s, "aaaa", "a", 1);
	rig_name(s, &r);
	rig_finish(s, r.run);
	OK(store_commit(s, e));
	store_close(s);
	assert_int_equal(rig_exec(sql), 0);
	s = rig_open(STORE_READ);
	rc = store_read_run(s, r.run, STORE_READ_ALL, &p, &err);
	if (rc != want)
		fail_msg("%s: %d, %s", sql, rc, err.text);
	if (rc == 0)
		assert_true(store_check_profile(&p));
	else
		assert_null(p.stacks);
	if (rc == 0)
		profile_release(&p);
	store_close(s);
	assert_int_equal(unlink(rig_path), 0);
}

static void rows_that_are_not_there_are_found(void **state)
{
	(void)state;
	check_change("DELETE FROM string_row WHERE text = 'leaf'", ERR_FORMAT);
	check_change("DELETE FROM frame_row WHERE (id & 0xffff) = 2", ERR_FORMAT);
	check_change("DELETE FROM stack_row WHERE (id & 0xffff) = 2", ERR_FORMAT);
	check_change("DELETE FROM module_row", ERR_FORMAT);
	check_change("DELETE FROM process_row", ERR_FORMAT);
	check_change("DELETE FROM thread_row", ERR_FORMAT);
	check_change("DELETE FROM stage_row", ERR_FORMAT);
	check_change("UPDATE sample_row SET stack = 4000000000", ERR_FORMAT);
	check_change("UPDATE sample_row SET stack = -1", ERR_FORMAT);
	check_change("UPDATE sample_row SET kind = 12", ERR_FORMAT);
	check_change("UPDATE sample_row SET kind = -5", ERR_FORMAT);
	check_change("UPDATE tick_row SET stack = 77", ERR_FORMAT);
	check_change("UPDATE tick_row SET state = 6", ERR_FORMAT);
	check_change("UPDATE tick_row SET t = 9223372036854775807", ERR_FORMAT);
	check_change("UPDATE counter_row SET name = 99", ERR_FORMAT);
	check_change("UPDATE frame_row SET module = -3", ERR_FORMAT);
}

static void stacks_in_circles_are_found(void **state)
{
	(void)state;
	check_change("UPDATE stack_row SET up = -1 WHERE (id & 0xffff) = 1", ERR_FORMAT);
	check_change("UPDATE stack_row SET up = -2 WHERE (id & 0xffff) = 1", ERR_FORMAT);
	check_change("UPDATE stack_row SET up = 77", ERR_FORMAT);
	check_change("UPDATE stack_row SET up = -9223372036854775807 - 1", ERR_FORMAT);
	check_change("UPDATE stack_row SET up = 9223372036854775807", ERR_FORMAT);
	check_change("UPDATE stage_row SET parent = 1", ERR_FORMAT); /* inside itself */
}

static void scattered_numbers_cost_no_memory(void **state)
{
	(void)state;
	check_change("UPDATE stack_row SET id = id + 4000000000", ERR_FORMAT);
	check_change("INSERT INTO string_row VALUES ((1 << 32) + 4294967295, 'x', NULL)",
		     ERR_FORMAT);
	check_change("INSERT INTO string_row VALUES ((1 << 32), 'x', NULL)", ERR_FORMAT);
	check_change("INSERT INTO frame_row (id, module, rel_addr) VALUES ((1 << 32) + 3000000000, "
		     "0, 0)",
		     ERR_FORMAT);
}

static void values_of_other_types_are_read_as_far_as_they_go(void **state)
{
	(void)state;
	check_change("UPDATE sample_row SET value = 'many', count = -4", 0);
	check_change("UPDATE sample_row SET value = 1e300", 0);
	check_change("UPDATE frame_row SET line = x'0011', rel_addr = 'abc'", 0);
	check_change("UPDATE run SET name = x'ff00ff', labels = 5, duration_ns = 'long', ncpu = -1,"
		     " rate_hz = 'x', exit_code = 1e99",
		     0);
	check_change("UPDATE stage_row SET folded = -3, items = 9e999, params = NULL, seq = 'x'",
		     0);
	check_change("UPDATE thread_row SET name = NULL, start_ns = NULL", 0);
	check_change("UPDATE counter_row SET value = -9e999", 0);
	check_change("UPDATE string_row SET text = zeroblob(1000000)", 0);
	check_change("UPDATE loss_row SET count = -1", 0);
	check_change("UPDATE stack_row SET depth = -7", 0); /* comes from the path */
}

static void samples_without_a_thread_get_one_that_says_so(void **state)
{
	struct store *s = rig_open(STORE_CREATE);
	struct rig_run r;
	struct profile p;

	(void)state;
	OK(store_begin(s, e));
	r = rig_small(s, "aaaa", "a", 1);
	OK(store_sample_add(s, r.run, PROFILE_GPU, 0, 0, 0, 1, 1, e));
	OK(store_commit(s, e));
	OK(store_read_run(s, r.run, STORE_READ_ALL, &p, e));
	assert_int_equal(p.n_threads, 2);
	assert_string_equal(strtab_text(p.strings, p.threads[1].name), "[no thread]");
	assert_int_equal(p.samples[2].thread, 1);
	assert_int_equal(p.samples[2].stack, 0);
	assert_true(store_check_profile(&p));
	profile_release(&p);
	store_close(s);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, rig_setup, rig_teardown)
	const struct CMUnitTest tests[] = {
		T(rows_that_are_not_there_are_found),
		T(stacks_in_circles_are_found),
		T(scattered_numbers_cost_no_memory),
		T(values_of_other_types_are_read_as_far_as_they_go),
		T(samples_without_a_thread_get_one_that_says_so),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
