/* PCA states on disk: NPZ with `mean` and `components` as the original writes them, and three members
 * of our own that tell which pool they were fitted on. Thread-safe. */
#include "pipeline/pca/pca.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "pipeline/core/fsio.h"
#include "pipeline/core/npz.h"
#include "pipeline/pca/pca_internal.h"

#define MEMBER_ROWS       "pool_rows"
#define MEMBER_DIM        "pool_dim"
#define MEMBER_ACCESSIONS "pool_accessions_sha256"

#define SHA256_DIGITS 64
#define MAX_SCALAR    4096 /* bytes of a one-number member, header included */

/* ---- reading ---------------------------------------------------------------------------------- */

static int read_u64(struct npz *z, const char *path, const char *member, uint64_t *v,
		    struct err *err)
{
	const unsigned char *data;
	unsigned char *bytes;
	struct npy_header h;
	int rc = npz_read(z, member, MAX_SCALAR, &h, &bytes, &data, err);

	if (rc < 0)
		return rc;
	if (h.type != NPY_I64 || h.n_items != 1)
		rc = err_set(err, ERR_FORMAT, "'%s': %s is not one int64; remove the file", path,
			     member);
	else
		memcpy(v, data, sizeof *v);
	if (rc == 0 && h.big_endian)
		*v = __builtin_bswap64(*v);
	free(bytes);
	return rc;
}

static int take_sha(void *ctx, uint64_t index, const char *text, size_t len, struct err *err)
{
	char *sha = ctx;

	if (index > 0 || len != SHA256_DIGITS)
		return err_set(err, ERR_FORMAT, "not one SHA-256");
	memcpy(sha, text, SHA256_DIGITS);
	sha[SHA256_DIGITS] = '\0';
	return 0;
}

/* 1: there is a fingerprint; 0: none; a part of one is an error. */
static int read_fingerprint(struct npz *z, const char *path, struct pca_fingerprint *f,
			    struct err *err)
{
	int parts =
		npz_has(z, MEMBER_ROWS) + npz_has(z, MEMBER_DIM) + npz_has(z, MEMBER_ACCESSIONS);
	uint64_t n;
	int rc;

	if (parts == 0)
		return 0;
	if (parts != 3)
		return err_set(err, ERR_FORMAT,
			       "'%s' has only a part of a fingerprint; remove the file", path);
	rc = read_u64(z, path, MEMBER_ROWS, &f->n_rows, err);
	if (rc == 0)
		rc = read_u64(z, path, MEMBER_DIM, &f->dim, err);
	if (rc < 0)
		return rc;
	memset(f->accessions_sha256, 0, sizeof f->accessions_sha256);
	rc = npz_read_texts(z, MEMBER_ACCESSIONS, take_sha, f->accessions_sha256, &n, err);
	if (rc < 0)
		return err_prefix(err, "'%s': %s", path, MEMBER_ACCESSIONS);
	return f->accessions_sha256[0]
		       ? 1
		       : err_set(err, ERR_FORMAT, "'%s': %s is empty; remove the file", path,
				 MEMBER_ACCESSIONS);
}

static int same_fingerprint(const struct pca_fingerprint *a, const struct pca_fingerprint *b)
{
	return a->n_rows == b->n_rows && a->dim == b->dim &&
	       strcmp(a->accessions_sha256, b->accessions_sha256) == 0;
}

static int check_finite(const char *path, const char *member, const float *v, size_t n,
			struct err *err)
{
	for (size_t i = 0; i < n; i++) {
		if (!isfinite(v[i]))
			return err_set(
				err, ERR_FORMAT,
				"'%s': element %zu of %s is NaN or infinite; remove the file", path,
				i, member);
	}
	return 0;
}

static int wrong_shape(const char *path, uint64_t mean_cols, uint64_t rows, uint64_t cols,
		       size_t dim, struct err *err)
{
	return err_set(
		err, ERR_FORMAT,
		"'%s': mean of %llu and components of %llu x %llu numbers do not fit a pool of "
		"dimension %zu with at most %d components; remove the file or take the one of "
		"this embedding configuration",
		path, (unsigned long long)mean_cols, (unsigned long long)rows,
		(unsigned long long)cols, dim, PCA_COMPONENTS);
}

