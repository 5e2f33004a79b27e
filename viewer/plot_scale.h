/* An axis of a plot: from where to where, linear or logarithmic, and its ticks with their texts. Private to viewer. */
#ifndef VIEWER_PLOT_SCALE_H
#define VIEWER_PLOT_SCALE_H

#include <stddef.h>

enum plot_unit { PLOT_NUMBER, PLOT_NS, PLOT_BYTES };

#define PLOT_TICKS_MAX 24
#define PLOT_TICK_TEXT 24

struct plot_tick {
	double at;
	char text[PLOT_TICK_TEXT];
};

struct plot_scale {
	double lo, hi;
	int log;
	const char *unit; /* of the ticks' texts: "ms"; "" if they have their own or need none */
	struct plot_tick ticks[PLOT_TICKS_MAX];
	size_t n_ticks;
};

/* For values from `lo` to `hi`, both finite: logarithmic if they span more than 1.5 decades, else, if `zero`,
 * from 0 up to a tick at or above `hi`. */
void plot_scale_make(struct plot_scale *s, enum plot_unit unit, double lo, double hi, int zero);

/* 0 at `lo`, 1 at `hi`. */
double plot_scale_place(const struct plot_scale *s, double value);

/* A value as text with its unit: "12.3 ms", "64 KiB", "1,204". */
void plot_value(char text[PLOT_TICK_TEXT + 8], enum plot_unit unit, double value);

#endif
