/* The loops of the fast engine, written once. The including file defines, for its instruction set:
 *   KERNEL_TARGET                  function attributes
 *   KERNEL_LANES                   bytes of a vector
 *   vec, mask                      LANES int8, and the result of comparing two of them
 *   wide                           LANES int16 in two parts, .low and .high (lane_split)
 *   v_load(p) v_store(p, v)        aligned int8[LANES]
 *   v_set1(x) v_add v_sub v_min v_max
 *   v_add_sat(a, b) v_sub_sat(a, b)  cut off at -128 and 127
 *   v_greater(a, b) v_equal(a, b)  to a mask
 *   v_first(n)                     a mask of the lanes below n
 *   v_choose(m, a, b)              a where m, else b
 *   v_put(p, m)                    stores a mask as LANES bits at p, lane 0 lowest
 *   v_queue(p)                     a queue of the CHUNK_STEPS bytes from p downwards
 *   v_shift(v, q)                  lane r - 1 in lane r, and in lane 0 what is next in the queue
 *   v_push(q, v)                   takes that off the queue, and puts the last lane in at its end
 *   v_put_queue(p, q)              stores a queue from p downwards
 *   w_load(p) w_store(p, v) w_set1(x) w_add w_min w_max w_update(new, old, a, b)
 *                                  the same for int16[LANES], adding saturates; w_update: a where
 *                                  new > old, else b
 *   v_widen(v)                     to wide, with sign
 *   w_narrow(w)                    to vec, saturated
 *   gather_scores(row, t, out)     scores of the rows' pointers for CHUNK_STEPS steps from t on
 * docs/alignment.md derives the recurrences; all values stay within -128 … 127. With o = 10, e = 1:
 *   Z = H - diagonal H + 2e    A, B = E, F - diagonal H + 2e    U, V = rise down, right + e
 *   K = 2e - H, H followed from the group's start, which counts as at most LANES_CAP. Inline only. */
#ifndef ALIGN_ALIGN_KERNEL_H
#define ALIGN_ALIGN_KERNEL_H

#ifndef KERNEL_LANES
#error "define the instruction set before including align_kernel.h"
#endif

#define KERNEL_INLINE static inline __attribute__((always_inline)) KERNEL_TARGET
#define KERNEL_MASK   (KERNEL_LANES / 8)

/* One form in the lanes, between two steps. */
struct kernel_form {
	vec u, a;             /* of the lane's row, from its last column */
	vec v, b;             /* for the row below, of the same column */
	vec queue_v, queue_b; /* from the strip above, and to the one below */
};

struct kernel_local {
	struct kernel_form form;
	vec corner; /* K to the upper left of the cell of the next step */
	vec k;      /* K of the last step */
	vec queue;  /* of it */
	vec lowest; /* K since the group began */
	wide h;     /* before the group, less the base */
};

/* One cell. Z is the largest of S (diagonal), A and B. Gaps on: A' = max(Z - o + e, A) - V, B' likewise.
 * `v`, `b`: from the row above, and then for the row below. */
KERNEL_INLINE void kernel_cell(vec s, vec *u, vec *a, vec *v, vec *b, unsigned char *bits)
{
	vec z = v_max(v_max(s, *a), *b), old = *v;
	vec t = v_sub(z, v_set1(ALIGN_GAP_OPEN - ALIGN_GAP_EXTEND));

	if (bits) {
		v_put(bits + BIT_DIAGONAL * KERNEL_MASK, v_equal(z, s));
		v_put(bits + BIT_DEL * KERNEL_MASK, v_equal(z, *b));
		v_put(bits + BIT_INS_OPENS * KERNEL_MASK, v_greater(t, *a));
		v_put(bits + BIT_DEL_OPENS * KERNEL_MASK, v_greater(t, *b));
	}
	*a = v_sub(v_max(t, *a), old);
	*b = v_sub(v_max(t, *b), *u);
	*v = v_sub(z, *u);
	*u = v_sub(z, old);
}

