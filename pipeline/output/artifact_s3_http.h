/* Private to the S3 backend: one signed request over libcurl, repeated with growing, jittered
 * pauses while the server or the network is in trouble, up to a total time. Answers of any other
 * status go back to the caller. Belongs to one thread. */
#ifndef OUTPUT_ARTIFACT_S3_HTTP_H
#define OUTPUT_ARTIFACT_S3_HTTP_H

#ifdef HAVE_CURL

#include <curl/curl.h>
#include <stddef.h>
#include <stdint.h>

#include "pipeline/output/artifact.h"
#include "prof/base/buf.h"
#include "prof/base/err.h"

#define S3_ETAG_TEXT 128

struct s3_http {
	CURL *curl;       /* owned; keeps the connection between requests */
	char *base;       /* owned; "http://host:port" */
	char *host;       /* owned; for messages */
	char *bucket;     /* owned */
	char *access_key; /* owned */
	char *secret_key; /* owned */
	char *sigv4;      /* owned; "aws:amz:REGION:s3" */
	char *region;     /* owned */
	unsigned retry_s, stall_s;
	int no_conditions; /* the server does not know If-None-Match on uploads */
};

/* Receives the bytes of a 2xx answer. `begin` is called before each try and forgets earlier
 * bytes. */
struct s3_sink {
	int (*begin)(void *ctx, struct err *err);
	int (*write)(void *ctx, const void *bytes, size_t n, struct err *err);
	void *ctx;
};

struct s3_request {
	const char *method; /* GET, HEAD, PUT, POST, DELETE */
	const char *key;    /* NULL: the bucket itself */
	const char *query;  /* "name=value&...", sorted and encoded, as it is signed; NULL: none */
	const void *body;   /* NULL: none */
	size_t body_bytes;
	int only_if_new; /* If-None-Match: * */
	int slow_answer; /* the server may think for minutes before it answers */
	int last_wish;   /* cleaning up: short limits, not stopped by a cancellation */
	const struct s3_sink *sink;
};

struct s3_response {
	long status;
	char etag[S3_ETAG_TEXT];     /* without quotes */
	int etag_is_digest;          /* 0: the server encrypts, ETags say nothing about the bytes */
	int64_t length;              /* of the body, -1 unknown */
	struct buf body;             /* of answers without a sink */
	char code[64], message[512]; /* of an error document */
	int repeated;                /* an earlier try broke off and may have been carried out */
	long retry_after_s;
};

int s3_http_init(struct s3_http *h, const struct artifact_config *config, struct err *err);
void s3_http_release(struct s3_http *h);

/* 0: `out` holds an answer (release it in any case). */
int s3_http_request(struct s3_http *h, const struct s3_request *r, struct s3_response *out,
		    struct err *err);
void s3_response_release(struct s3_response *r);

/* "cannot WHAT 'KEY' ...: CODE: MESSAGE (HTTP STATUS)" with advice; the error code that fits. */
int s3_http_refused(const struct s3_http *h, const struct s3_response *r, const char *what,
		    const char *key, struct err *err);

/* Appends `text` percent-encoded as S3 signs it; '/' stays if `keep_slash`. */
void s3_encode(struct buf *out, const char *text, int keep_slash);

#endif
#endif
