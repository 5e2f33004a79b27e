/* The fast engine: pairs in and out of lanes, step by step: see align_lanes.h. In step t a lane is at
 * column t - (step at which it began) of its pair. Bits of the last steps are kept in a ring, long
 * enough for every pair of the unit, and a pair is walked back as soon as its last lane is through. */
#include "pipeline/align/align_lanes.h"

#include "pipeline/core/cancel.h"

#include <stdlib.h>
#include <string.h>

#define NO_JOB   UINT32_MAX
#define NEVER    SIZE_MAX
#define PAD_MASK 31 /* or'ed to a letter's code it gives a row of filling */

/* Steps between looks at the cancellation flag. */
#define CANCEL_STEPS 64

struct lanes {
	const struct align_kernel *kernel;
	struct lane_unit *unit;
	struct lane_machine machine;
	struct lane_trace trace;
	unsigned char *bits;
	size_t step;
	size_t next_event;         /* the step before which some lane begins or ends a pair */
	uint32_t next_job;         /* not yet in a lane */
	int refresh;               /* the step before had events */
	size_t left;               /* pairs not yet walked */
	uint32_t job[LANES_MAX];   /* of a lane, or NO_JOB */
	uint32_t first[LANES_MAX]; /* by slot: the first pair it had */
	size_t event[LANES_MAX];
	const char *letter[LANES_MAX]; /* next of the reference */
	uint8_t pad[LANES_MAX];        /* PAD_MASK: the lane idles */
	uint8_t pace[LANES_MAX];       /* 1: it moves through the reference */
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

	if (query.len > LANES_MAX_LEN || ref.len > LANES_MAX_LEN)
		return 0;
	/* 11 is the largest score of all: most pairs need no closer look */
	return shorter.len * 11 <= LANES_MAX_SCORE || best_possible(query) <= LANES_MAX_SCORE ||
	       best_possible(ref) <= LANES_MAX_SCORE;
}

/* ---- size and memory ------------------------------------------------------------------------ */

static size_t round_up(size_t n, size_t to)
{
	return (n + to - 1) / to * to;
}

static size_t rows_of(size_t query_len, size_t width)
{
	return round_up((query_len + width - 1) / width, LANES_STRIP);
}

static size_t fixed_bytes(size_t lanes, size_t rows)
{
	return lanes * (3 * round_up(rows, LOOKUP_ROWS) + STATE_VECTORS * rows);
}

size_t align_lanes_memory(const struct align_kernel *k, size_t query_len, size_t ref_len,
			  size_t width)
{
	size_t rows = rows_of(query_len, width);

	return fixed_bytes(k->lanes, rows) + (ref_len + width) * rows * k->lanes;
}

size_t align_lanes_room(const struct align_kernel *k, size_t query_len, size_t width)
{
	return rows_of(query_len, width) * k->lanes;
}

static int lay_out(struct lanes *l, struct align_workspace *w, struct err *err)
{
	struct lane_machine *m = &l->machine;
	size_t lanes = l->kernel->lanes, query = 0, ref = 0;
	unsigned char *at;

	for (size_t i = 0; i < l->unit->n; i++) {
		const struct lane_job *job = &l->unit->jobs[i];

		query = job->query.len > query ? job->query.len : query;
		ref = job->ref.len > ref ? job->ref.len : ref;
	}
	m->lanes = lanes;
	m->rows = rows_of(query, l->unit->width);
	m->row_stride = round_up(m->rows, LOOKUP_ROWS);
	at = workspace_slab(w, align_lanes_memory(l->kernel, query, ref, l->unit->width));
	if (!at)
		return err_nomem(err, "a group of alignments");
	m->query_low = slab_cut(&at, lanes * m->row_stride);
	m->query_high = slab_cut(&at, lanes * m->row_stride);
	m->scores = slab_cut(&at, lanes * m->row_stride);
	m->state = slab_cut(&at, lanes * m->rows * STATE_VECTORS);
	l->bits = at;
	l->trace = (struct lane_trace){l->bits, lanes, m->rows, ref + l->unit->width};
	return 0;
}

static void fill_table(struct lane_machine *m)
{
	for (size_t a = 0; a < ALIGN_ROW; a++)
		for (size_t b = 0; b < ALIGN_ROW; b++)
			m->table[a][b] = a < ALIGN_LETTERS && b < ALIGN_LETTERS
						 ? (int8_t)(align_scores[a][b] + LANES_SHIFT)
						 : LANES_PAD_SCORE;
}

/* ---- borders -------------------------------------------------------------------------------- */

