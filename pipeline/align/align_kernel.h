/* One column of the fast engine, written once. The including file defines, for its instruction set:
 *   KERNEL_TARGET                  function attributes
 *   KERNEL_LANES                   bytes of a vector
 *   vec, mask                      LANES int8, and the result of comparing two of them
 *   wide                           LANES int16 in two parts, .low and .high (lane_split)
 *   v_load(p) v_store(p, v)        aligned int8[LANES]
 *   v_set1(x) v_add v_sub v_min v_max
 *   v_greater(a, b) v_equal(a, b)  to a mask
 *   v_choose(m, a, b)              a where m, else b
 *   v_put(p, m)                    stores a mask as LANES bits at p, lane 0 lowest
 *   w_load(p) w_store(p, v) w_set1(x) w_add w_min w_max w_update(new, old, a, b)
 *                                  the same for int16[LANES]; w_update: a where new > old, else b
 *   v_widen(v)                     to wide, with sign
 *   w_narrow(w)                    to vec, saturated
 *   look_up(m)                     fills m->scores
 * docs/alignment.md derives the recurrences; all values stay within -128 … 127. With o = 10, e = 1:
 *   Z = H - diagonal H + 2e    A, B = E, F - diagonal H + 2e    U, V = rise down, right + e
 *   K = 2e - H, H followed from the strip's start, which counts as at most LANES_CAP. Inline only. */
#ifndef ALIGN_ALIGN_KERNEL_H
#define ALIGN_ALIGN_KERNEL_H

#ifndef KERNEL_LANES
#error "define the instruction set before including align_kernel.h"
#endif

#define KERNEL_INLINE static inline __attribute__((always_inline)) KERNEL_TARGET

/* Z is the largest of S (diagonal), A and B. Gaps on: A' = max(Z - o + e, A) - V, B' likewise. */
KERNEL_INLINE vec kernel_cell(vec s, int8_t *state, vec *v, vec *b, unsigned char *bits)
{
	vec u = v_load(state), a = v_load(state + KERNEL_LANES), z, t;

	z = v_max(v_max(s, a), *b);
	v_put(bits + BIT_DIAGONAL * (KERNEL_LANES / 8), v_equal(z, s));
	v_put(bits + BIT_DEL * (KERNEL_LANES / 8), v_equal(z, *b));
	t = v_sub(z, v_set1(ALIGN_GAP_OPEN - ALIGN_GAP_EXTEND));
	v_put(bits + BIT_INS_OPENS * (KERNEL_LANES / 8), v_greater(t, a));
	v_put(bits + BIT_DEL_OPENS * (KERNEL_LANES / 8), v_greater(t, *b));
	v_store(state + KERNEL_LANES, v_sub(v_max(t, a), *v));
	*b = v_sub(v_max(t, *b), u);
	t = v_sub(z, *v);
	v_store(state, t);
	*v = v_sub(z, u);
	return t;
}

struct kernel_column {
	vec v[2], b[2];
	vec corner; /* K to the upper left */
	wide h;     /* local, of the row above the strip */
};

/* LANES_STRIP rows of the global form. */
KERNEL_INLINE void kernel_global(struct lane_machine *m, struct kernel_column *c, size_t row,
				 unsigned char *bits)
{
	const int8_t *scores = m->scores + row * KERNEL_LANES;
	int8_t *state = m->state + row * STATE_VECTORS * KERNEL_LANES;
	vec v = c->v[ALIGN_NW], b = c->b[ALIGN_NW];

#pragma GCC unroll 8
	for (size_t r = 0; r < LANES_STRIP; r++)
		kernel_cell(v_load(scores + r * KERNEL_LANES),
			    state + (r * STATE_VECTORS + STATE_U_NW) * KERNEL_LANES, &v, &b,
			    bits + r * KERNEL_LANES);
	c->v[ALIGN_NW] = v;
	c->b[ALIGN_NW] = b;
}

/* The same rows of the local form. */
KERNEL_INLINE void kernel_local(struct lane_machine *m, struct kernel_column *c, size_t row,
				unsigned char *bits, int16_t step)
{
	const vec extend = v_set1(ALIGN_GAP_EXTEND);
	const int8_t *scores = m->scores + row * KERNEL_LANES;
	int8_t *state = m->state + row * STATE_VECTORS * KERNEL_LANES;
	vec start = v_sub(v_set1(LANES_SHIFT), w_narrow(w_min(c->h, w_set1(LANES_CAP))));
	vec k = start, lowest = v_set1(INT8_MAX), at = start, corner = c->corner;
	vec v = c->v[ALIGN_SW], b = c->b[ALIGN_SW];
	wide peak, place, old = w_load(m->best);

#pragma GCC unroll 8
	for (size_t r = 0; r < LANES_STRIP; r++) {
		int8_t *of_row = state + r * STATE_VECTORS * KERNEL_LANES;
		vec s = v_max(v_load(scores + r * KERNEL_LANES), corner), u;

		u = kernel_cell(s, of_row + STATE_U_SW * KERNEL_LANES, &v, &b,
				bits + r * KERNEL_LANES);
		corner = v_load(of_row + STATE_K * KERNEL_LANES);
		k = v_sub(v_add(k, extend), u);
		v_store(of_row + STATE_K * KERNEL_LANES, k);
		at = v_choose(v_greater(lowest, k), v_set1((int8_t)r), at);
		lowest = v_min(lowest, k);
	}
	c->v[ALIGN_SW] = v;
	c->b[ALIGN_SW] = b;
	c->corner = corner;
	peak = w_add(c->h, v_widen(v_sub(start, lowest)));
	place = w_add(v_widen(at), w_set1((int16_t)row));
	c->h = w_add(c->h, v_widen(v_sub(start, k)));
	w_store(m->best_row, w_update(peak, old, place, w_load(m->best_row)));
	w_store(m->best_step, w_update(peak, old, w_set1(step), w_load(m->best_step)));
	w_store(m->best, w_max(peak, old));
}

static KERNEL_TARGET void kernel_sweep(struct lane_machine *m, unsigned char *bits, int16_t step)
{
	struct kernel_column c = {
		.v = {v_load(m->top.v[0]), v_load(m->top.v[1])},
		.b = {v_load(m->top.b[0]), v_load(m->top.b[1])},
		.corner = v_load(m->corner),
		.h = w_load(m->top.h),
	};

	look_up(m);
	v_store(m->corner, v_sub(v_set1(LANES_SHIFT), w_narrow(w_min(c.h, w_set1(LANES_CAP)))));
	for (size_t row = 0; row < m->rows; row += LANES_STRIP) {
		unsigned char *of_row = bits + row * KERNEL_LANES;

		kernel_global(m, &c, row, of_row);
		kernel_local(m, &c, row, of_row + BITS_OF_A_FORM * (KERNEL_LANES / 8), step);
	}
	for (int form = 0; form < 2; form++) {
		v_store(m->bottom.v[form], c.v[form]);
		v_store(m->bottom.b[form], c.b[form]);
	}
	w_store(m->bottom.h, c.h);
}

#endif
