/* Sources by URL: see source.h. Chooses the kind and passes every call on; knows no SQL. */
#include "pipeline/source/source.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "pipeline/source/source_ops.h"
#include "prof/postgres/pg.h"

#define BUNDLE_SCHEME "bundle:"

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
	int database = pg_url_is(url);
	const char *path = database ? NULL : bundle_path(url);
	struct source *s;
	char *url_copy, *name;
	int rc;

	*out = NULL;
	if (!database && !path)
		return refuse_url(url, err);
	if (path && !*path)
		return err_set(err, ERR_ARG, "source 'bundle:' names no file");
	url_copy = strdup(url);
	name = database ? pg_url_public(url) : strdup(path);
	if (!url_copy || !name)
		rc = err_nomem(err, "a source");
	else if (database)
		rc = source_open_pg(&s, url, name, flags, err);
	else
		rc = source_open_bundle(&s, path, flags, err);
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

int source_has_embedding_parts(const struct source *s)
{
	return s->ops->embeddings_between != NULL;
}

int source_embeddings_between(struct source *s, const char *config_id, int64_t first, int64_t last,
			      source_embedding_fn *fn, void *ctx, struct err *err)
{
	return s->ops->embeddings_between(s, config_id, first, last, fn, ctx, err);
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
