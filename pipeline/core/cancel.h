/* Stop on request: SIGTERM, SIGINT and SIGHUP set a flag that long loops ask. A second signal of the
 * same kind ends the process at once. Signal- and thread-safe. */
#ifndef CORE_CANCEL_H
#define CORE_CANCEL_H

#include "prof/base/err.h"

void cancel_install(void);
/* From now on a signal that comes again ends nothing: for the process of a worker's job, which may be told by the
 * worker, by the kernel when the worker is gone, and by whoever ended both. Its worker kills it if it takes too long. */
void cancel_outlast(void);
int cancel_requested(void);   /* the signal's number, 0 if none */
void cancel_request(int sig); /* as if the signal had come (tests, worker loops) */
void cancel_reset(void);
/* 0, or ERR_CANCELLED with "stopped by SIGTERM". */
int cancel_check(struct err *err);

#endif
