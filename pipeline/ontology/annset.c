/* One annotation set in memory: see annset.h. Its rows are read in parts, each with names of its own for
 * new texts; the parts are joined in their order, so that names are the same as in one pass. */
#include "pipeline/ontology/annset.h"

#include <stdlib.h>
#include <string.h>

#include "pipeline/core/workers.h"
#include "pipeline/ontology/evidence.h"
#include "pipeline/source/source.h"
#include "pipeline/source/source_readers.h"

#define MAX_PARTS     64
#define PART_IDS      65536      /* ids of a part at least */
#define NEW_ACCESSION (1u << 31) /* protein of a row: a name of the part */

struct row {
	uint32_t protein, term, kind;
};

struct part {
	struct row *rows; /* owned, in ascending id */
	size_t n, cap;
	struct dict new_accessions;
	struct dict strings;
	struct idmap kind_of;   /* qualifier << 32 | evidence -> kind */
	struct ann_kind *kinds; /* owned; ids of `strings` */
	uint32_t n_kinds, kinds_cap;
	int has_last; /* accession of the row before, and its number */
	char last[64];
	uint32_t last_protein;
	uint64_t n_foreign, rows_hash;
};

struct load {
	struct annset *a;
	const struct ontology *o;
	const struct dict *accessions;
	struct source_readers readers;
	struct source_span span;
	struct part *parts; /* owned */
	size_t n_parts;
};

/* ---- one part --------------------------------------------------------------------------------- */

struct taking {
	const struct load *l;
	struct part *p;
};

static uint32_t intern(struct dict *d, const char *text)
{
	return dict_intern(d, text ? text : "", text ? strlen(text) : 0);
}

static int grow_kinds(struct part *p)
{
	uint32_t cap = p->kinds_cap ? 2 * p->kinds_cap : 64;
	struct ann_kind *kinds;

	if (p->n_kinds < p->kinds_cap)
		return 0;
	kinds = realloc(p->kinds, cap * sizeof *kinds);
	if (!kinds)
		return -1;
	p->kinds = kinds;
	p->kinds_cap = cap;
	return 0;
}

/* The number of a row's kind; IDMAP_NONE: no memory. */
static uint32_t kind_of(struct part *p, const struct source_annotation *r)
{
	struct ann_kind k = {.qualifier = intern(&p->strings, r->qualifier),
			     .evidence = intern(&p->strings, r->evidence_code)};
	uint32_t found;

	if (k.qualifier == DICT_NONE || k.evidence == DICT_NONE || grow_kinds(p) != 0)
		return IDMAP_NONE;
	found = idmap_intern(&p->kind_of, (uint64_t)k.qualifier << 32 | k.evidence, p->n_kinds);
	if (found != p->n_kinds)
		return found;
	if (qualifier_is_negated(r->qualifier))
		k.flags |= ANN_NEGATED;
	if (evidence_is_experimental(r->evidence_code))
		k.flags |= ANN_EXPERIMENTAL;
	p->kinds[p->n_kinds++] = k;
	return found;
}

/* The number of an accession; most rows have that of the row before. DICT_NONE: no memory. */
static uint32_t protein_of(const struct load *l, struct part *p, const char *accession)
{
	size_t len;
	uint32_t number;

	if (p->has_last && strcmp(accession, p->last) == 0)
		return p->last_protein;
	len = strlen(accession);
	number = dict_find(l->accessions, accession, len);
	if (number == DICT_NONE) {
		number = dict_intern(&p->new_accessions, accession, len);
		if (number >= NEW_ACCESSION)
			return DICT_NONE;
		number |= NEW_ACCESSION;
	}
	p->has_last = len < sizeof p->last;
	if (p->has_last)
		memcpy(p->last, accession, len + 1);
	p->last_protein = number;
	return number;
}

static int grow_rows(struct part *p)
{
	size_t cap = p->cap ? p->cap + p->cap / 2 : 1024;
	struct row *rows;

	if (p->n < p->cap)
		return 0;
	rows = realloc(p->rows, cap * sizeof *rows);
	if (!rows)
		return -1;
	p->rows = rows;
	p->cap = cap;
	return 0;
}

/* Summed, so that it does not depend on the parts. */
static uint64_t hash_row(const struct source_annotation *r)
{
	uint64_t nulls = (uint64_t)(!r->qualifier) | (uint64_t)(!r->evidence_code) << 1;

	return hash_u64(hash_u64((uint64_t)r->id) ^ hash_u64((uint64_t)r->term_id << 2 | nulls));
}

