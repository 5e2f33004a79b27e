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
	size_t sweep, codes, profile, best, stretch, rises, rows, kept, marks, bases, strips, sums;
	size_t chain, all;
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
		.strips = slab_size(s->count * sizeof *s->strip),
		.sums = slab_size((s->query.len + 1) * sizeof(int32_t)) +
			slab_size((s->ref.len + 1) * sizeof(int32_t)),
		.chain = align_chain_scratch(s->query.len, s->ref.len),
	};

	z.all = z.sweep + z.codes + z.profile + z.best + z.stretch + z.rises + z.rows + z.kept +
		z.marks + z.bases + z.strips + z.sums + z.chain;
	return z;
}

static void set_interval(struct strips *s, size_t interval)
{
	s->sweep->interval = interval;
	s->marks = (s->sweep->steps + interval - 1) / interval;
}

/* Sizes of everything for these lengths, within `budget` if possible. 0 or -1. */
static int plan(struct strips *s, size_t budget)
{
	size_t n = s->query.len, m = s->ref.len, lanes = s->kernel->lanes;
	size_t interval = LEAST_INTERVAL;

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
	struct strips s = {.kernel = &kernel,
			   .sweep = &sweep,
			   .query = {.len = query_len},
			   .ref = {.len = ref_len}};

	plan(&s, SIZE_MAX);
	return measure(&s).all;
}

