/* The fast engine: one pair at a time, a strip of the query at a time, a row of it per byte of a vector.
 * In step t of a strip lane r is at column t - r, so that what a cell needs of the row above came out
 * of the lane before it one step earlier. Scores are kept as differences of neighbouring cells, which
 * fit 8 bits whatever the texts are (H. Suzuki and M. Kasahara, "Introducing difference recurrence
 * relations for faster semi-global alignment of long sequences", BMC Bioinformatics 19, 2018; the
 * wavefront as in A. Wozniak, "Using video-oriented instructions to speed up sequence comparison",
 * CABIOS 13, 1997). Both forms are computed in one sweep over the same substitution scores. A sweep
 * keeps no traceback bits but the row below each strip and, at intervals, all that is in the lanes, so
 * that a walk can have any stretch of a strip computed again, with bits. A strip begins and ends at the
 * columns that can matter (align_band.h). Pairs whose local score is low, which strangers have, take a
 * sweep of their own, with that form in plain bytes and two rows a lane (align_kernel_low.h). The sweeps
 * and the stretches are a kernel, one per instruction set, chosen at run time. docs/alignment.md derives the recurrences.
 * Paths are those of the scalar engine. Private to the room. Thread-safe; a workspace belongs to one
 * thread. */
#ifndef ALIGN_ALIGN_STRIPS_H
#define ALIGN_ALIGN_STRIPS_H

#include "pipeline/align/align_band.h"
#include "pipeline/align/align_internal.h"

#define LANES_MAX 64
/* Rows of a strip that a lane takes at most. */
#define FOLD_MAX 2
_Static_assert(FOLD_MAX == 2, "row >> (fold - 1) is the lane of a row");

/* Columns are numbered by groups in 16 bits. */
#define STRIPS_MAX_LEN ((size_t)500000)

/* Local scores are followed in 8 bits for so many steps, then in 16. In that many H rises by at most
 * 12 * 8 + 9 = 105 and falls by at most 9 + 8 = 17, so that from a start of at most LANES_CAP it stays
 * within 8 bits, and from LANES_CAP it stays above 4, where the zero of a local alignment cannot win. */
#define GROUP_STEPS 8
#define LANES_CAP   22

/* Substitution scores are brought into the lanes' order for so many steps at once. */
#define CHUNK_STEPS 16
/* From the scores of one row of the lanes to those of the next. */
#define ROW_SCORES (CHUNK_STEPS * LANES_MAX)

/* 16-bit scores count from a base that moves when they leave this range at a mark. Between two marks
 * H changes by at most 21 a step, between the first and the last lane by at most 42 a lane. */
#define BASE_RANGE   8000
#define MAX_INTERVAL ((size_t)256)

/* Added to scores, so that the recurrences need no constant but one (docs/alignment.md). */
#define LANES_SHIFT (2 * ALIGN_GAP_EXTEND)
/* Filling: no better than two gaps, and never the largest. */
#define LANES_PAD_SCORE (LANES_SHIFT - 2 * ALIGN_GAP_OPEN)

/* Low local scores are bytes, zero is the least; the largest byte says that a score is not low. */
#define LOW_ZERO INT8_MIN
#define LOW_MOST (INT8_MAX - INT8_MIN - 1)

enum { /* what passes from the last row of a strip to the next strip, a byte a column each */
       ROW_V_NW,
       ROW_B_NW,
       ROW_V_SW,
       ROW_B_SW,
       ROW_K,
       ROW_ARRAYS,
       /* in place of the local form's differences, where scores are low: H and F */
       ROW_H = ROW_V_SW,
       ROW_F,
};

enum {          /* vectors of a mark */
       MARK_NW, /* U, A, V, B */
       MARK_SW = MARK_NW + 4,
       MARK_CORNER = MARK_SW + 4,
       MARK_H, /* 16 bits: two */
       MARK_VECTORS = MARK_H + 2,
};

