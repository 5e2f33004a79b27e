/* The definition of spec 4.7.1, as it is written there: whole matrices, the traceback by the stated
 * comparisons, two strings, values read off the strings. For texts of a few hundred letters. The
 * engines under test share nothing with it but the score table. */
#ifndef TESTS_ALIGN_REFERENCE_H
#define TESTS_ALIGN_REFERENCE_H

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "pipeline/align/align.h"
#include "pipeline/align/align_matrix.h"

struct reference {
	const unsigned char *q, *r;
	size_t n, m;
	int local;
	long *h, *e, *f;   /* (n + 1) x (m + 1) */
	int *top, *bottom; /* aligned strings, reversed; -1: gap */
	size_t columns;
};

#define REF_MINUS_INFINITY (-1000000000L)

static inline size_t ref_at(const struct reference *x, size_t i, size_t j)
{
	return i * (x->m + 1) + j;
}

static inline long ref_score(const struct reference *x, size_t i, size_t j)
{
	return align_scores[align_code[x->q[i - 1]]][align_code[x->r[j - 1]]];
}

static inline long ref_max(long a, long b)
{
	return a > b ? a : b;
}

static inline long ref_d(const struct reference *x, size_t i, size_t j)
{
	long d = x->h[ref_at(x, i - 1, j - 1)] + ref_score(x, i, j);

	return x->local ? ref_max(0, d) : d;
}

static inline void ref_fill(struct reference *x)
{
	for (size_t i = 0; i <= x->n; i++)
		for (size_t j = 0; j <= x->m; j++) {
			size_t at = ref_at(x, i, j);

			x->e[at] = x->f[at] = REF_MINUS_INFINITY;
			if (i == 0 || j == 0) {
				x->h[at] = x->local || i + j == 0 ? 0 : -10 - ((long)(i + j) - 1);
				continue;
			}
			x->e[at] = ref_max(x->h[ref_at(x, i, j - 1)] - 10,
					   x->e[ref_at(x, i, j - 1)] - 1);
			x->f[at] = ref_max(x->h[ref_at(x, i - 1, j)] - 10,
					   x->f[ref_at(x, i - 1, j)] - 1);
			x->h[at] = ref_max(ref_d(x, i, j), ref_max(x->e[at], x->f[at]));
		}
}

static inline void ref_emit(struct reference *x, int top, int bottom)
{
	x->top[x->columns] = top;
	x->bottom[x->columns++] = bottom;
}

static inline void ref_trace(struct reference *x, size_t i, size_t j)
{
	enum { DIAG, INS, DEL } state = DIAG;

	while (i > 0 && j > 0) {
		size_t at = ref_at(x, i, j);

		if (state == DIAG) {
			if (x->h[at] == ref_d(x, i, j)) {
				if (x->local && x->h[at] == 0)
					return;
				ref_emit(x, x->q[i - 1], x->r[j - 1]);
				i--;
				j--;
			} else {
				state = x->h[at] == x->f[at] ? DEL : INS;
			}
		} else if (state == INS) {
			ref_emit(x, -1, x->r[j - 1]);
			if (x->h[ref_at(x, i, j - 1)] - 10 > x->e[ref_at(x, i, j - 1)] - 1 ||
			    j == 1)
				state = DIAG;
			j--;
		} else {
			ref_emit(x, x->q[i - 1], -1);
			if (x->h[ref_at(x, i - 1, j)] - 10 > x->f[ref_at(x, i - 1, j)] - 1 ||
			    i == 1)
				state = DIAG;
			i--;
		}
	}
	for (; !x->local && i > 0; i--)
		ref_emit(x, x->q[i - 1], -1);
	for (; !x->local && j > 0; j--)
		ref_emit(x, -1, x->r[j - 1]);
}

static inline void ref_read_off(const struct reference *x, double out[4])
{
	size_t identical = 0, similar = 0, gaps = 0;

	for (size_t k = 0; k < x->columns; k++) {
		int a = x->top[k], b = x->bottom[k];

		gaps += (size_t)(a < 0 || a == '-') + (size_t)(b < 0 || b == '-');
		if (a < 0 || b < 0)
			continue;
		identical += a == b && a != '-';
		similar += (a < 128 && b < 128 && toupper(a) == toupper(b)) ||
			   align_scores[align_code[a]][align_code[b]] > 0;
	}
	out[0] = x->columns ? (double)identical / (double)x->columns : 0;
	out[1] = x->columns ? (double)similar / (double)x->columns : 0;
	out[2] = x->columns ? (double)gaps / (double)x->columns : 0;
	out[3] = (double)x->columns;
}

/* Fills out[0..3] = identity, similarity, gaps, length; returns the score. */
static inline double ref_align(int local, struct align_text q, struct align_text r, double out[4])
{
	struct reference x = {.q = (const unsigned char *)q.bytes,
			      .r = (const unsigned char *)r.bytes,
			      .n = q.len,
			      .m = r.len,
			      .local = local};
	size_t cells = (q.len + 1) * (r.len + 1), best_i = 0, best_j = 0;
	long best = 0;

	x.h = malloc(3 * cells * sizeof *x.h);
	x.top = malloc(2 * (q.len + r.len) * sizeof *x.top);
	if (!x.h || !x.top)
		abort();
	x.e = x.h + cells;
	x.f = x.e + cells;
	x.bottom = x.top + q.len + r.len;
	ref_fill(&x);
	for (size_t j = 1; local && j <= r.len; j++)
		for (size_t i = 1; i <= q.len; i++)
			if (x.h[ref_at(&x, i, j)] > best) {
				best = x.h[ref_at(&x, i, j)];
				best_i = i;
				best_j = j;
			}
	if (!local) {
		best = x.h[cells - 1];
		best_i = q.len;
		best_j = r.len;
	}
	ref_trace(&x, best_i, best_j);
	ref_read_off(&x, out);
	free(x.h);
	free(x.top);
	return local && x.columns == 0 ? ALIGN_EMPTY_SW_SCORE : (double)best;
}

static inline double ref_characters(struct align_text t)
{
	size_t n = t.len;

	while (t.len > 0)
		n -= (t.bytes[--t.len] & 0xc0) == 0x80;
	return (double)n;
}

static inline struct align_values ref_values(struct align_text q, struct align_text r)
{
	double nw[4], sw[4];
	double nw_score = ref_align(0, q, r, nw), sw_score = ref_align(1, q, r, sw);

	return (struct align_values){
		nw[0], nw[1], nw_score, nw[2], nw[3], ref_characters(q), ref_characters(r),
		sw[0], sw[1], sw_score, sw[2], sw[3]};
}

#endif
