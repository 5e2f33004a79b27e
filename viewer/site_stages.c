/* Stages of the cells: plots of their time against what grows, and the numbers as a table, which is also what the
 * page's script compares two cells by. */
#include "viewer/site_parts.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "prof/base/arena.h"
#include "viewer/html.h"
#include "viewer/plot_svg.h"

#define LISTED_MAX 40
#define PLOTS_MAX  12
#define PLOT_SHARE 0.01 /* of some cell's time: what takes less is not plotted */

struct named {
	const char *name;
	double wall_ns, share; /* of all cells; the greatest of one */
	uint32_t order;        /* of first appearance */
};

struct names {
	struct named *all; /* owned; the longest first */
	size_t n;
};

static int by_name(const void *a, const void *b)
{
	const struct named *x = a, *y = b;
	int by = strcmp(x->name, y->name);

	return by ? by : (x->order > y->order) - (x->order < y->order);
}

static int by_time(const void *a, const void *b)
{
	const struct named *x = a, *y = b;

	if (x->wall_ns != y->wall_ns)
		return x->wall_ns > y->wall_ns ? -1 : 1;
	return (x->order > y->order) - (x->order < y->order);
}

static void merge(struct names *names)
{
	size_t i, n = 0;

	qsort(names->all, names->n, sizeof *names->all, by_name);
	for (i = 0; i < names->n; i++) {
		struct named *to = n ? &names->all[n - 1] : NULL, *from = &names->all[i];

		if (to && strcmp(to->name, from->name) == 0) {
			to->wall_ns += from->wall_ns;
			to->share = fmax(to->share, from->share);
		} else {
			names->all[n++] = *from;
		}
	}
	names->n = n;
	qsort(names->all, names->n, sizeof *names->all, by_time);
}

static int collect(struct names *names, const struct site_view *v)
{
	size_t all = 0;
	uint32_t i, k;

	for (i = 0; i < v->g->n_cells; i++)
		all += v->s->runs[v->g->cells[i].shown].n_stages;
	*names = (struct names){malloc((all + 1) * sizeof *names->all), 0};
	if (!names->all)
		return ERR_NOMEM;
	for (i = 0; i < v->g->n_cells; i++) {
		const struct site_run *r = &v->s->runs[v->g->cells[i].shown];

		for (k = 0; k < r->n_stages; k++) {
			double wall = isnan(r->stages[k].wall_ns) ? 0 : r->stages[k].wall_ns;

			names->all[names->n] = (struct named){
				r->stages[k].name, wall, r->value[0] > 0 ? wall / r->value[0] : 0,
				(uint32_t)names->n};
			names->n++;
		}
	}
	merge(names);
	return 0;
}

static const struct site_stage *find(const struct site_run *r, const char *name)
{
	uint32_t i;

	for (i = 0; i < r->n_stages; i++)
		if (strcmp(r->stages[i].name, name) == 0)
			return &r->stages[i];
	return NULL;
}

/* ---- plots ---- */

enum across { BY_COLUMN, BY_X, BY_ITEMS, BY_NAME };

struct plotting {
	struct site_view *v;
	const char *stage;
	enum across across;
	struct arena arena;
	double *values; /* owned scratch, one a run */
	int failed;
};

/* Over the runs that the cell's number is of. */
static struct site_spread stage_spread(struct plotting *p, const struct site_cell *c)
{
	uint32_t i, n = 0;

	for (i = 0; i < c->n_runs; i++) {
		const struct site_run *r = &p->v->s->runs[c->runs[i]];
		int counts = site_is_current(p->v->s, c, c->runs[i]);
		const struct site_stage *st = counts ? find(r, p->stage) : NULL;

		if (st)
			p->values[n++] = st->wall_ns;
	}
	return site_spread(p->values, n);
}

static double x_of(const struct plotting *p, const struct site_cell *c)
{
	const struct site_stage *st = find(&p->v->s->runs[c->shown], p->stage);

	switch (p->across) {
	case BY_COLUMN:
		return p->v->g->columns.numbers[c->column];
	case BY_X:
		return st ? st->x : (double)NAN;
	case BY_ITEMS:
		return st ? st->items : (double)NAN;
	case BY_NAME:
		break;
	}
	return c->column;
}

/* How many different places points would have across. */
static int spreads(const struct plotting *p)
{
	double first = (double)NAN;
	uint32_t i;

	for (i = 0; i < p->v->g->n_cells; i++) {
		double x = x_of(p, &p->v->g->cells[i]);

		if (isnan(first))
			first = x;
		else if (!isnan(x) && x != first)
			return 1;
	}
	return 0;
}

