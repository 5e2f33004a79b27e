/* The artifact store's front: checks configuration and keys, then hands over to a backend
 * (artifact_local.c, artifact_s3.c). */
#include "pipeline/output/artifact.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "pipeline/output/artifact_internal.h"
#include "prof/base/buf.h"

/* S3's limit (Amazon S3 user guide, "Naming objects"); file systems take less per component and say
 * so themselves. */
#define KEY_MAX_BYTES ((size_t)1024)

struct artifact_store {
	const struct artifact_ops *ops;
	void *self; /* owned by the backend */
};

static int is_missing(const char *text)
{
	return !text || !*text;
}

/* Names everything that an incomplete minio configuration lacks, at once. */
static int check_minio(const struct artifact_config *c, struct err *err)
{
	const char *endpoint = is_missing(c->endpoint) ? " PROTEA_MINIO_ENDPOINT" : "";
	const char *access_key = is_missing(c->access_key) ? " PROTEA_MINIO_ACCESS_KEY" : "";
	const char *secret_key = is_missing(c->secret_key) ? " PROTEA_MINIO_SECRET_KEY" : "";

	if (!*endpoint && !*access_key && !*secret_key)
		return 0;
	return err_set(err, ERR_ARG,
		       "artifact store: backend minio needs%s%s%s; set it, or choose backend local",
		       endpoint, access_key, secret_key);
}

static int open_minio(struct artifact_store *s, const struct artifact_config *config,
		      struct err *err)
{
	int rc = check_minio(config, err);

	if (rc != 0)
		return rc;
#ifdef HAVE_CURL
	s->ops = &artifact_s3_ops;
	return artifact_s3_open(&s->self, config, err);
#else
	(void)s;
	return err_set(err, ERR_UNSUPPORTED,
		       "artifact store: backend minio is not in this build; install "
		       "libcurl4-openssl-dev and build again");
#endif
}

int artifact_open(struct artifact_store **out, const struct artifact_config *config,
		  struct err *err)
{
	struct artifact_store *s = calloc(1, sizeof *s);
	int rc;

	*out = NULL;
	if (!s)
		return err_nomem(err, "the artifact store");
	if (config->backend && strcasecmp(config->backend, "local") == 0) {
		s->ops = &artifact_local_ops;
		rc = artifact_local_open(&s->self, config, err);
	} else if (config->backend && strcasecmp(config->backend, "minio") == 0) {
		rc = open_minio(s, config, err);
	} else {
		rc = err_set(err, ERR_ARG,
			     "artifact store: unknown backend '%s'; it is 'local' or 'minio'",
			     config->backend ? config->backend : "");
	}
	if (rc != 0) {
		free(s);
		return rc;
	}
	*out = s;
	return 0;
}

void artifact_close(struct artifact_store *s)
{
	if (!s)
		return;
	s->ops->close(s->self);
	free(s);
}

const char *artifact_backend(const struct artifact_store *s)
{
	return s->ops->name;
}

/* Keys become paths and URLs: no component may be empty, "." or "..", no byte a control
 * character. */
static int check_key(const char *key, struct err *err)
{
	const char *part = key, *p;

	if (strlen(key) > KEY_MAX_BYTES)
		return err_set(err, ERR_ARG, "artifact store: a key of more than %zu bytes",
			       KEY_MAX_BYTES);
	for (p = key;; p++) {
		size_t len = (size_t)(p - part);

		if ((unsigned char)*p < 0x20 && *p)
			return err_set(err, ERR_ARG,
				       "artifact store: a key with a control character");
		if (*p && *p != '/')
			continue;
		if (len == 0 || (len == 1 && part[0] == '.') ||
		    (len == 2 && part[0] == '.' && part[1] == '.'))
			return err_set(err, ERR_ARG,
				       "artifact store: key '%s' is not a plain relative path",
				       key);
		if (!*p)
			return 0;
		part = p + 1;
	}
}

int artifact_probe(struct artifact_store *s, int create, struct err *err)
{
	return s->ops->probe(s->self, create, err);
}

int artifact_free_bytes(struct artifact_store *s, uint64_t *bytes)
{
	return s->ops->free_bytes(s->self, bytes);
}

char *artifact_uri(const struct artifact_store *s, const char *key)
{
	return s->ops->uri(s->self, key);
}

int artifact_exists(struct artifact_store *s, const char *key, struct err *err)
{
	int rc = check_key(key, err);

	return rc != 0 ? rc : s->ops->exists(s->self, key, err);
}

int artifact_put(struct artifact_store *s, const char *key, const char *file,
		 void (*progress)(void *ctx, uint64_t bytes), void *ctx, struct err *err)
{
	int rc = check_key(key, err);

	return rc != 0 ? rc : s->ops->put(s->self, key, file, progress, ctx, err);
}

int artifact_remove(struct artifact_store *s, const char *key, struct err *err)
{
	int rc = check_key(key, err);

	return rc != 0 ? rc : s->ops->remove(s->self, key, err);
}

int artifact_get(struct artifact_store *s, const char *key, const char *file, struct err *err)
{
	int rc = check_key(key, err);

	return rc != 0 ? rc : s->ops->get(s->self, key, file, err);
}
