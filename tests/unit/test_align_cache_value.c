/* The key and the value text of the alignment cache. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "pipeline/align/align_cache.h"
#include "pipeline/core/text.h"
#include "tests/unit/align_cache_sample.h"

#define VALUE_TEXT 1024

/* What /usr/bin/python3 -c 'json.dumps({...})' prints for it. */
static const char sample_text[] =
	"{\"identity_nw\": 0.9259259259259259, \"similarity_nw\": 0.3, \"alignment_score_nw\": "
	"124.0, "
	"\"gaps_pct_nw\": 0.037037037037037035, \"alignment_length_nw\": 27.0, \"length_query\": "
	"27, "
	"\"length_ref\": 26, \"identity_sw\": 1.0, \"similarity_sw\": 1e-07, "
	"\"alignment_score_sw\": -1073741824.0, \"gaps_pct_sw\": 0.0, \"alignment_length_sw\": "
	"5.0}";

static void the_key_names_texts_and_parameters(void **state)
{
	char key[ALIGN_KEY_TEXT];

	(void)state;
	align_cache_key("0123456789abcdef0123456789abcdef", "fedcba9876543210fedcba9876543210",
			key);
	assert_string_equal(key, "0123456789abcdef0123456789abcdef:fedcba9876543210fedcba9876543210"
				 ":10:1:blosum62");
}

static void a_value_is_written_as_python_writes_it(void **state)
{
	char text[VALUE_TEXT];
	struct align_values odd = sample;

	(void)state;
	assert_int_equal(align_cache_value_format(&sample, text, sizeof text), 0);
	assert_string_equal(text, sample_text);
	assert_int_equal(align_cache_value_format(&sample, text, strlen(sample_text) + 1), 0);
	assert_int_equal(align_cache_value_format(&sample, text, strlen(sample_text)), ERR_LIMIT);
	assert_int_equal(align_cache_value_format(&sample, text, 20), ERR_LIMIT);
	odd.identity_sw = (double)NAN;
	assert_int_equal(align_cache_value_format(&odd, text, sizeof text), ERR_ARG);
}

static void a_value_survives_the_round_trip(void **state)
{
	char text[VALUE_TEXT];

	(void)state;
	for (uint64_t i = 0; i < 3000; i++) {
		struct align_values v = values_of(i), back;

		assert_int_equal(align_cache_value_format(&v, text, sizeof text), 0);
		assert_int_equal(align_cache_value_parse(text, strlen(text), &back), 0);
		assert_memory_equal(&v, &back, sizeof v);
	}
}

static int parse(const char *text, struct align_values *v)
{
	return align_cache_value_parse(text, strlen(text), v);
}

static void any_order_and_spelling_is_read(void **state)
{
	struct align_values v;

	(void)state;
	assert_int_equal(
		parse(" {\"alignment_length_sw\":5,\"extra\":[1,{},{\"a\\\"b\":[null , "
		      "true]},\"x\"],\"gaps_pct_sw\":0e0,"
		      "\"alignment_score_sw\":-1.073741824E+9,\"similarity_sw\":0.1e-6,\"identity_"
		      "sw\":1,"
		      "\"length_ref\":26.0,\"length_query\":2.7e1,\"alignment_length_nw\":27,"
		      "\"gaps_pct_nw\":0.037037037037037035,\"alignment_score_nw\":124,"
		      "\"similarity_nw\":0.30000,\"identity_nw\":0.9259259259259259}\n",
		      &v),
		0);
	assert_memory_equal(&v, &sample, sizeof v);
}

/* Every way a number may be read gives the double that strtod() gives. */
static void numbers_are_those_of_the_c_library(void **state)
{
	uint64_t seed = 7;
	struct align_values v;
	char number[64], text[1024];

	(void)state;
	for (int i = 0; i < 200000; i++) {
		uint64_t x = splitmix(&seed), y = splitmix(&seed);
		int digits = (int)(x % 19), decimals = (int)(x >> 8 & 31) % (digits + 1);
		double want;

		if (i % 5 == 0)
			double_shortest((double)(x % 5000) / (double)(1 + y % 5000), number);
		else if (i % 5 == 1)
			snprintf(number, sizeof number, "%.*e", digits, (double)x * 0x1p-60);
		else
			snprintf(number, sizeof number, "%s%.*f", x >> 20 & 1 ? "-" : "", decimals,
				 (double)(y >> (x >> 32 & 63)) * (i % 5 == 2 ? 0x1p-40 : 0x1p-10));
		want = strtod(number, NULL);
		snprintf(text, sizeof text,
			 "{\"identity_nw\": %s, \"similarity_nw\": 1, \"alignment_score_nw\": 1,"
			 " \"gaps_pct_nw\": 1, \"alignment_length_nw\": 1, \"length_query\": 1,"
			 " \"length_ref\": 1, \"identity_sw\": 1, \"similarity_sw\": 1,"
			 " \"alignment_score_sw\": 1, \"gaps_pct_sw\": 1,"
			 " \"alignment_length_sw\": 1}",
			 number);
		assert_int_equal(align_cache_value_parse(text, strlen(text), &v), 0);
		if (memcmp(&v.identity_nw, &want, sizeof want) != 0)
			fail_msg("%s is read as %a, not %a", number, v.identity_nw, want);
	}
}

static void what_is_no_value_is_refused(void **state)
{
	static const char *const bad[] = {"",  "null", "[]",   "{}",
					  "{", "12",   "\xff", "{\"identity_nw\": 1.0}"};
	char text[VALUE_TEXT];
	struct align_values v = sample;

	(void)state;
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
		assert_int_equal(parse(bad[i], &v), ERR_FORMAT);
	for (size_t cut = 0; cut < strlen(sample_text); cut++)
		assert_int_equal(align_cache_value_parse(sample_text, cut, &v), ERR_FORMAT);
	snprintf(text, sizeof text, "%s x", sample_text);
	assert_int_equal(parse(text, &v), ERR_FORMAT);
	snprintf(text, sizeof text, "%s", sample_text);
	memcpy(strstr(text, "0.3,"), "null", 4); /* also drops a comma */
	assert_int_equal(parse(text, &v), ERR_FORMAT);
	snprintf(text, sizeof text, "%s", sample_text);
	memcpy(strstr(text, "124.0"), "\"124\"", 5);
	assert_int_equal(parse(text, &v), ERR_FORMAT);
	snprintf(text, sizeof text, "%s", sample_text);
	memcpy(strstr(text, "124.0"), "1e999", 5);
	assert_int_equal(parse(text, &v), ERR_FORMAT);
	assert_memory_equal(&v, &sample, sizeof v);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_key_names_texts_and_parameters),
		cmocka_unit_test(a_value_is_written_as_python_writes_it),
		cmocka_unit_test(a_value_survives_the_round_trip),
		cmocka_unit_test(any_order_and_spelling_is_read),
		cmocka_unit_test(numbers_are_those_of_the_c_library),
		cmocka_unit_test(what_is_no_value_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
