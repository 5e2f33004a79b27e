/* The outputs of a gate made by hand: order, words, limits, and hostile names in each. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/unit/gate_made.h"

/* Nothing but what any document may have: valid UTF-8, no control characters but line ends. */
static void check_clean(const struct buf *b)
{
	const unsigned char *c;

	assert_false(buf_failed(b));
	assert_true(b->len > 0);
	for (c = (const unsigned char *)b->data; *c; c++) {
		assert_true(*c >= 0x20 || *c == '\n');
		assert_int_not_equal(*c, 0x7f);
		assert_int_not_equal(*c, 0xff);
	}
	assert_null(strstr(b->data, "\xe2\x80\xae"));
}

static size_t count(const char *text, const char *part)
{
	size_t n = 0;

	for (; (text = strstr(text, part)); text += strlen(part))
		n++;
	return n;
}

static void check_lines(const char *text)
{
	while (text) {
		const char *line = text + strspn(text, " ");

		assert_false(strncmp(line, "::", 2) == 0);
		text = strchr(text, '\n');
		text = text ? text + 1 : NULL;
	}
}

/* Blocks and spans of code show what is in them: they are cut out of `text`. */
static void cut_code(char *text)
{
	char *from, *to;

	while ((from = strstr(text, "\n```")) && (to = strstr(from + 4, "\n```\n")))
		memmove(from, to + 4, strlen(to + 4) + 1);
	assert_null(strstr(text, "```"));
	while ((from = strchr(text, '`')) && (to = strchr(from + 1, '`')))
		memmove(from, to + 1, strlen(to + 1) + 1);
	assert_null(strchr(text, '`'));
}

static void text_tells_what_decides_first(void **state)
{
	struct buf b = BUF_INIT;
	const char *regression, *inconclusive, *improved;
	struct made m;

	(void)state;
	make_four(&m);
	gate_write_text(&b, &m.v, 100, 0);
	check_clean(&b);
	assert_int_equal(strncmp(b.data, "regression: ", 12), 0);
	assert_null(strstr(b.data, "##["));
	check_lines(b.data);
	regression = strstr(b.data, "\nregression ");
	inconclusive = strstr(b.data, "\ninconclusive ");
	improved = strstr(b.data, "\nimproved ");
	assert_true(regression && inconclusive && improved);
	assert_true(regression < inconclusive && inconclusive < improved);
	assert_null(strstr(b.data, "\nok "));
	assert_non_null(strstr(b.data, "(whole run)"));
	assert_non_null(strstr(b.data, "protea-prof gate --accept wall --reason '…' before after"));
	buf_release(&b);
	m.v.all = 1;
	gate_write_text(&b, &m.v, 100, 1);
	assert_non_null(strstr(b.data, "\nok "));
	assert_non_null(strstr(b.data, "\033[1;31mregression"));
	buf_release(&b);
	free(m.rows);
}

static void narrow_lines_keep_the_verdict(void **state)
{
	static const int columns[] = {120, 80, 60, 40};
	struct buf b = BUF_INIT;
	struct made m;
	size_t i;

	(void)state;
	make_four(&m);
	for (i = 0; i < sizeof columns / sizeof *columns; i++) {
		const char *line, *end;

		gate_write_text(&b, &m.v, columns[i], 0);
		line = strstr(b.data, "\nregression ") + 1;
		end = strchr(line, '\n');
		/* One column a character; the whole run's names and numbers are ASCII. */
		assert_true(end - line <= (columns[i] > 60 ? columns[i] : 60));
		assert_non_null(memmem(line, (size_t)(end - line), "+5.0 %", 6));
		buf_release(&b);
	}
	free(m.rows);
}

static void markdown_is_inert(void **state)
{
	struct buf b = BUF_INIT;
	const char *line;
	struct made m;

	(void)state;
	make_four(&m);
	gate_write_markdown(&b, &m.v, GATE_MARKDOWN_MAX);
	check_clean(&b);
	cut_code(b.data);
	assert_null(strstr(b.data, "<script"));
	assert_null(strstr(b.data, "@who"));
	assert_int_equal(count(b.data, "<details>"), count(b.data, "</details>"));
	/* Every row of a table has as many cells as its head. */
	for (line = strstr(b.data, "\n| "); line; line = strstr(line + 1, "\n| ")) {
		size_t bars = 0;
		const char *c;

		for (c = line + 1; *c && *c != '\n'; c++)
			bars += *c == '|';
		assert_int_equal(bars, 9);
	}
	buf_release(&b);
	free(m.rows);
}

