/* The file of thresholds: what it says, which rule holds where, what is wrong in it and on which line, and how an
 * accepted change is written into it. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "prof/analyze/thresholds.h"

#define NEAR(a, b) assert_true(fabs((double)(a) - (double)(b)) <= 1e-9 * (1 + fabs((double)(b))))

static const char *const example =
	"{\n"
	"\t\"default\": {\"alpha\": 0.02},\n"
	"\t\"metrics\": {\n"
	"\t\t\"wall\": {\"relative\": 0.05, \"absolute\": \"10ms\"},\n"
	"\t\t\"peak_heap\": {\"relative\": \"3%\", \"absolute\": \"1MiB\", \"owner\": \"mem\"},\n"
	"\t\t\"cpu\": {\"ignore\": true, \"reason\": \"a shared machine\"}\n"
	"\t},\n"
	"\t\"stages\": {\n"
	"\t\t\"knn\": {\"wall\": {\"relative\": 0.1, \"reason\": \"random start\", \"owner\": "
	"\"ann\"}, \"cpu\": {\"ignore\": false}},\n"
	"\t\t\"load *\": {\"ignore\": true, \"reason\": \"of the disk\"},\n"
	"\t\t\"load ?\": {\"wall\": {\"relative\": 9}}\n"
	"\t},\n"
	"\t\"functions\": {\"relative\": 0.2, \"absolute\": \"50 ms\"},\n"
	"\t\"accept\": [\n"
	"\t\t{\"stage\": \"knn\", \"metric\": \"alloc_count\", \"up_to\": 0.12, \"reason\": "
	"\"a cache\", \"until\": \"2027-01-01\"},\n"
	"\t\t{\"stage\": null, \"metric\": \"sql\", \"reason\": \"one more query\"}\n"
	"\t]\n"
	"}\n";

static struct threshold_found find(const struct thresholds *t, const char *stage, enum metric m)
{
	struct threshold_found found;

	thresholds_find(t, stage, m, metric_is_time(m) ? METRIC_KIND_TIME : METRIC_KIND_COUNT,
			&found);
	return found;
}

static void rules_are_found_from_narrow_to_wide(void **state)
{
	struct threshold_found f;
	struct thresholds t;
	struct err err = ERR_INIT;

	(void)state;
	assert_int_equal(thresholds_read(&t, example, strlen(example), "g.json", &err), 0);
	NEAR(t.alpha, 0.02);
	f = find(&t, NULL, METRIC_WALL);
	NEAR(f.relative, 0.05);
	NEAR(f.absolute, 10e6);
	assert_true(f.named);
	f = find(&t, "knn", METRIC_WALL);
	NEAR(f.relative, 0.1);
	NEAR(f.absolute, 10e6); /* of the metric */
	assert_string_equal(f.reason, "random start");
	assert_string_equal(f.owner, "ann");
	assert_true(f.named);
	assert_false(f.ignore);
	f = find(&t, "other", METRIC_WALL);
	NEAR(f.relative, 0.05);
	assert_false(f.named);
	f = find(&t, NULL, METRIC_PEAK_HEAP);
	NEAR(f.relative, 0.03);
	NEAR(f.absolute, 1048576);
	assert_string_equal(f.owner, "mem");
	assert_true(find(&t, NULL, METRIC_CPU).ignore);
	assert_true(find(&t, "other", METRIC_CPU).ignore);
	assert_false(find(&t, "knn", METRIC_CPU).ignore);
	assert_string_equal(find(&t, "other", METRIC_CPU).reason, "a shared machine");
	/* The first pattern that matches. */
	assert_true(find(&t, "load x", METRIC_SQL).ignore);
	assert_true(find(&t, "load x", METRIC_WALL).ignore);
	assert_false(find(&t, "loads", METRIC_SQL).ignore);
	f = find(&t, "other", METRIC_ALLOC_COUNT);
	assert_true(f.relative > 0 && f.relative < 0.01); /* +1 % of a count is found */
	assert_true(f.absolute <= 0);
	assert_true(t.functions.fail);
	NEAR(t.functions.relative, 0.2);
	NEAR(t.functions.absolute_ns, 50e6);
	thresholds_release(&t);
	assert_false(t.loaded);
}

