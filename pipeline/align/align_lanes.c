/* The fast engine: groups of pairs, their memory, and the walks: see align_lanes.h. A group whose
 * traceback bits do not fit the budget is computed without them first, keeping columns of H and E at
 * intervals, and then once more, interval by interval from the right, with them. */
#include "pipeline/align/align_lanes.h"

#include "pipeline/core/cancel.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

struct lanes {
	const struct align_kernel *kernel;
	const struct lane_pair *pairs;
	size_t n;
	struct lane_group group;
	size_t stride;       /* columns whose bits are held at once */
	size_t state_values; /* int16 of one of h and e */
	int16_t *kept;       /* [(columns - 1) / stride][2][state_values] */
	unsigned char *bits; /* [stride][rows] records */
	struct align_walk walks[LANES_MAX];
};

const struct align_kernel *align_kernel_choose(void)
{
	const char *wish = getenv("PROTEA_SIMD");
	int portable = wish && strcmp(wish, "portable") == 0;
	int avx2 = wish && strcmp(wish, "avx2") == 0;

	if (portable || !__builtin_cpu_supports("avx2"))
		return NULL;
	if (!avx2 && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw"))
		return &align_kernel_avx512;
	return &align_kernel_avx2;
}

/* The best any alignment could make of this text: every letter with its best partner. */
static size_t best_possible(struct align_text text)
{
	/* largest score of each row of the table, 0 for X and `*`'s negative rows */
	static const uint8_t row_best[ALIGN_LETTERS] = {4, 5, 6, 6, 9, 5,  5, 6, 8, 4, 4, 5,
							5, 6, 7, 4, 5, 11, 7, 4, 4, 4, 0, 1};
	size_t sum = 0;

	for (size_t i = 0; i < text.len; i++)
		sum += row_best[align_code[(unsigned char)text.bytes[i]]];
	return sum;
}

int align_lanes_take(struct align_text query, struct align_text ref)
{
	struct align_text shorter = query.len < ref.len ? query : ref;

	if (query.len + ref.len > LANES_MAX_EXTENT)
		return 0;
	/* 11 is the largest score of all: most pairs need no closer look */
	return shorter.len * 11 <= LANES_MAX_SCORE || best_possible(query) <= LANES_MAX_SCORE ||
	       best_possible(ref) <= LANES_MAX_SCORE;
}

/* ---- size and memory ------------------------------------------------------------------------ */

static void measure(struct lanes *l)
{
	struct lane_group *g = &l->group;

	for (size_t i = 0; i < l->n; i++) {
		if (l->pairs[i].query.len > g->rows)
			g->rows = l->pairs[i].query.len;
		if (l->pairs[i].ref.len > g->columns)
			g->columns = l->pairs[i].ref.len;
	}
	g->row_stride = (g->rows + LOOKUP_ROWS - 1) / LOOKUP_ROWS * LOOKUP_ROWS;
	l->state_values = (g->rows + 1) * l->kernel->lanes;
}

static size_t fixed_bytes(const struct lanes *l)
{
	const struct lane_group *g = &l->group;
	size_t lanes = l->kernel->lanes;

	return 3 * slab_size(lanes * g->row_stride) + slab_size(lanes * g->columns) +
	       2 * slab_size(l->state_values * sizeof(int16_t));
}

static size_t kept_bytes(const struct lanes *l)
{
	return slab_size((l->group.columns - 1) / l->stride * 2 * l->state_values *
			 sizeof(int16_t));
}

static size_t bits_bytes(const struct lanes *l)
{
	return slab_size(l->stride * l->group.rows * l->kernel->cell_bytes);
}

/* All columns at once if they fit, else the stride that needs the least memory: a kept column weighs
 * as much as the bits of 8 columns, so stride + 8 * columns / stride is smallest at the root. */
static int choose_stride(struct lanes *l, size_t budget)
{
	size_t columns = l->group.columns;

	l->stride = columns;
	if (fixed_bytes(l) + bits_bytes(l) <= budget)
		return 0;
	l->stride = (size_t)sqrt(8.0 * (double)columns) + 1;
	if (l->stride > columns)
		l->stride = columns;
	return fixed_bytes(l) + kept_bytes(l) + bits_bytes(l) <= budget ? 0 : -1;
}

/* Cells a lane computes in the time the scalar engine computes one, rounded down from measurements
 * of 300-residue proteins with AVX2; only speed depends on it. */
#define LANE_SPEEDUP 1

static int lanes_pay(const struct lanes *l)
{
	const struct lane_group *g = &l->group;
	size_t passes = l->stride < g->columns ? 2 : 1, cells = 0;

	for (size_t i = 0; i < l->n; i++)
		cells += l->pairs[i].query.len * l->pairs[i].ref.len;
	return passes * g->rows * g->columns <= cells * LANE_SPEEDUP;
}

static int lay_out(struct lanes *l, struct align_workspace *w, struct err *err)
{
	struct lane_group *g = &l->group;
	size_t lanes = l->kernel->lanes, state_bytes = l->state_values * sizeof(int16_t);
	unsigned char *at = workspace_slab(w, fixed_bytes(l) + kept_bytes(l) + bits_bytes(l));

	if (!at)
		return err_nomem(err, "a group of alignments");
	g->query_low = slab_cut(&at, lanes * g->row_stride);
	g->query_high = slab_cut(&at, lanes * g->row_stride);
	g->scores = slab_cut(&at, lanes * g->row_stride);
	g->ref = slab_cut(&at, lanes * g->columns);
	g->h = slab_cut(&at, state_bytes);
	g->e = slab_cut(&at, state_bytes);
	l->kept = slab_cut(&at, kept_bytes(l));
	l->bits = slab_cut(&at, bits_bytes(l));
	return 0;
}

/* ---- letters -------------------------------------------------------------------------------- */

static void put_code(struct lane_group *g, size_t at, uint8_t code)
{
	g->query_low[at] = code < 16 ? code : 0x80;
	g->query_high[at] = code < 16 ? 0x80 : (uint8_t)(code - 16);
}

static void encode_lane(struct lanes *l, size_t lane)
{
	struct align_text query = {0}, ref = {0};
	struct lane_group *g = &l->group;

	if (lane < l->n) { /* lanes without a pair are all filling */
		query = l->pairs[lane].query;
		ref = l->pairs[lane].ref;
	}
	for (size_t i = 0; i < g->row_stride; i++)
		put_code(g, lane * g->row_stride + i,
			 i < query.len ? align_code[(unsigned char)query.bytes[i]] : ALIGN_PAD);
	for (size_t j = 0; j < g->columns; j++)
		g->ref[j * l->kernel->lanes + lane] =
			j < ref.len ? align_code[(unsigned char)ref.bytes[j]] : ALIGN_PAD;
}

static void encode(struct lanes *l)
{
	for (size_t a = 0; a < ALIGN_CODES; a++)
		for (size_t b = 0; b < ALIGN_ROW; b++)
			l->group.table[a][b] = (int8_t)(align_scores[a][b] + ALIGN_GAP_OPEN);
	for (size_t lane = 0; lane < l->kernel->lanes; lane++)
		encode_lane(l, lane);
}

/* ---- columns -------------------------------------------------------------------------------- */

static void first_column(struct lanes *l)
{
	struct lane_group *g = &l->group;
	size_t lanes = l->kernel->lanes;

	for (size_t i = 0; i <= g->rows; i++) {
		int16_t border = (int16_t)(align_border(g->form, i) - ALIGN_GAP_OPEN);

		for (size_t lane = 0; lane < lanes; lane++) {
			g->h[i * lanes + lane] = border;
			g->e[i * lanes + lane] = LANES_MINUS_INFINITY;
		}
	}
}

static int16_t *kept_column(const struct lanes *l, size_t piece)
{
	return l->kept + (piece - 1) * 2 * l->state_values;
}

static void keep_column(struct lanes *l, size_t piece)
{
	int16_t *to = kept_column(l, piece);

	memcpy(to, l->group.h, l->state_values * sizeof *to);
	memcpy(to + l->state_values, l->group.e, l->state_values * sizeof *to);
}

/* The column before piece `piece`, as far down as row `rows`. */
static void restore_column(struct lanes *l, size_t piece, size_t rows)
{
	size_t values = (rows + 1) * l->kernel->lanes;
	const int16_t *from;

	if (piece == 0) {
		first_column(l);
		return;
	}
	from = kept_column(l, piece);
	memcpy(l->group.h, from, values * sizeof *from);
	memcpy(l->group.e, from + l->state_values, values * sizeof *from);
}

/* Global alignments that end in column `column` start their walk; their score is there now. */
static void start_global(struct lanes *l, size_t column)
{
	for (size_t i = 0; i < l->n; i++) {
		const struct lane_pair *p = &l->pairs[i];
		size_t at = p->query.len * l->kernel->lanes + i;

		if (p->ref.len == column)
			walk_start(&l->walks[i], ALIGN_NW, p->query, p->ref, p->query.len, column,
				   l->group.h[at] + ALIGN_GAP_OPEN);
	}
}

static void start_local(struct lanes *l)
{
	const struct lane_group *g = &l->group;

	for (size_t i = 0; i < l->n; i++)
		walk_start(&l->walks[i], ALIGN_SW, l->pairs[i].query, l->pairs[i].ref,
			   (size_t)g->best_i[i], (size_t)g->best_j[i], g->best[i]);
}

/* The next column after `column` at which something has to be done: a piece ends or a global
 * alignment does. */
static size_t next_stop(const struct lanes *l, size_t column)
{
	size_t stop = (column / l->stride + 1) * l->stride;

	if (stop > l->group.columns)
		stop = l->group.columns;
	for (size_t i = 0; l->group.form == ALIGN_NW && i < l->n; i++)
		if (l->pairs[i].ref.len > column && l->pairs[i].ref.len < stop)
			stop = l->pairs[i].ref.len;
	return stop;
}

/* The pass that finds scores and starts the walks. */
static int score_all(struct lanes *l, struct err *err)
{
	struct lane_group *g = &l->group;
	int direct = l->stride == g->columns;

	memset(g->best, 0, sizeof g->best);
	memset(g->best_i, 0, sizeof g->best_i);
	memset(g->best_j, 0, sizeof g->best_j);
	first_column(l);
	for (size_t at = 0, to; at < g->columns; at = to) {
		unsigned char *bits = l->bits + at * g->rows * l->kernel->cell_bytes;
		int rc = direct ? 0 : cancel_check(err);

		if (rc != 0)
			return rc;
		to = next_stop(l, at);
		l->kernel->columns(g, g->rows, at, to, direct ? bits : NULL);
		if (g->form == ALIGN_NW)
			start_global(l, to);
		if (to % l->stride == 0 && to < g->columns)
			keep_column(l, to / l->stride);
	}
	if (g->form == ALIGN_SW)
		start_local(l);
	return 0;
}

/* ---- walks ---------------------------------------------------------------------------------- */

static void walk_lane(struct lanes *l, size_t lane, size_t rows, size_t from)
{
	const struct align_kernel *k = l->kernel;
	struct align_walk *w = &l->walks[lane];

	while (walk_needs(w, from)) {
		size_t cell = (w->j - 1 - from) * rows + w->i - 1;

		walk_step(w, k->cell(l->bits + cell * k->cell_bytes, (unsigned)lane));
	}
}

/* Rows and columns that the walks within the piece starting at `from` still need. */
static void needed(struct lanes *l, size_t from, size_t *rows, size_t *to)
{
	*rows = 0;
	*to = from;
	for (size_t i = 0; i < l->n; i++) {
		struct align_walk *w = &l->walks[i];

		if (!walk_needs(w, from))
			continue;
		if (w->i > *rows)
			*rows = w->i;
		if (w->j > *to)
			*to = w->j;
	}
}

static int walk_pieces(struct lanes *l, struct err *err)
{
	size_t piece = (l->group.columns - 1) / l->stride + 1;

	while (piece-- > 0) {
		size_t from = piece * l->stride, rows, to;
		int rc = cancel_check(err);

		if (rc != 0)
			return rc;
		needed(l, from, &rows, &to);
		if (to == from)
			continue;
		restore_column(l, piece, rows);
		l->kernel->columns(&l->group, rows, from, to, l->bits);
		for (size_t i = 0; i < l->n; i++)
			walk_lane(l, i, rows, from);
	}
	return 0;
}

static int run_form(struct lanes *l, enum align_form form, struct align_path *paths,
		    struct err *err)
{
	int rc;

	l->group.form = form;
	rc = score_all(l, err);
	if (rc == 0 && l->stride < l->group.columns)
		rc = walk_pieces(l, err);
	for (size_t i = 0; rc == 0 && i < l->n; i++) {
		if (l->stride == l->group.columns)
			walk_lane(l, i, l->group.rows, 0);
		rc = align_check_path(&l->walks[i], err);
		paths[i] = l->walks[i].path;
	}
	return rc;
}

int align_lanes(const struct align_kernel *k, struct align_workspace *w,
		const struct lane_pair *pairs, size_t n, struct align_values *out, struct err *err)
{
	struct lanes l = {.kernel = k, .pairs = pairs, .n = n};
	struct align_path nw[LANES_MAX], sw[LANES_MAX];
	int rc;

	measure(&l);
	if (l.group.rows + l.group.columns > LANES_MAX_EXTENT ||
	    choose_stride(&l, w->budget) != 0 || !lanes_pay(&l))
		return ERR_UNSUPPORTED;
	rc = lay_out(&l, w, err);
	if (rc != 0)
		return rc;
	encode(&l);
	rc = run_form(&l, ALIGN_NW, nw, err);
	if (rc == 0)
		rc = run_form(&l, ALIGN_SW, sw, err);
	for (size_t i = 0; rc == 0 && i < n; i++)
		align_fill_values(&nw[i], &sw[i], pairs[i].query, pairs[i].ref, &out[i]);
	return rc;
}
