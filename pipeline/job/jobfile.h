/* Job files (architecture section 6): JSON from a path or standard input. */
#ifndef JOB_JOBFILE_H
#define JOB_JOBFILE_H

#include <jansson.h>

#include "prof/base/err.h"

#define OPERATION_EXPORT "export_research_dataset"
#define OPERATION_GRID   "export_grid"

struct jobfile {
	char *path;          /* owned: as given, "-" for standard input */
	char *base_dir;      /* owned: its folder, which relative paths start from */
	char *operation;     /* owned: OPERATION_EXPORT or OPERATION_GRID */
	char *source_url;    /* owned: bundle paths made absolute */
	json_t *payload;     /* owned object */
	json_t *environment; /* owned object or NULL */
	json_t *cells;       /* owned object, grids only */
};

/* ERR_ARG or ERR_FORMAT with the file's name and what is wrong. */
int jobfile_read(struct jobfile *j, const char *path, struct err *err);
void jobfile_release(struct jobfile *j);
/* Makes the path inside "bundle:PATH" (or a bare path) absolute, from `base_dir`; other URLs are
 * copied. malloc'ed. */
char *jobfile_resolve_source(const char *url, const char *base_dir);

#endif
