/* Printing foreign names safely. */
#include "prof/cli/text.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "prof/base/utf8.h"

#define REPLACEMENT "\xef\xbf\xbd"

/* Bytes of the character at `text`, 0 if it is none; a NUL ends it. */
static size_t character(const char *text)
{
	return utf8_length(text, strnlen(text, 4));
}

/* C1 controls and the characters that turn the direction of text around. */
static int acts(const unsigned char *s, size_t n)
{
	if (n == 1)
		return s[0] < 0x20 || s[0] == 0x7f;
	if (n == 2)
		return s[0] == 0xc2 && s[1] < 0xa0;
	if (n == 3 && s[0] == 0xe2)
		return (s[1] == 0x80 &&
			((s[2] >= 0x8e && s[2] <= 0x8f) || (s[2] >= 0xa8 && s[2] <= 0xae))) ||
		       (s[1] == 0x81 && s[2] >= 0xa6 && s[2] <= 0xa9);
	return 0;
}

int text_columns(const char *text)
{
	int columns = 0;

	while (*text) {
		size_t n = character(text);

		text += n ? n : 1;
		columns++;
	}
	return columns;
}

static const char *print_one(FILE *out, const char *text)
{
	const unsigned char *s = (const unsigned char *)text;
	size_t n = character(text);

	if (!n)
		fputs(REPLACEMENT, out);
	else if (acts(s, n))
		putc('?', out);
	else
		fwrite(text, 1, n, out);
	return text + (n ? n : 1);
}

void text_print(FILE *out, const char *text, int columns, int pad)
{
	int all = text_columns(text), head = all, tail = 0, i;
	size_t take;

	if (columns > 4 && all > columns) {
		head = (columns - 1) / 2;
		tail = columns - 1 - head;
	}
	for (i = 0; i < all && *text; i++) {
		if (i < head || i >= all - tail) {
			text = print_one(out, text);
			continue;
		}
		if (i == head)
			fputs("…", out);
		take = character(text);
		text += take ? take : 1;
	}
	for (i = head + tail + (tail ? 1 : 0); i < pad; i++)
		putc(' ', out);
}

void text_pair(FILE *out, const char *label, const char *detail, int room)
{
	int label_wants = text_columns(label), detail_gets = text_columns(detail);
	int third = room / 3 > 8 ? room / 3 : 8;

	if (!*detail) {
		text_print(out, label, room, 0);
		return;
	}
	room -= 2;
	if (detail_gets > third && detail_gets > room - label_wants)
		detail_gets = room - label_wants > third ? room - label_wants : third;
	text_print(out, label, room - detail_gets > 8 ? room - detail_gets : 8, 0);
	fputs("  ", out);
	text_print(out, detail, detail_gets, 0);
}

char *text_valid(const char *text, int visible)
{
	size_t len = strlen(text), n = 0;
	/* An invalid byte becomes three. */
	char *clean = len < SIZE_MAX / 3 - 1 ? malloc(3 * len + 1) : NULL;

	while (clean && *text) {
		size_t take = character(text);

		if (!take) {
			memcpy(clean + n, REPLACEMENT, 3);
			n += 3;
		} else if (visible && acts((const unsigned char *)text, take)) {
			clean[n++] = '?';
		} else {
			memcpy(clean + n, text, take);
			n += take;
		}
		text += take ? take : 1;
	}
	if (clean)
		clean[n] = '\0';
	return clean;
}

const char *text_base(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash && slash[1] ? slash + 1 : path;
}

size_t text_file_name(char *to, size_t size, const char *text)
{
	size_t n = 0;
	int dash = 0;

	for (; *text; text++) {
		char c = *text;
		int fine = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
			   (c >= '0' && c <= '9') || c == '_' || (c == '.' && n > 0);

		if (fine && n + (size_t)dash + 1 >= size)
			break;
		if (fine && dash)
			to[n++] = '-';
		if (fine)
			to[n++] = c;
		dash = !fine && n > 0;
	}
	to[n] = '\0';
	return n;
}
