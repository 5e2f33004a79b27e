/* A plot with lines as inline SVG: axes with units and ticks, a name beside each line, a title and a description
 * for those who do not see it. Colours are classes (s0 … s7) of the page's style. Private to viewer. */
#ifndef VIEWER_PLOT_SVG_H
#define VIEWER_PLOT_SVG_H

#include "prof/base/buf.h"
#include "viewer/plot_scale.h"

#define PLOT_COLOURS 8

struct plot_point {
	double x, y, lo, hi; /* y NAN: no point; lo to hi: the range it comes from */
	const char *text;    /* what it is, for its tooltip; NULL: none */
};

struct plot_line {
	const char *name; /* foreign text */
	struct plot_point *points;
	size_t n;
};

struct plot {
	const char *title, *description; /* foreign text */
	const char *x_name, *y_name;
	enum plot_unit x_unit, y_unit;
	const char *const *x_texts; /* names of x = 0, 1, 2, …; NULL: numbers */
	size_t n_x_texts;
	const struct plot_line *lines;
	size_t n_lines;
	unsigned number; /* of this plot in its page, for ids */
	int dots;        /* points are not joined */
};

/* Errors stick to the buffer. Nothing if there is no point. */
void plot_svg(struct buf *out, const struct plot *p);

/* At most `most` characters of a foreign text as HTML, the last one "…" if there are more. */
void plot_short(struct buf *out, const char *text, size_t most);

#endif
