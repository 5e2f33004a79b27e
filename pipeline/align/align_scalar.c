/* The engine for any pair: the recurrences of spec 4.7.1 one cell at a time, column by column (the
 * reference outside, so that the first maximum met is the one the spec wants), a byte of traceback
 * bits per cell. When n * m bytes do not fit the budget, columns of H and E are kept at intervals
 * and the blocks between them are computed again, last first, as the walk comes down to them; blocks
 * that are still too large are cut the same way once more. The path does not depend on any of this.
 * A workspace belongs to one thread. */
#include "pipeline/align/align_internal.h"

#include "pipeline/core/cancel.h"

#include <string.h>

/* Far below every score (see ALIGN_MAX_LEN), and no step leads below INT32_MIN from here. */
#define MINUS_INFINITY (INT32_MIN / 2)

struct scalar {
	enum align_form form;
	size_t n, m;    /* rows: query; columns: reference */
	uint8_t *query; /* codes */
	uint8_t *ref;
	int32_t *h, *e;      /* [n + 1] the column computed last */
	size_t leaf_columns; /* widest block whose bits fit */
	size_t slots;        /* kept columns of each level of cutting */
	size_t levels;       /* 0: everything is one leaf */
	size_t state_bytes;  /* of one kept column */
	unsigned char *kept; /* [levels * slots] */
	uint8_t *bits;       /* [leaf_columns][n] */
	int32_t best;        /* local: the largest H, first by column, then by row */
	size_t best_i, best_j;
	struct align_walk walk;
};

/* Columns (from, to] of the rows 1 … rows, starting from the column `from` in h and e. */
static inline __attribute__((always_inline)) void columns_of(struct scalar *s, size_t rows,
							     size_t from, size_t to, uint8_t *bits,
							     int local, int store)
{
	int32_t *h = s->h, *e = s->e;
	const uint8_t *query = s->query;

	for (size_t j = from + 1; j <= to; j++) {
		const int8_t *scores = align_scores[s->ref[j - 1]];
		int32_t diagonal = h[0], up = local ? 0 : align_border(ALIGN_NW, j);
		int32_t f = MINUS_INFINITY;

		h[0] = up;
		for (size_t i = 1; i <= rows; i++) {
			int32_t ins_open = h[i] - ALIGN_GAP_OPEN,
				ins_more = e[i] - ALIGN_GAP_EXTEND;
			int32_t del_open = up - ALIGN_GAP_OPEN, del_more = f - ALIGN_GAP_EXTEND;
			int32_t d = diagonal + scores[query[i - 1]];
			int32_t ins = ins_open > ins_more ? ins_open : ins_more;

			if (local && d < 0)
				d = 0;
			f = del_open > del_more ? del_open : del_more;
			up = d > ins ? d : ins;
			up = up > f ? up : f;
			diagonal = h[i];
			h[i] = up;
			e[i] = ins;
			if (store)
				*bits++ =
					(uint8_t)((up == d) * CELL_DIAGONAL + (up == f) * CELL_DEL +
						  (ins_open > ins_more) * CELL_INS_OPENS +
						  (del_open > del_more) * CELL_DEL_OPENS);
			if (local && up > s->best) {
				s->best = up;
				s->best_i = i;
				s->best_j = j;
			}
		}
	}
}

static void forward(struct scalar *s, size_t rows, size_t from, size_t to)
{
	if (s->form == ALIGN_SW)
		columns_of(s, rows, from, to, NULL, 1, 0);
	else
		columns_of(s, rows, from, to, NULL, 0, 0);
}

static void forward_with_bits(struct scalar *s, size_t rows, size_t from, size_t to)
{
	if (s->form == ALIGN_SW)
		columns_of(s, rows, from, to, s->bits, 1, 1);
	else
		columns_of(s, rows, from, to, s->bits, 0, 1);
}

static void first_column(struct scalar *s, size_t rows)
{
	for (size_t i = 0; i <= rows; i++) {
		s->h[i] = align_border(s->form, i);
		s->e[i] = MINUS_INFINITY;
	}
}

static int32_t *kept_column(const struct scalar *s, size_t level, size_t slot)
{
	return (int32_t *)(void *)(s->kept + (level * s->slots + slot) * s->state_bytes);
}

static void keep_column(struct scalar *s, size_t rows, size_t level, size_t slot)
{
	int32_t *to = kept_column(s, level, slot);

	memcpy(to, s->h, (rows + 1) * sizeof *to);
	memcpy(to + s->n + 1, s->e, (rows + 1) * sizeof *to);
}

static void restore_column(struct scalar *s, size_t rows, const int32_t *from)
{
	if (!from) {
		first_column(s, rows);
		return;
	}
	memcpy(s->h, from, (rows + 1) * sizeof *from);
	memcpy(s->e, from + s->n + 1, (rows + 1) * sizeof *from);
}

/* Distance of the columns kept in a block of `columns`. */
static size_t stride_of(const struct scalar *s, size_t columns)
{
	return (columns + s->slots) / (s->slots + 1);
}

static void walk_leaf(struct scalar *s, size_t rows, size_t from)
{
	struct align_walk *w = &s->walk;

	while (walk_needs(w, from))
		walk_step(w, s->bits[(w->j - 1 - from) * rows + w->i - 1]);
}

static int trace_block(struct scalar *s, size_t level, const int32_t *start, size_t from,
		       struct err *err);

