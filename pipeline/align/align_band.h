/* Which columns of each strip can matter, given scores that the pair is known to reach: a path through
 * a cell scores at most what the letters before it and those behind it could score at their best, less
 * the gaps that lead there; what is before it, no more than what was found in a row above and what the
 * letters since then could add. Cells where that is less than the known score, in both forms, are on no
 * best path, nor on one of equal score; docs/alignment.md has the proof. Thread-safe. */
#ifndef ALIGN_ALIGN_BAND_H
#define ALIGN_ALIGN_BAND_H

#include "pipeline/align/align_chain.h"

/* Sums of the best that letters can score (align_letter_best): of the first i of the query, the first j of the reference. */
struct align_sums {
	int32_t *query, *ref; /* [n + 1], [m + 1] */
};

/* A band that is followed from strip to strip. Columns count from 0, `end` is behind the last. */
struct align_band {
	const struct align_sums *sums;
	size_t n, m;
	struct align_floor floor;
	size_t first, end;
};

#define ALIGN_ABOVE_STEPS 1000

/* What is known of the row above a strip: the local form's H, which the global one's never exceeds. */
struct align_above {
	int32_t left;      /* before column `first` of the band */
	int32_t most;      /* the largest of the row */
	const int8_t *row; /* [-j]: of column j, H as `zero` and what it is above it */
	int zero;          /* or ALIGN_ABOVE_STEPS: H less that of column j - 1, plus 1 */
	size_t end;        /* of these columns */
};

void align_band_begin(struct align_band *b, const struct align_codes *t,
		      const struct align_sums *sums, const struct align_floor *floor);

/* Columns of the strip of rows [row, row_end); `above`: NULL for the first. Neither end moves back. */
void align_band_next(struct align_band *b, size_t row, size_t row_end,
		     const struct align_above *above);

#endif
