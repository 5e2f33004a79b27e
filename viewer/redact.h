/* What is left of texts that tell of the place where a profile was made. Private to viewer. */
#ifndef VIEWER_REDACT_H
#define VIEWER_REDACT_H

#include <stddef.h>

/* Of a command line the program: its first word, without quotes and folder; `*n` its length. */
const char *redact_program(const char *command, size_t *n);

#endif
