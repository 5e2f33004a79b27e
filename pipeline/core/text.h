/* Small texts: UUIDs, ISO 8601 stamps, shortest decimals, clean UTF-8, JSON through jansson.
 * Thread-safe. */
#ifndef CORE_TEXT_H
#define CORE_TEXT_H

#include <jansson.h>
#include <stddef.h>
#include <stdint.h>

#include "prof/base/buf.h"
#include "prof/base/err.h"

#define UUID_TEXT 37 /* 36 characters and NUL */

/* Accepts the 36-character form in either case; writes lower case. 0 or ERR_ARG. */
int uuid_normalise(const char *text, char out[UUID_TEXT]);
int uuid_random(char out[UUID_TEXT]); /* version 4, from getrandom(2); 0 or ERR_IO */

#define STAMP_TEXT 40
/* "2026-11-21T04:25:16.123456Z" of unix nanoseconds. */
void stamp_format(int64_t unix_ns, char out[STAMP_TEXT]);
/* `YYYY-MM-DDTHH:MM:SS[.f…](Z|+HH:MM|-HH:MM)`, also with a blank for the T, also without a zone
 * (taken as UTC). 0 or ERR_FORMAT. */
int stamp_parse(const char *text, int64_t *unix_ns);

#define DOUBLE_TEXT 32
/* Shortest decimal that restores the value, as Python's repr spells it ("0.3", "1e-07", "25.0",
 * "-1073741824.0"). Not for NaN or infinity. */
void double_shortest(double v, char out[DOUBLE_TEXT]);

/* Copy of `text` with each byte that is not valid UTF-8 replaced by '?' (file names, cut messages),
 * so that databases and JSON take it; malloc'ed, NULL: no memory. */
char *text_utf8(const char *text);

/* Parses JSON with position in the message ("NAME:LINE:COL: …"). Duplicate keys are an error. */
json_t *json_parse(const char *name, const char *bytes, size_t n, struct err *err);
/* Compact text, keys in insertion order, UTF-8; malloc'ed, NULL: no memory. */
char *json_compact(const json_t *value);
/* Python's json.dumps(value, indent=2): two blanks, ASCII-escaped, insertion order. */
char *json_pretty_ascii(const json_t *value);
/* A number with `decimals` digits after the point (rounded), as a JSON real or integer. */
json_t *json_rounded(double v, int decimals);

#endif