static void without_a_file_there_are_defaults(void **state)
{
	struct threshold_found f;
	struct thresholds none = {0};
	int m, kind;

	(void)state;
	for (m = 0; m < METRICS; m++)
		for (kind = 0; kind < METRIC_KINDS; kind++) {
			thresholds_find(kind ? NULL : &none, "x", (enum metric)m,
					(enum metric_kind)kind, &f);
			assert_true(f.relative > 0 && f.relative <= 0.02);
			assert_true(f.absolute >= 0);
			assert_false(f.ignore || f.named);
			if (kind == METRIC_KIND_COUNT && !metric_is_time((enum metric)m) &&
			    m != METRIC_PEAK_RSS)
				assert_true(f.relative < 0.01);
		}
}

static void accepted_changes_hold_until_their_day(void **state)
{
	const int64_t day = INT64_C(86400000000000), in_2027 = 20819 * day; /* 2027-01-01 */
	const struct threshold_accept *a, *expired;
	struct thresholds t;

	(void)state;
	assert_int_equal(thresholds_read(&t, example, strlen(example), "g.json", NULL), 0);
	a = thresholds_accepted(&t, "knn", METRIC_ALLOC_COUNT, 0.12, in_2027 + day - 1, &expired);
	assert_non_null(a);
	assert_null(expired);
	assert_string_equal(a->reason, "a cache");
	assert_int_equal(a->line, 15);
	assert_null(
		thresholds_accepted(&t, "knn", METRIC_ALLOC_COUNT, 0.12, in_2027 + day, &expired));
	assert_non_null(expired);
	assert_null(thresholds_accepted(&t, "knn", METRIC_ALLOC_COUNT, 0.1201, 0, &expired));
	assert_null(expired);
	assert_null(thresholds_accepted(&t, "knn", METRIC_WALL, 0.01, 0, &expired));
	assert_null(thresholds_accepted(&t, NULL, METRIC_ALLOC_COUNT, 0.01, 0, &expired));
	assert_non_null(thresholds_accepted(&t, NULL, METRIC_SQL, INFINITY, 0, &expired));
	assert_null(thresholds_accepted(&t, "sql", METRIC_SQL, 0.1, 0, &expired));
	assert_null(thresholds_accepted(NULL, "sql", METRIC_SQL, 0.1, 0, &expired));
	thresholds_release(&t);
}

