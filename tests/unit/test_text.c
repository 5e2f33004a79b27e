/* UUIDs, stamps, decimals as Python spells them, clean UTF-8. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <inttypes.h>
#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "pipeline/core/text.h"

static void uuids_become_lower_case(void **state)
{
	char out[UUID_TEXT] = "old";

	(void)state;
	assert_int_equal(uuid_normalise("500A0C59-be09-424D-9d51-b7997629C95A", out), 0);
	assert_string_equal(out, "500a0c59-be09-424d-9d51-b7997629c95a");
}

static void what_is_no_uuid_is_refused_and_nothing_written(void **state)
{
	static const char *const bad[] = {
		"",
		"500a0c59-be09-424d-9d51-b7997629c95",
		"500a0c59-be09-424d-9d51-b7997629c95a0",
		"500a0c59-be09-424d-9d51-b7997629c95g",
		"500a0c59xbe09-424d-9d51-b7997629c95a",
		"500a0c59be09424d9d51b7997629c95a",
		"{500a0c59-be09-424d-9d51-b7997629c95a}",
		" 500a0c59-be09-424d-9d51-b7997629c95",
		"-00a0c59-be09-424d-9d51-b7997629c95a",
	};
	char out[UUID_TEXT] = "old";
	size_t i;

	(void)state;
	for (i = 0; i < sizeof bad / sizeof bad[0]; i++)
		assert_int_equal(uuid_normalise(bad[i], out), ERR_ARG);
	assert_string_equal(out, "old");
}

static void random_uuids_are_version_4_and_differ(void **state)
{
	char a[UUID_TEXT], b[UUID_TEXT], again[UUID_TEXT];

	(void)state;
	assert_int_equal(uuid_random(a), 0);
	assert_int_equal(uuid_random(b), 0);
	assert_string_not_equal(a, b);
	assert_int_equal(uuid_normalise(a, again), 0);
	assert_string_equal(a, again);
	assert_int_equal(a[14], '4');
	assert_non_null(strchr("89ab", a[19]));
}

/* ---- stamps ----------------------------------------------------------------------------------- */

static void stamps_are_written_in_utc(void **state)
{
	char out[STAMP_TEXT];

	(void)state;
	setenv("TZ", "America/New_York", 1); /* must not matter */
	stamp_format(0, out);
	assert_string_equal(out, "1970-01-01T00:00:00.000000Z");
	stamp_format(1795235116123456789, out);
	assert_string_equal(out, "2026-11-21T04:25:16.123456Z");
	stamp_format(-1, out);
	assert_string_equal(out, "1969-12-31T23:59:59.999999Z");
	stamp_format(INT64_MAX, out);
	assert_string_equal(out, "2262-04-11T23:47:16.854775Z");
	stamp_format(INT64_MIN, out);
	assert_string_equal(out, "1677-09-21T00:12:43.145224Z");
	unsetenv("TZ");
}

static void stamps_are_read_as_instants(void **state)
{
	static const struct {
		const char *text;
		int64_t ns;
	} good[] = {
		{"2026-11-21T04:25:16.123456Z", 1795235116123456000},
		{"2026-11-21 04:25:16", 1795235116000000000},
		{"2026-11-21T04:25:16Z", 1795235116000000000},
		{"2026-11-21T05:25:16+01:00", 1795235116000000000},
		{"2026-11-20 22:55:16.5-05:30", 1795235116500000000},
		{"2026-11-21T04:25:16.1234567899Z", 1795235116123456789},
		{"2024-02-29T00:00:00Z", 1709164800000000000},
		{"1969-12-31T23:59:59.5Z", -500000000},
	};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof good / sizeof good[0]; i++) {
		int64_t ns = -7;

		assert_int_equal(stamp_parse(good[i].text, &ns), 0);
		if (ns != good[i].ns)
			fail_msg("%s: %" PRId64, good[i].text, ns);
	}
}

