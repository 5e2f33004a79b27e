/* From rows to one verdict and one sentence. A regression anywhere is one; else what cannot be said of the whole run, of
 * a count, or of a row that the thresholds name makes it inconclusive; estimates count only where they are named. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "prof/analyze/gate_internal.h"

static int is_judged(const struct gate_row *r)
{
	return !r->ignored && !r->is_new && !r->is_missing && !r->accepted_by;
}

struct tally {
	const struct gate_row *first[4]; /* of each verdict; inconclusive: that matters */
	size_t n[4];
	const struct gate_function *function;
	size_t functions;
};

/* Of two rows, which one is told first: the whole run's, then what is counted, then what changed more. */
static int before(const struct gate_row *a, const struct gate_row *b)
{
	const int count_a = a->kind == METRIC_KIND_COUNT, count_b = b->kind == METRIC_KIND_COUNT;

	if (!a->stage != !b->stage)
		return !a->stage;
	if (count_a != count_b)
		return count_a;
	return fabs(a->d.change) > fabs(b->d.change);
}

static void tally(struct gate_work *w, struct tally *t)
{
	struct gate_result *g = w->g;
	size_t i;

	memset(t, 0, sizeof(*t));
	for (i = 0; i < g->n; i++) {
		const struct gate_row *r = &g->rows[i];
		enum verdict v = r->d.verdict;

		if (!is_judged(r))
			continue;
		g->of[v]++;
		if (v == VERDICT_INCONCLUSIVE && !r->relevant)
			continue;
		t->n[v]++;
		if (!t->first[v] || (v != VERDICT_INCONCLUSIVE && before(r, t->first[v])))
			t->first[v] = r;
	}
	for (i = 0; i < g->n_functions; i++)
		if (g->functions[i].fails && t->functions++ == 0)
			t->function = &g->functions[i];
}

/* "rose by 12 %", "rose 3.4-fold", "fell to 0": a fall is never a factor. */
static const char *how(struct gate_work *w, const struct decision *d)
{
	char text[METRIC_TEXT];
	const double change = d->change;

	if (!isfinite(change))
		return "changed";
	if (change >= 1)
		return gate_text(w, "rose %s-fold", gate_factor_text(text, change + 1));
	if (change <= -1)
		return "fell to 0";
	if (change < -0.994)
		return gate_text(w, "fell by more than 99 %%");
	gate_change_text(text, fabs(change));
	return gate_text(w, "%s by %s", change < 0 ? "fell" : "rose", text + (text[0] == '+'));
}

/* "stage knn: allocations rose by 12 %" */
static const char *changed(struct gate_work *w, const struct gate_row *r)
{
	return gate_text(w, "%s%.80s%s%s %s", r->stage ? "stage " : "", r->stage ? r->stage : "",
			 r->stage ? ": " : "", metric_title(r->metric), how(w, &r->d));
}

static const char *and_more(struct gate_work *w, size_t n, const char *of_what)
{
	return n > 1 ? gate_text(w, ", and %zu more %s%s", n - 1, of_what, n == 2 ? "" : "s") : "";
}

static void because_regressed(struct gate_work *w, const struct tally *t)
{
	const struct gate_row *r = t->first[VERDICT_REGRESSION];

	if (r)
		w->g->why = gate_text(
			w, "%s%s", changed(w, r),
			and_more(w, t->n[VERDICT_REGRESSION] + t->functions, "regression"));
	else
		w->g->why = gate_text(w, "function %.200s costs more than the thresholds allow%s",
				      t->function->function, and_more(w, t->functions, "function"));
}

/* Runs that would decide all of it; 0 where any is not known. */
static size_t runs_to_decide(const struct gate_result *g)
{
	size_t most = 0, i;

	for (i = 0; i < g->n; i++) {
		const struct gate_row *r = &g->rows[i];

		if (!is_judged(r) || r->d.verdict != VERDICT_INCONCLUSIVE || !r->relevant)
			continue;
		if (r->refused || !r->d.more)
			return 0;
		most = r->d.more > most ? r->d.more : most;
	}
	return most;
}

/* "hosts,rates" */
static const char *anyway_words(struct gate_work *w, int bits)
{
	const char *words = "";
	int bit;

	for (bit = 1; bit < GATE_ANYWAY_ALL; bit <<= 1)
		if (bits & bit)
			words = gate_text(w, "%s%s%s", words, *words ? "," : "",
					  gate_anyway_name((enum gate_anyway)bit));
	return words;
}

static void because_unsaid(struct gate_work *w, const struct tally *t)
{
	const struct gate_row *r = t->first[VERDICT_INCONCLUSIVE];
	struct gate_result *g = w->g;
	const char *more = "", *reason;

	if (!r) {
		g->why = !w->t->n_a || !w->t->n_b
				 ? "a group has no runs"
				 : "no value is in both groups: nothing was compared";
		return;
	}
	if (r->refused) {
		g->why = gate_text(w, "%s (--anyway %s)", r->note, anyway_words(w, r->refused));
		return;
	}
	g->more = runs_to_decide(g);
	if (g->more)
		more = gate_text(w, "; %zu more %s%s would decide", g->more,
				 w->paired ? "pair" : "run", g->more == 1 ? "" : "s");
	if (g->more && !w->paired)
		more = gate_text(w, "%s (of each)", more);
	reason = r->note ? r->note : decide_reason_text(r->d.reason);
	g->why = gate_text(w, "%s%.80s%s%s cannot be said: %s%s", r->stage ? "stage " : "",
			   r->stage ? r->stage : "", r->stage ? ": " : "", metric_title(r->metric),
			   reason, more);
}

static void because_ok(struct gate_work *w)
{
	struct gate_result *g = w->g;
	size_t n = g->of[VERDICT_OK] + g->of[VERDICT_IMPROVED];

	g->why = gate_text(w, "no change that matters in %zu comparison%s of %zu and %zu run%s%s",
			   n, n == 1 ? "" : "s", w->t->n_a, w->t->n_b, w->t->n_b == 1 ? "" : "s",
			   g->n_accepted ? " but those accepted" : "");
}

void gate_conclude(struct gate_work *w)
{
	struct gate_result *g = w->g;
	struct tally t;

	tally(w, &t);
	if (t.n[VERDICT_REGRESSION] || t.functions) {
		g->verdict = VERDICT_REGRESSION;
		because_regressed(w, &t);
	} else if (t.n[VERDICT_INCONCLUSIVE] ||
		   (!t.n[VERDICT_OK] && !t.n[VERDICT_IMPROVED] && !g->n_accepted)) {
		g->verdict = VERDICT_INCONCLUSIVE;
		because_unsaid(w, &t);
	} else if (t.n[VERDICT_IMPROVED]) {
		g->verdict = VERDICT_IMPROVED;
		g->why = gate_text(w, "%s%s", changed(w, t.first[VERDICT_IMPROVED]),
				   and_more(w, t.n[VERDICT_IMPROVED], "improvement"));
	} else {
		g->verdict = VERDICT_OK;
		because_ok(w);
	}
	if (g->uncompared && (g->verdict == VERDICT_OK || g->verdict == VERDICT_IMPROVED))
		g->why = gate_text(w, "%s; not compared, the candidate alone has: %s", g->why,
				   g->uncompared);
}
