/* Statements of a run added up: over stacks, stages and processes, by total time; N+1 and duplicates are named where
 * the numbers say so, to the call. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "prof/analyze/statements.h"
#include "tests/unit/sql_rows.h"

static struct profile p;
static struct statement_list list;

static int make(void **state)
{
	(void)state;
	return profile_init(&p);
}

static int drop(void **state)
{
	(void)state;
	statements_release(&list);
	profile_release(&p);
	return 0;
}

static void add_up(const char *stage)
{
	statements_release(&list);
	assert_int_equal(statements_make(&list, &p, stage, NULL), 0);
}

static const struct statement_row *row_of(const char *text)
{
	for (size_t i = 0; i < list.n; i++)
		if (strcmp(strtab_text(p.strings, list.rows[i].text), text) == 0)
			return &list.rows[i];
	fail_msg("no row of %s", text);
	return NULL;
}

static void an_empty_run_has_none(void **state)
{
	(void)state;
	add_up(NULL);
	assert_int_equal(list.n, 0);
	assert_int_equal(list.n_stages, 0);
	assert_int_equal(list.calls, 0);
}

static void places_are_added_up_and_sorted_by_time(void **state)
{
	struct profile_sql *q;

	(void)state;
	(void)sql_row(&p, "select a", 3, 500);
	(void)sql_row(&p, "select b", 1, 900);
	q = sql_row(&p, "select a", 4, 700);
	q->rows = 8;
	q->sent = 5;
	q->received = 6;
	q->errors = 1;
	q->unfinished = 2;
	q->inside_ns = 300;
	q->max_ns = 400;
	(void)sql_row(&p, "select c", 1, 900);
	q = sql_row(&p, "select a", 9, 100); /* preparing it is a row of its own */
	q->kind = made_text(&p, "prepare");
	add_up(NULL);
	assert_int_equal(list.n, 4);
	assert_int_equal(list.calls, 18);
	assert_int_equal(list.total_ns, 3100);
	assert_string_equal(strtab_text(p.strings, list.rows[0].text), "select a");
	assert_int_equal(list.rows[0].calls, 7);
	assert_int_equal(list.rows[0].total_ns, 1200);
	assert_int_equal(list.rows[0].rows, 8);
	assert_int_equal(list.rows[0].sent, 5);
	assert_int_equal(list.rows[0].received, 6);
	assert_int_equal(list.rows[0].errors, 1);
	assert_int_equal(list.rows[0].unfinished, 2);
	assert_int_equal(list.rows[0].inside_ns, 300);
	assert_int_equal(list.rows[0].max_ns, 400);
	assert_int_equal(list.rows[0].n, 2); /* its places, the longest first */
	assert_int_equal(list.sites[list.rows[0].first], 2);
	assert_int_equal(list.sites[list.rows[0].first + 1], 0);
	assert_string_equal(strtab_text(p.strings, list.rows[1].text), "select b");
	assert_string_equal(strtab_text(p.strings, list.rows[2].text), "select c");
	assert_string_equal(strtab_text(p.strings, list.rows[3].kind), "prepare");
	assert_int_equal(list.rows[3].calls, 9);
}

static void histograms_are_added_before_the_quantile(void **state)
{
	struct profile_sql *q = sql_row(&p, "select a", 18, 1);

	(void)state;
	q->times = made_text(&p, "40:18"); /* 32.8 to 36.9 us */
	q->max_ns = 36000;
	q = sql_row(&p, "select a", 2, 1);
	q->times = made_text(&p, "80:2"); /* 1.05 to 1.18 ms */
	q->max_ns = 1100000;
	add_up(NULL);
	assert_int_equal(sql_bucket((uint64_t)list.rows[0].p95_ns), 80);
	assert_true(list.rows[0].p95_ns <= 1100000);
	p.sql[0].times = made_text(&p, "40:38");
	add_up(NULL);
	assert_int_equal(sql_bucket((uint64_t)list.rows[0].p95_ns), 40);
}

static void sums_end_where_numbers_end(void **state)
{
	(void)state;
	(void)sql_row(&p, "select a", 1, INT64_MAX);
	(void)sql_row(&p, "select a", 1, INT64_MAX);
	(void)sql_row(&p, "select b", 1, INT64_MAX);
	add_up(NULL);
	assert_true(list.rows[0].total_ns == INT64_MAX && list.total_ns == INT64_MAX);
}

/* One query: is it N+1, are there duplicates? */
static void judge(const char *text, uint64_t calls, uint64_t sets, uint64_t rows, int n_plus_one,
		  int repeated)
{
	struct profile_sql *q;

	p.n_sql = 0;
	q = sql_row(&p, text, calls, 1);
	q->rows = rows;
	sql_row_sets(q, sets, sets);
	add_up(NULL);
	if (list.rows[0].many_sets != n_plus_one || list.rows[0].repeated != repeated)
		fail_msg("%s, %d calls, %d sets, %d rows: %d %d", text, (int)calls, (int)sets,
			 (int)rows, list.rows[0].many_sets, list.rows[0].repeated);
	assert_int_equal(statement_site_many_sets(&p, q), n_plus_one);
}

static void many_calls_with_other_sets_are_told(void **state)
{
	(void)state;
	judge("select a", 20, 20, 20, 1, 0);
	judge("select a", 19, 19, 19, 0, 0);
	judge("select a", 20, 10, 20, 1, 0);
	judge("select a", 20, 9, 20, 0, 0);
	judge("select a", 20, 20, 200, 1, 0);
	judge("select a", 20, 20, 201, 0, 0);
}

