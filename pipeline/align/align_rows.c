/* The fast engine: what passes from strip to strip, for both ways of keeping the local form: the row above
 * a strip, the column before it, and the columns it is to have. See align_strips.h. */
#include "pipeline/align/align_strips.h"

#include <string.h>

static int32_t or_zero(int32_t h)
{
	return h > 0 ? h : 0;
}

/* A low score that is not below zero, and back. */
static int8_t low_of(int32_t h)
{
	return (int8_t)(h + LOW_ZERO);
}

static int32_t of_low(int8_t byte)
{
	return byte - LOW_ZERO;
}

/* K, in which larger scores than this count as it: no zero wins there. */
#define K_MOST 100

static int8_t k_of(int32_t h)
{
	return (int8_t)(LANES_SHIFT - (h < K_MOST ? h : K_MOST));
}

/* ---- the row above -------------------------------------------------------------------------- */

static void fill(const struct strips *s, size_t number, int array, size_t from, size_t to,
		 int value)
{
	if (from < to)
		memset(strips_row(s, number, array) - (to - 1), value, to - from);
}

/* Columns [from, to) behind the end of a text: H stays what it was, and counts as too large for a zero
 * to win, so that everything below is less. Bytes begin anew at zero, and do not leave it. */
static void fill_behind(const struct strips *s, size_t number, size_t from, size_t to)
{
	static const int8_t rising[ROW_ARRAYS] = {
		[ROW_V_NW] = 0,
		[ROW_B_NW] = LANES_SHIFT - ALIGN_GAP_OPEN - ALIGN_GAP_EXTEND,
		[ROW_V_SW] = ALIGN_GAP_EXTEND,
		[ROW_B_SW] = LANES_SHIFT - ALIGN_GAP_OPEN,
		[ROW_K] = -100,
	};
	static const int8_t low[ROW_ARRAYS] = {
		[ROW_V_NW] = 0,
		[ROW_B_NW] = LANES_SHIFT - ALIGN_GAP_OPEN - ALIGN_GAP_EXTEND,
		[ROW_H] = LOW_ZERO,
		[ROW_F] = LOW_ZERO,
	};
	const int8_t *value = s->low ? low : rising;

	for (int a = 0; a < ROW_ARRAYS; a++)
		fill(s, number, a, from, to, value[a]);
}

/* The borders of spec 4.7.1 as differences. */
void align_rows_first(const struct strips *s)
{
	size_t to = s->strip[0].first + s->strip[0].steps;

	fill_behind(s, 0, 0, to);
	if (!s->low)
		fill(s, 0, ROW_K, 0, to, LANES_SHIFT);
	*strips_row(s, 0, ROW_V_NW) = ALIGN_GAP_EXTEND - ALIGN_GAP_OPEN;
	*strips_row(s, 0, ROW_B_NW) = LANES_SHIFT - 2 * ALIGN_GAP_OPEN;
}

/* Columns of one form that a gap leads through: the first opens it, the others are alike. */
static void fill_open_gap(const struct strips *s, size_t number, int row_v, int row_b, size_t from,
			  size_t to)
{
	fill(s, number, row_v, from, to, 0);
	fill(s, number, row_b, from, to, LANES_SHIFT - ALIGN_GAP_OPEN - ALIGN_GAP_EXTEND);
	strips_row(s, number, row_v)[-(ptrdiff_t)from] = ALIGN_GAP_EXTEND - ALIGN_GAP_OPEN;
	strips_row(s, number, row_b)[-(ptrdiff_t)from] = LANES_SHIFT - 2 * ALIGN_GAP_OPEN;
}

static void fill_gap_rising(const struct strips *s, size_t number, size_t from, size_t to,
			    int32_t h)
{
	int8_t *v = strips_row(s, number, ROW_V_SW), *b = strips_row(s, number, ROW_B_SW);
	int8_t *k = strips_row(s, number, ROW_K);
	int32_t next = or_zero(h - ALIGN_GAP_OPEN);

	if (next - (int32_t)(to - from) > K_MOST) { /* it does not come down to zero */
		fill_open_gap(s, number, ROW_V_SW, ROW_B_SW, from, to);
		fill(s, number, ROW_K, from, to, k_of(next));
		return;
	}
	for (ptrdiff_t j = (ptrdiff_t)from; j < (ptrdiff_t)to; j++) {
		v[-j] = (int8_t)(next - h + ALIGN_GAP_EXTEND);
		b[-j] = (int8_t)(next - h + LANES_SHIFT - ALIGN_GAP_OPEN);
		k[-j] = k_of(next);
		h = next;
		next = or_zero(h - ALIGN_GAP_EXTEND);
	}
}

