/* Order and words of a gate's outputs: see gate_view.h. */
#include "prof/cli/gate_view.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "prof/base/units.h"
#include "prof/cli/gate_escape.h"
#include "prof/cli/report.h"

/* ---- rows ---- */

enum gate_state gate_row_state(const struct gate_row *r)
{
	if (r->ignored)
		return GATE_STATE_IGNORED;
	if (r->is_new || r->is_missing)
		return r->is_new ? GATE_STATE_NEW : GATE_STATE_MISSING;
	if (r->accepted_by)
		return GATE_STATE_ACCEPTED;
	if (r->refused)
		return GATE_STATE_REFUSED;
	switch (r->d.verdict) {
	case VERDICT_REGRESSION:
		return GATE_STATE_REGRESSION;
	case VERDICT_IMPROVED:
		return GATE_STATE_IMPROVED;
	case VERDICT_INCONCLUSIVE:
		return r->relevant ? GATE_STATE_INCONCLUSIVE : GATE_STATE_UNDECIDED;
	default:
		return GATE_STATE_OK;
	}
}

const char *gate_state_name(enum gate_state s)
{
	static const char *const names[GATE_STATES] = {
		"regression", "inconclusive", "refused",   "improved", "accepted",
		"new",        "missing",      "undecided", "ok",       "ignored"};

	return names[s];
}

static double size_of(const struct gate_row *r)
{
	return isfinite(r->d.change) ? fabs(r->d.change) : 0;
}

/* The rows lie in one array: their own order is that of the table. */
static int by_weight(const void *x, const void *y)
{
	const struct gate_row *a = *(const struct gate_row *const *)x;
	const struct gate_row *b = *(const struct gate_row *const *)y;
	enum gate_state sa = gate_row_state(a), sb = gate_row_state(b);
	int count_a = a->kind == METRIC_KIND_COUNT, count_b = b->kind == METRIC_KIND_COUNT;
	double size_a = size_of(a), size_b = size_of(b);

	if (sa != sb)
		return sa < sb ? -1 : 1;
	if (sa < GATE_STATE_NEW && count_a != count_b)
		return count_b - count_a;
	if (sa < GATE_STATE_NEW && sa != GATE_STATE_REFUSED && (size_a > size_b || size_a < size_b))
		return size_a > size_b ? -1 : 1;
	return a < b ? -1 : a > b;
}

int gate_order_make(struct gate_order *o, const struct gate_result *g)
{
	size_t i;

	memset(o, 0, sizeof(*o));
	o->rows = calloc(g->n + 1, sizeof(*o->rows));
	if (!o->rows)
		return ERR_NOMEM;
	for (i = 0; i < g->n; i++) {
		enum gate_state s = gate_row_state(&g->rows[i]);

		o->rows[o->n++] = &g->rows[i];
		o->of[s]++;
		o->moved += s < GATE_STATE_UNDECIDED;
	}
	qsort(o->rows, o->n, sizeof(*o->rows), by_weight);
	return 0;
}

void gate_order_release(struct gate_order *o)
{
	free(o->rows);
	memset(o, 0, sizeof(*o));
}

/* ---- numbers ---- */

char *gate_view_change(char out[GATE_TEXT], double change)
{
	char text[METRIC_TEXT];

	if (isfinite(change) && change >= 999 && change < 1.8e19)
		snprintf(out, GATE_TEXT, "x %s", units_count(text, (uint64_t)(change + 1.5)));
	else
		snprintf(out, GATE_TEXT, "%s", gate_change_text(text, change));
	return out;
}

/* Nothing becomes less by more than 100 %: that is no bound. */
char *gate_view_range(char out[GATE_TEXT], double lo, double hi)
{
	char from[GATE_TEXT], to[GATE_TEXT];
	int low = isfinite(lo) && lo > -1, high = isfinite(hi);

	gate_view_change(from, lo);
	gate_view_change(to, hi);
	if (low && high)
		snprintf(out, GATE_TEXT, "%.40s to %.40s", from, to);
	else if (low || high)
		snprintf(out, GATE_TEXT, "%s %.40s", low ? "at least" : "at most", low ? from : to);
	else
		snprintf(out, GATE_TEXT, "-");
	return out;
}

char *gate_view_interval(char out[GATE_TEXT], const struct gate_row *r)
{
	if (r->d.test == DECIDE_EXACT && isfinite(r->d.change))
		snprintf(out, GATE_TEXT, "exact");
	else
		gate_view_range(out, r->d.lo, r->d.hi);
	return out;
}

