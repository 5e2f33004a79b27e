/* Trend over time: for cells that ran more than once, time and memory of each run (of each commit, if there are
 * several) in order of date, with the spread of repeated runs. */
#include "viewer/site_parts.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "viewer/html.h"

#define WIDE       150
#define HIGH       34
#define EDGE       5
#define POINTS_MAX 60 /* the latest */
#define METRICS    2  /* time, memory: the first two */
#define STEPS_MAX  16 /* changes of level */

struct point {
	struct site_spread spread;
	const struct site_run *first; /* of the group */
};

struct series {
	struct point points[POINTS_MAX];
	struct site_step steps[STEPS_MAX];
	uint32_t n, n_steps, runs, commits;
};

/* Room for the runs of one cell; owned. */
struct scratch {
	struct dated *dated;
	uint32_t *runs;
	double *values;
};

static const char *commit_of(const struct site_run *r)
{
	return r->git_sha ? r->git_sha : "";
}

/* In runs that good_runs() put in order. */
static uint32_t commits_in(const struct site *s, const uint32_t *runs, uint32_t n)
{
	uint32_t i, count = 0;

	for (i = 0; i < n; i++)
		count += i == 0 || strcmp(commit_of(&s->runs[runs[i]]),
					  commit_of(&s->runs[runs[i - 1]])) != 0;
	return count;
}

struct dated {
	const struct site *s;
	uint32_t run, first; /* of the runs of its commit */
};

static int by_commit(const void *a, const void *b)
{
	const struct dated *x = a, *y = b;
	int by = strcmp(commit_of(&x->s->runs[x->run]), commit_of(&y->s->runs[y->run]));

	return by ? by : (x->run > y->run) - (x->run < y->run);
}

static int by_first(const void *a, const void *b)
{
	const struct dated *x = a, *y = b;

	if (x->first != y->first)
		return x->first < y->first ? -1 : 1;
	return (x->run > y->run) - (x->run < y->run);
}

/* The cell's runs that did not fail: those of a commit side by side, commits by their first run, runs by time. */
static uint32_t good_runs(const struct site *s, const struct site_cell *c, struct scratch *to)
{
	struct dated *d = to->dated;
	uint32_t i, n = 0;

	for (i = 0; i < c->n_runs; i++)
		if (!s->runs[c->runs[i]].failed)
			d[n++] = (struct dated){s, c->runs[i], c->runs[i]};
	qsort(d, n, sizeof *d, by_commit);
	for (i = 1; i < n; i++)
		if (strcmp(commit_of(&s->runs[d[i].run]), commit_of(&s->runs[d[i - 1].run])) == 0)
			d[i].first = d[i - 1].first;
	qsort(d, n, sizeof *d, by_first);
	for (i = 0; i < n; i++)
		to->runs[i] = d[i].run;
	return n;
}

static void add_point(struct series *to, struct point p)
{
	if (to->n == POINTS_MAX) {
		memmove(to->points, to->points + 1, (POINTS_MAX - 1) * sizeof *to->points);
		to->n--;
	}
	to->points[to->n++] = p;
}

/* One point a run, or a commit when there are several. */
static void make_series(struct series *to, const struct site *s, const uint32_t *runs, uint32_t n,
			uint32_t metric, double *values)
{
	uint32_t i, k;

	*to = (struct series){.runs = n, .commits = commits_in(s, runs, n)};
	for (i = 0; i < n; i = k) {
		struct point p = {.first = &s->runs[runs[i]]};
		uint32_t m = 0;

		for (k = i; k < n; k++) {
			if (k > i && (to->commits < 2 || strcmp(commit_of(&s->runs[runs[k]]),
								commit_of(p.first)) != 0))
				break;
			values[m++] = s->runs[runs[k]].value[metric];
		}
		p.spread = site_spread(values, m);
		if (p.spread.n)
			add_point(to, p);
	}
}

static void find_steps(struct buf *out, struct series *to, const struct site_view *v)
{
	double values[POINTS_MAX];
	uint32_t i;
	int n;

	for (i = 0; i < to->n; i++)
		values[i] = to->points[i].spread.median;
	if (!v->s->steps)
		return;
	n = v->s->steps(v->s->steps_ctx, values, to->n, v->g->n_cells * METRICS, to->steps,
			STEPS_MAX);
	if (n < 0)
		out->failed = out->failed ? out->failed : n;
	else
		to->n_steps = (uint32_t)n;
}

/* ---- the small plot ---- */

static double y_at(double v, double lo, double hi)
{
	return hi > lo ? HIGH - EDGE - (v - lo) / (hi - lo) * (HIGH - 2 * EDGE) : HIGH / 2.0;
}

