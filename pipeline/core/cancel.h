/* Stop on request: SIGTERM, SIGINT and SIGHUP set a flag that long loops ask. A second signal of the
 * same kind ends the process at once. Signal- and thread-safe. */
#ifndef CORE_CANCEL_H
#define CORE_CANCEL_H

#include "prof/base/err.h"

void cancel_install(void);
/* A signal that asks to stop, for one who is to say that a parent is gone: not SIGTERM if another is heard, for
 * whoever ended the parent may have sent that here too, and the second of a kind ends the process at once. */
int cancel_spare_signal(void);
int cancel_requested(void);   /* the signal's number, 0 if none */
void cancel_request(int sig); /* as if the signal had come (tests, worker loops) */
void cancel_reset(void);
/* 0, or ERR_CANCELLED with "stopped by SIGTERM". */
int cancel_check(struct err *err);

#endif