/* Row 0 of a pair at its column `first ? 1 : later`. */
static void top_border(struct lane_machine *m, size_t lane, int first)
{
	int8_t rise = (int8_t)(first ? -ALIGN_GAP_OPEN : -ALIGN_GAP_EXTEND);

	m->top.v[ALIGN_NW][lane] = (int8_t)(rise + ALIGN_GAP_EXTEND);
	m->top.b[ALIGN_NW][lane] = (int8_t)(rise - ALIGN_GAP_OPEN + LANES_SHIFT);
	m->top.v[ALIGN_SW][lane] = ALIGN_GAP_EXTEND;
	m->top.b[ALIGN_SW][lane] = LANES_SHIFT - ALIGN_GAP_OPEN;
	m->top.h[lane_split(m->lanes, lane)] = 0;
}

/* Column 0 of the rows of one lane. */
static void left_border(struct lane_machine *m, size_t lane, int head)
{
	int8_t *s = m->state + lane;

	for (size_t r = 0; r < m->rows; r++, s += STATE_VECTORS * m->lanes) {
		int8_t rise = (int8_t)(r == 0 && head ? -ALIGN_GAP_OPEN : -ALIGN_GAP_EXTEND);

		s[STATE_U_NW * m->lanes] = (int8_t)(rise + ALIGN_GAP_EXTEND);
		s[STATE_A_NW * m->lanes] = (int8_t)(rise - ALIGN_GAP_OPEN + LANES_SHIFT);
		s[STATE_U_SW * m->lanes] = ALIGN_GAP_EXTEND;
		s[STATE_A_SW * m->lanes] = LANES_SHIFT - ALIGN_GAP_OPEN;
		s[STATE_K * m->lanes] = LANES_SHIFT;
	}
}

/* The rows of piece `piece` of a query. */
static void encode(struct lane_machine *m, size_t lane, struct align_text query, size_t piece)
{
	uint8_t *low = m->query_low + lane * m->row_stride;
	uint8_t *high = m->query_high + lane * m->row_stride;
	size_t from = piece * m->rows, n = query.len > from ? query.len - from : 0;

	if (n > m->rows)
		n = m->rows;
	for (size_t r = 0; r < n; r++) {
		uint8_t code = align_code[(unsigned char)query.bytes[from + r]];

		low[r] = code < 16 ? code : 0x80;
		high[r] = code < 16 ? 0x80 : (uint8_t)(code - 16);
	}
	memset(low + n, 0x80, m->row_stride - n);
	memset(high + n, ALIGN_PAD - 16, m->row_stride - n);
}

/* ---- events --------------------------------------------------------------------------------- */

static void idle(struct lanes *l, size_t lane)
{
	static const char nothing[] = "*";

	l->job[lane] = NO_JOB;
	l->event[lane] = NEVER;
	l->letter[lane] = nothing;
	l->pad[lane] = PAD_MASK;
	l->pace[lane] = 0;
}

static void begin(struct lanes *l, size_t lane, uint32_t number)
{
	struct lane_machine *m = &l->machine;
	struct lane_job *job = &l->unit->jobs[number];
	size_t piece = lane % l->unit->width, at = lane_split(m->lanes, lane);

	if (piece == 0) {
		job->start = l->step;
		job->first_lane = (uint32_t)lane;
		job->next = NO_JOB;
		job->best = 0;
		job->best_i = job->best_j = 0;
	}
	l->job[lane] = number;
	l->event[lane] = l->step + job->ref.len;
	l->letter[lane] = job->ref.bytes;
	l->pad[lane] = 0;
	l->pace[lane] = 1;
	encode(m, lane, job->query, piece);
	left_border(m, lane, piece == 0);
	m->corner[lane] = LANES_SHIFT;
	m->best[at] = m->best_row[at] = m->best_step[at] = 0;
}

/* A lane is through: is its best cell the pair's? */
static void gather_best(struct lanes *l, size_t lane)
{
	struct lane_machine *m = &l->machine;
	struct lane_job *job = &l->unit->jobs[l->job[lane]];
	size_t piece = lane % l->unit->width, at = lane_split(m->lanes, lane);
	size_t i = piece * m->rows + (uint16_t)m->best_row[at] + 1u;
	uint16_t column = (uint16_t)((uint16_t)m->best_step[at] - (job->start + piece));
	size_t j = (size_t)column + 1;

	if (m->best[at] > job->best || (m->best[at] == job->best && job->best && j < job->best_j)) {
		job->best = m->best[at];
		job->best_i = i;
		job->best_j = j;
	}
}

