/* Any bytes as a command line: it never grows, stars come in place of passwords alone, and once is enough. With a
 * password in it, in each form in which clients take them, whatever stands around it: not a letter of it is left. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "prof/base/secret.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

/* A copy of its length, so that a byte too far is seen. */
static char *text_of(const uint8_t *data, size_t n)
{
	char *text = malloc(n + 1);
	size_t to = 0;

	for (size_t i = 0; text && i < n; i++)
		if (data[i])
			text[to++] = (char)data[i];
	if (text)
		text[to] = '\0';
	return text;
}

/* Is `text` what is left of `from` when runs of it became stars? */
static void check_left(const char *from, const char *text)
{
	for (; *text; text++) {
		while (*text != '*' && *from && *from != *text)
			from++;
		if (*text != '*' && !*from++)
			abort();
	}
}

static void any(const uint8_t *data, size_t n)
{
	char *text = text_of(data, n), *from = text ? strdup(text) : NULL;
	int hidden;

	if (from) {
		hidden = secret_hide(text);
		if (strlen(text) > strlen(from) || (!hidden && strcmp(text, from) != 0))
			abort();
		check_left(from, text);
	}
	free(text);
	free(from);
}

struct form {
	const char *before, *behind, *letters;
};

/* The letters that a password may have there; the first ones are never anything else. */
static const struct form forms[] = {
	{"postgresql://me:", "@db:5432/x", "QXZ%./?#'<>:=&"},
	{"postgresql://me:", "@db:5432/x", "QXZ%.:@=&"},
	{"https://me:", "@[::1]/x", "QXZ!$*+,;~^(){}|"},
	{"password=", " host=db", "QXZ'=:/@,;\\?#"},
	{"host=db password = '", "' user=me", "QXZ \"=:/@&\t"},
	{"db?user=me&password=", "&sslmode=x", "QXZ'=:/@,;?#"},
	{"alter role me password '", "' valid", "QXZ \"=:/@&\n"},
	{"alter role me password E'", "'", "QXZ =:/@&\n"},
	{"password=\"", "\" host=db", "QXZ =:/@&'"},
};
#define FORMS (sizeof forms / sizeof *forms)

/* What stands around it: no upper case, in which passwords are, and nothing that is a password's form itself. */
static void put_around(char *to, const uint8_t *data, size_t n)
{
	size_t i;

	for (i = 0; i < n; i++) {
		to[i] = (char)data[i];
		if (!data[i] || (data[i] >= 'A' && data[i] <= 'Z') || strchr(":='\"\\", to[i]))
			to[i] = 'p';
	}
	to[i] = '\0';
}

static void with_password(const uint8_t *data, size_t n)
{
	const struct form *f = &forms[data[0] % FORMS];
	size_t length = 1 + data[1] % 24, letters = strlen(f->letters), around;
	char before[64], behind[64], password[32], text[256];

	if (n < 2 + length)
		return;
	password[0] = f->letters[data[2] % 3];
	for (size_t i = 1; i < length; i++)
		password[i] = f->letters[data[2 + i] % letters];
	/* An '@' or blank at its end would be the host's. */
	password[length] = 'Q';
	password[length + 1] = '\0';
	data += 2 + length;
	n -= 2 + length;
	around = n / 2 < 60 ? n / 2 : 60;
	put_around(before, data, around);
	put_around(behind, data + around, around);
	snprintf(text, sizeof text, "%s %s%s%s %s", before, f->before, password, f->behind, behind);
	if (secret_hide(text) < 1 || strpbrk(text, "QXZ"))
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	any(data, n);
	if (n >= 3)
		with_password(data, n);
	return 0;
}
