/* Passwords are taken out of command lines, and nothing else is. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "prof/base/secret.h"

static void hides(const char *from, const char *to)
{
	char text[256];

	snprintf(text, sizeof text, "%s", from);
	secret_hide(text);
	assert_string_equal(text, to);
}

static void urls(void **state)
{
	(void)state;
	hides("load postgresql://me:s3cr3t%2Fw%3Frd%40x@db:5432/x?sslmode=require",
	      "load postgresql://me:***@db:5432/x?sslmode=require");
	hides("[\"load\",\"postgres://me:ab@db/x\",\"postgres://you:abcd@db/y\"]",
	      "[\"load\",\"postgres://me:**@db/x\",\"postgres://you:***@db/y\"]");
	hides("postgresql://me:a@b@db/x", "postgresql://me:***@db/x");
	hides("https://user:token@host", "https://user:***@host");
	hides("postgresql://me@db:5432/x", "postgresql://me@db:5432/x");
	hides("postgresql://me:@db/x", "postgresql://me:@db/x");
	hides("postgresql://db:5432/a@b", "postgresql://db:5432/a@b");
	hides("http://host:80/path?mail=a@b", "http://host:80/path?mail=a@b");
	hides("://", "://");
	hides("a://:b@", "a://:*@");
}

/* What a URL cannot hold unescaped is taken by some clients all the same. */
static void letters_that_should_be_escaped(void **state)
{
	(void)state;
	hides("postgresql://me:pa/ss@db/x y@z", "postgresql://me:***@db/x y@z");
	hides("postgresql://me:?#x@db/x", "postgresql://me:***@db/x");
	hides("postgresql://me:12'3@db/x", "postgresql://me:***@db/x");
	hides("[\"postgresql://me:a/b@db/x\", \"c@d\"]", "[\"postgresql://me:***@db/x\", \"c@d\"]");
	hides("http://[::1]:80/a@b", "http://[::1]:80/a@b");
	hides("http://host:80/a b:c@d", "http://host:80/a b:c@d");
}

static void words(void **state)
{
	(void)state;
	hides("psql host=db password=hush user=me", "psql host=db password=*** user=me");
	hides("postgresql://db/x?user=me&password=hush&sslmode=x",
	      "postgresql://db/x?user=me&password=***&sslmode=x");
	hides("[\"host=db password='a b' x=1\"]", "[\"host=db password='***' x=1\"]");
	hides("PGPASSWORD=hush cmd", "PGPASSWORD=*** cmd");
	hides("--password= x", "--password= x");
	hides("password=", "password=");
	hides("", "");
	hides("host=db password = hush x=1", "host=db password = *** x=1");
	hides("password='it''s \\' mine' x", "password='***' x");
	hides("password=\"hush mine\" x", "password=\"***\" x");
	hides("password=hu'sh\"y x", "password=*** x");
	hides("[\"password=\", \"x\"]", "[\"password=\", \"x\"]");
	hides("[\"password=hush\", \"x\"]", "[\"password=***\", \"x\"]");
	hides("[\"password=\\\"hush\\\" x\"]", "[\"password=\\\"***\\\" x\"]");
	hides("[\"password='a\\\\'b' x\"]", "[\"password='***' x\"]");
	hides("[\"password='never closed\", \"x\"]", "[\"password='***\", \"x\"]");
}

static void statements(void **state)
{
	(void)state;
	hides("psql -c alter role me password 'hush' valid",
	      "psql -c alter role me password '***' valid");
	hides("ALTER ROLE me ENCRYPTED PASSWORD\n'hush'",
	      "ALTER ROLE me ENCRYPTED PASSWORD\n'***'");
	hides("PASSWORD E'a\\'b'; x", "PASSWORD E'***'; x");
	hides("PASSWORD 'a\"b''c'; x", "PASSWORD '***'; x");
	hides("PASSWORD NULL; ALTER ROLE 'x'", "PASSWORD NULL; ALTER ROLE 'x'");
	hides("passwords 'of all' kinds", "passwords 'of all' kinds");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(urls),
		cmocka_unit_test(letters_that_should_be_escaped),
		cmocka_unit_test(words),
		cmocka_unit_test(statements),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