static int finish(struct lanes *l, struct lane_job *job, struct err *err)
{
	struct align_path nw, sw;
	int rc = align_trace(&l->trace, job, ALIGN_NW, &nw, err);

	if (rc == 0)
		rc = align_trace(&l->trace, job, ALIGN_SW, &sw, err);
	if (rc != 0)
		return rc;
	align_fill_values(&nw, &sw, job->query, job->ref, job->out);
	job->done = 1;
	l->left--;
	return 0;
}

/* What a lane does after its pair, or first of all: the head of a slot takes the next pair of the
 * unit, the lanes after it what the head took, each a step later. */
static void next_pair(struct lanes *l, size_t lane)
{
	size_t piece = lane % l->unit->width, slot = lane / l->unit->width;
	uint32_t before = l->job[lane], number;
	struct lane_job *jobs = l->unit->jobs;

	if (piece == 0) {
		number = l->next_job < l->unit->n ? l->next_job++ : NO_JOB;
		if (before == NO_JOB)
			l->first[slot] = number;
		else
			jobs[before].next = number;
	} else {
		number = before == NO_JOB ? l->first[slot] : jobs[before].next;
	}
	if (number == NO_JOB)
		idle(l, lane);
	else
		begin(l, lane, number);
}

static int take_events(struct lanes *l, struct err *err)
{
	size_t next = NEVER;
	int rc = 0;

	for (size_t lane = 0; lane < l->machine.lanes && rc == 0; lane++) {
		uint32_t number = l->job[lane];

		if (l->event[lane] == l->step) {
			if (number != NO_JOB)
				gather_best(l, lane);
			next_pair(l, lane);
			if (number != NO_JOB && lane % l->unit->width == l->unit->width - 1)
				rc = finish(l, &l->unit->jobs[number], err);
		}
		next = l->event[lane] < next ? l->event[lane] : next;
	}
	l->next_event = next;
	return rc;
}

/* ---- steps ---------------------------------------------------------------------------------- */

/* What the lanes below the heads get from the lane above, which was there a step ago. */
static void hand_down(struct lanes *l)
{
	struct lane_machine *m = &l->machine;
	size_t lanes = m->lanes;

	if (l->unit->width == 1)
		return;
	for (int form = 0; form < 2; form++) {
		memcpy(m->top.v[form] + 1, m->bottom.v[form], lanes - 1);
		memcpy(m->top.b[form] + 1, m->bottom.b[form], lanes - 1);
	}
	for (size_t lane = 1; lane < lanes; lane++)
		m->top.h[lane_split(lanes, lane)] = m->bottom.h[lane_split(lanes, lane - 1)];
}

static void one_step(struct lanes *l, int event)
{
	struct lane_machine *m = &l->machine;
	size_t lanes = m->lanes, width = l->unit->width;

	hand_down(l);
	/* what hand_down() left in the heads' lanes, or a first column, is made good */
	for (size_t lane = 0; lane < lanes && (width > 1 || event || l->refresh); lane += width) {
		uint32_t number = event ? l->job[lane] : NO_JOB;

		top_border(m, lane, number != NO_JOB && l->unit->jobs[number].start == l->step);
	}
	l->refresh = event;
	for (size_t lane = 0; lane < lanes; lane++) {
		m->letters[lane] = align_code[(unsigned char)*l->letter[lane]] | l->pad[lane];
		l->letter[lane] += l->pace[lane];
	}
	l->kernel->sweep(m, l->bits + l->step % l->trace.ring * m->rows * lanes, (int16_t)l->step);
	l->step++;
}

static int run(struct lanes *l, struct err *err)
{
	while (l->left > 0) {
		int event = l->step == l->next_event;
		int rc = l->step % CANCEL_STEPS == 0 ? cancel_check(err) : 0;

		if (rc == 0 && event)
			rc = take_events(l, err);
		if (rc != 0)
			return rc;
		if (l->left > 0)
			one_step(l, event);
	}
	return 0;
}

int align_lanes(const struct align_kernel *k, struct align_workspace *w, struct lane_unit *unit,
		size_t *steps, struct err *err)
{
	struct lanes l = {.kernel = k, .unit = unit, .left = unit->n};
	int rc = lay_out(&l, w, err);

	if (rc != 0)
		return rc;
	fill_table(&l.machine);
	for (size_t lane = 0; lane < k->lanes; lane++) {
		idle(&l, lane);
		encode(&l.machine, lane, (struct align_text){0}, 0);
		left_border(&l.machine, lane, 0);
		l.machine.corner[lane] = LANES_SHIFT;
		l.event[lane] = lane % unit->width;
	}
	for (size_t lane = 0; lane < k->lanes; lane++)
		top_border(&l.machine, lane, 0);
	rc = run(&l, err);
	*steps = l.step;
	return rc;
}
