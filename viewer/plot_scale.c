/* Axes: see plot_scale.h. */
#include "viewer/plot_scale.h"

#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "prof/base/units.h"

#define DECADES_OF_LOG 1.5
#define STEPS          5 /* of a linear axis, about */

struct unit {
	double size;
	const char *name;
};

static const struct unit times[] = {{1, "ns"},  {1e3, "µs"},   {1e6, "ms"},
				    {1e9, "s"}, {60e9, "min"}, {3600e9, "h"}};
static const struct unit sizes[] = {
	{1, "B"}, {1024, "KiB"}, {1048576, "MiB"}, {1073741824, "GiB"}, {1099511627776, "TiB"}};
static const struct unit counts[] = {
	{1, ""}, {1e3, "thousand"}, {1e6, "million"}, {1e9, "billion"}};

/* The largest unit of which `v` has at least one. */
static const struct unit *unit_for(enum plot_unit unit, double v)
{
	const struct unit *u = unit == PLOT_NS ? times : unit == PLOT_BYTES ? sizes : counts;
	size_t n = unit == PLOT_NS      ? sizeof times / sizeof *times
		   : unit == PLOT_BYTES ? sizeof sizes / sizeof *sizes
					: sizeof counts / sizeof *counts;
	size_t i = 0;

	/* Numbers stay as they are up to 9,999. */
	while (i + 1 < n && v >= u[i + 1].size * (unit == PLOT_NUMBER && i == 0 ? 10 : 1))
		i++;
	return &u[i];
}

/* With the sign that pages have for micro. */
static void time_text(char text[UNITS_TEXT], int64_t ns)
{
	size_t len = strlen(units_ns(text, ns));

	if (len > 3 && strcmp(text + len - 3, " us") == 0)
		snprintf(text + len - 2, 4, "µs");
}

void plot_value(char text[PLOT_TICK_TEXT + 8], enum plot_unit unit, double value)
{
	if (isnan(value))
		snprintf(text, UNITS_TEXT, "-");
	else if (unit == PLOT_NS)
		time_text(text, fabs(value) < 9e18 ? (int64_t)llround(value) : INT64_MAX);
	else if (unit == PLOT_BYTES)
		units_bytes(text, value > 0 && value < 1.8e19 ? (uint64_t)value : 0);
	else if (value >= 1000 && value < 1e15)
		units_count(text, (uint64_t)llround(value));
	else
		snprintf(text, UNITS_TEXT, "%.4g", value);
}
_Static_assert(UNITS_TEXT == PLOT_TICK_TEXT + 8, "a value has the room of a unit's text");

static void add_tick(struct plot_scale *s, double at, double shown, const char *unit)
{
	struct plot_tick *t = &s->ticks[s->n_ticks];

	if (s->n_ticks == PLOT_TICKS_MAX)
		return;
	t->at = at;
	snprintf(t->text, sizeof t->text, "%.6g%s%s", shown, *unit ? " " : "", unit);
	s->n_ticks++;
}

static void linear(struct plot_scale *s, enum plot_unit unit, int zero)
{
	const struct unit *u = unit_for(unit, fmax(fabs(s->lo), fabs(s->hi)));
	double from = zero && s->lo > 0 ? 0 : s->lo, span = (s->hi - from) / u->size;
	double step, rough, at;

	if (!(span > 0))
		span = s->hi != 0 ? fabs(s->hi) / u->size : 1;
	rough = span / STEPS;
	step = pow(10, floor(log10(rough)));
	step *= rough > 5 * step ? 10 : rough > 2 * step ? 5 : rough > step ? 2 : 1;
	s->unit = u->name;
	if (zero) {
		s->hi = u->size * step * fmax(1, ceil(s->hi / u->size / step - 1e-9));
		s->lo = u->size * step * floor(from / u->size / step + 1e-9);
	}
	at = ceil(s->lo / u->size / step - 1e-9);
	for (; at * step * u->size <= s->hi * (1 + 1e-9) && s->n_ticks < PLOT_TICKS_MAX; at++)
		add_tick(s, at * step * u->size, at * step + 0.0, ""); /* no -0 */
}

/* 1, 10, 100, … with 2 and 5 between them where there is room; of bytes powers of two. */
static void logarithmic(struct plot_scale *s, enum plot_unit unit)
{
	static const double between[] = {1, 2, 5};
	double base = unit == PLOT_BYTES ? 2 : 10, all = log(s->hi / s->lo) / log(base);
	int parts = base > 2 && all < 2.5 ? 3 : 1;
	double every = fmax(1, ceil(all / (base > 2 ? 7 : 6))), e;
	int i;

	s->log = 1;
	s->unit = "";
	e = every * floor(log(s->lo) / log(base) / every);
	for (; pow(base, e) <= s->hi && s->n_ticks < PLOT_TICKS_MAX; e += every)
		for (i = 0; i < parts; i++) {
			double at = pow(base, e) * between[i];
			const struct unit *u = unit_for(unit, at);

			if (at >= s->lo * 0.999 && at <= s->hi * 1.001)
				add_tick(s, at, at / u->size, u->name);
		}
}

void plot_scale_make(struct plot_scale *s, enum plot_unit unit, double lo, double hi, int zero)
{
	*s = (struct plot_scale){.lo = lo, .hi = hi, .unit = ""};
	if (lo > 0 && log10(hi / lo) > DECADES_OF_LOG)
		logarithmic(s, unit);
	else
		linear(s, unit, zero);
}

double plot_scale_place(const struct plot_scale *s, double value)
{
	if (!(s->hi > s->lo))
		return 0.5;
	return s->log ? log(value / s->lo) / log(s->hi / s->lo) : (value - s->lo) / (s->hi - s->lo);
}
