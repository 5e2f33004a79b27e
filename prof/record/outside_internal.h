/* A recording from outside while it runs: the sampler's rows and modules as those of the recording. outside.c is its course,
 * outside_take.c what goes from the sampler into it. Private to prof/record/outside*.c. */
#ifndef RECORD_OUTSIDE_INTERNAL_H
#define RECORD_OUTSIDE_INTERNAL_H

#include <stdint.h>

#include "prof/record/outside.h"
#include "prof/record/recording.h"

struct outside_places { /* by the sampler's place: ours, KNOWN_NONE */
	uint32_t *at;   /* owned */
	uint32_t n, cap;
};

struct outside_take {
	struct recording *r;     /* borrowed */
	struct sampler *sampler; /* borrowed */
	struct outside_places processes, threads, modules;
	int wall;
	int64_t first_ns; /* when the first sample came, 0: none yet */
	uint64_t samples; /* of both kinds of time */
	uint64_t losses[SAMPLER_LOSSES];
	int64_t counted_ns; /* counters were written last, 0: never */
	double counted[3];  /* then: resident, minor and major faults */
	uint32_t frames[UNWIND_DEPTH_MAX + 3];
};

void outside_take_release(struct outside_take *t);
/* A sampler_take(), `ctx` a struct outside_take. 0 or ERR_NOMEM. */
int outside_take_sample(void *ctx, const struct sampler_sample *s);
/* Brings what the sampler knows of processes and threads, its losses and counters into the recording. 0 or
 * ERR_NOMEM. */
int outside_take_rows(struct outside_take *t, int64_t now);
/* Those that still live end with the recording. */
void outside_take_end(struct outside_take *t, int64_t now);

#endif