KERNEL_INLINE void kernel_form_step(struct kernel_form *f, vec s, unsigned char *bits)
{
	vec v = v_shift(f->v, f->queue_v), b = v_shift(f->b, f->queue_b);

	kernel_cell(s, &f->u, &f->a, &v, &b, bits);
	f->v = v;
	f->b = b;
	f->queue_v = v_push(f->queue_v, v);
	f->queue_b = v_push(f->queue_b, b);
}

KERNEL_INLINE void kernel_global_step(struct align_sweep *m, struct kernel_form *f, size_t t, vec s,
				      unsigned char *bits, int ramp)
{
	kernel_form_step(f, s, bits);
	if (ramp) {
		f->u = v_choose(v_first(t + 1), f->u, v_load(m->left_u));
		f->a = v_choose(v_first(t + 1), f->a, v_load(m->left_a));
	}
}

/* `start`: K of lanes that wait. */
KERNEL_INLINE void kernel_local_step(const struct align_sweep *m, struct kernel_local *f, size_t t,
				     vec s, vec start, unsigned char *bits, int ramp)
{
	vec next = v_shift(f->k, f->queue);

	kernel_form_step(&f->form, v_max(s, f->corner), bits);
	f->k = v_sub(v_add(f->k, v_set1(ALIGN_GAP_EXTEND)), f->form.v);
	f->corner = next;
	if (ramp) {
		f->form.u = v_choose(v_first(t + 1), f->form.u, v_load(m->left_u_sw));
		f->form.a = v_choose(v_first(t + 1), f->form.a, v_load(m->left_a_sw));
		f->k = v_choose(v_first(t + 1), f->k, start);
	}
	f->queue = v_push(f->queue, f->k);
}

/* What the strip above left for CHUNK_STEPS steps. */
KERNEL_INLINE void kernel_pull(const struct align_sweep *m, size_t t, int array,
			       struct kernel_form *f)
{
	f->queue_v = v_queue(m->top[array] - t);
	f->queue_b = v_queue(m->top[array + 1] - t);
}

KERNEL_INLINE void kernel_leave(const struct align_sweep *m, size_t t, int array,
				const struct kernel_form *f)
{
	v_put_queue(m->bottom[array] + (KERNEL_LANES - 1) - t, f->queue_v);
	v_put_queue(m->bottom[array + 1] + (KERNEL_LANES - 1) - t, f->queue_b);
}

/* K at the start of a group, of which H is known. */
KERNEL_INLINE vec kernel_start(wide h, wide base)
{
	return v_sub(v_set1(LANES_SHIFT), w_narrow(w_min(w_add(h, base), w_set1(LANES_CAP))));
}

/* A base as far as it matters: a large one means that no H is small. */
KERNEL_INLINE wide kernel_base(int32_t base)
{
	return w_set1((int16_t)(base < 20000 ? base : 20000));
}

/* ---- marks ------------------------------------------------------------------------------------ */

KERNEL_INLINE void kernel_put_form(unsigned char *to, const struct kernel_form *f)
{
	int8_t *p = (int8_t *)to;

	v_store(p, f->u);
	v_store(p + KERNEL_LANES, f->a);
	v_store(p + 2 * KERNEL_LANES, f->v);
	v_store(p + 3 * KERNEL_LANES, f->b);
}

KERNEL_INLINE void kernel_get_form(const unsigned char *from, struct kernel_form *f)
{
	const int8_t *p = (const int8_t *)from;

	f->u = v_load(p);
	f->a = v_load(p + KERNEL_LANES);
	f->v = v_load(p + 2 * KERNEL_LANES);
	f->b = v_load(p + 3 * KERNEL_LANES);
}

static KERNEL_TARGET __attribute__((noinline)) void kernel_move_base(struct align_sweep *m,
								     int16_t *h, int32_t *base)
{
	int16_t by = h[0];

	for (size_t l = 0; l < KERNEL_LANES; l++)
		h[l] = (int16_t)(h[l] - by);
	align_best_move(m, KERNEL_LANES, *base, by);
	*base += by;
}

KERNEL_INLINE void kernel_mark(struct align_sweep *m, size_t number, const struct kernel_form *nw,
			       struct kernel_local *sw, int32_t *base)
{
	unsigned char *to = m->marks + number * (MARK_VECTORS * KERNEL_LANES);
	int16_t *h = (int16_t *)(void *)(to + MARK_H * KERNEL_LANES);

