/* Option tables and the printing of foreign names. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "prof/cli/cmd.h"
#include "prof/cli/text.h"

static struct values {
	int all, no, number;
	const char *text;
	struct opt_list list;
	int64_t time_ns;
	double hz;
} v;

static const struct opt opts[] = {
	{'a', "all", OPT_FLAG, &v.all, NULL, "everything", 0},
	{0, "no-children", OPT_FLAG, &v.no, NULL, "without", 1},
	{'n', "number", OPT_INT, &v.number, "N", "how many", 0},
	{'o', "output", OPT_TEXT, &v.text, "FILE", "where", 0},
	{'l', "label", OPT_TEXT_LIST, &v.list, "K=V", "what", 0},
	{'d', "duration", OPT_DURATION, &v.time_ns, "TIME", "how long", 0},
	{'r', "rate", OPT_RATE, &v.hz, "HZ", "how often", 0},
	{0, NULL, OPT_FLAG, NULL, NULL, NULL, 0},
};
static const struct usage usage = {"test [options]", NULL, opts};

/* Parses "cmd" and the words; stderr is kept quiet. */
static int parse(int permute, char *words, char **argv, int *argc)
{
	int saved = dup(2), done, first;
	char *save = NULL, *word;

	free(v.list.values);
	memset(&v, 0, sizeof(v));
	v.no = 1;
	*argc = 0;
	argv[(*argc)++] = (char *)(uintptr_t) "test";
	for (word = strtok_r(words, " ", &save); word; word = strtok_r(NULL, " ", &save))
		argv[(*argc)++] = word;
	argv[*argc] = NULL;
	assert_non_null(freopen("/dev/null", "w", stderr));
	first = opts_parse(*argc, argv, &usage, permute, &done);
	fflush(stderr);
	dup2(saved, 2);
	close(saved);
	return first;
}

static int parse_text(int permute, const char *text, char **argv, int *argc)
{
	static char words[256];

	snprintf(words, sizeof(words), "%s", text);
	return parse(permute, words, argv, argc);
}

static void values_come_in_every_usual_form(void **state)
{
	char *argv[32];
	int argc, first;

	(void)state;
	first = parse_text(0, "-an5 --output=x -r 5khz -d250ms --label a=b -l c=d job rest", argv,
			   &argc);
	assert_string_equal(argv[first], "job");
	assert_int_equal(v.all, 1);
	assert_int_equal(v.number, 5);
	assert_string_equal(v.text, "x");
	assert_true(v.hz == 5000);
	assert_int_equal(v.time_ns, 250000000);
	assert_int_equal(v.list.n, 2);
	assert_string_equal(v.list.values[1], "c=d");
}

static void long_names_may_be_cut_while_unambiguous(void **state)
{
	char *argv[32];
	int argc;

	(void)state;
	assert_true(parse_text(0, "--du 2m --out y --no-c", argv, &argc) > 0);
	assert_int_equal(v.time_ns, INT64_C(120000000000));
	assert_string_equal(v.text, "y");
	assert_int_equal(v.no, 0);
	assert_int_equal(parse_text(0, "--n 3", argv, &argc), -1); /* number or no-children */
	assert_int_equal(parse_text(0, "--nothing", argv, &argc), -1);
}

static void wrong_values_are_refused(void **state)
{
	static const char *const wrong[] = {"-n x",    "-n -3",    "-n 5x",  "-d 0",
					    "-d soon", "-r 0.5",   "-r 1e9", "-r hz",
					    "--all=1", "--output", "-n",     "-z"};
	char *argv[32];
	size_t i;
	int argc;

	(void)state;
	for (i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
		assert_int_equal(parse_text(0, wrong[i], argv, &argc), -1);
}

static void operands_keep_their_order_among_options(void **state)
{
	char *argv[32];
	int argc, first;

	(void)state;
	first = parse_text(1, "one -a two --output f three - -n 4", argv, &argc);
	assert_int_equal(argc - first, 4);
	assert_string_equal(argv[first], "one");
	assert_string_equal(argv[first + 1], "two");
	assert_string_equal(argv[first + 2], "three");
	assert_string_equal(argv[first + 3], "-");
	assert_int_equal(v.number, 4);
}

static void two_dashes_end_the_options(void **state)
{
	char *argv[32];
	int argc, first;

	(void)state;
	first = parse_text(0, "-a -- -n 3", argv, &argc);
	assert_string_equal(argv[first - 1], "--");
	assert_string_equal(argv[first], "-n");
	assert_int_equal(v.number, 0);
	first = parse_text(1, "one -- -a", argv, &argc);
	assert_string_equal(argv[first], "one");
	assert_string_equal(argv[first + 1], "-a");
	assert_int_equal(v.all, 0);
}

static char *printed(const char *text, int columns, int pad)
{
	char *out = NULL;
	size_t len = 0;
	FILE *f = open_memstream(&out, &len);

	assert_non_null(f);
	text_print(f, text, columns, pad);
	fclose(f);
	return out;
}

static void names_cannot_act_on_a_terminal(void **state)
{
	static const struct {
		const char *from, *to;
		int columns, pad;
	} cases[] = {
		{"plain", "plain", 0, 0},
		{"a\x1b[31mb\nc", "a?[31mb?c", 0, 0},
		{"bad \xff\xc0\xaf\xed\xa0\x80",
		 "bad \xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd", 0,
		 0},
		{"\xc2\x9b"
		 "31m",
		 "?31m", 0, 0},                  /* C1 control sequence introducer */
		{"x\xe2\x80\xaey", "x?y", 0, 0}, /* right-to-left override */
		{"\xc3\xa9t\xc3\xa9", "\xc3\xa9t\xc3\xa9  ", 0, 5}, /* padded by characters */
		{"abcdefghij", "abc\xe2\x80\xa6hij", 7, 0},
	};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char *out = printed(cases[i].from, cases[i].columns, cases[i].pad);

		assert_string_equal(out, cases[i].to);
		free(out);
	}
}

static void the_last_part_of_a_path_is_its_base(void **state)
{
	(void)state;
	assert_string_equal(text_base("/a/b.so"), "b.so");
	assert_string_equal(text_base("b.so"), "b.so");
	assert_string_equal(text_base("/a/"), "/a/");
	assert_string_equal(text_base(""), "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(values_come_in_every_usual_form),
		cmocka_unit_test(long_names_may_be_cut_while_unambiguous),
		cmocka_unit_test(wrong_values_are_refused),
		cmocka_unit_test(operands_keep_their_order_among_options),
		cmocka_unit_test(two_dashes_end_the_options),
		cmocka_unit_test(names_cannot_act_on_a_terminal),
		cmocka_unit_test(the_last_part_of_a_path_is_its_base),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
