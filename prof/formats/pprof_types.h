/* Which of a pprof file's sample types fill which kinds. Private to the reader. */
#ifndef FORMATS_PPROF_TYPES_H
#define FORMATS_PPROF_TYPES_H

#include "prof/formats/import.h"

#define PPROF_TYPES_MAX 64

struct pprof_type {
	const char *type, *unit; /* with a zero behind */
};

struct pprof_column { /* one kind that is filled; -1: no such value */
	enum profile_kind kind;
	int count, value;
	double count_factor; /* value of one count where there is no value */
	double value_factor;
};

struct pprof_columns {
	struct pprof_column at[PROFILE_KINDS];
	unsigned n;
};

/* `period_ns`: time of one sample, 0: not known. `fallback`: default_sample_type, or "". */
int pprof_choose(struct pprof_columns *c, const struct pprof_type *types, unsigned n,
		 double period_ns, const char *fallback, const struct import_options *o,
		 struct buf *notes, struct err *err);

#endif
