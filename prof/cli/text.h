/* Names from foreign files on a terminal: nothing in them may act as anything but text. */
#ifndef CLI_TEXT_H
#define CLI_TEXT_H

#include <stddef.h>
#include <stdio.h>

/* Prints `text` with control characters as '?' and invalid UTF-8 as U+FFFD, at most `columns` wide (0: no
 * limit; what is too long is cut in the middle), padded to `pad` columns. Counts one column a character. */
void text_print(FILE *out, const char *text, int columns, int pad);

/* Columns that text_print() needs for all of it. */
int text_columns(const char *text);

/* `label`, two blanks and `detail` (may be "") in at most `room` columns: a long detail is cut to a third,
 * a long label to what is left. */
void text_pair(FILE *out, const char *label, const char *detail, int room);

/* A copy (malloc'ed) in which invalid UTF-8 is U+FFFD and, with `visible`, control characters are '?'.
 * NULL: no memory. */
char *text_valid(const char *text, int visible);

/* What of `text` may be in a file's name: letters, digits, '_', and '.' but in front; whatever else there is (slashes,
 * blanks, letters of other alphabets) is one dash between them. As many as fit into `size` bytes with the zero at
 * the end; returns how many, 0 for "". */
size_t text_file_name(char *to, size_t size, const char *text);

/* Last component of a path. */
const char *text_base(const char *path);

#endif
