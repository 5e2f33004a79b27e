/* Traceback over the bits of the fast engine, straight to the counts of spec 4.7.1. The walk goes by
 * runs: along a diagonal the next record is a constant step away, whatever is found in it, so the
 * loads of a run do not wait for each other. */
#include "pipeline/align/align_lanes.h"

#include <string.h>

/* Score and similarity of a column in one number, so that a run adds once per column. */
#define SCORE_SHIFT 32

/* Records ahead of the walk that are asked for. */
#define PREFETCH 12

struct walker {
	const struct lane_trace *trace;
	const struct lane_job *job;
	enum align_form form;
	size_t i, j;  /* letters not yet emitted */
	int minus;    /* a text has a literal gap symbol */
	int64_t sum;  /* of diagonal columns: score << SCORE_SHIFT, plus similar ones */
	int32_t gaps; /* cost of the gaps so far */
	struct align_path path;
};

/* The record of cell (i, j), both from 1, at the first mask of the form; *lane: the bit in it. */
static const unsigned char *cell_at(const struct walker *w, size_t *lane)
{
	const struct lane_trace *t = w->trace;
	size_t piece = (w->i - 1) / t->rows, row = (w->i - 1) % t->rows;
	size_t step = (w->job->start + piece + w->j - 1) % t->ring;

	*lane = w->job->first_lane + piece;
	return t->bits + (step * t->rows + row) * t->lanes +
	       (w->form == ALIGN_SW ? t->lanes / 2 : 0);
}

static int bit_of(const struct walker *w, unsigned bit)
{
	size_t lane;
	const unsigned char *cell = cell_at(w, &lane);

	return cell[bit * (w->trace->lanes / 8) + lane / 8] >> (lane % 8) & 1;
}

/* Columns that can be walked along the diagonal before the record's address jumps. */
static size_t straight(const struct walker *w)
{
	const struct lane_trace *t = w->trace;
	size_t piece = (w->i - 1) / t->rows, row = (w->i - 1) % t->rows;
	size_t step = (w->job->start + piece + w->j - 1) % t->ring, n = w->j;

	if (row + 1 < n)
		n = row + 1;
	return step + 1 < n ? step + 1 : n;
}

static int64_t column_value(unsigned a, unsigned b)
{
	int s = align_scores[a][b];

	return (int64_t)s * ((int64_t)1 << SCORE_SHIFT) + (a == b || s > 0);
}

/* Diagonal columns from (i, j) until the path turns (0) or a local alignment begins (1). */
static int walk_run(struct walker *w, size_t most)
{
	size_t lane;
	const unsigned char *cell = cell_at(w, &lane) + BIT_DIAGONAL + lane / 8;
	size_t stride = (w->trace->rows + 1) * w->trace->lanes;
	const unsigned char *q = (const unsigned char *)w->job->query.bytes + w->i;
	const unsigned char *r = (const unsigned char *)w->job->ref.bytes + w->j;
	int64_t sum = w->sum, target = INT64_MIN;
	uint32_t identical = 0, minus = 0;
	size_t n = 0;
	int begins = 0;

	if (w->form == ALIGN_SW) /* the sum's upper part once the score is used up */
		target = (int64_t)w->job->best + w->gaps;
	while (n < most) {
		unsigned a, b;

		if (sum >> SCORE_SHIFT == target) {
			begins = 1;
			break;
		}
		if (!(*cell >> (lane % 8) & 1))
			break;
		__builtin_prefetch(cell - PREFETCH * stride);
		cell -= stride;
		a = *--q;
		b = *--r;
		identical += a == b;
		sum += column_value(align_code[a], align_code[b]);
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

static void gap_column(struct walker *w, char letter)
{
	w->path.columns++;
	w->path.gaps += 1u + (letter == '-');
}

/* A gap from (i, j) on; the bit of the cell it comes from says whether it was opened there. */
static void walk_gap(struct walker *w, int del)
{
	size_t *at = del ? &w->i : &w->j;
	const char *bytes = del ? w->job->query.bytes : w->job->ref.bytes;

	w->gaps += ALIGN_GAP_OPEN - ALIGN_GAP_EXTEND;
	do {
		gap_column(w, bytes[--*at]);
		w->gaps += ALIGN_GAP_EXTEND;
	} while (w->i && w->j && !bit_of(w, del ? BIT_DEL_OPENS : BIT_INS_OPENS));
}

static void walk_end_gap(struct walker *w)
{
	w->gaps -= align_border(ALIGN_NW, w->i + w->j);
	while (w->i)
		gap_column(w, w->job->query.bytes[--w->i]);
	while (w->j)
		gap_column(w, w->job->ref.bytes[--w->j]);
}

static int has_minus(struct align_text t)
{
	return memchr(t.bytes, '-', t.len) != NULL;
}

int align_trace(const struct lane_trace *t, const struct lane_job *job, enum align_form form,
		struct align_path *path, struct err *err)
{
	struct walker w = {.trace = t,
			   .job = job,
			   .form = form,
			   .i = form == ALIGN_SW ? job->best_i : job->query.len,
			   .j = form == ALIGN_SW ? job->best_j : job->ref.len,
			   .minus = has_minus(job->query) || has_minus(job->ref)};
	int32_t score;

	while (w.i && w.j) {
		size_t most = straight(&w), before = w.i;

		if (walk_run(&w, most))
			break;
		/* a run that got through `most` ends at another address, or at a border */
		if (before - w.i < most)
			walk_gap(&w, bit_of(&w, BIT_DEL));
	}
	if (form == ALIGN_NW)
		walk_end_gap(&w);
	score = (int32_t)(w.sum >> SCORE_SHIFT) - w.gaps;
	w.path.similar = (uint32_t)w.sum;
	w.path.score = score;
	*path = w.path;
	if (form == ALIGN_NW ? score > job->best : score != job->best)
		return align_bad_path(job->query, job->ref, err);
	return 0;
}
