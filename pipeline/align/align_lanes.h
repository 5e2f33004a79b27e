/* The fast engine: one pair per vector lane, 16-bit scores. What the lanes have in common is here;
 * the loop over cells is a kernel, one per instruction set, chosen at run time. Paths are the same
 * as the scalar engine's. Private to the room. Thread-safe; a workspace belongs to one thread. */
#ifndef ALIGN_ALIGN_LANES_H
#define ALIGN_ALIGN_LANES_H

#include "pipeline/align/align_internal.h"

#define LANES_MAX 32

/* Both lengths of a group together stay below this, so that 16-bit scores cannot underflow: the
 * worst score is -(18 + n + m), a gap costs 10 more, a filling 64 more. */
#define LANES_MAX_EXTENT 30000
/* Largest score a pair may reach in a lane. */
#define LANES_MAX_SCORE 32000

/* Below every score a lane can meet, and one extension of it does not wrap. */
#define LANES_MINUS_INFINITY (-32000)

/* Blocks of rows in which substitution scores are looked up; queries are filled up to it. */
#define LOOKUP_ROWS 32

/* One group while it is computed. Arrays are borrowed from the workspace, aligned to 64. H is kept
 * as H - open, which is what both gap recurrences ask for; the score table has `open` added. */
struct lane_group {
	enum align_form form;
	size_t rows;         /* longest query */
	size_t row_stride;   /* the same, filled up to LOOKUP_ROWS */
	size_t columns;      /* longest reference */
	uint8_t *query_low;  /* [lane][row_stride] codes below 16, else 0x80 */
	uint8_t *query_high; /* [lane][row_stride] codes from 16 less 16, else 0x80 */
	uint8_t *ref;        /* [column][lane] codes */
	int8_t *scores;      /* [row_stride][lane] of the column at hand */
	int16_t *h, *e;      /* [rows + 1][lane] of the column computed last */
	/* local: the largest H, first by column, then by row */
	int16_t best[LANES_MAX] __attribute__((aligned(64)));
	int16_t best_i[LANES_MAX] __attribute__((aligned(64)));
	int16_t best_j[LANES_MAX] __attribute__((aligned(64)));
	int8_t table[ALIGN_CODES][ALIGN_ROW] __attribute__((aligned(64)));
};

struct align_kernel {
	const char *name;
	size_t lanes;
	size_t cell_bytes; /* traceback bits of one cell of all lanes */
	/* Columns (from, to] of the rows 1 … rows; `bits` may be NULL. */
	void (*columns)(struct lane_group *g, size_t rows, size_t from, size_t to, void *bits);
	/* The four bits of lane `lane` (enum in align_walk.h) in the record at `cell`. */
	unsigned (*cell)(const unsigned char *cell, unsigned lane);
};

extern const struct align_kernel align_kernel_avx2;
extern const struct align_kernel align_kernel_avx512; /* needs BW; 32 lanes */

/* The best kernel of this processor that PROTEA_SIMD=portable|avx2|avx512 allows; any other value
 * of the variable allows all. NULL: portable, there is none. */
const struct align_kernel *align_kernel_choose(void);

struct lane_pair {
	struct align_text query;
	struct align_text ref;
};

/* Do the scores of this pair stay within 16 bits? */
int align_lanes_take(struct align_text query, struct align_text ref);

/* Both forms of up to k->lanes pairs, all of which align_lanes_take() accepts. 0; ERR_UNSUPPORTED
 * (err untouched): leave these to the scalar engine, because it would be faster or because the
 * budget is too small; ERR_NOMEM, ERR_CANCELLED, ERR_INTERNAL. */
int align_lanes(const struct align_kernel *k, struct align_workspace *w,
		const struct lane_pair *pairs, size_t n, struct align_values *out, struct err *err);

/* Kernels' helper (AVX2): scores[row * stride + 0 … 15] = score of each of 16 lanes' queries, at
 * `low` and `high`, with its letter, for `rows` rows, a multiple of LOOKUP_ROWS. */
void align_lookup_avx2(const struct lane_group *g, const uint8_t *low, const uint8_t *high,
		       const uint8_t *letters, size_t rows, size_t stride, int8_t *scores);

#endif
