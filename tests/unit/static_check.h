/* Is HTML of the plain table inert, whatever the names in it? Used by its tests and its fuzz target. Returns what is
 * wrong, or NULL. */
#ifndef TESTS_STATIC_CHECK_H
#define TESTS_STATIC_CHECK_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* The tags that the table is made of, as they are written: there are no others, and none has what a name could fill. */
static const char *const static_tags[] = {
	"<h2>",    "</h2>",   "<h3>",     "</h3>",
	"<p>",     "<code>",  "</code>",  "<bdi>",
	"</bdi>",  "<table>", "</table>", "<thead>",
	"<tbody>", "<tr>",    "<td>",     "<th scope=\"col\">",
};

static const char *const static_references[] = {"&amp;", "&lt;", "&gt;", "&quot;", "&#39;"};

static inline size_t static_any(const char *at, const char *const *list, size_t n)
{
	size_t i;

	for (i = 0; i < n; i++)
		if (strncmp(at, list[i], strlen(list[i])) == 0)
			return strlen(list[i]);
	return 0;
}

/* Bytes of the character there (RFC 3629), 0: none. */
static inline size_t static_utf8(const unsigned char *s, uint32_t *code)
{
	size_t n = s[0] < 0x80 ? 1 : s[0] >= 0xf0 ? 4 : s[0] >= 0xe0 ? 3 : s[0] >= 0xc2 ? 2 : 0, i;

	if (n == 0 || s[0] > 0xf4)
		return 0;
	*code = n == 1 ? s[0] : s[0] & (0x7fu >> n);
	for (i = 1; i < n; i++) {
		if ((s[i] & 0xc0) != 0x80)
			return 0;
		*code = *code << 6 | (s[i] & 0x3f);
	}
	if (n > 2 && *code < (n == 3 ? 0x800u : 0x10000u))
		return 0;
	return *code > 0x10ffff || (*code >= 0xd800 && *code < 0xe000) ? 0 : n;
}

static inline int static_unseen(uint32_t c)
{
	return (c < 0x20 && c != '\n') || (c >= 0x7f && c < 0xa0) || c == 0xad || c == 0x34f ||
	       c == 0x61c || c == 0x115f || c == 0x1160 || c == 0x180e || c == 0x2800 ||
	       c == 0x3164 || c == 0xffa0 || (c >= 0xe0000 && c < 0xe0400) ||
	       (c >= 0x200b && c <= 0x200f) || (c >= 0x2028 && c <= 0x202e) ||
	       (c >= 0x2060 && c <= 0x206f) || c == 0xfeff || (c >= 0xfff9 && c <= 0xfffb);
}

static inline const char *static_wrong(const char *html, size_t len)
{
	const char *at = html, *end = html + len;
	int names = 0;

	if (strlen(html) != len)
		return "a NUL";
	while (at < end) {
		uint32_t code = 'x';
		size_t n = 1;

		if (*at == '<') {
			n = static_any(at, static_tags, sizeof static_tags / sizeof static_tags[0]);
			names += n && strncmp(at, "<bdi>", 5) == 0;
			names -= n && strncmp(at, "</bdi>", 6) == 0;
		} else if (*at == '&') {
			n = static_any(at, static_references,
				       sizeof static_references / sizeof static_references[0]);
		} else if (strchr(">\"'", *at)) {
			n = 0;
		} else {
			n = static_utf8((const unsigned char *)at, &code);
		}
		if (n == 0)
			return at;
		if (static_unseen(code) || (code == '\n' && names) || names < 0 || names > 1)
			return "what cannot be seen, or a name that is not closed";
		at += n;
	}
	return names ? "a name that is not closed" : NULL;
}

#endif
