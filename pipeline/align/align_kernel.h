/* The loop over cells of the fast engine, written once. The including file defines, for its
 * instruction set:
 *   KERNEL_TARGET                  function attributes
 *   KERNEL_LANES                   lanes of a vector
 *   vec, mask                      LANES int16, and the result of comparing two of them
 *   v_load(p) v_store(p, v)        aligned int16[LANES]
 *   v_widen(p)                     int8[LANES] to a vec
 *   v_set1(x) v_add v_sub v_max    wrap-around arithmetic (no overflow occurs: align_lanes.h)
 *   v_greater(a, b) v_equal(a, b)  to a mask
 *   v_choose(m, a, b)              a where m, else b
 *   put_cell(p, d, f, ins, del)    stores four masks as one record, returns the next record
 *   look_up(g, rows, column)       fills g->scores
 * It compares score for score what align_scalar.c does. Inline only. */
#ifndef ALIGN_ALIGN_KERNEL_H
#define ALIGN_ALIGN_KERNEL_H

#ifndef KERNEL_LANES
#error "define the instruction set before including align_kernel.h"
#endif

static inline __attribute__((always_inline)) KERNEL_TARGET void
kernel_column(struct lane_group *g, size_t rows, size_t column, unsigned char **bits, int local,
	      int store)
{
	const vec zero = v_set1(0), one = v_set1(1);
	const vec open = v_set1(ALIGN_GAP_OPEN), extend = v_set1(ALIGN_GAP_EXTEND);
	const int16_t top =
		(int16_t)((local ? 0 : align_border(ALIGN_NW, column)) - ALIGN_GAP_OPEN);
	int16_t *h = g->h, *e = g->e;
	const int8_t *scores = g->scores;
	vec diagonal = v_load(h), up = v_set1(top), f = v_set1(LANES_MINUS_INFINITY);
	vec best = zero, best_row = zero, row = one;
	unsigned char *out = *bits;

	v_store(h, up);
	for (size_t i = 1; i <= rows; i++) {
		vec left, d, ins_more, ins, del_more, cell;
		mask ins_opens, del_opens;

		h += KERNEL_LANES;
		e += KERNEL_LANES;
		left = v_load(h);
		d = v_add(diagonal, v_widen(scores));
		scores += KERNEL_LANES;
		if (local)
			d = v_max(d, zero);
		ins_more = v_sub(v_load(e), extend);
		ins_opens = v_greater(left, ins_more);
		ins = v_max(left, ins_more);
		del_more = v_sub(f, extend);
		del_opens = v_greater(up, del_more);
		f = v_max(up, del_more);
		cell = v_max(v_max(d, ins), f);
		diagonal = left;
		up = v_sub(cell, open);
		v_store(h, up);
		v_store(e, ins);
		if (store)
			out = put_cell(out, v_equal(cell, d), v_equal(cell, f), ins_opens,
				       del_opens);
		if (local) {
			best_row = v_choose(v_greater(cell, best), row, best_row);
			best = v_max(best, cell);
			row = v_add(row, one);
		}
	}
	*bits = out;
	if (local) {
		vec old = v_load(g->best);
		mask better = v_greater(best, old);

		v_store(g->best, v_max(best, old));
		v_store(g->best_i, v_choose(better, best_row, v_load(g->best_i)));
		v_store(g->best_j, v_choose(better, v_set1((int16_t)column), v_load(g->best_j)));
	}
}

static inline __attribute__((always_inline)) KERNEL_TARGET void
kernel_run(struct lane_group *g, size_t rows, size_t from, size_t to, unsigned char *bits,
	   int local, int store)
{
	for (size_t column = from + 1; column <= to; column++) {
		look_up(g, rows, column);
		kernel_column(g, rows, column, &bits, local, store);
	}
}

/* Four copies: the compiler drops what a form does not need. */
static KERNEL_TARGET void kernel_columns(struct lane_group *g, size_t rows, size_t from, size_t to,
					 void *bits)
{
	if (g->form == ALIGN_SW && bits)
		kernel_run(g, rows, from, to, bits, 1, 1);
	else if (g->form == ALIGN_SW)
		kernel_run(g, rows, from, to, NULL, 1, 0);
	else if (bits)
		kernel_run(g, rows, from, to, bits, 0, 1);
	else
		kernel_run(g, rows, from, to, NULL, 0, 0);
}

#endif
