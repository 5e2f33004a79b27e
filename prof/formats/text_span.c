/* Words and numbers of a line: see text_span.h. */
#include "prof/formats/text_span.h"

#include <string.h>

void text_skip_blanks(struct text_span *t)
{
	while (t->p < t->end && (*t->p == ' ' || *t->p == '\t'))
		t->p++;
}

int text_starts(const struct text_span *t, const char *word)
{
	size_t n = strlen(word);

	return (size_t)(t->end - t->p) >= n && memcmp(t->p, word, n) == 0;
}

int text_take(struct text_span *t, const char *word)
{
	if (!text_starts(t, word))
		return 0;
	t->p += strlen(word);
	return 1;
}

int text_digit(char c, unsigned base)
{
	int d = c >= '0' && c <= '9'   ? c - '0'
		: c >= 'a' && c <= 'f' ? c - 'a' + 10
		: c >= 'A' && c <= 'F' ? c - 'A' + 10
				       : 16;

	return d < (int)base ? d : -1;
}

int text_take_number(struct text_span *t, uint64_t *value)
{
	unsigned base = text_take(t, "0x") || text_take(t, "0X") ? 16 : 10;
	const char *first = t->p;
	int d;

	for (*value = 0; t->p < t->end && (d = text_digit(*t->p, base)) >= 0; t->p++)
		if (__builtin_mul_overflow(*value, (uint64_t)base, value) ||
		    __builtin_add_overflow(*value, (uint64_t)d, value))
			return 0;
	return t->p > first;
}

int text_take_word(struct text_span *t, struct text_span *word)
{
	text_skip_blanks(t);
	word->p = t->p;
	while (t->p < t->end && *t->p != ' ' && *t->p != '\t')
		t->p++;
	word->end = t->p;
	return word->p < word->end;
}

int text_is_word(const struct text_span *word, const char *text)
{
	return strlen(text) == (size_t)(word->end - word->p) &&
	       memcmp(word->p, text, strlen(text)) == 0;
}
