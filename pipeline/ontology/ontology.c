/* The GO maps of spec 4.2: see ontology.h. Closures are in closure.c. */
#include "pipeline/ontology/ontology.h"

#include <stdlib.h>
#include <string.h>

#include "pipeline/source/source.h"

const char aspect_letter[ASPECTS] = {'P', 'F', 'C'};
const char *const aspect_export[ASPECTS] = {"bpo", "mfo", "cco"};

/* ---- loading ---------------------------------------------------------------------------------- */

struct term_row {
	int64_t id;
	uint32_t name; /* provisional go number */
	char aspect;
	unsigned char pivot;
};

struct load {
	struct ontology *o;
	struct term_row *rows; /* owned */
	size_t n, cap;
	unsigned char pivot;
	uint32_t *child, *parent; /* owned: edges as provisional numbers of one snapshot */
	size_t n_edges, edge_cap;
};

static int take_term(void *ctx, const struct source_term *t, struct err *err)
{
	struct load *l = ctx;
	uint32_t name;

	if (l->n == l->cap) {
		size_t cap = l->cap ? 2 * l->cap : 65536;
		struct term_row *rows = realloc(l->rows, cap * sizeof *rows);

		if (!rows)
			return err_nomem(err, "GO terms");
		l->rows = rows;
		l->cap = cap;
	}
	name = dict_intern(&l->o->names, t->go_id, strlen(t->go_id));
	if (name == DICT_NONE)
		return err_nomem(err, "GO term names");
	l->rows[l->n++] = (struct term_row){t->id, name, t->aspect, l->pivot};
	return 0;
}

static int cmp_term(const void *a, const void *b)
{
	const struct term_row *x = a, *y = b;

	return (x->id > y->id) - (x->id < y->id);
}

/* Term arrays in ascending id, so that "the smallest id" is the first met. */
static int keep_terms(struct ontology *o, struct load *l, struct err *err)
{
	size_t i;

	if (l->n >= TERM_NONE)
		return err_set(err, ERR_LIMIT, "more than 4 billion GO terms");
	if (l->n)
		qsort(l->rows, l->n, sizeof *l->rows, cmp_term);
	o->term_id = malloc((l->n + 1) * sizeof *o->term_id);
	o->term_go = malloc((l->n + 1) * sizeof *o->term_go);
	o->term_aspect = malloc(l->n + 1);
	if (!o->term_id || !o->term_go || !o->term_aspect)
		return err_nomem(err, "GO terms");
	for (i = 0; i < l->n; i++) {
		if (i && l->rows[i].id == l->rows[i - 1].id)
			return err_set(err, ERR_FORMAT, "two rows of go_term have the id %lld",
				       (long long)l->rows[i].id);
		o->term_id[i] = l->rows[i].id;
		o->term_go[i] = l->rows[i].name;
		o->term_aspect[i] = l->rows[i].aspect;
		if (idmap_set(&o->term_of, (uint64_t)l->rows[i].id, (uint32_t)i) != 0)
			return err_nomem(err, "GO term index");
	}
	o->n_terms = (uint32_t)l->n;
	return 0;
}

static int take_edge(void *ctx, const struct source_edge *e, struct err *err)
{
	struct load *l = ctx;
	uint32_t child = ontology_term(l->o, e->child_id),
		 parent = ontology_term(l->o, e->parent_id);

	if (child == TERM_NONE || parent == TERM_NONE)
		return 0; /* an end outside S: no path of S goes through it */
	if (l->n_edges == l->edge_cap) {
		size_t cap = l->edge_cap ? 2 * l->edge_cap : 65536;
		uint32_t *a = realloc(l->child, cap * sizeof *a), *b;

		if (!a)
			return err_nomem(err, "GO edges");
		l->child = a;
		b = realloc(l->parent, cap * sizeof *b);
		if (!b)
			return err_nomem(err, "GO edges");
		l->parent = b;
		l->edge_cap = cap;
	}
	l->child[l->n_edges] = l->o->term_go[child];
	l->parent[l->n_edges++] = l->o->term_go[parent];
	return 0;
}

