/* Everything that can fail, checked before any work: see preflight.h. */
#include "pipeline/job/preflight.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "pipeline/core/fsio.h"
#include "pipeline/job/groundtruth.h"
#include "pipeline/job/objects.h"
#include "pipeline/job/uploads.h"
#include "prof/base/units.h"

/* 1: the name is taken. */
static int check_name(struct context *c, const struct payload *p, struct problems *problems)
{
	struct err why = ERR_INIT;
	int rc = source_has_dataset(c->source, p->output_name, &why);

	if (rc < 0)
		problems_add_err(problems, &why);
	else if (rc == 1)
		problems_add(
			problems, ERR_EXISTS,
			"payload.output_name: a data set '%s' is registered already in %s; choose "
			"another name",
			p->output_name, source_name(c->source));
	return rc == 1;
}

static void check_anc2vec(struct context *c, struct problems *problems)
{
	struct err why = ERR_INIT;

	if (!c->settings->anc2vec_path) {
		problems_add(problems, ERR_NOTFOUND,
			     "PROTEA_ANC2VEC_PATH is not set: name an anc2vec archive (.npz or "
			     ".tsv), or make "
			     "one with: protea-export bundle anc2vec BUNDLE --out FILE.npz");
		return;
	}
	if (c->archive || c->has_vectors)
		return;
	if (anc2vec_open(&c->archive, c->settings->anc2vec_path, &why) != 0)
		problems_add_err(problems, &why);
}

/* 1: there is something other than a folder that may be read. */
static int check_readable(struct problems *problems, const char *what, const char *path)
{
	struct stat st;

	if (access(path, R_OK) != 0 || stat(path, &st) != 0)
		problems_add(problems, ERR_NOTFOUND, "%s: cannot read '%s': %s", what, path,
			     strerror(errno));
	else if (S_ISDIR(st.st_mode))
		problems_add(problems, ERR_NOTFOUND, "%s: '%s' is a folder, not a file", what,
			     path);
	else
		return 1;
	return 0;
}

static void check_files(struct context *c, const struct payload *p, struct problems *problems)
{
	struct err why = ERR_INIT;

	check_anc2vec(c, problems);
	if (p->profile == SCHEMA_V5_73 && c->settings->interpro_path)
		check_readable(problems, "PROTEA_INTERPRO_GO_PRED_PATH",
			       c->settings->interpro_path);
	if (p->compute_taxonomy && !c->taxonomy &&
	    taxonomy_open(&c->taxonomy, c->settings->taxonomy_path, &why) != 0) {
		err_prefix(&why, "PROTEA_TAXONOMY_PATH");
		problems_add_err(problems, &why);
	}
	if (p->ia_file) {
		char *path = fsio_resolve(c->settings->base_dir, p->ia_file);

		if (path && check_readable(problems, "payload.ia_file", path) &&
		    context_check_ia(path, &why) != 0)
			problems_add_err(problems, &why);
		free(path);
	}
}

/* A state that cannot be read ends the run: it is never guessed at, since the values depend on it. */
static void check_pca(struct context *c, const struct payload *p, struct problems *problems)
{
	char *path = p->use_embedding_pca ? context_pca_path(c, p) : NULL;
	struct pca_fingerprint any = {0};
	struct pca state = {0};
	struct err why = ERR_INIT;

	if (path && fsio_exists(path) &&
	    source_embedding_estimate(c->source, p->embedding_config_id, &any.n_rows, &any.dim,
				      &why) == 0 &&
	    any.n_rows && pca_load(&state, path, &any, &why) < 0) {
		err_prefix(&why, "the PCA state '%s' (remove it to have it fitted again)", path);
		problems_add_err(problems, &why);
	}
	pca_release(&state);
	free(path);
}

/* Can files be made in this folder, or in the nearest one above it that exists? */
static void check_writable(struct problems *problems, const char *what, const char *dir)
{
	char *at = fsio_absolute(dir);

	while (at && !fsio_exists(at)) {
		char *up = fsio_dirname(at);

		free(at);
		at = up;
	}
	if (at && access(at, W_OK | X_OK) != 0)
		problems_add(problems, ERR_IO, "%s: '%s' cannot be written to", what, at);
	free(at);
}

