/* Sentences that are broken at blanks where the terminal ends. */
#ifndef CLI_WRAPPED_H
#define CLI_WRAPPED_H

#include <stdio.h>

/* `text` from column `at` on, in as many lines as cli_width() asks for, each further one indented by `indent`; ends the
 * line. Control characters are '?'. */
void wrapped_print(FILE *out, const char *text, int at, int indent);

#endif
