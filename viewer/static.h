/* What a page shows where no script runs: in browsers with JavaScript off, and in the previews of mail programs. The
 * run and its heaviest functions, or those of two runs beside each other, as plain HTML. All names go through
 * html.h. */
#ifndef VIEWER_STATIC_H
#define VIEWER_STATIC_H

#include "prof/base/buf.h"
#include "viewer/flame.h"

#define STATIC_BYTES_MAX   12000  /* of it all */
#define STATIC_BYTES_SMALL 6000   /* of a run with few stacks, whose page is to be small */
#define STATIC_TIGHT       100000 /* bytes of a page of which the table may take no more than … */
#define STATIC_BYTES_LEAST 2500
#define STATIC_ROWS        40  /* of a table */
#define STATIC_NAME_MAX    200 /* characters of a name */

/* Appends. The rows of the profiles are such as graph_build() found fit. 0 or ERR_NOMEM. */
int static_write(struct buf *out, const struct flame_options *o, struct err *err);

#endif
