/* The loaded tree: see tax_tree.h. Leaves reading of files to tax_dump.c and tax_ete.c. */
#include "pipeline/taxonomy/tax_tree.h"

#include <stdlib.h>
#include <string.h>

/* Taxa below this are looked up in an array: a million at random in a hash table cost more than reading the
 * file does. NCBI's go to some millions. */
#define NEAR_MAX ((size_t)1 << 23)

struct taxonomy *tax_tree_new(const char *file)
{
	struct taxonomy *t = calloc(1, sizeof *t);

	if (!t)
		return NULL;
	t->file = strdup(file);
	if (!t->file) {
		free(t);
		return NULL;
	}
	return t;
}

void taxonomy_close(struct taxonomy *t)
{
	if (!t)
		return;
	free(t->near);
	idmap_release(&t->far);
	idmap_release(&t->merged);
	free(t->ids);
	free(t->parents);
	free(t->depths);
	free(t->listed);
	free(t->file);
	free(t);
}

/* One array of the tree at its new size; 0 or -1. */
static int resize(void **array, size_t cap, size_t size)
{
	void *p = realloc(*array, cap * size);

	if (!p)
		return -1;
	*array = p;
	return 0;
}

static int tax_tree_grow(struct taxonomy *t)
{
	uint32_t cap = t->cap ? t->cap * 2 : 1024;

	if (t->cap > UINT32_MAX / 4)
		return -1;
	if (resize((void **)&t->ids, cap, sizeof *t->ids) != 0 ||
	    resize((void **)&t->parents, cap, sizeof *t->parents) != 0 ||
	    resize((void **)&t->depths, cap, sizeof *t->depths) != 0 ||
	    resize((void **)&t->listed, cap, sizeof *t->listed) != 0)
		return -1;
	t->cap = cap;
	return 0;
}

/* Makes the array reach to `taxon`; 0 or -1. */
static int reach(struct taxonomy *t, size_t taxon)
{
	size_t n = t->n_near ? t->n_near : 4096;

	while (n <= taxon)
		n *= 2;
	if (n == t->n_near)
		return 0;
	if (resize((void **)&t->near, n, sizeof *t->near) != 0)
		return -1;
	memset(t->near + t->n_near, 0, (n - t->n_near) * sizeof *t->near);
	t->n_near = n;
	return 0;
}

static int enter(struct taxonomy *t, int64_t taxon, uint32_t node)
{
	if (taxon < 0 || (uint64_t)taxon >= NEAR_MAX)
		return idmap_set(&t->far, (uint64_t)taxon, node);
	if (reach(t, (size_t)taxon) != 0)
		return -1;
	t->near[taxon] = node + 1;
	return 0;
}

uint32_t tax_tree_add(struct taxonomy *t, int64_t taxon)
{
	uint32_t node = t->count;

	if (node == t->cap && tax_tree_grow(t) != 0)
		return IDMAP_NONE;
	if (enter(t, taxon, node) != 0)
		return IDMAP_NONE;
	t->ids[node] = taxon;
	t->parents[node] = node;
	t->depths[node] = 0;
	t->listed[node] = 0;
	t->count++;
	return node;
}

uint32_t tax_tree_find(const struct taxonomy *t, int64_t taxon)
{
	if (taxon >= 0 && (uint64_t)taxon < t->n_near)
		return t->near[taxon] ? t->near[taxon] - 1 : IDMAP_NONE;
	return idmap_get(&t->far, (uint64_t)taxon);
}

int tax_merges_add(struct tax_merges *m, int64_t old_id, int64_t new_id)
{
	if (m->count == m->cap) {
		size_t cap = m->cap ? m->cap * 2 : 256;

		if (resize((void **)&m->old_ids, cap, sizeof *m->old_ids) != 0 ||
		    resize((void **)&m->new_ids, cap, sizeof *m->new_ids) != 0)
			return ERR_NOMEM;
		m->cap = cap;
	}
	m->old_ids[m->count] = old_id;
	m->new_ids[m->count] = new_id;
	m->count++;
	return 0;
}

void tax_merges_release(struct tax_merges *m)
{
	free(m->old_ids);
	free(m->new_ids);
	*m = (struct tax_merges)TAX_MERGES_INIT;
}

/* Follows merges from `taxon` to a node; IDMAP_NONE if there is none. More steps than merges is a
 * circle. */
static uint32_t follow(const struct taxonomy *t, const struct tax_merges *m,
		       const struct idmap *by_old, int64_t taxon)
{
	size_t steps;

	for (steps = 0; steps <= m->count; steps++) {
		uint32_t node = tax_tree_find(t, taxon), next;

		if (node != IDMAP_NONE && t->listed[node])
			return node;
		next = idmap_get(by_old, (uint64_t)taxon);
		if (next == IDMAP_NONE)
			return IDMAP_NONE;
		taxon = m->new_ids[next];
	}
	return IDMAP_NONE;
}

static int index_merges(const struct tax_merges *m, struct idmap *by_old, size_t *bad,
			struct err *err)
{
	size_t i;

	if (m->count >= IDMAP_NONE)
		return err_set(err, ERR_LIMIT, "more than 2^32 merged taxa");
	for (i = 0; i < m->count; i++) {
		uint32_t first = idmap_intern(by_old, (uint64_t)m->old_ids[i], (uint32_t)i);

		if (first == IDMAP_NONE)
			return err_nomem(err, "merged taxa");
		if (m->new_ids[first] != m->new_ids[i]) {
			*bad = i;
			return err_set(err, ERR_FORMAT,
				       "taxon %lld is merged into %lld and into %lld",
				       (long long)m->old_ids[i], (long long)m->new_ids[first],
				       (long long)m->new_ids[i]);
		}
	}
	return 0;
}

int tax_tree_merge(struct taxonomy *t, const struct tax_merges *m, size_t *bad, struct err *err)
{
	struct idmap by_old = IDMAP_INIT;
	size_t i;
	int rc;

	*bad = SIZE_MAX;
	rc = index_merges(m, &by_old, bad, err);
	for (i = 0; rc == 0 && i < m->count; i++) {
		uint32_t node = follow(t, m, &by_old, m->new_ids[i]);

		if (node != IDMAP_NONE && idmap_set(&t->merged, (uint64_t)m->old_ids[i], node) != 0)
			rc = err_nomem(err, "merged taxa");
	}
	idmap_release(&by_old);
	return rc;
}

int tax_read_id(const char **at, const char *end, int64_t *id)
{
	const char *p = *at;
	int64_t v = 0;

	for (; p < end && *p >= '0' && *p <= '9'; p++) {
		int digit = *p - '0';

		if (v > (INT64_MAX - digit) / 10)
			return -1;
		v = v * 10 + digit;
	}
	if (p == *at || v == 0)
		return -1;
	*at = p;
	*id = v;
	return 0;
}
