/* MD5 and SHA-256 over libcrypto: see digest.h. A running digest remembers its first failure, so that
 * updates need no check and sha256_finish() tells. */
#include "pipeline/core/digest.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/evp.h>
#include <stdlib.h>
#include <unistd.h>

#define READ_BYTES ((size_t)256 << 10)

struct sha256 {
	EVP_MD_CTX *ctx; /* owned */
	int failed;
};

static void to_hex(const unsigned char *bytes, size_t n, char *out)
{
	static const char digits[] = "0123456789abcdef";
	size_t i;

	for (i = 0; i < n; i++) {
		out[2 * i] = digits[bytes[i] >> 4];
		out[2 * i + 1] = digits[bytes[i] & 15];
	}
	out[2 * n] = '\0';
}

static int digest_hex(const EVP_MD *type, size_t digest_bytes, const void *bytes, size_t n,
		      char *out)
{
	unsigned char digest[EVP_MAX_MD_SIZE];
	unsigned int len = 0;

	if (!EVP_Digest(n ? bytes : "", n, digest, &len, type, NULL) || len != digest_bytes) {
		out[0] = '\0';
		return ERR_INTERNAL;
	}
	to_hex(digest, len, out);
	return 0;
}

int md5_hex(const void *bytes, size_t n, char out[MD5_HEX])
{
	return digest_hex(EVP_md5(), 16, bytes, n, out);
}

int sha256_hex(const void *bytes, size_t n, char out[SHA256_HEX])
{
	return digest_hex(EVP_sha256(), 32, bytes, n, out);
}

struct sha256 *sha256_new(void)
{
	struct sha256 *s = calloc(1, sizeof *s);

	if (!s)
		return NULL;
	s->ctx = EVP_MD_CTX_new();
	if (!s->ctx || !EVP_DigestInit_ex(s->ctx, EVP_sha256(), NULL)) {
		sha256_free(s);
		return NULL;
	}
	return s;
}

void sha256_update(struct sha256 *s, const void *bytes, size_t n)
{
	if (n && !s->failed && !EVP_DigestUpdate(s->ctx, bytes, n))
		s->failed = ERR_INTERNAL;
}

int sha256_finish(struct sha256 *s, char out[SHA256_HEX])
{
	unsigned char digest[EVP_MAX_MD_SIZE];
	unsigned int len = 0;

	out[0] = '\0';
	if (!s->failed && (!EVP_DigestFinal_ex(s->ctx, digest, &len) || len != 32))
		s->failed = ERR_INTERNAL;
	if (s->failed)
		return s->failed;
	to_hex(digest, len, out);
	s->failed = ERR_INTERNAL; /* a second finish has nothing to tell */
	return 0;
}

void sha256_free(struct sha256 *s)
{
	if (!s)
		return;
	EVP_MD_CTX_free(s->ctx);
	free(s);
}

/* Feeds the rest of `fd`; 0 or -1 with errno. */
static int feed_fd(struct sha256 *s, int fd, unsigned char *block, uint64_t *size)
{
	for (;;) {
		ssize_t n = read(fd, block, READ_BYTES);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -1;
		if (n == 0)
			return 0;
		sha256_update(s, block, (size_t)n);
		*size += (uint64_t)n;
	}
}

static int digest_fd(int fd, const char *path, char out[SHA256_HEX], uint64_t *size,
		     struct err *err)
{
	struct sha256 *s = sha256_new();
	unsigned char *block = malloc(READ_BYTES);
	int rc = 0;

	*size = 0;
	if (!s || !block)
		rc = err_nomem(err, path);
	else if (feed_fd(s, fd, block, size) != 0)
		rc = err_sys(err, ERR_IO, "cannot read %s", path);
	else if (sha256_finish(s, out) != 0)
		rc = err_set(err, ERR_INTERNAL, "libcrypto cannot compute the SHA-256 of %s", path);
	free(block);
	sha256_free(s);
	return rc;
}

int sha256_file(const char *path, char out[SHA256_HEX], uint64_t *size, struct err *err)
{
	uint64_t n = 0;
	int fd, rc;

	out[0] = '\0';
	do {
		fd = open(path, O_RDONLY | O_CLOEXEC);
	} while (fd < 0 && errno == EINTR);
	if (fd < 0)
		return err_sys(err, errno == ENOENT ? ERR_NOTFOUND : ERR_IO, "cannot open %s",
			       path);
	rc = digest_fd(fd, path, out, &n, err);
	close(fd);
	if (size)
		*size = n;
	return rc;
}
