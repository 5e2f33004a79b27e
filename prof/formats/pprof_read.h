/* pprof's profiles (https://github.com/google/pprof/blob/main/proto/profile.proto), gzip-packed or not, into a profile.
 * Sample types become kinds: cpu; wall; alloc_space and alloc_objects: alloc; inuse_space and space: live; delay and
 * contentions: offcpu; X_space, X_objects or X for any other kind X. Functions inlined at a place become frames of their
 * own, mappings modules; of the labels those that name threads and processes are kept. */
#ifndef FORMATS_PPROF_READ_H
#define FORMATS_PPROF_READ_H

#include "prof/formats/import.h"

int pprof_read(struct profile *p, struct bytes *from, const struct import_options *o,
	       struct buf *notes, struct err *err);

/* Could a profile begin with these bytes (not packed)? */
int pprof_begins(const char *head, size_t n, int all);

#endif
