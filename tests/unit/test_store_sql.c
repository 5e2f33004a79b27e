/* Statements of a run come back with their stages, and only where they belong. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/unit/store_rig.h"

static int64_t make(void)
{
	struct store *s = rig_open(STORE_CREATE);
	struct rig_run r;

	OK(store_begin(s, e));
	r = rig_small(s, "aaaa", "a", 1);
	OK(store_commit(s, e));
	store_close(s);
	assert_int_equal(rig_exec("INSERT INTO sql_statement_row (id, fingerprint,"
				  " text, calls, total_ns, rows, distinct_params, stack, stage) "
				  "SELECT (key << 32) | 1, 'f1',"
				  " 'SELECT ?', 12, 3000, 24, 3, 0, 1 FROM run;"
				  "INSERT INTO sql_statement_row (id, fingerprint,"
				  " text, calls, total_ns, rows, distinct_params, stack, stage) "
				  "SELECT (key << 32) | 2, 'f2',"
				  " NULL, -5, 40, NULL, NULL, 0, 0 FROM run"),
			 0);
	return r.run;
}

static void statements_come_with_samples_and_with_stages(void **state)
{
	static const unsigned parts[] = {STORE_READ_SAMPLES, STORE_READ_STAGES, STORE_READ_TICKS};
	int64_t run = make();
	struct store *s = rig_open(STORE_READ);
	size_t i;

	(void)state;
	for (i = 0; i < 3; i++) {
		struct profile p;

		OK(store_read_run(s, run, parts[i], &p, e));
		assert_int_equal(p.n_sql, i < 2 ? 2 : 0);
		if (i < 2) {
			assert_string_equal(strtab_text(p.strings, p.sql[0].fingerprint), "f1");
			assert_string_equal(strtab_text(p.strings, p.sql[0].text), "SELECT ?");
			assert_int_equal(p.sql[0].calls, 12);
			assert_int_equal(p.sql[0].total_ns, 3000);
			assert_int_equal(p.sql[0].rows, 24);
			assert_int_equal(p.sql[0].distinct_params, 3);
			assert_int_equal(p.sql[0].stage, 0);
			assert_int_equal(p.sql[1].stage, PROFILE_NONE);
			assert_int_equal(p.sql[1].calls, 0); /* counted: never negative */
			assert_int_equal(p.sql[1].text, STRTAB_EMPTY);
		}
		profile_release(&p);
	}
	store_close(s);
}

static void a_statement_in_a_stage_that_is_not_there_is_damage(void **state)
{
	int64_t run = make();
	struct store *s;
	struct profile p;

	(void)state;
	assert_int_equal(rig_exec("UPDATE sql_statement_row SET stage = 77"), 0);
	s = rig_open(STORE_READ);
	assert_int_equal(store_read_run(s, run, STORE_READ_SAMPLES, &p, NULL), ERR_FORMAT);
	store_close(s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(statements_come_with_samples_and_with_stages,
						rig_setup, rig_teardown),
		cmocka_unit_test_setup_teardown(a_statement_in_a_stage_that_is_not_there_is_damage,
						rig_setup, rig_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
