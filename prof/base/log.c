/* Levelled talk on stderr: see log.h. */
#include "prof/base/log.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static const char *log_prefix = "protea";
static enum log_level log_level = LOG_INFO;
static void (*hook_before)(void);
static void (*hook_after)(void);
static pthread_mutex_t log_lock = PTHREAD_MUTEX_INITIALIZER; /* guards the hooks and the line */

void log_init(const char *prefix, enum log_level level)
{
	log_prefix = prefix;
	log_level = level;
}

enum log_level log_get_level(void)
{
	return log_level;
}

void log_set_hook(void (*before)(void), void (*after)(void))
{
	pthread_mutex_lock(&log_lock);
	hook_before = before;
	hook_after = after;
	pthread_mutex_unlock(&log_lock);
}

static void put_line(const char *line, size_t len)
{
	while (len > 0) {
		ssize_t n = write(STDERR_FILENO, line, len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return; /* nowhere left to say it */
		line += n;
		len -= (size_t)n;
	}
}

static void say(enum log_level level, const char *word, const char *fmt, va_list ap)
{
	char line[ERR_TEXT_MAX + 256];
	int saved = errno;
	int n, m;

	if (level > log_level)
		return;
	n = snprintf(line, sizeof line, "%s: %s", log_prefix, word);
	if (n < 0 || (size_t)n >= sizeof line - 2)
		return;
	errno = saved;
	m = vsnprintf(line + n, sizeof line - (size_t)n - 1, fmt, ap);
	if (m < 0)
		return;
	n += m;
	if ((size_t)n > sizeof line - 2)
		n = (int)sizeof line - 2;
	line[n++] = '\n';
	pthread_mutex_lock(&log_lock);
	if (hook_before)
		hook_before();
	put_line(line, (size_t)n);
	if (hook_after)
		hook_after();
	pthread_mutex_unlock(&log_lock);
	errno = saved;
}

#define LOG_BODY(level, word)                                                                      \
	va_list ap;                                                                                \
	va_start(ap, fmt);                                                                         \
	say(level, word, fmt, ap);                                                                 \
	va_end(ap)

void log_error(const char *fmt, ...)
{
	LOG_BODY(LOG_ERROR, "error: ");
}

void log_warn(const char *fmt, ...)
{
	LOG_BODY(LOG_WARN, "warning: ");
}

void log_info(const char *fmt, ...)
{
	LOG_BODY(LOG_INFO, "");
}

void log_debug(const char *fmt, ...)
{
	LOG_BODY(LOG_DEBUG, "debug: ");
}
