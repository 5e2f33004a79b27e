/* The artifact store of spec 5.5 and 7: a folder (`local`) or an S3 bucket (`minio`). Keys are
 * relative paths with '/'. Nothing is overwritten. Belongs to one thread. */
#ifndef OUTPUT_ARTIFACT_H
#define OUTPUT_ARTIFACT_H

#include <stddef.h>
#include <stdint.h>

#include "prof/base/err.h"

struct artifact_config {      /* texts borrowed during artifact_open */
	const char *backend;  /* "local" or "minio", any case */
	const char *root;     /* local: folder, absolute or relative to the working directory */
	const char *endpoint; /* minio: host[:port], or a URL */
	const char *bucket;   /* default "protea" */
	const char *access_key;
	const char *secret_key;
	int secure;         /* https when the endpoint names no scheme */
	const char *region; /* NULL: us-east-1 */
	unsigned retry_s;   /* minio: a request is repeated for so long; 0: 120 */
	unsigned stall_s;   /* minio: a connection silent for so long is broken; 0: 60 */
};

struct artifact_store;

/* Checks the configuration (incomplete minio: ERR_ARG naming what is missing) without touching the
 * network or disk. */
int artifact_open(struct artifact_store **out, const struct artifact_config *config,
		  struct err *err);
void artifact_close(struct artifact_store *s);
const char *artifact_backend(const struct artifact_store *s); /* "local" | "minio" */
/* Can it be written to? Local: folder exists or can be made, is writable. minio: bucket reachable
 * (and created when `create`), credentials accepted. */
int artifact_probe(struct artifact_store *s, int create, struct err *err);
/* Free bytes for a local store; ERR_UNSUPPORTED for minio. */
int artifact_free_bytes(struct artifact_store *s, uint64_t *bytes);

/* URI of a key: "file://" + absolute path, or "s3://{bucket}/{key}"; malloc'ed. */
char *artifact_uri(const struct artifact_store *s, const char *key);
int artifact_exists(struct artifact_store *s, const char *key,
		    struct err *err); /* 1, 0, negative */

/* Stores a local file under a key. ERR_EXISTS if the key is taken. Local: copy by write-aside (or
 * hard link when on one file system), fsync, rename. minio: one PUT up to 64 MiB, multipart above;
 * payload SHA-256 signed; ETag or size verified after; retries with back-off on 5xx, 429 and broken
 * connections; an unfinished multipart upload is aborted. `progress` gets bytes newly stored. */
int artifact_put(struct artifact_store *s, const char *key, const char *file,
		 void (*progress)(void *ctx, uint64_t bytes), void *ctx, struct err *err);
int artifact_remove(struct artifact_store *s, const char *key, struct err *err);
/* Fetches a key into a local file (write-aside). ERR_NOTFOUND if it does not exist. */
int artifact_get(struct artifact_store *s, const char *key, const char *file, struct err *err);

#endif
