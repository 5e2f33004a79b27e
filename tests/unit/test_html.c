/* Foreign text as HTML: nothing of it is markup, invisible, or no UTF-8. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "prof/base/hash.h"
#include "viewer/html.h"

static void is(const char *text, size_t n, const char *want)
{
	struct buf b = BUF_INIT;

	html_text(&b, text, n);
	assert_int_equal(buf_failed(&b), 0);
	assert_string_equal(buf_str(&b), want);
	buf_release(&b);
}

static void test_markup(void **state)
{
	(void)state;
	is("", 0, "");
	is("plain", 5, "plain");
	is("<b>&\"'x", 7, "&lt;b&gt;&amp;&quot;&#39;x");
	is("</script><!--", 13, "&lt;/script&gt;&lt;!--");
}

static void test_hidden(void **state)
{
	(void)state;
	is("a\0b", 3,
	   "a\xe2\x90\x80"
	   "b");
	is("\n\x1b", 2, "\xe2\x90\x8a\xe2\x90\x9b");
	is("\x7f", 1, "\\u{7f}");
	is("\xe2\x80\xae", 3, "\\u{202e}");
	is("\xef\xbb\xbf", 3, "\\u{feff}");
	is("\xcd\x8f", 2, "\\u{34f}");
	is("\xe1\x85\x9f", 3, "\\u{115f}");
	is("\xe1\xa0\x8e", 3, "\\u{180e}");
	is("\xe2\xa0\x80", 3, "\\u{2800}");
	is("\xe3\x85\xa4", 3, "\\u{3164}");
	is("\xef\xbe\xa0", 3, "\\u{ffa0}");
	is("\xf3\xa0\x80\x80", 4, "\\u{e0000}");
	is("\xf3\xa0\x81\xbf", 4, "\\u{e007f}");
	is("\xe2\xa0\x81\xe3\x85\xa5", 6, "\xe2\xa0\x81\xe3\x85\xa5"); /* their neighbours */
}

static void test_utf8(void **state)
{
	(void)state;
	is("\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80", 9, "\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80");
	is("\xff", 1, "\xef\xbf\xbd");
	is("\xc0\xbc", 2, "\xef\xbf\xbd\xef\xbf\xbd");                 /* '<' too long */
	is("\xed\xa0\x80", 3, "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd"); /* a surrogate */
	is("\xf4\x90\x80\x80", 4, "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd");
	is("\xe2\x82", 2, "\xef\xbf\xbd\xef\xbf\xbd"); /* cut */
	is("\xe2<", 2, "\xef\xbf\xbd&lt;");
}

/* Whatever the bytes are, none of the signs of HTML comes through but in our own references. */
static void test_any_bytes(void **state)
{
	static const char *const ours[] = {"&amp;", "&lt;", "&gt;", "&quot;", "&#39;"};
	char bytes[64];
	uint64_t r = 1;
	int round;

	(void)state;
	for (round = 0; round < 20000; round++) {
		struct buf b = BUF_INIT;
		const char *at;
		size_t i;

		for (i = 0; i < sizeof bytes; i++) {
			r = hash_u64(r + i);
			bytes[i] = (char)(r % 3 ? r >> 8 : (uint64_t) "<>&\"'"[r % 5]);
		}
		html_text(&b, bytes, sizeof bytes);
		for (at = buf_str(&b); *at; at++) {
			size_t k, len = 0;

			assert_true((unsigned char)*at >= 0x20);
			assert_null(strchr("<>\"'", *at));
			if (*at != '&')
				continue;
			for (k = 0; k < sizeof ours / sizeof ours[0] && !len; k++)
				if (strncmp(at, ours[k], strlen(ours[k])) == 0)
					len = strlen(ours[k]);
			assert_true(len > 0);
		}
		buf_release(&b);
	}
}

static void test_name(void **state)
{
	struct buf b = BUF_INIT;

	(void)state;
	html_name(&b, " \t\n", 3);
	html_name(&b, "<i>", 3);
	assert_string_equal(buf_str(&b), "<bdi>(no name)</bdi><bdi>&lt;i&gt;</bdi>");
	buf_release(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_markup), cmocka_unit_test(test_hidden),
		cmocka_unit_test(test_utf8),   cmocka_unit_test(test_any_bytes),
		cmocka_unit_test(test_name),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