enum { /* the same where scores are low, by rows of a lane */
       MARK_LOW_U,
       MARK_LOW_A = MARK_LOW_U + FOLD_MAX,
       MARK_LOW_H = MARK_LOW_A + FOLD_MAX,
       MARK_LOW_E = MARK_LOW_H + FOLD_MAX,
       MARK_LOW_V = MARK_LOW_E + FOLD_MAX,
       MARK_LOW_B,
       MARK_LOW_F,
       MARK_LOW_CORNER,
       MARK_LOW_PEAK,
       MARK_LOW_VECTORS,
};

enum { /* masks of a record, which a step has for each row of a lane, in this order, one bit a lane each */
       BIT_DIAGONAL,
       BIT_DEL,
       BIT_INS_OPENS, /* a gap in the query that goes on from here is opened here */
       BIT_DEL_OPENS,
       BITS_OF_A_CELL,
};

/* All that a kernel reads and writes of one strip. Columns of rows above and below lie in falling
 * order: `top[a][-j]` is column j of the strip, from 0. */
struct align_sweep {
	size_t steps;    /* a multiple of CHUNK_STEPS */
	size_t interval; /* steps between marks: a multiple of CHUNK_STEPS, at most MAX_INTERVAL */
	size_t fold; /* rows a lane takes: row r of the strip is row r % fold of lane r / fold */
	/* [row of a lane][lane]: the row's scores of the column it is at in step 0 */
	const int8_t *score[FOLD_MAX * LANES_MAX];
	const int8_t *top[ROW_ARRAYS];
	int8_t *bottom[ROW_ARRAYS];
	unsigned char *marks; /* [steps / interval, up] of MARK_VECTORS vectors */
	int32_t *mark_base;
	/* the column before the strip's first, where lanes wait: U and A of both forms, [row of a lane][lane]; H
	 * of the local form less the base (lane_split), and K of the row above, in lane 0; where scores are
	 * low H, E of the first column, and in `corner` H of the row above, as bytes */
	int8_t left_u[FOLD_MAX * LANES_MAX] __attribute__((aligned(64)));
	int8_t left_a[FOLD_MAX * LANES_MAX] __attribute__((aligned(64)));
	int8_t low_h[FOLD_MAX * LANES_MAX] __attribute__((aligned(64)));
	int8_t low_e[FOLD_MAX * LANES_MAX] __attribute__((aligned(64)));
	int8_t left_u_sw[LANES_MAX] __attribute__((aligned(64)));
	int8_t left_a_sw[LANES_MAX] __attribute__((aligned(64)));
	int16_t left_h[LANES_MAX] __attribute__((aligned(64)));
	int8_t corner[LANES_MAX] __attribute__((aligned(64)));
	int32_t base;
	/* written by a sweep: H of the local form after the last step, less its base (lane_split) */
	int16_t end_h[LANES_MAX] __attribute__((aligned(64)));
	int32_t end_base;
	/* the largest H of each row, and the first group of steps with it (lane_split) */
	int16_t best[LANES_MAX] __attribute__((aligned(64)));
	int16_t group[LANES_MAX] __attribute__((aligned(64)));
	int32_t exact
		[LANES_MAX]; /* the same without base, in the order of lanes; see align_best_* */
	int8_t peak[LANES_MAX]
		__attribute__((aligned(64))); /* where scores are low: largest H of a lane */
	int8_t scores[FOLD_MAX * ROW_SCORES] __attribute__((aligned(64)));
};

/* Where the 16-bit values of lane `lane` are: a vector of bytes widens to two vectors half by half
 * within each 16 lanes. */
static inline size_t lane_split(size_t lanes, size_t lane)
{
	return (lane / 8 % 2) * (lanes / 2) + lane / 16 * 8 + lane % 8;
}

