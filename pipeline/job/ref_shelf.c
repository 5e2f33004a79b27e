/* References that are built: see ref_shelf.h. */
#include "pipeline/job/ref_shelf.h"

#include <stdlib.h>
#include <string.h>

/* Two pools with the same proteins in the same rows have the same references. 0 or -1. */
static int proteins_of(const struct pool *pool, char out[SHA256_HEX])
{
	return sha256_hex(pool->protein, (size_t)pool->n * sizeof *pool->protein, out);
}

static struct kept_references *find(const struct ref_shelf *s, size_t version, const char *proteins)
{
	size_t i;

	for (i = 0; i < s->n; i++)
		if (s->list[i]->version == version && strcmp(s->list[i]->proteins, proteins) == 0)
			return s->list[i];
	return NULL;
}

static int grow(struct ref_shelf *s)
{
	size_t cap = s->cap ? 2 * s->cap : 16;
	struct kept_references **list;

	if (s->n < s->cap)
		return 0;
	list = realloc(s->list, cap * sizeof *list);
	if (!list)
		return -1;
	s->list = list;
	s->cap = cap;
	return 0;
}

static void drop(struct ref_shelf *s, size_t i)
{
	references_release(&s->list[i]->refs);
	free(s->list[i]);
	s->list[i] = s->list[--s->n];
}

static uint64_t bytes_of(const struct references *r, const struct ontology *o,
			 const struct pool *pool)
{
	uint64_t numbers = (uint64_t)o->n_terms + pool->n + r->annotation_rows;
	int a;

	for (a = 0; a < ASPECTS; a++)
		numbers += 2 * (uint64_t)r->aspect[a].n;
	return numbers * sizeof(uint32_t);
}

static int build(struct ref_shelf *s, struct kept_references *k, const struct annset *set,
		 const struct ontology *o, const struct pool *pool, struct err *err)
{
	int rc = references_build(&k->refs, set, o, pool, err);

	if (rc)
		return rc;
	k->bytes = bytes_of(&k->refs, o, pool);
	s->list[s->n++] = k;
	return 0;
}

int ref_shelf_take(struct ref_shelf *s, size_t version, const struct annset *set,
		   const struct ontology *o, const struct pool *pool, const struct references **out,
		   struct err *err)
{
	struct kept_references *k;
	char proteins[SHA256_HEX];
	int rc = proteins_of(pool, proteins);

	*out = NULL;
	if (rc)
		return err_set(err, ERR_INTERNAL, "cannot digest the proteins of a pool");
	k = find(s, version, proteins);
	if (!k) {
		k = grow(s) == 0 ? calloc(1, sizeof *k) : NULL;
		if (!k)
			return err_nomem(err, "references");
		k->version = version;
		memcpy(k->proteins, proteins, SHA256_HEX);
		rc = build(s, k, set, o, pool, err);
		if (rc) {
			free(k);
			return rc;
		}
	}
	k->users++;
	*out = &k->refs;
	return 0;
}

void ref_shelf_give_back(struct ref_shelf *s, const struct references *refs, int keep)
{
	size_t i;

	for (i = 0; refs && i < s->n; i++)
		if (&s->list[i]->refs == refs) {
			if (--s->list[i]->users == 0 && !keep)
				drop(s, i);
			return;
		}
}

void ref_shelf_keep(struct ref_shelf *s, const struct pool *const *pools, size_t n)
{
	char(*wanted)[SHA256_HEX] = calloc(n + 1, sizeof *wanted);
	size_t i, j;

	/* without memory for their digests none stays */
	for (j = 0; wanted && j < n; j++)
		if (proteins_of(pools[j], wanted[j]) != 0)
			wanted[j][0] = '\0';
	for (i = s->n; i-- > 0;) {
		for (j = 0; wanted && j < n; j++)
			if (strcmp(s->list[i]->proteins, wanted[j]) == 0)
				break;
		if (s->list[i]->users == 0 && (!wanted || j == n))
			drop(s, i);
	}
	free(wanted);
}

uint64_t ref_shelf_bytes(const struct ref_shelf *s, const struct pool *pool)
{
	char proteins[SHA256_HEX] = "";
	uint64_t bytes = 0;
	size_t i;

	if (pool && proteins_of(pool, proteins) != 0)
		proteins[0] = '\0';
	for (i = 0; i < s->n; i++)
		if (strcmp(s->list[i]->proteins, proteins) != 0)
			bytes += s->list[i]->bytes;
	return bytes;
}

void ref_shelf_clear(struct ref_shelf *s)
{
	while (s->n)
		drop(s, s->n - 1);
	free(s->list);
	*s = (struct ref_shelf){0};
}
