/* Passwords in command lines: see secret.h. */
#include "prof/base/secret.h"

#include <stddef.h>
#include <string.h>
#include <strings.h>

#define STARS   3
#define BLANKS  " \t\r\n"
#define URL_MAX 4096 /* bytes behind "://" in which a '@' is looked for */

/* A quote that ends an argument of a JSON list. */
static int argument_ends(const char *at)
{
	return *at == '"' && (at[1] == ',' || at[1] == ']' || !at[1]);
}

/* ---- URLs -------------------------------------------------------------------------------------- */

/* The last '@' of the first `n` bytes; 0: there is none, or nothing before it. */
static size_t last_sign(const char *at, size_t n)
{
	while (n > 0 && at[n - 1] != '@')
		n--;
	return n ? n - 1 : 0;
}

/* Of a password with letters that should have been escaped: it seems to end with what is no port. */
static int goes_on(const char *at, size_t colon, size_t end)
{
	if (*at == '[' || colon >= end)
		return 0;
	return end == colon + 1 || strspn(at + colon + 1, "0123456789") < end - colon - 1 ||
	       (at[end] && strchr("\"'\\<>", at[end]) && !argument_ends(at + end));
}

/* Bytes of a password behind "://" of which `at` is the first byte: *skip to it; 0: there is none. */
static size_t in_url(const char *at, size_t *skip)
{
	size_t n = strnlen(at, URL_MAX), end = 0, colon = 0, sign;

	while (end < n && !strchr("/?#\"'\\<>" BLANKS, at[end]))
		end++;
	while (colon < end && at[colon] != ':')
		colon++;
	sign = last_sign(at, end);
	if (!sign && goes_on(at, colon, end)) {
		while (end < n && !strchr(BLANKS, at[end]) && !argument_ends(at + end))
			end++;
		sign = last_sign(at, end);
	}
	if (colon >= sign)
		return 0;
	*skip = colon + 1;
	return sign - *skip;
}

/* ---- password=… -------------------------------------------------------------------------------- */

/* Up to the quote that ends the value, which '' and \' do not, or to the end of the argument. */
static size_t in_quotes(const char *at)
{
	size_t n = 0;

	while (at[n] && !argument_ends(at + n)) {
		if (at[n] == '\\' && at[n + 1])
			n += at[n + 1] == '\\' && at[n + 2] == '\'' ? 3
								    : 2; /* of a JSON list: \\' */
		else if (at[n] == '\'' && at[n + 1] == '\'')
			n += 2;
		else if (at[n] == '\'')
			break;
		else
			n++;
	}
	return n;
}

/* Up to a blank or the next parameter of a URL. */
static size_t bare(const char *at)
{
	size_t n = 0;

	while (at[n] && !strchr("&" BLANKS, at[n]) && !argument_ends(at + n))
		n += at[n] == '\\' && at[n + 1] ? 2 : 1;
	return n;
}

static size_t value(const char *at, size_t *skip)
{
	const char *end;

	if (*at == '\'') {
		++*skip;
		return in_quotes(at + 1);
	}
	if (at[0] == '\\' && at[1] == '"') { /* of a JSON list */
		*skip += 2;
		end = strstr(at + 2, "\\\"");
		return end ? (size_t)(end - at - 2) : 0;
	}
	if (*at == '"' && !argument_ends(at)) {
		++*skip;
		return strcspn(at + 1, "\"");
	}
	return bare(at);
}

/* password=…, password = …, SQL's PASSWORD '…' */
static size_t in_word(const char *at, size_t *skip)
{
	static const char name[] = "password";
	size_t n = sizeof name - 1, blanks;

	if (strncasecmp(at, name, n) != 0)
		return 0;
	blanks = strspn(at + n, BLANKS);
	n += blanks;
	if (at[n] == '=')
		n += 1 + (blanks ? strspn(at + n + 1, BLANKS) : 0);
	else if (blanks && (at[n] == 'e' || at[n] == 'E') && at[n + 1] == '\'')
		n++;
	else if (at[n] != '\'')
		return 0;
	*skip = n;
	return value(at + n, skip);
}

int secret_hide(char *text)
{
	const char *at = text;
	char *to = text;
	int hidden = 0;

	while (*at) {
		int url = strncmp(at, "://", 3) == 0;
		size_t skip = 0, stars;
		size_t len = url ? in_url(at + 3, &skip) : in_word(at, &skip);

		if (!len) {
			*to++ = *at++;
			continue;
		}
		skip += url ? 3 : 0;
		stars = len < STARS ? len : STARS;
		memmove(to, at, skip);
		memset(to + skip, '*', stars);
		to += skip + stars;
		at += skip + len;
		hidden++;
	}
	*to = '\0';
	return hidden;
}
