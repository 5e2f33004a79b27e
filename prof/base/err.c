/* Failure records: see err.h. */
#include "prof/base/err.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static void set_text(struct err *e, const char *fmt, va_list ap)
{
	if (vsnprintf(e->text, sizeof e->text, fmt, ap) < 0)
		e->text[0] = '\0';
}

int err_set(struct err *e, int code, const char *fmt, ...)
{
	va_list ap;

	if (!e)
		return code;
	e->code = code;
	e->sys = 0;
	va_start(ap, fmt);
	set_text(e, fmt, ap);
	va_end(ap);
	return code;
}

int err_sys(struct err *e, int code, const char *fmt, ...)
{
	int sys = errno;
	size_t len;
	va_list ap;

	if (!e)
		return code;
	e->code = code;
	e->sys = sys;
	va_start(ap, fmt);
	set_text(e, fmt, ap);
	va_end(ap);
	len = strlen(e->text);
	snprintf(e->text + len, sizeof e->text - len, ": %s", strerror(sys));
	return code;
}

int err_prefix(struct err *e, const char *fmt, ...)
{
	char old[ERR_TEXT_MAX];
	size_t len;
	va_list ap;

	if (!e)
		return ERR_INTERNAL;
	memcpy(old, e->text, sizeof old);
	va_start(ap, fmt);
	set_text(e, fmt, ap);
	va_end(ap);
	len = strlen(e->text);
	snprintf(e->text + len, sizeof e->text - len, ": %.*s", (int)(sizeof old - 1), old);
	return e->code;
}

int err_nomem(struct err *e, const char *what)
{
	return err_set(e, ERR_NOMEM, "no memory for %s", what);
}

const char *err_name(int code)
{
	switch (code) {
	case ERR_OK:
		return "Ok";
	case ERR_NOMEM:
		return "OutOfMemory";
	case ERR_IO:
		return "InputOutputError";
	case ERR_FORMAT:
		return "FormatError";
	case ERR_ARG:
		return "InvalidPayload";
	case ERR_NOTFOUND:
		return "NotFound";
	case ERR_EXISTS:
		return "AlreadyExists";
	case ERR_UNSUPPORTED:
		return "NotSupported";
	case ERR_DATABASE:
		return "DatabaseError";
	case ERR_CANCELLED:
		return "WorkerShutdown";
	case ERR_NETWORK:
		return "NetworkError";
	case ERR_LIMIT:
		return "LimitExceeded";
	case ERR_DENIED:
		return "PermissionDenied";
	default:
		return "InternalError";
	}
}
