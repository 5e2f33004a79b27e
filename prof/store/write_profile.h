/* A profile that is in memory as a whole, as one finished run. */
#ifndef STORE_WRITE_PROFILE_H
#define STORE_WRITE_PROFILE_H

#include "prof/store/write.h"

/* All rows of `p` and the run's own row from `run` and `end`, in a transaction of its own: the run is in the store with
 * all it has, or not at all. Of p->run nothing is taken. ERR_ARG for a profile whose rows name what is not there. */
int store_write_profile(struct store *s, const struct profile *p, const struct store_run *run,
			const struct store_run_end *end, int64_t *key, struct err *err);

#endif
