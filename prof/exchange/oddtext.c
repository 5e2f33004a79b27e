/* Any bytes as UTF-8 without NUL, and back: see oddtext.h. */
#include "prof/exchange/oddtext.h"

#include <stdint.h>
#include <string.h>

#include "prof/base/utf8.h"

#define BLOCK 0x10ff00u

/* Bytes at `s` that go as they are, 0: the first one does not. */
static size_t plain_length(const char *s, size_t n)
{
	uint32_t code = 0;
	size_t len;

	if ((unsigned char)*s - 1u < 0x7f)
		return 1;
	len = utf8_take(s, n, &code);
	return len > 1 && code < BLOCK ? len : 0;
}

int oddtext_is_plain(const char *text, size_t n)
{
	size_t at = 0, len;

	for (; at < n; at += len) {
		len = plain_length(text + at, n - at);
		if (!len)
			return 0;
	}
	return 1;
}

int oddtext_put(struct buf *out, const char *text, size_t n)
{
	size_t at = 0, from = 0;

	while (at < n) {
		size_t len = plain_length(text + at, n - at);
		unsigned char byte = (unsigned char)text[at];
		const char odd[4] = {(char)0xf4, (char)0x8f, (char)(0xbc | byte >> 6),
				     (char)(0x80 | (byte & 0x3f))};

		if (len) {
			at += len;
			continue;
		}
		buf_put(out, text + from, at - from);
		buf_put(out, odd, sizeof odd);
		from = ++at;
	}
	return buf_put(out, text + from, at - from);
}

size_t oddtext_back(char *text, size_t n)
{
	size_t at = 0, to = 0;

	while (at < n) {
		const unsigned char *s = (const unsigned char *)text + at;

		if (n - at >= 4 && s[0] == 0xf4 && s[1] == 0x8f && (s[2] & 0xfc) == 0xbc &&
		    (s[3] & 0xc0) == 0x80) {
			text[to++] = (char)((s[2] & 3) << 6 | (s[3] & 0x3f));
			at += 4;
		} else {
			text[to++] = text[at++];
		}
	}
	return to;
}
