/* Signed S3 requests: see artifact_s3_http.h. libcurl signs (AWS Signature Version 4); it takes the
 * payload digest from the header x-amz-content-sha256 since 7.87 and cannot know it otherwise, so
 * it is always computed here from the body at hand. libcurl signs path and query as they stand in
 * the URL; that is why they are encoded, complete ("uploads=") and sorted here. */
#ifdef HAVE_CURL

#include "pipeline/output/artifact_s3_http.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#include "pipeline/core/cancel.h"
#include "pipeline/core/digest.h"
#include "pipeline/output/artifact_s3_xml.h"
#include "prof/base/clock.h"
#include "prof/base/hash.h"

#define CONNECT_SECONDS   10L
#define DEFAULT_STALL_S   60u  /* no byte in either direction for so long: broken */
#define DEFAULT_RETRY_S   120u /* from the first failure of a request */
#define LAST_WISH_S       10u
#define SLOW_ANSWER_TIMES 5u
#define FIRST_PAUSE_MS    200u
#define MAX_PAUSE_MS      10000u
#define MAX_ANSWER_BYTES  ((size_t)1 << 20)

/* ---- set-up ---- */

static pthread_once_t curl_once = PTHREAD_ONCE_INIT;
static CURLcode curl_ready;

static void start_curl(void)
{
	curl_ready = curl_global_init(CURL_GLOBAL_DEFAULT);
}

static int plain_host(const char *host)
{
	return *host && !host[strcspn(host, "/@?# \t\r\n\\\"'<>%")];
}

/* "host[:port]" or "http(s)://host[:port][/]" into base and host. */
static int set_endpoint(struct s3_http *h, const struct artifact_config *c, struct err *err)
{
	const char *at = c->endpoint;
	const char *scheme = c->secure ? "https://" : "http://";
	size_t len;

	if (strncasecmp(at, "http://", 7) == 0) {
		scheme = "http://";
		at += 7;
	} else if (strncasecmp(at, "https://", 8) == 0) {
		scheme = "https://";
		at += 8;
	}
	len = strlen(at);
	while (len > 0 && at[len - 1] == '/')
		len--;
	h->host = strndup(at, len);
	if (!h->host)
		return err_nomem(err, "the artifact store");
	if (!plain_host(h->host))
		return err_set(
			err, ERR_ARG,
			"PROTEA_MINIO_ENDPOINT: '%s' is not host[:port] or http(s)://host[:port]",
			strchr(at, '@') ? "(hidden)" : c->endpoint);
	if (asprintf(&h->base, "%s%s", scheme, h->host) < 0) {
		h->base = NULL;
		return err_nomem(err, "the artifact store");
	}
	return 0;
}

/* Only names that need no encoding: the bucket is part of every path. */
static int check_name(const char *name, const char *what, size_t min, size_t max, struct err *err)
{
	size_t len = strlen(name), i;

	for (i = 0; i < len; i++)
		if (!(name[i] >= 'a' && name[i] <= 'z') && !(name[i] >= 'A' && name[i] <= 'Z') &&
		    !(name[i] >= '0' && name[i] <= '9') && !strchr(".-_", name[i]))
			break;
	if (i < len || len < min || len > max)
		return err_set(
			err, ERR_ARG,
			"%s '%s' is not a valid name: %zu to %zu letters, digits, '.', '-', '_'",
			what, name, min, max);
	return 0;
}

static int set_texts(struct s3_http *h, const struct artifact_config *c, struct err *err)
{
	const char *bucket = c->bucket && *c->bucket ? c->bucket : "protea";
	const char *region = c->region && *c->region ? c->region : "us-east-1";
	int rc = check_name(bucket, "PROTEA_MINIO_BUCKET", 3, 63, err);

	if (rc == 0)
		rc = check_name(region, "region", 1, 64, err);
	if (rc != 0)
		return rc;
	h->bucket = strdup(bucket);
	h->region = strdup(region);
	h->access_key = strdup(c->access_key);
	h->secret_key = strdup(c->secret_key);
	if (asprintf(&h->sigv4, "aws:amz:%s:s3", region) < 0)
		h->sigv4 = NULL;
	if (!h->bucket || !h->region || !h->access_key || !h->secret_key || !h->sigv4)
		return err_nomem(err, "the artifact store");
	return 0;
}

