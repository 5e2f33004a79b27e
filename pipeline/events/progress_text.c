/* The text of the progress line: see progress.h. */
#include "pipeline/events/progress.h"

#include "prof/base/units.h"

#include <string.h>

double progress_window_add(struct progress_window *w, int64_t t_ns, uint64_t done)
{
	size_t at = w->n % PROGRESS_SAMPLES, oldest;
	int64_t span_ns;

	w->t_ns[at] = t_ns;
	w->done[at] = done;
	w->n++;
	oldest = w->n > PROGRESS_SAMPLES ? w->n % PROGRESS_SAMPLES : 0;
	span_ns = t_ns - w->t_ns[oldest];
	if (span_ns <= 0 || done < w->done[oldest])
		return 0;
	return (double)(done - w->done[oldest]) * 1e9 / (double)span_ns;
}

/* "3,210/s", "0.4/s" */
static void put_rate(struct buf *out, double per_s)
{
	char count[UNITS_TEXT];

	if (per_s >= 10)
		buf_printf(out, "  %s/s", units_count(count, (uint64_t)(per_s + 0.5)));
	else
		buf_printf(out, "  %.1f/s", per_s);
}

static void put_left(struct buf *out, double left_s)
{
	char text[UNITS_TEXT];
	int64_t s;

	if (left_s > 1e9) /* 30 years: nobody waits for that */
		return;
	s = (int64_t)(left_s + 0.5); /* whole seconds: a finer number would only flicker */
	buf_printf(out, "  %s left", s ? units_ns(text, s * 1000000000) : "0 s");
}

/* Cuts to `columns` characters; all that is written here is ASCII unless `what` is not. */
static void cut(struct buf *out, size_t from, size_t columns)
{
	size_t i;

	for (i = from; i < out->len; i++) {
		if (((unsigned char)out->data[i] & 0xc0) == 0x80)
			continue;
		if (columns-- == 0)
			break;
	}
	if (i < out->len) {
		out->len = i;
		out->data[i] = '\0';
	}
}

void progress_text(struct buf *out, const char *what, const char *unit, uint64_t done,
		   uint64_t total, double per_s, size_t columns, int colour)
{
	char a[UNITS_TEXT], b[UNITS_TEXT], p[UNITS_TEXT];
	size_t from;

	if (colour)
		buf_puts(out, "\033[1m");
	from = out->len;
	buf_puts(out, what);
	cut(out, from, columns);
	columns -= out->len - from < columns ? out->len - from : columns;
	if (colour)
		buf_puts(out, "\033[0m");
	from = out->len;
	if (total)
		buf_printf(out, " %s / %s %s  %s", units_count(a, done), units_count(b, total),
			   unit, units_pct(p, (double)done, (double)total));
	else
		buf_printf(out, " %s %s", units_count(a, done), unit);
	if (per_s > 0) {
		put_rate(out, per_s);
		if (total > done)
			put_left(out, (double)(total - done) / per_s);
	}
	cut(out, from, columns);
}
