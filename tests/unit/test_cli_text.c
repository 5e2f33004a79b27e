/* Foreign names on terminals and in JSON; option tables. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "prof/cli/cmd.h"
#include "prof/cli/jsonout.h"
#include "prof/cli/text.h"

static const char *printed(const char *text, int columns, int pad)
{
	static char out[256];
	FILE *f = fmemopen(out, sizeof(out), "w");

	assert_non_null(f);
	text_print(f, text, columns, pad);
	assert_int_equal(fclose(f), 0);
	return out;
}

static const char *paired(const char *label, const char *detail, int room)
{
	static char out[256];
	FILE *f = fmemopen(out, sizeof(out), "w");

	assert_non_null(f);
	text_pair(f, label, detail, room);
	assert_int_equal(fclose(f), 0);
	return out;
}

static void what_acts_on_a_terminal_is_shown_as_a_question_mark(void **state)
{
	(void)state;
	assert_string_equal(printed("a\x1b[31mb\n\t\x7f", 0, 0), "a?[31mb???");
	assert_string_equal(printed("\xc2\x9b"
				    "31m",
				    0, 0),
			    "?31m");                                 /* C1: one-byte CSI */
	assert_string_equal(printed("x\xe2\x80\xaey", 0, 0), "x?y"); /* right-to-left override */
	assert_string_equal(printed("x\xe2\x81\xa6y", 0, 0), "x?y"); /* isolate */
	assert_string_equal(printed("\xc3\xbc\xf0\x9f\x98\x80", 0, 0), "\xc3\xbc\xf0\x9f\x98\x80");
}

static void what_is_no_utf8_is_a_replacement_character(void **state)
{
	static const char *const bad[] = {"\xff", "\xc0", "\xe2\x80", "\xed\xa0", "\xf5"};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_memory_equal(printed(bad[i], 0, 0), "\xef\xbf\xbd", 3);
	assert_string_equal(printed("a\xc0\xaf.", 0, 0), "a\xef\xbf\xbd\xef\xbf\xbd.");
}

static void long_text_loses_its_middle_and_short_text_is_padded(void **state)
{
	(void)state;
	assert_string_equal(printed("0123456789", 7, 0), "012\xe2\x80\xa6"
							 "789");
	assert_string_equal(printed("0123456789", 10, 12), "0123456789  ");
	assert_string_equal(printed("\xc3\xbc", 5, 3), "\xc3\xbc  ");
	assert_int_equal(text_columns("a\xc3\xbc\xff"), 3);
}

static void a_pair_keeps_to_its_room(void **state)
{
	int room;

	(void)state;
	assert_string_equal(paired("label", "", 20), "label");
	assert_string_equal(paired("label", "detail", 20), "label  detail");
	for (room = 20; room < 90; room++) {
		assert_true(text_columns(paired("a_rather_long_label_that_does_not_end_soon_enough",
						"and_a_detail_of_the_same_kind_of_length", room)) <=
			    room);
		assert_true(text_columns(paired("short", "and_a_detail_of_some_length_here",
						room)) <= room);
	}
	assert_string_equal(paired("short", "detail_that_just_fits", 28),
			    "short  detail_that_just_fits");
}

static void a_clean_copy_is_valid_utf8(void **state)
{
	char *copy = text_valid("a\xff\n\x1b", 0);

	(void)state;
	assert_string_equal(copy, "a\xef\xbf\xbd\n\x1b");
	free(copy);
	copy = text_valid("a\xff\n\x1b\xc3\xbc", 1);
	assert_string_equal(copy, "a\xef\xbf\xbd??\xc3\xbc");
	free(copy);
}

/* What a foreign store names becomes a part of one file name, whatever the room for it. */
static void a_name_of_a_file_is_safe_and_fits(void **state)
{
	static const char evil[] = "../../e t\xc3\xa4/c/\x1b[31m.passwd";
	char to[64];
	size_t size;

	(void)state;
	assert_int_equal(text_file_name(to, sizeof to, evil), 16);
	assert_string_equal(to, "e-t-c-31m.passwd");
	assert_int_equal(text_file_name(to, sizeof to, "/ ..\xff"), 0);
	assert_string_equal(to, "");
	for (size = 1; size < 40; size++) {
		memset(to, '#', sizeof to);
		assert_true(text_file_name(to, size, "a/b/c/d/e/f/g/h/i/j/k/l/m/n/o/p/q/r/s/t/u") <
			    size);
		assert_int_equal(to[size], '#');
		assert_true(to[strlen(to) - (*to != '\0')] != '-');
	}
}

static void json_takes_any_name_and_number(void **state)
{
	json_t *object = json_object(), *value = jsonout_text("x\xff");

	(void)state;
	assert_string_equal(json_string_value(value), "x\xef\xbf\xbd");
	assert_int_equal(jsonout_put(object, "k\xfe", value), 0);
	assert_ptr_equal(json_object_get(object, "k\xef\xbf\xbd"), value);
	assert_int_equal(jsonout_put(object, "n", NULL), -1);
	value = jsonout_real(1.0 / 0.0);
	assert_true(json_is_null(value));
	json_decref(value);
	value = jsonout_parsed("[1");
	assert_true(json_is_null(value));
	json_decref(value);
	json_decref(object);
}

