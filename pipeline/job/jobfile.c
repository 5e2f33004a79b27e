/* Job files: see jobfile.h. */
#include "pipeline/job/jobfile.h"

#include <stdlib.h>
#include <string.h>

#include "pipeline/core/fsio.h"
#include "pipeline/core/text.h"
#include "prof/base/buf.h"

#define JOBFILE_MAX_BYTES ((size_t)16 << 20)

static const char bundle_scheme[] = "bundle:";

char *jobfile_resolve_source(const char *url, const char *base_dir)
{
	int scheme = strncmp(url, bundle_scheme, sizeof bundle_scheme - 1) == 0;
	char *path, *out;
	size_t len;

	if (!scheme && strstr(url, "://"))
		return strdup(url);
	path = fsio_resolve(base_dir, scheme ? url + sizeof bundle_scheme - 1 : url);
	if (!path)
		return NULL;
	len = strlen(path) + sizeof bundle_scheme;
	out = malloc(len);
	if (out) {
		memcpy(out, bundle_scheme, sizeof bundle_scheme - 1);
		memcpy(out + sizeof bundle_scheme - 1, path, strlen(path) + 1);
	}
	free(path);
	return out;
}

static int get_text(const json_t *root, const char *key, const char *path, char **out,
		    struct err *err)
{
	const json_t *v = json_object_get(root, key);

	if (!v)
		return err_set(err, ERR_ARG, "%s: \"%s\" is missing", path, key);
	if (!json_is_string(v) || !*json_string_value(v))
		return err_set(err, ERR_ARG, "%s: \"%s\" must be a non-empty string", path, key);
	*out = strdup(json_string_value(v));
	return *out ? 0 : err_nomem(err, path);
}

static int get_object(const json_t *root, const char *key, const char *path, int needed,
		      json_t **out, struct err *err)
{
	json_t *v = json_object_get(root, key);

	if (!v && !needed)
		return 0;
	if (!v)
		return err_set(err, ERR_ARG, "%s: \"%s\" is missing", path, key);
	if (!json_is_object(v))
		return err_set(err, ERR_ARG, "%s: \"%s\" must be an object", path, key);
	*out = json_incref(v);
	return 0;
}

static int take_root(struct jobfile *j, const json_t *root, struct err *err)
{
	char *url = NULL;
	int rc;

	if (!json_is_object(root))
		return err_set(err, ERR_ARG, "%s: a job file is a JSON object", j->path);
	rc = get_text(root, "operation", j->path, &j->operation, err);
	if (!rc && strcmp(j->operation, OPERATION_EXPORT) != 0 &&
	    strcmp(j->operation, OPERATION_GRID) != 0)
		rc = err_set(err, ERR_ARG, "%s: operation '%s' is not known; use %s or %s", j->path,
			     j->operation, OPERATION_EXPORT, OPERATION_GRID);
	if (!rc)
		rc = get_text(root, "source", j->path, &url, err);
	if (!rc) {
		j->source_url = jobfile_resolve_source(url, j->base_dir);
		if (!j->source_url)
			rc = err_nomem(err, j->path);
	}
	free(url);
	if (!rc)
		rc = get_object(root, "payload", j->path, 1, &j->payload, err);
	if (!rc)
		rc = get_object(root, "environment", j->path, 0, &j->environment, err);
	if (!rc)
		rc = get_object(root, "cells", j->path, strcmp(j->operation, OPERATION_GRID) == 0,
				&j->cells, err);
	return rc;
}

int jobfile_read(struct jobfile *j, const char *path, struct err *err)
{
	struct buf text = BUF_INIT;
	json_t *root = NULL;
	int rc, stdin_job = strcmp(path, "-") == 0;

	*j = (struct jobfile){0};
	j->path = strdup(stdin_job ? "standard input" : path);
	j->base_dir = stdin_job ? fsio_absolute(".") : NULL;
	if (j->path && !stdin_job) {
		char *full = fsio_absolute(path);

		j->base_dir = full ? fsio_dirname(full) : NULL;
		free(full);
	}
	if (!j->path || !j->base_dir) {
		jobfile_release(j);
		return err_nomem(err, path);
	}
	buf_init(&text, JOBFILE_MAX_BYTES);
	rc = fsio_read_all(stdin_job ? "/dev/stdin" : path, JOBFILE_MAX_BYTES, &text, err);
	if (!rc) {
		root = json_parse(j->path, buf_str(&text), text.len, err);
		rc = root ? take_root(j, root, err) : (err && err->code ? err->code : ERR_FORMAT);
	}
	json_decref(root);
	buf_release(&text);
	if (rc)
		jobfile_release(j);
	return rc;
}

void jobfile_release(struct jobfile *j)
{
	free(j->path);
	free(j->base_dir);
	free(j->operation);
	free(j->source_url);
	json_decref(j->payload);
	json_decref(j->environment);
	json_decref(j->cells);
	*j = (struct jobfile){0};
}
