/* Levelled talk on stderr, each line with the program's prefix. Results never go through here:
 * stdout is data, stderr is talk. Thread-safe: one write(2) per line. Not for signal handlers and
 * not for code that runs inside a profiled target. */
#ifndef BASE_LOG_H
#define BASE_LOG_H

#include "prof/base/err.h"

enum log_level {
	LOG_QUIET = 0, /* nothing but errors */
	LOG_ERROR = 0,
	LOG_WARN = 1,
	LOG_INFO = 2, /* the default */
	LOG_DEBUG = 3,
};

/* `prefix` is borrowed for the life of the process ("protea-export"). */
void log_init(const char *prefix, enum log_level level);
enum log_level log_get_level(void);

/* Called around each line while a progress line is on the terminal: erase it, draw it again.
 * NULL removes the hook. */
void log_set_hook(void (*before)(void), void (*after)(void));

void log_error(const char *fmt, ...) ERR_PRINTF(1, 2);
void log_warn(const char *fmt, ...) ERR_PRINTF(1, 2);
void log_info(const char *fmt, ...) ERR_PRINTF(1, 2);
void log_debug(const char *fmt, ...) ERR_PRINTF(1, 2);

#endif
