/* Names from foreign files on a terminal: nothing in them may act as anything but text. */
#ifndef CLI_TEXT_H
#define CLI_TEXT_H

#include <stdio.h>

/* Prints `text` with control characters as '?' and invalid UTF-8 as U+FFFD, at most `columns` wide (0: no
 * limit; what is too long is cut in the middle), padded to `pad` columns. Counts one column a character. */
void text_print(FILE *out, const char *text, int columns, int pad);

/* Last component of a path. */
const char *text_base(const char *path);

#endif
