/* Numbers for people, at their edges, and sizes read back. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <string.h>

#include "prof/base/err.h"
#include "prof/base/units.h"

static char text[UNITS_TEXT];

static void times_have_three_digits_and_a_unit(void **state)
{
	(void)state;
	assert_string_equal(units_ns(text, 0), "0 ns");
	assert_string_equal(units_ns(text, 999), "999 ns");
	assert_string_equal(units_ns(text, 1000), "1 us");
	assert_string_equal(units_ns(text, 1240000), "1.24 ms");
	assert_string_equal(units_ns(text, 999400), "999 us");
	assert_string_equal(units_ns(text, 12345678901), "12.3 s");
	assert_string_equal(units_ns(text, 187000000000), "3 min 07 s");
	assert_string_equal(units_ns(text, 3600000000000), "1 h 00 min");
	assert_string_equal(units_ns(text, 7384000000000), "2 h 03 min");
	assert_string_equal(units_ns(text, -1240000), "-1.24 ms");
	assert_string_equal(units_ns(text, -187000000000), "-3 min 07 s");
}

/* No number of four digits or exponent where rounding crosses into the next unit. */
static void rounding_up_moves_to_the_next_unit(void **state)
{
	(void)state;
	assert_string_equal(units_ns(text, 999500), "1 ms");
	assert_string_equal(units_ns(text, 999999), "1 ms");
	assert_string_equal(units_ns(text, 999999999), "1 s");
	assert_string_equal(units_ns(text, 99999999999), "1 min 40 s");
	assert_string_equal(units_ns(text, 3599600000000), "1 h 00 min");
	for (int64_t ns = 1; ns > 0 && ns < INT64_MAX / 3; ns = ns * 3 / 2 + 1) {
		units_ns(text, ns);
		assert_null(strchr(text, 'e'));
		assert_true(strlen(text) < UNITS_TEXT);
	}
	units_ns(text, INT64_MIN);
	units_ns(text, INT64_MAX);
	assert_string_equal(text, "2562047 h 47 min");
}

static void bytes_count_by_1024(void **state)
{
	(void)state;
	assert_string_equal(units_bytes(text, 0), "0 B");
	assert_string_equal(units_bytes(text, 1023), "1023 B");
	assert_string_equal(units_bytes(text, 1024), "1.0 KiB");
	assert_string_equal(units_bytes(text, 1536), "1.5 KiB");
	assert_string_equal(units_bytes(text, (1 << 20) - 1), "1.0 MiB");
	assert_string_equal(units_bytes(text, UINT64_C(3) << 40), "3.0 TiB");
	assert_string_equal(units_bytes(text, UINT64_MAX), "16.0 EiB");
}

static void shares_and_counts(void **state)
{
	(void)state;
	assert_string_equal(units_pct(text, 1, 8), "12.5 %");
	assert_string_equal(units_pct(text, 1, 0), "-");
	assert_string_equal(units_count(text, 0), "0");
	assert_string_equal(units_count(text, 999), "999");
	assert_string_equal(units_count(text, 1000), "1,000");
	assert_string_equal(units_count(text, 459503), "459,503");
	assert_string_equal(units_count(text, UINT64_MAX), "18,446,744,073,709,551,615");
}

static void sizes_are_read_in_every_spelling(void **state)
{
	static const struct {
		const char *text;
		uint64_t bytes;
	} good[] = {
		{"0", 0},
		{"1048576", 1048576},
		{"64K", 65536},
		{"64k", 65536},
		{"64KiB", 65536},
		{"64 KiB", 65536},
		{"2GB", 2000000000},
		{"1.5GiB", 1610612736},
		{"512M", 512 << 20},
		{"1T", UINT64_C(1) << 40},
		{"100B", 100},
		{"8EiB", 0},
	};
	static const char *const bad[] = {"",    " ",     "x",         "-1",   "1X",    "1KK",
					  "1iB", "1KiBx", "nan",       "inf",  "1e300", "9e99T",
					  "B",   "--1",   "20000000T", "1 K B"};

	(void)state;
	for (size_t i = 0; i + 1 < sizeof good / sizeof *good; i++) {
		uint64_t bytes = 1;

		assert_int_equal(units_parse_bytes(good[i].text, &bytes), 0);
		assert_true(bytes == good[i].bytes);
	}
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		uint64_t bytes = 77;

		if (units_parse_bytes(bad[i], &bytes) != ERR_ARG)
			fail_msg("'%s' was taken for a size", bad[i]);
		assert_int_equal(bytes, 77);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(times_have_three_digits_and_a_unit),
		cmocka_unit_test(rounding_up_moves_to_the_next_unit),
		cmocka_unit_test(bytes_count_by_1024),
		cmocka_unit_test(shares_and_counts),
		cmocka_unit_test(sizes_are_read_in_every_spelling),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
