/* Columns that can matter: see align_band.h. To the left of the path only the letters of the reference
 * before a cell and those of the query behind it are counted, to the right the others; so the bounds
 * grow and fall evenly along a row, and both ends are found by going on from where they were. */
#include "pipeline/align/align_band.h"

#include "pipeline/align/align_matrix.h"

void align_band_begin(struct align_band *b, const struct align_codes *t,
		      const struct align_sums *sums, const struct align_floor *floor)
{
	*b = (struct align_band){
		.sums = sums, .n = t->n, .m = t->m, .floor = *floor, .first = 0, .end = 1};
}

/* The best that can come before a cell, by the letters alone and by what is known of the row above. */
struct before {
	int64_t letters, found;
};

static int reaches(const struct align_band *b, struct before before, int64_t behind, int64_t off,
		   int64_t corner)
{
	int64_t most = before.letters < before.found ? before.letters : before.found;
	int64_t global = before.letters - align_gap(off);

	if (most + behind >= b->floor.sw)
		return 1;
	if (before.found < global)
		global = before.found;
	return global + behind - align_gap(off - corner) >= b->floor.nw;
}

/* Can a path through (i, j), letters of both before it, reach a known score? As seen from its left. */
static int from_left(const struct align_band *b, size_t i, size_t j, int64_t found)
{
	struct before before = {b->sums->ref[j], found + b->sums->ref[j]};
	int64_t behind = (int64_t)b->sums->query[b->n] - b->sums->query[i];

	return reaches(b, before, behind, (int64_t)i - (int64_t)j, (int64_t)b->n - (int64_t)b->m);
}

static int from_right(const struct align_band *b, size_t i, size_t j, int64_t found)
{
	struct before before = {b->sums->query[i], found + b->sums->query[i]};
	int64_t behind = (int64_t)b->sums->ref[b->m] - b->sums->ref[j];

	return reaches(b, before, behind, (int64_t)j - (int64_t)i, (int64_t)b->m - (int64_t)b->n);
}

/* H of the row above in column `j`; `h`: in the one before. */
static int64_t height(const struct align_above *above, size_t j, int64_t h)
{
	int8_t value = above->row[-(ptrdiff_t)j];

	return above->zero == ALIGN_ABOVE_STEPS ? h + value - ALIGN_GAP_EXTEND
						: value - above->zero;
}

/* A path comes from the row above at some column, and scores there at most its H, and from there on at
 * most what the letters of the reference up to here can: the largest difference of the two. */
static void move_first(struct align_band *b, size_t row, const struct align_above *above)
{
	int64_t h = above ? above->left : 0, found = INT64_MAX / 2;
	size_t end = above && above->end < b->m ? above->end : b->m;

	if (above)
		found = h - b->sums->ref[b->first];
	while (b->first + 1 < end) {
		size_t j = b->first + 1;

		if (above) {
			h = height(above, b->first, h);
			if (h - b->sums->ref[j] > found)
				found = h - b->sums->ref[j];
		}
		if (from_left(b, row + 1, j, found))
			return;
		b->first++;
	}
}

void align_band_next(struct align_band *b, size_t row, size_t row_end,
		     const struct align_above *above)
{
	int64_t found = above ? (int64_t)above->most - b->sums->query[row] : INT64_MAX / 2;

	move_first(b, row, above);
	if (b->end <= b->first)
		b->end = b->first + 1;
	/* if the last column can matter, so can all before it */
	for (size_t next = b->m, tries = 0; b->end < b->m; next = b->end + 1) {
		if (from_right(b, row_end, next, found))
			b->end = next;
		else if (tries++)
			break;
	}
}
