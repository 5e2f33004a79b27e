/* Plots: see plot_svg.h. Places are in units of the view box, which the page scales. */
#include "viewer/plot_svg.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "viewer/html.h"

#define WIDTH      380
#define HEIGHT     250
#define LEFT       52
#define RIGHT      92
#define TOP        24
#define BOTTOM     40
#define ROW        12.5 /* between names beside lines */
#define NAME_CHARS 12

struct frame {
	const struct plot *p;
	struct plot_scale x, y;
	double x_lo, x_hi, y_lo, y_hi;
	double aside; /* between lines, so that their bars do not lie on each other; 0: there are none */
};

static double x_of(const struct frame *f, double v)
{
	/* A little room at both ends, so that no marker hangs over an axis. */
	return LEFT + (0.05 + 0.9 * plot_scale_place(&f->x, v)) * (WIDTH - LEFT - RIGHT);
}

/* Of a point of a line. */
static double x_in(const struct frame *f, size_t line, double v)
{
	return x_of(f, v) + f->aside * ((double)line - (double)(f->p->n_lines - 1) / 2);
}

static double y_of(const struct frame *f, double v)
{
	double place = plot_scale_place(&f->y, v);

	if (f->y.log)
		place = 0.04 + 0.92 * place;
	return HEIGHT - BOTTOM - place * (HEIGHT - TOP - BOTTOM);
}

/* With one decimal, or none. */
static void put_number(struct buf *out, double v)
{
	long tenths = lround(v * 10);

	if (tenths % 10 == 0)
		buf_printf(out, "%ld", tenths / 10);
	else
		buf_printf(out, "%s%ld.%ld", tenths < 0 ? "-" : "", labs(tenths) / 10,
			   labs(tenths) % 10);
}

static void put_pair(struct buf *out, char sign, double x, double y)
{
	buf_putc(out, sign);
	put_number(out, x);
	buf_putc(out, ' ');
	put_number(out, y);
}

static void put_text(struct buf *out, double x, double y, const char *anchor)
{
	buf_puts(out, "<text x=\"");
	put_number(out, x);
	buf_puts(out, "\" y=\"");
	put_number(out, y);
	if (*anchor)
		buf_printf(out, "\" text-anchor=\"%s", anchor);
	buf_puts(out, "\">");
}

/* Bytes of the first `most` characters. */
static size_t bytes_of(const char *text, size_t most)
{
	size_t at = 0;

	while (text[at] && most--)
		do
			at++;
		while (((unsigned char)text[at] & 0xc0) == 0x80);
	return at;
}

void plot_short(struct buf *out, const char *text, size_t most)
{
	size_t len = bytes_of(text, most);

	if (text[len])
		len = bytes_of(text, most - 1);
	html_text(out, text, len);
	if (text[len])
		buf_puts(out, "…");
}

/* ---- axes ---- */

static int measure(struct frame *f)
{
	const struct plot *p = f->p;
	size_t i, k;

	f->x_lo = f->y_lo = (double)INFINITY;
	f->x_hi = f->y_hi = (double)-INFINITY;
	for (i = 0; i < p->n_lines; i++)
		for (k = 0; k < p->lines[i].n; k++) {
			const struct plot_point *t = &p->lines[i].points[k];

			if (!isfinite(t->x) || !isfinite(t->y))
				continue;
			f->x_lo = fmin(f->x_lo, t->x);
			f->x_hi = fmax(f->x_hi, t->x);
			f->y_lo = fmin(f->y_lo, isfinite(t->lo) ? t->lo : t->y);
			f->y_hi = fmax(f->y_hi, isfinite(t->hi) ? t->hi : t->y);
			if (t->hi > t->lo)
				f->aside = fmin(2.5, 18.0 / (double)p->n_lines);
		}
	return f->x_lo <= f->x_hi;
}

static int compare_ticks(const void *a, const void *b)
{
	double x = ((const struct plot_tick *)a)->at, y = ((const struct plot_tick *)b)->at;

	return (x > y) - (x < y);
}

static int has_tick(const struct plot_scale *s, double at)
{
	size_t i;

	for (i = 0; i < s->n_ticks; i++)
		if (s->ticks[i].at == at)
			return 1;
	return 0;
}

static int too_close(const struct frame *f, const struct plot_scale *s)
{
	size_t i;

	for (i = 1; i < s->n_ticks; i++)
		if (x_of(f, s->ticks[i].at) - x_of(f, s->ticks[i - 1].at) < 26)
			return 1;
	return 0;
}

