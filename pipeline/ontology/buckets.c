/* Ground truth of a pair by the rules of spec 4.3: see buckets.h. Proteins are independent of each other:
 * threads take ranges of them, and what the ranges give is joined in their order. The terms of a protein
 * are bits, which come out ascending without being sorted. */
#include "pipeline/ontology/buckets.h"

#include <stdlib.h>
#include <string.h>

#include "pipeline/core/workers.h"
#include "pipeline/ontology/termbits.h"

#define RANGE_PROTEINS 2048

const char *const category_name[CATEGORIES] = {"nk", "lk", "pk"};

struct range { /* what some proteins give, in ascending keys */
	struct pairset gained[CATEGORIES];
	struct pairset known;
};

/* Scratch of one thread. */
struct scratch {
	struct termbits old_terms, new_terms, negated;
	int ready;
};

struct compute {
	const struct ontology *o;
	const struct annset *old_set, *new_set;
	int case_a;          /* both sets live in the pivot snapshot */
	uint64_t *pivot;     /* owned: bits of the terms that count in case B */
	uint32_t n_proteins; /* of the larger set */
	struct range *range; /* owned */
	size_t n_ranges;
	struct scratch *scratch; /* owned: per thread */
};

/* ---- terms of one protein on one side ---------------------------------------------------------- */

/* A term and its list: descendants, or ancestors. Those of a term that is there already are there too. */
static void add_all(struct termbits *to, const struct csr *lists, uint32_t go)
{
	const uint32_t *item = csr_at(lists, go);
	uint32_t n = csr_len(lists, go), i;

	if (termbits_has(to, go))
		return;
	termbits_add(to, go);
	for (i = 0; i < n; i++)
		termbits_add(to, item[i]);
}

/* Case B: a term and its descendants under the native snapshot; of those in the pivot, the descendants
 * under the pivot. What is not in the pivot is masked out at the end. */
static void negate_b(const struct compute *c, struct scratch *s, const struct csr *native,
		     uint32_t go)
{
	const struct csr *pivot = &c->o->snapshots[0].descendants;
	const uint32_t *below = csr_at(native, go);
	uint32_t n = csr_len(native, go), i;

	if (c->o->pivot_aspect[go])
		add_all(&s->negated, pivot, go);
	for (i = 0; i < n; i++)
		if (c->o->pivot_aspect[below[i]])
			add_all(&s->negated, pivot, below[i]);
}

static void collect(const struct compute *c, struct scratch *s, const struct annset *a,
		    uint32_t protein, struct termbits *to)
{
	const struct ontology_snapshot *native = &c->o->snapshots[a->snapshot];
	uint32_t row, end;

	annset_rows(a, protein, &row, &end);
	for (; row < end; row++) {
		unsigned flags = annset_kind(a, row)->flags;
		uint32_t term = a->term[row], go = c->o->term_go[term];

		if (flags & ANN_NEGATED) {
			if (c->case_a)
				add_all(&s->negated, &native->descendants, go);
			else
				negate_b(c, s, &native->descendants, go);
		} else if (flags & ANN_EXPERIMENTAL) {
			if (!c->case_a)
				add_all(to, &native->ancestors, go);
			else if (c->o->term_aspect[term])
				termbits_add(to, go);
		}
	}
}

/* ---- one protein ------------------------------------------------------------------------------- */

/* The aspect by which a go_id is grouped: the pivot's wherever the pivot has the term, which holds for
 * every term but those of damaged data. */
static char group_aspect(const struct ontology *o, uint32_t go)
{
	return o->aspect_by_go[go];
}

struct emit {
	const struct ontology *o;
	struct range *out;
	uint32_t protein;
	unsigned char had[256]; /* aspects of the old side */
	int any;                /* the old side has a term */
	const struct termbits *old_terms;
	struct err *err;
	int failed;
};

static void emit_known(void *ctx, uint32_t go)
{
	struct emit *e = ctx;

	e->any = 1;
	e->had[(unsigned char)group_aspect(e->o, go)] = 1;
	if (!e->failed)
		e->failed = pairset_add(&e->out->known, PAIR_KEY(e->protein, go), e->err);
}

static void emit_gain(void *ctx, uint32_t go)
{
	struct emit *e = ctx;
	enum category cat = CAT_NK;

	if (e->any) {
		if (termbits_has(e->old_terms, go))
			return;
		cat = e->had[(unsigned char)group_aspect(e->o, go)] ? CAT_PK : CAT_LK;
	}
	if (!e->failed)
		e->failed = pairset_add(&e->out->gained[cat], PAIR_KEY(e->protein, go), e->err);
}

static int do_protein(const struct compute *c, struct scratch *s, struct range *out,
		      uint32_t protein, struct err *err)
{
	struct emit e = {
		.o = c->o, .out = out, .protein = protein, .old_terms = &s->old_terms, .err = err};

	collect(c, s, c->old_set, protein, &s->old_terms);
	collect(c, s, c->new_set, protein, &s->new_terms);
	termbits_keep(&s->old_terms, c->pivot, &s->negated);
	termbits_keep(&s->new_terms, c->pivot, &s->negated);
	termbits_each(&s->old_terms, emit_known, &e);
	termbits_each(&s->new_terms, emit_gain, &e);
	termbits_clear(&s->old_terms);
	termbits_clear(&s->new_terms);
	termbits_clear(&s->negated);
	return e.failed;
}