static double x_at(uint32_t i, uint32_t n)
{
	return n > 1 ? EDGE + (double)i / (n - 1) * (WIDE - 2 * EDGE) : WIDE / 2.0;
}

static void put_tip(struct buf *out, const struct point *p, enum site_unit unit)
{
	buf_puts(out, "<title>");
	site_put_date(out, p->first->started_at, 0);
	buf_putc(out, ' ');
	site_put_commit(out, p->first);
	buf_puts(out, ": ");
	site_put_value(out, unit, p->spread.median);
	if (p->spread.n > 1) {
		buf_puts(out, " (");
		site_put_value(out, unit, p->spread.min);
		buf_puts(out, " … ");
		site_put_value(out, unit, p->spread.max);
		buf_printf(out, " in %" PRIu32 " runs)", p->spread.n);
	}
	buf_puts(out, "</title>");
}

/* "abc123456" of a commit, the date where all are of one. */
static void put_when(struct buf *out, const struct series *s, const struct site_run *r)
{
	if (s->commits > 1)
		site_put_commit(out, r);
	else
		site_put_date(out, r->started_at, 0);
}

static void put_step_words(struct buf *out, const struct series *s, const struct site_step *c)
{
	if (isfinite(c->change))
		buf_printf(out, "%+.1f %% from ", c->change * 100);
	else
		buf_puts(out, "another level from ");
	put_when(out, s, s->points[c->at].first);
	buf_puts(out, " on");
}

/* A line where a new level begins. */
static void put_step(struct buf *out, const struct series *s, const struct site_step *c,
		     enum site_unit unit)
{
	double x = (x_at(c->at - 1, s->n) + x_at(c->at, s->n)) / 2;

	buf_printf(out, "<path class=\"step\" d=\"M%.1f 1V%d\"><title>", x, HIGH - 1);
	put_step_words(out, s, c);
	buf_puts(out, ": ");
	site_put_value(out, unit, c->before);
	buf_puts(out, " → ");
	site_put_value(out, unit, c->after);
	if (isfinite(c->lo) && isfinite(c->hi))
		buf_printf(out, " (95 %%: %+.1f %% … %+.1f %%)", c->lo * 100, c->hi * 100);
	buf_puts(out, "</title></path>");
}

static void put_spark(struct buf *out, const struct series *s, enum site_unit unit, int metric)
{
	double lo = (double)INFINITY, hi = (double)-INFINITY;
	uint32_t i;

	for (i = 0; i < s->n; i++) {
		lo = fmin(lo, s->points[i].spread.min);
		hi = fmax(hi, s->points[i].spread.max);
	}
	buf_printf(
		out,
		"<svg class=\"spark s%d\" viewBox=\"0 0 %d %d\" role=\"img\" aria-label=\"%" PRIu32
		" points in order of date\"><path class=\"l\" d=\"",
		metric ? 1 : 0, WIDE, HIGH, s->n);
	for (i = 0; i < s->n; i++)
		buf_printf(out, "%c%.1f %.1f", i ? 'L' : 'M', x_at(i, s->n),
			   y_at(s->points[i].spread.median, lo, hi));
	for (i = 0; i < s->n; i++)
		if (s->points[i].spread.max > s->points[i].spread.min)
			buf_printf(out, "M%.1f %.1fV%.1f", x_at(i, s->n),
				   y_at(s->points[i].spread.min, lo, hi),
				   y_at(s->points[i].spread.max, lo, hi));
	buf_puts(out, "\"/>");
	for (i = 0; i < s->n_steps; i++)
		put_step(out, s, &s->steps[i], unit);
	for (i = 0; i < s->n; i++) {
		buf_printf(out, "<circle class=\"m\" cx=\"%.1f\" cy=\"%.1f\" r=\"2.6\">",
			   x_at(i, s->n), y_at(s->points[i].spread.median, lo, hi));
		put_tip(out, &s->points[i], unit);
		buf_puts(out, "</circle>");
	}
	buf_puts(out, "</svg>");
}

/* ---- the table ---- */

static void put_change(struct buf *out, const struct series *s, enum site_unit unit)
{
	const struct site_spread *first = &s->points[0].spread, *last = &s->points[s->n - 1].spread;
	double change = first->median > 0 ? last->median / first->median - 1 : (double)NAN;

	site_put_range(out, unit, last);
	if (s->commits > 1 && isfinite(change))
		buf_printf(out, " <span class=\"change\">%+.1f %%</span>", change * 100);
}

/* Of runs of one commit: how far they lie apart. */
static void put_spread(struct buf *out, const struct series *s, enum site_unit unit)
{
	double values[POINTS_MAX];
	struct site_spread all;
	uint32_t i;

	for (i = 0; i < s->n; i++)
		values[i] = s->points[i].spread.median;
	all = site_spread(values, s->n);
	site_put_range(out, unit, &all);
	if (all.median > 0)
		buf_printf(out, " <span class=\"change\">± %.1f %%</span>",
			   (all.max - all.min) / 2 / all.median * 100);
}