static int take_row(void *ctx, const struct source_annotation *r, struct err *err)
{
	const struct load *l = ((struct taking *)ctx)->l;
	struct part *p = ((struct taking *)ctx)->p;
	struct row row = {.term = ontology_term(l->o, r->term_id)};

	p->rows_hash += hash_row(r);
	if (row.term == TERM_NONE) {
		p->n_foreign++;
		return 0;
	}
	if (grow_rows(p) != 0)
		return err_nomem(err, "annotations");
	row.protein = protein_of(l, p, r->accession);
	row.kind = kind_of(p, r);
	if (row.protein == DICT_NONE || row.kind == IDMAP_NONE)
		return err_nomem(err, "annotations");
	p->rows[p->n++] = row;
	return 0;
}

static int read_part(void *ctx, size_t worker, size_t item, struct err *err)
{
	struct load *l = ctx;
	struct taking t = {l, &l->parts[item]};
	struct source *s = source_reader(&l->readers, worker);
	uint64_t first = (uint64_t)l->span.first, ids = (uint64_t)l->span.last - first;
	uint64_t step = ids / l->n_parts + 1;

	if (l->span.whole)
		return source_annotations(s, l->a->id, take_row, &t, err);
	if (item > 0 && step > ids / item)
		return 0; /* the parts before are the whole */
	first += item * step;
	return source_annotations_between(s, l->a->id, &l->span, (int64_t)first,
					  item + 1 == l->n_parts ||
							  (uint64_t)l->span.last - first < step
						  ? l->span.last
						  : (int64_t)(first + step - 1),
					  take_row, &t, err);
}

static void part_release(struct part *p)
{
	free(p->rows);
	free(p->kinds);
	dict_release(&p->new_accessions);
	dict_release(&p->strings);
	idmap_release(&p->kind_of);
	*p = (struct part){0};
}

/* ---- joining ---------------------------------------------------------------------------------- */

/* The run's ids of a part's texts, malloc'ed. */
static uint32_t *join_texts(struct dict *all, const struct dict *part)
{
	uint32_t *id = malloc(((size_t)part->count + 1) * sizeof *id), i;

	for (i = 0; id && i < part->count; i++) {
		id[i] = dict_intern(all, part->text[i], part->len[i]);
		if (id[i] == DICT_NONE) {
			free(id);
			return NULL;
		}
	}
	return id;
}

/* Gives the rows of a part the run's numbers. */
static int rename_rows(struct annset *a, struct part *p, struct idmap *kind_of,
		       struct dict *accessions, struct dict *strings)
{
	uint32_t *text = join_texts(strings, &p->strings);
	uint32_t *accession = join_texts(accessions, &p->new_accessions);
	uint32_t *kind = malloc(((size_t)p->n_kinds + 1) * sizeof *kind), i;
	struct ann_kind *kinds =
		realloc(a->kinds, ((size_t)a->n_kinds + p->n_kinds + 1) * sizeof *kinds);
	int rc = text && accession && kind && kinds ? 0 : ERR_NOMEM;
	size_t r;

	if (kinds)
		a->kinds = kinds;
	for (i = 0; !rc && i < p->n_kinds; i++) {
		struct ann_kind k = {text[p->kinds[i].qualifier], text[p->kinds[i].evidence],
				     p->kinds[i].flags};

		kind[i] =
			idmap_intern(kind_of, (uint64_t)k.qualifier << 32 | k.evidence, a->n_kinds);
		if (kind[i] == IDMAP_NONE)
			rc = ERR_NOMEM;
		else if (kind[i] == a->n_kinds)
			a->kinds[a->n_kinds++] = k;
	}
	for (r = 0; !rc && r < p->n; r++) {
		struct row *row = &p->rows[r];

		row->kind = kind[row->kind];
		if (row->protein & NEW_ACCESSION)
			row->protein = accession[row->protein & ~NEW_ACCESSION];
	}
	free(text);
	free(accession);
	free(kind);
	return rc;
}

static int join(struct load *l, struct dict *accessions, struct dict *strings, size_t *n,
		struct err *err)
{
	struct idmap kind_of = IDMAP_INIT;
	size_t i;
	int rc = 0;

	*n = 0;
	for (i = 0; !rc && i < l->n_parts; i++) {
		struct part *p = &l->parts[i];

		rc = rename_rows(l->a, p, &kind_of, accessions, strings);
		*n += p->n;
		l->a->n_foreign += p->n_foreign;
		l->a->rows_hash += p->rows_hash;
	}
	idmap_release(&kind_of);
	return rc ? err_nomem(err, "annotations") : 0;
}

