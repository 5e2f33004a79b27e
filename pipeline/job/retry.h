/* Trying again while a database or a lock does not give way: growing pauses up to a limit in time. A stop
 * signal shortens what is left, so that a stopped job can still be closed but does not hang on. */
#ifndef JOB_RETRY_H
#define JOB_RETRY_H

#include <stdint.h>

#include "pipeline/source/source.h"
#include "prof/base/err.h"

struct retry {
	int64_t until_ns; /* of clock_mono_ns() */
	int tries;        /* failed so far */
	int stopping;     /* a stop signal was seen, until_ns is the nearer for it */
};

void retry_begin(struct retry *r, int patience_s);
/* After a failure. 1: a pause is over, try again; 0: it would not help, or the time is over. */
int retry_again(struct retry *r, const struct err *why);
/* The same whatever the failure was. */
int retry_anyway(struct retry *r);
/* source_open(), again and again for `patience_s` seconds while the database does not answer. */
int retry_open(struct source **out, const char *url, unsigned flags, int patience_s,
	       struct err *err);
/* Sleeps, less if a stop signal comes. */
void retry_pause(int ms);

#endif
