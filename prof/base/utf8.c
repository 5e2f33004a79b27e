/* Checks of UTF-8: see utf8.h. */
#include "prof/base/utf8.h"

size_t utf8_length(const char *s, size_t n)
{
	const unsigned char *u = (const unsigned char *)s;
	unsigned char lo = 0x80, hi = 0xbf; /* of the second byte */
	size_t len, i;

	if (u[0] < 0x80)
		return 1;
	if (u[0] < 0xc2 || u[0] > 0xf4)
		return 0;
	len = u[0] < 0xe0 ? 2 : u[0] < 0xf0 ? 3 : 4;
	if (u[0] == 0xe0)
		lo = 0xa0;
	else if (u[0] == 0xed)
		hi = 0x9f;
	else if (u[0] == 0xf0)
		lo = 0x90;
	else if (u[0] == 0xf4)
		hi = 0x8f;
	if (n < len || u[1] < lo || u[1] > hi)
		return 0;
	for (i = 2; i < len; i++)
		if ((u[i] & 0xc0) != 0x80)
			return 0;
	return len;
}

size_t utf8_take(const char *s, size_t n, uint32_t *code)
{
	const unsigned char *u = (const unsigned char *)s;
	size_t len = utf8_length(s, n), i;

	if (len == 0)
		return 0;
	*code = len == 1 ? u[0] : u[0] & (0xffu >> (len + 1));
	for (i = 1; i < len; i++)
		*code = *code << 6 | (u[i] & 0x3fu);
	return len;
}

int utf8_valid(const char *s, size_t n)
{
	size_t at = 0, len;

	while (at < n) {
		len = utf8_length(s + at, n - at);
		if (len == 0)
			return 0;
		at += len;
	}
	return 1;
}
