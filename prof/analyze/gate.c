/* The order of a judgement, and what its parts share. */
#include "prof/analyze/gate.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "prof/analyze/gate_internal.h"
#include "prof/base/units.h"
#include "prof/base/utf8.h"

/* ---- words ---- */

static const struct {
	enum gate_anyway bit;
	const char *name;
} anyways[] = {
	{GATE_HOSTS, "hosts"},           {GATE_RATES, "rates"}, {GATE_MODES, "modes"},
	{GATE_UNFINISHED, "unfinished"}, {GATE_LOSSY, "lossy"}, {GATE_FAILED, "failed"},
	{GATE_ANYWAY_ALL, "all"},
};

const char *gate_anyway_name(enum gate_anyway bit)
{
	size_t i;

	for (i = 0; i < sizeof(anyways) / sizeof(anyways[0]); i++)
		if (anyways[i].bit == bit)
			return anyways[i].name;
	return "?";
}

int gate_anyway_parse(const char *name)
{
	size_t i;

	for (i = 0; i < sizeof(anyways) / sizeof(anyways[0]); i++)
		if (strcmp(anyways[i].name, name) == 0)
			return (int)anyways[i].bit;
	return -1;
}

char *gate_factor_text(char out[METRIC_TEXT], double factor)
{
	char text[UNITS_TEXT];

	if (factor < 999.5 || !(factor < 1e18))
		snprintf(out, METRIC_TEXT, "%.3g", factor);
	else
		snprintf(out, METRIC_TEXT, "%s", units_count(text, (uint64_t)llround(factor)));
	return out;
}

char *gate_change_text(char out[METRIC_TEXT], double change)
{
	char text[METRIC_TEXT];
	double percent = 100 * change, size = fabs(percent);

	if (!isfinite(change))
		snprintf(out, METRIC_TEXT, "-");
	else if (change >= 1)
		snprintf(out, METRIC_TEXT, "x %.40s", gate_factor_text(text, change + 1));
	else if (size < 0.005)
		snprintf(out, METRIC_TEXT, "0 %%");
	else
		snprintf(out, METRIC_TEXT, "%+.*f %%", size < 1 ? 2 : size < 9.95 ? 1 : 0, percent);
	return out;
}

/* Of a text that was cut: no part of a character at its end. */
static void cut_character(char *text, size_t n)
{
	size_t from = n;

	while (from > 0 && n - from < 3 && ((unsigned char)text[from - 1] & 0xc0) == 0x80)
		from--;
	if (from > 0 && ((unsigned char)text[from - 1] & 0x80))
		from--;
	if (from < n && utf8_length(text + from, n - from) != n - from)
		text[from] = '\0';
}

/* A copy in the result; no character in parts. NULL: no memory. */
static char *format(struct gate_work *w, const char *fmt, va_list ap)
{
	char text[1024], *copy;
	int n = vsnprintf(text, sizeof(text), fmt, ap);

	if (n >= (int)sizeof(text))
		cut_character(text, sizeof(text) - 1);
	copy = arena_strdup(&w->g->arena, text);
	if (!copy)
		w->failed = 1;
	return copy;
}

const char *gate_text(struct gate_work *w, const char *fmt, ...)
{
	va_list ap;
	char *copy;

	va_start(ap, fmt);
	copy = format(w, fmt, ap);
	va_end(ap);
	return copy ? copy : "";
}

void gate_remark(struct gate_work *w, const char *fmt, ...)
{
	struct gate_result *g = w->g;
	size_t cap = w->cap_remarks ? 2 * w->cap_remarks : 16;
	va_list ap;
	char *copy;

	va_start(ap, fmt);
	copy = format(w, fmt, ap);
	va_end(ap);
	if (g->n_remarks == w->cap_remarks) {
		char **more = arena_calloc(&g->arena, cap, sizeof(*more));

		if (!more) {
			w->failed = 1;
			return;
		}
		if (g->n_remarks)
			memcpy(more, g->remarks, g->n_remarks * sizeof(*more));
		g->remarks = more;
		w->cap_remarks = cap;
	}
	if (copy)
		g->remarks[g->n_remarks++] = copy;
}

