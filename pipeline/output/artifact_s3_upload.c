/* Uploads to S3: see artifact_s3_upload.h. One request up to 64 MiB, parts above. A try that broke
 * off may have been carried out by the server; when a repeated one is then told that the key is
 * taken (or the upload gone), the object's size and ETag decide whether it is ours. */
#ifdef HAVE_CURL

#include "pipeline/output/artifact_s3_upload.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "pipeline/core/cancel.h"
#include "pipeline/core/digest.h"
#include "pipeline/output/artifact_s3_xml.h"

#define MIB              ((uint64_t)1 << 20)
#define SINGLE_MAX_BYTES (64 * MIB)
#define PART_BYTES       (16 * MIB)
#define PARTS_MAX        ((uint64_t)10000) /* limits of Amazon S3, user guide "Multipart upload" */
#define PART_MAX_BYTES   (5120 * MIB)
#define UPLOAD_ID_MAX    2048

uint64_t s3_part_bytes(uint64_t size)
{
	uint64_t part = PART_BYTES;

	if (size / PART_BYTES >= PARTS_MAX)
		part = (size / PARTS_MAX / MIB + 1) * MIB;
	return part <= PART_MAX_BYTES ? part : 0;
}

int s3_head(struct s3_http *h, const char *key, struct s3_response *out, struct err *err)
{
	struct s3_request r = {.method = "HEAD", .key = key};
	int rc = s3_http_request(h, &r, out, err);

	if (rc != 0)
		return rc;
	if (out->status == 404)
		return 0;
	if (out->status >= 200 && out->status < 300)
		return 1;
	if (out->status == 403 || out->status == 400) {
		/* The answer to HEAD has no body: a listing of nothing tells the reason. */
		struct s3_request list = {.method = "GET", .query = "max-keys=0"};
		struct s3_response why;

		if (s3_http_request(h, &list, &why, err) == 0 && why.status >= 300) {
			memcpy(out->code, why.code, sizeof out->code);
			memcpy(out->message, why.message, sizeof out->message);
		}
		s3_response_release(&why);
	}
	return s3_http_refused(h, out, "look at", key, err);
}

int s3_delete(struct s3_http *h, const char *key, struct err *err)
{
	/* Mostly a run that failed or was stopped takes back what it put there. */
	struct s3_request r = {.method = "DELETE", .key = key, .last_wish = 1};
	struct s3_response out;
	int rc = s3_http_request(h, &r, &out, err);

	if (rc == 0 && out.status != 404 && (out.status < 200 || out.status >= 300))
		rc = s3_http_refused(h, &out, "remove", key, err);
	s3_response_release(&out);
	return rc;
}

static int is_hex_digest(const char *text, size_t n)
{
	return strspn(text, "0123456789abcdefABCDEF") == n && n == MD5_HEX - 1;
}

/* Does the ETag speak against these being our bytes? An ETag is the MD5 of a plain object, the MD5
 * of the parts' MD5s and their number of a multipart one, and anything else with encryption or on
 * other servers; only a form that must match can contradict. */
static int contradicts(const struct s3_response *head, const char *etag)
{
	const char *dash = strchr(etag, '-'), *theirs = strchr(head->etag, '-');

	if (!head->etag_is_digest || !dash != !theirs)
		return 0;
	if (!is_hex_digest(head->etag, theirs ? (size_t)(theirs - head->etag) : strlen(head->etag)))
		return 0;
	return strcasecmp(head->etag, etag) != 0;
}

static int is_ours(const struct s3_response *head, const struct s3_upload *u, const char *etag)
{
	return head->length == (int64_t)u->size && !contradicts(head, etag);
}

/* After a success: what the server now shows must be our bytes. */
static int verify(const struct s3_upload *u, const char *etag, struct err *err)
{
	struct s3_response head;
	int rc = s3_head(u->http, u->key, &head, err);

	if (rc == 0)
		rc = err_set(err, ERR_NETWORK, "artifact '%s' was accepted by %s but is not there",
			     u->key, u->http->host);
	else if (rc == 1 && is_ours(&head, u, etag))
		rc = 0;
	else if (rc == 1) {
		rc = err_set(err, ERR_NETWORK,
			     "artifact '%s' at %s has %lld bytes and ETag %s instead of %llu bytes "
			     "and %s; it was removed, try again",
			     u->key, u->http->host, (long long)head.length, head.etag,
			     (unsigned long long)u->size, etag);
		s3_delete(u->http, u->key, NULL);
	}
	s3_response_release(&head);
	return rc;
}

