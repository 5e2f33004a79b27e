/* Traceback over stretches of strips, straight to the counts of spec 4.7.1. Where a walk stands it has
 * the stretch of its strip computed with bits that ends there; a stretch ends at a mark, or as far left
 * as a walk along the diagonal comes in the strip. The walk goes by runs: along a diagonal the next
 * record is a constant step away, whatever is found in it, so the loads of a run do not wait for each
 * other. */
#include "pipeline/align/align_strips.h"

#include <string.h>

/* Score and similarity of a column in one number, so that a run adds once per column. */
#define SCORE_SHIFT 32

#define NOWHERE SIZE_MAX

struct walker {
	struct strips *strips;
	enum align_form form;
	size_t i, j;   /* letters not yet emitted */
	size_t strip;  /* of the stretch at hand, or NOWHERE */
	size_t first;  /* its first step */
	size_t column; /* the strip's first */
	size_t fold;   /* rows of a lane */
	size_t record; /* bytes of a cell's masks */
	int minus;     /* a text has a literal gap symbol */
	int64_t sum;   /* of diagonal columns: score << SCORE_SHIFT, plus similar ones */
	int32_t gaps;  /* cost of the gaps so far */
	struct align_path path;
};

/* The cell's row in its strip, from 0, and its lane if the strip is the one at hand. */
static size_t row_at(const struct walker *w)
{
	return row_of_strip(w->strips, w->i - 1);
}

static size_t lane_at(const struct walker *w)
{
	return row_at(w) >> (w->fold - 1); /* 1 or 2 rows a lane */
}

/* Is the cell in the stretch? A walk only goes left and up, so not behind its end. */
static int at_hand(const struct walker *w)
{
	return strip_of(w->strips, w->i - 1) == w->strip && w->j > w->column &&
	       w->j - 1 - w->column + lane_at(w) >= w->first;
}

/* Has the cell (i, j), both from 1, at hand. A stretch begins where the walk leaves the strip if it goes
 * along the diagonal, at the mark before. */
static int reach(struct walker *w, struct err *err)
{
	struct strips *s = w->strips;
	size_t strip, lane, last, back;
	int rc;

	if (at_hand(w))
		return 0;
	if (!strips_have(s, w->i, w->j))
		return align_bad_path(s->query, s->ref, err);
	strip = strip_of(s, w->i - 1);
	lane = lane_of(s, w->i - 1);
	w->column = s->strip[strip].first;
	last = w->j - 1 - w->column + lane;
	rc = align_strips_select(s, strip, err);
	if (rc != 0)
		return rc;
	w->strip = strip;
	w->fold = s->strip[strip].fold;
	back = row_of_strip(s, w->i - 1) + lane;
	w->first = last > back ? last - back : 0;
	w->first -= w->first % s->sweep->interval;
	align_strips_stretch(s, w->form, strip, w->first, last, NULL);
	return 0;
}

/* Records lie by step and then by row of the lane; so that of the cell at hand is that of its column times
 * `fold`, plus its row in the strip. */
static size_t record_number(const struct walker *w)
{
	return (w->j - 1 - w->column) * w->fold + row_at(w) - w->first * w->fold;
}

static int bit_of(const struct walker *w, unsigned bit)
{
	size_t lane = lane_at(w);
	const unsigned char *cell = w->strips->bits + record_number(w) * w->record;

	return cell[bit * w->record / BITS_OF_A_CELL + lane / 8] >> (lane % 8) & 1;
}

/* Columns along the diagonal that are within the stretch. */
static size_t straight(const struct walker *w)
{
	size_t row = row_at(w), n = w->j - w->column;
	size_t records = record_number(w) / (w->fold + 1) + 1;

	if (row + 1 < n)
		n = row + 1;
	return records < n ? records : n;
}

static int64_t column_value(unsigned a, unsigned b)
{
	int s = align_scores[a][b];

	return (int64_t)s * ((int64_t)1 << SCORE_SHIFT) + (a == b || s > 0);
}

/* Diagonal columns from (i, j) until the path turns (0) or a local alignment begins (1). */
static int walk_run(struct walker *w, size_t most)
{
	const struct strips *s = w->strips;
	size_t row = row_at(w), stride = (w->fold + 1) * w->record;
	unsigned half = (unsigned)w->fold - 1;
	const unsigned char *cell = s->bits + record_number(w) * w->record;
	const char *q = s->query.bytes + w->i, *r = s->ref.bytes + w->j;
	const uint8_t *a = s->query_code + w->i, *b = s->ref_code + s->kernel->lanes + w->j;
	int64_t sum = w->sum, target = INT64_MIN;
	uint32_t identical = 0, minus = 0;
	size_t n = 0;
	int begins = 0;

	if (w->form == ALIGN_SW) /* the sum's upper part once the score is used up */
		target = (int64_t)s->score + w->gaps;
	while (n < most) {
		size_t lane = row >> half;

		if (sum >> SCORE_SHIFT == target) {
			begins = 1;
			break;
		}
		if (!(cell[lane / 8] >> (lane % 8) & 1))
			break;
		cell -= stride;
		row--;
		identical += *--q == *--r;
		sum += column_value(*--a, *--b);
		n++;
	}
	if (w->minus)
		for (size_t k = 0; k < n; k++) {
			identical -= q[k] == '-' && r[k] == '-';
			minus += (uint32_t)(q[k] == '-') + (r[k] == '-');
		}
	w->sum = sum;
	w->path.identical += identical;
	w->path.gaps += minus;
	w->path.columns += (uint32_t)n;
	w->i -= n;
	w->j -= n;
	return begins;
}

