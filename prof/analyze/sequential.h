/* Looks at pairs while they are still being run: how sure to be at each look so that all looks together err no more
 * often than one at the end would be allowed to. Error is spent as K. K. G. Lan and D. L. DeMets (Biometrika 70, 1983)
 * propose, with a function like P. C. O'Brien and T. R. Fleming's (Biometrics 35, 1979): little early, most of it at
 * the end. A look gets the difference that was not spent before; the union bound makes that hold for rank tests and
 * for many series at once, whatever their dependence. Pure.
 *
 *   sequential_start(&s, pairs_max, alpha, size);
 *   after each pair, n pairs so far that can be judged:
 *     if (sequential_due(&s, n)) {
 *       sequential_look(&s, n);
 *       … judge everything with s.alpha_now (rule.alpha, decide_family) and s.size_now (rule.size) …
 *       if (sequential_stops(&s, decisions, n_decisions)) stop;
 *     }
 *
 * The last verdict stands, with the alpha it was judged by. */
#ifndef ANALYZE_SEQUENTIAL_H
#define ANALYZE_SEQUENTIAL_H

#include <stddef.h>

#include "prof/analyze/decide.h"

struct sequential {
	size_t max;         /* pairs at most */
	double alpha, size; /* to be spent in all */
	/* Of the present look. */
	size_t n;
	double alpha_now, size_now;
	int last;
	/* Spent by earlier looks. */
	double alpha_spent, size_spent;
	size_t looks;
};

/* alpha, size: 0 for the defaults of decide.h. */
void sequential_start(struct sequential *s, size_t max, double alpha, double size);

/* Is it time for a look? At pairs 8, 10, 12, 15, 18, 22, … (a quarter more each time) and at the last. */
int sequential_due(const struct sequential *s, size_t n);

/* Begins the look at `n` pairs: sets alpha_now and size_now. n must grow from look to look. */
void sequential_look(struct sequential *s, size_t n);

enum sequential_end {
	SEQUENTIAL_GO_ON,
	SEQUENTIAL_CHANGED, /* every series of the whole run is decided, and one of all changed */
	SEQUENTIAL_SAME,    /* every series of the whole run is ok: no change that matters */
	SEQUENTIAL_FUTILE,  /* what is open would need more pairs than are left */
	SEQUENTIAL_LAST     /* all pairs were run */
};
const char *
sequential_end_text(enum sequential_end e); /* one sentence: why it stopped; "" going on */

/* To be asked at a look, of decisions that went through decide_family; they are those of series that decide the
 * verdict (not ignored, not refused). */
enum sequential_end sequential_stops(const struct sequential *s, const struct decision *d,
				     size_t n);

#endif
