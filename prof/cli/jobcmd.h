/* An export job as a command line of protea-export. */
#ifndef CLI_JOBCMD_H
#define CLI_JOBCMD_H

#include "prof/base/err.h"

struct jobcmd {
	char **argv; /* owned, NULL-terminated */
	char *name;  /* owned: of the run */
};

/* JOB is a job file, "-" or a UUID (then `db`, or $PROTEA_DB_URL, says where); `more` (argc of them) are
 * options for protea-export itself. ERR_ARG when JOB is none of these, with what to type instead. */
int jobcmd_make(struct jobcmd *j, const char *job, const char *db, char *const *more, int n_more,
		struct err *err);
void jobcmd_release(struct jobcmd *j);

/* "/path/of/this/program/NAME" if it is there, else NAME for a search in PATH; malloc'ed, NULL: no
 * memory. */
char *beside_program(const char *name);

#endif
