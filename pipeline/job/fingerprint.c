/* The identity of a run's inputs (spec 10.3): a digest over everything that can change a value. What is
 * loaded anyway is digested as it lies in memory, files by content. Nothing of the
 * data is read for it: texts of sequences, of which only neighbours tell which matter, are in staged_texts.c. */
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

/* Numbers of proteins and terms in the sets are those of the texts digested here and in put_ontology(). */
static void put_sets(struct sha256 *d, const struct context *c, const struct plan *plan)
{
	const struct dict *accessions = &c->proteins.accessions;
	size_t i;
	uint32_t p;
	int cat;

	for (p = 0; p < accessions->count; p++)
		sha256_update(d, accessions->text[p], (size_t)accessions->len[p] + 1);
	for (i = 0; i < plan->n_versions; i++) {
		put_text(d, "set", plan->versions[i].set_id);
		put_text(d, "snapshot", plan->versions[i].snapshot_id);
		if (c->set_loaded[i])
			put_text(d, "annotations", c->sets[i].sha256);
	}
	for (i = 0; i < c->n_truth; i++) {
		const struct materialised *m = &c->truth[i];

		put(d, "truth", &m->present, sizeof m->present);
		for (cat = 0; cat < CATEGORIES; cat++)
			put(d, "gained", m->gained[cat].key, m->gained[cat].n * sizeof(uint64_t));
		put(d, "known", m->known.key, m->known.n * sizeof(uint64_t));
	}
}

/* ---- all of it ------------------------------------------------------------------------------------------ */

static int put_pool(struct sha256 *d, struct context *c, struct err *err)
{
	char sha[SHA256_HEX];
	int rc = pool_digest(&c->pool, (size_t)c->settings->workers, err);

	if (!rc && pool_accessions_sha256(&c->pool, &c->proteins, sha) != 0)
		rc = err_set(err, ERR_INTERNAL, "cannot digest the pool");
	if (rc)
		return rc;
	put_text(d, "pool accessions", sha);
	put_text(d, "pool values", c->pool.values_sha256);
	if (c->has_pca) {
		put(d, "pca mean", c->pca.mean, c->pca.dim * sizeof *c->pca.mean);
		put(d, "pca axes", c->pca.components,
		    c->pca.n_components * c->pca.dim * sizeof *c->pca.components);
	}
	return 0;
}

static void put_taxa(struct sha256 *d, const struct context *c)
{
	uint32_t i;

	for (i = 0; i < c->pool.n; i++) {
		const char *taxon = c->proteins.taxonomy[c->pool.protein[i]];

		sha256_update(d, taxon ? taxon : "", taxon ? strlen(taxon) + 1 : 1);
	}
}

/* Whose texts they are; what they are is asked when it is known which of them matter. */
static void put_sequences(struct sha256 *d, const struct context *c)
{
	uint32_t i;

	for (i = 0; i < c->pool.n; i++)
		sha256_update(d, &c->proteins.sequence_id[c->pool.protein[i]],
			      sizeof *c->proteins.sequence_id);
}

int staging_fingerprint(struct context *c, const struct payload *p, const struct plan *plan,
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
		rc = put_pool(d, c, err);
	if (!rc && p->compute_taxonomy)
		put_taxa(d, c);
	if (!rc && p->compute_alignments)
		put_sequences(d, c);
	if (!rc)
		rc = sha256_finish(d, out);
	sha256_free(d);
	return rc;
}
