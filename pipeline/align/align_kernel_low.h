/* The loops for pairs of a low local score: that form as it is, in bytes, where -128 stands for zero and
 * what would fall below stays there. That takes fewer operations than differences and a zero beside
 * them; a score of LOW_MOST + 1 or more shows as the largest byte, and the pair is done again by differences. The global
 * form is that of align_kernel.h. A lane takes `fold` rows of the strip, one below the other, in a step,
 * so that what passes from lane to lane does so once for all of them. Gaps that would score below zero
 * count as zero: no path goes through them, and what they are compared with is larger wherever a path
 * goes (docs/alignment.md). Written once; see align_kernel.h for what the including file defines.
 * Inline only. */
#ifndef ALIGN_ALIGN_KERNEL_LOW_H
#define ALIGN_ALIGN_KERNEL_LOW_H

#include "pipeline/align/align_kernel.h"

struct kernel_low {
	/* the global form, as struct kernel_form */
	vec u[FOLD_MAX], a[FOLD_MAX], v, b;
	/* the local form: H of the lane's rows at their last column, E of their next one, F for the row below,
	 * H to the upper left of the next cell of the first row, the largest H so far */
	vec h[FOLD_MAX], e[FOLD_MAX], f, corner, peak;
	vec queue_v, queue_b, queue_h, queue_f;
};

/* One cell of the local form. `f`: of this cell, and then for the row below; `h`: of the cell. */
KERNEL_INLINE void kernel_low_cell(vec s, vec diagonal, vec *h, vec *e, vec *f, unsigned char *bits)
{
	vec d = v_add_sat(diagonal, v_sub(s, v_set1(LANES_SHIFT)));
	vec x = v_max(v_max(d, *e), *f), open = v_sub_sat(x, v_set1(ALIGN_GAP_OPEN));
	vec right = v_sub_sat(*e, v_set1(ALIGN_GAP_EXTEND));
	vec down = v_sub_sat(*f, v_set1(ALIGN_GAP_EXTEND));

	if (bits) {
		v_put(bits + BIT_DIAGONAL * KERNEL_MASK, v_equal(x, d));
		v_put(bits + BIT_DEL * KERNEL_MASK, v_equal(x, *f));
		v_put(bits + BIT_INS_OPENS * KERNEL_MASK, v_greater(open, right));
		v_put(bits + BIT_DEL_OPENS * KERNEL_MASK, v_greater(open, down));
	}
	*e = v_max(right, open);
	*f = v_max(down, open);
	*h = x;
}

/* The rows of a lane that waits for its first column stay as they were before it. */
KERNEL_INLINE void kernel_low_wait(const struct align_sweep *m, struct kernel_low *l, size_t t,
				   size_t fold)
{
	mask begun = v_first(t + 1);

#pragma GCC unroll 2
	for (size_t k = 0; k < fold; k++) {
		l->u[k] = v_choose(begun, l->u[k], v_load(m->left_u + k * KERNEL_LANES));
		l->a[k] = v_choose(begun, l->a[k], v_load(m->left_a + k * KERNEL_LANES));
		l->h[k] = v_choose(begun, l->h[k], v_load(m->low_h + k * KERNEL_LANES));
		l->e[k] = v_choose(begun, l->e[k], v_load(m->low_e + k * KERNEL_LANES));
	}
}

/* Both forms, or the one that `bits` are wanted of. */
enum kernel_low_forms {
	LOW_BOTH,
	LOW_GLOBAL,
	LOW_LOCAL,
};

KERNEL_INLINE void kernel_low_global(struct kernel_low *l, const int8_t *scores, size_t fold,
				     unsigned char *bits)
{
	vec v = v_shift(l->v, l->queue_v), b = v_shift(l->b, l->queue_b);

#pragma GCC unroll 2
	for (size_t k = 0; k < fold; k++) {
		kernel_cell(v_load(scores + k * ROW_SCORES), &l->u[k], &l->a[k], &v, &b, bits);
		if (bits)
			bits += BITS_OF_A_CELL * KERNEL_MASK;
	}
	l->v = v;
	l->b = b;
	l->queue_v = v_push(l->queue_v, v);
	l->queue_b = v_push(l->queue_b, b);
}

