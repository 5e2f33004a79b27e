/* The fast engine: strips of one pair, what is kept of them, and where the best cell is: see
 * align_strips.h. When rows and marks of all strips do not fit the budget, strips are taken in blocks:
 * of each only the row above it is kept, and a block that a walk comes to is swept again. */
#include "pipeline/align/align_strips.h"

#include "pipeline/core/cancel.h"

#include <string.h>

/* References longer than this part of an interval make it longer: marks cost memory, and the way from
 * a mark to a walk costs time that is small against a sweep over a long reference. */
#define COLUMNS_PER_MARK 64
#define LEAST_INTERVAL   ((size_t)32)

static size_t round_up(size_t n, size_t to)
{
	return (n + to - 1) / to * to;
}

/* ---- size and memory ------------------------------------------------------------------------ */

struct sizes { /* bytes */
	size_t sweep, codes, profile, best, stretch, rises, rows, kept, marks, bases, all;
};

static size_t row_set(const struct strips *s)
{
	return ROW_ARRAYS * s->row_bytes;
}

static struct sizes measure(const struct strips *s)
{
	size_t lanes = s->kernel->lanes, stretch = stretch_steps(lanes, s->sweep->interval);
	struct sizes z = {
		.sweep = slab_size(sizeof *s->sweep),
		.codes = slab_size(s->count * lanes) + s->profile_stride,
		.profile = ALIGN_CODES * s->profile_stride,
		.best = slab_size(s->count * lanes * sizeof *s->best) +
			slab_size(s->count * lanes * sizeof *s->group),
		.stretch = slab_size(stretch * BITS_OF_A_STEP * lanes / 8),
		.rises = slab_size(stretch * lanes),
		.rows = (s->in_block + 1) * row_set(s),
		.kept = s->blocks > 1 ? s->blocks * row_set(s) : 0,
		.marks = slab_size(s->in_block * s->marks * MARK_VECTORS * lanes),
		.bases = slab_size(s->in_block * s->marks * sizeof *s->mark_base),
	};

	z.all = z.sweep + z.codes + z.profile + z.best + z.stretch + z.rises + z.rows + z.kept +
		z.marks + z.bases;
	return z;
}

static void set_interval(struct strips *s, size_t interval)
{
	s->sweep->interval = interval;
	s->marks = (s->sweep->steps + interval - 1) / interval;
}

/* Sizes of everything for these lengths, within `budget` if possible. 0 or -1. */
static int plan(struct strips *s, size_t n, size_t m, size_t budget)
{
	size_t lanes = s->kernel->lanes, interval = LEAST_INTERVAL;

	s->count = (n + lanes - 1) / lanes;
	s->sweep->steps = round_up(m + lanes - 1, CHUNK_STEPS);
	s->row_bytes = round_up(s->sweep->steps + 16 + lanes, 64);
	s->profile_stride = round_up(lanes + s->sweep->steps + 16, 64);
	while (interval < MAX_INTERVAL && m > interval * COLUMNS_PER_MARK)
		interval *= 2;
	set_interval(s, interval);
	s->in_block = s->count;
	s->blocks = 1;
	while (measure(s).all > budget && s->sweep->interval < MAX_INTERVAL)
		set_interval(s, 2 * s->sweep->interval);
	while (measure(s).all > budget && s->in_block > 1) {
		s->in_block--;
		s->blocks = (s->count + s->in_block - 1) / s->in_block;
	}
	return measure(s).all <= budget ? 0 : -1;
}

size_t align_strips_memory(size_t lanes, size_t query_len, size_t ref_len)
{
	struct align_kernel kernel = {.lanes = lanes};
	struct align_sweep sweep;
	struct strips s = {.kernel = &kernel, .sweep = &sweep};

	plan(&s, query_len, ref_len, SIZE_MAX);
	return measure(&s).all;
}

