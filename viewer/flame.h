/* One self-contained HTML page with an interactive flame graph of a profile: no network, no library, any
 * name safe (no name can end a script or become markup). Streamed; the same profile gives the same
 * bytes. */
#ifndef VIEWER_FLAME_H
#define VIEWER_FLAME_H

#include <stdio.h>

#include "prof/base/err.h"
#include "prof/model/profile.h"

struct flame_options { /* strings borrowed, NULL: none */
	enum profile_kind kind;
	const char *title;
	int (*include)(void *ctx, const struct profile_sample *s); /* NULL: all of the kind */
	void *ctx;
	const char *filter_text; /* what `include` does, in words, for the page's head */
	const char *precision;   /* of bytes: exact, or how they were estimated, in words */
	double lo, hi;           /* 95 % interval of the sum; hi <= lo: exact, or not known */
};

int flame_write(FILE *out, const struct profile *p, const struct flame_options *options,
		struct err *err);

#endif