struct align_kernel {
	const char *name;
	size_t lanes;
	/* Scores of one letter with a text, as the recurrences want them: scores[code[i]] + LANES_SHIFT for all
	 * codes, LANES_PAD_SCORE at least; `n` and both arrays are multiples of 64, `scores` has ALIGN_ROW
	 * entries. */
	void (*profile)(const int8_t *scores, const uint8_t *code, size_t n, int8_t *out);
	/* Both forms of a strip. */
	void (*sweep)(struct align_sweep *m);
	/* One form from the mark at step `first` to step `last` at least, at most CHUNK_STEPS more:
	 * BITS_OF_A_CELL masks a step, and V of the local form, a vector a step, unless NULL. */
	void (*trace)(struct align_sweep *m, enum align_form form, size_t first, size_t last,
		      unsigned char *bits, int8_t *rises);
	/* The same for pairs of a low local score; `values`: H of the local form as bytes, a vector a row and
	 * step, or NULL. Without them such pairs are done by differences too. */
	void (*sweep_low)(struct align_sweep *m);
	void (*trace_low)(struct align_sweep *m, enum align_form form, size_t first, size_t last,
			  unsigned char *bits, int8_t *values);
};

extern const struct align_kernel align_kernel_avx2;
extern const struct align_kernel align_kernel_avx512; /* needs BW; 64 lanes */

/* The best kernel of this processor that PROTEA_SIMD=portable|avx2|avx512 allows; any other value
 * of the variable allows all. Each kernel is tried once per process, and left with a warning if it is
 * wrong. NULL: portable, there is none. */
const struct align_kernel *align_kernel_choose(void);
/* Does this kernel give what the scalar engine gives? Without memory to try it: no. */
int align_kernel_agrees(const struct align_kernel *k);

/* Kernels' helpers: H in the lanes of a mark moved to another base, `by` less. */
void align_best_begin(struct align_sweep *m);
void align_best_move(struct align_sweep *m, size_t lanes, int32_t base, int32_t by);
void align_best_end(struct align_sweep *m, size_t lanes, int32_t base);

struct align_swept {
	uint64_t cells; /* that can matter: rows of the query by columns of their strip's band */
	uint64_t room;  /* gone over by the sweep, filling included */
};

/* Both forms of one pair, within the budget of the workspace. 0, ERR_NOMEM, ERR_CANCELLED, ERR_INTERNAL; ERR_LIMIT: not within this budget or
 * longer than STRIPS_MAX_LEN, which the scalar engine may still do. */
int align_strips(const struct align_kernel *k, struct align_workspace *w, struct align_text query,
		 struct align_text ref, struct align_values *out, struct align_swept *swept,
		 struct err *err);

/* Memory of a pair of these lengths if the budget allows, and the least it can be done with. */
size_t align_strips_memory(size_t lanes, size_t query_len, size_t ref_len);

/* ---- shared by the files of the engine --------------------------------------------------------- */

/* What is swept of a strip, and what it begins with. */
struct strip {
	size_t first, end; /* columns that can matter */
	size_t steps;
	size_t fold;  /* rows of a lane */
	int32_t top;  /* H of the local form before the first column, in the row above */
	int32_t left; /* and in the first row of the strip: the way down is a gap */
};