/* A few values are their own ticks: 3, 5, 10 say more than 4, 6, 8. */
static void tick_values(struct frame *f)
{
	struct plot_scale own = f->x;
	size_t i, k;

	own.n_ticks = 0;
	for (i = 0; i < f->p->n_lines; i++)
		for (k = 0; k < f->p->lines[i].n; k++) {
			const struct plot_point *t = &f->p->lines[i].points[k];
			struct plot_tick *tick = &own.ticks[own.n_ticks];

			if (!isfinite(t->x) || !isfinite(t->y) || has_tick(&own, t->x))
				continue;
			if (own.n_ticks == 7)
				return;
			tick->at = t->x;
			snprintf(tick->text, sizeof tick->text, "%.6g", t->x);
			own.n_ticks++;
		}
	qsort(own.ticks, own.n_ticks, sizeof *own.ticks, compare_ticks);
	own.unit = "";
	if (!too_close(f, &own))
		f->x = own;
}

static void make_scales(struct frame *f)
{
	if (f->p->x_texts)
		f->x = (struct plot_scale){
			.hi = f->p->n_x_texts > 1 ? (double)f->p->n_x_texts - 1 : 0, .unit = ""};
	else
		plot_scale_make(&f->x, f->p->x_unit, f->x_lo, f->x_hi, 0);
	if (!f->p->x_texts && f->p->x_unit == PLOT_NUMBER)
		tick_values(f);
	plot_scale_make(&f->y, f->p->y_unit, f->y_lo, f->y_hi, 1);
}

static void put_axis_name(struct buf *out, const char *name, const char *unit)
{
	html_text(out, name, strlen(name));
	if (*unit)
		buf_printf(out, " (%s)", unit);
	buf_puts(out, "</text>");
}

static void put_y_axis(struct buf *out, const struct frame *f)
{
	size_t i;

	buf_puts(out, "<path class=\"g\" d=\"");
	for (i = 0; i < f->y.n_ticks; i++) {
		put_pair(out, 'M', LEFT, y_of(f, f->y.ticks[i].at));
		buf_printf(out, "H%d", WIDTH - RIGHT);
	}
	buf_puts(out, "\"/>");
	for (i = 0; i < f->y.n_ticks; i++) {
		put_text(out, LEFT - 6, y_of(f, f->y.ticks[i].at) + 4, "end");
		buf_puts(out, f->y.ticks[i].text);
		buf_puts(out, "</text>");
	}
	put_text(out, 4, 13, "");
	put_axis_name(out, f->p->y_name, f->y.unit);
}

static void put_x_axis(struct buf *out, const struct frame *f)
{
	const struct plot *p = f->p;
	size_t i, n = p->x_texts ? p->n_x_texts : f->x.n_ticks;
	size_t every = p->x_texts && n > 8 ? (n + 7) / 8 : 1;

	buf_printf(out, "<path class=\"a\" d=\"M%d %dH%d", LEFT, HEIGHT - BOTTOM, WIDTH - RIGHT);
	for (i = 0; i < n; i += every) {
		put_pair(out, 'M', x_of(f, p->x_texts ? (double)i : f->x.ticks[i].at),
			 HEIGHT - BOTTOM);
		buf_puts(out, "v4");
	}
	buf_puts(out, "\"/>");
	for (i = 0; i < n; i += every) {
		put_text(out, x_of(f, p->x_texts ? (double)i : f->x.ticks[i].at),
			 HEIGHT - BOTTOM + 16, "middle");
		if (p->x_texts)
			plot_short(out, p->x_texts[i] ? p->x_texts[i] : "none", n > 4 ? 5 : 9);
		else
			buf_puts(out, f->x.ticks[i].text);
		buf_puts(out, "</text>");
	}
	put_text(out, LEFT + (WIDTH - LEFT - RIGHT) / 2.0, HEIGHT - 6, "middle");
	put_axis_name(out, p->x_name, f->x.unit);
}

/* ---- lines ---- */

static int shown(const struct plot_point *t)
{
	return isfinite(t->x) && isfinite(t->y);
}

/* Circle, square, triangle, diamond: lines can be told apart without colours, too. */
static void put_marker(struct buf *out, size_t line, double x, double y)
{
	static const char *const forms[] = {"m-3 0a3 3 0 1 0 6 0a3 3 0 1 0-6 0z", "m-3-3h6v6h-6z",
					    "m0-3.8l3.6 6.4h-7.2z", "m0-4l4 4l-4 4l-4-4z"};

	buf_puts(out, "<path class=\"m\" d=\"");
	put_pair(out, 'M', x, y);
	buf_puts(out, forms[line % 4]);
	buf_puts(out, "\">");
}

