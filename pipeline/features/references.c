/* References of a pair: see references.h. */
#include "pipeline/features/references.h"

#include <stdlib.h>
#include <string.h>

/* Aspect of a usable annotation row, -1 for a negated one or one outside P, F, C. */
static int usable(const struct annset *a, const struct ontology *o, uint32_t row)
{
	if (annset_kind(a, row)->flags & ANN_NEGATED)
		return -1;
	return aspect_index(o->term_aspect[a->term[row]]);
}

/* First pass: how many references and rows each aspect has. */
static void count(struct references *r, const struct ontology *o, const struct pool *pool,
		  uint32_t n_refs[ASPECTS], uint32_t n_rows[ASPECTS])
{
	uint32_t i;

	for (i = 0; i < pool->n; i++) {
		uint32_t from, to, row, seen[ASPECTS] = {0};
		int a;

		annset_rows(r->set, pool->protein[i], &from, &to);
		for (row = from; row < to; row++) {
			a = usable(r->set, o, row);
			if (a >= 0)
				seen[a]++;
		}
		for (a = 0; a < ASPECTS; a++) {
			n_refs[a] += seen[a] > 0;
			n_rows[a] += seen[a];
		}
	}
}

static int make_lists(struct references *r, const uint32_t n_refs[ASPECTS],
		      const uint32_t n_rows[ASPECTS], struct err *err)
{
	int a;

	for (a = 0; a < ASPECTS; a++) {
		struct ref_list *l = &r->aspect[a];

		l->row = malloc(((size_t)n_refs[a] + 1) * sizeof *l->row);
		l->start = malloc(((size_t)n_refs[a] + 1) * sizeof *l->start);
		l->ann = malloc(((size_t)n_rows[a] + 1) * sizeof *l->ann);
		if (!l->row || !l->start || !l->ann)
			return err_nomem(err, "references");
		l->start[0] = 0;
		r->annotation_rows += n_rows[a];
	}
	return 0;
}

static void fill(struct references *r, const struct ontology *o, const struct pool *pool)
{
	uint32_t i, at[ASPECTS] = {0};

	for (i = 0; i < pool->n; i++) {
		uint32_t from, to, row;
		int a;

		annset_rows(r->set, pool->protein[i], &from, &to);
		for (row = from; row < to; row++) {
			a = usable(r->set, o, row);
			if (a < 0)
				continue;
			r->aspect[a].ann[at[a]++] = row;
			r->term_freq[r->set->term[row]]++;
			r->density[i]++;
		}
		for (a = 0; a < ASPECTS; a++) {
			struct ref_list *l = &r->aspect[a];

			if (at[a] > l->start[l->n]) {
				l->row[l->n++] = i;
				l->start[l->n] = at[a];
			}
		}
	}
}

int references_build(struct references *r, const struct annset *set, const struct ontology *o,
		     const struct pool *pool, struct err *err)
{
	uint32_t n_refs[ASPECTS] = {0}, n_rows[ASPECTS] = {0};
	int rc;

	*r = (struct references){.set = set};
	count(r, o, pool, n_refs, n_rows);
	rc = make_lists(r, n_refs, n_rows, err);
	if (!rc) {
		r->term_freq = calloc((size_t)o->n_terms + 1, sizeof *r->term_freq);
		r->density = calloc((size_t)pool->n + 1, sizeof *r->density);
		if (!r->term_freq || !r->density)
			rc = err_nomem(err, "references");
	}
	if (rc) {
		references_release(r);
		return rc;
	}
	fill(r, o, pool);
	return 0;
}

void references_release(struct references *r)
{
	int a;

	for (a = 0; a < ASPECTS; a++) {
		free(r->aspect[a].row);
		free(r->aspect[a].start);
		free(r->aspect[a].ann);
	}
	free(r->term_freq);
	free(r->density);
	*r = (struct references){0};
}
