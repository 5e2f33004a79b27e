/* The fast engine: strips of one pair, and what is kept of them: see align_strips.h. When rows and marks of
 * all strips do not fit the budget, strips are taken in blocks: of each only the row above it is kept, and a
 * block that a walk comes to is swept again. */
#include "pipeline/align/align_strips.h"

#include "pipeline/core/cancel.h"

#include <string.h>

/* References longer than this part of an interval make it longer: marks cost memory, and the way from
 * a mark to a walk costs time that is small against a sweep over a long reference. */
#define COLUMNS_PER_MARK 64
#define LEAST_INTERVAL   ((size_t)32)

/* Local scores that are known to be reached and are above this are not tried as low ones. */
#define LOW_TRIED 150

static size_t round_up(size_t n, size_t to)
{
	return (n + to - 1) / to * to;
}

/* ---- size and memory ------------------------------------------------------------------------ */

struct sizes { /* bytes */
	/* whichever way the pair is done */
	size_t sweep, query_code, ref_code, sums, chain, common;
	/* by the way it is done */
	size_t profile, best, group, bits, rises, rows, kept, marks, bases, strips, all;
};

static size_t longest_stretch(const struct strips *s)
{
	size_t lanes = s->kernel->lanes;

	return stretch_steps(lanes, s->unit / lanes, s->sweep->interval);
}

static struct sizes measure(const struct strips *s)
{
	size_t lanes = s->kernel->lanes, fold = s->unit / lanes, stretch = longest_stretch(s);
	struct sizes z = {
		.sweep = slab_size(sizeof *s->sweep),
		.query_code = slab_size(round_up(s->query.len, FOLD_MAX * lanes)),
		.ref_code = s->profile_stride,
		.sums = slab_size((s->query.len + 1) * sizeof(int32_t)) +
			slab_size((s->ref.len + 1) * sizeof(int32_t)),
		.chain = align_chain_scratch(s->query.len, s->ref.len),
		.profile = ALIGN_CODES * s->profile_stride,
		.best = slab_size(s->count * lanes * sizeof *s->best),
		.group = slab_size(s->count * lanes * sizeof *s->group),
		.bits = slab_size(stretch * fold * BITS_OF_A_CELL * lanes / 8),
		.rises = slab_size(stretch * fold * lanes),
		.rows = (s->in_block + 1) * row_set(s),
		.kept = s->blocks > 1 ? s->blocks * row_set(s) : 0,
		.marks = slab_size(s->in_block * s->marks * s->mark_bytes),
		.bases = slab_size(s->in_block * s->marks * sizeof *s->mark_base),
		.strips = slab_size(s->count * sizeof *s->strip),
	};

	z.common = z.sweep + z.query_code + z.ref_code + z.sums + z.chain;
	z.all = z.common + z.profile + z.best + z.group + z.bits + z.rises + z.rows + z.kept +
		z.marks + z.bases + z.strips;
	return z;
}

static void set_interval(struct strips *s, size_t interval)
{
	s->sweep->interval = interval;
	s->marks = (s->sweep->steps + interval - 1) / interval;
}

/* Sizes of everything for these lengths, within `budget` if possible. 0 or -1. */
static int plan(struct strips *s, int low, size_t budget)
{
	size_t n = s->query.len, m = s->ref.len, lanes = s->kernel->lanes;
	size_t interval = LEAST_INTERVAL;

	s->low = low;
	s->unit = low ? FOLD_MAX * lanes : lanes;
	s->unit_bits = (unsigned)__builtin_ctzll(s->unit);
	s->mark_bytes = (low ? MARK_LOW_VECTORS : MARK_VECTORS) * lanes;
	s->count = (n + s->unit - 1) / s->unit;
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
	size_t all;

	plan(&s, 0, SIZE_MAX);
	all = measure(&s).all;
	plan(&s, 1, SIZE_MAX);
	return measure(&s).all > all ? measure(&s).all : all;
}

