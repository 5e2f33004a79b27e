/* The data of a page as bytes: what docs/viewer.md calls the payload, a JSON head and packed columns,
 * deflated. The same graph gives the same bytes. Private to viewer. */
#ifndef VIEWER_PAYLOAD_H
#define VIEWER_PAYLOAD_H

#include "prof/base/buf.h"
#include "viewer/flame.h"
#include "viewer/graph.h"

#define PAYLOAD_FORMAT  "protea-flame"
#define PAYLOAD_VERSION 2
/* Longer names are cut, and say so: no screen shows more, and one name must not fill a page. */
#define PAYLOAD_NAME_MAX 4096

/* What `g->without` names is left out. Appends to `out`, if it can be done in at most `room` bytes: of source, samples in time, stages and counters
 * as much as their parts of it hold, then nodes are folded until all fit. `g` is then what was written.
 * More than `room` is written where folding everything is not enough. 0, ERR_NOMEM or ERR_LIMIT (`out` is
 * full). */
int payload_write(struct buf *out, struct graph *g, const struct flame_options *options,
		  size_t room, struct err *err);

#endif