static int lay_out(struct strips *s, struct align_workspace *w, struct err *err)
{
	struct align_sweep planned;
	struct sizes z;
	unsigned char *at;

	s->sweep = &planned;
	if (plan(s, s->query.len, s->ref.len, w->budget) != 0)
		return err_set(err, ERR_LIMIT, "no strip fits %zu bytes", w->budget);
	z = measure(s);
	at = workspace_slab(w, z.all);
	if (!at)
		return err_nomem(err, "an alignment");
	s->sweep = slab_cut(&at, z.sweep);
	s->sweep->steps = planned.steps;
	s->sweep->interval = planned.interval;
	s->ref_code = slab_cut(&at, s->profile_stride);
	s->query_code = slab_cut(&at, z.codes - s->profile_stride);
	s->profile = slab_cut(&at, z.profile);
	s->best = slab_cut(&at, s->count * s->kernel->lanes * sizeof *s->best);
	s->group = slab_cut(&at, s->count * s->kernel->lanes * sizeof *s->group);
	s->bits = slab_cut(&at, z.stretch);
	s->rises = slab_cut(&at, z.rises);
	s->rows = slab_cut(&at, z.rows);
	s->kept = s->blocks > 1 ? slab_cut(&at, z.kept) : NULL;
	s->mark = slab_cut(&at, z.marks);
	s->mark_base = slab_cut(&at, z.bases);
	return 0;
}

/* ---- texts ---------------------------------------------------------------------------------- */

static void fill_table(int8_t table[ALIGN_ROW], size_t code)
{
	for (size_t b = 0; b < ALIGN_ROW; b++)
		table[b] = code < ALIGN_LETTERS && b < ALIGN_LETTERS
				   ? (int8_t)(align_scores[code][b] + LANES_SHIFT)
				   : LANES_PAD_SCORE;
}

static void encode(struct strips *s)
{
	size_t lanes = s->kernel->lanes;
	uint8_t wanted[ALIGN_CODES] = {0};
	int8_t table[ALIGN_ROW] __attribute__((aligned(64)));

	memset(s->ref_code, ALIGN_PAD, lanes);
	for (size_t j = 0; j < s->ref.len; j++)
		s->ref_code[lanes + j] = align_code[(unsigned char)s->ref.bytes[j]];
	memset(s->ref_code + lanes + s->ref.len, ALIGN_PAD, s->profile_stride - lanes - s->ref.len);
	for (size_t i = 0; i < s->query.len; i++) {
		uint8_t code = align_code[(unsigned char)s->query.bytes[i]];

		s->query_code[i] = code;
		wanted[code] = 1;
	}
	memset(s->query_code + s->query.len, ALIGN_PAD, s->count * lanes - s->query.len);
	wanted[ALIGN_PAD] = s->query.len % lanes != 0;
	for (size_t code = 0; code < ALIGN_CODES; code++) {
		if (!wanted[code])
			continue;
		fill_table(table, code);
		s->kernel->profile(table, s->ref_code, s->profile_stride,
				   s->profile + code * s->profile_stride);
	}
}

/* ---- strips --------------------------------------------------------------------------------- */

/* Column 0 of an array of a row. */
static int8_t *row_of(const struct strips *s, size_t number, int array)
{
	return s->rows + number * row_set(s) + (size_t)array * s->row_bytes + s->row_bytes -
	       s->kernel->lanes;
}

/* Columns behind the end of a text: H stays what it was, and counts as too large for a zero to win, so
 * that everything below is less. */
static void fill_row(const struct strips *s, size_t number, size_t from)
{
	static const int8_t value[ROW_ARRAYS] = {
		[ROW_V_NW] = 0,
		[ROW_B_NW] = LANES_SHIFT - ALIGN_GAP_OPEN - ALIGN_GAP_EXTEND,
		[ROW_V_SW] = ALIGN_GAP_EXTEND,
		[ROW_B_SW] = LANES_SHIFT - ALIGN_GAP_OPEN,
		[ROW_K] = -100,
	};

	for (int a = 0; a < ROW_ARRAYS; a++)
		memset(row_of(s, number, a) - (s->sweep->steps - 1), value[a],
		       s->sweep->steps - from);
}

