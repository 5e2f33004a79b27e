/* All proteins of the source: see proteins.h. */
#include "pipeline/pool/proteins.h"

#include <stdlib.h>
#include <string.h>

#include "pipeline/source/source.h"

struct load {
	struct proteins *p;
	uint32_t cap;
};

static int grow(struct load *l, struct err *err)
{
	uint32_t cap = l->cap ? 2 * l->cap : 65536;
	int64_t *ids = realloc(l->p->sequence_id, cap * sizeof *ids);
	char **tax;

	if (!ids)
		return err_nomem(err, "proteins");
	l->p->sequence_id = ids;
	tax = realloc(l->p->taxonomy, cap * sizeof *tax);
	if (!tax)
		return err_nomem(err, "proteins");
	l->p->taxonomy = tax;
	l->cap = cap;
	return 0;
}

static int take_protein(void *ctx, const struct source_protein *row, struct err *err)
{
	struct load *l = ctx;
	struct proteins *p = l->p;
	size_t len = strlen(row->accession);
	uint32_t number;

	if (p->n == l->cap) {
		int rc = grow(l, err);

		if (rc)
			return rc;
	}
	if (p->n && strcmp(dict_text(&p->accessions, p->n - 1), row->accession) >= 0)
		return err_set(err, ERR_FORMAT,
			       "protein '%s' comes after '%s': accessions must be distinct and in "
			       "byte order",
			       row->accession, dict_text(&p->accessions, p->n - 1));
	number = dict_intern(&p->accessions, row->accession, len);
	if (number == DICT_NONE)
		return err_nomem(err, "proteins");
	p->sequence_id[number] = row->sequence_id;
	p->taxonomy[number] = NULL;
	if (row->taxonomy_id) {
		p->taxonomy[number] = arena_strdup(&p->arena, row->taxonomy_id);
		if (!p->taxonomy[number])
			return err_nomem(err, "proteins");
	}
	p->n_without_sequence += row->sequence_id < 0;
	p->n = number + 1;
	return 0;
}

int proteins_load(struct proteins *p, struct source *s, struct err *err)
{
	struct load l = {.p = p};
	int rc;

	memset(p, 0, sizeof *p);
	rc = source_proteins(s, take_protein, &l, err);
	if (rc)
		proteins_release(p);
	return rc;
}

void proteins_release(struct proteins *p)
{
	dict_release(&p->accessions);
	free(p->sequence_id);
	free(p->taxonomy);
	arena_release(&p->arena);
	memset(p, 0, sizeof *p);
}