KERNEL_INLINE void kernel_low_local(struct kernel_low *l, const int8_t *scores, size_t fold,
				    unsigned char *bits)
{
	vec above = v_shift(l->h[fold - 1], l->queue_h), f = v_shift(l->f, l->queue_f);
	vec diagonal = l->corner;

#pragma GCC unroll 2
	for (size_t k = 0; k < fold; k++) {
		vec old = l->h[k];

		kernel_low_cell(v_load(scores + k * ROW_SCORES), diagonal, &l->h[k], &l->e[k], &f,
				bits);
		diagonal = old;
		if (bits)
			bits += BITS_OF_A_CELL * KERNEL_MASK;
	}
	l->f = f;
	l->corner = above;
	l->queue_f = v_push(l->queue_f, f);
}

/* CHUNK_STEPS steps from `t0` on. `values`: H of all rows, a vector each, or NULL. */
KERNEL_INLINE void kernel_low_chunk(const struct align_sweep *m, struct kernel_low *state,
				    size_t t0, enum kernel_low_forms forms, unsigned char *bits,
				    int8_t *values, size_t fold, int ramp)
{
	struct kernel_low l = *state;
	const int8_t *scores = m->scores;

	for (size_t t = t0; t < t0 + CHUNK_STEPS; t++, scores += KERNEL_LANES) {
		if (forms != LOW_LOCAL)
			kernel_low_global(&l, scores, fold, bits);
		if (forms != LOW_GLOBAL)
			kernel_low_local(&l, scores, fold, bits);
		if (ramp)
			kernel_low_wait(m, &l, t, fold);
		if (forms != LOW_GLOBAL)
			l.queue_h = v_push(l.queue_h, l.h[fold - 1]);
#pragma GCC unroll 2
		for (size_t k = 0; k < fold; k++) {
			if (forms == LOW_BOTH)
				l.peak = v_max(l.peak, l.h[k]);
			if (values)
				v_store(values + k * KERNEL_LANES, l.h[k]);
		}
		if (values)
			values += fold * KERNEL_LANES;
		if (bits)
			bits += fold * BITS_OF_A_CELL * KERNEL_MASK;
	}
	*state = l;
}

KERNEL_INLINE void kernel_low_pull(const struct align_sweep *m, size_t t, struct kernel_low *l)
{
	l->queue_v = v_queue(m->top[ROW_V_NW] - t);
	l->queue_b = v_queue(m->top[ROW_B_NW] - t);
	l->queue_h = v_queue(m->top[ROW_H] - t);
	l->queue_f = v_queue(m->top[ROW_F] - t);
}

KERNEL_INLINE void kernel_low_leave(const struct align_sweep *m, size_t t,
				    const struct kernel_low *l)
{
	v_put_queue(m->bottom[ROW_V_NW] + (KERNEL_LANES - 1) - t, l->queue_v);
	v_put_queue(m->bottom[ROW_B_NW] + (KERNEL_LANES - 1) - t, l->queue_b);
	v_put_queue(m->bottom[ROW_H] + (KERNEL_LANES - 1) - t, l->queue_h);
	v_put_queue(m->bottom[ROW_F] + (KERNEL_LANES - 1) - t, l->queue_f);
}

KERNEL_INLINE void kernel_low_begin(const struct align_sweep *m, struct kernel_low *l, size_t fold)
{
#pragma GCC unroll 2
	for (size_t k = 0; k < fold; k++) {
		l->u[k] = v_load(m->left_u + k * KERNEL_LANES);
		l->a[k] = v_load(m->left_a + k * KERNEL_LANES);
		l->h[k] = v_load(m->low_h + k * KERNEL_LANES);
		l->e[k] = v_load(m->low_e + k * KERNEL_LANES);
	}
	l->v = l->b = v_set1(0);
	l->f = l->peak = v_set1(LOW_ZERO);
	l->corner = v_load(m->corner);
}

/* A mark's vectors in the order of MARK_LOW_*. */
KERNEL_INLINE void kernel_low_mark(const struct align_sweep *m, size_t number,
				   const struct kernel_low *l, size_t fold)
{
	int8_t *to = (int8_t *)m->marks + number * (MARK_LOW_VECTORS * KERNEL_LANES);

#pragma GCC unroll 2
	for (size_t k = 0; k < fold; k++) {
		v_store(to + (MARK_LOW_U + k) * KERNEL_LANES, l->u[k]);
		v_store(to + (MARK_LOW_A + k) * KERNEL_LANES, l->a[k]);
		v_store(to + (MARK_LOW_H + k) * KERNEL_LANES, l->h[k]);
		v_store(to + (MARK_LOW_E + k) * KERNEL_LANES, l->e[k]);
	}
	v_store(to + MARK_LOW_V * KERNEL_LANES, l->v);
	v_store(to + MARK_LOW_B * KERNEL_LANES, l->b);
	v_store(to + MARK_LOW_F * KERNEL_LANES, l->f);
	v_store(to + MARK_LOW_CORNER * KERNEL_LANES, l->corner);
	v_store(to + MARK_LOW_PEAK * KERNEL_LANES, l->peak);
}

