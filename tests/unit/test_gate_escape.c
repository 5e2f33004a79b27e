/* Foreign names in Markdown, XML, workflow commands and shells: nothing in them acts. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "prof/cli/gate_escape.h"

static char text[4096];

static const char *made(struct buf *b)
{
	assert_false(buf_failed(b));
	snprintf(text, sizeof text, "%s", buf_str(b));
	buf_release(b);
	return text;
}

static const char *code(const char *name, int room)
{
	struct buf b = BUF_INIT;

	gate_put_code(&b, name, room);
	return made(&b);
}

static const char *words(const char *name)
{
	struct buf b = BUF_INIT;

	gate_put_words(&b, name);
	return made(&b);
}

static const char *xml(const char *name)
{
	struct buf b = BUF_INIT;

	gate_put_xml(&b, name);
	return made(&b);
}

static const char *command(const char *name, int property)
{
	struct buf b = BUF_INIT;

	gate_put_command(&b, name, property);
	return made(&b);
}

static const char *shell(const char *name)
{
	struct buf b = BUF_INIT;

	gate_put_shell(&b, name);
	return made(&b);
}

static const char *plain(const char *name)
{
	struct buf b = BUF_INIT;

	gate_put_plain(&b, name);
	return made(&b);
}

static void names_are_code(void **state)
{
	(void)state;
	assert_string_equal(code("std::sort<int>(a, b)", 0), "`std::sort<int>(a, b)`");
	assert_string_equal(code("a|b", 0), "<code>a&#124;b</code>");
	assert_string_equal(code("a`b", 0), "<code>a&#96;b</code>");
	assert_string_equal(code("a\\", 0), "<code>a&#92;</code>");
	assert_string_equal(code("", 0), "<code></code>");
	assert_string_equal(code(" a", 0), "<code> a</code>");
	assert_string_equal(code("a\nb", 0), "`a?b`");
	assert_string_equal(code("a`<script>", 0), "<code>a&#96;&#60;script&#62;</code>");
	assert_string_equal(code("\xff\x1b[31m", 0), "`\xef\xbf\xbd?[31m`");
	assert_string_equal(code("0123456789abcdef", 9), "`0123…cdef`");
	assert_string_equal(code("äöüßäöüßäöüß", 9), "`äöüß…äöüß`");
}

static void words_are_not_markup(void **state)
{
	(void)state;
	assert_string_equal(words("wall time rose by 5 %, and 2 more"),
			    "wall time rose by 5 %, and 2 more");
	assert_string_equal(words("the 3 runs of /srv/a_b.sqlite, 21:10:33 UTC"),
			    "the 3 runs of /srv/a_b.sqlite, 21:10:33 UTC");
	assert_string_equal(words("@someone #12 !3"), "&#64;someone &#35;12 &#33;3");
	assert_string_equal(words("see https://x.org www.x.org"),
			    "see https&#58;&#47;&#47;x.org www&#46;x.org");
	assert_string_equal(words("*a* _b_ ~c~ `d` <e> [f](g) |"),
			    "&#42;a&#42; &#95;b&#95; &#126;c&#126; &#96;d&#96; &#60;e&#62; "
			    "&#91;f&#93;(g) &#124;");
	assert_string_equal(words("# head"), "&#35; head");
	assert_string_equal(words("- item"), "&#45; item");
	assert_string_equal(words("a&lt;b"), "a&#38;lt;b");
	assert_string_equal(words("a\r\nb"), "a??b");
	assert_string_equal(words(":smile:"), "&#58;smile:");
}

static void xml_is_text(void **state)
{
	(void)state;
	assert_string_equal(xml("a<b>&\"'"), "a&lt;b&gt;&amp;&quot;&apos;");
	assert_string_equal(xml("]]>"), "]]&gt;");
	assert_string_equal(xml("a\nb\x01"), "a?b?");
	assert_string_equal(xml("\xef\xbf\xbe\xef\xbf\xbf"), "\xef\xbf\xbd\xef\xbf\xbd");
	assert_string_equal(xml("\xed\xa0\x80"), "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd");
}

static void commands_stay_one_line(void **state)
{
	(void)state;
	assert_string_equal(command("100%: a,b", 0), "100%25: a,b");
	assert_string_equal(command("100%: a,b", 1), "100%25%3A a%2Cb");
	assert_string_equal(command("a\n::stop-commands::x", 0), "a?::stop-commands::x");
	assert_string_equal(command("##[error]x", 0), "## [error]x");
	assert_string_equal(plain("a ##[group]b"), "a ## [group]b");
	assert_string_equal(plain("\x1b]0;x\a"), "?]0;x?");
}

/* What a shell makes of it is the name again. */
static void check_shell(const char *name)
{
	char line[1024], got[1024] = "";
	size_t n;
	FILE *in;

	snprintf(line, sizeof line, "bash -c \"$(cat <<'END'\nprintf %%s %s\nEND\n)\"",
		 shell(name));
	in = popen(line, "r");
	assert_non_null(in);
	n = fread(got, 1, sizeof got - 1, in);
	got[n] = '\0';
	assert_int_equal(pclose(in), 0);
	assert_string_equal(got, name);
}

static void shells_get_it_back(void **state)
{
	static const char *const names[] = {
		"plain-name_1.2", "two words",   "it's",         "$(id)",
		"`id`",           "a;b|c&d>e<f", "\\n\\\\",      "tab\there",
		"line\nbreak",    "\x1b[31mred", "\xff\xfe\x80", "äöü 'x'",
		"##[error]x",     "##[a\n##[",   "-n",           "#x",
		"*?[a]",          "a\0011"};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof names / sizeof *names; i++)
		check_shell(names[i]);
	assert_string_equal(shell(""), "''");
	assert_string_equal(shell("before"), "before");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names_are_code),     cmocka_unit_test(words_are_not_markup),
		cmocka_unit_test(xml_is_text),        cmocka_unit_test(commands_stay_one_line),
		cmocka_unit_test(shells_get_it_back),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
