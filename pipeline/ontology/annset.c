/* One annotation set in memory: see annset.h. */
#include "pipeline/ontology/annset.h"

#include <stdlib.h>
#include <string.h>

#include "pipeline/ontology/evidence.h"
#include "pipeline/source/source.h"

struct row {
	uint32_t protein, term, qualifier, evidence;
	uint8_t flags;
};

struct load {
	struct annset *a;
	const struct ontology *o;
	struct dict *accessions, *strings;
	struct row *rows; /* owned, in ascending id */
	size_t n, cap;
};

static uint32_t intern(struct dict *d, const char *text)
{
	return dict_intern(d, text ? text : "", text ? strlen(text) : 0);
}

static int take_row(void *ctx, const struct source_annotation *r, struct err *err)
{
	struct load *l = ctx;
	struct row row = {.term = ontology_term(l->o, r->term_id)};

	if (row.term == TERM_NONE) {
		l->a->n_foreign++;
		return 0;
	}
	if (l->n == l->cap) {
		size_t cap = l->cap ? l->cap + l->cap / 2 : 65536;
		struct row *rows = realloc(l->rows, cap * sizeof *rows);

		if (!rows)
			return err_nomem(err, "annotations");
		l->rows = rows;
		l->cap = cap;
	}
	row.protein = intern(l->accessions, r->accession);
	row.qualifier = intern(l->strings, r->qualifier);
	row.evidence = intern(l->strings, r->evidence_code);
	if (row.protein == DICT_NONE || row.qualifier == DICT_NONE || row.evidence == DICT_NONE)
		return err_nomem(err, "annotations");
	if (qualifier_is_negated(r->qualifier))
		row.flags |= ANN_NEGATED;
	if (evidence_is_experimental(r->evidence_code))
		row.flags |= ANN_EXPERIMENTAL;
	l->rows[l->n++] = row;
	return 0;
}

/* Counting sort by protein: stable, so rows of a protein stay in ascending id. */
static int group(struct annset *a, const struct load *l, struct err *err)
{
	uint32_t n = l->accessions->count, p;
	size_t i, m = l->n ? l->n : 1;

	if (l->n >= UINT32_MAX)
		return err_set(err, ERR_LIMIT, "annotation set '%s' has more than 4 billion rows",
			       a->id);
	a->n_proteins = n;
	a->n_rows = (uint32_t)l->n;
	a->start = calloc((size_t)n + 2, sizeof *a->start);
	a->term = malloc(m * sizeof *a->term);
	a->qualifier = malloc(m * sizeof *a->qualifier);
	a->evidence = malloc(m * sizeof *a->evidence);
	a->flags = malloc(m);
	if (!a->start || !a->term || !a->qualifier || !a->evidence || !a->flags)
		return err_nomem(err, "annotations");
	for (i = 0; i < l->n; i++)
		a->start[l->rows[i].protein + 2]++;
	for (p = 0; p < n; p++)
		a->start[p + 2] += a->start[p + 1];
	for (i = 0; i < l->n;
	     i++) { /* start[p + 1] runs from the first row of p to the first of p + 1 */
		uint32_t at = a->start[l->rows[i].protein + 1]++;

		a->term[at] = l->rows[i].term;
		a->qualifier[at] = l->rows[i].qualifier;
		a->evidence[at] = l->rows[i].evidence;
		a->flags[at] = l->rows[i].flags;
	}
	return 0;
}

int annset_load(struct annset *a, struct source *s, const char *set_id, const struct ontology *o,
		int snapshot, struct dict *accessions, struct dict *strings, struct err *err)
{
	struct load l = {.a = a, .o = o, .accessions = accessions, .strings = strings};
	int rc;

	*a = (struct annset){.snapshot = snapshot};
	memccpy(a->id, set_id, '\0', UUID_TEXT - 1);
	rc = source_annotations(s, set_id, take_row, &l, err);
	if (!rc)
		rc = group(a, &l, err);
	free(l.rows);
	if (rc)
		annset_release(a);
	return rc;
}

void annset_release(struct annset *a)
{
	free(a->start);
	free(a->term);
	free(a->qualifier);
	free(a->evidence);
	free(a->flags);
	*a = (struct annset){0};
}