/* Reads and checks both arrays; on failure `out` holds what pca_release must free. */
static int read_state(struct pca *out, struct npz *z, const char *path, size_t dim, struct err *err)
{
	uint64_t mean_rows, mean_cols, rows, cols;
	int rc = npz_read_floats(z, "mean", &out->mean, &mean_rows, &mean_cols, err);

	if (rc == 0)
		rc = npz_read_floats(z, "components", &out->components, &rows, &cols, err);
	if (rc == ERR_NOTFOUND)
		return err_set(err, ERR_FORMAT,
			       "'%s' is no PCA state: it lacks mean or components; remove the file",
			       path);
	if (rc < 0)
		return rc;
	if (mean_rows != 1 || mean_cols != dim || cols != dim || rows > PCA_COMPONENTS)
		return wrong_shape(path, mean_cols, rows, cols, dim, err);
	out->dim = dim;
	out->n_components = (size_t)rows;
	rc = check_finite(path, "mean", out->mean, dim, err);
	return rc < 0 ? rc : check_finite(path, "components", out->components, rows * dim, err);
}

int pca_load_npz(struct pca *out, struct npz *z, const char *path,
		 const struct pca_fingerprint *expected, struct err *err)
{
	struct pca_fingerprint found;

	*out = (struct pca){0};
	int has = read_fingerprint(z, path, &found, err);

	if (has < 0)
		return has;
	if (has && !same_fingerprint(&found, expected))
		return PCA_STALE;
	int rc = read_state(out, z, path, (size_t)expected->dim, err);

	if (rc < 0)
		pca_release(out);
	return rc < 0 ? rc : has ? PCA_LOADED : PCA_LOADED_FOREIGN;
}

int pca_load(struct pca *out, const char *path, const struct pca_fingerprint *expected,
	     struct err *err)
{
	struct npz *z;
	int rc;

	*out = (struct pca){0};
	if (!fsio_exists(path))
		return PCA_ABSENT;
	rc = npz_open(&z, path, err);
	if (rc < 0)
		return rc;
	rc = pca_load_npz(out, z, path, expected, err);
	npz_close(z);
	return rc;
}

/* ---- writing ---------------------------------------------------------------------------------- */

static int add_fingerprint(struct npz_out *z, const struct pca_fingerprint *f, struct err *err)
{
	uint32_t digits[SHA256_DIGITS];
	int rc;

	for (size_t i = 0; i < SHA256_DIGITS; i++)
		digits[i] = (unsigned char)f->accessions_sha256[i];
	rc = npz_add(z, MEMBER_ROWS, "<i8", NULL, 0, &f->n_rows, sizeof f->n_rows, err);
	if (rc == 0)
		rc = npz_add(z, MEMBER_DIM, "<i8", NULL, 0, &f->dim, sizeof f->dim, err);
	if (rc == 0)
		rc = npz_add(z, MEMBER_ACCESSIONS, "<U64", NULL, 0, digits, sizeof digits, err);
	return rc;
}

static int add_state(struct npz_out *z, const struct pca *p, struct err *err)
{
	uint64_t shape[2] = {p->n_components, p->dim};
	int rc = npz_add(z, "mean", "<f4", &shape[1], 1, p->mean, p->dim * sizeof *p->mean, err);

	if (rc == 0)
		rc = npz_add(z, "components", "<f4", shape, 2, p->components,
			     p->n_components * p->dim * sizeof *p->components, err);
	return rc;
}

int pca_save(const struct pca *p, const char *path, const struct pca_fingerprint *fingerprint,
	     struct err *err)
{
	struct npz_out *z;
	int rc;

	if (strlen(fingerprint->accessions_sha256) != SHA256_DIGITS)
		return err_set(err, ERR_INTERNAL, "the fingerprint of the pool is no SHA-256");
	rc = npz_create(&z, path, err);
	if (rc < 0)
		return rc;
	rc = add_state(z, p, err);
	if (rc == 0)
		rc = add_fingerprint(z, fingerprint, err);
	if (rc == 0)
		return npz_commit(z, err);
	npz_abort(z);
	return rc;
}
