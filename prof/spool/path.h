/* Joining texts and numbers without stdio, for code that runs in the target. Private to prof/spool. */
#ifndef SPOOL_PATH_H
#define SPOOL_PATH_H

#include <stddef.h>
#include <stdint.h>

struct path_text { /* cut silently at `size`; then `full` is set */
	char *text;
	size_t size, len;
	int full;
};

static inline void path_puts(struct path_text *p, const char *text)
{
	for (; *text; text++) {
		if (p->len + 1 >= p->size) {
			p->full = 1;
			break;
		}
		p->text[p->len++] = *text;
	}
	p->text[p->len] = '\0';
}

static inline void path_putn(struct path_text *p, uint64_t n)
{
	char digits[24];
	size_t i = sizeof digits - 1;

	digits[i] = '\0';
	do
		digits[--i] = (char)('0' + n % 10);
	while ((n /= 10) != 0);
	path_puts(p, digits + i);
}

#endif
