/* Ground truth of a pair by the rules of spec 4.3: see buckets.h. Works on sorted key sets, so no
 * step depends on hash order. */
#include "pipeline/ontology/buckets.h"

#include <stdlib.h>
#include <string.h>

#include "pipeline/ontology/closure.h"

const char *const category_name[CATEGORIES] = {"nk", "lk", "pk"};

/* What the two cases need to read one side. */
struct collected { /* keys of proteins in ascending order, each once */
	struct pairset keys;
	uint32_t *seen; /* owned: per go, 1 + the protein that had it last */
};

struct side {
	const struct annset *set;
	struct collected positive; /* (protein, go) with an aspect */
	struct collected negative; /* with all descendants of each term */
};

/* The aspect by which a go_id is grouped: the pivot's wherever the pivot has the term, which holds for
 * every term but those of damaged data. */
static char group_aspect(const struct ontology *o, uint32_t go)
{
	return o->aspect_by_go[go];
}

static int has(const struct collected *c, uint32_t protein, uint32_t go)
{
	return c->seen[go] == protein + 1;
}

static int add(struct collected *c, uint32_t protein, uint32_t go, struct err *err)
{
	if (has(c, protein, go))
		return 0;
	c->seen[go] = protein + 1;
	return pairset_add(&c->keys, PAIR_KEY(protein, go), err);
}

typedef int row_fn(void *ctx, uint32_t protein, uint32_t row, struct err *err);

/* Rows of a side, protein by protein. Proteins ascend, so sealing each one's keys seals the sets. */
static int each_row(struct side *side, row_fn *fn, void *ctx, struct err *err)
{
	const struct annset *a = side->set;
	uint32_t p, r;

	for (p = 0; p < a->n_proteins; p++) {
		size_t positives = side->positive.keys.n, negatives = side->negative.keys.n;

		for (r = a->start[p]; r < a->start[p + 1]; r++) {
			int rc = fn(ctx, p, r, err);

			if (rc)
				return rc;
		}
		pairset_seal_tail(&side->positive.keys, positives);
		pairset_seal_tail(&side->negative.keys, negatives);
	}
	return 0;
}

/* ---- case A: both sets live in the pivot snapshot -------------------------------------------------- */

struct case_a {
	const struct ontology *o;
	struct side *side;
	struct walk *walk;
};

static int collect_a(void *ctx, uint32_t protein, uint32_t row, struct err *err)
{
	struct case_a *c = ctx;
	const struct annset *a = c->side->set;
	uint32_t term = a->term[row], go = c->o->term_go[term];

	if (a->flags[row] & ANN_NEGATED) {
		uint32_t i;
		int rc;

		if (has(&c->side->negative, protein, go))
			return 0; /* and so are its descendants */
		rc = add(&c->side->negative, protein, go, err);
		walk_from(c->walk, &c->o->snapshots[0].children, go, 0);
		for (i = 0; !rc && i < c->walk->n_found; i++)
			rc = add(&c->side->negative, protein, c->walk->found[i], err);
		return rc;
	}
	if (!(a->flags[row] & ANN_EXPERIMENTAL) || !c->o->term_aspect[term])
		return 0;
	return add(&c->side->positive, protein, go, err);
}

/* ---- case B: at least one set lives in another snapshot -------------------------------------------- */

struct case_b {
	const struct ontology *o;
	const struct ontology_snapshot *native;
	struct side *side;
	struct walk *walk;       /* descendants under the native snapshot */
	struct walk *pivot_walk; /* descendants under the pivot */
};

static int add_pivot_term(const struct ontology *o, struct collected *s, uint32_t protein,
			  uint32_t go, struct err *err)
{
	return o->pivot_aspect[go] ? add(s, protein, go, err) : 0;
}

/* A pivot term and, under the pivot, everything below it. */
static int add_negated(struct case_b *c, uint32_t protein, uint32_t go, struct err *err)
{
	uint32_t i;
	int rc;

	if (!c->o->pivot_aspect[go] || has(&c->side->negative, protein, go))
		return 0; /* a term that is there came with its descendants */
	rc = add_pivot_term(c->o, &c->side->negative, protein, go, err);
	walk_from(c->pivot_walk, &c->o->snapshots[0].children, go, 0);
	for (i = 0; !rc && i < c->pivot_walk->n_found; i++)
		rc = add_pivot_term(c->o, &c->side->negative, protein, c->pivot_walk->found[i],
				    err);
	return rc;
}

static int collect_b(void *ctx, uint32_t protein, uint32_t row, struct err *err)
{
	struct case_b *c = ctx;
	const struct annset *a = c->side->set;
	uint32_t go = c->o->term_go[a->term[row]], i;
	int rc;

	if (a->flags[row] & ANN_NEGATED) {
		rc = add_negated(c, protein, go, err);
		walk_from(c->walk, &c->native->children, go, 0);
		for (i = 0; !rc && i < c->walk->n_found; i++)
			rc = add_negated(c, protein, c->walk->found[i], err);
		return rc;
	}
	if (!(a->flags[row] & ANN_EXPERIMENTAL))
		return 0;
	rc = add_pivot_term(c->o, &c->side->positive, protein, go, err);
	for (i = c->native->ancestors.start[go]; !rc && i < c->native->ancestors.start[go + 1]; i++)
		rc = add_pivot_term(c->o, &c->side->positive, protein, c->native->ancestors.item[i],
				    err);
	return rc;
}

