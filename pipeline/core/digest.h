/* MD5 (cache keys of the original) and SHA-256 (everything of ours) over libcrypto. Thread-safe as
 * long as each struct sha256 stays with one thread. */
#ifndef CORE_DIGEST_H
#define CORE_DIGEST_H

#include <stddef.h>
#include <stdint.h>

#include "prof/base/err.h"

#define MD5_HEX    33 /* 32 digits and NUL */
#define SHA256_HEX 65

/* Lower-case hex. 0, or ERR_NOMEM / ERR_INTERNAL when libcrypto cannot. */
int md5_hex(const void *bytes, size_t n, char out[MD5_HEX]);
int sha256_hex(const void *bytes, size_t n, char out[SHA256_HEX]);

struct sha256;                   /* a running digest */
struct sha256 *sha256_new(void); /* NULL: no memory */
void sha256_update(struct sha256 *s, const void *bytes, size_t n);
int sha256_finish(struct sha256 *s, char out[SHA256_HEX]); /* s may then only be freed */
void sha256_free(struct sha256 *s);

/* Digest and size of a whole file. */
int sha256_file(const char *path, char out[SHA256_HEX], uint64_t *size, struct err *err);

#endif