int s3_http_init(struct s3_http *h, const struct artifact_config *config, struct err *err)
{
	int rc;

	*h = (struct s3_http){.retry_s = config->retry_s ? config->retry_s : DEFAULT_RETRY_S,
			      .stall_s = config->stall_s ? config->stall_s : DEFAULT_STALL_S};
	rc = set_endpoint(h, config, err);
	if (rc == 0)
		rc = set_texts(h, config, err);
	if (rc == 0) {
		pthread_once(&curl_once, start_curl);
		h->curl = curl_ready == CURLE_OK ? curl_easy_init() : NULL;
		if (!h->curl)
			rc = err_nomem(err, "the HTTP client of the artifact store");
	}
	if (rc != 0)
		s3_http_release(h);
	return rc;
}

void s3_http_release(struct s3_http *h)
{
	if (h->curl)
		curl_easy_cleanup(h->curl);
	free(h->base);
	free(h->host);
	free(h->bucket);
	free(h->access_key);
	if (h->secret_key)
		explicit_bzero(h->secret_key, strlen(h->secret_key));
	free(h->secret_key);
	free(h->sigv4);
	free(h->region);
	*h = (struct s3_http){0};
}

void s3_response_release(struct s3_response *r)
{
	buf_release(&r->body);
}

void s3_encode(struct buf *out, const char *text, int keep_slash)
{
	for (; *text; text++) {
		unsigned char c = (unsigned char)*text;

		if ((c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') ||
		    c == '-' || c == '.' || c == '_' || c == '~' || (c == '/' && keep_slash))
			buf_putc(out, (char)c);
		else
			buf_printf(out, "%%%02X", c);
	}
}

/* ---- one try ---- */

struct
try {
	const struct s3_request *r;
	struct s3_response *out;
	CURL *curl;
	size_t sent;     /* bytes of the body handed to curl */
	struct err *err; /* of the sink */
	int sink_code;   /* its failure */
	char text[CURL_ERROR_SIZE];
};

static size_t give_body(char *to, size_t size, size_t n, void *ctx)
{
	struct try *t = ctx;
	size_t left = t->r->body_bytes - t->sent, take = size * n < left ? size * n : left;

	if (take)
		memcpy(to, (const char *)t->r->body + t->sent, take);
	t->sent += take;
	return take;
}

static int seek_body(void *ctx, curl_off_t offset, int origin)
{
	struct try *t = ctx;

	if (origin != SEEK_SET || offset < 0 || (uint64_t)offset > t->r->body_bytes)
		return CURL_SEEKFUNC_CANTSEEK;
	t->sent = (size_t)offset;
	return CURL_SEEKFUNC_OK;
}

static size_t take_body(char *bytes, size_t size, size_t n, void *ctx)
{
	struct try *t = ctx;
	long status = 0;

	curl_easy_getinfo(t->curl, CURLINFO_RESPONSE_CODE, &status);
	if (t->r->sink && status >= 200 && status < 300) {
		t->sink_code = t->r->sink->write(t->r->sink->ctx, bytes, size * n, t->err);
		return t->sink_code == 0 ? size * n : 0;
	}
	/* What exceeds the limit is read and dropped: the start says what is wrong. */
	if (t->out->body.len + size * n <= MAX_ANSWER_BYTES)
		buf_put(&t->out->body, bytes, size * n);
	return buf_failed(&t->out->body) == ERR_NOMEM ? 0 : size * n;
}

/* The value of header `name`, trimmed; 0 if the line is another header. */
static int header_value(const char *line, size_t n, const char *name, char *out, size_t size)
{
	size_t len = strlen(name);

	if (n <= len || strncasecmp(line, name, len) != 0 || line[len] != ':')
		return 0;
	line += len + 1;
	n -= len + 1;
	while (n > 0 && (*line == ' ' || *line == '\t' || *line == '"')) {
		line++;
		n--;
	}
	while (n > 0 && strchr(" \t\r\n\"", line[n - 1]))
		n--;
	if (n >= size)
		n = size - 1;
	memcpy(out, line, n);
	out[n] = '\0';
	return 1;
}

static size_t take_header(char *line, size_t size, size_t n, void *ctx)
{
	struct try *t = ctx;
	char text[S3_ETAG_TEXT];

	if (header_value(line, size * n, "etag", text, sizeof text))
		memcpy(t->out->etag, text, sizeof text);
	else if (header_value(line, size * n, "retry-after", text, sizeof text))
		t->out->retry_after_s = strtol(text, NULL, 10);
	else if (header_value(line, size * n, "x-amz-server-side-encryption", text, sizeof text))
		t->out->etag_is_digest = t->out->etag_is_digest && strcmp(text, "AES256") == 0;
	else if (header_value(line, size * n, "x-amz-server-side-encryption-customer-algorithm",
			      text, sizeof text))
		t->out->etag_is_digest = 0;
	return size * n;
}

static int stop_on_cancel(void *ctx, curl_off_t dl_total, curl_off_t dl, curl_off_t ul_total,
			  curl_off_t ul)
{
	const struct try *t = ctx;

	(void)dl_total;
	(void)dl;
	(void)ul_total;
	(void)ul;
	return !t->r->last_wish && cancel_requested();
}

static char *make_url(const struct s3_http *h, const struct s3_request *r)
{
	struct buf url = BUF_INIT;

	buf_printf(&url, "%s/%s", h->base, h->bucket);
	if (r->key) {
		buf_putc(&url, '/');
		s3_encode(&url, r->key, 1);
	}
	if (r->query)
		buf_printf(&url, "?%s", r->query);
	if (buf_failed(&url))
		buf_release(&url);
	return buf_steal(&url, NULL);
}

static int add_header(struct curl_slist **list, const char *text)
{
	struct curl_slist *longer = curl_slist_append(*list, text);

	if (!longer)
		return ERR_NOMEM;
	*list = longer;
	return 0;
}

/* Headers that are signed with the request. */
static int make_headers(const struct s3_http *h, const struct s3_request *r,
			struct curl_slist **list)
{
	char digest[SHA256_HEX], line[SHA256_HEX + 32];
	int rc = sha256_hex(r->body ? r->body : "", r->body_bytes, digest);

	snprintf(line, sizeof line, "x-amz-content-sha256: %s", digest);
	if (rc == 0)
		rc = add_header(list, line);
	if (rc == 0 && r->method[0] == 'P') /* POST and PUT: becomes the object's type */
		rc = add_header(list, "Content-Type: application/octet-stream");
	if (rc == 0 && r->only_if_new && !h->no_conditions)
		rc = add_header(list, "If-None-Match: *");
	return rc;
}

static CURLcode set_method(CURL *c, const struct s3_request *r, struct try *t)
{
	CURLcode rc = CURLE_OK;

	if (strcmp(r->method, "HEAD") == 0)
		return curl_easy_setopt(c, CURLOPT_NOBODY, 1L);
	if (strcmp(r->method, "PUT") == 0) {
		rc |= curl_easy_setopt(c, CURLOPT_UPLOAD, 1L);
		rc |= curl_easy_setopt(c, CURLOPT_READFUNCTION, give_body);
		rc |= curl_easy_setopt(c, CURLOPT_READDATA, t);
		rc |= curl_easy_setopt(c, CURLOPT_SEEKFUNCTION, seek_body);
		rc |= curl_easy_setopt(c, CURLOPT_SEEKDATA, t);
		rc |= curl_easy_setopt(c, CURLOPT_INFILESIZE_LARGE, (curl_off_t)r->body_bytes);
	} else if (strcmp(r->method, "POST") == 0) {
		rc |= curl_easy_setopt(c, CURLOPT_POST, 1L);
		rc |= curl_easy_setopt(c, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)r->body_bytes);
		rc |= curl_easy_setopt(c, CURLOPT_POSTFIELDS, r->body ? r->body : "");
	} else if (strcmp(r->method, "DELETE") == 0) {
		rc |= curl_easy_setopt(c, CURLOPT_CUSTOMREQUEST, "DELETE");
	}
	return rc;
}

