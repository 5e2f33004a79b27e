/* The supervisor's loop: one round after the other, and how a recording ends. */
#ifndef RECORD_LOOP_H
#define RECORD_LOOP_H

#include "prof/record/launch.h"
#include "prof/record/naming.h"
#include "prof/record/recording.h"

/* One round: new images, rings, processes, and a flush if it is time. 0 or ERR_NOMEM. */
int loop_round(struct recording *r);
/* How long to sleep before the next one. */
int loop_pause_ms(const struct recording *r);
/* The recording is over: what lies in the rings is read, agents fall silent, open stages and processes
 * end now. `alive` counts processes that go on. 0 or ERR_NOMEM. */
int loop_drain_all(struct recording *r, uint32_t *alive);

/* Adds the CPU time that no sample covers, per thread, as "[not sampled]". */
int finish_not_sampled(struct recording *r);
/* Last flush (waits for other writers), names, end of the run. */
int finish_store(struct recording *r, const struct store_run_end *end, char *warning,
		 size_t warning_size, struct err *err);
/* The same, with names from files that `locate` knows. */
int finish_store_located(struct recording *r, const struct store_run_end *end,
			 naming_locate *locate, void *ctx, char *warning, size_t warning_size,
			 struct err *err);
/* Numbers of the run for people. */
void finish_result(const struct recording *r, struct record_result *result);
const char *engine_name(uint32_t engine);

#endif
