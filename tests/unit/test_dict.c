/* Strings once: dense ids in order of appearance. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "pipeline/core/dict.h"

static void ids_follow_the_first_appearance(void **state)
{
	struct dict d = DICT_INIT;

	(void)state;
	assert_int_equal(dict_intern(&d, "P12345", 6), 0);
	assert_int_equal(dict_intern(&d, "A0A", 3), 1);
	assert_int_equal(dict_intern(&d, "P12345", 6), 0);
	assert_int_equal(dict_intern(&d, "", 0), 2);
	assert_int_equal(dict_intern(&d, NULL, 0), 2);
	assert_int_equal(d.count, 3);
	assert_string_equal(dict_text(&d, 1), "A0A");
	assert_string_equal(dict_text(&d, 2), "");
	dict_release(&d);
	assert_int_equal(d.count, 0);
}

static void texts_are_bytes_with_a_length(void **state)
{
	struct dict d = DICT_INIT;

	(void)state;
	assert_int_equal(dict_intern(&d, "a\0b", 3), 0);
	assert_int_equal(dict_intern(&d, "a", 1), 1);
	assert_int_equal(dict_intern(&d, "A", 1), 2);
	assert_int_equal(dict_find(&d, "a\0b", 3), 0);
	assert_int_equal(dict_find(&d, "a\0c", 3), DICT_NONE);
	assert_int_equal(d.len[0], 3);
	assert_memory_equal(dict_text(&d, 0), "a\0b", 4); /* and a NUL */
	dict_release(&d);
}

static void an_empty_dictionary_has_nothing(void **state)
{
	struct dict d = DICT_INIT;

	(void)state;
	assert_int_equal(dict_find(&d, "x", 1), DICT_NONE);
	dict_release(&d);
}

static void two_hundred_thousand_texts_are_found_again(void **state)
{
	struct dict d = DICT_INIT;
	char text[32];
	uint32_t i;

	(void)state;
	for (i = 0; i < 200000; i++) {
		int n = snprintf(text, sizeof text, "GO:%07u", i * 7919u);

		assert_int_equal(dict_intern(&d, text, (size_t)n), i);
	}
	for (i = 0; i < 200000; i++) {
		int n = snprintf(text, sizeof text, "GO:%07u", i * 7919u);

		assert_int_equal(dict_find(&d, text, (size_t)n), i);
		assert_string_equal(dict_text(&d, i), text);
	}
	assert_int_equal(dict_find(&d, "GO:", 3), DICT_NONE);
	dict_release(&d);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(ids_follow_the_first_appearance),
		cmocka_unit_test(texts_are_bytes_with_a_length),
		cmocka_unit_test(an_empty_dictionary_has_nothing),
		cmocka_unit_test(two_hundred_thousand_texts_are_found_again),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