static void put_line(struct buf *out, const struct frame *f, size_t line)
{
	const struct plot_line *l = &f->p->lines[line];
	size_t i, n = 0;

	buf_puts(out, "<path class=\"l\" d=\"");
	for (i = 0; i < l->n && !f->p->dots; i++)
		if (shown(&l->points[i]))
			put_pair(out, n++ ? 'L' : 'M', x_in(f, line, l->points[i].x),
				 y_of(f, l->points[i].y));
	for (i = 0; i < l->n; i++)
		if (shown(&l->points[i]) && l->points[i].hi > l->points[i].lo) {
			put_pair(out, 'M', x_in(f, line, l->points[i].x), y_of(f, l->points[i].lo));
			buf_putc(out, 'V');
			put_number(out, y_of(f, l->points[i].hi));
		}
	buf_puts(out, "\"/>");
	for (i = 0; i < l->n; i++)
		if (shown(&l->points[i])) {
			put_marker(out, line, x_in(f, line, l->points[i].x),
				   y_of(f, l->points[i].y));
			if (l->points[i].text) {
				buf_puts(out, "<title>");
				html_text(out, l->points[i].text, strlen(l->points[i].text));
				buf_puts(out, "</title>");
			}
			buf_puts(out, "</path>");
		}
}

struct label {
	size_t line;
	double y;
};

static int compare_labels(const void *a, const void *b)
{
	const struct label *x = a, *y = b;

	if (x->y != y->y)
		return x->y < y->y ? -1 : 1;
	return x->line < y->line ? -1 : x->line > y->line;
}

/* Names at the height of the lines' ends, pushed apart downwards, then back up from the bottom. */
static size_t place_labels(const struct frame *f, struct label *labels)
{
	double bottom = HEIGHT - BOTTOM;
	size_t i, k, n = 0, room = (size_t)((bottom - TOP) / ROW) + 1;

	for (i = 0; i < f->p->n_lines; i++) {
		const struct plot_line *l = &f->p->lines[i];

		for (k = l->n; k > 0 && !shown(&l->points[k - 1]); k--)
			;
		if (k > 0)
			labels[n++] = (struct label){i, y_of(f, l->points[k - 1].y)};
	}
	qsort(labels, n, sizeof *labels, compare_labels);
	if (n > room)
		n = room; /* the highest; tooltips name the others */
	for (i = 1; i < n; i++)
		labels[i].y = fmax(labels[i].y, labels[i - 1].y + ROW);
	for (i = n; i-- > 0; bottom -= ROW)
		labels[i].y = fmin(labels[i].y, bottom);
	return n;
}

static void put_labels(struct buf *out, const struct frame *f)
{
	struct label *labels = malloc((f->p->n_lines + 1) * sizeof *labels);
	size_t i, n;

	if (!labels) {
		out->failed = out->failed ? out->failed : ERR_NOMEM;
		return;
	}
	n = place_labels(f, labels);
	for (i = 0; i < n && f->p->n_lines > 1; i++) {
		const char *name = f->p->lines[labels[i].line].name;

		buf_printf(out, "<g class=\"s%zu\">", labels[i].line % PLOT_COLOURS);
		put_marker(out, labels[i].line, WIDTH - RIGHT + 8, labels[i].y);
		buf_puts(out, "</path>");
		put_text(out, WIDTH - RIGHT + 16, labels[i].y + 4, "");
		plot_short(out, name ? name : "none", NAME_CHARS);
		buf_puts(out, "</text></g>");
	}
	free(labels);
}

void plot_svg(struct buf *out, const struct plot *p)
{
	struct frame f = {.p = p};
	size_t i;

	if (!measure(&f))
		return;
	make_scales(&f);
	buf_printf(out,
		   "<svg viewBox=\"0 0 %d %d\" role=\"img\" aria-labelledby=\"p%ut p%ud\">"
		   "<title id=\"p%ut\">",
		   WIDTH, HEIGHT, p->number, p->number, p->number);
	html_text(out, p->title, strlen(p->title));
	buf_printf(out, "</title><desc id=\"p%ud\">", p->number);
	html_text(out, p->description, strlen(p->description));
	buf_puts(out, "</desc>");
	put_y_axis(out, &f);
	put_x_axis(out, &f);
	for (i = 0; i < p->n_lines; i++) {
		buf_printf(out, "<g class=\"s%zu\">", i % PLOT_COLOURS);
		put_line(out, &f, i);
		buf_puts(out, "</g>");
	}
	put_labels(out, &f);
	buf_puts(out, "</svg>");
}