static void choose_across(struct plotting *p)
{
	const struct site_axis *columns = &p->v->g->columns;

	p->across = BY_NAME;
	if (p->v->s->x_name) {
		p->across = BY_X;
	} else if (columns->numeric && columns->n > 1) {
		p->across = BY_COLUMN;
	} else {
		p->across = BY_ITEMS;
		if (!spreads(p))
			p->across = BY_NAME;
	}
}

static const char *tip(struct plotting *p, uint32_t cell, const struct site_spread *s)
{
	char name[SITE_CELL_NAME], median[PLOT_TICK_TEXT + 8], lo[PLOT_TICK_TEXT + 8],
		hi[PLOT_TICK_TEXT + 8], text[SITE_CELL_NAME + 160];

	site_cell_name(p->v->s, p->v->g, cell, name);
	plot_value(median, PLOT_NS, s->median);
	plot_value(lo, PLOT_NS, s->min);
	plot_value(hi, PLOT_NS, s->max);
	if (s->n > 1)
		snprintf(text, sizeof text, "%s: %s (%s … %s in %" PRIu32 " runs)", name, median,
			 lo, hi, s->n);
	else
		snprintf(text, sizeof text, "%s: %s", name, median);
	return arena_strdup(&p->arena, text);
}

static int compare_points(const void *a, const void *b)
{
	const struct plot_point *x = a, *y = b;

	if (x->x != y->x)
		return x->x < y->x ? -1 : 1;
	return (x->y > y->y) - (x->y < y->y);
}

static int make_line(struct plotting *p, struct plot_line *line, uint32_t row)
{
	const struct site_grid *g = p->v->g;
	uint32_t k;

	line->name = g->rows.values[row];
	line->points = arena_calloc(&p->arena, g->columns.n, sizeof *line->points);
	if (!line->points)
		return ERR_NOMEM;
	for (k = 0; k < g->columns.n; k++) {
		uint32_t cell = g->at[(size_t)row * g->columns.n + k];
		struct plot_point *t = &line->points[line->n];
		struct site_spread s;

		if (cell == SITE_NONE)
			continue;
		s = stage_spread(p, &g->cells[cell]);
		*t = (struct plot_point){x_of(p, &g->cells[cell]), s.median, s.min, s.max, NULL};
		if (!isfinite(t->x) || !isfinite(t->y))
			continue;
		t->text = tip(p, cell, &s);
		if (!t->text)
			return ERR_NOMEM;
		line->n++;
	}
	qsort(line->points, line->n, sizeof *line->points, compare_points);
	return 0;
}

/* The whole plot in a sentence: from where to where it goes. */
static const char *describe(struct plotting *p, const struct plot *plot)
{
	struct buf text = BUF_INIT;
	const char *copy = NULL;
	char from[PLOT_TICK_TEXT + 8], to[PLOT_TICK_TEXT + 8];
	size_t i, n = 0;

	buf_printf(&text, "Wall time of %s against %s, one line for each %s. ", plot->title,
		   plot->x_name, p->v->s->row_name);
	for (i = 0; i < plot->n_lines; i++) {
		const struct plot_line *l = &plot->lines[i];

		if (!l->n || n++ == 12)
			continue;
		plot_value(from, PLOT_NS, l->points[0].y);
		plot_value(to, PLOT_NS, l->points[l->n - 1].y);
		buf_printf(&text, "%s: %s to %s. ", l->name ? l->name : "none", from, to);
	}
	if (!buf_failed(&text))
		copy = arena_strdup(&p->arena, buf_str(&text));
	buf_release(&text);
	return copy;
}

static const char *x_name(const struct plotting *p)
{
	switch (p->across) {
	case BY_X:
		return p->v->s->x_name;
	case BY_ITEMS:
		return "items";
	case BY_COLUMN:
	case BY_NAME:
		break;
	}
	return p->v->s->col_name ? p->v->s->col_name : "";
}