/* The pieces of a block between the columns kept at `level`, last first. */
static int trace_pieces(struct scalar *s, size_t level, const int32_t *start, size_t from,
			size_t stride, struct err *err)
{
	while (walk_needs(&s->walk, from)) {
		size_t piece = (s->walk.j - 1 - from) / stride;
		const int32_t *column = piece ? kept_column(s, level, piece - 1) : start;
		int rc = trace_block(s, level + 1, column, from + piece * stride, err);

		if (rc != 0)
			return rc;
	}
	return 0;
}

/* Walks from where the walk stands down to column `from`, whose H and E are in `start` (NULL: it is
 * column 0). Only the rows at and above the walk matter from here on. */
static int trace_block(struct scalar *s, size_t level, const int32_t *start, size_t from,
		       struct err *err)
{
	size_t rows = s->walk.i, columns = s->walk.j - from, stride, at, slot;
	int rc = cancel_check(err);

	if (rc != 0)
		return rc;
	restore_column(s, rows, start);
	if (columns <= s->leaf_columns) {
		forward_with_bits(s, rows, from, from + columns);
		walk_leaf(s, rows, from);
		return 0;
	}
	stride = stride_of(s, columns);
	for (at = from, slot = 0; from + columns - at > stride; at += stride, slot++) {
		forward(s, rows, at, at + stride);
		keep_column(s, rows, level, slot);
	}
	return trace_pieces(s, level, start, from, stride, err);
}

/* The first pass over everything: scores, and either all bits or the columns of level 0. */
static int score_all(struct scalar *s, size_t stride, struct err *err)
{
	first_column(s, s->n);
	if (s->levels == 0) {
		forward_with_bits(s, s->n, 0, s->m);
		return 0;
	}
	for (size_t at = 0, slot = 0; at < s->m; at += stride, slot++) {
		size_t to = s->m - at > stride ? at + stride : s->m;
		int rc = cancel_check(err);

		if (rc != 0)
			return rc;
		forward(s, s->n, at, to);
		if (to < s->m)
			keep_column(s, s->n, 0, slot);
	}
	return 0;
}

static void start_walk(struct scalar *s, struct align_text query, struct align_text ref)
{
	if (s->form == ALIGN_NW)
		walk_start(&s->walk, ALIGN_NW, query, ref, s->n, s->m, s->h[s->n]);
	else
		walk_start(&s->walk, ALIGN_SW, query, ref, s->best_i, s->best_j, s->best);
}

/* Bytes that are needed however the matrix is cut: codes and the running column. */
static size_t fixed_bytes(size_t n, size_t m)
{
	return slab_size(n) + slab_size(m) + 2 * slab_size((n + 1) * sizeof(int32_t));
}

/* Cuts the matrix so that everything fits `room` bytes: half of it for the bits of a leaf, the rest
 * for kept columns, spread over as few levels as reach the leaf's width. 0 or -1. */
static int plan_pieces(struct scalar *s, size_t room)
{
	size_t all;

	s->state_bytes = slab_size(2 * (s->n + 1) * sizeof(int32_t));
	if (s->m <= room / s->n) {
		s->leaf_columns = s->m;
		return 0;
	}
	s->leaf_columns = room / 2 / s->n;
	if (s->leaf_columns == 0)
		return -1;
	all = (room - s->leaf_columns * s->n) / s->state_bytes;
	for (s->levels = 1; all / s->levels > 0; s->levels++) {
		size_t reach = s->leaf_columns, level;

		s->slots = all / s->levels;
		for (level = 0; level < s->levels && reach < s->m; level++)
			reach *= s->slots + 1;
		if (reach >= s->m)
			return 0;
	}
	return -1;
}

static int lay_out(struct scalar *s, struct align_workspace *w, struct err *err)
{
	size_t fixed = fixed_bytes(s->n, s->m), columns_bytes;
	unsigned char *at;

	/* 64: the kept columns and the bits are cut at multiples of it */
	if (w->budget < fixed + 64 || plan_pieces(s, w->budget - fixed - 64) != 0)
		return err_set(err, ERR_LIMIT,
			       "cannot align %zu with %zu residues within %zu bytes of memory per "
			       "thread: raise the memory limit",
			       s->n, s->m, w->budget);
	columns_bytes = s->levels * s->slots * s->state_bytes;
	at = workspace_slab(w, fixed + columns_bytes + slab_size(s->leaf_columns * s->n));
	if (!at)
		return err_nomem(err, "an alignment");
	s->query = slab_cut(&at, s->n);
	s->ref = slab_cut(&at, s->m);
	s->h = slab_cut(&at, (s->n + 1) * sizeof *s->h);
	s->e = slab_cut(&at, (s->n + 1) * sizeof *s->e);
	s->kept = slab_cut(&at, columns_bytes);
	s->bits = slab_cut(&at, s->leaf_columns * s->n);
	return 0;
}

static void encode(uint8_t *codes, struct align_text text)
{
	for (size_t i = 0; i < text.len; i++)
		codes[i] = align_code[(unsigned char)text.bytes[i]];
}

int align_scalar(struct align_workspace *w, enum align_form form, struct align_text query,
		 struct align_text ref, struct align_path *path, struct err *err)
{
	struct scalar s = {.form = form, .n = query.len, .m = ref.len};
	size_t stride;
	int rc = lay_out(&s, w, err);

	if (rc != 0)
		return rc;
	encode(s.query, query);
	encode(s.ref, ref);
	stride = stride_of(&s, s.m);
	rc = score_all(&s, stride, err);
	if (rc != 0)
		return rc;
	start_walk(&s, query, ref);
	if (s.levels == 0)
		walk_leaf(&s, s.n, 0);
	else
		rc = trace_pieces(&s, 0, NULL, 0, stride, err);
	if (rc == 0)
		rc = align_check_path(&s.walk, err);
	*path = s.walk.path;
	return rc;
}
