/* Text piece by piece: see waits_words.h. */
#include "prof/attach/waits_words.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "prof/base/units.h"
#include "prof/base/utf8.h"

void words_init(struct words *w, char *out, size_t size)
{
	*w = (struct words){.out = out, .size = size};
	out[0] = '\0';
}

/* All of it or nothing: half a character would be no text. */
static void put(struct words *w, const char *bytes, size_t n)
{
	if (w->cut || n >= w->size - w->len) {
		w->cut = 1;
		return;
	}
	memcpy(w->out + w->len, bytes, n);
	w->len += n;
	w->out[w->len] = '\0';
}

void words_add(struct words *w, const char *fmt, ...)
{
	char text[512];
	va_list ap;

	if (w->cut)
		return;
	va_start(ap, fmt);
	(void)vsnprintf(text, sizeof text, fmt, ap);
	va_end(ap);
	for (const char *p = text; *p && !w->cut; p++)
		put(w, p, 1);
}

/* Bytes of the character at `p`; 0: it is none, or does something else than to be seen. */
static size_t visible(const char *p, size_t n)
{
	uint32_t code = 0;
	size_t len = utf8_take(p, n, &code);

	if (code < 0x20 || (code >= 0x7f && code < 0xa0))
		return 0;
	/* Marks that turn the direction of writing around would disguise what follows. */
	return (code >= 0x200e && code <= 0x200f) || (code >= 0x2028 && code <= 0x202e) ||
			       (code >= 0x2066 && code <= 0x2069)
		       ? 0
		       : len;
}

static void put_text(struct words *w, const char *text, size_t n, int quoted)
{
	size_t len;

	for (size_t i = 0; i < n && text[i] && !w->cut; i += len ? len : 1) {
		len = visible(text + i, n - i);
		if (quoted && (text[i] == '"' || text[i] == '\\'))
			words_add(w, "\\%c", text[i]);
		else if (len)
			put(w, text + i, len);
		else if (quoted && (text[i] == '\n' || text[i] == '\t'))
			words_add(w, "\\%c", text[i] == '\n' ? 'n' : 't');
		else
			put(w, "?", 1);
	}
}

void words_text(struct words *w, const char *text, size_t n)
{
	put_text(w, text, n, 0);
}

void words_quote(struct words *w, const char *text, size_t n, int more)
{
	put(w, "\"", 1);
	put_text(w, text, n, 1);
	words_add(w, "\"%s", more ? "..." : "");
}

void words_back(struct words *w, const struct words *before)
{
	*w = *before;
	w->out[w->len] = '\0';
}

void words_end(struct words *w)
{
	if (!w->cut || w->size < 4)
		return;
	if (w->len > w->size - 4)
		w->len = w->size - 4;
	while (w->len > 0 && ((unsigned char)w->out[w->len] & 0xc0) == 0x80)
		w->len--;
	memcpy(w->out + w->len, "...", 4);
	w->len += 3;
}

const char *word_of(const struct word *table, size_t n, uint64_t value)
{
	for (size_t i = 0; i < n; i++)
		if (table[i].value == value)
			return table[i].name;
	return NULL;
}

void words_name(struct words *w, const struct word *table, size_t n, uint64_t value)
{
	const char *name = word_of(table, n, value);

	if (name)
		words_add(w, "%s", name);
	else
		words_add(w, "%lld", (long long)value);
}

void words_flags(struct words *w, const struct word *table, size_t n, uint64_t value)
{
	uint64_t left = value;
	const char *between = "";

	for (size_t i = 0; i < n && left; i++)
		if (table[i].value && (left & table[i].value) == table[i].value) {
			words_add(w, "%s%s", between, table[i].name);
			left &= ~table[i].value;
			between = "|";
		}
	if (!value && word_of(table, n, 0))
		words_add(w, "%s", word_of(table, n, 0));
	else if (!value)
		words_add(w, "0");
	else if (left)
		words_add(w, "%s0x%llx", between, (unsigned long long)left);
}

void words_pointer(struct words *w, uint64_t address)
{
	if (address)
		words_add(w, "0x%llx", (unsigned long long)address);
	else
		words_add(w, "NULL");
}

void words_time(struct words *w, int64_t ns)
{
	char text[UNITS_TEXT];

	words_add(w, "%s", ns > 0 ? units_ns(text, ns) : "0 s");
}
