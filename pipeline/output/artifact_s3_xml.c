/* Reading S3's XML answers: see artifact_s3_xml.h. A scanner, not a parser: comments, CDATA and
 * processing instructions are stepped over, nesting is not checked. */
#include "pipeline/output/artifact_s3_xml.h"

#include <string.h>

struct scan {
	const char *at, *end;
};

static int starts_with(const struct scan *s, const char *text)
{
	size_t n = strlen(text);

	return (size_t)(s->end - s->at) >= n && memcmp(s->at, text, n) == 0;
}

/* Moves behind the next `text`, or to the end. */
static void skip_past(struct scan *s, const char *text)
{
	const char *hit = memmem(s->at, (size_t)(s->end - s->at), text, strlen(text));

	s->at = hit ? hit + strlen(text) : s->end;
}

/* Moves behind the '>' that ends the tag, past '>' in quoted attributes. 1 if the tag is "<x/>". */
static int skip_tag(struct scan *s)
{
	char quote = 0, last = 0;

	for (; s->at < s->end; s->at++) {
		char c = *s->at;

		if (quote) {
			quote = c == quote ? '\0' : quote;
		} else if (c == '"' || c == '\'') {
			quote = c;
		} else if (c == '>') {
			s->at++;
			return last == '/';
		}
		last = c;
	}
	return 0;
}

/* Steps to the next start tag; its local name as a range. 1, or 0 at the end. On return s->at is
 * behind the name, inside the tag. */
static int next_start(struct scan *s, const char **name, size_t *len)
{
	for (;;) {
		const char *p;

		skip_past(s, "<");
		if (s->at == s->end)
			return 0;
		if (starts_with(s, "!--")) {
			skip_past(s, "-->");
		} else if (starts_with(s, "![CDATA[")) {
			skip_past(s, "]]>");
		} else if (*s->at == '?') {
			skip_past(s, "?>");
		} else if (*s->at == '!' || *s->at == '/') {
			skip_past(s, ">");
		} else {
			*name = s->at;
			for (p = s->at; p < s->end && !strchr(" \t\r\n/>", *p); p++)
				if (*p == ':')
					*name = p + 1;
			*len = (size_t)(p - *name);
			s->at = p;
			return 1;
		}
	}
}

static char printable(unsigned long c)
{
	if (c == '\n' || c == '\t' || c == '\r')
		return ' ';
	return c >= 0x20 && c < 0x7f ? (char)c : '?';
}

/* The character of "&...;" at s->at (behind the '&'), or '&' itself if it is none. */
static char entity(struct scan *s)
{
	static const struct {
		const char *name;
		char c;
	} known[] = {{"amp;", '&'}, {"lt;", '<'}, {"gt;", '>'}, {"quot;", '"'}, {"apos;", '\''}};
	struct scan digits = *s;
	unsigned long v = 0, base = 10;
	size_t i, n = 0;

	for (i = 0; i < sizeof known / sizeof *known; i++)
		if (starts_with(s, known[i].name)) {
			s->at += strlen(known[i].name);
			return known[i].c;
		}
	if (!starts_with(s, "#"))
		return '&';
	digits.at++;
	if (digits.at < digits.end && *digits.at == 'x') {
		base = 16;
		digits.at++;
	}
	for (; digits.at < digits.end && n < 7; digits.at++, n++) {
		const char *set = "0123456789abcdef", *d;
		char c = *digits.at;

		d = c ? strchr(set, c >= 'A' && c <= 'F' ? c + 32 : c) : NULL;
		if (!d || (unsigned long)(d - set) >= base)
			break;
		v = v * base + (unsigned long)(d - set);
	}
	if (n == 0 || digits.at == digits.end || *digits.at != ';')
		return '&';
	s->at = digits.at + 1;
	return printable(v);
}

/* Text from s->at up to the next tag; CDATA counts as text. 1 whole, -1 cut. */
static int read_text(struct scan *s, char *out, size_t size)
{
	size_t n = 0;
	int cut = 0;

	while (!cut && s->at < s->end) {
		const char *cdata_end;
		char c = *s->at++;

		if (c == '<') {
			if (!starts_with(s, "![CDATA["))
				break;
			s->at += strlen("![CDATA[");
			cdata_end = memmem(s->at, (size_t)(s->end - s->at), "]]>", 3);
			cdata_end = cdata_end ? cdata_end : s->end;
			for (; s->at < cdata_end && n + 1 < size; s->at++)
				out[n++] = printable((unsigned char)*s->at);
			cut = s->at < cdata_end;
			skip_past(s, "]]>");
		} else if (n + 1 < size) {
			out[n++] = c == '&' ? entity(s) : printable((unsigned char)c);
		} else {
			cut = 1;
		}
	}
	out[n] = '\0';
	return cut ? -1 : 1;
}

int s3xml_text(const char *bytes, size_t n, const char *tag, char *out, size_t size)
{
	struct scan s = {bytes, bytes + n};
	const char *name;
	size_t len;

	out[0] = '\0';
	while (n && next_start(&s, &name, &len)) {
		int empty = skip_tag(&s);

		if (len != strlen(tag) || memcmp(name, tag, len) != 0)
			continue;
		return empty ? 1 : read_text(&s, out, size);
	}
	return 0;
}

int s3xml_root_is(const char *bytes, size_t n, const char *tag)
{
	struct scan s = {bytes, bytes + n};
	const char *name;
	size_t len;

	return n && next_start(&s, &name, &len) && len == strlen(tag) &&
	       memcmp(name, tag, len) == 0;
}