/* The server says that the key is taken (or the upload gone). By us, in a try that broke off? */
static int taken(const struct s3_upload *u, const struct s3_response *answer, const char *etag,
		 struct err *err)
{
	struct s3_response head;
	int rc;

	if (answer->repeated) {
		rc = s3_head(u->http, u->key, &head, err);
		if (rc == 1 && is_ours(&head, u, etag)) {
			s3_response_release(&head);
			return 0;
		}
		s3_response_release(&head);
		if (rc < 0)
			return rc;
	}
	return err_set(err, ERR_EXISTS,
		       "artifact 's3://%s/%s' exists already; nothing is overwritten",
		       u->http->bucket, u->key);
}

/* Sends a request that may only make a new object. Servers that do not know the condition get it
 * without; the earlier look for the key must do there. */
static int request_new(const struct s3_upload *u, struct s3_request *r, struct s3_response *out,
		       struct err *err)
{
	int rc = s3_http_request(u->http, r, out, err);

	if (rc == 0 && out->status == 501 && !u->http->no_conditions) {
		s3_response_release(out);
		u->http->no_conditions = 1;
		rc = s3_http_request(u->http, r, out, err);
	}
	return rc;
}

static int read_at(const struct s3_upload *u, unsigned char *to, size_t n, uint64_t offset,
		   struct err *err)
{
	while (n > 0) {
		ssize_t got = pread(u->fd, to, n, (off_t)offset);

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return err_sys(err, ERR_IO, "cannot read '%s'", u->file);
		if (got == 0)
			return err_set(err, ERR_IO, "'%s' became shorter while it was stored",
				       u->file);
		to += got;
		n -= (size_t)got;
		offset += (uint64_t)got;
	}
	return 0;
}

static void report(const struct s3_upload *u, uint64_t bytes)
{
	if (u->progress)
		u->progress(u->progress_ctx, bytes);
}

/* ---- one request ---- */

static int put_whole(const struct s3_upload *u, const unsigned char *bytes, struct err *err)
{
	struct s3_request r = {.method = "PUT",
			       .key = u->key,
			       .body = bytes,
			       .body_bytes = (size_t)u->size,
			       .only_if_new = 1};
	struct s3_response out;
	char etag[MD5_HEX];
	int rc = md5_hex(bytes, (size_t)u->size, etag);

	if (rc != 0)
		return err_set(err, rc, "cannot compute the MD5 of '%s'", u->file);
	rc = request_new(u, &r, &out, err);
	if (rc == 0 && out.status == 412)
		rc = taken(u, &out, etag, err);
	else if (rc == 0 && (out.status < 200 || out.status >= 300))
		rc = s3_http_refused(u->http, &out, "store", u->key, err);
	s3_response_release(&out);
	if (rc == 0)
		rc = verify(u, etag, err);
	if (rc == 0)
		report(u, u->size);
	return rc;
}

static int upload_whole(const struct s3_upload *u, struct err *err)
{
	unsigned char *bytes = malloc(u->size ? (size_t)u->size : 1);
	int rc;

	if (!bytes)
		return err_nomem(err, u->file);
	rc = read_at(u, bytes, (size_t)u->size, 0, err);
	if (rc == 0)
		rc = put_whole(u, bytes, err);
	free(bytes);
	return rc;
}

/* ---- parts ---- */

struct parts {
	const struct s3_upload *u;
	struct buf id;        /* upload id, encoded for a query */
	unsigned char *bytes; /* owned, part_bytes */
	uint64_t part_bytes, count;
	struct buf etags;   /* count x S3_ETAG_TEXT: what the server calls the parts */
	struct buf digests; /* count x 16: their MD5s */
};