static int lay_out(struct strips *s, struct align_workspace *w, void **scratch, struct err *err)
{
	struct align_sweep planned;
	struct sizes z;
	unsigned char *at;

	s->sweep = &planned;
	if (plan(s, w->budget) != 0)
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
	s->strip = slab_cut(&at, z.strips);
	s->sums.query = slab_cut(&at, (s->query.len + 1) * sizeof *s->sums.query);
	s->sums.ref = slab_cut(&at, (s->ref.len + 1) * sizeof *s->sums.ref);
	*scratch = slab_cut(&at, z.chain);
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

static void fill(const struct strips *s, size_t number, int array, size_t from, size_t to,
		 int value)
{
	if (from < to)
		memset(row_of(s, number, array) - (to - 1), value, to - from);
}

/* Columns [from, to) behind the end of a text: H stays what it was, and counts as too large for a zero
 * to win, so that everything below is less. */
static void fill_behind(const struct strips *s, size_t number, size_t from, size_t to)
{
	static const int8_t value[ROW_ARRAYS] = {
		[ROW_V_NW] = 0,
		[ROW_B_NW] = LANES_SHIFT - ALIGN_GAP_OPEN - ALIGN_GAP_EXTEND,
		[ROW_V_SW] = ALIGN_GAP_EXTEND,
		[ROW_B_SW] = LANES_SHIFT - ALIGN_GAP_OPEN,
		[ROW_K] = -100,
	};

	for (int a = 0; a < ROW_ARRAYS; a++)
		fill(s, number, a, from, to, value[a]);
}

/* Row 0: the borders of spec 4.7.1 as differences. */
static void first_row(const struct strips *s)
{
	size_t to = s->strip[0].first + s->strip[0].steps;

	fill_behind(s, 0, 0, to);
	fill(s, 0, ROW_K, 0, to, LANES_SHIFT);
	*row_of(s, 0, ROW_V_NW) = ALIGN_GAP_EXTEND - ALIGN_GAP_OPEN;
	*row_of(s, 0, ROW_B_NW) = LANES_SHIFT - 2 * ALIGN_GAP_OPEN;
}

static int8_t k_of(int32_t h)
{
	return (int8_t)(LANES_SHIFT - (h < 100 ? h : 100));
}

static int32_t or_zero(int32_t h)
{
	return h > 0 ? h : 0;
}

/* Columns [from, to) of a text which the strip above leaves out: a gap that leads there from the last
 * one it has, where H of the local form is `h`. No true value is less. */
static void fill_gap(const struct strips *s, size_t number, size_t from, size_t to, int32_t h)
{
	int8_t *v = row_of(s, number, ROW_V_SW), *b = row_of(s, number, ROW_B_SW);
	int8_t *k = row_of(s, number, ROW_K);
	int32_t next = or_zero(h - ALIGN_GAP_OPEN);

	if (from >= to)
		return;
	fill(s, number, ROW_V_NW, from, to, 0);
	fill(s, number, ROW_B_NW, from, to, LANES_SHIFT - ALIGN_GAP_OPEN - ALIGN_GAP_EXTEND);
	row_of(s, number, ROW_V_NW)[-(ptrdiff_t)from] = ALIGN_GAP_EXTEND - ALIGN_GAP_OPEN;
	row_of(s, number, ROW_B_NW)[-(ptrdiff_t)from] = LANES_SHIFT - 2 * ALIGN_GAP_OPEN;
	for (ptrdiff_t j = (ptrdiff_t)from; j < (ptrdiff_t)to; j++) {
		v[-j] = (int8_t)(next - h + ALIGN_GAP_EXTEND);
		b[-j] = (int8_t)(next - h + LANES_SHIFT - ALIGN_GAP_OPEN);
		k[-j] = k_of(next);
		h = next;
		next = or_zero(h - ALIGN_GAP_EXTEND);
	}
}

/* Does the column before the strip's first go on from the strip above? */
static int same_column(const struct strips *s, size_t strip)
{
	return strip > 0 && s->strip[strip].first == s->strip[strip - 1].first;
}

/* H of the local form before the first column, in row `lane` of the strip. */
static int32_t left_of(const struct strip *t, size_t lane)
{
	return or_zero(t->left - (int32_t)lane * ALIGN_GAP_EXTEND);
}

/* The column before the first of the local form, where H is not 0 all the way. */
static void point_left_local(struct align_sweep *m, const struct strip *t, size_t lanes)
{
	int32_t above = t->top;

	for (size_t lane = 0; lane < lanes; lane++) {
		int32_t h = left_of(t, lane);

		m->left_u_sw[lane] = (int8_t)(h - above + ALIGN_GAP_EXTEND);
		m->left_a_sw[lane] = (int8_t)(h - above + LANES_SHIFT - ALIGN_GAP_OPEN);
		above = h;
	}
	for (size_t lane = 0; lane < lanes; lane += 8) {
		int16_t *h = m->left_h + lane_split(lanes, lane);

		for (size_t l = 0; l < 8; l++)
			h[l] = (int16_t)(left_of(t, lane + l) - m->base);
	}
}

/* The column before the first: in both forms a gap that leads down from the row above. */
static void point_left(const struct strips *s, size_t strip)
{
	struct align_sweep *m = s->sweep;
	const struct strip *t = &s->strip[strip];
	size_t lanes = s->kernel->lanes;

	memset(m->left_u, 0, lanes);
	memset(m->left_a, LANES_SHIFT - ALIGN_GAP_OPEN - ALIGN_GAP_EXTEND, lanes);
	if (!same_column(s, strip)) {
		m->left_u[0] = ALIGN_GAP_EXTEND - ALIGN_GAP_OPEN;
		m->left_a[0] = LANES_SHIFT - 2 * ALIGN_GAP_OPEN;
	}
	m->base = t->top;
	memset(m->corner, LANES_SHIFT, lanes);
	m->corner[0] = k_of(t->top);
	if (t->top) {
		point_left_local(m, t, lanes);
		return;
	}
	memset(m->left_u_sw, ALIGN_GAP_EXTEND, lanes);
	memset(m->left_a_sw, LANES_SHIFT - ALIGN_GAP_OPEN, lanes);
	memset(m->left_h, 0, lanes * sizeof *m->left_h);
}

/* The sweep's arrays of a strip of the block at hand, or of the one to be. */
static void point_at(struct strips *s, size_t strip, size_t block)
{
	struct align_sweep *m = s->sweep;
	size_t lanes = s->kernel->lanes, number = strip - block * s->in_block;
	size_t first = s->strip[strip].first;

	m->steps = s->strip[strip].steps;
	for (size_t lane = 0; lane < lanes; lane++)
		m->score[lane] = s->profile +
				 s->query_code[strip * lanes + lane] * s->profile_stride + lanes -
				 lane + first;
	for (int a = 0; a < ROW_ARRAYS; a++) {
		m->top[a] = row_of(s, number, a) - first;
		m->bottom[a] = row_of(s, number + 1, a) - first;
	}
	m->marks = s->mark + number * s->marks * MARK_VECTORS * lanes;
	m->mark_base = s->mark_base + number * s->marks;
	point_left(s, strip);
}

static void set_columns(struct strips *s, size_t strip, const struct align_above *above)
{
	size_t lanes = s->kernel->lanes, row = strip * lanes;
	size_t end = s->query.len - row > lanes ? row + lanes : s->query.len;
	struct strip *t = &s->strip[strip];

	align_band_next(&s->band, row, end, above);
	*t = (struct strip){.first = s->band.first, .end = s->band.end};
	t->steps = round_up(t->end - t->first + lanes - 1, CHUNK_STEPS);
	s->known = strip + 1;
	s->swept.cells += (uint64_t)(end - row) * (t->end - t->first);
	s->swept.room += (uint64_t)lanes * t->steps;
}

/* Hands over to the next strip, whose row above is row `number`: H before its first column, and the
 * columns that the strip above did not come to. */
static void hand_over(struct strips *s, size_t strip, size_t number)
{
	const struct align_sweep *m = s->sweep;
	const struct strip *t = &s->strip[strip];
	struct strip *next = &s->strip[strip + 1];
	size_t lanes = s->kernel->lanes, end = t->first + t->steps - (lanes - 1), to, text;
	const int8_t *v = row_of(s, number, ROW_V_SW);
	int32_t h = left_of(t, lanes - 1);

	if (strip + 1 == s->known) {
		struct align_above above = {h, m->exact[lanes - 1], v, end};

		set_columns(s, strip + 1, &above);
	}
	to = next->first + next->steps;
	text = to < s->ref.len ? to : s->ref.len;
	next->left = or_zero(h - ALIGN_GAP_EXTEND);
	if (!same_column(s, strip + 1)) {
		for (size_t j = t->first; j < next->first; j++)
			h += v[-(ptrdiff_t)j] - ALIGN_GAP_EXTEND;
		next->left = or_zero(h - ALIGN_GAP_OPEN);
	}
	next->top = h;
	if (end < s->ref.len)
		fill_gap(s, number, end, text,
			 m->end_base + m->end_h[lane_split(lanes, lanes - 1)]);
	fill_behind(s, number, s->ref.len, to);
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
		if (strip + 1 < s->count)
			hand_over(s, strip, strip - first + 1);
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
	for (size_t lane = 0; lane < LANES_MAX; lane++)
		m->best[lane] = (int16_t)clamped(-m->base);
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
	size_t first = number * s->sweep->interval, at = s->strip[strip].first;
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
		if (t >= from && h == s->score && at + t - lane < s->ref.len) {
			*column = at + t - lane;
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
		     s->strip[row / lanes].first + s->group[row] * (size_t)GROUP_STEPS >=
			     found + row % lanes))
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

/* The band, and what is to be swept of the first strip. */
static void begin_band(struct strips *s, void *scratch)
{
	struct align_codes codes = {s->query_code, s->ref_code + s->kernel->lanes, s->query.len,
				    s->ref.len};

	if (!align_chain(&codes, scratch, &s->floor))
		s->floor = (struct align_floor){INT32_MIN, INT32_MIN};
	align_band_sums(&codes, &s->sums);
	align_band_begin(&s->band, &codes, &s->sums, &s->floor);
	set_columns(s, 0, NULL);
}

int align_strips(const struct align_kernel *k, struct align_workspace *w, struct align_text query,
		 struct align_text ref, struct align_values *out, struct align_swept *swept,
		 struct err *err)
{
	struct strips s = {.kernel = k, .query = query, .ref = ref};
	void *scratch = NULL;
	int rc;

	*swept = s.swept;
	if (ref.len > STRIPS_MAX_LEN)
		return err_set(err, ERR_LIMIT, "the reference is too long for strips");
	rc = lay_out(&s, w, &scratch, err);
	if (rc != 0)
		return rc;
	encode(&s);
	begin_band(&s, scratch);
	for (size_t block = 0; rc == 0 && block < s.blocks; block++)
		rc = sweep_block(&s, block, err);
	if (rc != 0)
		return rc;
	*swept = s.swept;
	best_score(&s);
	return both_paths(&s, out, err);
}
