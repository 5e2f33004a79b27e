/* Commands without what was said to them, names without folders: see redact.h. */
#include "viewer/redact.h"

#include <string.h>

const char *redact_program(const char *command, size_t *n)
{
	const char *end = " ", *from;

	if (*command == '\'' || *command == '"')
		end = *command++ == '"' ? "\"" : "'";
	*n = strcspn(command, end);
	for (from = command + *n; from > command && from[-1] != '/'; from--) {
	}
	*n -= (size_t)(from - command);
	return from;
}

/* Signs a path may follow in a name, and signs that end it. */
static int is_before(char c)
{
	return (unsigned char)c <= ' ' || strchr("\"'`([{<,;:=~@|", c) != NULL;
}

static int is_end(char c)
{
	return (unsigned char)c <= ' ' || strchr("\"'`)]}>,;:|", c) != NULL;
}

/* Of the path text[0] … text[n - 1] where its last part begins; 0: it has no folders. */
static size_t last_part(const char *text, size_t n)
{
	while (n > 0 && text[n - 1] == '/')
		n--;
	while (n > 0 && text[n - 1] != '/')
		n--;
	return n > 1 ? n : 0;
}

/* Where the path that begins at `at` ends: at the quote that it began with, if it did. */
static size_t end_of(const char *text, size_t at, size_t n)
{
	const char *quote = at > 0 && strchr("\"'`", text[at - 1]) && text[at - 1]
				    ? memchr(text + at, text[at - 1], n - at)
				    : NULL;

	if (quote)
		return (size_t)(quote - text);
	while (at < n && !is_end(text[at]))
		at++;
	return at;
}

void redact_name(struct buf *out, const char *text, size_t n)
{
	size_t at = 0, plain = 0;

	while (at < n) {
		size_t end, part;

		if (text[at] != '/' || (at > 0 && !is_before(text[at - 1]))) {
			at++;
			continue;
		}
		end = end_of(text, at, n);
		part = last_part(text + at, end - at);
		if (part) {
			buf_put(out, text + plain, at - plain);
			plain = at + part;
		}
		at = end > at ? end : at + 1;
	}
	buf_put(out, text + plain, n - plain);
}