/* What is wrong is named with its line. */
static void errors_name_line_and_key(void **state)
{
	static const struct {
		const char *text, *says;
	} bad[] = {
		{"", "f:1: "},
		{"{\n\"default\": {}\n", "f:"},
		{"[]", "f:1: the file must be an object"},
		{"{\n \"stages\": {},\n \"metrix\": 1}", "f:3: 'metrix' is no key here: there are"},
		{"{\"metrics\": {\n\"walls\": {}}}", "f:2: 'walls' is no key here"},
		{"{\"metrics\": {\n\"wall\": 5}}", "f:2: wall must be an object"},
		{"{\"metrics\": {\n\"wall\": {\n\"rel\": 5}}}", "f:3: 'rel' is no key here"},
		{"{\"metrics\": {\"wall\": {\n\"relative\": -0.1}}}", "f:2: 'relative' must lie"},
		{"{\"metrics\": {\"wall\": {\"relative\": \"10ms\"}}}", "f:1: 'relative'"},
		{"{\"metrics\": {\"wall\": {\"relative\": \"0.1\"}}}", "a text like \"2%\""},
		{"{\"metrics\": {\"wall\": {\"absolute\": \"2%\"}}}", "'absolute' is no part"},
		{"{\"metrics\": {\"wall\": {\"absolute\": \"1MiB\"}}}", "ns, us, ms, s, min or h"},
		{"{\"metrics\": {\"sql\": {\"absolute\": \"1ms\"}}}", "sql has no unit"},
		{"{\"metrics\": {\"sql\": {\"absolute\": true}}}", "must be a number"},
		{"{\"metrics\": {\"sql\": {\"absolute\": \"ms\"}}}", "begin with a number"},
		{"{\"metrics\": {\"sql\": {\"absolute\": \"1e999\"}}}", "begin with a number"},
		{"{\"metrics\": {\"sql\": {\"absolute\": \"0x10\"}}}", "'0x10' "},
		{"{\"metrics\": {\"sql\": {\"ignore\": 1}}}", "true or false"},
		{"{\"metrics\": {\"sql\": {\"reason\": 1}}}", "must be a text"},
		{"{\"metrics\": {\"sql\": {\"reason\": \"\"}}}", "is empty"},
		{"{\"metrics\": {\"sql\": {}, \"sql\": {}}}", "duplicate"},
		{"{\"default\": {\"absolute\": 1}}", "write it under \"metrics\""},
		{"{\"default\": {\"alpha\": 0.5}}", "'alpha' must be"},
		{"{\"default\": {\"alpha\": \"x\"}}", "'alpha' must be"},
		{"{\"default\": {\"x\": 1}}", "'x' is no key here: there are alpha"},
		{"{\"default\": 1}", "'default' must be an object"},
		{"{\"metrics\": 1}", "'metrics' must be an object"},
		{"{\"stages\": 1}", "'stages' must be an object"},
		{"{\"stages\": {\"a\": 1}}", "a stage must be an object"},
		{"{\"stages\": {\"a\\u00e4\": {\n\"wal\": 1}}}", "f:2: 'wal' is no key"},
		{"{\"stages\": {\"a\": {\"ignore\": 0}}}", "true or false"},
		{"{\"stages\": {\"a\": {\"owner\": 0}}}", "must be a text"},
		{"{\"functions\": 1}", "'functions' must be an object"},
		{"{\"functions\": {\"ignore\": true}}", "'ignore' is no key here"},
		{"{\"functions\": {\"absolute\": \"5x\"}}", "unit"},
		{"{\"functions\": {\"absolute\": -1}}", "must lie"},
		{"{\"accept\": {}}", "'accept' must be a list"},
		{"{\"accept\": [\n1]}", "f:2: an accepted change must be an object"},
		{"{\"accept\": [\n{\"metric\": \"sql\", \"reason\": \"r\"}]}",
		 "f:2: an accepted change "
		 "needs 'stage'"},
		{"{\"accept\": [{\"stage\": null, \"reason\": \"r\"}]}", "needs 'metric'"},
		{"{\"accept\": [{\"stage\": null, \"metric\": \"sql\"}]}", "needs 'reason'"},
		{"{\"accept\": [{\"stage\": null, \"metric\": \"sqls\"}]}",
		 "'metric' must be one of"},
		{"{\"accept\": [{\"stage\": 1}]}", "'stage' must be a text"},
		{"{\"accept\": [{\"up_to\": 0}]}", "'up_to' is the change accepted"},
		{"{\"accept\": [{\"up_to\": \"5ms\"}]}", "'up_to' is the change accepted"},
		{"{\"accept\": [{\"until\": \"2027-02-29\"}]}", "'until' is a day"},
		{"{\"accept\": [{\"until\": \"2027-13-01\"}]}", "'until' is a day"},
		{"{\"accept\": [{\"until\": \"soon\"}]}", "'until' is a day"},
		{"{\"accept\": [{\"until\": \"2027-01-01T00\"}]}", "'until' is a day"},
		{"{\"accept\": [{\n\"unt\": \"x\"}]}", "f:2: 'unt' is no key here"},
	};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct err err = ERR_INIT;
		struct thresholds t;

		if (thresholds_read(&t, bad[i].text, strlen(bad[i].text), "f", &err) !=
			    ERR_FORMAT ||
		    strncmp(err.text, "f:", 2) != 0 || !strstr(err.text, bad[i].says))
			fail_msg("%s: %s", bad[i].text, err.text);
		assert_null(t.stages);
		thresholds_release(&t);
	}
}

static void amounts_have_units(void **state)
{
	static const struct {
		const char *text;
		enum metric m;
		double amount;
		int relative;
	} good[] = {
		{"10ms", METRIC_WALL, 10e6, 0},       {"1.5 s", METRIC_CPU, 1.5e9, 0},
		{"2min", METRIC_WALL, 120e9, 0},      {"1MiB", METRIC_PEAK_RSS, 1 << 20, 0},
		{"2 kB", METRIC_ALLOC_BYTES, 2e3, 0}, {"2%", METRIC_SQL, 0.02, 1},
		{"0.5 %", METRICS, 0.005, 1},         {"4096", METRIC_SQL, 4096, 0},
		{"1e3", METRIC_ALLOC_COUNT, 1e3, 0},  {"7us", METRIC_WALL, 7e3, 0},
	};
	static const char *const bad[] = {"", " 1", "-1", "1 MB s", "1ms", "nan", "1 KiB", "x"};
	double amount;
	int relative;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		assert_int_equal(
			thresholds_parse_amount(good[i].text, good[i].m, &amount, &relative, NULL),
			0);
		NEAR(amount, good[i].amount);
		assert_int_equal(relative, good[i].relative);
	}
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(
			thresholds_parse_amount(bad[i], METRIC_SQL, &amount, &relative, NULL),
			ERR_ARG);
}

