/* The fast engine: where the local form is largest. A sweep keeps how high each row came and in which group
 * of steps it did so first; where scores are low, how high each lane came before each mark. The steps in
 * question are computed again. See align_strips.h. */
#include "pipeline/align/align_strips.h"

#include <string.h>

/* ---- helpers of kernels --------------------------------------------------------------------- */

static int32_t clamped(int32_t x)
{
	if (x > INT16_MAX)
		return INT16_MAX;
	return x < INT16_MIN ? INT16_MIN : x;
}

void align_best_begin(struct align_sweep *m)
{
	for (size_t lane = 0; lane < LANES_MAX; lane++)
		m->best[lane] = (int16_t)clamped(-m->base);
	memset(m->group, 0, sizeof m->group);
	memset(m->exact, 0, sizeof m->exact);
}

/* What is in 16 bits is the exact value in them until a larger one comes, which then fits. */
void align_best_end(struct align_sweep *m, size_t lanes, int32_t base)
{
	for (size_t lane = 0; lane < lanes; lane++) {
		int32_t now = m->best[lane_split(lanes, lane)];

		if (now != clamped(m->exact[lane] - base))
			m->exact[lane] = base + now;
	}
}

void align_best_move(struct align_sweep *m, size_t lanes, int32_t base, int32_t by)
{
	align_best_end(m, lanes, base);
	for (size_t lane = 0; lane < lanes; lane++)
		m->best[lane_split(lanes, lane)] = (int16_t)clamped(m->exact[lane] - base - by);
}

/* ---- what is kept --------------------------------------------------------------------------- */

void align_best_keep(struct strips *s, size_t strip)
{
	const struct align_sweep *m = s->sweep;
	size_t lanes = s->kernel->lanes;
	int32_t *best = s->best + strip * lanes, most = s->score;

	if (s->low) {
		for (size_t lane = 0; lane < lanes; lane++)
			best[lane] = m->peak[lane] - LOW_ZERO;
	} else {
		memcpy(best, m->exact, lanes * sizeof *best);
		memcpy(s->group + strip * lanes, m->group, lanes * sizeof *s->group);
	}
	/* lanes beyond the query hold less than the best */
	for (size_t lane = 0; lane < lanes; lane++)
		most = best[lane] > most ? best[lane] : most;
	s->score = most;
}

/* The group of steps in which a row came to its largest H first. */
static size_t group_of(const struct strips *s, size_t row)
{
	size_t lanes = s->kernel->lanes;

	return s->group[row / lanes * lanes + lane_split(lanes, row % lanes)];
}

/* A candidate: row and column from 0. */
static void consider(struct strips *s, size_t row, size_t column)
{
	if (s->best_j &&
	    (column + 1 > s->best_j || (column + 1 == s->best_j && row + 1 > s->best_i)))
		return;
	s->best_i = row + 1;
	s->best_j = column + 1;
}

/* ---- by differences ------------------------------------------------------------------------- */

/* First column of row `row` (from 0) whose H is the best; its group of steps is known. */
static int column_of(struct strips *s, size_t row, size_t *column, struct err *err)
{
	size_t lanes = s->kernel->lanes, strip = row / lanes, lane = row % lanes;
	size_t from = group_of(s, row) * GROUP_STEPS, number = from / s->sweep->interval;
	size_t first = number * s->sweep->interval, at = s->strip[strip].first;
	int rc = align_strips_select(s, strip, err);
	const int16_t *start;
	int32_t h;

	if (rc != 0)
		return rc;
	align_strips_stretch(s, ALIGN_SW, strip, first, from + GROUP_STEPS - 1, s->rises);
	start = (const int16_t *)(const void *)(s->sweep->marks +
						(number * MARK_VECTORS + MARK_H) * lanes);
	h = s->sweep->mark_base[number] + start[lane_split(lanes, lane)];
	for (size_t t = first; t < from + GROUP_STEPS; t++) {
		if (t < lane)
			continue; /* the lane waits */
		h += s->rises[(t - first) * lanes + lane] - ALIGN_GAP_EXTEND;
		if (t >= from && h == s->score && at + t - lane < s->ref.len) {
			*column = at + t - lane;
			return 0;
		}
	}
	return align_bad_path(s->query, s->ref, err);
}

static int find_rising(struct strips *s, struct err *err)
{
	size_t lanes = s->kernel->lanes, column = 0;
	int rc = 0;

	for (size_t row = 0; rc == 0 && row < s->query.len; row++) {
		size_t least;

		if (s->best[row] != s->score)
			continue;
		least = s->strip[row / lanes].first + group_of(s, row) * GROUP_STEPS;
		if (s->best_j && least + 1 >= s->best_j + row % lanes)
			continue;
		rc = column_of(s, row, &column, err);
		if (rc == 0)
			consider(s, row, column);
	}
	return rc;
}

/* ---- low scores ----------------------------------------------------------------------------- */

/* The mark before which a lane of the sweep's strip had not come to the score yet, but behind it. */
static size_t mark_before(const struct strips *s, size_t lane)
{
	const struct align_sweep *m = s->sweep;
	size_t lanes = s->kernel->lanes, number = 0;
	size_t marks = (m->steps + m->interval - 1) / m->interval;

	while (number + 1 < marks) {
		const int8_t *peak = (const int8_t *)m->marks +
				     ((number + 1) * MARK_LOW_VECTORS + MARK_LOW_PEAK) * lanes;

		if (peak[lane] - LOW_ZERO == s->score)
			break;
		number++;
	}
	return number;
}

/* The first cell of a lane with the score, among steps at hand from `first` on, before `end`. */
static int look(struct strips *s, size_t strip, size_t lane, size_t first, size_t end)
{
	const struct strip *t = &s->strip[strip];
	size_t lanes = s->kernel->lanes;

	for (size_t at = first > lane ? first : lane; at < end; at++)
		for (size_t k = 0; k < t->fold; k++) {
			int8_t h = s->rises[((at - first) * t->fold + k) * lanes + lane];

			if (h - LOW_ZERO != s->score)
				continue;
			consider(s, strip * s->unit + lane * t->fold + k, t->first + at - lane);
			return 1;
		}
	return 0;
}

static int find_low_in(struct strips *s, size_t strip, struct err *err)
{
	size_t lanes = s->kernel->lanes, at_hand = SIZE_MAX;
	int rc = align_strips_select(s, strip, err);

	for (size_t lane = 0; rc == 0 && lane < lanes; lane++) {
		size_t number, first, end;

		if (s->best[strip * lanes + lane] != s->score)
			continue;
		number = mark_before(s, lane);
		first = number * s->sweep->interval;
		end = first + s->sweep->interval;
		if (end > s->sweep->steps)
			end = s->sweep->steps;
		if (number != at_hand)
			align_strips_stretch(s, ALIGN_SW, strip, first, end - 1, s->rises);
		at_hand = number;
		if (!look(s, strip, lane, first, end))
			return align_bad_path(s->query, s->ref, err);
	}
	return rc;
}

static int find_low(struct strips *s, struct err *err)
{
	size_t lanes = s->kernel->lanes;
	int rc = 0;

	for (size_t strip = 0; rc == 0 && strip < s->count; strip++)
		for (size_t lane = 0; lane < lanes; lane++)
			if (s->best[strip * lanes + lane] == s->score) {
				rc = find_low_in(s, strip, err);
				break;
			}
	return rc;
}

int align_best_find(struct strips *s, struct err *err)
{
	s->best_i = s->best_j = 0;
	if (s->score == 0)
		return 0;
	return s->low ? find_low(s, err) : find_rising(s, err);
}