/* A pair at work. */
struct strips {
	const struct align_kernel *kernel;
	struct align_sweep *sweep;
	struct align_text query, ref;
	int low;     /* the local form is in bytes */
	size_t unit; /* rows of a strip, but perhaps the last: 1 << unit_bits */
	unsigned unit_bits;
	size_t count;    /* strips */
	size_t in_block; /* strips whose rows and marks are kept at once */
	size_t blocks;
	size_t resident;  /* the block that is kept */
	size_t row_bytes; /* of one array of a row */
	size_t marks;     /* of a strip */
	size_t mark_bytes;
	size_t profile_stride;
	uint8_t *query_code, *ref_code;
	int8_t *profile;                   /* [ALIGN_CODES][profile_stride] */
	const int8_t *letter[ALIGN_CODES]; /* its rows */
	struct strip *strip;               /* [count] */
	size_t known;                      /* strips whose columns are chosen */
	struct align_floor floor;          /* scores that are reached for certain */
	struct align_sums sums;
	struct align_band band;
	struct align_swept swept;
	int8_t *rows; /* [in_block + 1][ROW_ARRAYS][row_bytes] */
	int8_t *kept; /* [blocks][ROW_ARRAYS][row_bytes]: rows above blocks; NULL: one block */
	unsigned char *mark; /* [in_block][marks] */
	int32_t *mark_base;
	int32_t *best;       /* largest H by row, [count * lanes]; where scores are low, by lane */
	uint16_t *group;     /* first group of steps with it; not where scores are low */
	unsigned char *bits; /* of a stretch */
	int8_t *rises;
	int32_t score; /* local */
	size_t best_i, best_j;
};

/* Of a pair's rows, from 0: its strip, its row of the strip, its lane. */
static inline size_t strip_of(const struct strips *s, size_t row)
{
	return row >> s->unit_bits;
}

static inline size_t row_of_strip(const struct strips *s, size_t row)
{
	return row & (s->unit - 1);
}

static inline size_t lane_of(const struct strips *s, size_t row)
{
	return row_of_strip(s, row) >> (s->strip[strip_of(s, row)].fold - 1); /* 1 or 2 */
}

/* Is the cell (i, j), from 1, in what a sweep goes over? */
static inline int strips_have(const struct strips *s, size_t i, size_t j)
{
	const struct strip *t = &s->strip[strip_of(s, i - 1)];

	return j > t->first && j - 1 - t->first + lane_of(s, i - 1) < t->steps;
}

static inline size_t row_set(const struct strips *s)
{
	return ROW_ARRAYS * s->row_bytes;
}

/* Column 0 of an array of a row. */
static inline int8_t *strips_row(const struct strips *s, size_t number, int array)
{
	return s->rows + number * row_set(s) + (size_t)array * s->row_bytes + s->row_bytes -
	       s->kernel->lanes;
}

/* Makes the sweep's arrays those of strip `s`, whose block is computed again if it is not at hand. */
int align_strips_select(struct strips *s, size_t strip, struct err *err);

/* Records of a stretch of the selected strip; `values`: as the kernel's trace says, or NULL. */
void align_strips_stretch(struct strips *s, enum align_form form, size_t strip, size_t first,
			  size_t last, int8_t *values);

/* Longest stretch between two steps, both included, that a walk asks for. */
static inline size_t stretch_steps(size_t lanes, size_t fold, size_t interval)
{
	return (1 + fold) * lanes + interval + CHUNK_STEPS;
}

/* ---- rows between strips: align_rows.c ---- */

/* Row 0 above the first strip, whose columns are chosen. */
void align_rows_first(const struct strips *s);
/* The column before the first of the strip: what its lanes begin with. */
void align_rows_left(const struct strips *s, size_t strip);
/* Chooses the strip's columns; `above`: NULL for the first. */
void align_rows_columns(struct strips *s, size_t strip, const struct align_above *above);
/* Hands over to the next strip, whose row above is row `number`: H before its first column, and the
 * columns that the strip above did not come to. */
void align_rows_hand_over(struct strips *s, size_t strip, size_t number);

/* ---- the best cell of the local form: align_best.c ---- */

/* Keeps what a sweep found in the strip. */
void align_best_keep(struct strips *s, size_t strip);
/* Of all cells with the largest H the one of smallest column, then of smallest row; ERR_INTERNAL. */
int align_best_find(struct strips *s, struct err *err);

/* Walks one form back. ERR_INTERNAL: the path does not explain its score. */
int align_trace(struct strips *s, enum align_form form, struct align_path *path, struct err *err);

#endif