static CURLcode set_options(const struct s3_http *h, struct try *t, const char *url,
			    struct curl_slist *headers)
{
	CURL *c = h->curl;
	unsigned stall = t->r->last_wish     ? LAST_WISH_S
			 : t->r->slow_answer ? h->stall_s * SLOW_ANSWER_TIMES
					     : h->stall_s;
	CURLcode rc = CURLE_OK;

	curl_easy_reset(c);
	rc |= curl_easy_setopt(c, CURLOPT_URL, url);
	rc |= curl_easy_setopt(c, CURLOPT_PROTOCOLS_STR, "http,https");
	rc |= curl_easy_setopt(c, CURLOPT_PATH_AS_IS, 1L);
	rc |= curl_easy_setopt(c, CURLOPT_NOSIGNAL, 1L);
	rc |= curl_easy_setopt(c, CURLOPT_AWS_SIGV4, h->sigv4);
	rc |= curl_easy_setopt(c, CURLOPT_USERNAME, h->access_key);
	rc |= curl_easy_setopt(c, CURLOPT_PASSWORD, h->secret_key);
	rc |= curl_easy_setopt(c, CURLOPT_HTTPHEADER, headers);
	rc |= curl_easy_setopt(c, CURLOPT_CONNECTTIMEOUT, CONNECT_SECONDS);
	rc |= curl_easy_setopt(c, CURLOPT_LOW_SPEED_LIMIT, 1L);
	rc |= curl_easy_setopt(c, CURLOPT_LOW_SPEED_TIME, (long)stall);
	rc |= curl_easy_setopt(c, CURLOPT_ERRORBUFFER, t->text);
	rc |= curl_easy_setopt(c, CURLOPT_WRITEFUNCTION, take_body);
	rc |= curl_easy_setopt(c, CURLOPT_WRITEDATA, t);
	rc |= curl_easy_setopt(c, CURLOPT_HEADERFUNCTION, take_header);
	rc |= curl_easy_setopt(c, CURLOPT_HEADERDATA, t);
	rc |= curl_easy_setopt(c, CURLOPT_NOPROGRESS, 0L);
	rc |= curl_easy_setopt(c, CURLOPT_XFERINFOFUNCTION, stop_on_cancel);
	rc |= curl_easy_setopt(c, CURLOPT_XFERINFODATA, t);
	return rc | set_method(c, t->r, t);
}

