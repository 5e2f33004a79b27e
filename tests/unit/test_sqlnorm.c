/* Statements that differ in their values, blanks, comments, case and list lengths have one fingerprint; others have
 * their own; what reads as a literal is never in the text. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "prof/base/sqlnorm.h"

static struct sqlnorm last;

static const char *norm_flags(const char *sql, unsigned flags)
{
	static char text[4][1024];
	static int at;
	char *t = text[at++ & 3];

	sqlnorm(&last, t, sizeof text[0], sql, strlen(sql), flags);
	assert_true(last.len == strlen(t));
	return t;
}

static const char *norm(const char *sql)
{
	return norm_flags(sql, 0);
}

static uint64_t print_of(const char *sql)
{
	norm(sql);
	return last.fingerprint;
}

static uint64_t literals_of(const char *sql)
{
	norm(sql);
	return last.literals;
}

struct pair {
	const char *sql, *want;
};

static void texts_are_as_stated(void **state)
{
	static const struct pair all[] = {
		{"", ""},
		{" \t\n; ; ", ""},
		{"SELECT id FROM Protein  WHERE accession='P1';",
		 "select id from protein where accession = ?"},
		{"select 1+2 , -3, a-4, a - -5, (-6), +.5e-3, 0x1F, 1_000, 7up",
		 "select ? + ?, ?, a - ?, a - ?, (?), ?, ?, ?, ?"},
		{"select .5, a from t where .25 < b limit .5",
		 "select ?, a from t where ? < b limit ?"},
		{"select * from t where a=-1 and b<>+2 limit -1",
		 "select * from t where a = ? and b <> ? limit ?"},
		{"select 'a''b', E'c\\'d', B'01', X'ff', N'x', U&'y', U&\"Z\", e.x",
		 "select ?, ?, ?, ?, ?, ?, U&\"Z\", e.x"},
		{"select 'a'\n'b', 'c' 'd'", "select ?, ?"},
		{"do $$ x $$; do $t$ a $$ b $t$", "do ?; do ?"},
		{"select a$1, $1, $23", "select a$1, ?, ?"},
		{"select /* a /* b */ c */ 1 -- x\n, 2 --", "select ?, ?"},
		{"select a--b\n", "select a"},
		{"select a is null, b is not true, c = null, d = false from t where not null",
		 "select a is null, b is not true, c = ?, d = ? from t where not null"},
		{"create table T (a INT not NULL default NULL, b text)",
		 "create table t(a int not null default ?, b text)"},
		{"delete from t where id IN(1)", "delete from t where id in (?)"},
		{"delete from t where id in ( 1,2 , $3)", "delete from t where id in (?, ...)"},
		{"delete from t where id in (1,2,a)", "delete from t where id in (?, ..., a)"},
		{"delete from t where id in ('a'::uuid,'b'::uuid)",
		 "delete from t where id in (?::uuid, ...)"},
		{"select x in (select y from z where w in (1,2))",
		 "select x in (select y from z where w in (?, ...))"},
		{"select (a,b) in ((1,2),(3,4))", "select (a, b) in ((?, ?), ...)"},
		{"select f(1,2), array[1,2], array[[1,2],[3,4]], a[1:2]",
		 "select f(?, ?), array[?], array[[?, ?]], a[?:?]"},
		{"insert into t(a) values (1)", "insert into t(a) values (?)"},
		{"insert into t(a) values (1),(2),(3)returning a",
		 "insert into t(a) values (?), ... returning a"},
		{"insert into t values (1,now()),(2,default),(3,now()),(4,default)",
		 "insert into t values (?, now()), (?, default), ..."},
		{"select s.values (1), t.in (2)", "select s.values(?), t.in(?)"},
		{"select \"A b\".\"c\"\"d\" , \"E\nF\"", "select \"A b\".\"c\"\"d\", \"E?F\""},
		{"select j->>'a', k@>'b', l #- 'c', m ? 'd', x::int, y :: text",
		 "select j ->> ?, k @> ?, l #- ?, m ? ?, x::int, y::text"},
		{"alter role x with password 'secret'", "alter role x with password ?"},
		{"select 1;select 2 ;", "select ?; select ?"},
		{"copy t from stdin", "copy t from stdin"},
		{"select \x01 \x7f {", "select ? ? {"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof all / sizeof all[0]; i++)
		assert_string_equal(norm(all[i].sql), all[i].want);
}

