/* JSON: positions of errors, and bytes as Python writes them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "pipeline/core/fsio.h"
#include "pipeline/core/text.h"

static json_t *parse(const char *text)
{
	struct err err = ERR_INIT;
	json_t *v = json_parse("x", text, strlen(text), &err);

	if (!v)
		fail_msg("%s", err.text);
	return v;
}

static void refused(const char *text, const char *want)
{
	struct err err = ERR_INIT;

	assert_null(json_parse("job.json", text, strlen(text), &err));
	assert_int_equal(err.code, ERR_FORMAT);
	if (strncmp(err.text, want, strlen(want)) != 0)
		fail_msg("%s", err.text);
}

static void a_byte_order_mark_is_passed_over(void **state)
{
	json_t *v = parse("\xef\xbb\xbf{\"a\": 1}");

	(void)state;
	assert_int_equal(json_integer_value(json_object_get(v, "a")), 1);
	json_decref(v);
	refused("\xef\xbb\xbf", "job.json:1:0: ");
	refused("{}\xef\xbb\xbf", "job.json:1:");
}

static void errors_name_file_line_and_column(void **state)
{
	(void)state;
	refused("{\"a\": 1,\n \"b\" 2}", "job.json:2:6: ");
	refused("", "job.json:1:0: ");
	refused("{\"a\": 1} x", "job.json:1:10: ");
	refused("[1", "job.json:1:2: ");
	refused("[\"\xff\"]", "job.json:1:2: ");
	refused("[99999999999999999999]", "job.json:1:21: ");
	refused("[1e999]", "job.json:1:6: ");
	refused("NaN", "job.json:1:");
}

static void a_key_twice_is_an_error(void **state)
{
	(void)state;
	refused("{\"k\": 3, \"k\": 5}", "job.json:1:12: duplicate object key");
}

static void hostile_depth_is_an_error(void **state)
{
	size_t n = 1000000;
	char *text = malloc(n);
	struct err err = ERR_INIT;

	(void)state;
	memset(text, '[', n);
	assert_null(json_parse("deep", text, n, &err));
	assert_int_equal(err.code, ERR_FORMAT);
	free(text);
}

static void any_value_may_stand_alone(void **state)
{
	json_t *v = parse(" 5 ");
	char *text = json_compact(v);

	(void)state;
	assert_string_equal(text, "5");
	free(text);
	json_decref(v);
}

static void compact_text_keeps_order_and_utf8(void **state)
{
	json_t *v =
		parse("{ \"z\": [1, 2.5, 1e-7, 25.0], \"a\": {\"x\": null}, \"\\u00e9\\n\\\"\": "
		      "\"\\ud83e\\uddec\\u007f\\u0001\", \"e\": [], \"o\": {} }");
	char *text = json_compact(v);

	(void)state;
	assert_string_equal(text,
			    "{\"z\":[1,2.5,1e-07,25.0],\"a\":{\"x\":null},\"\xc3\xa9\\n\\\"\":"
			    "\"\xf0\x9f\xa7\xac\x7f\\u0001\",\"e\":[],\"o\":{}}");
	free(text);
	json_decref(v);
}

static void compact_text_reads_back_as_the_same_value(void **state)
{
	struct buf in = BUF_INIT;
	char *text;
	json_t *v, *again;

	(void)state;
	assert_int_equal(fsio_read_all("tests/golden/text/tricky.json", 1 << 20, &in, NULL), 0);
	v = parse(buf_str(&in));
	text = json_compact(v);
	again = parse(text);
	assert_int_equal(json_equal(v, again), 1);
	json_decref(again);
	json_decref(v);
	free(text);
	buf_release(&in);
}

static void pretty_text_is_pythons(void **state)
{
	struct buf in = BUF_INIT, want = BUF_INIT;
	char *text;
	json_t *v;

	(void)state;
	assert_int_equal(fsio_read_all("tests/golden/text/tricky.json", 1 << 20, &in, NULL), 0);
	assert_int_equal(fsio_read_all("tests/golden/text/tricky.pretty", 1 << 20, &want, NULL), 0);
	v = parse(buf_str(&in));
	text = json_pretty_ascii(v);
	assert_string_equal(text, buf_str(&want));
	json_decref(v);
	free(text);
	buf_release(&in);
	buf_release(&want);
}

static void empty_values_stay_on_one_line(void **state)
{
	static const char *const texts[] = {"[]", "{}", "\"\"", "null"};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof texts / sizeof texts[0]; i++) {
		json_t *v = parse(texts[i]);
		char *text = json_pretty_ascii(v);

		assert_string_equal(text, texts[i]);
		free(text);
		json_decref(v);
	}
}

static void is_rounded(double v, int decimals, const char *want)
{
	json_t *value = json_rounded(v, decimals);
	char *text = json_compact(value);

	assert_string_equal(text, want);
	free(text);
	json_decref(value);
}

static void numbers_are_rounded_for_readers(void **state)
{
	(void)state;
	is_rounded(1.2345, 3, "1.234"); /* the double is below 1.2345 */
	is_rounded(1.2355, 3, "1.236");
	is_rounded(0.125, 2, "0.12"); /* a tie goes to the even digit */
	is_rounded(12.0, 1, "12.0");
	is_rounded(12.6, 0, "13");
	is_rounded(-0.01, 1, "0.0");
	is_rounded(1e300, 0, "1e+300");
	is_rounded(1e300, 3, "1e+300");
	is_rounded(2.5, -3, "2");
	is_rounded(0.1, 99, "0.1");
	is_rounded((double)NAN, 3, "null");
	is_rounded((double)INFINITY, 0, "null");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_byte_order_mark_is_passed_over),
		cmocka_unit_test(errors_name_file_line_and_column),
		cmocka_unit_test(a_key_twice_is_an_error),
		cmocka_unit_test(hostile_depth_is_an_error),
		cmocka_unit_test(any_value_may_stand_alone),
		cmocka_unit_test(compact_text_keeps_order_and_utf8),
		cmocka_unit_test(compact_text_reads_back_as_the_same_value),
		cmocka_unit_test(pretty_text_is_pythons),
		cmocka_unit_test(empty_values_stay_on_one_line),
		cmocka_unit_test(numbers_are_rounded_for_readers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