/* Row 0: the borders of spec 4.7.1 as differences. */
static void first_row(const struct strips *s)
{
	fill_row(s, 0, 0);
	memset(row_of(s, 0, ROW_K) - (s->sweep->steps - 1), LANES_SHIFT, s->sweep->steps);
	*row_of(s, 0, ROW_V_NW) = ALIGN_GAP_EXTEND - ALIGN_GAP_OPEN;
	*row_of(s, 0, ROW_B_NW) = LANES_SHIFT - 2 * ALIGN_GAP_OPEN;
}

/* The sweep's arrays of a strip of the block at hand, or of the one to be. */
static void point_at(struct strips *s, size_t strip, size_t block)
{
	struct align_sweep *m = s->sweep;
	size_t lanes = s->kernel->lanes, number = strip - block * s->in_block;

	for (size_t lane = 0; lane < lanes; lane++)
		m->score[lane] = s->profile +
				 s->query_code[strip * lanes + lane] * s->profile_stride + lanes -
				 lane;
	for (int a = 0; a < ROW_ARRAYS; a++) {
		m->top[a] = row_of(s, number, a);
		m->bottom[a] = row_of(s, number + 1, a);
	}
	m->marks = s->mark + number * s->marks * MARK_VECTORS * lanes;
	m->mark_base = s->mark_base + number * s->marks;
	memset(m->left_u, 0, lanes);
	memset(m->left_a, LANES_SHIFT - ALIGN_GAP_OPEN - ALIGN_GAP_EXTEND, lanes);
	if (strip == 0) {
		m->left_u[0] = ALIGN_GAP_EXTEND - ALIGN_GAP_OPEN;
		m->left_a[0] = LANES_SHIFT - 2 * ALIGN_GAP_OPEN;
	}
}

static int sweep_block(struct strips *s, size_t block, struct err *err)
{
	size_t lanes = s->kernel->lanes, first = block * s->in_block;
	size_t end = s->count - first > s->in_block ? first + s->in_block : s->count;

	if (block == 0)
		first_row(s);
	else
		memcpy(s->rows, s->kept + block * row_set(s), row_set(s));
	for (size_t strip = first; strip < end; strip++) {
		int rc = cancel_check(err);

		if (rc != 0)
			return rc;
		point_at(s, strip, block);
		s->kernel->sweep(s->sweep);
		fill_row(s, strip - first + 1, s->ref.len);
		memcpy(s->best + strip * lanes, s->sweep->exact, lanes * sizeof *s->best);
		for (size_t lane = 0; lane < lanes; lane++)
			s->group[strip * lanes + lane] =
				(uint16_t)s->sweep->group[lane_split(lanes, lane)];
	}
	if (end < s->count)
		memcpy(s->kept + (block + 1) * row_set(s), s->rows + (end - first) * row_set(s),
		       row_set(s));
	s->resident = block;
	return 0;
}

int align_strips_select(struct strips *s, size_t strip, struct err *err)
{
	size_t block = strip / s->in_block;
	int rc = block == s->resident ? 0 : sweep_block(s, block, err);

	if (rc == 0)
		point_at(s, strip, block);
	return rc;
}

/* ---- the best cell -------------------------------------------------------------------------- */

static int32_t clamped(int32_t x)
{
	if (x > INT16_MAX)
		return INT16_MAX;
	return x < INT16_MIN ? INT16_MIN : x;
}

void align_best_begin(struct align_sweep *m)
{
	memset(m->best, 0, sizeof m->best);
	memset(m->group, 0, sizeof m->group);
	memset(m->exact, 0, sizeof m->exact);
}

/* What is in 16 bits is the exact value in them until a larger one comes, which then fits. */
void align_best_end(struct align_sweep *m, size_t lanes, int32_t base)
{
	for (size_t lane = 0; lane < lanes; lane++) {
		int32_t now = m->best[lane_split(lanes, lane)];

		if (now != clamped(m->exact[lane] - base))
			m->exact[lane] = base + now;
	}
}

