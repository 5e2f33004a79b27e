/* Words and numbers that several sections of the index write: see site_parts.h. */
#include "viewer/site_parts.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>
#include <time.h>

#include "prof/base/units.h"
#include "viewer/html.h"
#include "viewer/plot_scale.h"

void site_put_text(struct buf *out, const char *text)
{
	if (text)
		html_name(out, text, strlen(text));
	else
		buf_puts(out, "none");
}

static double within(double v, double most)
{
	return v < 0 ? 0 : v < most ? v : most;
}

void site_put_value(struct buf *out, enum site_unit unit, double v)
{
	char text[UNITS_TEXT] = "–";

	if (isnan(v)) {
		buf_puts(out, text);
		return;
	}
	switch (unit) {
	case SITE_NS:
		plot_value(text, PLOT_NS, within(v, 9e18));
		break;
	case SITE_BYTES:
		units_bytes(text, (uint64_t)within(v, 1.8e19));
		break;
	case SITE_SHARE:
		units_pct(text, v, 1);
		break;
	case SITE_PER_S:
	case SITE_COUNT:
		if (v >= 1000)
			units_count(text, (uint64_t)llround(within(v, 9e18)));
		else
			snprintf(text, sizeof text, "%.3g", v);
		break;
	}
	buf_puts(out, text);
	if (unit == SITE_PER_S)
		buf_puts(out, "/s");
}

void site_put_range(struct buf *out, enum site_unit unit, const struct site_spread *s)
{
	site_put_value(out, unit, s->median);
	if (s->n < 2)
		return;
	buf_puts(out, " <small>(");
	site_put_value(out, unit, s->min);
	buf_puts(out, " … ");
	site_put_value(out, unit, s->max);
	buf_puts(out, ")</small>");
}

void site_put_date(struct buf *out, int64_t unix_ns, int seconds)
{
	time_t t = (time_t)(unix_ns / 1000000000 - (unix_ns % 1000000000 < 0));
	char text[64];
	struct tm tm;

	if (gmtime_r(&t, &tm) &&
	    strftime(text, sizeof text, seconds ? "%Y-%m-%d %H:%M:%S" : "%Y-%m-%d %H:%M", &tm))
		buf_puts(out, text);
	else
		buf_puts(out, "–");
}

void site_put_cell_link(struct buf *out, struct site_view *v, uint32_t cell)
{
	const struct site_cell *c = &v->g->cells[cell];
	char name[SITE_CELL_NAME];

	site_cell_name(v->s, v->g, cell, name);
	if (c->page) {
		buf_puts(out, "<a href=\"");
		html_text(out, c->page, strlen(c->page));
		buf_puts(out, "\">");
	}
	site_put_text(out, name);
	if (c->page)
		buf_puts(out, "</a>");
}

void site_put_commit(struct buf *out, const struct site_run *r)
{
	size_t n = r->git_sha ? strlen(r->git_sha) : 0;

	if (n)
		html_text(out, r->git_sha, n < 9 ? n : 9);
}

void site_put_count(struct buf *out, uint64_t n, const char *noun)
{
	char text[UNITS_TEXT];

	buf_printf(out, "%s %s%s", units_count(text, n), noun, n == 1 ? "" : "s");
}