	w_store(h, sw->h);
	if (__builtin_expect(h[0] > BASE_RANGE || h[0] < -BASE_RANGE, 0)) {
		kernel_move_base(m, h, base);
		sw->h = w_load(h);
	}
	kernel_put_form(to + MARK_NW * KERNEL_LANES, nw);
	kernel_put_form(to + MARK_SW * KERNEL_LANES, &sw->form);
	v_store((int8_t *)to + MARK_CORNER * KERNEL_LANES, sw->corner);
	m->mark_base[number] = *base;
}

/* ---- the sweep -------------------------------------------------------------------------------- */

KERNEL_INLINE void kernel_group(struct align_sweep *m, struct kernel_form *nw,
				struct kernel_local *sw, size_t t0, int32_t base, int ramp)
{
	vec start = kernel_start(sw->h, kernel_base(base)), lowest = start;
	const int8_t *scores = m->scores + t0 % CHUNK_STEPS * KERNEL_LANES;
	struct kernel_form f = *nw;
	struct kernel_local l = *sw;
	wide peak, old = w_load(m->best);

	l.k = start;
	for (size_t t = t0; t < t0 + GROUP_STEPS; t++, scores += KERNEL_LANES) {
		vec s = v_load(scores);

		kernel_global_step(m, &f, t, s, NULL, ramp);
		kernel_local_step(m, &l, t, s, start, NULL, ramp);
		lowest = v_min(lowest, l.k);
	}
	*nw = f;
	*sw = l;
	peak = w_add(l.h, v_widen(v_sub(start, lowest)));
	sw->h = w_add(l.h, v_widen(v_sub(start, l.k)));
	w_store(m->group,
		w_update(peak, old, w_set1((int16_t)(t0 / GROUP_STEPS)), w_load(m->group)));
	w_store(m->best, w_max(peak, old));
}

KERNEL_INLINE void kernel_begin(const struct align_sweep *m, struct kernel_form *nw,
				struct kernel_local *sw)
{
	*nw = (struct kernel_form){
		.u = v_load(m->left_u), .a = v_load(m->left_a), .v = v_set1(0), .b = v_set1(0)};
	sw->form = (struct kernel_form){.u = v_load(m->left_u_sw),
					.a = v_load(m->left_a_sw),
					.v = v_set1(0),
					.b = v_set1(0)};
	sw->corner = v_load(m->corner);
	sw->k = sw->lowest = v_set1(LANES_SHIFT);
	sw->h = w_load(m->left_h);
}

static KERNEL_TARGET void kernel_sweep(struct align_sweep *m)
{
	struct kernel_form nw;
	struct kernel_local sw;
	int32_t base = m->base;
	size_t number = 0, next = 0;

	align_best_begin(m);
	kernel_begin(m, &nw, &sw);
	for (size_t t = 0; t < m->steps; t += CHUNK_STEPS) {
		if (t == next) {
			kernel_mark(m, number++, &nw, &sw, &base);
			next += m->interval;
		}
		gather_scores(m->score, t, m->scores);
		kernel_pull(m, t, ROW_V_NW, &nw);
		kernel_pull(m, t, ROW_V_SW, &sw.form);
		sw.queue = v_queue(m->top[ROW_K] - t);
		if (t < KERNEL_LANES) {
			kernel_group(m, &nw, &sw, t, base, 1);
			kernel_group(m, &nw, &sw, t + GROUP_STEPS, base, 1);
		} else {
			kernel_group(m, &nw, &sw, t, base, 0);
			kernel_group(m, &nw, &sw, t + GROUP_STEPS, base, 0);
		}
		kernel_leave(m, t, ROW_V_NW, &nw);
		kernel_leave(m, t, ROW_V_SW, &sw.form);
		v_put_queue(m->bottom[ROW_K] + (KERNEL_LANES - 1) - t, sw.queue);
	}
	align_best_end(m, KERNEL_LANES, base);
	w_store(m->end_h, sw.h);
	m->end_base = base;
}

/* ---- a stretch, with bits --------------------------------------------------------------------- */

