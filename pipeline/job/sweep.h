/* Removing what runs that are over have left in the artifact store: objects of a data set that was never
 * registered. The journal of uploads.h names them. Whoever ends a job or puts it back sweeps first; the row's end
 * is written afterwards, so that a sweeper that is killed has a successor. */
#ifndef JOB_SWEEP_H
#define JOB_SWEEP_H

#include "pipeline/job/settings.h"
#include "pipeline/source/source.h"

/* `held`: the name is reserved by this source; else it is for as long as this takes, and an owner is given a few
 * seconds, because the session of a process that was killed lives on for a moment. A database that does not answer
 * is asked for settings' db_retry_s. 1 it is gone or there was nothing, 0 the name is another's or registered. A
 * store that is out of reach is ERR_IO, a database ERR_NETWORK. */
int sweep_leftovers(struct source *s, const struct settings *settings, const char *name, int held,
		    struct err *err);

#endif