/* Memory for either way, and what both have. -> *scratch of a chain, *rest: behind it. */
static int lay_out(struct strips *s, struct align_workspace *w, void **scratch,
		   unsigned char **rest, struct err *err)
{
	struct align_sweep planned;
	size_t most = 0;
	struct sizes z;
	unsigned char *at;

	s->sweep = &planned;
	for (int low = 0; low < 2; low++)
		if (plan(s, low, w->budget) == 0 && measure(s).all > most)
			most = measure(s).all;
	if (!most)
		return err_set(err, ERR_LIMIT, "no strip fits %zu bytes", w->budget);
	z = measure(s);
	at = workspace_slab(w, most);
	if (!at)
		return err_nomem(err, "an alignment");
	s->sweep = slab_cut(&at, z.sweep);
	s->ref_code = slab_cut(&at, z.ref_code);
	s->query_code = slab_cut(&at, z.query_code);
	s->sums.query = slab_cut(&at, (s->query.len + 1) * sizeof *s->sums.query);
	s->sums.ref = slab_cut(&at, (s->ref.len + 1) * sizeof *s->sums.ref);
	*scratch = slab_cut(&at, z.chain);
	*rest = at;
	return 0;
}

/* The rest for one way of doing the pair; ERR_LIMIT: not within the budget. */
static int lay_out_for(struct strips *s, int low, size_t budget, unsigned char *at, struct err *err)
{
	struct sizes z;

	if (plan(s, low, budget) != 0)
		return err_set(err, ERR_LIMIT, "no strip fits %zu bytes", budget);
	z = measure(s);
	s->profile = slab_cut(&at, z.profile);
	s->best = slab_cut(&at, z.best);
	s->group = slab_cut(&at, z.group);
	s->bits = slab_cut(&at, z.bits);
	s->rises = slab_cut(&at, z.rises);
	s->rows = slab_cut(&at, z.rows);
	s->kept = s->blocks > 1 ? slab_cut(&at, z.kept) : NULL;
	s->mark = slab_cut(&at, z.marks);
	s->mark_base = slab_cut(&at, z.bases);
	s->strip = slab_cut(&at, z.strips);
	return 0;
}

/* ---- texts ---------------------------------------------------------------------------------- */

/* Codes, filling up to `padded` of them, and for the band what the letters up to each could score. */
static void encode_text(struct align_text text, uint8_t *code, size_t padded, int32_t *sums)
{
	int32_t sum = 0;

	sums[0] = 0;
	for (size_t i = 0; i < text.len; i++) {
		uint8_t letter = align_code[(unsigned char)text.bytes[i]];

		code[i] = letter;
		sum += align_letter_best[letter];
		sums[i + 1] = sum;
	}
	memset(code + text.len, ALIGN_PAD, padded - text.len);
}

static void encode(struct strips *s)
{
	size_t lanes = s->kernel->lanes, padded = round_up(s->query.len, FOLD_MAX * lanes);

	memset(s->ref_code, ALIGN_PAD, lanes);
	encode_text(s->ref, s->ref_code + lanes, s->profile_stride - lanes, s->sums.ref);
	encode_text(s->query, s->query_code, padded, s->sums.query);
}

static void make_profile(struct strips *s)
{
	for (size_t code = 0; code < ALIGN_CODES; code++) {
		int8_t *row = s->profile + code * s->profile_stride;

		s->letter[code] = row;
		s->kernel->profile(align_scores[code], s->ref_code, s->profile_stride, row);
	}
}

/* ---- strips --------------------------------------------------------------------------------- */

/* Scores of one row of each lane; lane l begins l columns later. */
static void point_scores(const struct strips *s, const uint8_t *code, size_t fold, size_t first,
			 const int8_t **score)
{
	const int8_t *const *letter = s->letter;
	size_t lanes = s->kernel->lanes, at = lanes + first;

	for (size_t lane = 0; lane < lanes; lane++)
		score[lane] = letter[code[lane * fold]] + (at - lane);
}

/* The sweep's arrays of a strip of the block at hand, or of the one to be. */
static void point_at(struct strips *s, size_t strip, size_t block)
{
	struct align_sweep *m = s->sweep;
	size_t lanes = s->kernel->lanes, number = strip - block * s->in_block;
	size_t first = s->strip[strip].first, fold = s->strip[strip].fold;

	m->steps = s->strip[strip].steps;
	m->fold = fold;
	for (size_t k = 0; k < fold; k++)
		point_scores(s, s->query_code + strip * s->unit + k, fold, first,
			     m->score + k * lanes);
	for (int a = 0; a < ROW_ARRAYS; a++) {
		m->top[a] = strips_row(s, number, a) - first;
		m->bottom[a] = strips_row(s, number + 1, a) - first;
	}
	m->marks = s->mark + number * s->marks * s->mark_bytes;
	m->mark_base = s->mark_base + number * s->marks;
}

static void sweep_strip(struct strips *s)
{
	if (s->low)
		s->kernel->sweep_low(s->sweep);
	else
		s->kernel->sweep(s->sweep);
}