static void markdown_keeps_to_its_limit(void **state)
{
	static const size_t limits[] = {8000, 20000, GATE_MARKDOWN_MAX};
	struct buf b = BUF_INIT;
	struct made m;
	size_t i, k;

	(void)state;
	make(&m, 2000);
	for (i = 0; i < 1000; i++)
		m.rows[i] = make_row(HOSTILE, METRIC_WALL, VERDICT_REGRESSION, 0.1);
	for (k = 0; k < sizeof limits / sizeof *limits; k++) {
		gate_write_markdown(&b, &m.v, limits[k]);
		check_clean(&b);
		assert_true(b.len <= limits[k]);
		assert_non_null(strstr(b.data, " lines are left out"));
		assert_int_equal(count(b.data, "<details>"), count(b.data, "</details>"));
		assert_int_equal(count(b.data, "\n```") % 2, 0);
		buf_release(&b);
	}
	free(m.rows);
}

static void junit_counts_its_cases(void **state)
{
	struct buf b = BUF_INIT;
	struct made m;

	(void)state;
	make_four(&m);
	gate_write_junit(&b, &m.v);
	check_clean(&b);
	assert_null(strstr(b.data, "<script"));
	assert_null(strstr(b.data, "]]>"));
	assert_int_equal(count(b.data, "<testcase "), ROWS + 1);
	assert_int_equal(count(b.data, "<failure "), 2); /* the row and the verdict */
	assert_int_equal(count(b.data, "<skipped "), 1);
	assert_int_equal(count(b.data, "<error "), 0);
	assert_non_null(strstr(b.data, "tests=\"5\" failures=\"2\" errors=\"0\" skipped=\"1\""));
	buf_release(&b);
	m.g.verdict = VERDICT_INCONCLUSIVE;
	gate_write_junit(&b, &m.v);
	assert_int_equal(count(b.data, "<error "), 1);
	buf_release(&b);
	free(m.rows);
}

/* What nobody looks for is counted, not listed. */
static void junit_leaves_out_what_is_fine(void **state)
{
	struct buf b = BUF_INIT;
	struct made m;
	size_t i;

	(void)state;
	make(&m, 12000);
	m.rows[11999] = make_row("last", METRIC_WALL, VERDICT_REGRESSION, 0.05);
	for (i = 6000; i < 6100; i++)
		m.rows[i].ignored = 1;
	gate_write_junit(&b, &m.v);
	check_clean(&b);
	/* The verdict, 5,000, the regression, and the two sums. */
	assert_int_equal(count(b.data, "<testcase "), 5004);
	assert_non_null(strstr(b.data, "tests=\"5004\" failures=\"2\" errors=\"0\" skipped=\"1\""));
	assert_int_equal(count(b.data, "<skipped "), 1);
	assert_int_equal(count(b.data, "name=\"6,899 more, all ok\""), 1);
	assert_int_equal(count(b.data, "name=\"100 more, all ignored\""), 1);
	buf_release(&b);
	free(m.rows);
}

static void unproven_functions_are_more_or_less(void **state)
{
	struct buf b = BUF_INIT;
	json_t *o, *f;
	struct made m;

	(void)state;
	make_four(&m);
	m.functions[0].verdict = m.functions[1].verdict = VERDICT_INCONCLUSIVE;
	m.functions[0].unproven = m.functions[1].unproven = 1;
	m.functions[1].candidate = 0.5e9;
	o = gate_write_json(&m.v);
	f = json_array_get(json_object_get(o, "functions"), 0);
	assert_string_equal(json_string_value(json_object_get(f, "verdict")), "inconclusive");
	assert_string_equal(json_string_value(json_object_get(f, "moved")), "more");
	assert_true(json_is_true(json_object_get(f, "unproven")));
	f = json_array_get(json_object_get(o, "functions"), 1);
	assert_string_equal(json_string_value(json_object_get(f, "moved")), "less");
	json_decref(o);
	gate_write_text(&b, &m.v, 100, 1);
	assert_non_null(strstr(b.data, "per run (one run a side: not proven):"));
	buf_release(&b);
	gate_write_markdown(&b, &m.v, 60000);
	assert_non_null(strstr(b.data, "per run; one run a side: not proven)"));
	assert_non_null(strstr(b.data, "| less | "));
	buf_release(&b);
	free(m.rows);
}

static void json_has_the_contract(void **state)
{
	json_t *o, *row;
	struct made m;

	(void)state;
	make_four(&m);
	o = gate_write_json(&m.v);
	assert_non_null(o);
	assert_string_equal(json_string_value(json_object_get(o, "verdict")), "regression");
	assert_int_equal(json_array_size(json_object_get(o, "metrics")), ROWS);
	assert_int_equal(json_array_size(json_object_get(o, "functions")), 2);
	row = json_array_get(json_object_get(o, "metrics"), 1);
	assert_true(json_is_null(json_object_get(row, "stage")));
	assert_string_equal(json_string_value(json_object_get(row, "metric")), "wall");
	assert_int_equal(json_array_size(json_object_get(row, "ci")), 2);
	row = json_array_get(json_object_get(o, "metrics"), 2);
	assert_true(json_is_null(json_object_get(row, "change")));
	json_decref(o);
	free(m.rows);
}

