/* Any bytes as UTF-8 without NUL, and back: what is plain goes as it is, all else comes back as it was. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <stdint.h>
#include <string.h>

#include "prof/base/utf8.h"
#include "prof/exchange/oddtext.h"

/* `from` goes as `to` and comes back. */
static void goes_as(const char *from, size_t n, const char *to, size_t to_n)
{
	struct buf out = BUF_INIT;

	assert_int_equal(oddtext_put(&out, from, n), 0);
	assert_int_equal(out.len, to_n);
	if (to_n)
		assert_memory_equal(out.data, to, to_n);
	assert_int_equal(oddtext_is_plain(from, n), n == to_n);
	assert_true(n == to_n || !oddtext_is_plain(out.data, out.len));
	assert_int_equal(n ? oddtext_back(out.data, out.len) : 0, n);
	if (n)
		assert_memory_equal(out.data, from, n);
	buf_release(&out);
}
#define GOES_AS(from, to) goes_as(from, sizeof from - 1, to, sizeof to - 1)

static void sound_text_goes_as_it_is(void **state)
{
	(void)state;
	GOES_AS("", "");
	GOES_AS("main", "main");
	GOES_AS("\x01\t\n\x7f", "\x01\t\n\x7f");
	GOES_AS("\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80", "\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80");
	GOES_AS("\xf4\x8f\xbb\xbf", "\xf4\x8f\xbb\xbf"); /* U+10FEFF, the last below the block */
	GOES_AS("\xed\x9f\xbf\xee\x80\x80", "\xed\x9f\xbf\xee\x80\x80");
}

static void odd_bytes_go_as_characters_of_the_block(void **state)
{
	(void)state;
	goes_as("a\0b", 3,
		"a\xf4\x8f\xbc\x80"
		"b",
		6);
	GOES_AS("\xff", "\xf4\x8f\xbf\xbf");
	GOES_AS("\x80", "\xf4\x8f\xbe\x80");
	GOES_AS("\xc3", "\xf4\x8f\xbf\x83");                                         /* cut off */
	GOES_AS("\xc0\xaf", "\xf4\x8f\xbf\x80\xf4\x8f\xbe\xaf");                     /* overlong */
	GOES_AS("\xed\xa0\x80", "\xf4\x8f\xbf\xad\xf4\x8f\xbe\xa0\xf4\x8f\xbe\x80"); /* surrogate */
	GOES_AS("\xc3\xa9\xff\xc3\xa9", "\xc3\xa9\xf4\x8f\xbf\xbf\xc3\xa9");
}

/* Otherwise a text that has such a character would come back as another one. */
static void characters_of_the_block_go_byte_by_byte(void **state)
{
	(void)state;
	GOES_AS("\xf4\x8f\xbc\x80",
		"\xf4\x8f\xbf\xb4\xf4\x8f\xbe\x8f\xf4\x8f\xbe\xbc\xf4\x8f\xbe\x80");
	GOES_AS("\xf4\x8f\xbf\xbf",
		"\xf4\x8f\xbf\xb4\xf4\x8f\xbe\x8f\xf4\x8f\xbe\xbf\xf4\x8f\xbe\xbf");
}

static void every_pair_of_bytes_comes_back(void **state)
{
	char text[2], *start;
	struct buf out = BUF_INIT;
	int a, b;

	(void)state;
	for (a = 0; a < 256; a++)
		for (b = 0; b < 256; b++) {
			text[0] = (char)a;
			text[1] = (char)b;
			buf_clear(&out);
			assert_int_equal(oddtext_put(&out, text, 2), 0);
			start = out.data;
			assert_true(utf8_valid(start, out.len));
			assert_null(memchr(start, 0, out.len));
			assert_int_equal(oddtext_back(start, out.len), 2);
			assert_memory_equal(start, text, 2);
		}
	buf_release(&out);
}

/* Of a foreign database: what no sender wrote stays what it is, and nothing grows. */
static void foreign_texts_do_not_grow(void **state)
{
	char cut[] = "a\xf4\x8f\xbc", below[] = "\xf4\x8f\xbb\xbf", half[] = "\xf4\x8f\xbc\x41";

	(void)state;
	assert_int_equal(oddtext_back(cut, 4), 4);
	assert_string_equal(cut, "a\xf4\x8f\xbc");
	assert_int_equal(oddtext_back(below, 4), 4);
	assert_string_equal(below, "\xf4\x8f\xbb\xbf");
	assert_int_equal(oddtext_back(half, 4), 4);
	assert_string_equal(half, "\xf4\x8f\xbc\x41");
	assert_int_equal(oddtext_back(half, 0), 0);
}

static void a_full_buffer_says_so(void **state)
{
	struct buf out;

	(void)state;
	buf_init(&out, 6);
	assert_int_not_equal(oddtext_put(&out, "\xff\xff", 2), 0);
	assert_int_not_equal(buf_failed(&out), 0);
	assert_true(out.len <= 6);
	buf_release(&out);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sound_text_goes_as_it_is),
		cmocka_unit_test(odd_bytes_go_as_characters_of_the_block),
		cmocka_unit_test(characters_of_the_block_go_byte_by_byte),
		cmocka_unit_test(every_pair_of_bytes_comes_back),
		cmocka_unit_test(foreign_texts_do_not_grow),
		cmocka_unit_test(a_full_buffer_says_so),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