KERNEL_INLINE void kernel_trace_global(struct align_sweep *m, struct kernel_form *nw, size_t t0,
				       unsigned char *bits, int ramp)
{
	struct kernel_form f = *nw;
	const int8_t *scores = m->scores;

	for (size_t t = t0; t < t0 + CHUNK_STEPS; t++, scores += KERNEL_LANES) {
		kernel_global_step(m, &f, t, v_load(scores), bits, ramp);
		bits += BITS_OF_A_CELL * KERNEL_MASK;
	}
	*nw = f;
}

KERNEL_INLINE void kernel_trace_local(struct align_sweep *m, struct kernel_local *sw, size_t t0,
				      int32_t base, unsigned char *bits, int8_t *rises, int ramp)
{
	struct kernel_local l = *sw;
	vec start = kernel_start(l.h, kernel_base(base));
	const int8_t *scores = m->scores + t0 % CHUNK_STEPS * KERNEL_LANES;

	l.k = start;
	for (size_t t = t0; t < t0 + GROUP_STEPS; t++, scores += KERNEL_LANES) {
		kernel_local_step(m, &l, t, v_load(scores), start, bits, ramp);
		bits += BITS_OF_A_CELL * KERNEL_MASK;
		if (rises) {
			v_store(rises, l.form.v);
			rises += KERNEL_LANES;
		}
	}
	l.h = w_add(l.h, v_widen(v_sub(start, l.k)));
	*sw = l;
}

static KERNEL_TARGET void kernel_stretch_global(struct align_sweep *m, const unsigned char *mark,
						size_t first, size_t last, unsigned char *bits)
{
	struct kernel_form nw;

	kernel_get_form(mark + MARK_NW * KERNEL_LANES, &nw);
	for (size_t t = first; t <= last; t += CHUNK_STEPS) {
		gather_scores(m->score, t, m->scores);
		kernel_pull(m, t, ROW_V_NW, &nw);
		if (t < KERNEL_LANES)
			kernel_trace_global(m, &nw, t, bits, 1);
		else
			kernel_trace_global(m, &nw, t, bits, 0);
		bits += CHUNK_STEPS * BITS_OF_A_CELL * KERNEL_MASK;
	}
}

static KERNEL_TARGET void kernel_stretch_local(struct align_sweep *m, const unsigned char *mark,
					       size_t first, size_t last, int32_t base,
					       unsigned char *bits, int8_t *rises)
{
	struct kernel_local sw;

	kernel_get_form(mark + MARK_SW * KERNEL_LANES, &sw.form);
	sw.corner = v_load((const int8_t *)mark + MARK_CORNER * KERNEL_LANES);
	sw.h = w_load((const int16_t *)(const void *)(mark + MARK_H * KERNEL_LANES));
	sw.k = sw.lowest = v_set1(LANES_SHIFT);
	for (size_t t = first; t <= last; t += CHUNK_STEPS) {
		gather_scores(m->score, t, m->scores);
		kernel_pull(m, t, ROW_V_SW, &sw.form);
		sw.queue = v_queue(m->top[ROW_K] - t);
		for (size_t half = 0; half < CHUNK_STEPS; half += GROUP_STEPS) {
			if (t < KERNEL_LANES)
				kernel_trace_local(m, &sw, t + half, base, bits, rises, 1);
			else
				kernel_trace_local(m, &sw, t + half, base, bits, rises, 0);
			bits += GROUP_STEPS * BITS_OF_A_CELL * KERNEL_MASK;
			if (rises)
				rises += GROUP_STEPS * KERNEL_LANES;
		}
	}
}

static KERNEL_TARGET void kernel_trace(struct align_sweep *m, enum align_form form, size_t first,
				       size_t last, unsigned char *bits, int8_t *rises)
{
	size_t number = first / m->interval;
	const unsigned char *mark = m->marks + number * (MARK_VECTORS * KERNEL_LANES);

	if (form == ALIGN_NW)
		kernel_stretch_global(m, mark, first, last, bits);
	else
		kernel_stretch_local(m, mark, first, last, m->mark_base[number], bits, rises);
}

#endif
