/* The verdict: is a candidate worse than a base? Joins values of runs, thresholds, the decision on each row, and what
 * moved in functions, and says in words what cannot be said. Pure: prints nothing, reads nothing. */
#ifndef ANALYZE_GATE_H
#define ANALYZE_GATE_H

#include <stddef.h>
#include <stdint.h>

#include "prof/analyze/decide.h"
#include "prof/analyze/metrics.h"
#include "prof/analyze/thresholds.h"
#include "prof/base/arena.h"
#include "prof/base/err.h"
#include "prof/model/profile.h"

struct compare;

/* What the user lets pass (--anyway NAME,…); else rows it spoils are not judged. */
enum gate_anyway {
	GATE_HOSTS = 1,      /* other hosts, processors or kernels: times and resident memory */
	GATE_RATES = 2,      /* other sampling rates: times */
	GATE_MODES = 4,      /* other modes or engines of sampling, other memory tracking */
	GATE_UNFINISHED = 8, /* runs that were broken off: everything */
	GATE_LOSSY = 16,     /* runs that lost data: counts or functions, by what was lost */
	GATE_FAILED = 32,    /* runs that ended by a signal or an exit code: everything */
	GATE_ANYWAY_ALL = 63
};
const char *gate_anyway_name(enum gate_anyway bit); /* "hosts", "rates", … */
int gate_anyway_parse(const char *name);            /* a bit, GATE_ANYWAY_ALL for "all", or -1 */

enum gate_pairing {
	GATE_PAIR_AUTO, /* by started_at, where the runs of both groups were taken in turn */
	GATE_PAIR_ALWAYS,
	GATE_PAIR_NEVER,
};

struct gate_options {
	const struct thresholds *thresholds; /* NULL: built in */
	double alpha;                        /* 0: of the thresholds, else THRESHOLDS_ALPHA */
	double size;                         /* error of the intervals; 0: decide.h's */
	unsigned anyway;                     /* bits of gate_anyway */
	unsigned metrics;                    /* bits: only these; 0 all */
	enum gate_pairing pairing;
	enum profile_kind kind; /* of the samples that `functions` compares */
	const char *normalise;  /* how they are normalised, for texts; NULL: not */
	int64_t now_ns;         /* unix time, for "until" */
};

struct gate_row {
	const char *stage; /* of the result; NULL: the whole run */
	enum metric metric;
	enum metric_kind kind;
	uint32_t depth;
	struct decision d;
	struct decide_rule rule;
	const char *accepted_by; /* reason of the entry that lets a regression pass; NULL none */
	const char *reason;      /* of the threshold's owner; NULL none */
	const char *owner;       /* NULL none */
	const char
		*accept;  /* regression: words for "protea-prof gate" that would accept it; NULL */
	const char *note; /* one sentence: why nothing can be said of it; NULL */
	int is_new, is_missing; /* the stage is in the candidate (base) alone */
	int relevant;           /* what cannot be said of it makes the whole inconclusive */
	int refused;            /* bits of gate_anyway that kept it from being judged */
	int ignored;            /* by the thresholds */
	const double *a, *b;    /* the values judged, by started_at; NAN: none. Of the result */
	size_t n_a, n_b;
};

struct gate_function {
	const char *function, *module, *file; /* "" unknown */
	double base, candidate;               /* self, per run: ns or bytes, normalised as asked */
	double total_base, total_candidate;
	double change, lo, hi, p, q;
	enum verdict verdict;
	const char *stack_text; /* heaviest stack that moved, "main;f;g"; "" none */
	const char *stage;      /* "" none */
	int unproven; /* one run a side: beyond the noise of sampling, and no more is known */
	int fails;    /* beyond the thresholds' rule for functions */
};

struct gate_result {
	enum verdict verdict;
	const char *why; /* one sentence for the verdict's line */
	struct gate_row *rows;
	size_t n;
	struct gate_function *functions; /* those that moved first */
	size_t n_functions;
	char **remarks; /* one sentence each, the most important first */
	size_t n_remarks;
	int refused; /* bits of gate_anyway that would let pass what was refused */
	size_t more; /* inconclusive: how many more runs of each group (pairs) would decide; 0: not known */
	int paired;             /* values were compared in pairs */
	double alpha;           /* used */
	enum profile_kind kind; /* of the functions */
	const char *normalise;  /* NULL: not normalised */
	size_t of[4];           /* rows by verdict; ignored, new and missing ones are in none */
	size_t n_accepted, n_new, n_missing;
	const char *uncompared; /* counts of the whole run that only the candidate has; NULL none */
	const struct decision
		*deciding; /* of rows that may decide the verdict, for sequential_stops() */
	size_t n_deciding;

	struct arena arena; /* private: everything above */
};

/* 0 with a result whatever the verdict is; an error only for want of memory or of a table. */
int gate_judge(struct gate_result *g, const struct metric_table *t, const struct compare *functions,
	       const struct gate_options *o, struct err *err);
void gate_release(struct gate_result *g);
/* Is there something to accept: a regression, or a count that rose from zero? */
int gate_is_acceptable(const struct gate_row *r);

/* "2.3 %", "-12 %", "x 3.4"; "-" for what cannot be said. */
char *gate_change_text(char out[METRIC_TEXT], double change);

#endif
