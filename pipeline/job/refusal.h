/* Faults of a job that are known without its source: settings and payload (spec 3). */
#ifndef JOB_REFUSAL_H
#define JOB_REFUSAL_H

#include <jansson.h>

#include "pipeline/job/problems.h"
#include "pipeline/job/settings.h"

/* 1: refused; `problems`, which may hold faults of the settings, then has those of the payload too, and
 * all that can be said of source, files and store without it. 0: nothing is wrong so far. Negative: no
 * memory. Nothing is written anywhere. */
int refusal_check(const struct settings *settings, const char *source_url, const json_t *payload,
		  struct problems *problems, struct err *err);

#endif
