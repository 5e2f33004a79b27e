/* Term association: see association.h. Walking the proteins that carry a term and counting their terms gives
 * cooc(k, t) for all t. A term of thousands of proteins is a term of thousands of queries: its counts, far
 * fewer than what is walked for them, are made once. */
#include "pipeline/features/association.h"

#include <stdlib.h>
#include <string.h>

#define WORTH    4          /* counts are kept where walking meets that many times as much */
#define KEPT_MAX (1u << 25) /* counts kept at most: 256 MiB */

/* ---- walking -------------------------------------------------------------------------------------- */

static int walk_init(struct association_walk *w, uint32_t n_go, struct err *err)
{
	*w = (struct association_walk){0};
	w->count = calloc((size_t)n_go + 1, sizeof *w->count);
	w->met = malloc(((size_t)n_go + 1) * sizeof *w->met);
	if (!w->count || !w->met)
		return err_nomem(err, "term associations");
	return termbits_init(&w->marked, n_go, err);
}

static void walk_release(struct association_walk *w)
{
	free(w->count);
	free(w->met);
	termbits_release(&w->marked);
}

static void take_met(void *ctx, uint32_t go)
{
	struct association_walk *w = ctx;

	w->met[w->n++] = (struct together){go, w->count[go]};
	w->count[go] = 0;
}

/* Proteins that carry both k and t, for all t. */
static void walk(struct association_walk *w, const struct association *a, uint32_t k)
{
	const struct csr *proteins = &a->proteins, *terms = &a->terms;
	uint32_t i, j;

	for (i = proteins->start[k]; i < proteins->start[k + 1]; i++) {
		uint32_t p = proteins->item[i];

		for (j = terms->start[p]; j < terms->start[p + 1]; j++)
			if (w->count[terms->item[j]]++ == 0)
				termbits_add(&w->marked, terms->item[j]);
	}
	w->n = 0;
	termbits_each(&w->marked, take_met, w);
	termbits_clear(&w->marked);
}

/* ---- once per set --------------------------------------------------------------------------------- */

/* Experimental, non-negated rows. */
static int list_terms(struct association *a, const struct annset *set, struct err *err)
{
	const struct ontology *o = a->ontology;
	uint32_t *protein = malloc(((size_t)set->n_rows + 1) * sizeof *protein);
	uint32_t *go = malloc(((size_t)set->n_rows + 1) * sizeof *go);
	uint32_t p, r;
	size_t n = 0;
	int rc = 0;

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
	return rc;
}

/* Terms that walking meets for k, repeats and all. */
static uint64_t walked(const struct association *a, uint32_t k)
{
	uint64_t n = 0;
	uint32_t i;

	for (i = a->proteins.start[k]; i < a->proteins.start[k + 1]; i++)
		n += csr_len(&a->terms, a->proteins.item[i]);
	return n;
}

/* Room for `n` more; 0 or ERR_NOMEM. */
static int reserve(struct association *a, size_t used, size_t n, size_t *cap, struct err *err)
{
	size_t wanted = *cap ? *cap + *cap / 2 : 4096;
	struct together *more;

	if (used + n <= *cap)
		return 0;
	if (wanted < used + n)
		wanted = used + n;
	more = realloc(a->together, wanted * sizeof *more);
	if (!more)
		return err_nomem(err, "term associations");
	a->together = more;
	*cap = wanted;
	return 0;
}

static int keep_counts(struct association *a, struct association_walk *w, struct err *err)
{
	uint32_t n_go = a->ontology->n_go, used = 0, k;
	size_t cap = 0;
	int rc;

	a->start = calloc((size_t)n_go + 1, sizeof *a->start);
	if (!a->start)
		return err_nomem(err, "term associations");
	for (k = 0; k < n_go; k++) {
		uint64_t all = csr_len(&a->proteins, k) < WORTH ? 0 : walked(a, k);

		a->start[k] = used;
		if (all < WORTH)
			continue;
		walk(w, a, k);
		if (all / WORTH < w->n || w->n > KEPT_MAX - used)
			continue;
		rc = reserve(a, used, w->n, &cap, err);
		if (rc)
			return rc;
		memcpy(a->together + used, w->met, w->n * sizeof *w->met);
		used += w->n;
	}
	a->start[n_go] = used;
	return 0;
}

int association_build(struct association *a, const struct annset *set, const struct ontology *o,
		      struct err *err)
{
	struct association_walk w = {0};
	int rc;

	*a = (struct association){.ontology = o};
	rc = list_terms(a, set, err);
	if (!rc) {
		csr_sort_unique(&a->terms);
		rc = csr_transpose(&a->proteins, &a->terms, o->n_go, err);
	}
	if (!rc)
		rc = walk_init(&w, o->n_go, err);
	if (!rc)
		rc = keep_counts(a, &w, err);
	walk_release(&w);
	if (rc)
		association_release(a);
	return rc;
}

void association_release(struct association *a)
{
	csr_release(&a->proteins);
	csr_release(&a->terms);
	free(a->start);
	free(a->together);
	a->start = NULL;
	a->together = NULL;
}

/* ---- once per query ------------------------------------------------------------------------------- */

int association_table_init(struct association_table *t, const struct association *a,
			   struct err *err)
{
	size_t n = (size_t)a->ontology->n_go + 1;
	int rc;

	*t = (struct association_table){.a = a};
	t->sum = calloc(n, sizeof *t->sum);
	t->touched = malloc(n * sizeof *t->touched);
	rc = t->sum && t->touched ? walk_init(&t->walk, a->ontology->n_go, err)
				  : err_nomem(err, "term associations");
	if (rc)
		association_table_release(t);
	return rc;
}

void association_table_release(struct association_table *t)
{
	free(t->sum);
	free(t->touched);
	walk_release(&t->walk);
	*t = (struct association_table){0};
}

static void forget(struct association_table *t)
{
	uint32_t i;

	for (i = 0; i < t->n_touched; i++)
		t->sum[t->touched[i]] = (struct association_sum){0};
	t->n_touched = 0;
}

/* Adds what the proteins of k say; `n` counts. */
static void add(struct association_table *t, uint32_t k, const struct together *with, uint32_t n)
{
	const char *aspect = t->a->ontology->aspect_by_go;
	double freq = (double)csr_len(&t->a->proteins, k);
	char own = aspect[k];
	uint32_t i;

	for (i = 0; i < n; i++) {
		uint32_t go = with[i].go;
		struct association_sum *s = &t->sum[go];
		double part = (double)with[i].n / freq;

		t->touched[t->n_touched] = go;
		t->n_touched += s->total == 0.0;
		s->total += part;
		s->cross += aspect[go] != own ? part : 0.0;
	}
}

void association_table_query(struct association_table *t, uint32_t protein)
{
	const struct association *a = t->a;
	const struct csr *terms = &a->terms;
	uint32_t i;

	forget(t);
	if (protein >= terms->n)
		return;
	for (i = terms->start[protein]; i < terms->start[protein + 1]; i++) {
		uint32_t k = terms->item[i], n = a->start[k + 1] - a->start[k];

		if (n) {
			add(t, k, a->together + a->start[k], n);
			continue;
		}
		walk(&t->walk, a, k);
		add(t, k, t->walk.met, t->walk.n);
	}
}

struct association_score association_of(const struct association_table *t, uint32_t go)
{
	return (struct association_score){
		.total = t->sum[go].total,
		.cross = t->sum[go].cross,
		.present = t->sum[go].total > 0 ? 1.0 : 0.0,
	};
}
