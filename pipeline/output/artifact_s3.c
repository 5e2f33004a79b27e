/* Artifact store in an S3 bucket (Amazon S3, MinIO and others that speak its REST API), path-style.
 * Requests are made by artifact_s3_http.c, uploads by artifact_s3_upload.c. */
#ifdef HAVE_CURL

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "pipeline/core/fsio.h"
#include "pipeline/output/artifact_internal.h"
#include "pipeline/output/artifact_s3_http.h"
#include "pipeline/output/artifact_s3_upload.h"

int artifact_s3_open(void **out, const struct artifact_config *config, struct err *err)
{
	struct s3_http *h = malloc(sizeof *h);
	int rc;

	if (!h)
		return err_nomem(err, "the artifact store");
	rc = s3_http_init(h, config, err);
	if (rc != 0) {
		free(h);
		return rc;
	}
	*out = h;
	return 0;
}

static void s3_close(void *self)
{
	s3_http_release(self);
	free(self);
}

/* us-east-1 must not be named (Amazon S3 API reference, CreateBucket). */
static int create_bucket(struct s3_http *h, struct err *err)
{
	struct buf xml = BUF_INIT;
	struct s3_request r = {.method = "PUT"};
	struct s3_response out = {.body = BUF_INIT};
	int rc;

	if (strcmp(h->region, "us-east-1") != 0) {
		buf_printf(&xml,
			   "<CreateBucketConfiguration><LocationConstraint>%s</LocationConstraint>"
			   "</CreateBucketConfiguration>",
			   h->region);
		r.body = xml.data;
		r.body_bytes = xml.len;
	}
	rc = buf_failed(&xml) ? err_nomem(err, "a request") : s3_http_request(h, &r, &out, err);
	/* Someone was faster, or an earlier try of ours was carried out. */
	if (rc == 0 && (out.status < 200 || out.status >= 300) &&
	    strcmp(out.code, "BucketAlreadyOwnedByYou") != 0)
		rc = s3_http_refused(h, &out, "make bucket", NULL, err);
	s3_response_release(&out);
	buf_release(&xml);
	return rc;
}

/* Preflight asks for an answer in seconds: fewer repetitions and less patience than an upload. */
#define PROBE_RETRY_S 5u
#define PROBE_STALL_S 10u

static int probe_bucket(struct s3_http *h, int create, struct err *err)
{
	struct s3_response out;
	int rc = s3_head(h, NULL, &out, err);

	s3_response_release(&out);
	if (rc != 0)
		return rc < 0 ? rc : 0;
	if (create)
		return create_bucket(h, err);
	return 0; /* it will be made by the first put */
}

static int s3_probe(void *self, int create, struct err *err)
{
	struct s3_http *h = self;
	unsigned retry_s = h->retry_s, stall_s = h->stall_s;
	int rc;

	h->retry_s = retry_s < PROBE_RETRY_S ? retry_s : PROBE_RETRY_S;
	h->stall_s = stall_s < PROBE_STALL_S ? stall_s : PROBE_STALL_S;
	rc = probe_bucket(h, create, err);
	h->retry_s = retry_s;
	h->stall_s = stall_s;
	return rc;
}

static int s3_free_bytes(void *self, uint64_t *bytes)
{
	(void)self;
	(void)bytes;
	return ERR_UNSUPPORTED;
}

static char *s3_uri(const void *self, const char *key)
{
	const struct s3_http *h = self;
	struct buf b = BUF_INIT;

	buf_printf(&b, "s3://%s/%s", h->bucket, key);
	if (buf_failed(&b))
		buf_release(&b);
	return buf_steal(&b, NULL);
}

static int s3_exists(void *self, const char *key, struct err *err)
{
	struct s3_response out;
	int rc = s3_head(self, key, &out, err);

	s3_response_release(&out);
	return rc;
}

static int put_open(struct s3_upload *u, struct err *err)
{
	int rc = s3_exists(u->http, u->key, err);

	if (rc == 1)
		return err_set(err, ERR_EXISTS,
			       "artifact 's3://%s/%s' exists already; nothing is overwritten",
			       u->http->bucket, u->key);
	if (rc == 0)
		rc = s3_upload(u, err);
	if (rc != ERR_NOTFOUND)
		return rc;
	rc = create_bucket(u->http, err);
	return rc == 0 ? s3_upload(u, err) : rc;
}

static int s3_put(void *self, const char *key, const char *file, artifact_progress *progress,
		  void *ctx, struct err *err)
{
	struct s3_upload u = {self, key, file, -1, 0, progress, ctx};
	struct stat st;
	int rc;

	u.fd = open(file, O_RDONLY | O_CLOEXEC);
	if (u.fd < 0)
		return err_sys(err, errno == ENOENT ? ERR_NOTFOUND : ERR_IO, "cannot open '%s'",
			       file);
	if (fstat(u.fd, &st) != 0 || !S_ISREG(st.st_mode)) {
		rc = err_set(err, ERR_ARG, "'%s' is not a plain file", file);
	} else {
		u.size = (uint64_t)st.st_size;
		rc = put_open(&u, err);
	}
	close(u.fd);
	return rc;
}

static int s3_remove(void *self, const char *key, struct err *err)
{
	return s3_delete(self, key, err);
}

/* ---- fetching ---- */

struct fetch {
	struct fsio_out out;
	const char *file;
	int open;
	uint64_t bytes;
};

static int fetch_begin(void *ctx, struct err *err)
{
	struct fetch *f = ctx;
	int rc;

	if (f->open)
		fsio_abort(&f->out);
	f->bytes = 0;
	rc = fsio_create(&f->out, f->file, err);
	f->open = rc == 0;
	return rc;
}

static int fetch_write(void *ctx, const void *bytes, size_t n, struct err *err)
{
	struct fetch *f = ctx;

	f->bytes += n;
	return fsio_write(&f->out, bytes, n, err);
}

static int s3_get(void *self, const char *key, const char *file, struct err *err)
{
	struct fetch f = {.file = file};
	struct s3_sink sink = {fetch_begin, fetch_write, &f};
	struct s3_request r = {.method = "GET", .key = key, .sink = &sink};
	struct s3_response out;
	int rc = s3_http_request(self, &r, &out, err);

	if (rc == 0 && (out.status < 200 || out.status >= 300))
		rc = s3_http_refused(self, &out, "fetch", key, err);
	else if (rc == 0 && out.length >= 0 && (uint64_t)out.length != f.bytes)
		rc = err_set(err, ERR_NETWORK, "artifact '%s': %llu of %lld bytes came", key,
			     (unsigned long long)f.bytes, (long long)out.length);
	s3_response_release(&out);
	if (rc == 0)
		return fsio_commit(&f.out, err);
	if (f.open)
		fsio_abort(&f.out);
	return rc;
}

const struct artifact_ops artifact_s3_ops = {
	.name = "minio",
	.close = s3_close,
	.probe = s3_probe,
	.free_bytes = s3_free_bytes,
	.uri = s3_uri,
	.exists = s3_exists,
	.put = s3_put,
	.remove = s3_remove,
	.get = s3_get,
};

#endif