static void one_fingerprint_for_what_is_the_same(void **state)
{
	static const struct pair all[] = {
		{"select a from b where c=1", "SELECT  a\nFROM b /* x */ WHERE c = 'y' ;"},
		{"select a from b where c=$1", "select a from b where c=-17.5"},
		{"select 1 where a in (1,2)", "select 1 where a in ('x','y','z')"},
		{"insert into t values (1,2),(3,4)",
		 "insert into t values (1,null),($1,$2),('a','b')"},
		{"select array[1]", "select array['a','b',null]"},
		{"select x'ff'", "select 'a'\n'b'"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof all / sizeof all[0]; i++)
		assert_true(print_of(all[i].sql) == print_of(all[i].want));
}

static void others_have_their_own(void **state)
{
	static const char *const all[] = {
		"select a",
		"select b",
		"select \"A\"",
		"select ab",
		"select a b",
		"select a, b",
		"select a.b",
		"select a; select b",
		"select f(1)",
		"select f(1, 2)",
		"select f((1))",
		"select a in (1)",
		"select a in (1, 2)",
		"select a in (b)",
		"select a in (b, c)",
		"insert into t values (1)",
		"insert into t values (1), (2)",
		"insert into t values (1, 2)",
		"insert into t values (1), (default)",
		"select array[1]",
		"select array[b]",
		"select a is null",
		"select a = null",
		"",
	};
	const size_t n = sizeof all / sizeof all[0];

	(void)state;
	for (size_t i = 0; i < n; i++)
		for (size_t j = 0; j < i; j++)
			if (print_of(all[i]) == print_of(all[j]))
				fail_msg("%s, %s", all[i], all[j]);
}

static void literals_tell_parameter_sets_apart(void **state)
{
	(void)state;
	assert_true(literals_of("select a where b = 1") == literals_of("SELECT a WHERE b=1"));
	assert_true(literals_of("select a where b = 1") != literals_of("select a where b = 2"));
	assert_true(literals_of("select 'a', 'bc'") != literals_of("select 'ab', 'c'"));
	assert_true(literals_of("select 1, 2") != literals_of("select 2, 1"));
	assert_true(literals_of("select 1") != literals_of("select -1"));
	assert_true(literals_of("select a in (1, 2, 3)") != literals_of("select a in (1, 2, 4)"));
	assert_true(literals_of("select 'a'\n'b'") != literals_of("select 'a'\n'c'"));
	assert_int_equal(literals_of("select a, $1"), 0);
	norm("select 1, 'a', (2, 3)");
	assert_int_equal(last.n_literals, 4);
}

/* Every way a string can be written, cut at every place, with a word in it that must not come out. */
static void no_literal_gets_out(void **state)
{
	static const char *const all[] = {
		"select 'SECRETWORD' from t",
		"select E'x\\'SECRETWORD' , 'y'",
		"select $q$ x $$ SECRETWORD $q$",
		"select 1 /* SECRETWORD */",
		"select 1 -- SECRETWORD",
		"select U&'SECRETWORD'",
		"create user u password 'SECRETWORD'",
		"select dblink('host=h password=SECRETWORD')",
		"insert into t values ('a', 'b'), ('a', 'SECRETWORD')",
		"select 1SECRETWORD",
	};

	(void)state;
	for (size_t i = 0; i < sizeof all / sizeof all[0]; i++)
		for (size_t len = strlen(all[i]); len; len--) {
			char *copy = malloc(len), text[256];

			assert_non_null(copy);
			memcpy(copy, all[i], len);
			sqlnorm(&last, text, sizeof text, copy, len, 0);
			free(copy);
			if (strstr(text, "secret") || strstr(text, "SECRET"))
				fail_msg("%.*s: %s", (int)len, all[i], text);
		}
}

static void backslashes_are_told_and_asked_for(void **state)
{
	(void)state;
	norm("select 'a\\'b'");
	assert_int_equal(last.backslash, 1);
	assert_string_equal(norm_flags("select 'a\\'SECRET', 2", SQLNORM_BACKSLASH), "select ?, ?");
	norm("select 'a\\b', E'c\\'d', '\\x'");
	assert_int_equal(last.backslash, 0);
}

static void any_room_will_do(void **state)
{
	const char *sql =
		"select aaaaaaaaaaaaaaa, b\xc3\xa4\xc3\xb6\xc3\xbc from \"T\xe2\x82\xac\" "
		"where x in (1, 2, 3) and y = 'z' order by 1";
	uint64_t want = print_of(sql);
	char text[256];

	(void)state;
	for (size_t cap = 0; cap < 120; cap++) {
		memset(text, '#', sizeof text);
		sqlnorm(&last, text, cap, sql, strlen(sql), 0);
		assert_true(last.fingerprint == want);
		assert_int_equal(text[cap], '#');
		if (!cap)
			continue;
		assert_int_equal(text[last.len], 0);
		assert_true(last.len < cap);
		if (last.cut && cap > 4)
			assert_string_equal(text + last.len - 3, "...");
	}
	assert_int_equal(last.cut, 0);
}

static void long_statements_end(void **state)
{
	const size_t rows = 60000;
	char *sql = malloc(rows * 16 + 64), *at = sql;
	uint64_t want;

	(void)state;
	assert_non_null(sql);
	want = print_of("insert into t values (1), (2)");
	at += snprintf(at, 64, "insert into t values ");
	for (size_t i = 0; i < rows; i++)
		at += snprintf(at, 16, "%s(%zu)", i ? ", " : "", i);
	sqlnorm(&last, NULL, 0, sql, (size_t)(at - sql), 0);
	assert_int_equal(last.partial, 1);
	assert_true(last.fingerprint == want);
	memset(sql, '(', rows * 16);
	sqlnorm(&last, NULL, 0, sql, rows * 16, 0);
	memset(sql, ' ', rows * 16);
	sqlnorm(&last, NULL, 0, sql, rows * 16, 0);
	assert_int_equal(last.partial, 0);
	memset(sql, 'x', rows * 16);
	memcpy(sql, "select '", 8);
	sqlnorm(&last, NULL, 0, sql, rows * 16, 0);
	assert_true(last.fingerprint == print_of("select 'a"));
	free(sql);
}

static void hex_has_sixteen_digits(void **state)
{
	char hex[SQLNORM_HEX];

	(void)state;
	sqlnorm_hex(hex, UINT64_C(0x0123456789abcdef));
	assert_string_equal(hex, "0123456789abcdef");
}

static void hashes_see_every_byte(void **state)
{
	unsigned char b[70] = {0};

	(void)state;
	for (size_t n = 0; n < sizeof b; n++) {
		uint64_t h = sqlnorm_hash(b, n, 1);

		assert_true(h != sqlnorm_hash(b, n, 2));
		assert_true(h != sqlnorm_hash(b, n + 1, 1));
		for (size_t i = 0; i < n; i++) {
			b[i] = 1;
			assert_true(h != sqlnorm_hash(b, n, 1));
			b[i] = 0;
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(texts_are_as_stated),
		cmocka_unit_test(one_fingerprint_for_what_is_the_same),
		cmocka_unit_test(others_have_their_own),
		cmocka_unit_test(literals_tell_parameter_sets_apart),
		cmocka_unit_test(no_literal_gets_out),
		cmocka_unit_test(backslashes_are_told_and_asked_for),
		cmocka_unit_test(any_room_will_do),
		cmocka_unit_test(long_statements_end),
		cmocka_unit_test(hex_has_sixteen_digits),
		cmocka_unit_test(hashes_see_every_byte),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