/* Edges keep provisional numbers until ontology_finish() renames them. */
static int load_edges(struct ontology *o, struct source *s, struct load *l, size_t snapshot,
		      struct err *err)
{
	int rc;

	l->n_edges = 0;
	rc = source_edges(s, o->snapshots[snapshot].id, take_edge, l, err);
	if (rc)
		return rc;
	return csr_build(&o->snapshots[snapshot].parents, o->names.count, l->child, l->parent,
			 l->n_edges, err);
}

static void add_snapshot(struct ontology *o, const char *id)
{
	if (ontology_snapshot_index(o, id) < 0) {
		struct ontology_snapshot *s = &o->snapshots[o->n_snapshots++];

		memset(s, 0, sizeof *s);
		memccpy(s->id, id, '\0', UUID_TEXT - 1);
	}
}

/* The pivot's aspect of each provisional name, and the rule of `aspect_by_go`. */
static int set_aspects(struct ontology *o, const struct load *l, struct err *err)
{
	size_t i;

	o->pivot_aspect = calloc((size_t)o->names.count + 1, 1);
	o->aspect_by_go = calloc((size_t)o->names.count + 1, 1);
	if (!o->pivot_aspect || !o->aspect_by_go)
		return err_nomem(err, "GO aspects");
	for (i = 0; i < l->n; i++) {
		const struct term_row *r = &l->rows[i];

		if (r->pivot && r->aspect && !o->pivot_aspect[r->name])
			o->pivot_aspect[r->name] = r->aspect;
		if (r->aspect && !o->aspect_by_go[r->name])
			o->aspect_by_go[r->name] = r->aspect;
	}
	for (i = 0; i < o->names.count; i++)
		if (o->pivot_aspect[i])
			o->aspect_by_go[i] = o->pivot_aspect[i];
	return 0;
}

int ontology_load(struct ontology *o, struct source *s, const char *pivot_id,
		  const char *const *native_ids, size_t n_native, struct err *err)
{
	struct load l = {.o = o};
	size_t i;
	int rc = 0;

	memset(o, 0, sizeof *o);
	o->snapshots = calloc(n_native + 1, sizeof *o->snapshots);
	if (!o->snapshots)
		return err_nomem(err, "ontology snapshots");
	add_snapshot(o, pivot_id);
	for (i = 0; i < n_native; i++)
		add_snapshot(o, native_ids[i]);
	for (i = 0; !rc && i < o->n_snapshots; i++) {
		l.pivot = i == 0;
		rc = source_terms(s, o->snapshots[i].id, take_term, &l, err);
	}
	if (!rc)
		rc = keep_terms(o, &l, err);
	for (i = 0; !rc && i < o->n_snapshots; i++)
		rc = load_edges(o, s, &l, i, err);
	if (!rc)
		rc = set_aspects(o, &l, err);
	free(l.rows);
	free(l.child);
	free(l.parent);
	return rc;
}

uint32_t ontology_name(struct ontology *o, const char *go_id, size_t len)
{
	return dict_intern(&o->names, go_id, len);
}

/* ---- final numbers ------------------------------------------------------------------------------ */

static int cmp_name(const void *a, const void *b, void *ctx)
{
	const struct dict *d = ctx;
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
	uint32_t nx = d->len[x], ny = d->len[y];
	int c = memcmp(d->text[x], d->text[y], nx < ny ? nx : ny);

	return c ? c : (nx > ny) - (nx < ny);
}

/* Reorders a per-name array that is `old_n` long; names added later have the value 0. */
static char *permute_letters(const struct ontology *o, const char *in, uint32_t old_n)
{
	char *out = calloc((size_t)o->n_go + 1, 1);
	uint32_t i;

	for (i = 0; out && i < old_n; i++)
		out[o->rank[i]] = in[i];
	return out;
}