static void fill_gap_low(const struct strips *s, size_t number, size_t from, size_t to, int32_t h)
{
	int8_t *row = strips_row(s, number, ROW_H), *f = strips_row(s, number, ROW_F);

	h -= ALIGN_GAP_OPEN;
	for (ptrdiff_t j = (ptrdiff_t)from; j < (ptrdiff_t)to; j++) {
		row[-j] = low_of(or_zero(h));
		f[-j] = low_of(or_zero(h - ALIGN_GAP_OPEN));
		h -= ALIGN_GAP_EXTEND;
	}
}

/* Columns [from, to) of a text which the strip above leaves out: a gap that leads there from the last
 * one it has, where H of the local form is `h`. No true value is less. */
static void fill_gap(const struct strips *s, size_t number, size_t from, size_t to, int32_t h)
{
	if (from >= to)
		return;
	fill_open_gap(s, number, ROW_V_NW, ROW_B_NW, from, to);
	if (s->low)
		fill_gap_low(s, number, from, to, h);
	else
		fill_gap_rising(s, number, from, to, h);
}

/* ---- the column before ---------------------------------------------------------------------- */

/* Does the column before the strip's first go on from the strip above? */
static int same_column(const struct strips *s, size_t strip)
{
	return strip > 0 && s->strip[strip].first == s->strip[strip - 1].first;
}

/* H of the local form before the first column, in row `row` of the strip. */
static int32_t left_of(const struct strip *t, size_t row)
{
	return or_zero(t->left - (int32_t)row * ALIGN_GAP_EXTEND);
}

static void left_rising(struct align_sweep *m, const struct strip *t, size_t lanes)
{
	size_t down;

	m->base = t->top;
	memset(m->corner, LANES_SHIFT, lanes);
	m->corner[0] = k_of(t->top);
	if (!t->top) {
		memset(m->left_u_sw, ALIGN_GAP_EXTEND, lanes);
		memset(m->left_a_sw, LANES_SHIFT - ALIGN_GAP_OPEN, lanes);
		memset(m->left_h, 0, lanes * sizeof *m->left_h);
		return;
	}
	/* a gap down until it would cost more than there is; e is 1 */
	down = (size_t)t->left < lanes ? (size_t)t->left + 1 : lanes;
	memset(m->left_u_sw, 0, down);
	memset(m->left_a_sw, LANES_SHIFT - ALIGN_GAP_OPEN - ALIGN_GAP_EXTEND, down);
	memset(m->left_u_sw + down, ALIGN_GAP_EXTEND, lanes - down);
	memset(m->left_a_sw + down, LANES_SHIFT - ALIGN_GAP_OPEN, lanes - down);
	m->left_u_sw[0] = (int8_t)(t->left - t->top + ALIGN_GAP_EXTEND);
	m->left_a_sw[0] = (int8_t)(t->left - t->top + LANES_SHIFT - ALIGN_GAP_OPEN);
	for (size_t lane = 0; lane < lanes; lane += 8) {
		int16_t *h = m->left_h + lane_split(lanes, lane);

		for (size_t l = 0; l < 8; l++)
			h[l] = (int16_t)(left_of(t, lane + l) - m->base);
	}
}

static void left_low(struct align_sweep *m, const struct strip *t, size_t lanes)
{
	memset(m->corner, LOW_ZERO, lanes);
	m->corner[0] = low_of(t->top);
	memset(m->low_h, LOW_ZERO, t->fold * lanes);
	memset(m->low_e, LOW_ZERO, t->fold * lanes);
	for (size_t row = 0; row < t->fold * lanes && left_of(t, row); row++) {
		size_t at = row % t->fold * lanes + row / t->fold;

		m->low_h[at] = low_of(left_of(t, row));
		m->low_e[at] = low_of(or_zero(left_of(t, row) - ALIGN_GAP_OPEN));
	}
}