KERNEL_INLINE void kernel_low_resume(const struct align_sweep *m, size_t number,
				     struct kernel_low *l, size_t fold)
{
	const int8_t *from = (const int8_t *)m->marks + number * (MARK_LOW_VECTORS * KERNEL_LANES);

#pragma GCC unroll 2
	for (size_t k = 0; k < fold; k++) {
		l->u[k] = v_load(from + (MARK_LOW_U + k) * KERNEL_LANES);
		l->a[k] = v_load(from + (MARK_LOW_A + k) * KERNEL_LANES);
		l->h[k] = v_load(from + (MARK_LOW_H + k) * KERNEL_LANES);
		l->e[k] = v_load(from + (MARK_LOW_E + k) * KERNEL_LANES);
	}
	l->v = v_load(from + MARK_LOW_V * KERNEL_LANES);
	l->b = v_load(from + MARK_LOW_B * KERNEL_LANES);
	l->f = v_load(from + MARK_LOW_F * KERNEL_LANES);
	l->corner = v_load(from + MARK_LOW_CORNER * KERNEL_LANES);
	l->peak = v_load(from + MARK_LOW_PEAK * KERNEL_LANES);
}

KERNEL_INLINE void kernel_low_gather(struct align_sweep *m, size_t t, size_t fold)
{
#pragma GCC unroll 2
	for (size_t k = 0; k < fold; k++)
		gather_scores(m->score + k * KERNEL_LANES, t, m->scores + k * ROW_SCORES);
}

KERNEL_INLINE void kernel_low_strip(struct align_sweep *m, size_t fold)
{
	struct kernel_low l;
	size_t number = 0, next = 0;

	kernel_low_begin(m, &l, fold);
	for (size_t t = 0; t < m->steps; t += CHUNK_STEPS) {
		if (t == next) {
			kernel_low_mark(m, number++, &l, fold);
			next += m->interval;
		}
		kernel_low_gather(m, t, fold);
		kernel_low_pull(m, t, &l);
		if (t < KERNEL_LANES)
			kernel_low_chunk(m, &l, t, LOW_BOTH, NULL, NULL, fold, 1);
		else
			kernel_low_chunk(m, &l, t, LOW_BOTH, NULL, NULL, fold, 0);
		kernel_low_leave(m, t, &l);
	}
	v_store(m->peak, l.peak);
}

static KERNEL_TARGET void kernel_sweep_low(struct align_sweep *m)
{
	if (m->fold == 1)
		kernel_low_strip(m, 1);
	else
		kernel_low_strip(m, 2);
}

KERNEL_INLINE void kernel_low_stretch(struct align_sweep *m, enum kernel_low_forms forms,
				      size_t first, size_t last, unsigned char *bits,
				      int8_t *values, size_t fold)
{
	struct kernel_low l;

	kernel_low_resume(m, first / m->interval, &l, fold);
	for (size_t t = first; t <= last; t += CHUNK_STEPS) {
		kernel_low_gather(m, t, fold);
		kernel_low_pull(m, t, &l);
		if (t < KERNEL_LANES)
			kernel_low_chunk(m, &l, t, forms, bits, values, fold, 1);
		else
			kernel_low_chunk(m, &l, t, forms, bits, values, fold, 0);
		bits += CHUNK_STEPS * fold * BITS_OF_A_CELL * KERNEL_MASK;
		if (values)
			values += CHUNK_STEPS * fold * KERNEL_LANES;
	}
}

static KERNEL_TARGET void kernel_trace_low(struct align_sweep *m, enum align_form form,
					   size_t first, size_t last, unsigned char *bits,
					   int8_t *values)
{
	if (form == ALIGN_NW && m->fold == 1)
		kernel_low_stretch(m, LOW_GLOBAL, first, last, bits, NULL, 1);
	else if (form == ALIGN_NW)
		kernel_low_stretch(m, LOW_GLOBAL, first, last, bits, NULL, 2);
	else if (m->fold == 1)
		kernel_low_stretch(m, LOW_LOCAL, first, last, bits, values, 1);
	else
		kernel_low_stretch(m, LOW_LOCAL, first, last, bits, values, 2);
}

#endif
