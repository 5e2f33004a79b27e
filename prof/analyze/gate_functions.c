/* Functions that moved, as the result shows them: they explain, and fail a gate only where the thresholds say so. */
#include <math.h>
#include <string.h>

#include "prof/analyze/compare.h"
#include "prof/analyze/gate_internal.h"

#define FUNCTIONS_MAX 200

static const char *text_of(struct gate_work *w, const struct compare *c, uint32_t string)
{
	char *copy = arena_strdup(&w->g->arena, compare_text(c, string));

	if (!copy)
		w->failed = 1;
	return copy ? copy : "";
}

/* Callgrind counts: what it says of one run holds for the next. */
static int all_counted(const struct gate_work *w)
{
	size_t i;
	int group;

	for (group = 0; group < METRICS_GROUPS; group++)
		for (i = 0; i < gate_runs(w, group); i++)
			if (strcmp(gate_run_at(w, group, i)->engine, "callgrind") != 0)
				return 0;
	return 1;
}

/* Beyond the rule of the thresholds' file? */
static int fails(const struct gate_work *w, const struct gate_function *f, double delta)
{
	const struct thresholds *t = w->o->thresholds;
	double least;

	if (!t || !t->functions.fail || f->unproven || w->refusals.functions ||
	    w->refusals.everything || f->verdict != VERDICT_REGRESSION)
		return 0;
	least = profile_kind_is_time(w->o->kind) ? t->functions.absolute_ns
						 : t->functions.absolute_bytes;
	/* A new function has no relative change: its cost alone counts. */
	return delta > least && !(f->change <= t->functions.relative);
}

static void take(struct gate_work *w, const struct compare *c, const struct compare_function *from,
		 struct gate_function *f)
{
	*f = (struct gate_function){
		.function = text_of(w, c, from->function),
		.module = text_of(w, c, from->module),
		.file = text_of(w, c, from->file),
		.base = from->self.a,
		.candidate = from->self.b,
		.total_base = from->total.a,
		.total_candidate = from->total.b,
		.change = from->self.change,
		.lo = from->self.change_lo,
		.hi = from->self.change_hi,
		.p = from->self.p,
		.q = from->self.q,
		.stack_text = text_of(w, c, from->stack),
		.stage = text_of(w, c, from->stage),
		.unproven = compare_test(c) == COMPARE_SAMPLING && !all_counted(w),
	};
	/* Of one run a side only the noise of sampling is known, not what runs differ by. */
	f->verdict = f->unproven            ? VERDICT_INCONCLUSIVE
		     : from->self.delta > 0 ? VERDICT_REGRESSION
					    : VERDICT_IMPROVED;
	f->fails = fails(w, f, from->self.delta);
}

void gate_take_functions(struct gate_work *w, const struct compare *c)
{
	const struct compare_function *rows;
	struct gate_result *g = w->g;
	size_t n = 0, moved = 0, i;

	if (!c)
		return;
	rows = compare_rows(c, &n);
	while (moved < n && moved < FUNCTIONS_MAX && compare_moved(&rows[moved]))
		moved++;
	g->functions = arena_calloc(&g->arena, moved + 1, sizeof(*g->functions));
	if (!g->functions) {
		w->failed = 1;
		return;
	}
	for (i = 0; i < moved; i++)
		take(w, c, &rows[i], &g->functions[i]);
	g->n_functions = moved;
	for (i = 0; compare_remark(c, i); i++) {
		/* What is said of samples does not hold for what was counted. */
		if (all_counted(w) && strstr(compare_remark(c, i), "noise of sampling"))
			continue;
		gate_remark(w, "%s", compare_remark(c, i));
	}
}
