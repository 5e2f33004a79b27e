/* Looks at pairs while they are still being run: how sure to be at each look so that all looks together err no more
 * often than one at the end would be allowed to. Error is spent as K. K. G. Lan and D. L. DeMets (Biometrika 70, 1983)
 * propose, by powers of the part of the pairs that was run (K. Kim and D. L. DeMets, Biometrika 74, 1987): little
 * early, most of it at the end.
 *  - alpha (claiming a change where there is none), cubed: a look gets what was not spent before; by the union bound
 *    that holds for rank tests and many series at once, whatever their dependence.
 *  - size (intervals), squared: borders by numerical integration (P. Armitage, C. K. McPherson, B. C. Rowe, J. R.
 *    Stat. Soc. A 132, 1969), which count what the looks have in common.
 * A look at which so few pairs cannot be sure enough spends nothing. Pure; docs/statistics.md has measured rates.
 *
 *   sequential_start(&s, pairs_max, alpha, size);
 *   after each pair, n pairs so far that can be judged:
 *     if (sequential_due(&s, n)) {
 *       sequential_look(&s, n);
 *       … judge all series with s.alpha_now (rule.alpha, decide_family) and s.size_now (rule.size) …
 *       if (sequential_stops(&s, decisions, n_decisions)) stop;
 *     }
 *
 * Where pairs end before pairs_max (set aside, out of time), sequential_end() makes the present number the last.
 * The last verdict stands, with the errors it was judged by. */
#ifndef ANALYZE_SEQUENTIAL_H
#define ANALYZE_SEQUENTIAL_H

#include <stddef.h>

#include "prof/analyze/decide.h"

#define SEQUENTIAL_LOOKS 32 /* at most; the last of them is then at pairs_max */

struct sequential {
	size_t max;         /* pairs at most */
	double alpha, size; /* to be spent in all */
	/* The present look. */
	size_t n;
	double alpha_now, size_now;
	int last;
	/* Spent by the looks so far: private. */
	size_t looks, borders;
	double alpha_spent;
	double at[SEQUENTIAL_LOOKS];     /* part of the pairs */
	double border[SEQUENTIAL_LOOKS]; /* of a standard normal statistic */
};

/* alpha, size: 0 for the defaults of decide.h. */
void sequential_start(struct sequential *s, size_t max, double alpha, double size);

/* Is it time for a look? At 8 pairs, then after a third more each time (11, 15, 20, 27, 36, …), and at the last. */
int sequential_due(const struct sequential *s, size_t n);

/* Begins the look at `n` pairs: sets alpha_now and size_now. n grows from look to look. */
void sequential_look(struct sequential *s, size_t n);

/* No pair will come after these n: begins the last look with all that is left. */
void sequential_end(struct sequential *s, size_t n);

enum sequential_stop {
	SEQUENTIAL_GO_ON,
	SEQUENTIAL_CHANGED, /* a regression is found: more pairs cannot change the verdict */
	SEQUENTIAL_DECIDED, /* every series that holds it up is decided */
	SEQUENTIAL_FUTILE,  /* what is open would need more pairs than are left */
	SEQUENTIAL_LAST     /* all pairs were run */
};
const char *sequential_stop_text(enum sequential_stop e); /* why it stopped; "" going on */

/* At a look: of decisions that went through decide_family, of all series that may decide the verdict. Where some are of
 * the whole run, others that are inconclusive do not hold it up, unless a change of theirs is likely. */
enum sequential_stop sequential_stops(const struct sequential *s, const struct decision *d,
				      size_t n);

#endif