char *gate_view_runs(char out[GATE_TEXT], const struct gate_row *r)
{
	size_t used = r->d.n_a < r->d.n_b ? r->d.n_a : r->d.n_b;
	size_t all = r->n_a < r->n_b ? r->n_a : r->n_b;

	if (r->d.paired && used < all)
		snprintf(out, GATE_TEXT, "%zu of %zu pairs", used, all);
	else if (r->d.paired)
		snprintf(out, GATE_TEXT, "%zu pair%s", used, used == 1 ? "" : "s");
	else if (r->d.n_a == r->n_a && r->d.n_b == r->n_b)
		snprintf(out, GATE_TEXT, "%zu + %zu", r->d.n_a, r->d.n_b);
	else
		snprintf(out, GATE_TEXT, "%zu of %zu + %zu of %zu", r->d.n_a, r->n_a, r->d.n_b,
			 r->n_b);
	return out;
}

char *gate_view_value(char out[GATE_TEXT], const struct gate_moved *m, double value)
{
	char text[UNITS_TEXT];
	double size = fabs(value);

	if (!isfinite(value)) {
		snprintf(out, GATE_TEXT, "-");
		return out;
	}
	if (m->counts)
		units_count(text, size < 1.8e19 ? (uint64_t)(size + 0.5) : UINT64_MAX);
	else if (profile_kind_is_time(m->kind))
		units_ns(text, size < 9e18 ? (int64_t)size : INT64_MAX);
	else
		units_bytes(text, size < 1.8e19 ? (uint64_t)size : UINT64_MAX);
	snprintf(out, GATE_TEXT, "%s%s", value < 0 ? "-" : "", text);
	return out;
}

const char *gate_view_kind(const struct gate_moved *m)
{
	if (m->counts && m->kind == PROFILE_CPU)
		return "instructions";
	return m->counts && m->kind == PROFILE_ALLOC ? "blocks" : profile_kind_name(m->kind);
}

/* ---- words ---- */

const char *gate_view_stage(const char *stage)
{
	return stage ? stage : "(whole run)";
}

const char *gate_view_note(const struct gate_row *r)
{
	if (r->accepted_by)
		return r->accepted_by;
	if (r->note)
		return r->note;
	if (r->ignored)
		return r->reason ? r->reason : "the thresholds say so";
	if (r->d.verdict == VERDICT_INCONCLUSIVE && r->d.reason != DECIDE_DECIDED)
		return decide_reason_text(r->d.reason);
	return NULL;
}

void gate_view_headline(struct buf *out, const struct gate_view *v)
{
	buf_puts(out, verdict_name(v->g->verdict));
	if (v->g->why && *v->g->why)
		buf_printf(out, ": %s", v->g->why);
}

void gate_view_sentence(struct buf *out, const struct gate_row *r)
{
	char base[METRIC_TEXT], candidate[METRIC_TEXT], change[GATE_TEXT], interval[GATE_TEXT];

	metric_text(base, r->metric, r->d.base);
	metric_text(candidate, r->metric, r->d.candidate);
	gate_view_interval(interval, r);
	buf_printf(out, "%s %s \u2192 %s", metric_title(r->metric), base, candidate);
	if (isfinite(r->d.change))
		buf_printf(out, ", %s", gate_view_change(change, r->d.change));
	if (strcmp(interval, "-") != 0)
		buf_printf(out, " (%s)", interval);
}

/* The dates of the runs of a group: "2026-11-21 08:10:33 UTC", or from the first to the last one. */
static void put_dates(struct buf *out, const struct gate_shown *s)
{
	char first[32], last[32];
	int64_t lo = INT64_MAX, hi = INT64_MIN;
	size_t i;

	for (i = 0; i < s->n; i++) {
		lo = s->runs[i].started_at < lo ? s->runs[i].started_at : lo;
		hi = s->runs[i].started_at > hi ? s->runs[i].started_at : hi;
	}
	if (!s->n || hi <= 0)
		return;
	report_date(first, lo);
	report_date(last, hi);
	if (lo == hi)
		buf_printf(out, ", %s", first);
	else if (strncmp(first, last, 11) == 0)
		buf_printf(out, ", %.19s to %s", first, last + 11);
	else
		buf_printf(out, ", %.19s to %s", first, last);
}

void gate_view_side(struct buf *out, const struct gate_shown *s)
{
	const struct gate_run *first = s->n ? &s->runs[0] : NULL;

	buf_puts(out, s->what);
	if (first && *first->host)
		buf_printf(out, ", host %s", first->host);
	put_dates(out, s);
}