/* ---- both ------------------------------------------------------------------------------------------ */

static int collect_side(struct ontology *o, struct side *side, int case_a, struct walk *walk,
			struct walk *pivot_walk, struct err *err)
{
	int rc;

	if (case_a) {
		struct case_a c = {o, side, walk};

		rc = each_row(side, collect_a, &c, err);
	} else {
		struct case_b c = {o, &o->snapshots[side->set->snapshot], side, walk, pivot_walk};

		rc = ontology_need_ancestors(o, (size_t)side->set->snapshot, err);
		if (!rc)
			rc = each_row(side, collect_b, &c, err);
	}
	return rc;
}

static void side_release(struct side *side)
{
	pairset_release(&side->positive.keys);
	pairset_release(&side->negative.keys);
	free(side->positive.seen);
	free(side->negative.seen);
}

static int side_init(struct side *side, const struct ontology *o, const struct annset *set,
		     struct err *err)
{
	*side = (struct side){.set = set};
	side->positive.seen = calloc((size_t)o->n_go + 1, sizeof *side->positive.seen);
	side->negative.seen = calloc((size_t)o->n_go + 1, sizeof *side->negative.seen);
	if (side->positive.seen && side->negative.seen)
		return 0;
	side_release(side);
	*side = (struct side){0};
	return err_nomem(err, "ground truth");
}

/* Takes the keys of `gone` out of `s`; both ascend. */
static void remove_keys(struct pairset *s, const struct pairset *gone)
{
	size_t i, g = 0, at = 0;

	for (i = 0; i < s->n; i++) {
		while (g < gone->n && gone->key[g] < s->key[i])
			g++;
		if (g == gone->n || gone->key[g] != s->key[i])
			s->key[at++] = s->key[i];
	}
	s->n = at;
}

static void remove_negatives(struct side *side, const struct side *other)
{
	remove_keys(&side->positive.keys, &side->negative.keys);
	remove_keys(&side->positive.keys, &other->negative.keys);
}

/* Does the protein have an old term of this aspect? */
static int had_aspect(const struct ontology *o, const struct pairset *old, size_t from, size_t to,
		      char aspect)
{
	size_t i;

	for (i = from; i < to; i++)
		if (group_aspect(o, PAIR_GO(old->key[i])) == aspect)
			return 1;
	return 0;
}

static int classify(struct buckets *b, const struct ontology *o, const struct pairset *old,
		    const struct pairset *new_terms, struct err *err)
{
	size_t i, from = 0, to = 0;
	uint32_t protein = UINT32_MAX;

	for (i = 0; i < new_terms->n; i++) {
		uint64_t key = new_terms->key[i];
		enum category cat;
		int rc;

		if (i == 0 || PAIR_PROTEIN(key) != protein) {
			protein = PAIR_PROTEIN(key);
			from = pairset_range(old, protein, &to);
		}
		if (from == to)
			cat = CAT_NK;
		else if (pairset_has(old, key))
			continue;
		else
			cat = had_aspect(o, old, from, to, group_aspect(o, PAIR_GO(key))) ? CAT_PK
											  : CAT_LK;
		rc = pairset_add(&b->gained[cat], key, err);
		if (rc)
			return rc;
	}
	return 0;
}

int buckets_compute(struct buckets *b, struct ontology *o, const struct annset *old_set,
		    const struct annset *new_set, struct err *err)
{
	struct side old_side = {0}, new_side = {0};
	int case_a = old_set->snapshot == 0 && new_set->snapshot == 0;
	struct walk walk = {0}, pivot_walk = {0};
	int rc;

	memset(b, 0, sizeof *b);
	rc = walk_init(&walk, o->n_go, err);
	if (!rc)
		rc = walk_init(&pivot_walk, o->n_go, err);
	if (!rc)
		rc = side_init(&old_side, o, old_set, err);
	if (!rc)
		rc = side_init(&new_side, o, new_set, err);
	if (!rc)
		rc = collect_side(o, &old_side, case_a, &walk, &pivot_walk, err);
	if (!rc)
		rc = collect_side(o, &new_side, case_a, &walk, &pivot_walk, err);
	if (!rc) {
		remove_negatives(&old_side, &new_side);
		remove_negatives(&new_side, &old_side);
		rc = classify(b, o, &old_side.positive.keys, &new_side.positive.keys, err);
	}
	if (!rc) {
		b->known = old_side.positive.keys;
		old_side.positive.keys = (struct pairset)PAIRSET_INIT;
	}
	walk_release(&walk);
	walk_release(&pivot_walk);
	side_release(&old_side);
	side_release(&new_side);
	if (rc)
		buckets_release(b);
	return rc;
}

void buckets_release(struct buckets *b)
{
	size_t c;

	for (c = 0; c < CATEGORIES; c++)
		pairset_release(&b->gained[c]);
	pairset_release(&b->known);
}
