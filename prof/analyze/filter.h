/* Which samples of a profile count: kind, stage (with the stages inside it), thread. */
#ifndef ANALYZE_FILTER_H
#define ANALYZE_FILTER_H

#include "prof/analyze/hot.h"

struct filter {
	enum profile_kind kind;
	uint8_t *
		stages; /* owned; per stage: does it count; NULL: all, and samples without a stage */
	uint8_t *threads; /* owned; NULL: all */
};

/* ERR_NOTFOUND names the stages or threads there are. `want` NULL: kind cpu, all. */
int filter_init(struct filter *f, const struct profile *p, const struct sample_filter *want,
		struct err *err);
void filter_release(struct filter *f);
int filter_passes(const struct filter *f, const struct profile_sample *s);

/* The same whatever the kind. */
int filter_passes_place(const struct filter *f, const struct profile_sample *s);

/* As callbacks: `ctx` is the struct filter. */
int filter_include(void *ctx, const struct profile_sample *s);
int filter_include_place(void *ctx, const struct profile_sample *s);

#endif