/* ---- the runs' order ---- */

static int compare_started(const void *a, const void *b, void *ctx)
{
	const struct gate_run *runs = ctx;
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	if (runs[x].started_at != runs[y].started_at)
		return runs[x].started_at < runs[y].started_at ? -1 : 1;
	return x < y ? -1 : x > y;
}

static int order_runs(struct gate_work *w, int group)
{
	size_t n = gate_runs(w, group), i;
	uint32_t *order = arena_calloc(&w->g->arena, n + 1, sizeof(*order));

	if (!order)
		return ERR_NOMEM;
	for (i = 0; i < n; i++)
		order[i] = (uint32_t)i;
	if (n)
		qsort_r(order, n, sizeof(*order), compare_started,
			(void *)(uintptr_t)gate_run_at(w, group, 0));
	w->order[group] = order;
	return 0;
}

static int64_t started(const struct gate_work *w, int group, size_t i)
{
	return gate_run_at(w, group, w->order[group][i])->started_at;
}

/* How often the next run by time is of the other group. */
static size_t turns(const struct gate_work *w)
{
	size_t n = 0, i = 0, k = 0;
	int last = -1, now;

	while (i < gate_runs(w, 0) || k < gate_runs(w, 1)) {
		if (i == gate_runs(w, 0))
			now = 1;
		else if (k == gate_runs(w, 1))
			now = 0;
		else
			now = started(w, 1, k) < started(w, 0, i);
		n += last >= 0 && now != last;
		last = now;
		*(now ? &k : &i) += 1;
	}
	return n;
}

/* The i-th runs of both groups ran before all later ones: A B B A, A B A B. */
static int in_pairs(const struct gate_work *w)
{
	size_t n = gate_runs(w, 0), i;

	if (n != gate_runs(w, 1))
		return 0;
	for (i = 0; i + 1 < n; i++)
		if (started(w, 0, i) >= started(w, 1, i + 1) ||
		    started(w, 1, i) >= started(w, 0, i + 1))
			return 0;
	return 1;
}

/* In pairs where they ran in pairs; else told whether they ran in turns, so that a drift of the machine is not
 * taken for a change. */
static void pair_runs(struct gate_work *w)
{
	size_t n = gate_runs(w, 0), m = gate_runs(w, 1), less = n < m ? n : m;

	w->paired = w->o->pairing == GATE_PAIR_AUTO     ? n > 1 && in_pairs(w)
		    : w->o->pairing == GATE_PAIR_ALWAYS ? n == m
							: 0;
	w->mixed = less > 0 && turns(w) >= less;
	if (w->o->pairing == GATE_PAIR_ALWAYS && n != m)
		gate_remark(w,
			    "%zu base runs and %zu candidate runs cannot be paired: they are "
			    "compared as groups",
			    n, m);
}

/* ---- the whole ---- */

int gate_judge(struct gate_result *g, const struct metric_table *t, const struct compare *functions,
	       const struct gate_options *o, struct err *err)
{
	struct gate_work w = {.g = g, .t = t, .o = o};
	int rc;

	memset(g, 0, sizeof(*g));
	g->kind = o->kind;
	g->alpha = o->alpha > 0                                ? o->alpha
		   : o->thresholds && o->thresholds->alpha > 0 ? o->thresholds->alpha
							       : THRESHOLDS_ALPHA;
	rc = order_runs(&w, METRICS_BASE);
	if (rc == 0)
		rc = order_runs(&w, METRICS_CANDIDATE);
	if (rc == 0) {
		gate_refuse(&w);
		pair_runs(&w);
		g->paired = w.paired;
		rc = gate_judge_rows(&w);
	}
	if (rc == 0) {
		gate_take_functions(&w, functions);
		if (o->normalise)
			g->normalise = gate_text(&w, "%s", o->normalise);
		gate_conclude(&w);
	}
	if (rc == 0 && !w.failed)
		return 0;
	gate_release(g);
	return err_nomem(err, "the judgement");
}

void gate_release(struct gate_result *g)
{
	arena_release(&g->arena);
	memset(g, 0, sizeof(*g));
}