static int start(struct parts *p, struct err *err)
{
	struct s3_request r = {.method = "POST", .key = p->u->key, .query = "uploads="};
	struct s3_response out;
	char id[UPLOAD_ID_MAX];
	int rc = s3_http_request(p->u->http, &r, &out, err);

	if (rc == 0 && (out.status < 200 || out.status >= 300)) {
		rc = s3_http_refused(p->u->http, &out, "store", p->u->key, err);
	} else if (rc == 0) {
		if (s3xml_text(buf_str(&out.body), out.body.len, "UploadId", id, sizeof id) != 1 ||
		    !id[0])
			rc = err_set(err, ERR_NETWORK,
				     "artifact store at %s: no usable UploadId in its answer",
				     p->u->http->host);
		else
			s3_encode(&p->id, id, 0);
	}
	s3_response_release(&out);
	return rc == 0 && buf_failed(&p->id) ? err_nomem(err, "an upload id") : rc;
}

static int from_hex(char c)
{
	return c <= '9' ? c - '0' : c - 'a' + 10;
}

/* Keeps what the server calls the part, and the digest that the whole's ETag is made of. */
static int note_part(struct parts *p, const struct s3_response *out, const char md5[MD5_HEX])
{
	unsigned char digest[16];
	size_t i;

	for (i = 0; i < sizeof digest; i++)
		digest[i] = (unsigned char)(from_hex(md5[2 * i]) << 4 | from_hex(md5[2 * i + 1]));
	buf_put(&p->digests, digest, sizeof digest);
	buf_put(&p->etags, out->etag, sizeof out->etag);
	return buf_failed(&p->digests) || buf_failed(&p->etags) ? ERR_NOMEM : 0;
}

static int send_part(struct parts *p, uint64_t number, struct err *err)
{
	uint64_t offset = (number - 1) * p->part_bytes, left = p->u->size - offset;
	struct s3_request r = {.method = "PUT", .key = p->u->key, .body = p->bytes};
	struct s3_response out;
	struct buf query = BUF_INIT;
	char md5[MD5_HEX];
	int rc;

	r.body_bytes = (size_t)(left < p->part_bytes ? left : p->part_bytes);
	rc = read_at(p->u, p->bytes, r.body_bytes, offset, err);
	if (rc != 0)
		return rc;
	buf_printf(&query, "partNumber=%llu&uploadId=%s", (unsigned long long)number,
		   buf_str(&p->id));
	if (buf_failed(&query) || md5_hex(p->bytes, r.body_bytes, md5) != 0) {
		buf_release(&query);
		return err_nomem(err, "an upload");
	}
	r.query = buf_str(&query);
	rc = s3_http_request(p->u->http, &r, &out, err);
	if (rc == 0 && (out.status < 200 || out.status >= 300))
		rc = s3_http_refused(p->u->http, &out, "store a part of", p->u->key, err);
	else if (rc == 0 && !out.etag[0])
		rc = err_set(err, ERR_NETWORK, "artifact store at %s: a part has no ETag",
			     p->u->http->host);
	else if (rc == 0 && contradicts(&out, md5))
		rc = err_set(err, ERR_NETWORK,
			     "artifact store at %s got other bytes for part %llu of '%s' than were "
			     "sent; try again",
			     p->u->http->host, (unsigned long long)number, p->u->key);
	else if (rc == 0 && note_part(p, &out, md5) != 0)
		rc = err_nomem(err, "an upload");
	if (rc == 0)
		report(p->u, r.body_bytes);
	s3_response_release(&out);
	buf_release(&query);
	return rc;
}

static int format_completion(struct parts *p, struct buf *xml)
{
	uint64_t i;

	buf_puts(xml, "<CompleteMultipartUpload>");
	for (i = 0; i < p->count; i++) {
		const char *c = p->etags.data + i * S3_ETAG_TEXT;

		buf_printf(xml, "<Part><PartNumber>%llu</PartNumber><ETag>&quot;",
			   (unsigned long long)i + 1);
		for (; *c; c++) {
			if (*c == '<' || *c == '&' || *c == '>' || *c == '"')
				buf_printf(xml, "&#%d;", *c);
			else
				buf_putc(xml, *c);
		}
		buf_puts(xml, "&quot;</ETag></Part>");
	}
	return buf_puts(xml, "</CompleteMultipartUpload>");
}

