/* One annotation set in memory: see annset.h. Its rows are read in parts, each with names of its own for
 * new texts; the parts are joined in their order, so that names are the same as in one pass. What is loaded
 * is digested as it lies in memory: the rows need not be read again to tell whether they are the same. */
#include "pipeline/ontology/annset.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "pipeline/core/workers.h"
#include "pipeline/ontology/evidence.h"
#include "pipeline/ontology/shortnames.h"
#include "pipeline/source/source.h"
#include "pipeline/source/source_readers.h"

#define MAX_PARTS     64
#define PART_IDS      65536      /* ids of a part at least */
#define NEW_ACCESSION (1u << 31) /* protein of a run: a name of the part */
#define RECENT        256        /* kinds that are found without a look-up */
#define NAME_SIZE     64         /* longer accessions are looked up at once */
#define WAITING       16         /* look-ups of accessions that are on their way */

struct row {
	uint32_t term, kind;
};

struct run { /* rows of one protein, one after the other */
	uint32_t protein, n;
};

struct part {
	struct row *rows; /* owned, in ascending id */
	size_t n, cap;
	struct run *runs; /* owned */
	size_t n_runs, runs_cap;
	struct dict new_accessions;
	struct dict strings;
	struct idmap kind_of;   /* qualifier << 32 | evidence -> kind */
	struct ann_kind *kinds; /* owned; ids of `strings` */
	uint32_t n_kinds, kinds_cap;
	uint32_t *kind_name;     /* owned: the run's number of each kind, when parts are joined */
	uint32_t recent[RECENT]; /* by their texts: kind + 1 */
	struct waiting {
		size_t run, len;
		char name[NAME_SIZE];
	} waiting[WAITING]; /* runs whose protein is still to be found */
	size_t n_waiting;
	const char *last; /* accession of the last run; NULL: there is none, or a long one */
	uint64_t n_foreign;
};

