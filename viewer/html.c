/* Foreign text as HTML: see html.h. */
#include "viewer/html.h"

#include <stdint.h>
#include <string.h>

#include "prof/base/utf8.h"

/* What cannot be seen, or changes how its neighbours are seen: the same as in js/format.js. */
static int hidden(uint32_t c)
{
	static const struct {
		uint32_t first, last;
	} ranges[] = {{0, 0x1f},        {0x7f, 0x9f},     {0xad, 0xad},     {0x34f, 0x34f},
		      {0x61c, 0x61c},   {0x115f, 0x1160}, {0x180e, 0x180e}, {0x200b, 0x200f},
		      {0x2028, 0x202e}, {0x2060, 0x206f}, {0x2800, 0x2800}, {0x3164, 0x3164},
		      {0xfeff, 0xfeff}, {0xffa0, 0xffa0}, {0xfff9, 0xfffb}, {0xe0000, 0xe03ff}};
	size_t i = 0;

	while (i < sizeof ranges / sizeof ranges[0] && c > ranges[i].last)
		i++;
	return i < sizeof ranges / sizeof ranges[0] && c >= ranges[i].first;
}

static const char *reference(uint32_t c)
{
	switch (c) {
	case '&':
		return "&amp;";
	case '<':
		return "&lt;";
	case '>':
		return "&gt;";
	case '"':
		return "&quot;";
	case '\'':
		return "&#39;";
	default:
		return NULL;
	}
}

void html_text(struct buf *b, const char *text, size_t n)
{
	size_t at = 0, plain = 0;

	while (at < n) {
		uint32_t c = 0;
		size_t len = utf8_take(text + at, n - at, &c);
		const char *name = len ? reference(c) : "\xef\xbf\xbd";

		if (name || hidden(c)) {
			buf_put(b, text + plain, at - plain);
			if (name)
				buf_puts(b, name);
			else if (c < 0x20) /* the picture of a control character */
				buf_printf(b, "\xe2\x90%c", (int)(0x80 + c));
			else
				buf_printf(b, "\\u{%x}", (unsigned)c);
			plain = at + (len ? len : 1);
		}
		at += len ? len : 1;
	}
	buf_put(b, text + plain, n - plain);
}

void html_name(struct buf *b, const char *text, size_t n)
{
	size_t i = 0;

	while (i < n && (text[i] == ' ' || (text[i] >= '\t' && text[i] <= '\r')))
		i++;
	buf_puts(b, "<bdi>");
	if (i == n)
		buf_puts(b, "(no name)");
	else
		html_text(b, text, n);
	buf_puts(b, "</bdi>");
}
