/* Failure records. A function that can fail returns 0 or one of the negative codes below and
 * describes the failure in a `struct err` of its caller: what, where, what to do next. Nothing here
 * prints; only command code does. Knows nothing of any format. A struct err belongs to one thread. */
#ifndef BASE_ERR_H
#define BASE_ERR_H

#include <stdarg.h>

enum err_code {
	ERR_OK = 0,
	ERR_NOMEM = -1,       /* no memory */
	ERR_IO = -2,          /* a system call on a file, disk or pipe failed */
	ERR_FORMAT = -3,      /* input bytes are malformed: corrupt, truncated or hostile */
	ERR_ARG = -4,         /* refused argument, option or payload; nothing was done */
	ERR_NOTFOUND = -5,    /* what was asked for does not exist */
	ERR_EXISTS = -6,      /* what should be made exists already */
	ERR_UNSUPPORTED = -7, /* understood, but not offered by this build or program */
	ERR_DATABASE = -8,    /* SQLite or PostgreSQL said no */
	ERR_CANCELLED = -9,   /* stopped on request (signal, cancelled job) */
	ERR_NETWORK = -10,    /* remote store unreachable or refusing */
	ERR_LIMIT = -11,      /* a stated limit would be passed */
	ERR_INTERNAL = -12,   /* an invariant does not hold: a defect of this program */
	ERR_DENIED = -13,     /* a right is missing: which one, and the line that grants it */
};

#define ERR_TEXT_MAX 2048

struct err {
	int code;                /* enum err_code */
	int sys;                 /* errno of the failed call, 0 if none */
	char text[ERR_TEXT_MAX]; /* one sentence, no full stop, no newline; cut to fit */
};

#define ERR_INIT                                                                                   \
	{                                                                                          \
		0                                                                                  \
	}
#define ERR_PRINTF(f, a) __attribute__((format(printf, f, a)))

/* Fills `e` (which may be NULL) and returns `code`. */
int err_set(struct err *e, int code, const char *fmt, ...) ERR_PRINTF(3, 4);

/* The same, and appends ": " and the text of the current errno. */
int err_sys(struct err *e, int code, const char *fmt, ...) ERR_PRINTF(3, 4);

/* Puts "text: " before what `e` already says; keeps and returns its code. */
int err_prefix(struct err *e, const char *fmt, ...) ERR_PRINTF(2, 3);

/* "no memory" for `what`; returns ERR_NOMEM. */
int err_nomem(struct err *e, const char *what);

/* Name of a code for `job.error_code` and logs, e.g. "FormatError"; never NULL. */
const char *err_name(int code);

#endif
