/* Readable names: C++ and Rust as their own tools print them, everything else as it is, and names made to
 * hurt. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "prof/symbol/symbol.h"
#include "prof/symbol/text.h"

static void assert_name(const char *mangled, const char *want)
{
	char *got = symbol_demangle(mangled);

	assert_non_null(got);
	assert_string_equal(got, want);
	free(got);
}

static void cpp_names_are_what_cppfilt_prints(void **state)
{
	(void)state;
	assert_name("_Z3foov", "foo()");
	assert_name("_ZN6shapes3BoxIiLi3EEplERKS1_",
		    "shapes::Box<int, 3>::operator+(shapes::Box<int, 3> const&)");
	assert_name("_ZNSt6vectorIiSaIiEE9push_backEOi",
		    "std::vector<int, std::allocator<int> >::push_back(int&&)");
	assert_name("_ZZ4mainENKUliE_clEi", "main::{lambda(int)#1}::operator()(int) const");
	assert_name("_ZTV4Base", "vtable for Base");
	assert_name("_Z3foov.cold", "foo() [clone .cold]");
	assert_name("_Z3foov.constprop.0.isra.1", "foo() [clone .constprop.0] [clone .isra.1]");
}

static void rust_names_of_both_kinds_lose_their_hash(void **state)
{
	(void)state;
	assert_name("_ZN4core3fmt9Formatter3pad17h0123456789abcdefE", "core::fmt::Formatter::pad");
	assert_name("_ZN71_$LT$Test$u20$$u2b$$u20$$u27$static$u20$as$u20$foo..Bar$LT$Test$GT$$GT$"
		    "3bar17h930b740aa94f1d3aE",
		    "<Test + 'static as foo::Bar<Test>>::bar");
	assert_name("_RNvCs1234_7mycrate3foo", "mycrate::foo");
	assert_name("_RNvNtCs1234_7mycrate3mod3foo", "mycrate::mod::foo");
}

static void other_names_stay(void **state)
{
	(void)state;
	assert_name("main", "main");
	assert_name("_start", "_start");
	assert_name("_Z", "_Z");
	assert_name("_Zzzz", "_Zzzz");
	assert_name("_R", "_R");
	assert_name("", "");
	assert_name("a \"quoted\"</script>\n;", "a \"quoted\"</script>\n;");
	assert_name("camlStdlib__List__map_231", "camlStdlib__List__map_231");
}

static void invalid_text_becomes_valid(void **state)
{
	(void)state;
	assert_name("a\xff"
		    "b",
		    "a\xef\xbf\xbd"
		    "b");
	assert_name("\xc3\xa9t\xc3\xa9", "\xc3\xa9t\xc3\xa9");
	assert_name("\xc3", "\xef\xbf\xbd");
	assert_name("\xed\xa0\x80", "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd");
	assert_name("\xf0\x9f\x94\xa5", "\xf0\x9f\x94\xa5");
	assert_name("\xc0\x80x", "\xef\xbf\xbd\xef\xbf\xbdx");
}

/* f(pair<T,T>) with T a pair of pairs …: two to the power of `n` names out of a few bytes. */
static char *exponential(int n)
{
	struct buf b = BUF_INIT;

	buf_puts(&b, "_Z1fI1P");
	buf_puts(&b, "IiiE");
	for (int i = 0; i < n; i++) {
		static const char digits[] = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ";
		const char ref[] = {'S', digits[i + 1], '_', 0};

		buf_printf(&b, "S0_I%s%sE", ref, ref);
	}
	buf_puts(&b, "Evv");
	return buf_steal(&b, NULL);
}

static void names_that_explode_are_cut(void **state)
{
	char *name = exponential(34), *got;

	(void)state;
	assert_non_null(name);
	got = symbol_demangle(name);
	assert_non_null(got);
	assert_true(strlen(got) <= TEXT_NAME_MAX);
	assert_true(strlen(got) > TEXT_NAME_MAX - 16);
	assert_memory_equal(got, "void f<P<int, int>, P<P<int, int>, P<int, int> >, ", 50);
	free(got);
	free(name);
}

static void huge_names_are_cut_with_a_mark(void **state)
{
	const size_t n = (size_t)10 << 20;
	char *name = malloc(n + 1), *got;
	size_t len;

	(void)state;
	assert_non_null(name);
	memset(name, 'x', n);
	name[n] = 0;
	got = symbol_demangle(name);
	len = strlen(got);
	assert_true(len <= TEXT_NAME_MAX);
	assert_true(len > TEXT_NAME_MAX - 16);
	assert_string_equal(got + len - 3, "\xe2\x80\xa6");
	free(got);
	free(name);
}

static void long_names_of_templates_are_still_readable(void **state)
{
	struct buf b = BUF_INIT;
	char *got;

	(void)state;
	buf_puts(&b, "_Z1fI");
	for (int i = 0; i < 900; i++)
		buf_puts(&b, "4Name");
	buf_puts(&b, "Evv");
	got = symbol_demangle(buf_str(&b));
	assert_memory_equal(got, "void f<Name, Name, ", 19);
	assert_int_equal(strlen(got), 900 * 6 - 2 + strlen("void f<>()"));
	free(got);
	buf_release(&b);
}

/* Thousands of pointers to pointers: deeper than any stack would like. */
static void deep_names_do_no_harm(void **state)
{
	static const char *const units[] = {"P", "1AI", "DpT_", "X", "F", "N1a"};
	struct buf b = BUF_INIT;

	(void)state;
	for (size_t k = 0; k < sizeof units / sizeof *units; k++) {
		char *got;

		buf_clear(&b);
		buf_puts(&b, "_Z1f");
		while (b.len + 8 < 16384)
			buf_puts(&b, units[k]);
		buf_puts(&b, "i");
		got = symbol_demangle(buf_str(&b));
		assert_non_null(got);
		assert_true(got[0] != 0);
		free(got);
	}
	buf_release(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(cpp_names_are_what_cppfilt_prints),
		cmocka_unit_test(rust_names_of_both_kinds_lose_their_hash),
		cmocka_unit_test(other_names_stay),
		cmocka_unit_test(invalid_text_becomes_valid),
		cmocka_unit_test(names_that_explode_are_cut),
		cmocka_unit_test(huge_names_are_cut_with_a_mark),
		cmocka_unit_test(long_names_of_templates_are_still_readable),
		cmocka_unit_test(deep_names_do_no_harm),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