static void forget_answer(struct s3_response *out)
{
	int repeated = out->repeated;

	buf_release(&out->body);
	*out = (struct s3_response){
		.body = BUF_INIT, .repeated = repeated, .length = -1, .etag_is_digest = 1};
}

static void note_answer(CURL *curl, struct s3_response *out)
{
	curl_off_t length = -1;

	curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &out->status);
	if (curl_easy_getinfo(curl, CURLINFO_CONTENT_LENGTH_DOWNLOAD_T, &length) == CURLE_OK)
		out->length = length;
	s3xml_text(buf_str(&out->body), out->body.len, "Code", out->code, sizeof out->code);
	s3xml_text(buf_str(&out->body), out->body.len, "Message", out->message,
		   sizeof out->message);
	/* Completing a multipart upload may fail after its 200 was sent. */
	if (out->status == 200 && s3xml_root_is(buf_str(&out->body), out->body.len, "Error"))
		out->status = 500;
}

/* 0: an answer; 1: broken off, worth another try (err says why); negative: failure. */
static int try_once(struct s3_http *h, const struct s3_request *r, struct s3_response *out,
		    struct err *err)
{
	struct try t = {.r = r, .out = out, .curl = h->curl, .err = err};
	struct curl_slist *headers = NULL;
	char *url = make_url(h, r);
	CURLcode code;
	int rc = url ? make_headers(h, r, &headers) : ERR_NOMEM;

	forget_answer(out);
	if (rc == 0 && set_options(h, &t, url, headers) != CURLE_OK)
		rc = ERR_NOMEM;
	if (rc == 0 && r->sink)
		rc = r->sink->begin(r->sink->ctx, err);
	else if (rc != 0)
		rc = err_nomem(err, "a request to the artifact store");
	if (rc == 0) {
		code = curl_easy_perform(h->curl);
		if (code == CURLE_OK) {
			note_answer(h->curl, out);
		} else if (t.sink_code != 0) {
			rc = t.sink_code;
		} else if (code == CURLE_OUT_OF_MEMORY || buf_failed(&out->body) == ERR_NOMEM) {
			rc = err_nomem(err, "an answer of the artifact store");
		} else if (code == CURLE_ABORTED_BY_CALLBACK) {
			rc = cancel_check(err);
			rc = rc != 0 ? rc : err_set(err, ERR_CANCELLED, "stopped");
		} else {
			err_set(err, ERR_NETWORK, "artifact store at %s: %s", h->host,
				t.text[0] ? t.text : curl_easy_strerror(code));
			rc = 1;
		}
	}
	curl_slist_free_all(headers);
	free(url);
	return rc;
}

/* ---- repeating ---- */

/* Answers that another try may better (Amazon S3 API reference, "Error responses"). */
static int is_temporary(const struct s3_response *r)
{
	static const char *const codes[] = {"RequestTimeout",     "SlowDown",
					    "ServiceUnavailable", "OperationAborted",
					    "IncompleteBody",     "ConditionalRequestConflict",
					    "Throttling",         "ThrottlingException"};
	size_t i;

	if (r->status == 500 || (r->status >= 502 && r->status <= 504) || r->status == 429 ||
	    r->status == 408)
		return 1;
	for (i = 0; r->status >= 400 && i < sizeof codes / sizeof *codes; i++)
		if (strcmp(r->code, codes[i]) == 0)
			return 1;
	return 0;
}