static int make_arrays(struct annset *a, uint32_t n_proteins, size_t n, struct err *err)
{
	size_t m = n ? n : 1;

	if (n >= UINT32_MAX)
		return err_set(err, ERR_LIMIT, "annotation set '%s' has more than 4 billion rows",
			       a->id);
	a->n_proteins = n_proteins;
	a->n_rows = (uint32_t)n;
	a->start = calloc((size_t)n_proteins + 2, sizeof *a->start);
	a->term = malloc(m * sizeof *a->term);
	if (a->n_kinds <= UINT16_MAX)
		a->kind = malloc(m * sizeof *a->kind);
	else
		a->wide_kind = malloc(m * sizeof *a->wide_kind);
	if (!a->start || !a->term || (!a->kind && !a->wide_kind))
		return err_nomem(err, "annotations");
	return 0;
}

/* Counting sort by protein: stable, so rows of a protein stay in ascending id. A part is given back as
 * soon as its rows have their places. */
static void group(struct annset *a, struct load *l)
{
	size_t i, r;
	uint32_t p;

	for (i = 0; i < l->n_parts; i++)
		for (r = 0; r < l->parts[i].n; r++)
			a->start[l->parts[i].rows[r].protein + 2]++;
	for (p = 0; p < a->n_proteins; p++)
		a->start[p + 2] += a->start[p + 1];
	for (i = 0; i < l->n_parts; i++) {
		for (r = 0; r < l->parts[i].n; r++) {
			const struct row *row = &l->parts[i].rows[r];
			/* start[p + 1] runs from the first row of p to the first of p + 1 */
			uint32_t at = a->start[row->protein + 1]++;

			a->term[at] = row->term;
			if (a->kind)
				a->kind[at] = (uint16_t)row->kind;
			else
				a->wide_kind[at] = row->kind;
		}
		part_release(&l->parts[i]);
	}
}

/* ---- all of it -------------------------------------------------------------------------------- */

static int read_parts(struct load *l, struct source *s, size_t n_workers, struct err *err)
{
	uint64_t ids;
	int rc = source_annotation_span(s, l->a->id, &l->span, err);

	if (rc)
		return rc;
	if (l->span.first > l->span.last)
		return 0;
	ids = (uint64_t)l->span.last - (uint64_t)l->span.first;
	l->n_parts = l->span.whole ? 1 : ids / PART_IDS + 1;
	if (l->n_parts > MAX_PARTS)
		l->n_parts = MAX_PARTS;
	l->parts = calloc(l->n_parts, sizeof *l->parts);
	if (!l->parts)
		return err_nomem(err, "annotations");
	rc = source_readers_open(&l->readers, s, n_workers < l->n_parts ? n_workers : l->n_parts,
				 err);
	if (!rc)
		rc = workers_run(l->readers.n, l->n_parts, read_part, l, err);
	source_readers_close(&l->readers);
	return rc;
}

int annset_load_with(struct annset *a, struct source *s, const char *set_id,
		     const struct ontology *o, int snapshot, size_t n_workers,
		     struct dict *accessions, struct dict *strings, struct err *err)
{
	struct load l = {.a = a, .o = o, .accessions = accessions};
	size_t i, n;
	int rc;

	*a = (struct annset){.snapshot = snapshot};
	memccpy(a->id, set_id, '\0', UUID_TEXT - 1);
	rc = read_parts(&l, s, n_workers, err);
	if (!rc)
		rc = join(&l, accessions, strings, &n, err);
	if (!rc)
		rc = make_arrays(a, accessions->count, n, err);
	if (!rc)
		group(a, &l);
	for (i = 0; i < l.n_parts && l.parts; i++)
		part_release(&l.parts[i]);
	free(l.parts);
	if (rc)
		annset_release(a);
	return rc;
}

int annset_load(struct annset *a, struct source *s, const char *set_id, const struct ontology *o,
		int snapshot, struct dict *accessions, struct dict *strings, struct err *err)
{
	return annset_load_with(a, s, set_id, o, snapshot, 1, accessions, strings, err);
}

void annset_release(struct annset *a)
{
	free(a->start);
	free(a->term);
	free(a->kind);
	free(a->wide_kind);
	free(a->kinds);
	*a = (struct annset){0};
}
