/* Ranked lists of a profile: what cost how much by itself and with what it called. */
#ifndef ANALYZE_HOT_H
#define ANALYZE_HOT_H

#include <stddef.h>

#include "prof/base/err.h"
#include "prof/model/profile.h"

enum hot_by { HOT_FUNCTION, HOT_LINE, HOT_MODULE, HOT_STAGE, HOT_THREAD, HOT_PROCESS, HOT_STACK };

/* Which samples count. Names are matched whole; NULL: all. */
struct sample_filter {
	enum profile_kind kind;
	const char *stage;  /* samples of stages with this name or inside one */
	const char *thread; /* thread name, or its tid in digits */
	int user_sites; /* self: of the innermost frame of the program's own, not of the leaf (library.h) */
};

struct hot_row {
	uint32_t label;  /* string: function, file:line, module path, … */
	uint32_t detail; /* string: module of a function, function of a line; STRTAB_EMPTY: none */
	uint64_t self_count, total_count;
	int64_t self_value, total_value; /* sums of hostile stores stop at the limits of the type */
	int64_t self_exact, total_exact; /* part of them that was measured, not sampled */
	double self_variance, total_variance; /* of estimated bytes (estimate.h) */
	double self_life_ns, total_life_ns;   /* alloc: sum of how long the blocks lived */
	/* 95 % interval of the share of all: Wilson's of samples, of the estimate of bytes; lo = hi: exact */
	double self_lo, self_hi, total_lo, total_hi;
};

struct hot_list {
	struct hot_row
		*rows; /* owned; by self value (or total where self means nothing), then name */
	size_t n;
	uint64_t count; /* of all samples that count */
	int64_t value;
	double variance, life_ns;
};

/* A function that calls itself counts once per sample in total. Strings are added to p->strings. */
int hot_list_make(struct hot_list *list, struct profile *p, enum hot_by by,
		  const struct sample_filter *filter, struct err *err);
void hot_list_release(struct hot_list *list);

/* 95 % Wilson score interval (E. B. Wilson, JASA 22, 1927) of a share of k in n; [0, 1] for n = 0. */
void wilson_interval(double k, double n, double *lo, double *hi);

#endif