/* Sleeps in slices, so that a stop request is seen. */
static int pause_ms(uint64_t ms, int last_wish, struct err *err)
{
	while (ms > 0) {
		uint64_t slice = ms < 50 ? ms : 50;
		struct timespec ts = {0, (long)(slice * 1000000)};
		int rc = last_wish ? 0 : cancel_check(err);

		if (rc != 0)
			return rc;
		nanosleep(&ts, NULL);
		ms -= slice;
	}
	return 0;
}

/* Half fixed, half random: clients that failed together do not come back together. */
static uint64_t jittered(unsigned pause, long retry_after_s)
{
	uint64_t ms = pause / 2 + hash_u64((uint64_t)clock_mono_ns()) % (pause / 2 + 1);

	if (retry_after_s > 0 && (uint64_t)retry_after_s * 1000 > ms)
		ms = (uint64_t)(retry_after_s > 60 ? 60 : retry_after_s) * 1000;
	return ms;
}

int s3_http_request(struct s3_http *h, const struct s3_request *r, struct s3_response *out,
		    struct err *err)
{
	unsigned limit_s = r->last_wish && h->retry_s > LAST_WISH_S ? LAST_WISH_S : h->retry_s,
		 pause = FIRST_PAUSE_MS, tries = 1;
	int64_t first_failure = 0;

	*out = (struct s3_response){.body = BUF_INIT};
	for (;; tries++) {
		int rc = try_once(h, r, out, err);
		uint64_t ms;

		if (rc < 0 || (rc == 0 && !is_temporary(out)))
			return rc;
		out->repeated = 1;
		ms = jittered(pause, out->retry_after_s);
		if (!first_failure)
			first_failure = clock_mono_ns();
		if ((uint64_t)(clock_mono_ns() - first_failure) / 1000000 + ms > limit_s * 1000u) {
			if (rc == 1)
				err_prefix(err, "%s '%s%s%s' given up after %u tries", r->method,
					   h->bucket, r->key ? "/" : "", r->key ? r->key : "",
					   tries);
			return rc == 1 ? ERR_NETWORK : 0;
		}
		rc = pause_ms(ms, r->last_wish, err);
		if (rc != 0)
			return rc;
		pause = pause * 2 < MAX_PAUSE_MS ? pause * 2 : MAX_PAUSE_MS;
	}
}

/* ---- refusals ---- */

static const char *advice(const struct s3_response *r)
{
	if (strcmp(r->code, "RequestTimeTooSkewed") == 0)
		return "; set this machine's clock";
	if (r->status == 401 || r->status == 403)
		return "; check PROTEA_MINIO_ACCESS_KEY and PROTEA_MINIO_SECRET_KEY and what they "
		       "may do";
	if (r->status == 301 || r->status == 307 || strcmp(r->code, "PermanentRedirect") == 0)
		return "; the bucket lies in another region or behind another endpoint";
	if (r->status == 507 || strcmp(r->code, "XMinioStorageFull") == 0)
		return "; the store is full";
	return "";
}

/* A server must not be able to make us print what it was sent. */
static void hide(char *text, const char *secret)
{
	size_t n = strlen(secret);
	char *hit;

	while (n && (hit = strstr(text, secret)))
		memset(hit, '*', n);
}

int s3_http_refused(const struct s3_http *h, const struct s3_response *r, const char *what,
		    const char *key, struct err *err)
{
	char message[sizeof r->message], code[sizeof r->code];
	int absent = !r->code[0] || strcmp(r->code, "NoSuchBucket") == 0 ||
		     strcmp(r->code, "NoSuchKey") == 0;
	int rc = r->status == 404 && absent ? ERR_NOTFOUND : ERR_NETWORK;

	memcpy(message, r->message, sizeof message);
	memcpy(code, r->code, sizeof code);
	hide(message, h->secret_key);
	hide(message, h->access_key);
	hide(code, h->secret_key);
	return err_set(err, rc, "cannot %s '%s%s%s' at %s: %s%s%s%sHTTP %ld%s%s", what, h->bucket,
		       key ? "/" : "", key ? key : "", h->host, code, code[0] ? ": " : "", message,
		       code[0] || message[0] ? " (" : "", r->status,
		       code[0] || message[0] ? ")" : "", advice(r));
}

#endif