static int put_plot(struct buf *out, struct plotting *p)
{
	const struct site_grid *g = p->v->g;
	struct plot_line *lines = arena_calloc(&p->arena, g->rows.n + 1, sizeof *lines);
	struct plot plot = {.title = p->stage,
			    .y_name = "time",
			    .y_unit = PLOT_NS,
			    .lines = lines,
			    .n_lines = g->rows.n,
			    .number = p->v->plots++};
	uint32_t i;
	int rc = lines ? 0 : ERR_NOMEM;

	choose_across(p);
	for (i = 0; rc == 0 && i < g->rows.n; i++)
		rc = make_line(p, &lines[i], i);
	if (rc)
		return rc;
	if (p->across == BY_NAME) {
		plot.x_texts = g->columns.values;
		plot.n_x_texts = g->columns.n;
		plot.dots = 1;
	}
	plot.x_name = x_name(p);
	plot.description = describe(p, &plot);
	if (!plot.description)
		return ERR_NOMEM;
	buf_puts(out, "<figure><figcaption>");
	site_put_text(out, p->stage);
	buf_puts(out, "</figcaption>");
	plot_svg(out, &plot);
	buf_puts(out, "</figure>\n");
	return 0;
}

static int put_plots(struct buf *out, struct site_view *v, const struct names *names)
{
	struct plotting p = {.v = v, .arena = ARENA_INIT};
	size_t i, n = 0;
	int rc = 0;

	p.values = malloc((v->s->n_runs + 1) * sizeof *p.values);
	if (!p.values)
		return ERR_NOMEM;
	buf_puts(out, "<div class=\"plots\">\n");
	for (i = 0; rc == 0 && i < names->n && n < PLOTS_MAX; i++) {
		if (names->all[i].share < PLOT_SHARE)
			continue;
		n++;
		p.stage = names->all[i].name;
		rc = put_plot(out, &p);
		arena_release(&p.arena);
	}
	buf_puts(out, "</div>\n");
	free(p.values);
	return rc;
}

void site_scaling(struct buf *out, struct site_view *v)
{
	struct names names;
	int rc = collect(&names, v);

	if (rc == 0 && names.n == 0) {
		buf_puts(out, "<section><h2>Stages</h2><p>These programs mark no "
			      "stages.</p></section>\n");
	} else if (rc == 0) {
		buf_puts(out,
			 "<section><h2>How stages grow</h2>\n<p>Wall time of all stages of a name "
			 "in a run: the median of a cell’s runs, the bar from the least to the "
			 "greatest. Stages below 1 % of every run are only in the table.</p>\n");
		rc = put_plots(out, v, &names);
		buf_puts(out, "</section>\n");
	}
	if (rc && !out->failed)
		out->failed = rc;
	free(names.all);
}

/* ---- the numbers ---- */

static void put_row(struct buf *out, struct site_view *v, uint32_t cell, const struct names *names,
		    size_t n)
{
	const struct site_run *r = &v->s->runs[v->g->cells[cell].shown];
	size_t i;

	buf_printf(out, "<tr data-cell=\"%" PRIu32 "\"><th scope=\"row\">", cell);
	site_put_cell_link(out, v, cell);
	buf_puts(out, "</th>");
	for (i = 0; i < n; i++) {
		const struct site_stage *st = find(r, names->all[i].name);

		if (!st) {
			buf_puts(out, "<td class=\"n\">–</td>");
			continue;
		}
		buf_puts(out, "<td class=\"n\"");
		if (!isnan(st->wall_ns))
			buf_printf(out, " data-v=\"%.7g\"", st->wall_ns);
		buf_puts(out, ">");
		site_put_value(out, SITE_NS, st->wall_ns);
		buf_puts(out, "</td>");
	}
	buf_puts(out, "</tr>\n");
}

void site_stages(struct buf *out, struct site_view *v)
{
	struct names names;
	size_t n, i;
	uint32_t cell;

	if (collect(&names, v) != 0) {
		out->failed = out->failed ? out->failed : ERR_NOMEM;
		return;
	}
	n = names.n < LISTED_MAX ? names.n : LISTED_MAX;
	if (n) {
		buf_puts(out, "<details id=\"stages\"><summary><h2>Stages in numbers</h2> wall "
			      "time of the "
			      "run that stands for the cell</summary>\n");
		if (n < names.n)
			buf_printf(out, "<p>The %zu longest of %zu stages.</p>\n", n, names.n);
		buf_puts(out, "<div class=\"wide\" tabindex=\"0\" role=\"region\" "
			      "aria-label=\"stages of all "
			      "cells\"><table class=\"list sortable\">\n<thead><tr><th "
			      "scope=\"col\">cell</th>");
		for (i = 0; i < n; i++) {
			buf_puts(out, "<th scope=\"col\" class=\"n\">");
			site_put_text(out, names.all[i].name);
			buf_puts(out, "</th>");
		}
		buf_puts(out, "</tr></thead>\n<tbody>\n");
		for (cell = 0; cell < v->g->n_cells; cell++)
			put_row(out, v, cell, &names, n);
		buf_puts(out, "</tbody></table></div></details>\n");
	}
	free(names.all);
}