/* `n` letters of one text beside a gap. */
static void take_letters(struct walker *w, int del, size_t n)
{
	size_t *at = del ? &w->i : &w->j;
	const char *bytes = del ? w->strips->query.bytes : w->strips->ref.bytes;

	*at -= n;
	w->gaps += (int32_t)n * ALIGN_GAP_EXTEND;
	w->path.columns += (uint32_t)n;
	w->path.gaps += (uint32_t)n;
	if (w->minus)
		for (size_t k = 0; k < n; k++)
			w->path.gaps += bytes[*at + k] == '-';
}

/* Cells at hand from (i, j) on, up or to the left. */
static size_t cells_that_way(const struct walker *w, int del)
{
	size_t number = record_number(w), column = w->j - 1 - w->column, n;

	if (del) {
		n = row_at(w);
		return 1 + (number < n ? number : n);
	}
	n = number / w->fold;
	return 1 + (column < n ? column : n);
}

/* How many of `most` cells from (i, j) on a gap goes through without being opened there. */
static size_t walk_open(const struct walker *w, int del, size_t most)
{
	size_t stride = del ? w->record : w->fold * w->record, row = row_at(w), n = 0;
	unsigned half = (unsigned)w->fold - 1;
	const unsigned char *cell =
		w->strips->bits + record_number(w) * w->record +
		(del ? BIT_DEL_OPENS : BIT_INS_OPENS) * w->record / BITS_OF_A_CELL;

	for (; n < most; n++, cell -= stride) {
		size_t lane = (del ? row - n : row) >> half;

		if (cell[lane / 8] >> (lane % 8) & 1)
			break;
	}
	return n;
}

/* A gap from (i, j) on; the bit of the cell it comes from says whether it was opened there. */
static int walk_gap(struct walker *w, int del, struct err *err)
{
	size_t most = 0, n = 0;

	w->gaps += ALIGN_GAP_OPEN - ALIGN_GAP_EXTEND;
	take_letters(w, del, 1);
	while (n == most && w->i && w->j) {
		int rc = reach(w, err);

		if (rc != 0)
			return rc;
		most = cells_that_way(w, del);
		n = walk_open(w, del, most);
		take_letters(w, del, n);
	}
	return 0;
}

static void walk_end_gap(struct walker *w)
{
	size_t left = w->i + w->j;

	w->gaps -= align_border(ALIGN_NW, left) + (int32_t)left * ALIGN_GAP_EXTEND;
	take_letters(w, 1, w->i);
	take_letters(w, 0, w->j);
}

static int walk(struct walker *w, struct err *err)
{
	int rc = 0;

	while (rc == 0 && w->i && w->j) {
		size_t most, before = w->i;

		rc = reach(w, err);
		if (rc != 0)
			return rc;
		most = straight(w);
		if (walk_run(w, most))
			return 0;
		/* a run that got through `most` goes on in another stretch, or is at a border */
		if (before - w->i < most)
			rc = walk_gap(w, bit_of(w, BIT_DEL), err);
	}
	return rc;
}

static int has_minus(struct align_text t)
{
	return memchr(t.bytes, '-', t.len) != NULL;
}

int align_trace(struct strips *s, enum align_form form, struct align_path *path, struct err *err)
{
	struct walker w = {.strips = s,
			   .form = form,
			   .i = form == ALIGN_SW ? s->best_i : s->query.len,
			   .j = form == ALIGN_SW ? s->best_j : s->ref.len,
			   .strip = NOWHERE,
			   .fold = 1,
			   .record = BITS_OF_A_CELL * s->kernel->lanes / 8,
			   .minus = has_minus(s->query) || has_minus(s->ref)};
	int32_t score;
	int rc = walk(&w, err);

	if (rc != 0)
		return rc;
	if (form == ALIGN_NW)
		walk_end_gap(&w);
	score = (int32_t)(w.sum >> SCORE_SHIFT) - w.gaps;
	w.path.similar = (uint32_t)w.sum;
	w.path.score = score;
	*path = w.path;
	if (form == ALIGN_NW ? score > s->score || score < s->floor.nw : score != s->score)
		return align_bad_path(s->query, s->ref, err);
	return 0;
}