/* In both forms a gap that leads down from the row above. */
void align_rows_left(const struct strips *s, size_t strip)
{
	struct align_sweep *m = s->sweep;
	const struct strip *t = &s->strip[strip];
	size_t lanes = s->kernel->lanes;

	memset(m->left_u, 0, t->fold * lanes);
	memset(m->left_a, LANES_SHIFT - ALIGN_GAP_OPEN - ALIGN_GAP_EXTEND, t->fold * lanes);
	if (!same_column(s, strip)) {
		m->left_u[0] = ALIGN_GAP_EXTEND - ALIGN_GAP_OPEN;
		m->left_a[0] = LANES_SHIFT - 2 * ALIGN_GAP_OPEN;
	}
	if (s->low)
		left_low(m, t, lanes);
	else
		left_rising(m, t, lanes);
}

/* ---- from strip to strip -------------------------------------------------------------------- */

void align_rows_columns(struct strips *s, size_t strip, const struct align_above *above)
{
	size_t lanes = s->kernel->lanes, row = strip * s->unit, left = s->query.len - row;
	size_t end = left > s->unit ? row + s->unit : s->query.len;
	struct strip *t = &s->strip[strip];

	align_band_next(&s->band, row, end, above);
	*t = (struct strip){.first = s->band.first, .end = s->band.end};
	t->fold = left > lanes ? s->unit / lanes : 1;
	t->steps = (t->end - t->first + lanes - 1 + CHUNK_STEPS - 1) / CHUNK_STEPS * CHUNK_STEPS;
	s->known = strip + 1;
	s->swept.cells += (uint64_t)(end - row) * (t->end - t->first);
	s->swept.room += (uint64_t)lanes * t->fold * t->steps;
}

/* H of the local form in the row above strip `next`, before its first column, and in column `end` - 1. */
static void heights(const struct strips *s, size_t strip, size_t number, size_t end,
		    int32_t before_first, int32_t *top, int32_t *last)
{
	const struct align_sweep *m = s->sweep;
	size_t from = s->strip[strip].first, to = s->strip[strip + 1].first;
	const int8_t *row = strips_row(s, number, s->low ? ROW_H : ROW_V_SW);
	size_t lanes = s->kernel->lanes;

	*top = before_first;
	if (s->low) {
		if (to > from)
			*top = of_low(row[-(ptrdiff_t)(to - 1)]);
		*last = of_low(row[-(ptrdiff_t)(end - 1)]);
		return;
	}
	for (size_t j = from; j < to; j++)
		*top += row[-(ptrdiff_t)j] - ALIGN_GAP_EXTEND;
	*last = m->end_base + m->end_h[lane_split(lanes, lanes - 1)];
}

void align_rows_hand_over(struct strips *s, size_t strip, size_t number)
{
	const struct align_sweep *m = s->sweep;
	const struct strip *t = &s->strip[strip];
	struct strip *next = &s->strip[strip + 1];
	size_t lanes = s->kernel->lanes, end = t->first + t->steps - (lanes - 1), to, text;
	int32_t h = left_of(t, lanes * t->fold - 1), last;

	if (strip + 1 == s->known) {
		struct align_above above = {.left = h,
					    .most = s->low ? of_low(m->peak[lanes - 1])
							   : m->exact[lanes - 1],
					    .row = strips_row(s, number, s->low ? ROW_H : ROW_V_SW),
					    .zero = s->low ? LOW_ZERO : ALIGN_ABOVE_STEPS,
					    .end = end};

		align_rows_columns(s, strip + 1, &above);
	}
	to = next->first + next->steps;
	text = to < s->ref.len ? to : s->ref.len;
	heights(s, strip, number, end, h, &next->top, &last);
	next->left = or_zero(next->top -
			     (same_column(s, strip + 1) ? ALIGN_GAP_EXTEND : ALIGN_GAP_OPEN));
	if (end < s->ref.len)
		fill_gap(s, number, end, text, last);
	fill_behind(s, number, s->ref.len, to);
}