static void the_same_sets_again_are_told(void **state)
{
	(void)state;
	judge("select a", 21, 1, 21, 0, 1);
	judge("select a", 20, 1, 20, 0, 0); /* nineteen had been there before */
	judge("select a", 40, 20, 0, 1, 1);
	judge("select a", 41, 21, 0, 1, 0); /* twenty: less than half */
	judge("select a", 42, 21, 0, 1, 1);
	judge("select a", 100, 0, 0, 0, 0); /* not one set was looked at */
}

static void control_statements_are_never_faults(void **state)
{
	static const char *const texts[] = {
		"begin",          "commit;", "set a = ?", "copy t from stdin",
		"fetch ? from c", "",        ";",         "rollback to s"};

	(void)state;
	for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
		judge(texts[i], 100, 30, 0, 0, 0);
	judge("settle", 100, 30, 0, 1, 1);
	judge("beginning", 100, 1, 0, 0, 1);
}

static void other_kinds_are_never_faults(void **state)
{
	struct profile_sql *q = sql_row(&p, "select a", 100, 1);

	(void)state;
	sql_row_sets(q, 30, 30);
	assert_int_equal(statement_site_duplicates(&p, q), 70);
	q->kind = made_text(&p, "prepare");
	assert_int_equal(statement_site_duplicates(&p, q), 0);
	assert_int_equal(statement_site_many_sets(&p, q), 0);
	add_up(NULL);
	assert_false(list.rows[0].many_sets || list.rows[0].repeated);
}

static void unjudged_calls_are_no_duplicates(void **state)
{
	struct profile_sql *q = sql_row(&p, "select a", 100, 1);

	(void)state;
	sql_row_sets(q, 30, 30);
	q->unjudged = 60;
	add_up(NULL);
	assert_int_equal(list.rows[0].duplicates, 10);
	q->unjudged = UINT64_MAX; /* of a damaged file */
	add_up(NULL);
	assert_int_equal(list.rows[0].duplicates, 0);
}

/* Two places of one process that were given the same sets, and another process that was given them as well. */
static void sets_are_counted_once_in_a_process(void **state)
{
	static const uint32_t process[] = {1, 0, 1};

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		struct profile_sql *q = sql_row(&p, "select a", 30, (int64_t)i);

		sql_row_sets(q, 30, 30);
		q->process = process[i];
	}
	add_up(NULL);
	assert_int_equal(list.rows[0].distinct, 60);
	assert_int_equal(list.rows[0].duplicates, 30);
	p.sql[0].statement_distinct = p.sql[2].statement_distinct = 60; /* others, then */
	add_up(NULL);
	assert_int_equal(list.rows[0].distinct, 90);
	assert_int_equal(list.rows[0].duplicates, 0);
}

static void stages_choose_and_are_summed(void **state)
{
	uint32_t outer, inner, other;
	struct profile_sql *q;

	(void)state;
	outer = made_stage(&p, "outer", PROFILE_NONE, 1);
	inner = made_stage(&p, "inner", outer, 1);
	other = made_stage(&p, "other", PROFILE_NONE, 1);
	sql_row(&p, "select a", 1, 10)->stage = outer;
	sql_row(&p, "select a", 2, 20)->stage = inner;
	sql_row(&p, "select a", 4, 40)->stage = other;
	(void)sql_row(&p, "select a", 8, 5);
	add_up(NULL);
	assert_int_equal(list.calls, 15);
	assert_int_equal(list.n_stages, 4);
	assert_string_equal(strtab_text(p.strings, list.stages[0].stage), "other");
	assert_int_equal(list.stages[3].stage, STRTAB_EMPTY);
	assert_int_equal(list.stages[3].calls, 8);
	add_up("outer");
	assert_int_equal(list.calls, 3);
	assert_int_equal(list.n_stages, 2);
	add_up("nowhere");
	assert_int_equal(list.n, 0);
	/* What a statement was given elsewhere says nothing of this stage. */
	p.n_sql = 0;
	q = sql_row(&p, "select a", 40, 1);
	q->stage = inner;
	sql_row_sets(q, 1, 500);
	q = sql_row(&p, "select a", 500, 2);
	sql_row_sets(q, 500, 500);
	add_up("inner");
	assert_int_equal(row_of("select a")->distinct, 1);
	assert_int_equal(row_of("select a")->duplicates, 39);
	assert_false(row_of("select a")->many_sets);
	assert_true(row_of("select a")->repeated);
	add_up(NULL);
	assert_int_equal(row_of("select a")->distinct, 500);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(an_empty_run_has_none, make, drop),
		cmocka_unit_test_setup_teardown(places_are_added_up_and_sorted_by_time, make, drop),
		cmocka_unit_test_setup_teardown(histograms_are_added_before_the_quantile, make,
						drop),
		cmocka_unit_test_setup_teardown(sums_end_where_numbers_end, make, drop),
		cmocka_unit_test_setup_teardown(many_calls_with_other_sets_are_told, make, drop),
		cmocka_unit_test_setup_teardown(the_same_sets_again_are_told, make, drop),
		cmocka_unit_test_setup_teardown(control_statements_are_never_faults, make, drop),
		cmocka_unit_test_setup_teardown(other_kinds_are_never_faults, make, drop),
		cmocka_unit_test_setup_teardown(unjudged_calls_are_no_duplicates, make, drop),
		cmocka_unit_test_setup_teardown(sets_are_counted_once_in_a_process, make, drop),
		cmocka_unit_test_setup_teardown(stages_choose_and_are_summed, make, drop),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
