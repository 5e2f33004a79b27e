/* The traceback of spec 4.7.1 as a state machine that counts columns instead of writing strings. It
 * is shared by every engine: an engine only says how the four bits of a cell are fetched. The walk
 * can be stopped at a column and resumed, which is what tiled engines need. It carries the score of
 * the cell it stands on, so that a path that does not explain its score is noticed.
 * Inline only; a walk belongs to one thread. */
#ifndef ALIGN_ALIGN_WALK_H
#define ALIGN_ALIGN_WALK_H

#include <stddef.h>
#include <stdint.h>

#include "pipeline/align/align.h"
#include "pipeline/align/align_matrix.h"

enum align_form {
	ALIGN_NW,
	ALIGN_SW,
};

/* Bits of one cell. */
enum {
	CELL_DIAGONAL = 1,  /* H == D */
	CELL_DEL = 2,       /* H == F */
	CELL_INS_OPENS = 4, /* H(i,j-1) - open > E(i,j-1) - extend */
	CELL_DEL_OPENS = 8, /* H(i-1,j) - open > F(i-1,j) - extend */
};

enum align_state {
	STATE_DIAGONAL,
	STATE_INS,
	STATE_DEL,
};

struct align_path { /* what is counted along the way */
	int32_t score;
	uint32_t identical;
	uint32_t similar;
	uint32_t gaps;
	uint32_t columns;
};

struct align_walk {
	struct align_text query;
	struct align_text ref;
	enum align_form form;
	enum align_state state;
	size_t i, j;   /* residues of query and reference not yet emitted */
	int32_t score; /* of H, E or F, by state, at (i, j) */
	int finished;
	struct align_path path;
};

/* Score of H(k, 0) and H(0, k). */
static inline int32_t align_border(enum align_form form, size_t k)
{
	if (form == ALIGN_SW || k == 0)
		return 0;
	return -ALIGN_GAP_OPEN - (int32_t)(k - 1) * ALIGN_GAP_EXTEND;
}

/* From (i, j), whose H is `score`. For an empty local alignment i = j = 0. */
static inline void walk_start(struct align_walk *w, enum align_form form, struct align_text query,
			      struct align_text ref, size_t i, size_t j, int32_t score)
{
	*w = (struct align_walk){.query = query, .ref = ref, .form = form, .i = i, .j = j};
	w->score = w->path.score = score;
}

static inline void walk_pair(struct align_walk *w)
{
	unsigned char a = (unsigned char)w->query.bytes[--w->i];
	unsigned char b = (unsigned char)w->ref.bytes[--w->j];
	unsigned ca = align_code[a], cb = align_code[b];
	int s = align_scores[ca][cb];

	w->path.columns++;
	w->path.identical += a == b && a != '-';
	w->path.similar += ca == cb || s > 0;
	w->path.gaps += (uint32_t)(a == '-') + (b == '-'); /* literal ones count: spec B.6 */
	w->score -= s;
}

static inline void walk_gap_in_query(struct align_walk *w)
{
	w->path.columns++;
	w->path.gaps += 1u + (w->ref.bytes[--w->j] == '-');
}

static inline void walk_gap_in_ref(struct align_walk *w)
{
	w->path.columns++;
	w->path.gaps += 1u + (w->query.bytes[--w->i] == '-');
}

/* A border is reached: the rest of a global alignment is one gap. */
static inline void walk_border(struct align_walk *w)
{
	if (w->form == ALIGN_NW) {
		w->score -= align_border(ALIGN_NW, w->i + w->j);
		while (w->i)
			walk_gap_in_ref(w);
		while (w->j)
			walk_gap_in_query(w);
	}
	w->finished = 1;
}

static inline void walk_step(struct align_walk *w, unsigned cell)
{
	switch (w->state) {
	case STATE_DIAGONAL:
		if (cell & CELL_DIAGONAL)
			walk_pair(w);
		else
			w->state = cell & CELL_DEL ? STATE_DEL : STATE_INS;
		break;
	case STATE_INS:
		walk_gap_in_query(w);
		w->score += cell & CELL_INS_OPENS ? ALIGN_GAP_OPEN : ALIGN_GAP_EXTEND;
		w->state = cell & CELL_INS_OPENS ? STATE_DIAGONAL : STATE_INS;
		break;
	case STATE_DEL:
		walk_gap_in_ref(w);
		w->score += cell & CELL_DEL_OPENS ? ALIGN_GAP_OPEN : ALIGN_GAP_EXTEND;
		w->state = cell & CELL_DEL_OPENS ? STATE_DIAGONAL : STATE_DEL;
		break;
	}
}

/* Does the walk need a cell of a column > `column` next? Ends it when it is through. */
static inline int walk_needs(struct align_walk *w, size_t column)
{
	if (w->finished)
		return 0;
	if (w->i == 0 || w->j == 0) {
		walk_border(w);
		return 0;
	}
	if (w->form == ALIGN_SW && w->state == STATE_DIAGONAL && w->score == 0) {
		w->finished = 1; /* H == 0 implies H == D */
		return 0;
	}
	return w->j > column;
}

/* Has the path, from its end to its start, used up the score exactly? */
static inline int walk_explains_score(const struct align_walk *w)
{
	return w->finished && w->score == 0;
}

#endif