static void targets_are_stage_and_metric(void **state)
{
	char a[] = "knn:alloc_count", b[] = "wall", c[] = ":wall", d[] = "a:b:sql", e[] = "a:b";
	struct err err = ERR_INIT;
	const char *stage;
	enum metric m;
	char *words;

	(void)state;
	assert_int_equal(thresholds_parse_target(a, &stage, &m, NULL), 0);
	assert_string_equal(stage, "knn");
	assert_int_equal(m, METRIC_ALLOC_COUNT);
	assert_int_equal(thresholds_parse_target(b, &stage, &m, NULL), 0);
	assert_null(stage);
	assert_int_equal(thresholds_parse_target(c, &stage, &m, NULL), 0);
	assert_null(stage);
	assert_int_equal(m, METRIC_WALL);
	assert_int_equal(thresholds_parse_target(d, &stage, &m, NULL), 0);
	assert_string_equal(stage, "a:b");
	assert_int_equal(thresholds_parse_target(e, &stage, &m, &err), ERR_ARG);
	assert_non_null(strstr(err.text, "'b' is no metric"));
	words = thresholds_accept_words("knn", METRIC_SQL);
	assert_string_equal(words, "--accept knn:sql --reason '…'");
	free(words);
	words = thresholds_accept_words(NULL, METRIC_WALL);
	assert_string_equal(words, "--accept wall --reason '…'");
	free(words);
	words = thresholds_accept_words("a b's", METRIC_WALL);
	assert_string_equal(words, "--accept 'a b'\\''s:wall' --reason '…'");
	free(words);
}

static void changes_are_rounded_up(void **state)
{
	(void)state;
	NEAR(thresholds_round_up(0.1134), 0.12);
	NEAR(thresholds_round_up(0.12), 0.13);
	NEAR(thresholds_round_up(0.0012), 0.002);
	NEAR(thresholds_round_up(3.401), 3.41);
}

/* ---- writing ---- */

static const struct threshold_new knn = {.stage = "knn",
					 .metric = METRIC_ALLOC_COUNT,
					 .up_to = 0.12,
					 .reason = "a \"cache\"",
					 .until = "2027-01-01"};
#define KNN                                                                                        \
	"{\"stage\": \"knn\", \"metric\": \"alloc_count\", \"up_to\": 0.12, \"reason\": \"a "      \
	"\\\"cache\\\"\", \"until\": \"2027-01-01\"}"
static const struct threshold_new whole = {
	.metric = METRIC_SQL, .up_to = NAN, .reason = "why", .owner = "me"};
#define WHOLE "{\"stage\": null, \"metric\": \"sql\", \"reason\": \"why\", \"owner\": \"me\"}"

static void adds(const char *before, const struct threshold_new *add, const char *after)
{
	struct err err = ERR_INIT;
	struct thresholds t;
	char *out;
	size_t n;

	if (thresholds_add_accept(&out, &n, before, strlen(before), "g", add, &err))
		fail_msg("%s: %s", before, err.text);
	assert_string_equal(out, after);
	assert_int_equal(n, strlen(after));
	assert_int_equal(thresholds_read(&t, out, n, "g", &err), 0);
	thresholds_release(&t);
	free(out);
}

static void entries_are_added_and_the_rest_stays(void **state)
{
	(void)state;
	adds("", &knn, "{\n\t\"accept\": [\n\t\t" KNN "\n\t]\n}\n");
	adds(" { } ", &whole, "{\n\t\"accept\": [\n\t\t" WHOLE "\n\t]\n}\n");
	adds("{\"accept\": []}", &whole, "{\"accept\": [" WHOLE "]}");
	adds("{\n  \"accept\": [ ]\n}\n", &whole, "{\n  \"accept\": [\n  \t" WHOLE "\n  ]\n}\n");
	adds("{\"stages\": {\"a\": {}}}", &whole,
	     "{\"stages\": {\"a\": {}}, \"accept\": [" WHOLE "]}");
	adds("{\n    \"stages\": {\n        \"a\": { } },\n    \"metrics\" : {}\n}\n", &whole,
	     "{\n    \"stages\": {\n        \"a\": { } },\n    \"metrics\" : {},\n    \"accept\": "
	     "[\n    \t" WHOLE "\n    ]\n}\n");
	adds("{\n\t\"accept\": [\n\t\t" KNN "\n\t],\n\t\"stages\": {}\n}\n", &whole,
	     "{\n\t\"accept\": [\n\t\t" KNN ",\n\t\t" WHOLE "\n\t],\n\t\"stages\": {}\n}\n");
	adds("{\"accept\": [" KNN "]}", &whole, "{\"accept\": [" KNN ", " WHOLE "]}");
	adds("{\r\n\t\"accept\": [\r\n\t\t" KNN "\r\n\t]\r\n}\r\n", &whole,
	     "{\r\n\t\"accept\": [\r\n\t\t" KNN ",\r\n\t\t" WHOLE "\r\n\t]\r\n}\r\n");
	/* The same stage and metric: in its place. */
	adds("{\"accept\": [ {\"reason\": \"old\", \"metric\" : \"alloc_count\",\n \"stage\": "
	     "\"k\\u006en\"} , " WHOLE "]}",
	     &knn, "{\"accept\": [ " KNN " , " WHOLE "]}");
	adds("{\"\\u0061ccept\": [" WHOLE "]}", &knn, "{\"\\u0061ccept\": [" WHOLE ", " KNN "]}");
}