/* 0 when the store can be used. */
static int check_backend(struct context *c, struct problems *problems)
{
	struct artifact_config config = settings_artifact_config(c->settings);
	struct err why = ERR_INIT;
	int rc = 0;

	if (!c->store)
		rc = artifact_open(&c->store, &config, &why);
	if (!rc)
		rc = artifact_probe(c->store, 0, &why);
	if (rc)
		problems_add_err(problems, &why);
	return rc;
}

/* Does the object come from a run of ours that was killed before it could register? Publishing looks
 * closer and replaces it. */
static int left_behind(struct context *c, const struct payload *p, const char *key)
{
	struct uploads journal;
	int noted;

	if (uploads_open(&journal, c->settings->resume_dir, c->source, p->output_name, NULL) != 0)
		return 0;
	noted = uploads_noted(&journal, key);
	uploads_close(&journal);
	return noted;
}

/* `registered`: that objects of this name are there is no news. */
static void check_store(struct context *c, const struct payload *p, int registered,
			struct problems *problems)
{
	size_t i;
	int rc = check_backend(c, problems);

	for (i = 0; rc == 0 && !registered && i < OBJECTS; i++) {
		struct err why = ERR_INIT;
		char key[OBJECT_KEY_BYTES];

		object_key(p->output_name, object_names[i], key);
		rc = artifact_exists(c->store, key, &why);
		if (rc < 0)
			problems_add_err(problems, &why);
		else if (rc == 1 && left_behind(c, p, key))
			rc = 0;
		else if (rc == 1)
			problems_add(problems, ERR_EXISTS,
				     "payload.output_name: the artifact store holds '%s' already; "
				     "choose another name or remove datasets/%s",
				     key, p->output_name);
	}
}

static void check_groundtruth(struct context *c, const struct plan *plan, struct problems *problems,
			      struct notes *notes)
{
	size_t i;

	for (i = 0; c->store && i < plan->n_pairs; i++) {
		struct err why = ERR_INIT;
		char key[128];
		int rc;

		if (!plan->pairs[i].groundtruth_uri)
			continue;
		groundtruth_key(plan->pairs[i].evaluation_set, key);
		rc = artifact_exists(c->store, key, &why);
		if (rc < 0)
			problems_add_err(problems, &why);
		else if (rc == 0)
			notes_add(notes, "groundtruth_absent",
				  json_pack("{s:s}", "pair", plan->pairs[i].label),
				  "pair %s: '%s' is not in the artifact store; the buckets will be "
				  "computed",
				  plan->pairs[i].label, key);
	}
}

static void check_memory(struct context *c, const struct payload *p, uint64_t limit,
			 struct problems *problems, struct err *err)
{
	struct estimate x = {0};
	char need[UNITS_TEXT], have[UNITS_TEXT];

	if (estimate_memory(&x, c, p, err) != 0) {
		problems_add_err(problems, err);
		return;
	}
	if (!limit)
		limit = memory_available();
	context_plan_pools(c, p->embedding_config_id, x.memory_bytes, limit);
	if (limit && x.memory_bytes > limit)
		problems_add(
			problems, ERR_LIMIT,
			"memory: the run needs about %s and %s are allowed or available; raise "
			"--memory-limit, use fewer workers, or a machine with more memory",
			units_bytes(need, x.memory_bytes), units_bytes(have, limit));
	estimate_release(&x);
}

void preflight_settings(struct context *c, struct problems *problems)
{
	check_anc2vec(c, problems);
	check_writable(problems, "PROTEA_EXPORT_RESUME_DIR", c->settings->resume_dir);
	(void)check_backend(c, problems); /* its problem is in the list */
}

int preflight_run(struct context *c, const struct payload *p, struct plan *plan,
		  uint64_t memory_limit, struct problems *problems, struct notes *notes,
		  struct err *err)
{
	int rc, registered;

	registered = check_name(c, p, problems);
	rc = plan_make(plan, c->source, p, problems, notes, err);
	if (rc)
		return rc;
	check_files(c, p, problems);
	check_pca(c, p, problems);
	check_writable(problems, "PROTEA_EXPORT_RESUME_DIR", c->settings->resume_dir);
	check_store(c, p, registered, problems);
	check_groundtruth(c, plan, problems, notes);
	check_memory(c, p, memory_limit, problems, err);
	return 0;
}
