/* Runs of a store as a site: which ones, which two labels make the matrix, and the numbers of each. */
#ifndef CLI_SITE_READ_H
#define CLI_SITE_READ_H

#include <stdint.h>

#include "prof/base/arena.h"
#include "prof/base/err.h"
#include "prof/cli/cmd.h"
#include "prof/model/profile.h"
#include "prof/store/store.h"
#include "viewer/site.h"

struct site_options { /* strings borrowed, NULL: as the runs suggest */
	const char *rows, *cols, *x, *title;
	const char *strip;          /* a folder that is left out of paths */
	struct opt_list shares;     /* NAME=STAGE[,STAGE…]: their time in that of the run */
	struct opt_list per_second; /* NAME=STAGE: items of the stage in the time of the run */
	int redact;
};

struct site_data {
	struct site site; /* strings in `arena` */
	struct arena arena;
	struct site_run *runs; /* owned, all arrays */
	int64_t *keys;         /* of the store, in step with `runs` */
	struct site_metric metrics[SITE_METRICS_MAX];
};

/* `args`: RUN or key=value; none: all runs. ERR_NOTFOUND when there is nothing to show, ERR_ARG for options that
 * cannot be. */
int site_read(struct site_data *d, struct store *s, const struct site_options *o, int n,
	      char **args, struct err *err);
void site_data_release(struct site_data *d);

#endif