static void what_cannot_be_accepted_is_refused(void **state)
{
	static const struct {
		const char *before;
		struct threshold_new add;
		int rc;
		const char *says;
	} bad[] = {
		{"", {.metric = METRIC_SQL, .up_to = NAN}, ERR_ARG, "--reason"},
		{"", {.metric = METRIC_SQL, .up_to = NAN, .reason = ""}, ERR_ARG, "--reason"},
		{"", {.metric = METRICS, .up_to = NAN, .reason = "r"}, ERR_ARG, "no such"},
		{"", {.stage = "", .up_to = NAN, .reason = "r"}, ERR_ARG, "no such"},
		{"", {.up_to = 0, .reason = "r"}, ERR_ARG, "cannot be accepted"},
		{"", {.up_to = INFINITY, .reason = "r"}, ERR_ARG, "cannot be accepted"},
		{"", {.up_to = 1, .reason = "r", .until = "x"}, ERR_ARG, "no day"},
		{"", {.up_to = 1, .reason = "\xff"}, ERR_ARG, "no UTF-8"},
		{"{\"x\": 1}", {.up_to = 1, .reason = "r"}, ERR_FORMAT, "g:1: 'x' is no key"},
		{"{", {.up_to = 1, .reason = "r"}, ERR_FORMAT, "g:1"},
	};
	size_t i, n;

	(void)state;
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct err err = ERR_INIT;
		char *out;

		assert_int_equal(thresholds_add_accept(&out, &n, bad[i].before,
						       strlen(bad[i].before), "g", &bad[i].add,
						       &err),
				 bad[i].rc);
		assert_null(out);
		if (!strstr(err.text, bad[i].says))
			fail_msg("%zu: %s", i, err.text);
	}
}

/* Each entry knows its line, however many there are. */
static void ten_thousand_entries_have_their_lines(void **state)
{
	enum { N = 10000 };
	const size_t room = (size_t)N * 80 + 100;
	char *text = malloc(room);
	struct thresholds t;
	size_t n = 0, i;

	(void)state;
	assert_non_null(text);
	n += (size_t)snprintf(text, room, "{\n\"accept\": [");
	for (i = 0; i < N; i++)
		n += (size_t)snprintf(text + n, room - n,
				      "%s\n%s{\"stage\": \"s%zu\", \"metric\": \"sql\",%s "
				      "\"reason\": \"],[{\"}",
				      i ? "," : "", i % 3 ? " " : "\n", i, i % 5 ? "" : "\n");
	n += (size_t)snprintf(text + n, room - n, "]}");
	assert_int_equal(thresholds_read(&t, text, n, "g", NULL), 0);
	assert_int_equal(t.n_accept, N);
	for (i = 0; i < N; i++)
		assert_int_equal(t.accept[i].line, 3 + i + (i + 3) / 3 + (i + 4) / 5);
	thresholds_release(&t);
	free(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(rules_are_found_from_narrow_to_wide),
		cmocka_unit_test(without_a_file_there_are_defaults),
		cmocka_unit_test(accepted_changes_hold_until_their_day),
		cmocka_unit_test(errors_name_line_and_key),
		cmocka_unit_test(amounts_have_units),
		cmocka_unit_test(targets_are_stage_and_metric),
		cmocka_unit_test(changes_are_rounded_up),
		cmocka_unit_test(entries_are_added_and_the_rest_stays),
		cmocka_unit_test(what_cannot_be_accepted_is_refused),
		cmocka_unit_test(ten_thousand_entries_have_their_lines),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