static void json_that_cannot_be_written_is_an_error(void **state)
{
	FILE *full = fopen("/dev/full", "w");
	struct err err = ERR_INIT;

	(void)state;
	assert_non_null(full);
	setvbuf(full, NULL, _IONBF, 0);
	assert_int_equal(jsonout_finish(full, json_pack("[i]", 1), 0, &err), ERR_IO);
	assert_int_equal(jsonout_finish(full, NULL, 0, &err), ERR_NOMEM);
	fclose(full);
}

/* ---- options ---- */

struct values {
	int flag, n;
	const char *text;
	double hz;
	int64_t ns;
	struct opt_list list;
};

static int parse(struct values *v, int permute, int *done, char **argv)
{
	const struct opt opts[] = {
		{'f', "flag", OPT_FLAG, &v->flag, NULL, "", 0},
		{0, "no-flag", OPT_FLAG, &v->flag, NULL, "", 1},
		{'n', "number", OPT_INT, &v->n, "N", "", 0},
		{'t', "text", OPT_TEXT, &v->text, "T", "", 0},
		{'r', "rate", OPT_RATE, &v->hz, "HZ", "", 0},
		{'d', "duration", OPT_DURATION, &v->ns, "TIME", "", 0},
		{'l', "label", OPT_TEXT_LIST, &v->list, "K=V", "", 0},
		{0, NULL, OPT_FLAG, NULL, NULL, NULL, 0},
	};
	const struct usage usage = {"test", NULL, opts};
	int argc = 0;

	while (argv[argc])
		argc++;
	return opts_parse(argc, argv, &usage, permute, done);
}

#define PARSE(v, permute, ...)                                                                     \
	parse(v, permute, &done, (char *[]){(char[]){"test"}, __VA_ARGS__, NULL})
#define A(text) ((char[]){text})

static void options_are_read_in_every_spelling(void **state)
{
	struct values v = {0};
	int done;

	(void)state;
	assert_int_equal(PARSE(&v, 0, A("-fn5"), A("--te=x"), A("--rate"), A("5khz"), A("-d250ms"),
			       A("--"), A("-f")),
			 7);
	assert_true(v.flag == 1 && v.n == 5 && v.hz == 5000 && v.ns == 250000000);
	assert_string_equal(v.text, "x");
	assert_int_equal(
		PARSE(&v, 0, A("--no-flag"), A("-l"), A("a=1"), A("--label=b=2"), A("x"), A("-f")),
		5);
	assert_true(v.flag == 0 && v.list.n == 2);
	assert_string_equal(v.list.values[1], "b=2");
	free(v.list.values);
}

static void operands_move_behind_options(void **state)
{
	char *argv[] = {A("test"), A("one"), A("-n"), A("3"), A("two"),
			A("-f"),   A("--"),  A("-n"), NULL};
	struct values v = {0};
	int done;

	(void)state;
	assert_int_equal(parse(&v, 1, &done, argv), 5);
	assert_true(v.n == 3 && v.flag == 1 && !done);
	assert_string_equal(argv[5], "one");
	assert_string_equal(argv[6], "two");
	assert_string_equal(argv[7], "-n");
}

static void what_is_no_option_is_refused(void **state)
{
	struct values v = {0};
	int done;

	(void)state;
	assert_int_equal(PARSE(&v, 1, A("--nosuch")), -1);
	assert_int_equal(PARSE(&v, 1, A("--=x")), -1);
	assert_int_equal(PARSE(&v, 1, A("-z")), -1);
	assert_int_equal(PARSE(&v, 1, A("--flag=1")), -1);
	assert_int_equal(PARSE(&v, 1, A("-n")), -1);
	assert_int_equal(PARSE(&v, 1, A("-t"), A("--"), A("x")), -1);
	assert_int_equal(PARSE(&v, 1, A("-n"), A("5x")), -1);
	assert_int_equal(PARSE(&v, 1, A("-n"), A("-5")), -1);
	assert_int_equal(PARSE(&v, 1, A("-r"), A("0.5")), -1);
	assert_int_equal(PARSE(&v, 1, A("-r"), A("nan")), -1);
	assert_int_equal(PARSE(&v, 1, A("-d"), A("1e30h")), -1);
	assert_int_equal(PARSE(&v, 1, A("-d"), A("5 parsecs")), -1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_acts_on_a_terminal_is_shown_as_a_question_mark),
		cmocka_unit_test(what_is_no_utf8_is_a_replacement_character),
		cmocka_unit_test(long_text_loses_its_middle_and_short_text_is_padded),
		cmocka_unit_test(a_pair_keeps_to_its_room),
		cmocka_unit_test(a_clean_copy_is_valid_utf8),
		cmocka_unit_test(a_name_of_a_file_is_safe_and_fits),
		cmocka_unit_test(json_takes_any_name_and_number),
		cmocka_unit_test(json_that_cannot_be_written_is_an_error),
		cmocka_unit_test(options_are_read_in_every_spelling),
		cmocka_unit_test(operands_move_behind_options),
		cmocka_unit_test(what_is_no_option_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