/* ETag of the whole, as Amazon S3 forms it. */
static int whole_etag(const struct parts *p, char out[MD5_HEX + 24])
{
	char md5[MD5_HEX];
	int rc = md5_hex(p->digests.data, p->digests.len, md5);

	snprintf(out, MD5_HEX + 24, "%s-%llu", md5, (unsigned long long)p->count);
	return rc;
}

static int complete(struct parts *p, struct err *err)
{
	struct buf xml = BUF_INIT, query = BUF_INIT;
	struct s3_request r = {
		.method = "POST", .key = p->u->key, .only_if_new = 1, .slow_answer = 1};
	struct s3_response out = {.body = BUF_INIT};
	char etag[MD5_HEX + 24];
	int rc = whole_etag(p, etag);

	buf_printf(&query, "uploadId=%s", buf_str(&p->id));
	if (rc != 0 || format_completion(p, &xml) != 0 || buf_failed(&query)) {
		rc = err_nomem(err, "an upload");
	} else {
		r.query = buf_str(&query);
		r.body = xml.data;
		r.body_bytes = xml.len;
		rc = request_new(p->u, &r, &out, err);
	}
	if (rc == 0 && (out.status == 412 || (out.status == 404 && out.repeated)))
		rc = taken(p->u, &out, etag, err);
	else if (rc == 0 && (out.status < 200 || out.status >= 300))
		rc = s3_http_refused(p->u->http, &out, "complete", p->u->key, err);
	s3_response_release(&out);
	buf_release(&xml);
	buf_release(&query);
	return rc == 0 ? verify(p->u, etag, err) : rc;
}

/* Parts of an unfinished upload cost room until they are removed. What could not be removed is said
 * beside the failure that led here. */
static void abandon(struct parts *p, struct err *err)
{
	struct buf query = BUF_INIT;
	struct s3_request r = {.method = "DELETE", .key = p->u->key, .last_wish = 1};
	struct s3_response out = {.body = BUF_INIT};
	int rc;

	buf_printf(&query, "uploadId=%s", buf_str(&p->id));
	r.query = buf_str(&query);
	rc = buf_failed(&query) ? ERR_NOMEM : s3_http_request(p->u->http, &r, &out, NULL);
	if (err && (rc != 0 || (out.status != 404 && (out.status < 200 || out.status >= 300)))) {
		size_t n = strlen(err->text);

		snprintf(err->text + n, sizeof err->text - n,
			 "; parts of the unfinished upload may remain in the bucket");
	}
	s3_response_release(&out);
	buf_release(&query);
}

static int upload_parts(const struct s3_upload *u, struct err *err)
{
	struct parts p = {.u = u, .id = BUF_INIT, .etags = BUF_INIT, .digests = BUF_INIT};
	uint64_t i;
	int rc;

	p.part_bytes = s3_part_bytes(u->size);
	if (!p.part_bytes)
		return err_set(err, ERR_LIMIT, "'%s' is too large for an S3 object", u->file);
	p.count = (u->size + p.part_bytes - 1) / p.part_bytes;
	p.bytes = malloc((size_t)p.part_bytes);
	if (!p.bytes)
		return err_nomem(err, u->file);
	rc = start(&p, err);
	if (rc == 0) {
		for (i = 1; rc == 0 && i <= p.count; i++) {
			rc = cancel_check(err);
			if (rc == 0)
				rc = send_part(&p, i, err);
		}
		if (rc == 0)
			rc = complete(&p, err);
		if (rc != 0)
			abandon(&p, err);
	}
	free(p.bytes);
	buf_release(&p.id);
	buf_release(&p.etags);
	buf_release(&p.digests);
	return rc;
}

int s3_upload(const struct s3_upload *u, struct err *err)
{
	return u->size <= SINGLE_MAX_BYTES ? upload_whole(u, err) : upload_parts(u, err);
}

#endif
