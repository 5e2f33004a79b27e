/* One series of values of two groups of runs: did it change, and by more than matters? Pure and deterministic.
 *
 * A change is claimed when two questions are answered with yes. Is there any change at all? An exact rank test says
 * so with error `alpha`, false discoveries over all series of a comparison counted (decide_family). Is it larger than the
 * smallest change that matters? A bound of the shift says so, with four times the error of a bound of the interval: a
 * certain change that is a little smaller does less harm than one that is missed. "ok" is no lack of evidence: the
 * interval excludes a change for the worse that matters. What is neither is inconclusive. docs/statistics.md has the
 * formulas, their sources, and measured error rates. */
#ifndef ANALYZE_DECIDE_H
#define ANALYZE_DECIDE_H

#include <stddef.h>

enum verdict { VERDICT_OK, VERDICT_IMPROVED, VERDICT_REGRESSION, VERDICT_INCONCLUSIVE };
const char *verdict_name(enum verdict v); /* "ok", "improved", "regression", "inconclusive" */

enum decide_test {
	DECIDE_NONE,
	DECIDE_EXACT,  /* a count that does not vary: compared as it is */
	DECIDE_PAIRED, /* signed ranks of pairs */
	DECIDE_TWO_SAMPLE /* ranks of both groups together; also of fewer than DECIDE_PAIRS_MIN pairs */
};

enum decide_reason {
	DECIDE_DECIDED,
	DECIDE_NO_BASE,      /* no value in the base group */
	DECIDE_NO_CANDIDATE, /* none in the candidate group */
	DECIDE_ZERO_BASE,    /* the base is zero and the candidate is not: no relative change */
	DECIDE_NOT_FINITE,   /* an infinite value */
	DECIDE_ONE_RUN,      /* one run of a group, of a value that varies */
	DECIDE_ONE_COUNT,    /* decided, of one run of a group: how the count varies is not known */
	DECIDE_FEW_RUNS,     /* too few for any outcome to be sure enough */
	DECIDE_NO_MINIMUM, /* values vary, and every change matters: "no change" cannot be shown */
	DECIDE_SPREAD,     /* more runs would decide */
	DECIDE_NOISY,      /* more than DECIDE_MORE_MAX more runs would be needed */
	DECIDE_OUTLIERS,   /* more than a fifth of the runs differ by far from the others */
	DECIDE_DRIFT, /* groups that ran one after the other: the shift is no larger than within a group */
	DECIDE_MANY, /* sure enough alone, but not as one of so many series */
	DECIDE_NO_MEMORY,
	DECIDE_REASONS
};
/* One plain sentence: what cannot be said and what to do. "" for DECIDE_DECIDED. */
const char *decide_reason_text(enum decide_reason r);

#define DECIDE_ALPHA    0.01 /* default of decide_rule.alpha */
#define DECIDE_SIZE     0.10 /* default of decide_rule.size: 5 % for each bound */
#define DECIDE_MORE_MAX 200  /* more runs than that are not proposed */
/* Whether there is a change at all is asked of the ranks of both groups together for fewer pairs than that: they can be
 * surer (10 and 10: 1 of 184,756; 10 pairs: 1 of 1,024), and are no less strict where runs of a pair have something in
 * common. 2^-11 is sure enough as one of eight series of the whole run beside stages (0.005 / 8), so that more pairs do not
 * make it worse. By their number alone, never by what they show. */
#define DECIDE_PAIRS_MIN 11
/* How large it is: by pairs from so many on. */
#define DECIDE_PAIRS_SHIFT 7
/* Smallest changes that matter for times, as a default: +5 % is found beyond it, +1 % is not the aim. */
#define DECIDE_RELATIVE_TIME 0.02

struct decide_rule {
	double relative; /* changes up to that part of the base do not matter (minimum effect) */
	double absolute; /* nor changes up to that many units; both must be exceeded */
	double alpha; /* error allowed of claiming a change where there is none; 0: DECIDE_ALPHA */
	double size;  /* error allowed of the interval; 0: DECIDE_SIZE */
	int count; /* a count: where it does not vary within either group it is compared exactly */
	int higher_is_better;
	int whole; /* of the whole run: these few share half of the error allowed in decide_family */
};

/* By started_at. NAN: that run has no value (its pair is left out). paired: a[i] and b[i] ran next to each other, in
 * changing order. mixed: not in pairs, but both groups were run in turns. Neither: one group may have run after the
 * other; then a change must also exceed what drifted within the groups. */
struct decide_series {
	const double *a, *b;
	size_t n_a, n_b;
	int paired, mixed;
};

struct decision {
	enum verdict verdict;
	enum decide_test test;
	enum decide_reason reason;
	double base, candidate; /* medians of the groups; NAN */
	double change;          /* relative shift (0.05: 5 % more); NAN: cannot be said */
	double lo, hi;          /* its interval at 1 - size; infinite: no bound; NAN as above */
	double p; /* of no change at all, one-sided towards the change; 0 or 1 for DECIDE_EXACT */
	double q; /* set by decide_family: p with all series in mind; before: p */
	double drift; /* relative, seen within the groups where they ran one after the other; else 0 */
	double alpha, size; /* used */
	size_t n_a, n_b,
		rejected; /* values used; pairs (runs) rejected as noisy by the stated rule */
	size_t more; /* inconclusive: how many more runs of each group (pairs) would decide; 0: not known */
	int paired; /* the values are pairs, whatever the test */
	int whole;  /* of the rule */
	/* How much of the run it is, among those that are not of the whole run: set before decide_family by who knows (by
	 * base and candidate alike, never by their difference); 0: not known. */
	double weight;
	int worse; /* direction of the change: 1 towards regression, -1 towards improvement, 0 none */
};

/* Room that decide() reuses from call to call; zeroed is empty. */
struct decide_scratch {
	double *values;
	size_t room;
};
void decide_scratch_release(struct decide_scratch *scratch);

/* 0, or ERR_NOMEM with reason DECIDE_NO_MEMORY. Verdict of this series alone. */
int decide(struct decision *d, const struct decide_series *s, const struct decide_rule *r,
	   struct decide_scratch *scratch);

/* Judges them again as parts of one comparison: at most `alpha` (0: DECIDE_ALPHA) that it claims a regression anywhere
 * where nothing changed, and that part of what it claims is false elsewhere. Sets q of each; exact decisions stay.
 * Call it once on all. 0 or ERR_NOMEM (nothing changed). */
int decide_family(struct decision *d, size_t n, double alpha);

#endif