static void annotations_are_lines_of_their_own(void **state)
{
	struct buf b = BUF_INIT;
	struct made m;
	size_t i;

	(void)state;
	make(&m, 100);
	for (i = 0; i < 100; i++)
		m.rows[i] = make_row(HOSTILE, METRIC_WALL,
				     i % 2 ? VERDICT_REGRESSION : VERDICT_INCONCLUSIVE, 0.1);
	gate_write_github(&b, &m.v, "/srv/project/");
	check_clean(&b);
	assert_int_equal(count(b.data, "\n"), 20);
	assert_int_equal(count(b.data, "\n::") + 1, 20);
	assert_int_equal(count(b.data, "::error file=src/"), 9);
	assert_int_equal(count(b.data, "41 more are in the log"), 2);
	assert_null(strstr(b.data, "##["));
	buf_release(&b);
	free(m.rows);
}

static void gitlab_prints_are_stable(void **state)
{
	json_t *a, *b;
	struct made m;

	(void)state;
	make_four(&m);
	a = gate_write_gitlab(&m.v, NULL, "protea-prof.gate.json");
	m.rows[1].d.change = 0.2;
	b = gate_write_gitlab(&m.v, NULL, "protea-prof.gate.json");
	assert_int_equal(json_array_size(a), 2);
	assert_true(json_equal(json_object_get(json_array_get(a, 0), "fingerprint"),
			       json_object_get(json_array_get(b, 0), "fingerprint")));
	assert_false(json_equal(json_object_get(json_array_get(a, 0), "fingerprint"),
				json_object_get(json_array_get(a, 1), "fingerprint")));
	assert_string_equal(json_string_value(json_object_get(json_array_get(a, 0), "severity")),
			    "major");
	json_decref(a);
	json_decref(b);
	free(m.rows);
}

static void failures_are_no_pass(void **state)
{
	struct buf b = BUF_INIT;
	json_t *o;

	(void)state;
	gate_write_failed_junit(&b, HOSTILE);
	check_clean(&b);
	assert_non_null(strstr(b.data, "tests=\"1\" failures=\"0\" errors=\"1\""));
	buf_release(&b);
	gate_write_failed_markdown(&b, HOSTILE);
	check_clean(&b);
	assert_null(strstr(b.data, "✅"));
	buf_release(&b);
	gate_write_failed_github(&b, HOSTILE);
	check_clean(&b);
	assert_int_equal(count(b.data, "\n"), 1);
	assert_int_equal(strncmp(b.data, "::error ", 8), 0);
	buf_release(&b);
	o = gate_write_failed_json(HOSTILE);
	assert_true(json_is_null(json_object_get(o, "verdict")));
	assert_true(json_is_string(json_object_get(o, "error")));
	json_decref(o);
	o = gate_write_failed_gitlab(HOSTILE, "f");
	assert_int_equal(json_array_size(o), 1);
	json_decref(o);
}

static void intervals_say_what_they_bound(void **state)
{
	char t[GATE_TEXT];

	(void)state;
	assert_string_equal(gate_view_range(t, 0.01, 0.02), "+1.0 % to +2.0 %");
	assert_string_equal(gate_view_range(t, 0.01, INFINITY), "at least +1.0 %");
	assert_string_equal(gate_view_range(t, -INFINITY, 0.02), "at most +2.0 %");
	assert_string_equal(gate_view_range(t, -1, INFINITY), "-");
	assert_string_equal(gate_view_range(t, NAN, NAN), "-");
	assert_string_equal(gate_view_change(t, 1999), "x 2,000");
	assert_string_equal(gate_view_change(t, NAN), "-");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(text_tells_what_decides_first),
		cmocka_unit_test(narrow_lines_keep_the_verdict),
		cmocka_unit_test(markdown_is_inert),
		cmocka_unit_test(markdown_keeps_to_its_limit),
		cmocka_unit_test(junit_counts_its_cases),
		cmocka_unit_test(junit_leaves_out_what_is_fine),
		cmocka_unit_test(unproven_functions_are_more_or_less),
		cmocka_unit_test(json_has_the_contract),
		cmocka_unit_test(annotations_are_lines_of_their_own),
		cmocka_unit_test(gitlab_prints_are_stable),
		cmocka_unit_test(failures_are_no_pass),
		cmocka_unit_test(intervals_say_what_they_bound),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
