/* A stretch of text that is taken from the front: words, numbers, given beginnings. Nothing is copied. */
#ifndef FORMATS_TEXT_SPAN_H
#define FORMATS_TEXT_SPAN_H

#include <stdint.h>

struct text_span {
	const char *p, *end;
};

void text_skip_blanks(struct text_span *t); /* and tabs */
int text_starts(const struct text_span *t, const char *word);
int text_take(struct text_span *t, const char *word); /* 1 if it was there */
int text_digit(char c, unsigned base);                /* its value, or -1; base at most 16 */
/* Decimal, or hexadecimal after 0x. 1, or 0 if there is none or it does not fit. */
int text_take_number(struct text_span *t, uint64_t *value);
/* The next word, up to a blank; 0: there is none. */
int text_take_word(struct text_span *t, struct text_span *word);
int text_is_word(const struct text_span *word, const char *text);

#endif
