/* Which runs are meant: dates, how long ago, labels. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <stdint.h>
#include <string.h>

#include "prof/base/clock.h"
#include "prof/cli/runs_team.h"

#define SECOND INT64_C(1000000000)
#define NOW    (INT64_C(1790000000) * SECOND + 7)

static void since(const char *text, int64_t want)
{
	struct err err = ERR_INIT;
	int64_t ns = -1;

	if (runs_parse_since(text, NOW, &ns, &err) != 0 || ns != want)
		fail_msg("'%s': %lld, %s", text, (long long)ns, err.text);
}

static void how_long_ago(void **state)
{
	(void)state;
	since("0s", NOW);
	since("90s", NOW - 90 * SECOND);
	since("90m", NOW - 90 * 60 * SECOND);
	since("90min", NOW - 90 * 60 * SECOND);
	since("12h", NOW - 12 * 3600 * SECOND);
	since("7d", NOW - 7 * 86400 * SECOND);
	since("2w", NOW - 14 * 86400 * SECOND);
	since("1000000s", NOW - 1000000 * SECOND);
	since("1000000d", 0); /* before there were runs */
	since("1000000w", 0);
}

static void dates_are_utc(void **state)
{
	(void)state;
	since("1970-01-01", 0);
	since("2026-11-01", INT64_C(1793491200) * SECOND);
	since("2026-11-01T12:30", INT64_C(1793536200) * SECOND);
	since("2026-11-01T12:30:05", INT64_C(1793536205) * SECOND);
	since("2026-11-01T12:30:05Z", INT64_C(1793536205) * SECOND);
	since("2024-02-29", INT64_C(1709164800) * SECOND);
}

static void what_is_neither_is_refused(void **state)
{
	static const char *const texts[] = {
		"",
		" ",
		"7",
		"d",
		"-7d",
		"7 d",
		"7D",
		"7dd",
		"1.5h",
		"1000001s",
		"99999999999999999999d",
		"yesterday",
		"2026-13-01",
		"2026-11-32",
		"2026-11",
		"2026-11-01 12:30",
		"2026-11-01T12:30:05+01:00",
		"2026-11-01x",
		"1969-12-31",
		"9999-12-31",
		"2026-02-30",
		"2026-04-31",
		"2025-02-29",
	};

	(void)state;
	for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
		struct err err = ERR_INIT;
		int64_t ns = -1;

		if (runs_parse_since(texts[i], NOW, &ns, &err) != ERR_ARG || ns != -1)
			fail_msg("'%s': %d, %lld", texts[i], err.code, (long long)ns);
		assert_non_null(strstr(err.text, "--since"));
	}
}

static void a_wish_becomes_a_pick(void **state)
{
	const char *labels[] = {"branch=main", "k="};
	struct runs_wish w = {.name = "app", .since = "1h", .last = 5};
	struct team_pick pick;
	struct err err = ERR_INIT;
	int64_t now = clock_real_ns();

	(void)state;
	w.labels.values = labels;
	w.labels.n = 2;
	assert_int_equal(runs_wish_pick(&w, &pick, &err), 0);
	assert_string_equal(pick.name, "app");
	assert_int_equal(pick.n_labels, 2);
	assert_int_equal(pick.last, 5);
	assert_true(pick.since_ns >= now - 3600 * SECOND && pick.since_ns < now);
	labels[1] = "=v";
	assert_int_equal(runs_wish_pick(&w, &pick, &err), ERR_ARG);
	labels[1] = "none";
	assert_int_equal(runs_wish_pick(&w, &pick, &err), ERR_ARG);
	assert_non_null(strstr(err.text, "'none'"));
	labels[1] = "k=v";
	w.since = "soon";
	assert_int_equal(runs_wish_pick(&w, &pick, &err), ERR_ARG);
}

static void what_chooses_among_runs(void **state)
{
	struct runs_wish w = {.db = "postgresql://db/x", .update = 1};

	(void)state;
	assert_false(runs_wish_chooses(&w));
	w.last = 1;
	assert_true(runs_wish_chooses(&w));
	w = (struct runs_wish){.since = "1h"};
	assert_true(runs_wish_chooses(&w));
	w = (struct runs_wish){.name = "x"};
	assert_true(runs_wish_chooses(&w));
	w = (struct runs_wish){.labels = {.n = 1}};
	assert_true(runs_wish_chooses(&w));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(how_long_ago),
		cmocka_unit_test(dates_are_utc),
		cmocka_unit_test(what_is_neither_is_refused),
		cmocka_unit_test(a_wish_becomes_a_pick),
		cmocka_unit_test(what_chooses_among_runs),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
