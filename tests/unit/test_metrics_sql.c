/* Statements in the table of values: one row for each statement in each stage, named so that no two are one, the most
 * frequent of them when there are too many; what was sent again with the same parameters has a row beside it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <math.h>

#include "prof/analyze/metrics.h"
#include "tests/unit/sql_rows.h"

static struct profile p;
static struct metric_table table;

static int make(void **state)
{
	(void)state;
	table = (struct metric_table){0};
	return profile_init(&p);
}

static int drop(void **state)
{
	(void)state;
	metrics_release(&table);
	profile_release(&p);
	return 0;
}

static void add_run(void)
{
	assert_int_equal(metrics_add_run(&table, METRICS_BASE, &p, NULL), 0);
}

/* Of the first run; NAN: there is no such row. */
static double value(const char *name)
{
	const struct metric_row *r = metrics_row(&table, name, METRIC_SQL);

	if (r)
		assert_int_equal(r->kind, METRIC_KIND_COUNT);
	return r ? r->a[0] : NAN;
}

static size_t rows_with(const char *part)
{
	size_t n = 0;

	for (size_t i = 0; i < table.n; i++)
		n += table.rows[i].stage && strstr(table.rows[i].stage, part) != NULL;
	return n;
}

#define IS(name, want) assert_true(fabs(value(name) - (want)) < 1e-9)

static void each_statement_has_a_row_in_each_stage(void **state)
{
	uint32_t load = made_stage(&p, "load", PROFILE_NONE, 1);
	uint32_t save = made_stage(&p, "save", PROFILE_NONE, 1);

	(void)state;
	sql_row(&p, "select a", 3, 1)->stage = load;
	sql_row(&p, "select a", 4, 1)->stage = save;
	sql_row(&p, "select b", 2, 1)->stage = load;
	sql_row(&p, "select a", 5, 1)->stage = load; /* from another stack */
	(void)sql_row(&p, "select a", 7, 1);
	add_run();
	IS("load: select a", 8);
	IS("load: select b", 2);
	IS("save: select a", 4);
	IS("sql: select a", 7);
	assert_int_equal(rows_with(": select"), 4);
	IS(NULL, 21);
}

static void kinds_have_rows_of_their_own(void **state)
{
	(void)state;
	(void)sql_row(&p, "select a", 30, 1);
	sql_row(&p, "select a", 2, 1)->kind = made_text(&p, "prepare");
	sql_row(&p, "connect", 1, 1)->kind = made_text(&p, "connect");
	add_run();
	IS("sql: select a", 30);
	IS("sql: prepare select a", 2);
	IS("sql: connect", 1);
}

static void repeated_sets_have_a_row_beside(void **state)
{
	(void)state;
	sql_row_sets(sql_row(&p, "select a", 30, 1), 25, 25);
	sql_row_sets(sql_row(&p, "select a", 10, 1), 4, 25);
	sql_row_sets(sql_row(&p, "select b", 10, 1), 10, 10);
	sql_row_sets(sql_row(&p, "begin", 10, 1), 1, 1);
	add_run();
	IS("sql: select a (duplicates)", 11);
	assert_int_equal(rows_with("(duplicates)"), 1);
}

/* Alike for the first 120 bytes, of which the last is the first half of a character. */
static void long_texts_are_told_apart(void **state)
{
	char text[200];
	struct profile_sql *q;
	size_t n;

	(void)state;
	memset(text, 'x', sizeof text);
	memcpy(text + 119, "\xc3\xa4", 2);
	for (int i = 0; i < 2; i++) {
		snprintf(text + 150, sizeof text - 150, "%d", i);
		q = sql_row(&p, text, 5 + (uint64_t)i, 1);
		q->fingerprint = made_text(&p, i ? "1111111122222222" : "aaaaaaaabbbbbbbb");
	}
	add_run();
	n = rows_with("xxx");
	assert_int_equal(n, 2);
	assert_int_equal(rows_with("... aaaaaaaa"), 1);
	assert_int_equal(rows_with("... 11111111"), 1);
	assert_int_equal(rows_with("bbbb"), 0);
	assert_int_equal(rows_with("\xef\xbf\xbd"), 0); /* no half of a character */
}

static void the_most_frequent_are_kept(void **state)
{
	char text[32];

	(void)state;
	for (int i = 0; i < 2100; i++) {
		snprintf(text, sizeof text, "select t%d", i);
		(void)sql_row(&p, text, 100 + (uint64_t)i, 1);
	}
	add_run();
	assert_int_equal(rows_with("sql: select"), 2000);
	IS("sql: select t2099", 2199);
	IS("sql: select t100", 200);
	assert_true(isnan(value("sql: select t99")));
}

static void the_order_of_rows_makes_no_difference(void **state)
{
	char names[2][256] = {"", ""};

	(void)state;
	for (int turn = 0; turn < 2; turn++) {
		size_t n = 0;

		p.n_sql = 0;
		for (int i = 0; i < 6; i++) {
			static const char *const texts[] = {"select a", "select b", "select c"};

			(void)sql_row(&p, texts[turn ? (5 - i) % 3 : i % 3], 5, 1);
		}
		metrics_release(&table);
		add_run();
		for (size_t i = 0; i < table.n; i++)
			if (table.rows[i].stage)
				n += (size_t)snprintf(names[turn] + n, sizeof names[0] - n, "%s|",
						      table.rows[i].stage);
	}
	assert_string_equal(names[0], "sql: select a|sql: select b|sql: select c|");
	assert_string_equal(names[0], names[1]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(each_statement_has_a_row_in_each_stage, make, drop),
		cmocka_unit_test_setup_teardown(kinds_have_rows_of_their_own, make, drop),
		cmocka_unit_test_setup_teardown(repeated_sets_have_a_row_beside, make, drop),
		cmocka_unit_test_setup_teardown(long_texts_are_told_apart, make, drop),
		cmocka_unit_test_setup_teardown(the_most_frequent_are_kept, make, drop),
		cmocka_unit_test_setup_teardown(the_order_of_rows_makes_no_difference, make, drop),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
