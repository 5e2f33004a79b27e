/* Which runs a site is made of, and their labels. */
#ifndef CLI_SITE_PICK_H
#define CLI_SITE_PICK_H

#include <jansson.h>
#include <stdint.h>

#include "prof/base/err.h"
#include "prof/store/store.h"

struct site_pick {
	int64_t key, started_at;
	char *id, *name; /* owned */
	json_t *labels;  /* owned; an object */
	uint64_t samples;
	int finished;
};

struct site_picks {
	struct site_pick *items; /* owned; the oldest first */
	size_t n, cap;
	uint32_t left_out; /* without an end */
};

/* Runs that have ended: those of `args` (RUN or key=value), or all of them. */
int site_picks_make(struct site_picks *p, struct store *s, int n, char **args, struct err *err);
void site_picks_release(struct site_picks *p);

/* A label's value as text, or that of the name "name"; NULL: the run has none. Numbers are written into `room`. */
const char *site_label(const struct site_pick *p, const char *label, char room[32]);

/* The two labels of the matrix; *col NULL: one column. `rows`, `cols`: as asked for, or NULL; cols "none": one column. The texts live as long
 * as the picks. ERR_ARG: no run has the label. */
int site_choose_labels(const struct site_picks *p, const char *rows, const char *cols,
		       const char **row, const char **col, struct err *err);

#endif
