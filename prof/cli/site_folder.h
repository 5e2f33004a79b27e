/* A folder of generated pages that appears whole: it is made beside its place, then the two are swapped. An old site
 * stays as it is until then, whatever fails; a folder that is no site is never touched. */
#ifndef CLI_SITE_FOLDER_H
#define CLI_SITE_FOLDER_H

#include <stdio.h>

#include "prof/base/err.h"
#include "prof/cli/site_place.h"

struct site_folder {
	char *path;  /* owned; without a slash at its end, links followed */
	char *aside; /* owned */
	int lock;    /* of `aside`, while it is written; -1: none */
};

/* ERR_EXISTS: there is something at `path` that is not a site of ours. */
int site_folder_begin(struct site_folder *f, const char *path, struct err *err);
/* A file of the new site; `name` is relative, one of those above or in SITE_CELLS. */
int site_folder_write(struct site_folder *f, const char *name,
		      int (*write)(FILE *out, void *ctx, struct err *err), void *ctx,
		      struct err *err);
/* Puts the new site in its place and releases. */
int site_folder_commit(struct site_folder *f, struct err *err);
void site_folder_abort(struct site_folder *f); /* removes what was written, and releases */

#endif
