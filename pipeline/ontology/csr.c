/* Compressed lists: see csr.h. */
#include "pipeline/ontology/csr.h"

#include <stdlib.h>
#include <string.h>

static int csr_alloc(struct csr *c, uint32_t n, size_t m, struct err *err)
{
	*c = (struct csr){.n = n};
	if (m >= UINT32_MAX)
		return err_set(err, ERR_LIMIT, "more than 4 billion list items");
	c->start = calloc((size_t)n + 1, sizeof *c->start);
	c->item = malloc((m ? m : 1) * sizeof *c->item);
	if (!c->start || !c->item) {
		csr_release(c);
		return err_nomem(err, "compressed lists");
	}
	return 0;
}

int csr_build(struct csr *out, uint32_t n, const uint32_t *key, const uint32_t *item, size_t m,
	      struct err *err)
{
	size_t i;
	uint32_t k;
	int rc = csr_alloc(out, n, m, err);

	if (rc)
		return rc;
	for (i = 0; i < m; i++)
		out->start[key[i] + 1]++;
	for (k = 0; k < n; k++)
		out->start[k + 1] += out->start[k];
	for (i = 0; i < m; i++)
		out->item[out->start[key[i]]++] = item[i];
	/* Each start now points at the end of its list: shift back by one key. */
	memmove(out->start + 1, out->start, n * sizeof *out->start);
	out->start[0] = 0;
	return 0;
}

static int cmp_u32(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return (x > y) - (x < y);
}

void csr_sort_unique(struct csr *c)
{
	uint32_t k, at = 0, from = 0;

	for (k = 0; k < c->n; k++) {
		uint32_t to = c->start[k + 1], i;

		qsort(c->item + from, to - from, sizeof *c->item, cmp_u32);
		c->start[k] = at;
		for (i = from; i < to; i++)
			if (i == from || c->item[i] != c->item[i - 1])
				c->item[at++] = c->item[i];
		from = to;
	}
	c->start[c->n] = at;
}

int csr_transpose(struct csr *out, const struct csr *in, uint32_t n_out, struct err *err)
{
	size_t m = in->start[in->n];
	uint32_t k, i;
	int rc = csr_alloc(out, n_out, m, err);

	if (rc)
		return rc;
	for (i = 0; i < m; i++)
		out->start[in->item[i] + 1]++;
	for (k = 0; k < n_out; k++)
		out->start[k + 1] += out->start[k];
	for (k = 0; k < in->n; k++)
		for (i = in->start[k]; i < in->start[k + 1]; i++)
			out->item[out->start[in->item[i]]++] = k;
	memmove(out->start + 1, out->start, n_out * sizeof *out->start);
	out->start[0] = 0;
	return 0;
}

void csr_release(struct csr *c)
{
	free(c->start);
	free(c->item);
	*c = (struct csr)CSR_INIT;
}
