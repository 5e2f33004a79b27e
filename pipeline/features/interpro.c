/* The InterPro prediction table: see interpro.h. Lines are merged in file order, so that "previous
 * count + 1" means what the spec says. */
#include "pipeline/features/interpro.h"

#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "pipeline/core/lines.h"

struct entry {
	uint32_t protein;
	struct interpro_hit hit;
};

struct load {
	struct entry *list; /* owned */
	uint32_t n, cap;
	struct idmap index; /* protein << 32 | go -> entry */
};

static uint8_t parse_dbs(char *text)
{
	static const char *const stems[IPR_DBS] = {"pfam",  "panther", "superfamily",
						   "smart", "cdd",     "prosite"};
	uint8_t dbs = 0;
	char *p;
	int i;

	/* A stem counts wherever it stands inside a token; tokens are cut at ',' and ';', which no stem
	 * contains, so searching the whole field finds the same. */
	for (p = text; *p; p++)
		*p = (char)tolower((unsigned char)*p);
	for (i = 0; i < IPR_DBS; i++)
		if (strstr(text, stems[i]))
			dbs |= (uint8_t)(1u << i);
	return dbs;
}

static int parse_count(const char *text, int64_t *count)
{
	char *end;

	errno = 0;
	*count = strtoll(text, &end, 10);
	while (isspace((unsigned char)*end))
		end++;
	return !errno && end != text && !*end;
}

/* A decimal number, blanks around it allowed; no hex, and nothing that is not finite. */
static int parse_score(const char *text, double *score)
{
	char *end;

	if (strpbrk(text, "xX"))
		return 0;
	*score = strtod(text, &end);
	while (isspace((unsigned char)*end))
		end++;
	return end != text && !*end && isfinite(*score);
}

static void merge(struct interpro_hit *h, double score, uint8_t dbs, int given, int64_t count)
{
	if (score > h->score)
		h->score = score;
	h->dbs |= dbs;
	if (given)
		h->count = count;
	else if (h->count < INT64_MAX) /* counts of foreign files may be anything */
		h->count++;
}

static int add(struct load *l, uint32_t protein, uint32_t go, double score, uint8_t dbs, int given,
	       int64_t count, struct err *err)
{
	uint32_t at = idmap_intern(&l->index, (uint64_t)protein << 32 | go, l->n);
	int stems = __builtin_popcount(dbs);

	if (at == IDMAP_NONE)
		return err_nomem(err, "the InterPro table");
	if (at < l->n) {
		merge(&l->list[at].hit, score, dbs, given, count);
		return 0;
	}
	if (l->n == l->cap) {
		uint32_t cap = l->cap ? 2 * l->cap : 4096;
		struct entry *list = realloc(l->list, cap * sizeof *list);

		if (!list)
			return err_nomem(err, "the InterPro table");
		l->list = list;
		l->cap = cap;
	}
	l->list[l->n].protein = protein;
	l->list[l->n++].hit = (struct interpro_hit){.go = go,
						    .dbs = dbs,
						    .score = score,
						    .count = given       ? count
							     : stems > 1 ? stems
									 : 1};
	return 0;
}

static int take_line(struct interpro *t, struct load *l, char *text, const struct dict *accessions,
		     const struct ontology *o, struct err *err)
{
	char *field[6];
	size_t n = lines_split(text, '\t', field, 6);
	uint32_t protein, go;
	double score;
	uint8_t dbs;
	int64_t count = 0;
	int given;

	t->n_lines++;
	if (n < 3 || !*field[0] || !*field[1] || !parse_score(field[2], &score)) {
		t->n_skipped++;
		return 0;
	}
	protein = dict_find(accessions, field[0], strlen(field[0]));
	go = ontology_find(o, field[1], strlen(field[1]));
	if (protein == DICT_NONE || go == GO_NONE) {
		t->n_skipped++;
		return 0;
	}
	dbs = n > 3 ? parse_dbs(field[3]) : 0;
	given = n > 4 && parse_count(field[4], &count);
	return add(l, protein, go, score, dbs, given, count, err);
}

static int cmp_entry(const void *a, const void *b)
{
	const struct entry *x = a, *y = b;

	if (x->protein != y->protein)
		return x->protein < y->protein ? -1 : 1;
	return (x->hit.go > y->hit.go) - (x->hit.go < y->hit.go);
}

static int group(struct interpro *t, struct load *l, uint32_t n_proteins, struct err *err)
{
	uint32_t i;

	t->n_proteins = n_proteins;
	t->start = calloc((size_t)n_proteins + 1, sizeof *t->start);
	t->hit = malloc(((size_t)l->n + 1) * sizeof *t->hit);
	if (!t->start || !t->hit)
		return err_nomem(err, "the InterPro table");
	if (l->n)
		qsort(l->list, l->n, sizeof *l->list, cmp_entry);
	for (i = 0; i < l->n; i++) {
		t->start[l->list[i].protein + 1]++;
		t->hit[i] = l->list[i].hit;
	}
	for (i = 0; i < n_proteins; i++)
		t->start[i + 1] += t->start[i];
	return 0;
}

int interpro_load(struct interpro *t, const char *path, const struct dict *accessions,
		  const struct ontology *o, struct err *err)
{
	struct load l = {0};
	struct lines *in = NULL;
	char *text;
	size_t len;
	int rc;

	*t = (struct interpro){0};
	rc = lines_open(&in, path, LINES_MAX_BYTES, err);
	if (rc)
		return rc;
	while ((rc = lines_next(in, &text, &len, err)) > 0) {
		rc = take_line(t, &l, text, accessions, o, err);
		if (rc)
			break;
	}
	lines_close(in);
	if (!rc)
		rc = group(t, &l, accessions->count, err);
	free(l.list);
	idmap_release(&l.index);
	if (rc)
		interpro_release(t);
	return rc;
}

void interpro_release(struct interpro *t)
{
	free(t->start);
	free(t->hit);
	*t = (struct interpro){0};
}
