/* What became of functions that one group alone has: a compiler may have inlined them, or no longer does, a programmer
 * renamed them. Said only where the costs of both sides fit. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "prof/analyze/compare_internal.h"

#define LIKE       0.3   /* costs that differ by at most that part are taken for the same */
#define WORTH_NAME 0.002 /* of the whole: smaller functions are not asked where they went */

static int is_alike(double a, double b)
{
	return fabs(a - b) <= LIKE * fmax(fabs(a), fabs(b));
}

struct lost {                 /* a function that group `in` alone has */
	uint32_t row, caller; /* caller: nearest one that both have, PROFILE_NONE */
	int in;
	double weight; /* of the node that the caller was found by */
};

/* The nearest caller that both groups have. */
static uint32_t caller_of(const struct compare *c, uint32_t node)
{
	uint32_t own = c->row_of[node], at;

	for (at = c->nodes[node].parent; at; at = c->nodes[at].parent) {
		uint32_t row = c->row_of[at];

		if (row != own && row != PROFILE_NONE && compare_has(&c->rows[row], 0) &&
		    compare_has(&c->rows[row], 1))
			return row;
	}
	return PROFILE_NONE;
}

/* Those that are worth it, each with the caller that has most of it. */
static size_t find_lost(struct compare *c, struct lost *lost, uint32_t *lost_of)
{
	double least = WORTH_NAME * fmax(c->whole.a, c->whole.b);
	size_t n = 0, i;
	uint32_t k;

	for (i = 0; i < c->n_rows; i++) {
		const struct compare_function *f = &c->rows[i];
		int in = compare_has(f, 1);

		lost_of[i] = PROFILE_NONE;
		if (compare_has(f, 0) == in || (in ? f->total.b : f->total.a) < least ||
		    *strtab_text(c->strings, f->function) == '[')
			continue;
		lost_of[i] = (uint32_t)n;
		lost[n++] = (struct lost){(uint32_t)i, PROFILE_NONE, in, 0};
	}
	for (k = 1; n && k < c->n_nodes; k++) {
		struct lost *l;

		if (c->row_of[k] == PROFILE_NONE || lost_of[c->row_of[k]] == PROFILE_NONE)
			continue;
		l = &lost[lost_of[c->row_of[k]]];
		if (c->node_total[l->in][k] > l->weight) {
			l->weight = c->node_total[l->in][k];
			l->caller = caller_of(c, k);
		}
	}
	return n;
}

static int is_renamed(const struct compare *c, const struct lost *a, const struct lost *b)
{
	const struct compare_function *f = &c->rows[a->row], *g = &c->rows[b->row];

	return a->in == 0 && b->in == 1 && a->caller == b->caller && f->fate != COMPARE_RENAMED &&
	       g->fate != COMPARE_RENAMED && is_alike(f->total.a, g->total.b) &&
	       is_alike(f->self.a, g->self.b);
}

static void find_renamed(struct compare *c, const struct lost *lost, size_t n)
{
	size_t i, k;

	for (i = 0; i < n; i++)
		for (k = 0; k < n; k++)
			if (is_renamed(c, &lost[i], &lost[k])) {
				c->rows[lost[i].row].fate = c->rows[lost[k].row].fate =
					COMPARE_RENAMED;
				c->rows[lost[i].row].partner = lost[k].row;
				c->rows[lost[k].row].partner = lost[i].row;
			}
}

/* Did the caller's own cost change by what its lost (or new) callees had? */
static int has_taken(const struct compare *c, uint32_t caller, int in, double moved)
{
	const struct compare_value *v = &c->rows[caller].self;
	double taken = in ? -v->delta : v->delta, noise = (v->hi - v->lo) / 2;

	return compare_moved(&c->rows[caller]) && taken >= moved / 2 &&
	       fabs(taken - moved) <= LIKE * moved + noise;
}

static void find_inlined(struct compare *c, const struct lost *lost, size_t n, double *moved)
{
	size_t i;

	for (i = 0; i < n; i++) {
		const struct compare_function *f = &c->rows[lost[i].row];

		if (f->fate != COMPARE_RENAMED && lost[i].caller != PROFILE_NONE)
			moved[2 * lost[i].caller + (size_t)lost[i].in] +=
				lost[i].in ? f->self.b : f->self.a;
	}
	for (i = 0; i < n; i++) {
		struct compare_function *f = &c->rows[lost[i].row];
		uint32_t caller = lost[i].caller;

		if (f->fate == COMPARE_RENAMED || caller == PROFILE_NONE ||
		    !has_taken(c, caller, lost[i].in, moved[2 * caller + (size_t)lost[i].in]))
			continue;
		f->fate = lost[i].in ? COMPARE_OUTLINED : COMPARE_INLINED;
		f->partner = caller;
	}
}

int compare_find_fates(struct compare *c)
{
	struct lost *lost = malloc((c->n_rows + 1) * sizeof *lost);
	uint32_t *lost_of = malloc((c->n_rows + 1) * sizeof *lost_of);
	double *moved = calloc(2 * c->n_rows + 2, sizeof *moved);
	int rc = lost && lost_of && moved ? 0 : ERR_NOMEM;
	size_t i, n;

	for (i = 0; i < c->n_rows; i++) {
		struct compare_function *f = &c->rows[i];

		f->partner = PROFILE_NONE;
		f->fate = !compare_has(f, 0)   ? COMPARE_NEW
			  : !compare_has(f, 1) ? COMPARE_GONE
					       : COMPARE_BOTH;
	}
	if (rc == 0 && c->o.by == COMPARE_BY_FUNCTION) {
		n = find_lost(c, lost, lost_of);
		find_renamed(c, lost, n);
		find_inlined(c, lost, n, moved);
	}
	free(lost);
	free(lost_of);
	free(moved);
	return rc;
}