struct load {
	struct annset *a;
	const struct ontology *o;
	const struct shortnames *accessions;
	struct source_readers readers;
	struct source_span span;
	struct part *parts; /* owned */
	size_t n_parts;
	size_t n_shares; /* of the proteins, for grouping */
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

/* Place of a kind in `recent`. */
static size_t place_of(const char *qualifier, const char *evidence)
{
	uint32_t h = 2166136261u; /* FNV-1a */

	for (; *evidence; evidence++)
		h = (h ^ (unsigned char)*evidence) * 16777619u;
	for (; *qualifier; qualifier++)
		h = (h ^ (unsigned char)*qualifier) * 16777619u;
	return (h ^ h >> 16) % RECENT;
}

static int is_kind(const struct part *p, uint32_t kind, const char *qualifier, const char *evidence)
{
	const struct ann_kind *k = &p->kinds[kind];

	return strcmp(dict_text(&p->strings, k->evidence), evidence) == 0 &&
	       strcmp(dict_text(&p->strings, k->qualifier), qualifier) == 0;
}

/* The number of a kind, new or old; IDMAP_NONE: no memory. */
static uint32_t name_kind(struct part *p, const char *qualifier, const char *evidence)
{
	struct ann_kind k = {.qualifier = intern(&p->strings, qualifier),
			     .evidence = intern(&p->strings, evidence)};
	uint32_t found;

	if (k.qualifier == DICT_NONE || k.evidence == DICT_NONE || grow_kinds(p) != 0)
		return IDMAP_NONE;
	found = idmap_intern(&p->kind_of, (uint64_t)k.qualifier << 32 | k.evidence, p->n_kinds);
	if (found != p->n_kinds)
		return found;
	if (qualifier_is_negated(qualifier))
		k.flags |= ANN_NEGATED;
	if (evidence_is_experimental(evidence))
		k.flags |= ANN_EXPERIMENTAL;
	p->kinds[p->n_kinds++] = k;
	return found;
}

static uint32_t kind_of(struct part *p, const struct source_annotation *r)
{
	const char *qualifier = r->qualifier ? r->qualifier : "";
	const char *evidence = r->evidence_code ? r->evidence_code : "";
	size_t at = place_of(qualifier, evidence);
	uint32_t kind;

	if (p->recent[at] && is_kind(p, p->recent[at] - 1, qualifier, evidence))
		return p->recent[at] - 1;
	kind = name_kind(p, qualifier, evidence);
	if (kind != IDMAP_NONE)
		p->recent[at] = kind + 1;
	return kind;
}

/* The number of an accession; DICT_NONE: no memory. */
static uint32_t protein_of(const struct load *l, struct part *p, const char *accession, size_t len)
{
	uint32_t number = shortnames_find(l->accessions, accession, len);

	if (number != DICT_NONE)
		return number;
	number = dict_intern(&p->new_accessions, accession, len);
	return number < NEW_ACCESSION ? number | NEW_ACCESSION : DICT_NONE;
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

/* Finds the proteins of the runs that wait, in their order, so that new ones get the same numbers. */
static int find_waiting(const struct load *l, struct part *p)
{
	size_t i;

	for (i = 0; i < p->n_waiting; i++) {
		const struct waiting *w = &p->waiting[i];
		uint32_t protein = protein_of(l, p, w->name, w->len);

		if (protein == DICT_NONE)
			return -1;
		p->runs[w->run].protein = protein;
	}
	p->n_waiting = 0;
	return 0;
}

static int grow_runs(struct part *p)
{
	size_t cap = p->runs_cap ? p->runs_cap + p->runs_cap / 2 : 256;
	struct run *runs;

	if (p->n_runs < p->runs_cap)
		return 0;
	runs = realloc(p->runs, cap * sizeof *runs);
	if (!runs)
		return -1;
	p->runs = runs;
	p->runs_cap = cap;
	return 0;
}

/* One more row of the protein; most have that of the row before. Memory is asked for the number of another
 * one, and the answer taken when some more have been asked for. */
static int add_to_run(const struct load *l, struct part *p, const char *accession)
{
	struct waiting *w;
	size_t len;

	if (p->last && strcmp(accession, p->last) == 0) {
		p->runs[p->n_runs - 1].n++;
		return 0;
	}
	len = strlen(accession);
	if ((p->n_waiting == WAITING || len >= NAME_SIZE) && find_waiting(l, p) != 0)
		return -1;
	if (grow_runs(p) != 0)
		return -1;
	p->runs[p->n_runs] = (struct run){0, 1};
	if (len >= NAME_SIZE) {
		p->last = NULL;
		p->runs[p->n_runs].protein = protein_of(l, p, accession, len);
		return p->runs[p->n_runs++].protein == DICT_NONE ? -1 : 0;
	}
	w = &p->waiting[p->n_waiting++];
	w->run = p->n_runs++;
	w->len = len;
	memcpy(w->name, accession, len + 1);
	p->last = w->name; /* stays until the next run takes its place */
	shortnames_ask(l->accessions, accession, len);
	return 0;
}

static int take_row(void *ctx, const struct source_annotation *r, struct err *err)
{
	const struct load *l = ((struct taking *)ctx)->l;
	struct part *p = ((struct taking *)ctx)->p;
	struct row row = {.term = ontology_term(l->o, r->term_id)};

	if (row.term == TERM_NONE) {
		p->n_foreign++;
		return 0;
	}
	row.kind = kind_of(p, r);
	if (row.kind == IDMAP_NONE || grow_rows(p) != 0 || add_to_run(l, p, r->accession) != 0)
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
	int rc;

	if (item > 0 && step > ids / item)
		return 0; /* the parts before are the whole */
	first += item * step;
	if (l->span.whole)
		rc = source_annotations(s, l->a->id, take_row, &t, err);
	else
		rc = source_annotations_between(
			s, l->a->id, &l->span, (int64_t)first,
			item + 1 == l->n_parts || (uint64_t)l->span.last - first < step
				? l->span.last
				: (int64_t)(first + step - 1),
			take_row, &t, err);
	if (!rc && find_waiting(l, t.p) != 0)
		rc = err_nomem(err, "annotations");
	return rc;
}

static void part_release(struct part *p)
{
	free(p->rows);
	free(p->runs);
	free(p->kinds);
	free(p->kind_name);
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

/* Finds the run's numbers for the rows of a part; those of kinds come with their places. */
static int name_rows(struct annset *a, struct part *p, struct idmap *kind_of,
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
	for (r = 0; !rc && r < p->n_runs; r++)
		if (p->runs[r].protein & NEW_ACCESSION)
			p->runs[r].protein = accession[p->runs[r].protein & ~NEW_ACCESSION];
	free(text);
	free(accession);
	p->kind_name = kind;
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

		rc = name_rows(l->a, p, &kind_of, accessions, strings);
		*n += p->n;
		l->a->n_foreign += p->n_foreign;
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

/* Gives rows of the proteins from `from` to before `to` their places. */
static void place_rows(struct annset *a, const struct part *p, uint32_t from, uint32_t to)
{
	const struct row *row = p->rows;
	size_t i;
	uint32_t j;

	for (i = 0; i < p->n_runs; i++) {
		struct run run = p->runs[i];
		uint32_t at;

		if (run.protein < from || run.protein >= to) {
			row += run.n;
			continue;
		}
		/* start[protein + 1] runs from its first row to the first of the next protein */
		at = a->start[run.protein + 1];
		a->start[run.protein + 1] += run.n;
		for (j = 0; j < run.n; j++, at++, row++) {
			a->term[at] = row->term;
			if (a->kind)
				a->kind[at] = (uint16_t)p->kind_name[row->kind];
			else
				a->wide_kind[at] = p->kind_name[row->kind];
		}
	}
}

/* Each item has proteins of its own, a share of them all. */
static int place_item(void *ctx, size_t worker, size_t item, struct err *err)
{
	struct load *l = ctx;
	uint64_t n = l->a->n_proteins;
	size_t i;

	(void)worker;
	(void)err;
	for (i = 0; i < l->n_parts; i++)
		place_rows(l->a, &l->parts[i], (uint32_t)(n * item / l->n_shares),
			   (uint32_t)(n * (item + 1) / l->n_shares));
	return 0;
}

/* Counting sort by protein: stable, so rows of a protein stay in ascending id. */
static int group(struct annset *a, struct load *l, size_t n_workers, struct err *err)
{
	size_t i, r;
	uint32_t p;
	int rc;

	for (i = 0; i < l->n_parts; i++)
		for (r = 0; r < l->parts[i].n_runs; r++)
			a->start[l->parts[i].runs[r].protein + 2] += l->parts[i].runs[r].n;
	for (p = 0; p < a->n_proteins; p++)
		a->start[p + 2] += a->start[p + 1];
	l->n_shares = n_workers ? n_workers : 1;
	rc = workers_run(l->n_shares, l->n_shares, place_item, l, err);
	for (i = 0; i < l->n_parts; i++)
		part_release(&l->parts[i]);
	return rc;
}

/* ---- digest ----------------------------------------------------------------------------------- */

/* All that rows can be told by: NULL and "" are the same to every reader of a set, rows that were left out
 * and the ids of rows (but for their order) are nothing to any. */
static int digest(struct annset *a, const struct dict *strings, struct err *err)
{
	struct sha256 *d = sha256_new();
	char head[64];
	int n = snprintf(head, sizeof head, "%d %" PRIu32 " %" PRIu32 " %" PRIu32 "\n", a->snapshot,
			 a->n_proteins, a->n_rows, a->n_kinds);
	uint32_t i;
	int rc;

	if (!d)
		return err_nomem(err, "annotations");
	sha256_update(d, head, (size_t)n);
	sha256_update(d, a->start, ((size_t)a->n_proteins + 1) * sizeof *a->start);
	sha256_update(d, a->term, a->n_rows * sizeof *a->term);
	if (a->kind)
		sha256_update(d, a->kind, a->n_rows * sizeof *a->kind);
	else
		sha256_update(d, a->wide_kind, a->n_rows * sizeof *a->wide_kind);
	for (i = 0; i < a->n_kinds; i++) {
		const char *qualifier = dict_text(strings, a->kinds[i].qualifier);
		const char *evidence = dict_text(strings, a->kinds[i].evidence);

		sha256_update(d, qualifier, strlen(qualifier) + 1);
		sha256_update(d, evidence, strlen(evidence) + 1);
	}
	rc = sha256_finish(d, a->sha256);
	sha256_free(d);
	return rc ? err_set(err, rc, "cannot digest annotation set '%s'", a->id) : 0;
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
		     const struct shortnames *names, struct dict *accessions, struct dict *strings,
		     struct err *err)
{
	struct load l = {.a = a, .o = o, .accessions = names};
	struct shortnames own = {0};
	size_t i, n;
	int rc;

	*a = (struct annset){.snapshot = snapshot};
	memccpy(a->id, set_id, '\0', UUID_TEXT - 1);
	if (!names) {
		shortnames_make(&own, accessions);
		l.accessions = &own;
	}
	rc = read_parts(&l, s, n_workers, err);
	shortnames_release(&own);
	if (!rc)
		rc = join(&l, accessions, strings, &n, err);
	if (!rc)
		rc = make_arrays(a, accessions->count, n, err);
	if (!rc)
		rc = group(a, &l, n_workers, err);
	if (!rc)
		rc = digest(a, strings, err);
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
	return annset_load_with(a, s, set_id, o, snapshot, 1, NULL, accessions, strings, err);
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
