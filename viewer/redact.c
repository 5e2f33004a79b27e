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

/* Signs a path may follow in a name, and signs that end its last part. */
static int is_before(char c)
{
	return (unsigned char)c <= ' ' || strchr("\"'`([{<,;:=~@|*^!&#", c) != NULL;
}

static int is_end(char c)
{
	return (unsigned char)c <= ' ' || strchr("\"'`)]}>,;:|", c) != NULL;
}

static int is_letter(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

/* Whether what ends before text[at] is the name of an option, as in -I/a/b: those of one dash stand before their values. */
static int is_option(const char *text, size_t at)
{
	size_t from = at;

	while (from > 0 && is_letter(text[from - 1]))
		from--;
	return from > 0 && from < at && text[from - 1] == '-' &&
	       (from == 1 || is_before(text[from - 2]));
}

/* Whether a path begins at text[at]. Between blanks the sign divides. */
static int is_path(const char *text, size_t at, size_t n)
{
	return text[at] == '/' && at + 1 < n && (unsigned char)text[at + 1] > ' ' &&
	       (at == 0 || is_before(text[at - 1]) || is_option(text, at));
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

/* Where the path that begins at `at` ends. Folders may have any sign in their names, so it goes on as long as there are
 * slashes that begin no other path. */
static size_t end_of(const char *text, size_t at, size_t n)
{
	size_t next, end = at;

	for (next = at + 1; next < n && !is_path(text, next, n); next++)
		if (text[next] == '/')
			end = next;
	for (end++; end < next && !is_end(text[end]); end++) {
	}
	return end;
}

void redact_name(struct buf *out, const char *text, size_t n)
{
	size_t at = 0, plain = 0;

	while (at < n) {
		size_t end, part;

		if (!is_path(text, at, n)) {
			at++;
			continue;
		}
		end = end_of(text, at, n);
		part = last_part(text + at, end - at);
		if (part) {
			buf_put(out, text + plain, at - plain);
			plain = at + part;
		}
		at = end;
	}
	buf_put(out, text + plain, n - plain);
}
