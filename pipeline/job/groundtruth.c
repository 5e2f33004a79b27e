/* Ground truth of the pairs: see groundtruth.h. */
#include "pipeline/job/groundtruth.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "pipeline/core/fsio.h"
#include "pipeline/output/parquet.h"

void groundtruth_key(const char *evaluation_set, char key[128])
{
	snprintf(key, 128, "eval_groundtruth/%s/groundtruth.parquet", evaluation_set);
}

/* ---- materialised files ------------------------------------------------------------------------------ */

static const char *const columns[] = {"protein_accession", "go_id", "bucket"};

struct reader {
	struct context *c;
	struct materialised *m;
	uint64_t row; /* the one that is read, from 1 */
};

static int is_name(const char *text, size_t len, const char *name)
{
	return len == strlen(name) && memcmp(text, name, len) == 0;
}

static struct pairset *bucket_named(struct materialised *m, const char *text, size_t len)
{
	int cat;

	for (cat = 0; cat < CATEGORIES; cat++)
		if (is_name(text, len, category_name[cat]))
			return &m->gained[cat];
	return is_name(text, len, "known") ? &m->known : NULL;
}

static int take_triple(void *ctx, const char *const *text, const size_t *len, struct err *err)
{
	struct reader *r = ctx;
	struct pairset *bucket;
	uint32_t protein, go;
	int i;

	r->row++;
	for (i = 0; i < 3; i++)
		if (!text[i])
			return err_set(err, ERR_FORMAT,
				       "row %llu has no %s; leave the row out, or have the buckets "
				       "computed (compute_groundtruth)",
				       (unsigned long long)r->row, columns[i]);
	bucket = bucket_named(r->m, text[2], len[2]);
	if (!bucket)
		return 0; /* pk_known, removed, and whatever newer files add */
	protein = dict_intern(&r->c->proteins.accessions, text[0], len[0]);
	go = ontology_name(&r->c->ontology, text[1], len[1]);
	if (protein == DICT_NONE || go == DICT_NONE)
		return err_nomem(err, "ground truth");
	return pairset_add(bucket, PAIR_KEY(protein, go), err);
}

static int read_file(struct context *c, const struct plan_pair *pair, struct materialised *m,
		     struct err *err)
{
	struct reader r = {.c = c, .m = m};
	const char *tmp = getenv("TMPDIR");
	char key[128], file[4096];
	int fd, rc;

	groundtruth_key(pair->evaluation_set, key);
	snprintf(file, sizeof file, "%s/protea-groundtruth.XXXXXX", tmp && *tmp ? tmp : "/tmp");
	fd = mkstemp(file);
	if (fd < 0)
		return err_sys(err, ERR_IO, "cannot make a temporary file '%s'", file);
	close(fd);
	rc = artifact_get(c->store, key, file, err);
	if (!rc) {
		m->present = 1;
		rc = parquet_read_strings(file, columns, 3, take_triple, &r, err);
		if (rc)
			err_prefix(err, "ground truth of pair %s ('%s')", pair->label, key);
	}
	(void)unlink(file);
	return rc;
}

int groundtruth_read_all(struct context *c, const struct plan *plan, struct err *err)
{
	size_t i;

	for (i = 0; i < plan->n_pairs; i++) {
		const struct plan_pair *pair = &plan->pairs[i];
		int rc;

		if (!pair->groundtruth_uri)
			continue;
		rc = read_file(c, pair, &c->truth[i], err);
		if (rc == ERR_NOTFOUND)
			rc = 0; /* the preflight has said it: the buckets are computed */
		if (rc)
			return rc;
	}
	return 0;
}

static void finish_set(struct pairset *s, const struct ontology *o)
{
	size_t i;

	for (i = 0; i < s->n; i++)
		s->key[i] =
			PAIR_KEY(PAIR_PROTEIN(s->key[i]), ontology_final(o, PAIR_GO(s->key[i])));
	pairset_seal(s);
}

void groundtruth_finish(struct context *c)
{
	size_t i;
	int cat;

	for (i = 0; i < c->n_truth; i++) {
		for (cat = 0; cat < CATEGORIES; cat++)
			finish_set(&c->truth[i].gained[cat], &c->ontology);
		finish_set(&c->truth[i].known, &c->ontology);
	}
}

/* ---- buckets and queries ------------------------------------------------------------------------------ */

static int copy_set(struct pairset *to, const struct pairset *from, struct err *err)
{
	*to = (struct pairset){.n = from->n, .cap = from->n};
	to->key = malloc((from->n + 1) * sizeof *to->key);
	if (!to->key)
		return err_nomem(err, "ground truth");
	if (from->n)
		memcpy(to->key, from->key, from->n * sizeof *to->key);
	return 0;
}

static int copy_buckets(struct buckets *out, const struct pairset gained[CATEGORIES],
			const struct pairset *known, struct err *err)
{
	int cat, rc = 0;

	memset(out, 0, sizeof *out);
	for (cat = 0; !rc && cat < CATEGORIES; cat++)
		rc = copy_set(&out->gained[cat], &gained[cat], err);
	if (!rc)
		rc = copy_set(&out->known, known, err);
	if (rc)
		buckets_release(out);
	return rc;
}

int groundtruth_buckets(struct context *c, const struct plan *plan, size_t pair,
			struct buckets *out, int *computed, struct events *e, struct err *err)
{
	const struct plan_pair *p = &plan->pairs[pair];
	const struct materialised *m = &c->truth[pair];
	struct made_truth *made = &c->made[pair];
	struct buckets *to = c->sharing ? &made->buckets : out;
	int rc;

	*computed = !m->present;
	if (!*computed)
		return copy_buckets(out, m->gained, &m->known, err);
	rc = context_need_set(c, plan, p->old_version, e, err);
	if (!rc)
		rc = context_need_set(c, plan, p->new_version, e, err);
	if (!rc && !made->present)
		rc = buckets_compute_with(to, &c->ontology, &c->sets[p->old_version],
					  &c->sets[p->new_version], (size_t)c->settings->workers,
					  err);
	if (rc || !c->sharing)
		return rc;
	made->present = 1;
	return copy_buckets(out, made->buckets.gained, &made->buckets.known, err);
}

int groundtruth_queries(const struct context *c, const struct buckets *b, uint32_t **rows,
			uint32_t *n, struct err *err)
{
	unsigned char *is_query = calloc((size_t)c->pool.n + 1, 1);
	uint32_t i, count = 0;
	int cat;

	*rows = NULL;
	*n = 0;
	if (!is_query)
		return err_nomem(err, "queries");
	for (cat = 0; cat < CATEGORIES; cat++) {
		const struct pairset *s = &b->gained[cat];
		size_t k;

		for (k = 0; k < s->n; k++) {
			uint32_t row = pool_row(&c->pool, PAIR_PROTEIN(s->key[k]));

			if (row != POOL_NONE && !is_query[row]) {
				is_query[row] = 1;
				count++;
			}
		}
	}
	*rows = malloc(((size_t)count + 1) * sizeof **rows);
	if (!*rows) {
		free(is_query);
		return err_nomem(err, "queries");
	}
	for (i = 0; i < c->pool.n; i++)
		if (is_query[i])
			(*rows)[(*n)++] = i;
	free(is_query);
	return 0;
}
