/* The identity of a run's inputs (spec 10.3): a digest over everything that can change a value. What is
 * loaded anyway is digested as loaded; files are digested by content. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "pipeline/core/fsio.h"
#include "pipeline/core/text.h"
#include "pipeline/core/version.h"
#include "pipeline/job/staging.h"

static void put(struct sha256 *d, const char *name, const void *bytes, size_t n)
{
	char head[96];
	int len = snprintf(head, sizeof head, "%s %zu\n", name, n);

	sha256_update(d, head, (size_t)len);
	sha256_update(d, bytes, n);
}

static void put_text(struct sha256 *d, const char *name, const char *text)
{
	put(d, name, text ? text : "", text ? strlen(text) : 0);
}

static void put_payload(struct sha256 *d, const struct payload *p)
{
	char text[512];
	size_t i;

	snprintf(text, sizeof text, "%s %s %s %d %d%d%d%d%d%d %d %a %s %d%d",
		 p->embedding_config_id, p->ontology_snapshot_id, p->annotation_source, p->k,
		 p->compute_alignments, p->compute_taxonomy, p->expand_votes_to_ancestors,
		 p->use_embedding_pca, p->compute_self_prior, p->compute_association,
		 (int)p->metric, p->distance_threshold, schema_profile_name(p->profile),
		 p->sane_empty_sw, p->strict_embeddings);
	put_text(d, "payload", text);
	put_text(d, "source", p->annotation_source);
	for (i = 0; i < p->n_train_versions; i++)
		put(d, "train", &p->train_versions[i], sizeof p->train_versions[i]);
	put(d, "test", &p->test_versions[0], sizeof p->test_versions[0]);
}

static int put_file(struct sha256 *d, const char *name, const char *path, struct err *err)
{
	char sha[SHA256_HEX];
	uint64_t size;
	int rc = sha256_file(path, sha, &size, err);

	if (!rc)
		put_text(d, name, sha);
	return rc;
}

static int put_files(struct sha256 *d, const struct context *c, const struct payload *p,
		     struct err *err)
{
	int rc = put_file(d, "anc2vec", c->settings->anc2vec_path, err);

	if (!rc && c->taxonomy) {
		char *dir = fsio_dirname(taxonomy_file(c->taxonomy));
		char *merged = dir ? fsio_join(dir, "merged.dmp") : NULL;

		rc = put_file(d, "taxonomy", taxonomy_file(c->taxonomy), err);
		if (!rc && merged && fsio_exists(merged))
			rc = put_file(d, "merged", merged, err);
		free(dir);
		free(merged);
	}
	if (!rc && c->has_interpro)
		rc = put_file(d, "interpro", c->settings->interpro_path, err);
	if (!rc && p->ia_file) {
		char *path = fsio_resolve(c->settings->base_dir, p->ia_file);

		rc = path ? put_file(d, "ia", path, err) : err_nomem(err, "a path");
		free(path);
	}
	return rc;
}

static void put_ontology(struct sha256 *d, const struct ontology *o)
{
	uint32_t i;
	size_t k;

	for (i = 0; i < o->n_go; i++)
		sha256_update(d, o->go_id[i], strlen(o->go_id[i]) + 1);
	put(d, "term ids", o->term_id, o->n_terms * sizeof *o->term_id);
	put(d, "term gos", o->term_go, o->n_terms * sizeof *o->term_go);
	put(d, "aspects", o->term_aspect, o->n_terms);
	put(d, "pivot", o->pivot_aspect, o->n_go);
	for (k = 0; k < o->n_snapshots; k++) {
		const struct csr *g = &o->snapshots[k].parents;

		put(d, "edge starts", g->start, ((size_t)g->n + 1) * sizeof *g->start);
		put(d, "edges", g->item, g->start[g->n] * sizeof *g->item);
	}
}

static void put_sets(struct sha256 *d, const struct context *c, const struct plan *plan)
{
	size_t i;
	int cat;

	for (i = 0; i < plan->n_versions; i++) {
		put_text(d, "set", plan->versions[i].set_id);
		put_text(d, "snapshot", plan->versions[i].snapshot_id);
	}
	for (i = 0; i < c->n_truth; i++) {
		const struct materialised *m = &c->truth[i];

		put(d, "truth", &m->present, sizeof m->present);
		for (cat = 0; cat < CATEGORIES; cat++)
			put(d, "gained", m->gained[cat].key, m->gained[cat].n * sizeof(uint64_t));
		put(d, "known", m->known.key, m->known.n * sizeof(uint64_t));
	}
}

struct row_digest {
	struct sha256 *d;
};

static int put_annotation(void *ctx, const struct source_annotation *r, struct err *err)
{
	struct sha256 *d = ((struct row_digest *)ctx)->d;
	int64_t ids[2] = {r->id, r->term_id};

	(void)err;
	sha256_update(d, ids, sizeof ids);
	sha256_update(d, r->accession, strlen(r->accession) + 1);
	if (r->qualifier)
		sha256_update(d, r->qualifier, strlen(r->qualifier) + 1);
	sha256_update(d, "|", 1);
	if (r->evidence_code)
		sha256_update(d, r->evidence_code, strlen(r->evidence_code) + 1);
	return 0;
}

static int put_sequence(void *ctx, int64_t id, const char *text, size_t len, struct err *err)
{
	struct sha256 *d = ((struct row_digest *)ctx)->d;

	(void)err;
	sha256_update(d, &id, sizeof id);
	sha256_update(d, text, len);
	return 0;
}

static int cmp_i64(const void *a, const void *b)
{
	int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

	return (x > y) - (x < y);
}

/* Texts that alignments can read: those of the pool's proteins. */
static int put_sequences(struct sha256 *d, const struct context *c, struct err *err)
{
	struct row_digest ctx = {d};
	int64_t *ids = malloc(((size_t)c->pool.n + 1) * sizeof *ids);
	size_t i, n = 0;
	int rc;

	if (!ids)
		return err_nomem(err, "sequence ids");
	for (i = 0; i < c->pool.n; i++)
		if (c->proteins.sequence_id[c->pool.protein[i]] >= 0)
			ids[n++] = c->proteins.sequence_id[c->pool.protein[i]];
	qsort(ids, n, sizeof *ids, cmp_i64);
	if (n) {
		size_t at = 1;

		for (i = 1; i < n; i++)
			if (ids[i] != ids[i - 1])
				ids[at++] = ids[i];
		n = at;
	}
	rc = source_sequences(c->source, ids, n, put_sequence, &ctx, err);
	free(ids);
	return rc;
}

