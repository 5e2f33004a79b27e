/* The data of a page as bytes: what docs/viewer.md calls the payload, a JSON head and packed columns,
 * deflated. The same graph gives the same bytes. Private to viewer. */
#ifndef VIEWER_PAYLOAD_H
#define VIEWER_PAYLOAD_H

#include "prof/base/buf.h"
#include "viewer/flame.h"
#include "viewer/graph.h"

#define PAYLOAD_FORMAT  "protea-flame"
#define PAYLOAD_VERSION 1
/* Longer names are cut, and say so: no screen shows more, and one name must not fill a page. */
#define PAYLOAD_NAME_MAX 4096

/* Appends to `out`. 0, ERR_NOMEM or ERR_LIMIT (`out` is full). */
int payload_write(struct buf *out, const struct graph *g, const struct flame_options *options,
		  struct err *err);

/* ---- parts, for payload.c ---- */

/* A string of the profile, cut to PAYLOAD_NAME_MAX; `note` (made here) goes behind it. */
struct payload_text {
	const char *bytes;
	size_t len;
	char note[48];
};

void payload_cut(struct payload_text *t, const char *bytes, size_t len);
/* The members of the JSON head that tell of the run and the losses; each ends with a comma. */
void payload_meta(struct buf *json, const struct graph *g, const struct flame_options *options);
void payload_json_text(struct buf *json, const char *bytes, size_t len);

#endif
