/* Sources by URL: see source.h. Chooses the kind and passes every call on; knows no SQL. */
#include "pipeline/source/source.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "pipeline/source/source_ops.h"

#define BUNDLE_SCHEME "bundle:"
#define DIGITS        "0123456789"

/* Schemes that mean PostgreSQL (spec 7). */
static const char *const postgres_schemes[] = {
	"postgresql://",
	"postgres://",
	"postgresql+psycopg://",
	"postgresql+psycopg2://",
};

static const char *postgres_scheme(const char *url)
{
	for (size_t i = 0; i < sizeof postgres_schemes / sizeof postgres_schemes[0]; i++)
		if (strncmp(url, postgres_schemes[i], strlen(postgres_schemes[i])) == 0)
			return postgres_schemes[i];
	return NULL;
}

/* The part of a PostgreSQL URL that is safe to show: host and data base. An unescaped '@', '?', '#' or
 * '/' in a password, or what cannot be a port after ':', make the parts ambiguous; then nothing is
 * shown. */
static const char *public_part(const char *rest, size_t *len)
{
	const char *at = strchr(rest, '@');
	const char *shown = at ? at + 1 : rest;
	size_t host = strcspn(shown, ":/?#");

	*len = strcspn(shown, "?#");
	if (at && (strchr(at + 1, '@') || strcspn(rest, "/?#") < (size_t)(at - rest)))
		*len = 0;
	if (shown[host] == ':' &&
	    !strchr("/?#", shown[host + 1 + strspn(shown + host + 1, DIGITS)]))
		*len = 0;
	return shown;
}

static int refuse_postgres(const char *url, const char *scheme, struct err *err)
{
	size_t len;
	const char *shown = public_part(url + strlen(scheme), &len);

	return err_set(err, ERR_UNSUPPORTED,
		       "PostgreSQL sources are not in this build: cannot open '%s%.*s'; give a "
		       "bundle instead (bundle:PATH)",
		       scheme, (int)(len < 200 ? len : 200), len ? shown : "");
}

/* "PATH" of "bundle:PATH", or a bare path of something that exists; NULL: neither. */
static const char *bundle_path(const char *url)
{
	struct stat st;

	if (strncmp(url, BUNDLE_SCHEME, strlen(BUNDLE_SCHEME)) == 0)
		return url + strlen(BUNDLE_SCHEME);
	return stat(url, &st) == 0 ? url : NULL;
}

static int refuse_url(const char *url, struct err *err)
{
	const char *colon = strstr(url, "://");

	if (colon)
		return err_set(err, ERR_ARG,
			       "source has the unknown scheme '%.*s': give bundle:PATH or "
			       "postgresql://…",
			       (int)(colon - url < 40 ? colon - url : 40), url);
	return err_set(err, ERR_NOTFOUND,
		       "no source '%.200s': give bundle:PATH of an existing file", url);
}

int source_open(struct source **out, const char *url, unsigned flags, struct err *err)
{
	const char *scheme = postgres_scheme(url);
	const char *path = scheme ? NULL : bundle_path(url);
	struct source *s;
	char *url_copy, *name;
	int rc;

	*out = NULL;
	if (scheme)
		return refuse_postgres(url, scheme, err);
	if (!path)
		return refuse_url(url, err);
	if (!*path)
		return err_set(err, ERR_ARG, "source 'bundle:' names no file");
	url_copy = strdup(url);
	name = strdup(path);
	rc = url_copy && name ? source_open_bundle(&s, path, flags, err)
			      : err_nomem(err, "a source");
	if (rc < 0) {
		free(url_copy);
		free(name);
		return rc;
	}
	s->url = url_copy;
	s->name = name;
	*out = s;
	return 0;
}

void source_close(struct source *s)
{
	char *url, *name;

	if (!s)
		return;
	url = s->url;
	name = s->name;
	s->ops->close(s);
	free(url);
	free(name);
}

const char *source_name(const struct source *s)
{
	return s->name;
}

const char *source_url(const struct source *s)
{
	return s->url;
}

const char *source_kind(const struct source *s)
{
	return s->ops->kind;
}

int source_has_snapshot(struct source *s, const char *snapshot_id, struct err *err)
{
	return s->ops->has_snapshot(s, snapshot_id, err);
}