void align_best_move(struct align_sweep *m, size_t lanes, int32_t base, int32_t by)
{
	align_best_end(m, lanes, base);
	for (size_t lane = 0; lane < lanes; lane++)
		m->best[lane_split(lanes, lane)] = (int16_t)clamped(m->exact[lane] - base - by);
}

/* First column of row `row` (from 0) whose H is the best; its group of steps is known. */
static int column_of(struct strips *s, size_t row, size_t *column, struct err *err)
{
	size_t lanes = s->kernel->lanes, strip = row / lanes, lane = row % lanes;
	size_t from = s->group[row] * (size_t)GROUP_STEPS, number = from / s->sweep->interval;
	size_t first = number * s->sweep->interval;
	int rc = align_strips_select(s, strip, err);
	const int16_t *start;
	int32_t h;

	if (rc != 0)
		return rc;
	s->kernel->trace(s->sweep, ALIGN_SW, first, from + GROUP_STEPS - 1, s->bits, s->rises);
	start = (const int16_t *)(const void *)(s->sweep->marks +
						(number * MARK_VECTORS + MARK_H) * lanes);
	h = s->sweep->mark_base[number] + start[lane_split(lanes, lane)];
	for (size_t t = first; t < from + GROUP_STEPS; t++) {
		if (t < lane)
			continue; /* the lane waits */
		h += s->rises[(t - first) * lanes + lane] - ALIGN_GAP_EXTEND;
		if (t >= from && h == s->score && t - lane < s->ref.len) {
			*column = t - lane;
			return 0;
		}
	}
	return align_bad_path(s->query, s->ref, err);
}

/* Of all cells with the largest H the one of smallest column, then of smallest row. */
static int find_best(struct strips *s, struct err *err)
{
	size_t lanes = s->kernel->lanes;
	size_t found = SIZE_MAX, column = 0;
	int rc = 0;

	s->best_i = s->best_j = 0;
	for (size_t row = 0; rc == 0 && s->score > 0 && row < s->query.len; row++) {
		if (s->best[row] != s->score ||
		    (found != SIZE_MAX &&
		     s->group[row] * (size_t)GROUP_STEPS >= found + row % lanes))
			continue;
		rc = column_of(s, row, &column, err);
		if (rc == 0 && column < found) {
			found = column;
			s->best_i = row + 1;
			s->best_j = column + 1;
		}
	}
	return rc;
}

static void best_score(struct strips *s)
{
	s->score = 0;
	for (size_t row = 0; row < s->query.len; row++)
		if (s->best[row] > s->score)
			s->score = s->best[row];
}

/* ---- a pair --------------------------------------------------------------------------------- */

static int both_paths(struct strips *s, struct align_values *out, struct err *err)
{
	struct align_path nw, sw;
	int rc = align_trace(s, ALIGN_NW, &nw, err);

	if (rc == 0)
		rc = find_best(s, err);
	if (rc == 0)
		rc = align_trace(s, ALIGN_SW, &sw, err);
	if (rc == 0)
		align_fill_values(&nw, &sw, s->query, s->ref, out);
	return rc;
}

int align_strips(const struct align_kernel *k, struct align_workspace *w, struct align_text query,
		 struct align_text ref, struct align_values *out, uint64_t *room, struct err *err)
{
	struct strips s = {.kernel = k, .query = query, .ref = ref};
	int rc;

	*room = 0;
	if (ref.len > STRIPS_MAX_LEN)
		return err_set(err, ERR_LIMIT, "the reference is too long for strips");
	rc = lay_out(&s, w, err);
	if (rc != 0)
		return rc;
	encode(&s);
	for (size_t block = 0; rc == 0 && block < s.blocks; block++)
		rc = sweep_block(&s, block, err);
	if (rc != 0)
		return rc;
	*room = (uint64_t)s.count * k->lanes * s.sweep->steps;
	best_score(&s);
	return both_paths(&s, out, err);
}
