/* JSON pieces: see jsontext.h. */
#include "prof/record/jsontext.h"

#include <math.h>

/* Bytes of the UTF-8 sequence at `p`, 0: it is none (RFC 3629: no surrogates, nothing overlong). */
static size_t utf8_length(const unsigned char *p, size_t len)
{
	size_t n = p[0] < 0x80   ? 1
		   : p[0] < 0xc2 ? 0
		   : p[0] < 0xe0 ? 2
		   : p[0] < 0xf0 ? 3
		   : p[0] < 0xf5 ? 4
				 : 0;

	if (n == 0 || n > len)
		return 0;
	for (size_t i = 1; i < n; i++)
		if ((p[i] & 0xc0) != 0x80)
			return 0;
	if ((p[0] == 0xe0 && p[1] < 0xa0) || (p[0] == 0xed && p[1] > 0x9f) ||
	    (p[0] == 0xf0 && p[1] < 0x90) || (p[0] == 0xf4 && p[1] > 0x8f))
		return 0;
	return n;
}

void json_put_text(struct buf *b, const char *text, size_t len)
{
	const unsigned char *p = (const unsigned char *)text, *end = p + len;

	buf_putc(b, '"');
	while (p < end) {
		size_t n = utf8_length(p, (size_t)(end - p));

		if (n == 0)
			buf_puts(b, "\xef\xbf\xbd");
		else if (*p == '"' || *p == '\\')
			buf_printf(b, "\\%c", *p);
		else if (*p < 0x20 || *p == 0x7f)
			buf_printf(b, "\\u%04x", *p);
		else
			buf_put(b, p, n);
		p += n ? n : 1;
	}
	buf_putc(b, '"');
}

void json_put_number(struct buf *b, double value)
{
	if (!isfinite(value))
		buf_puts(b, "null");
	else if (value == rint(value) && fabs(value) < 1e15)
		buf_printf(b, "%.0f", value);
	else
		buf_printf(b, "%.17g", value);
}