/* ---- all of them ------------------------------------------------------------------------------- */

static int prepare_scratch(struct scratch *s, uint32_t n_go, struct err *err)
{
	int rc = termbits_init(&s->old_terms, n_go, err);

	if (!rc)
		rc = termbits_init(&s->new_terms, n_go, err);
	if (!rc)
		rc = termbits_init(&s->negated, n_go, err);
	s->ready = rc == 0;
	return rc;
}

static void release_scratch(struct scratch *s)
{
	termbits_release(&s->old_terms);
	termbits_release(&s->new_terms);
	termbits_release(&s->negated);
}

static void release_range(struct range *r)
{
	int cat;

	for (cat = 0; cat < CATEGORIES; cat++)
		pairset_release(&r->gained[cat]);
	pairset_release(&r->known);
}

static int do_range(void *ctx, size_t worker, size_t item, struct err *err)
{
	struct compute *c = ctx;
	struct scratch *s = &c->scratch[worker];
	uint64_t p = (uint64_t)item * RANGE_PROTEINS, end = p + RANGE_PROTEINS;
	int rc = s->ready ? 0 : prepare_scratch(s, c->o->n_go, err);

	for (; !rc && p < end && p < c->n_proteins; p++)
		rc = do_protein(c, s, &c->range[item], (uint32_t)p, err);
	return rc;
}

/* Appends what the ranges have found to one set, and gives theirs back. */
static int join(struct pairset *all, const struct compute *c, size_t offset, struct err *err)
{
	size_t i, n = 0;

	for (i = 0; i < c->n_ranges; i++)
		n += ((struct pairset *)(void *)((char *)&c->range[i] + offset))->n;
	*all = (struct pairset){.cap = n};
	all->key = n ? malloc(n * sizeof *all->key) : NULL;
	if (n && !all->key)
		return err_nomem(err, "ground truth");
	for (i = 0; i < c->n_ranges; i++) {
		struct pairset *s = (struct pairset *)(void *)((char *)&c->range[i] + offset);

		if (s->n)
			memcpy(all->key + all->n, s->key, s->n * sizeof *s->key);
		all->n += s->n;
		pairset_release(s);
	}
	return 0;
}

static int join_all(struct buckets *b, const struct compute *c, struct err *err)
{
	int cat, rc = join(&b->known, c, offsetof(struct range, known), err);

	for (cat = 0; !rc && cat < CATEGORIES; cat++)
		rc = join(&b->gained[cat], c,
			  offsetof(struct range, gained) + (size_t)cat * sizeof(struct pairset),
			  err);
	return rc;
}

static int prepare(struct compute *c, struct ontology *o, size_t n_workers, struct err *err)
{
	int rc = ontology_need_descendants(o, 0, err);

	/* these bring the ancestors along */
	if (!rc)
		rc = ontology_need_descendants(o, (size_t)c->old_set->snapshot, err);
	if (!rc)
		rc = ontology_need_descendants(o, (size_t)c->new_set->snapshot, err);
	if (rc)
		return rc;
	if (!c->case_a) {
		c->pivot = termbits_mask(o->pivot_aspect, o->n_go);
		if (!c->pivot)
			return err_nomem(err, "ground truth");
	}
	c->n_proteins = c->old_set->n_proteins > c->new_set->n_proteins ? c->old_set->n_proteins
									: c->new_set->n_proteins;
	c->n_ranges = ((size_t)c->n_proteins + RANGE_PROTEINS - 1) / RANGE_PROTEINS;
	c->range = calloc(c->n_ranges + 1, sizeof *c->range);
	c->scratch = calloc(n_workers, sizeof *c->scratch);
	return c->range && c->scratch ? 0 : err_nomem(err, "ground truth");
}

int buckets_compute_with(struct buckets *b, struct ontology *o, const struct annset *old_set,
			 const struct annset *new_set, size_t n_workers, struct err *err)
{
	struct compute c = {.o = o,
			    .old_set = old_set,
			    .new_set = new_set,
			    .case_a = old_set->snapshot == 0 && new_set->snapshot == 0};
	size_t i;
	int rc;

	memset(b, 0, sizeof *b);
	if (n_workers < 1)
		n_workers = 1;
	rc = prepare(&c, o, n_workers, err);
	if (!rc)
		rc = workers_run(n_workers, c.n_ranges, do_range, &c, err);
	if (!rc)
		rc = join_all(b, &c, err);
	for (i = 0; c.range && i < c.n_ranges; i++)
		release_range(&c.range[i]);
	for (i = 0; c.scratch && i < n_workers; i++)
		release_scratch(&c.scratch[i]);
	free(c.range);
	free(c.scratch);
	free(c.pivot);
	if (rc)
		buckets_release(b);
	return rc;
}

int buckets_compute(struct buckets *b, struct ontology *o, const struct annset *old_set,
		    const struct annset *new_set, struct err *err)
{
	return buckets_compute_with(b, o, old_set, new_set, 1, err);
}

void buckets_release(struct buckets *b)
{
	size_t c;

	for (c = 0; c < CATEGORIES; c++)
		pairset_release(&b->gained[c]);
	pairset_release(&b->known);
}