static int rename_edges(struct ontology *o, struct ontology_snapshot *s, struct err *err)
{
	size_t m = s->parents.start[s->parents.n], e = 0;
	uint32_t *key = malloc((m + 1) * sizeof *key), *item = malloc((m + 1) * sizeof *item);
	struct csr renamed = CSR_INIT;
	uint32_t i, j;
	int rc;

	if (!key || !item) {
		free(key);
		free(item);
		return err_nomem(err, "GO edges");
	}
	for (i = 0; i < s->parents.n; i++)
		for (j = s->parents.start[i]; j < s->parents.start[i + 1]; j++) {
			key[e] = o->rank[i];
			item[e++] = o->rank[s->parents.item[j]];
		}
	rc = csr_build(&renamed, o->n_go, key, item, m, err);
	free(key);
	free(item);
	if (rc)
		return rc;
	csr_release(&s->parents);
	s->parents = renamed;
	csr_sort_unique(&s->parents);
	return csr_transpose(&s->children, &s->parents, o->n_go, err);
}

int ontology_finish(struct ontology *o, struct err *err)
{
	uint32_t n = o->names.count, i, old_n = o->snapshots[0].parents.n;
	uint32_t *order = malloc(((size_t)n + 1) * sizeof *order);
	char *pivot, *by_go;
	size_t k;
	int rc;

	o->n_go = n;
	o->rank = malloc(((size_t)n + 1) * sizeof *o->rank);
	o->go_id = malloc(((size_t)n + 1) * sizeof *o->go_id);
	if (!order || !o->rank || !o->go_id) {
		free(order);
		return err_nomem(err, "GO numbers");
	}
	for (i = 0; i < n; i++)
		order[i] = i;
	qsort_r(order, n, sizeof *order, cmp_name, &o->names);
	for (i = 0; i < n; i++) {
		o->rank[order[i]] = i;
		o->go_id[i] = dict_text(&o->names, order[i]);
	}
	free(order);
	pivot = permute_letters(o, o->pivot_aspect, old_n);
	by_go = permute_letters(o, o->aspect_by_go, old_n);
	free(o->pivot_aspect);
	free(o->aspect_by_go);
	o->pivot_aspect = pivot;
	o->aspect_by_go = by_go;
	if (!pivot || !by_go)
		return err_nomem(err, "GO aspects");
	for (i = 0; i < o->n_terms; i++)
		o->term_go[i] = o->rank[o->term_go[i]];
	for (k = 0; k < o->n_snapshots; k++) {
		rc = rename_edges(o, &o->snapshots[k], err);
		if (rc)
			return rc;
	}
	return ontology_need_ancestors(o, 0, err);
}

void ontology_release(struct ontology *o)
{
	size_t i;

	for (i = 0; i < o->n_snapshots; i++) {
		csr_release(&o->snapshots[i].parents);
		csr_release(&o->snapshots[i].children);
		csr_release(&o->snapshots[i].ancestors);
		csr_release(&o->snapshots[i].descendants);
	}
	free(o->snapshots);
	free(o->go_id);
	free(o->pivot_aspect);
	free(o->aspect_by_go);
	free(o->term_id);
	free(o->term_go);
	free(o->term_aspect);
	free(o->rank);
	idmap_release(&o->term_of);
	dict_release(&o->names);
	memset(o, 0, sizeof *o);
}

uint32_t ontology_find(const struct ontology *o, const char *go_id, size_t len)
{
	uint32_t name = dict_find(&o->names, go_id, len);

	return name == DICT_NONE ? GO_NONE : o->rank[name];
}

uint32_t ontology_term(const struct ontology *o, int64_t go_term_id)
{
	/* mostly the ids are a range without gaps */
	uint64_t at = o->n_terms ? (uint64_t)go_term_id - (uint64_t)o->term_id[0] : 0;

	if (at < o->n_terms && o->term_id[at] == go_term_id)
		return (uint32_t)at;
	return idmap_get(&o->term_of, (uint64_t)go_term_id);
}

int ontology_snapshot_index(const struct ontology *o, const char *id)
{
	size_t i;

	for (i = 0; i < o->n_snapshots; i++)
		if (strcmp(o->snapshots[i].id, id) == 0)
			return (int)i;
	return -1;
}