void gate_view_accept(struct buf *out, const struct gate_view *v, const struct gate_row *r)
{
	const int counted = v->counted_options && r->metric == METRIC_INSTRUCTIONS && !r->stage;
	struct buf target = BUF_INIT;

	if (r->stage)
		buf_printf(&target, "%s:", r->stage);
	buf_puts(&target, metric_name(r->metric));
	buf_printf(out, "protea-prof gate%s --accept ", counted ? v->counted_options : v->options);
	gate_put_shell(out, buf_str(&target));
	buf_printf(out, " --reason '…' %s", counted ? v->counted_operands : v->operands);
	gate_spoil(out, &target);
	buf_release(&target);
}

const char *gate_view_remark(const struct gate_view *v, size_t i)
{
	if (i < v->g->n_remarks)
		return v->g->remarks[i];
	i -= v->g->n_remarks;
	if (i < v->n_notes)
		return v->notes[i];
	return i == v->n_notes ? v->no_functions : NULL;
}

/* ---- functions ---- */

int gate_view_rose(const struct gate_function *f)
{
	return f->verdict == VERDICT_REGRESSION ||
	       (f->verdict == VERDICT_INCONCLUSIVE && f->candidate > f->base);
}

int gate_view_unproven(const struct gate_moved *moved, size_t n)
{
	size_t i;

	for (i = 0; i < n; i++)
		if (moved[i].f->unproven)
			return 1;
	return 0;
}

static size_t add_moved(struct gate_moved *moved, const struct gate_result *g, int counts)
{
	size_t i, n = 0;

	for (i = 0; i < g->n_functions; i++)
		if (g->functions[i].verdict != VERDICT_OK)
			moved[n++] = (struct gate_moved){&g->functions[i], g->kind, counts};
	return n;
}

int gate_view_moved(const struct gate_view *v, struct gate_moved **moved, size_t *n)
{
	size_t i, all = v->g->n_functions + 1;

	for (i = 0; i < v->n_others; i++)
		all += v->others[i].g.n_functions;
	*moved = calloc(all, sizeof(**moved));
	if (!*moved)
		return -1;
	*n = add_moved(*moved, v->g, v->counts);
	for (i = 0; i < v->n_others; i++)
		*n += add_moved(*moved + *n, &v->others[i].g, v->others[i].counts);
	return 0;
}

static int is_of(const struct gate_result *g, int counts, enum metric m)
{
	switch (m) {
	case METRIC_ALLOC_COUNT:
	case METRIC_ALLOC_BYTES:
		return g->kind == PROFILE_ALLOC;
	case METRIC_PEAK_HEAP:
		return g->kind == PROFILE_PEAK;
	case METRIC_SQL:
		return g->kind == PROFILE_SQL;
	case METRIC_INSTRUCTIONS:
		return counts && g->kind == PROFILE_CPU;
	default:
		return !counts && profile_kind_is_time(g->kind);
	}
}

static const struct gate_function *find_function(const struct gate_result *g,
						 const struct gate_row *r)
{
	size_t i;

	for (i = 0; i < g->n_functions; i++) {
		const struct gate_function *f = &g->functions[i];

		if ((r->d.verdict == VERDICT_REGRESSION || r->d.verdict == VERDICT_IMPROVED) &&
		    gate_view_rose(f) == (r->d.verdict == VERDICT_REGRESSION) &&
		    (!r->stage || strcmp(f->stage, r->stage) == 0))
			return f;
	}
	return NULL;
}

const struct gate_function *gate_view_function(const struct gate_view *v, const struct gate_row *r)
{
	size_t i;

	if (is_of(v->g, v->counts, r->metric))
		return find_function(v->g, r);
	for (i = 0; i < v->n_others; i++)
		if (is_of(&v->others[i].g, v->others[i].counts, r->metric))
			return find_function(&v->others[i].g, r);
	return NULL;
}

/* ---- runs ---- */

size_t gate_view_median(const struct metric_table *t, int group)
{
	const struct metric_row *row = metrics_row(t, NULL, METRIC_WALL);
	const double *values = row ? (group == METRICS_BASE ? row->a : row->b) : NULL;
	size_t n = group == METRICS_BASE ? t->n_a : t->n_b, i, j;

	for (i = 0; values && i < n; i++) {
		size_t less = 0, all = 0;

		for (j = 0; j < n; j++) {
			all += isfinite(values[j]) != 0;
			less += values[j] < values[i] ||
				(j < i && isfinite(values[j]) && !(values[j] > values[i]));
		}
		if (isfinite(values[i]) && less == (all - 1) / 2)
			return i;
	}
	return 0;
}