int source_configs(struct source *s, source_config_fn *fn, void *ctx, struct err *err)
{
	return s->ops->configs(s, fn, ctx, err);
}

int source_annotation_sets(struct source *s, const char *source_name, source_annotation_set_fn *fn,
			   void *ctx, struct err *err)
{
	return s->ops->annotation_sets(s, source_name, fn, ctx, err);
}

int source_evaluation_sets(struct source *s, const char *old_set_id, const char *new_set_id,
			   source_evaluation_set_fn *fn, void *ctx, struct err *err)
{
	return s->ops->evaluation_sets(s, old_set_id, new_set_id, fn, ctx, err);
}

int source_terms(struct source *s, const char *snapshot_id, source_term_fn *fn, void *ctx,
		 struct err *err)
{
	return s->ops->terms(s, snapshot_id, fn, ctx, err);
}

int source_edges(struct source *s, const char *snapshot_id, source_edge_fn *fn, void *ctx,
		 struct err *err)
{
	return s->ops->edges(s, snapshot_id, fn, ctx, err);
}

int source_annotations(struct source *s, const char *set_id, source_annotation_fn *fn, void *ctx,
		       struct err *err)
{
	return s->ops->annotations(s, set_id, fn, ctx, err);
}

int source_annotation_span(struct source *s, const char *set_id, struct source_span *span,
			   struct err *err)
{
	return s->ops->annotation_span(s, set_id, span, err);
}

int source_annotations_between(struct source *s, const char *set_id, const struct source_span *span,
			       int64_t first, int64_t last, source_annotation_fn *fn, void *ctx,
			       struct err *err)
{
	return s->ops->annotations_between(s, set_id, span, first, last, fn, ctx, err);
}

int source_proteins(struct source *s, source_protein_fn *fn, void *ctx, struct err *err)
{
	return s->ops->proteins(s, fn, ctx, err);
}

int source_embeddings(struct source *s, const char *config_id, source_embedding_fn *fn, void *ctx,
		      struct err *err)
{
	return s->ops->embeddings(s, config_id, fn, ctx, err);
}

int source_embedding_estimate(struct source *s, const char *config_id, uint64_t *rows,
			      uint64_t *dim, struct err *err)
{
	return s->ops->embedding_estimate(s, config_id, rows, dim, err);
}

int source_embedded_proteins(struct source *s, const char *config_id, uint64_t *n, struct err *err)
{
	return s->ops->embedded_proteins(s, config_id, n, err);
}

int source_sequences(struct source *s, const int64_t *ids, size_t n, source_sequence_fn *fn,
		     void *ctx, struct err *err)
{
	return s->ops->sequences(s, ids, n, fn, ctx, err);
}

int source_reserve_name(struct source *s, const char *name, struct err *err)
{
	return s->ops->reserve_name(s, name, err);
}

void source_release_name(struct source *s)
{
	s->ops->release_name(s);
}

int source_has_dataset(struct source *s, const char *name, struct err *err)
{
	return s->ops->has_dataset(s, name, err);
}

int source_insert_dataset(struct source *s, const struct source_dataset *row, struct err *err)
{
	return s->ops->insert_dataset(s, row, err);
}

int source_insert_job(struct source *s, const char *job_id, const char *operation,
		      const char *payload_json, struct err *err)
{
	return s->ops->insert_job(s, job_id, operation, payload_json, err);
}

int source_claim_job(struct source *s, const char *job_id, const char *worker, char **operation,
		     char **payload_json, struct err *err)
{
	*operation = NULL;
	*payload_json = NULL;
	return s->ops->claim_job(s, job_id, worker, operation, payload_json, err);
}

int source_finish_job(struct source *s, const char *job_id, const char *status,
		      const char *error_code, const char *error_message, struct err *err)
{
	return s->ops->finish_job(s, job_id, status, error_code, error_message, err);
}

int source_extend_lease(struct source *s, const char *job_id, struct err *err)
{
	return s->ops->extend_lease(s, job_id, err);
}

int source_insert_event(struct source *s, const struct source_event *row, struct err *err)
{
	return s->ops->insert_event(s, row, err);
}
