/* Texts found by one look: the same numbers as the dictionary gives. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "pipeline/ontology/shortnames.h"
#include "tests/unit/numbers.h"

/* A text of up to 20 letters; few of them, so that some come again. */
static size_t make(char text[32], uint64_t *seed)
{
	uint64_t x = splitmix(seed);
	size_t n = x % 21, i;

	for (i = 0; i < n; i++)
		text[i] = (char)('A' + (splitmix(seed) & (n < 4 ? 1 : 15)));
	text[n] = '\0';
	return n;
}

static void same(const struct dict *d, const struct shortnames *s)
{
	uint64_t seed = 3;
	char text[32];
	size_t n;

	for (uint32_t i = 0; i < d->count; i++)
		assert_int_equal(shortnames_find(s, d->text[i], d->len[i]), i);
	for (int i = 0; i < 5000; i++) {
		n = make(text, &seed);
		assert_int_equal(shortnames_find(s, text, n), dict_find(d, text, n));
	}
}

static void numbers_are_those_of_the_dictionary(void **state)
{
	struct dict d = DICT_INIT;
	struct shortnames s;
	uint64_t seed = 1;
	char text[32];

	(void)state;
	shortnames_make(&s, &d);
	same(&d, &s);
	shortnames_release(&s);
	for (int i = 0; i < 3000; i++) {
		size_t n = make(text, &seed);

		assert_int_not_equal(dict_intern(&d, text, n), DICT_NONE);
	}
	shortnames_make(&s, &d);
	same(&d, &s);
	free(s.slot); /* as when there is no memory */
	s.slot = NULL;
	same(&d, &s);
	shortnames_release(&s);
	dict_release(&d);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(numbers_are_those_of_the_dictionary),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
