/* URLs of databases: which are, what is shown of them; SQLSTATEs in failures. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "prof/postgres/pg.h"
#include "prof/postgres/pg_int.h"

static void shows(const char *url, const char *want)
{
	char *shown = pg_url_public(url);

	assert_non_null(shown);
	assert_string_equal(shown, want);
	free(shown);
}

static void four_schemes_mean_postgresql(void **state)
{
	(void)state;
	assert_true(pg_url_is("postgresql://h/d"));
	assert_true(pg_url_is("postgres://h/d"));
	assert_true(pg_url_is("postgresql+psycopg://h/d"));
	assert_true(pg_url_is("postgresql+psycopg2://h/d"));
	assert_false(pg_url_is("postgresql+asyncpg://h/d"));
	assert_false(pg_url_is("postgresql:/h"));
	assert_false(pg_url_is("bundle:postgresql://x"));
	assert_false(pg_url_is(""));
}

static void drivers_are_taken_off(void **state)
{
	char *plain = pg_url_plain("postgresql+psycopg2://u:p@h:5/d?sslmode=require");

	(void)state;
	assert_string_equal(plain, "postgresql://u:p@h:5/d?sslmode=require");
	free(plain);
	plain = pg_url_plain("postgres://h");
	assert_string_equal(plain, "postgresql://h");
	free(plain);
}

static void user_password_and_query_are_not_shown(void **state)
{
	(void)state;
	shows("postgresql://user:secret@host:5432/db?password=secret", "postgresql://host:5432/db");
	shows("postgresql+psycopg://user:secret@host/db#secret", "postgresql://host/db");
	shows("postgresql://host", "postgresql://host");
	shows("postgresql://", "postgresql://");
	shows("postgresql:///db?host=/tmp&user=u&password=secret", "postgresql:///db");
	shows("postgresql://u:secret@a:1,b:2/db", "postgresql://a:1,b:2/db");
	shows("postgresql://u:secret@[::1]:5432/db", "postgresql://[::1]:5432/db");
}

static void ambiguous_urls_show_nothing(void **state)
{
	(void)state;
	shows("postgresql://user:sec@ret@host/db", "postgresql://");
	shows("postgresql://user:sec/ret@host/db", "postgresql://");
	shows("postgresql://user:sec?ret@host/db", "postgresql://");
	shows("postgresql://user:sec#ret@host/db", "postgresql://");
	shows("postgresql://user:secret", "postgresql://");
	shows("postgresql://host:12x/db", "postgresql://");
}

static void control_letters_are_not_shown(void **state)
{
	(void)state;
	shows("postgresql://ho\nst/d\033b", "postgresql://ho?st/d?b");
}

static void a_sqlstate_travels_in_a_failure(void **state)
{
	static const char *const states[] = {"00000", "40001", "08006", "57P01", "ZZZZZ", "22P02"};
	char text[PG_SQLSTATE_TEXT];
	struct err err = ERR_INIT;

	(void)state;
	for (size_t i = 0; i < sizeof states / sizeof states[0]; i++) {
		err.sys = pg_state_pack(states[i]);
		assert_true(err.sys < 0);
		assert_string_equal(pg_sqlstate(&err, text), states[i]);
		assert_true(pg_sqlstate_is(&err, states[i]));
	}
	err.sys = pg_state_pack("08006");
	assert_true(pg_sqlstate_is(&err, "08"));
	assert_false(pg_sqlstate_is(&err, "08001"));
}

static void what_is_no_sqlstate_is_none(void **state)
{
	char text[PG_SQLSTATE_TEXT];
	struct err err = {.sys = 2};

	(void)state;
	assert_string_equal(pg_sqlstate(&err, text), "");
	assert_string_equal(pg_sqlstate(NULL, text), "");
	assert_false(pg_sqlstate_is(&err, "08"));
	assert_false(pg_is_transient(&err));
	assert_int_equal(pg_state_pack("4000"), 0);
	assert_int_equal(pg_state_pack("400011"), 0);
	assert_int_equal(pg_state_pack("4000x"), 0);
	assert_int_equal(pg_state_pack(NULL), 0);
}

static void passing_failures_are_told_from_lasting_ones(void **state)
{
	static const char *const passing[] = {"08000", "08001", "08006", "40001", "40P01",
					      "53300", "55P03", "57P01", "57P02", "57P03"};
	static const char *const lasting[] = {"28P01", "42P01", "23505", "53100", "53200", "57014"};
	struct err err = ERR_INIT;

	(void)state;
	for (size_t i = 0; i < sizeof passing / sizeof passing[0]; i++) {
		err.sys = pg_state_pack(passing[i]);
		assert_true(pg_is_transient(&err));
	}
	for (size_t i = 0; i < sizeof lasting / sizeof lasting[0]; i++) {
		err.sys = pg_state_pack(lasting[i]);
		assert_false(pg_is_transient(&err));
	}
}

static void sqlstates_become_codes(void **state)
{
	(void)state;
	assert_int_equal(pg_code_of("08006"), ERR_NETWORK);
	assert_int_equal(pg_code_of("57P01"), ERR_NETWORK);
	assert_int_equal(pg_code_of("28P01"), ERR_DENIED);
	assert_int_equal(pg_code_of("42501"), ERR_DENIED);
	assert_int_equal(pg_code_of("3D000"), ERR_NOTFOUND);
	assert_int_equal(pg_code_of("42P01"), ERR_NOTFOUND);
	assert_int_equal(pg_code_of("23505"), ERR_EXISTS);
	assert_int_equal(pg_code_of("53100"), ERR_LIMIT);
	assert_int_equal(pg_code_of("22P05"), ERR_FORMAT);
	assert_int_equal(pg_code_of("57014"), ERR_DATABASE);
	assert_int_equal(pg_code_of(NULL), ERR_DATABASE);
}

/* Port 1 of loopback: nobody listens there. */
static void a_refused_connection_says_where_and_no_secret(void **state)
{
	struct err err = ERR_INIT;
	struct pg *pg;

	(void)state;
	if (!pg_available())
		skip();
	assert_int_equal(pg_open(&pg, "postgresql://joe:s3cretword@127.0.0.1:1/d", "t", &err),
			 ERR_NETWORK);
	assert_null(pg);
	assert_non_null(strstr(err.text, "127.0.0.1:1/d"));
	assert_null(strstr(err.text, "s3cretword"));
	assert_null(strchr(err.text, '\n'));
	assert_true(pg_is_transient(&err));
}

