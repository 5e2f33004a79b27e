/* Writes anc2vec archives as numpy.savez would: fixed-width unicode go_ids, float32 embeddings, and
 * the release as a scalar text. Thread-safe. */
#include "pipeline/anc2vec/anc2vec.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "pipeline/core/npz.h"

/* Decodes one code point of valid UTF-8; what no decoder would accept becomes U+FFFD and one byte. */
static size_t next_code_point(const unsigned char *s, uint32_t *c)
{
	static const unsigned char lead_bits[5] = {0, 0x7f, 0x1f, 0x0f, 0x07};
	size_t len = *s < 0x80   ? 1
		     : *s < 0xc2 ? 0
		     : *s < 0xe0 ? 2
		     : *s < 0xf0 ? 3
		     : *s < 0xf5 ? 4
				 : 0;

	*c = 0xfffd;
	if (len == 0)
		return 1;
	uint32_t v = *s & lead_bits[len];

	for (size_t i = 1; i < len; i++) {
		if ((s[i] & 0xc0) != 0x80)
			return 1;
		v = v << 6 | (s[i] & 0x3fu);
	}
	*c = v;
	return len;
}

static size_t count_code_points(const char *text)
{
	const unsigned char *s = (const unsigned char *)text;
	size_t n = 0;
	uint32_t c;

	for (; *s; n++)
		s += next_code_point(s, &c);
	return n;
}

static void put_ucs4(const char *text, uint32_t *out)
{
	const unsigned char *s = (const unsigned char *)text;

	while (*s)
		s += next_code_point(s, out++);
}

/* `n` texts as one unicode array; n_dims 0 for a scalar. */
static int add_texts(struct npz_out *z, const char *member, const char *const *texts, size_t n,
		     size_t n_dims, struct err *err)
{
	uint64_t shape[1] = {n};
	size_t width = 1, n_chars, n_bytes;
	char descr[32];

	for (size_t i = 0; i < n; i++) {
		size_t w = count_code_points(texts[i]);

		width = w > width ? w : width;
	}
	if (__builtin_mul_overflow(n, width, &n_chars) ||
	    __builtin_mul_overflow(n_chars, sizeof(uint32_t), &n_bytes))
		return err_set(err, ERR_LIMIT, "the texts of '%s' are too long together", member);
	uint32_t *chars = calloc(n_chars ? n_chars : 1, sizeof *chars);

	if (!chars)
		return err_nomem(err, "the texts of an archive");
	for (size_t i = 0; i < n; i++)
		put_ucs4(texts[i], chars + i * width);
	snprintf(descr, sizeof descr, "<U%zu", width);
	int rc = npz_add(z, member, descr, shape, n_dims, chars, n_bytes, err);

	free(chars);
	return rc;
}

static int add_all(struct npz_out *z, const char *const *go_ids, const float *vectors, size_t n,
		   size_t dim, const char *release, struct err *err)
{
	uint64_t shape[2] = {n, dim};
	int rc = npz_add(z, "embeddings", "<f4", shape, 2, vectors, n * dim * sizeof *vectors, err);

	if (rc == 0)
		rc = add_texts(z, "go_ids", go_ids, n, 1, err);
	if (rc == 0 && release && *release)
		rc = add_texts(z, "ontology_release", &release, 1, 0, err);
	return rc;
}

int anc2vec_write_npz(const char *path, const char *const *go_ids, const float *vectors, size_t n,
		      size_t dim, const char *release, struct err *err)
{
	struct npz_out *z;
	int rc = npz_create(&z, path, err);

	if (rc < 0)
		return rc;
	rc = add_all(z, go_ids, vectors, n, dim, release, err);
	if (rc == 0)
		return npz_commit(z, err);
	npz_abort(z);
	return rc;
}
