/* The fast engine: a pair per byte of a vector. Scores are kept as differences of neighbouring cells,
 * which fit 8 bits whatever the texts are (H. Suzuki and M. Kasahara, "Introducing difference
 * recurrence relations for faster semi-global alignment of long sequences", BMC Bioinformatics 19,
 * 2018; lanes as in T. Rognes, "Faster Smith-Waterman database searches with inter-sequence SIMD
 * parallelisation", BMC Bioinformatics 12, 2011). Both forms of a pair are computed in one sweep over
 * the same substitution scores. A long query is cut into pieces of equal height that take neighbouring
 * lanes, each a column behind the one above it; a lane takes the next pair when its pair ends. The
 * sweep over one column is a kernel, one per instruction set, chosen at run time. docs/alignment.md
 * derives the recurrences. Paths are those of the scalar engine. Private to the room. Thread-safe; a
 * workspace belongs to one thread. */
#ifndef ALIGN_ALIGN_LANES_H
#define ALIGN_ALIGN_LANES_H

#include "pipeline/align/align_internal.h"

#define LANES_MAX 64

/* Local scores are followed in 16 bits at every LANES_STRIP-th row: the largest one a pair may reach,
 * and the longest reference (columns are numbered in 16 bits). */
#define LANES_MAX_SCORE 32000
#define LANES_MAX_LEN   60000

/* Rows between two of them. In that many rows H rises by at most 12 * 8 + 9 = 105 and falls by at
 * most 9 + 8 = 17, so that from a start of at most LANES_CAP it stays within 8 bits, and from
 * LANES_CAP it stays above 4, where the zero of a local alignment cannot win. */
#define LANES_STRIP 8
#define LANES_CAP   22

/* Added to scores, so that the recurrences need no constant but one (docs/alignment.md). */
#define LANES_SHIFT (2 * ALIGN_GAP_EXTEND)
/* Filling: no better than two gaps, and never the largest. */
#define LANES_PAD_SCORE (LANES_SHIFT - 2 * ALIGN_GAP_OPEN)

/* Blocks of rows in which substitution scores are looked up. */
#define LOOKUP_ROWS 32

enum { /* vectors of a row's state, from the column computed last */
       STATE_U_NW,
       STATE_A_NW,
       STATE_U_SW,
       STATE_A_SW,
       STATE_K,
       STATE_VECTORS,
};

enum { /* masks of a cell's record, in this order, one bit a lane each */
       BIT_DIAGONAL,
       BIT_DEL,
       BIT_INS_OPENS, /* a gap in the query that goes on from here is opened here */
       BIT_DEL_OPENS,
       BITS_OF_A_FORM,
};

/* What passes from one row to the next, by lane. Of H the order is the kernels' (lane_split). */
struct lane_edge {
	int8_t v[2][LANES_MAX] __attribute__((aligned(64))); /* by form */
	int8_t b[2][LANES_MAX] __attribute__((aligned(64)));
	int16_t h[LANES_MAX] __attribute__((aligned(64))); /* local */
};

/* Everything a sweep over one column reads and writes. Arrays are borrowed from the workspace,
 * aligned to 64. */
struct lane_machine {
	size_t lanes;
	size_t rows;         /* of a lane; a multiple of LANES_STRIP */
	size_t row_stride;   /* the same, filled up to LOOKUP_ROWS */
	uint8_t *query_low;  /* [lane][row_stride] codes below 16, else 0x80 */
	uint8_t *query_high; /* [lane][row_stride] codes from 16 less 16, else 0x80 */
	int8_t *scores;      /* [row_stride][lane] of the column at hand */
	int8_t *state;       /* [rows][STATE_VECTORS][lane] */
	uint8_t letters[LANES_MAX] __attribute__((aligned(64))); /* of the column, codes */
	struct lane_edge top;                                    /* in */
	struct lane_edge bottom;                                 /* out */
	int8_t corner[LANES_MAX] __attribute__((aligned(64)));   /* K above the last column */
	/* local: the largest H of a lane's pair so far, first by column, then by row (lane_split) */
	int16_t best[LANES_MAX] __attribute__((aligned(64)));
	int16_t best_row[LANES_MAX] __attribute__((aligned(64)));
	int16_t best_step[LANES_MAX] __attribute__((aligned(64)));
	int8_t table[ALIGN_ROW][ALIGN_ROW] __attribute__((aligned(64)));
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
	/* One column of all lanes. `bits`: [rows] records of `lanes` bytes: BITS_OF_A_FORM masks of
	 * the global form, then of the local one. `step` is what best_step is set to. */
	void (*sweep)(struct lane_machine *m, unsigned char *bits, int16_t step);
};

extern const struct align_kernel align_kernel_avx2;
extern const struct align_kernel align_kernel_avx512; /* needs BW; 64 lanes */

/* The best kernel of this processor that PROTEA_SIMD=portable|avx2|avx512 allows; any other value
 * of the variable allows all. NULL: portable, there is none. */
const struct align_kernel *align_kernel_choose(void);

struct lane_job {
	struct align_text query;
	struct align_text ref;
	struct align_values *out;
	uint32_t number; /* the caller's */
	int done;        /* *out is complete */
	/* the engine's own */
	uint32_t next; /* after it in the same lanes; its number in the jobs */
	uint32_t first_lane;
	size_t start; /* step at which its first lane begins */
	int32_t best; /* local */
	size_t best_i, best_j;
};

/* A number of pairs on one machine. */
struct lane_unit {
	struct lane_job *jobs; /* taken in this order */
	size_t n;
	size_t width; /* lanes a pair takes: a power of two, at most the kernel's lanes */
};

/* Is this pair one for the lanes? */
int align_lanes_take(struct align_text query, struct align_text ref);

/* Memory of a unit with these longest texts. */
size_t align_lanes_memory(const struct align_kernel *k, size_t query_len, size_t ref_len,
			  size_t width);
/* Cells a unit goes over with each step. */
size_t align_lanes_room(const struct align_kernel *k, size_t query_len, size_t width);

/* Both forms of all pairs of a unit, all of which align_lanes_take() accepts, within the budget of
 * the workspace (align_lanes_memory). `steps` counts columns of the machine. 0, ERR_NOMEM,
 * ERR_CANCELLED, ERR_INTERNAL; jobs that are done by then say so. */
int align_lanes(const struct align_kernel *k, struct align_workspace *w, struct lane_unit *unit,
		size_t *steps, struct err *err);

/* The bits of steps, for a walk: see align_trace.c. */
struct lane_trace {
	const unsigned char *bits; /* [ring] steps of [rows] records */
	size_t lanes, rows, ring;
};

/* Walks one form of one job back. ERR_INTERNAL: the path does not explain its score. */
int align_trace(const struct lane_trace *t, const struct lane_job *job, enum align_form form,
		struct align_path *path, struct err *err);

/* Kernels' helper (AVX2): scores[row * stride + 0 … 15] = score of each of 16 lanes' queries, at
 * `low` and `high`, with its letter, for all rows, filled up to LOOKUP_ROWS. */
void align_lookup_avx2(const struct lane_machine *m, const uint8_t *low, const uint8_t *high,
		       const uint8_t *letters, size_t stride, int8_t *scores);

#endif
