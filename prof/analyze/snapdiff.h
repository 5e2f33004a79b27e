/* Snapshots of live memory: found by what people call them, shown as samples, compared with each other. */
#ifndef ANALYZE_SNAPDIFF_H
#define ANALYZE_SNAPDIFF_H

#include <stddef.h>

#include "prof/base/err.h"
#include "prof/model/profile.h"

/* The number people use for it: its place among the run's. */
uint32_t snapshot_number(const struct profile_snapshot *s);
/* By number, by id of the store, "last" (the one before "end", or "end" if it is alone), or by name (the latest of that
 * name). ERR_NOTFOUND says what there is. */
int snapshot_find(const struct profile *p, const char *which, size_t *place, struct err *err);
/* Makes the snapshot the profile's only samples: kind live, without stage, of one thread. */
int snapshot_as_samples(struct profile *p, size_t place, struct err *err);

enum snapdiff_state { SNAPDIFF_GROWN, SNAPDIFF_SHRUNK, SNAPDIFF_NEW, SNAPDIFF_GONE, SNAPDIFF_SAME };

struct snapdiff_row {
	uint32_t stack;
	enum snapdiff_state state;
	uint64_t before_count, after_count;
	int64_t before, after; /* bytes */
	int64_t change;
};

struct snapdiff {
	struct snapdiff_row
		*rows; /* owned; the largest change, up or down, first; same ones are not there */
	size_t n, n_same;
	int64_t before, after; /* sums */
};

int snapdiff_make(struct snapdiff *d, const struct profile *p, size_t before, size_t after,
		  struct err *err);
void snapdiff_release(struct snapdiff *d);
const char *snapdiff_state_name(enum snapdiff_state state);

#endif
