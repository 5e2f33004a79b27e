/* Term association: see association.h. For each term of the query the proteins that carry it are walked and
 * their terms counted: one pass gives cooc(k, t) for all t. */
#include "pipeline/features/association.h"

#include <stdlib.h>
#include <string.h>

int association_build(struct association *a, const struct annset *set, const struct ontology *o,
		      struct err *err)
{
	uint32_t *protein = malloc(((size_t)set->n_rows + 1) * sizeof *protein);
	uint32_t *go = malloc(((size_t)set->n_rows + 1) * sizeof *go);
	uint32_t p, r;
	size_t n = 0;
	int rc = 0;

	*a = (struct association){.ontology = o};
	if (!protein || !go) {
		rc = err_nomem(err, "term associations");
	} else {
		for (p = 0; p < set->n_proteins; p++)
			for (r = set->start[p]; r < set->start[p + 1]; r++) {
				if ((annset_kind(set, r)->flags &
				     (ANN_NEGATED | ANN_EXPERIMENTAL)) != ANN_EXPERIMENTAL)
					continue;
				protein[n] = p;
				go[n++] = o->term_go[set->term[r]];
			}
		rc = csr_build(&a->terms, set->n_proteins, protein, go, n, err);
	}
	free(protein);
	free(go);
	if (!rc) {
		csr_sort_unique(&a->terms);
		rc = csr_transpose(&a->proteins, &a->terms, o->n_go, err);
	}
	if (rc)
		association_release(a);
	return rc;
}

void association_release(struct association *a)
{
	csr_release(&a->proteins);
	csr_release(&a->terms);
}

int association_table_init(struct association_table *t, const struct association *a,
			   struct err *err)
{
	size_t n = (size_t)a->ontology->n_go + 1;

	*t = (struct association_table){.a = a};
	t->total = calloc(n, sizeof *t->total);
	t->cross = calloc(n, sizeof *t->cross);
	t->count = calloc(n, sizeof *t->count);
	t->touched = malloc(n * sizeof *t->touched);
	t->marked = malloc(n * sizeof *t->marked);
	if (!t->total || !t->cross || !t->count || !t->touched || !t->marked) {
		association_table_release(t);
		return err_nomem(err, "term associations");
	}
	return 0;
}

void association_table_release(struct association_table *t)
{
	free(t->total);
	free(t->cross);
	free(t->count);
	free(t->touched);
	free(t->marked);
	*t = (struct association_table){0};
}

static void forget(struct association_table *t)
{
	uint32_t i;

	for (i = 0; i < t->n_touched; i++)
		t->total[t->touched[i]] = t->cross[t->touched[i]] = 0.0;
	t->n_touched = 0;
}

/* Proteins that carry both k and t, into count[t]; the gos met into marked. */
static uint32_t count_with(struct association_table *t, uint32_t k)
{
	const struct csr *proteins = &t->a->proteins, *terms = &t->a->terms;
	uint32_t n = 0, i, j;

	for (i = proteins->start[k]; i < proteins->start[k + 1]; i++) {
		uint32_t p = proteins->item[i];

		for (j = terms->start[p]; j < terms->start[p + 1]; j++) {
			uint32_t go = terms->item[j];

			if (t->count[go]++ == 0)
				t->marked[n++] = go;
		}
	}
	return n;
}

void association_table_query(struct association_table *t, uint32_t protein)
{
	const char *aspect = t->a->ontology->aspect_by_go;
	const struct csr *terms = &t->a->terms;
	uint32_t i, m;

	forget(t);
	if (protein >= terms->n)
		return;
	for (i = terms->start[protein]; i < terms->start[protein + 1]; i++) {
		uint32_t k = terms->item[i], n = count_with(t, k);
		double freq = (double)csr_len(&t->a->proteins, k);

		for (m = 0; m < n; m++) {
			uint32_t go = t->marked[m];
			double part = (double)t->count[go] / freq;

			t->count[go] = 0;
			if (t->total[go] == 0.0)
				t->touched[t->n_touched++] = go;
			t->total[go] += part;
			if (aspect[go] != aspect[k])
				t->cross[go] += part;
		}
	}
}

struct association_score association_of(const struct association_table *t, uint32_t go)
{
	return (struct association_score){
		.total = t->total[go],
		.cross = t->cross[go],
		.present = t->total[go] > 0 ? 1.0 : 0.0,
	};
}
