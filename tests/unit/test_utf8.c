/* Which bytes are UTF-8: every character there is, every beginning of one, and how many of all short strings of
 * bytes are one (RFC 3629). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "prof/base/utf8.h"

#define MARK 0xfffffffeu

static size_t encode(uint32_t c, char *to)
{
	size_t n = c < 0x80 ? 1 : c < 0x800 ? 2 : c < 0x10000 ? 3 : 4, i;

	for (i = n; i-- > 1; c >>= 6)
		to[i] = (char)(0x80 | (c & 0x3f));
	to[0] = (char)(n == 1 ? c : (0xf00u >> n) | c);
	return n;
}

static void every_character_is_one(void **state)
{
	char bytes[8];
	uint32_t c, code;

	(void)state;
	for (c = 0; c <= 0x10ffff; c++) {
		size_t n = encode(c, bytes);
		int half = c >= 0xd800 && c < 0xe000;

		code = MARK;
		assert_int_equal(utf8_length(bytes, n), half ? 0 : n);
		assert_int_equal(utf8_take(bytes, n, &code), half ? 0 : n);
		assert_int_equal(code, half ? MARK : c);
		for (size_t cut = 1; cut < n; cut++)
			assert_int_equal(utf8_length(bytes, cut), 0);
	}
}

/* Of all strings of `n` bytes, how many are one character of that length? */
static size_t characters(size_t n)
{
	unsigned char bytes[4];
	uint64_t all = 1ull << (8 * (n < 4 ? n : 3)), i, found = 0;
	unsigned last, step = n < 4 ? 256 : 1;

	for (i = 0; i < all; i++) {
		bytes[0] = (unsigned char)i;
		bytes[1] = (unsigned char)(i >> 8);
		bytes[2] = (unsigned char)(i >> 16);
		if (n == 4 && bytes[0] < 0xf0)
			continue;
		for (last = 0; last < 256; last += step) {
			bytes[3] = (unsigned char)last;
			found += utf8_length((const char *)bytes, n) == n;
		}
	}
	return found;
}

static void nothing_else_is_one(void **state)
{
	(void)state;
	assert_int_equal(characters(1), 0x80);
	assert_int_equal(characters(2), 0x800 - 0x80);
	assert_int_equal(characters(3), 0x10000 - 0x800 - 0x800);
	assert_int_equal(characters(4), 0x100000);
}

static void a_text_is_valid_as_a_whole(void **state)
{
	static const char good[] = "a\xc3\xa4\xe2\x82\xac\xf0\x9f\x8d\xb5\0z";

	(void)state;
	assert_true(utf8_valid(good, sizeof good - 1));
	assert_true(utf8_valid("", 0));
	assert_false(utf8_valid(good, 9));
	assert_false(utf8_valid("a\xff", 2));
	assert_true(utf8_valid("a\xff", 1));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_character_is_one),
		cmocka_unit_test(nothing_else_is_one),
		cmocka_unit_test(a_text_is_valid_as_a_whole),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
