/* Private to the S3 backend: getting a file's bytes under a key, in one request or in parts. */
#ifndef OUTPUT_ARTIFACT_S3_UPLOAD_H
#define OUTPUT_ARTIFACT_S3_UPLOAD_H

#ifdef HAVE_CURL

#include <stdint.h>

#include "pipeline/output/artifact_internal.h"
#include "pipeline/output/artifact_s3_http.h"

struct s3_upload {
	struct s3_http *http;
	const char *key;
	const char *file; /* its name, for messages */
	int fd;
	uint64_t size;
	artifact_progress *progress; /* NULL: none */
	void *progress_ctx;
};

/* 0: an object of these bytes is there and was made by this call. ERR_EXISTS: the key is taken. On
 * failure nothing is under the key unless someone else put it there, and parts are removed as far
 * as the server can be reached. ERR_NOTFOUND: there is no such bucket. */
int s3_upload(const struct s3_upload *u, struct err *err);

/* HEAD of a key: 1 and `out` filled, 0 not there, negative failure. */
int s3_head(struct s3_http *h, const char *key, struct s3_response *out, struct err *err);
int s3_delete(struct s3_http *h, const char *key, struct err *err);

/* Bytes of each part of a multipart upload of `size` bytes; 0: too large for S3. */
uint64_t s3_part_bytes(uint64_t size);

#endif
#endif