/* The latest change, in words; tooltips have all. */
static void put_latest_step(struct buf *out, const struct series *s)
{
	if (!s->n_steps)
		return;
	buf_puts(out, "<div class=\"steps\">");
	put_step_words(out, s, &s->steps[s->n_steps - 1]);
	if (s->n_steps > 1)
		buf_printf(out, ", and %" PRIu32 " before", s->n_steps - 1);
	buf_puts(out, "</div>");
}

static void put_row(struct buf *out, struct site_view *v, uint32_t cell, struct scratch *room)
{
	uint32_t n = good_runs(v->s, &v->g->cells[cell], room), m;

	if (n < 2)
		return;
	buf_puts(out, "<tr><th scope=\"row\">");
	site_put_cell_link(out, v, cell);
	buf_printf(out, "</th><td class=\"n\">%" PRIu32 "</td><td class=\"n\">%" PRIu32 "</td>", n,
		   commits_in(v->s, room->runs, n));
	for (m = 0; m < METRICS && m < v->s->n_metrics; m++) {
		enum site_unit unit = v->s->metrics[m].unit;
		struct series s;

		make_series(&s, v->s, room->runs, n, m, room->values);
		if (!s.n) {
			buf_puts(out, "<td>–</td><td>–</td>");
			continue;
		}
		find_steps(out, &s, v);
		buf_puts(out, "<td>");
		put_spark(out, &s, unit, (int)m);
		buf_printf(out, "</td><td class=\"n\" data-v=\"%.9g\">",
			   s.points[s.n - 1].spread.median);
		if (s.commits > 1)
			put_change(out, &s, unit);
		else
			put_spread(out, &s, unit);
		put_latest_step(out, &s);
		buf_puts(out, "</td>");
	}
	buf_puts(out, "</tr>\n");
}

static void put_table(struct buf *out, struct site_view *v, struct scratch *room)
{
	uint32_t i, m;

	buf_puts(out, "<div class=\"wide\" tabindex=\"0\" role=\"region\" aria-label=\"trend of "
		      "all cells\">"
		      "<table class=\"list\"><thead><tr><th scope=\"col\">cell</th>"
		      "<th scope=\"col\" class=\"n\">runs</th><th scope=\"col\" "
		      "class=\"n\">commits</th>");
	for (m = 0; m < METRICS && m < v->s->n_metrics; m++) {
		buf_puts(out, "<th scope=\"col\" colspan=\"2\">");
		site_put_text(out, v->s->metrics[m].name);
		buf_puts(out, "</th>");
	}
	buf_puts(out, "</tr></thead>\n<tbody>\n");
	for (i = 0; i < v->g->n_cells; i++)
		put_row(out, v, i, room);
	buf_puts(out, "</tbody></table></div>\n");
}

static void release(struct scratch *room)
{
	free(room->dated);
	free(room->runs);
	free(room->values);
}

void site_trend(struct buf *out, struct site_view *v)
{
	size_t n = (size_t)v->s->n_runs + 1;
	struct scratch room = {calloc(n, sizeof *room.dated), calloc(n, sizeof *room.runs),
			       calloc(n, sizeof *room.values)};
	uint32_t i, repeated = 0, commits = 0;

	if (!room.dated || !room.runs || !room.values) {
		out->failed = out->failed ? out->failed : ERR_NOMEM;
		release(&room);
		return;
	}
	for (i = 0; i < v->g->n_cells; i++) {
		uint32_t good = good_runs(v->s, &v->g->cells[i], &room);
		uint32_t c = commits_in(v->s, room.runs, good);

		repeated += good > 1;
		commits = c > commits ? c : commits;
	}
	buf_puts(out, "<section><h2>Trend</h2>\n");
	if (!repeated)
		buf_puts(out, "<p>One run of each cell: no trend yet. More runs with the same "
			      "labels, of this "
			      "or of later commits, make one.</p>");
	else if (commits > 1)
		buf_puts(out, "<p>One point a commit in order of date: the median of its runs, the "
			      "bar from the "
			      "least to the greatest; then the last one, and how far it is from "
			      "the first. Where the level changed for good there is a line.</p>\n");
	else
		buf_puts(out, "<p>All runs of a cell are of one commit, so this is the spread of "
			      "repeated "
			      "runs, in order of date: median, least and greatest. Runs of later "
			      "commits make "
			      "it a trend.</p>\n");
	if (repeated)
		put_table(out, v, &room);
	buf_puts(out, "</section>\n");
	release(&room);
}