static int put_data(struct sha256 *d, const struct context *c, const struct payload *p,
		    const struct plan *plan, struct err *err)
{
	struct row_digest ctx = {d};
	char sha[SHA256_HEX];
	size_t i;
	int rc = pool_accessions_sha256(&c->pool, &c->proteins, sha);

	put_text(d, "pool accessions", sha);
	if (!rc)
		rc = pool_values_sha256(&c->pool, sha);
	put_text(d, "pool values", sha);
	if (rc)
		return err_set(err, ERR_INTERNAL, "cannot digest the pool");
	if (c->has_pca) {
		put(d, "pca mean", c->pca.mean, c->pca.dim * sizeof *c->pca.mean);
		put(d, "pca axes", c->pca.components,
		    c->pca.n_components * c->pca.dim * sizeof *c->pca.components);
	}
	for (i = 0; p->compute_taxonomy && i < c->pool.n; i++)
		put_text(d, "taxon", c->proteins.taxonomy[c->pool.protein[i]]);
	for (i = 0; !rc && i < plan->n_pairs + 1; i++)
		rc = source_annotations(c->source, plan->versions[i].set_id, put_annotation, &ctx,
					err);
	if (!rc && p->compute_alignments)
		rc = put_sequences(d, c, err);
	return rc;
}

int staging_fingerprint(const struct context *c, const struct payload *p, const struct plan *plan,
			char out[SHA256_HEX], struct err *err)
{
	struct sha256 *d = sha256_new();
	int version = EXPORT_VALUE_VERSION, rc;

	if (!d)
		return err_nomem(err, "a fingerprint");
	put(d, "value version", &version, sizeof version);
	put_payload(d, p);
	put_ontology(d, &c->ontology);
	put_sets(d, c, plan);
	rc = put_files(d, c, p, err);
	if (!rc)
		rc = put_data(d, c, p, plan, err);
	if (!rc)
		rc = sha256_finish(d, out);
	sha256_free(d);
	return rc;
}