static void a_url_that_cannot_be_read_is_not_quoted(void **state)
{
	static const char *const urls[] = {
		"postgresql://joe:s3cret%zzword@127.0.0.1:1/d",
		"postgresql://joe:s3cretword@127.0.0.1:1/d?nonsense=s3cretword",
		"postgresql://joe:s3cretword@[::1/d",
	};

	(void)state;
	if (!pg_available())
		skip();
	for (size_t i = 0; i < sizeof urls / sizeof urls[0]; i++) {
		struct err err = ERR_INIT;
		struct pg *pg;

		assert_int_equal(pg_open(&pg, urls[i], "t", &err), ERR_ARG);
		assert_null(strstr(err.text, "s3cret"));
		assert_null(strstr(err.text, "joe"));
	}
}

static int at_once(void *ctx)
{
	++*(int *)ctx;
	return 1;
}

static void a_stop_ends_connecting(void **state)
{
	int asked = 0;
	const struct pg_options opt = {.stop = at_once, .stop_ctx = &asked, .tries = 5};
	struct err err = ERR_INIT;
	struct pg *pg;

	(void)state;
	if (!pg_available())
		skip();
	assert_int_equal(pg_open_with(&pg, "postgresql://127.0.0.1:1/d", &opt, &err),
			 ERR_CANCELLED);
	assert_int_equal(asked, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(four_schemes_mean_postgresql),
		cmocka_unit_test(drivers_are_taken_off),
		cmocka_unit_test(user_password_and_query_are_not_shown),
		cmocka_unit_test(ambiguous_urls_show_nothing),
		cmocka_unit_test(control_letters_are_not_shown),
		cmocka_unit_test(a_sqlstate_travels_in_a_failure),
		cmocka_unit_test(what_is_no_sqlstate_is_none),
		cmocka_unit_test(passing_failures_are_told_from_lasting_ones),
		cmocka_unit_test(sqlstates_become_codes),
		cmocka_unit_test(a_refused_connection_says_where_and_no_secret),
		cmocka_unit_test(a_url_that_cannot_be_read_is_not_quoted),
		cmocka_unit_test(a_stop_ends_connecting),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