static void what_is_no_stamp_is_refused(void **state)
{
	static const char *const bad[] = {
		"",
		"2026",
		"2026-11-21",
		"2026-11-21T04:25",
		"2026-13-01T00:00:00Z",
		"2026-00-01T00:00:00Z",
		"2025-02-29T00:00:00Z",
		"2026-11-31T00:00:00Z",
		"2026-11-21T24:00:00Z",
		"2026-11-21T04:60:16Z",
		"2026-11-21T04:25:60Z",
		"2026-11-21T04:25:16.Z",
		"2026-11-21T04:25:16z",
		"2026-11-21T04:25:16ZZ",
		"2026-11-21T04:25:16+1:00",
		"2026-11-21T04:25:16+24:00",
		"2026-11-21T04:25:16+01:60",
		"2026-11-21T04:25:16+0100",
		"2026-11-21x04:25:16Z",
		"+026-11-21T04:25:16Z",
		" 2026-11-21T04:25:16Z",
		"2026-11-21T04:25:16Z ",
		"9999-01-01T00:00:00Z", /* beyond int64 nanoseconds */
		"1500-01-01T00:00:00Z",
		"0000-01-01T00:00:00Z",
	};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof bad / sizeof bad[0]; i++) {
		int64_t ns = -7;

		if (stamp_parse(bad[i], &ns) != ERR_FORMAT || ns != -7)
			fail_msg("accepted %s", bad[i]);
	}
}

static void a_stamp_survives_text(void **state)
{
	int64_t ns, back;
	char out[STAMP_TEXT];

	(void)state;
	for (ns = -9e18; ns < (int64_t)9e18; ns += 12345678901234567) {
		int64_t us = ns - ((ns % 1000) + 1000) % 1000;

		stamp_format(ns, out);
		assert_int_equal(stamp_parse(out, &back), 0);
		assert_true(back == us);
	}
}

/* ---- decimals --------------------------------------------------------------------------------- */

static void doubles_are_spelled_as_python_does(void **state)
{
	FILE *f = fopen("tests/golden/text/doubles.txt", "r");
	char want[64], got[DOUBLE_TEXT];
	uint64_t bits;
	size_t n = 0;

	(void)state;
	assert_non_null(f);
	while (fscanf(f, "%16" SCNx64 " %63s", &bits, want) == 2) {
		double v;

		memcpy(&v, &bits, sizeof v);
		double_shortest(v, got);
		assert_string_equal(got, want);
		n++;
	}
	fclose(f);
	assert_true(n > 2000);
}

static void the_locale_changes_no_decimal(void **state)
{
	static const char *const names[] = {"de_DE.UTF-8", "de_DE.utf8", "fr_FR.UTF-8"};
	char got[DOUBLE_TEXT];
	size_t i;

	(void)state;
	for (i = 0; i < sizeof names / sizeof names[0]; i++)
		if (setlocale(LC_ALL, names[i]))
			break;
	double_shortest(1234.5678, got);
	assert_string_equal(got, "1234.5678");
	setlocale(LC_ALL, "C");
	if (i == sizeof names / sizeof names[0])
		skip(); /* no locale with a decimal comma here */
}

/* ---- UTF-8 ------------------------------------------------------------------------------------ */

static void bytes_that_are_no_utf8_become_question_marks(void **state)
{
	static const struct {
		const char *text, *want;
	} cases[] = {
		{"", ""},
		{"caf\xc3\xa9 \xe4\xb8\xad \xf0\x9f\xa7\xac",
		 "caf\xc3\xa9 \xe4\xb8\xad \xf0\x9f\xa7\xac"},
		{"a\xff"
		 "b",
		 "a?b"},
		{"cut \xe4\xb8", "cut ??"},
		{"\xc0\xaf", "??"}, /* overlong */
		{"\xe0\x80\xaf", "???"},
		{"\xed\xa0\x80", "???"},      /* a surrogate */
		{"\xf4\x90\x80\x80", "????"}, /* beyond U+10FFFF */
		{"\xef\xbf\xbd", "\xef\xbf\xbd"},
	};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		char *got = text_utf8(cases[i].text);
		json_t *taken;

		assert_non_null(got);
		assert_string_equal(got, cases[i].want);
		taken = json_string(got);
		assert_non_null(taken); /* jansson takes it */
		json_decref(taken);
		free(got);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(uuids_become_lower_case),
		cmocka_unit_test(what_is_no_uuid_is_refused_and_nothing_written),
		cmocka_unit_test(random_uuids_are_version_4_and_differ),
		cmocka_unit_test(stamps_are_written_in_utc),
		cmocka_unit_test(stamps_are_read_as_instants),
		cmocka_unit_test(what_is_no_stamp_is_refused),
		cmocka_unit_test(a_stamp_survives_text),
		cmocka_unit_test(doubles_are_spelled_as_python_does),
		cmocka_unit_test(the_locale_changes_no_decimal),
		cmocka_unit_test(bytes_that_are_no_utf8_become_question_marks),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
