/* Text put together piece by piece into the caller's array, cut where it does not fit. Foreign bytes are made fit to
 * print: no control characters, no broken UTF-8. Tables of names for numbers. Knows nothing of processes. */
#ifndef ATTACH_WAITS_WORDS_H
#define ATTACH_WAITS_WORDS_H

#include <stddef.h>
#include <stdint.h>

struct words {
	char *out;
	size_t size, len;
	int cut;
};

/* `size` at least 1; the text is ended at all times. */
void words_init(struct words *w, char *out, size_t size);
void words_add(struct words *w, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* Foreign text up to a NUL or `n` bytes; what cannot be printed becomes '?'. */
void words_text(struct words *w, const char *text, size_t n);
/* The same as a string of C: "a\nb"; "..." behind it where there was `more`. */
void words_quote(struct words *w, const char *text, size_t n, int more);
/* Takes back what was added since *w was `before`. */
void words_back(struct words *w, const struct words *before);
/* Says that something was cut off: ends with "..." then. */
void words_end(struct words *w);

struct word {
	uint64_t value;
	const char *name;
};

/* The name of exactly that value; NULL: none. */
const char *word_of(const struct word *table, size_t n, uint64_t value);
/* The name, or the number in decimal. */
void words_name(struct words *w, const struct word *table, size_t n, uint64_t value);
/* "A|B|0x40"; 0 by its name if it has one. Names of several bits go before those of their parts. */
void words_flags(struct words *w, const struct word *table, size_t n, uint64_t value);

void words_pointer(struct words *w, uint64_t address); /* "NULL", "0x7f…" */
/* "1.5 s", "250 ms", "3 min 20 s" of a time to come; "0 s" of none. */
void words_time(struct words *w, int64_t ns);

#define WORDS(table) (table), sizeof(table) / sizeof *(table)

#endif