void align_strips_stretch(struct strips *s, enum align_form form, size_t strip, size_t first,
			  size_t last, int8_t *values)
{
	if (first < s->kernel->lanes) /* some of them wait */
		align_rows_left(s, strip);
	if (s->low)
		s->kernel->trace_low(s->sweep, form, first, last, s->bits, values);
	else
		s->kernel->trace(s->sweep, form, first, last, s->bits, values);
}

static int is_too_high(const struct strips *s)
{
	return s->low && s->score > LOW_MOST;
}

/* Stops early when the score proves to be no low one. */
static int sweep_block(struct strips *s, size_t block, struct err *err)
{
	size_t first = block * s->in_block;
	size_t end = s->count - first > s->in_block ? first + s->in_block : s->count;

	if (block == 0)
		align_rows_first(s);
	else
		memcpy(s->rows, s->kept + block * row_set(s), row_set(s));
	for (size_t strip = first; strip < end; strip++) {
		int rc = cancel_check(err);

		if (rc != 0)
			return rc;
		point_at(s, strip, block);
		align_rows_left(s, strip);
		sweep_strip(s);
		align_best_keep(s, strip);
		if (is_too_high(s))
			return 0;
		if (strip + 1 < s->count)
			align_rows_hand_over(s, strip, strip - first + 1);
	}
	if (end < s->count)
		memcpy(s->kept + (block + 1) * row_set(s), s->rows + (end - first) * row_set(s),
		       row_set(s));
	s->resident = block;
	return 0;
}

int align_strips_select(struct strips *s, size_t strip, struct err *err)
{
	size_t block = s->blocks > 1 ? strip / s->in_block : 0;
	int rc = block == s->resident ? 0 : sweep_block(s, block, err);

	if (rc == 0)
		point_at(s, strip, block);
	return rc;
}

/* ---- a pair --------------------------------------------------------------------------------- */

static int both_paths(struct strips *s, struct align_values *out, struct err *err)
{
	struct align_path nw, sw;
	int rc = align_trace(s, ALIGN_NW, &nw, err);

	if (rc == 0)
		rc = align_best_find(s, err);
	if (rc == 0)
		rc = align_trace(s, ALIGN_SW, &sw, err);
	if (rc == 0)
		align_fill_values(&nw, &sw, s->query, s->ref, out);
	return rc;
}

/* Scores that are reached for certain. */
static void find_floor(struct strips *s, const struct align_codes *codes, void *scratch)
{
	if (!align_chain(codes, scratch, &s->floor))
		s->floor = (struct align_floor){INT32_MIN, INT32_MIN};
}

static int sweep_all(struct strips *s, const struct align_codes *codes, struct err *err)
{
	int rc = 0;

	s->score = 0;
	s->swept = (struct align_swept){0};
	make_profile(s);
	align_band_begin(&s->band, codes, &s->sums, &s->floor);
	align_rows_columns(s, 0, NULL);
	for (size_t block = 0; rc == 0 && !is_too_high(s) && block < s->blocks; block++)
		rc = sweep_block(s, block, err);
	return rc;
}

int align_strips(const struct align_kernel *k, struct align_workspace *w, struct align_text query,
		 struct align_text ref, struct align_values *out, struct align_swept *swept,
		 struct err *err)
{
	struct strips s = {.kernel = k, .query = query, .ref = ref};
	struct align_codes codes = {.n = query.len, .m = ref.len};
	void *scratch = NULL;
	unsigned char *rest = NULL;
	int rc, low;

	*swept = s.swept;
	if (ref.len > STRIPS_MAX_LEN)
		return err_set(err, ERR_LIMIT, "the reference is too long for strips");
	rc = lay_out(&s, w, &scratch, &rest, err);
	if (rc != 0)
		return rc;
	encode(&s);
	codes.query = s.query_code;
	codes.ref = s.ref_code + k->lanes;
	find_floor(&s, &codes, scratch);
	low = k->sweep_low && s.floor.sw <= LOW_TRIED;
	if (low && lay_out_for(&s, 1, w->budget, rest, NULL) == 0)
		rc = sweep_all(&s, &codes, err);
	else
		low = 0;
	if (rc == 0 && (!low || is_too_high(&s))) {
		rc = lay_out_for(&s, 0, w->budget, rest, err);
		if (rc == 0)
			rc = sweep_all(&s, &codes, err);
	}
	if (rc != 0)
		return rc;
	*swept = s.swept;
	return both_paths(&s, out, err);
}
