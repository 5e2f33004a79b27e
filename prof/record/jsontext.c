/* JSON pieces: see jsontext.h. */
#include "prof/record/jsontext.h"

#include <math.h>

#include "prof/base/utf8.h"

void json_put_text(struct buf *b, const char *text, size_t len)
{
	const char *p = text, *end = p + len;

	buf_putc(b, '"');
	while (p < end) {
		size_t n = utf8_length(p, (size_t)(end - p));

		if (n == 0)
			buf_puts(b, "\xef\xbf\xbd");
		else if (*p == '"' || *p == '\\')
			buf_printf(b, "\\%c", *p);
		else if ((unsigned char)*p < 0x20 || *p == 0x7f)
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
