/* Writing NPZ archives: libzip packs into memory, the bytes then go out by write-aside and rename.
 * One struct npz_out belongs to one thread. */
#include "pipeline/core/npz.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zip.h>

#include "pipeline/core/fsio.h"

#define MEMBER_MAX 256
/* 1980-01-01 00:00:00, the first moment of ZIP, as numpy.savez stamps too. */
#define STAMP_DATE ((0 << 9) | (1 << 5) | 1)
#define STAMP_TIME 0

struct npz_out {
	zip_t *zip;           /* owned; NULL once closed */
	zip_source_t *packed; /* owned: the archive in memory */
	char *path;           /* owned */
};

static int zip_failed(struct npz_out *z, const char *what, struct err *err)
{
	zip_error_t *e = z->zip ? zip_get_error(z->zip) : zip_source_error(z->packed);

	if (zip_error_code_zip(e) == ZIP_ER_MEMORY)
		return err_nomem(err, "an npz archive");
	return err_set(err, ERR_IO, "cannot %s '%s': %s", what, z->path, zip_error_strerror(e));
}

static int create(struct npz_out *z, const char *path, struct err *err)
{
	zip_error_t e;

	z->path = strdup(path);
	if (!z->path)
		return err_nomem(err, "an npz archive");
	zip_error_init(&e);
	z->packed = zip_source_buffer_create(NULL, 0, 0, &e);
	if (z->packed)
		z->zip = zip_open_from_source(z->packed, ZIP_TRUNCATE, &e);
	zip_error_fini(&e);
	if (!z->zip)
		return err_nomem(err, "an npz archive");
	zip_source_keep(z->packed); /* zip_close takes one reference */
	return 0;
}

int npz_create(struct npz_out **out, const char *path, struct err *err)
{
	struct npz_out *z = calloc(1, sizeof *z);

	*out = NULL;
	if (!z)
		return err_nomem(err, "an npz archive");
	int rc = create(z, path, err);

	if (rc < 0)
		npz_abort(z);
	else
		*out = z;
	return rc;
}

void npz_abort(struct npz_out *z)
{
	if (!z)
		return;
	if (z->zip)
		zip_discard(z->zip);
	if (z->packed)
		zip_source_free(z->packed);
	free(z->path);
	free(z);
}

/* Header and data in one allocation that the archive will free. */
static unsigned char *make_member(const char *descr, const uint64_t *shape, size_t n_dims,
				  const void *data, size_t n_bytes, size_t *n)
{
	struct buf head = BUF_INIT;
	unsigned char *bytes = NULL;

	if (npy_write_header(&head, descr, shape, n_dims) == 0)
		bytes = malloc(head.len + n_bytes);
	if (bytes) {
		memcpy(bytes, head.data, head.len);
		if (n_bytes)
			memcpy(bytes + head.len, data, n_bytes);
		*n = head.len + n_bytes;
	}
	buf_release(&head);
	return bytes;
}

int npz_add(struct npz_out *z, const char *member, const char *descr, const uint64_t *shape,
	    size_t n_dims, const void *data, size_t n_bytes, struct err *err)
{
	char file[MEMBER_MAX];
	size_t n;

	if ((size_t)snprintf(file, sizeof file, "%s.npy", member) >= sizeof file)
		return err_set(err, ERR_ARG, "the array name '%.40s…' is too long", member);
	unsigned char *bytes = make_member(descr, shape, n_dims, data, n_bytes, &n);

	if (!bytes)
		return err_nomem(err, "an array of an npz archive");
	zip_source_t *src = zip_source_buffer(z->zip, bytes, n, 1);

	if (!src) {
		free(bytes);
		return zip_failed(z, "pack", err);
	}
	zip_int64_t i = zip_file_add(z->zip, file, src, ZIP_FL_ENC_UTF_8);

	if (i < 0) {
		zip_source_free(src);
		return zip_failed(z, "pack", err);
	}
	if (zip_file_set_dostime(z->zip, (zip_uint64_t)i, STAMP_TIME, STAMP_DATE, 0) < 0 ||
	    zip_set_file_compression(z->zip, (zip_uint64_t)i, ZIP_CM_DEFLATE, 6) < 0)
		return zip_failed(z, "pack", err);
	return 0;
}

/* Copies the packed archive to `out`. */
static int copy_packed(struct npz_out *z, struct fsio_out *out, struct err *err)
{
	char block[16384];
	zip_int64_t k;
	int rc = 0;

	if (zip_source_open(z->packed) < 0)
		return zip_failed(z, "pack", err);
	while (rc == 0 && (k = zip_source_read(z->packed, block, sizeof block)) != 0)
		rc = k < 0 ? zip_failed(z, "pack", err) : fsio_write(out, block, (size_t)k, err);
	zip_source_close(z->packed);
	return rc;
}

static int commit(struct npz_out *z, struct err *err)
{
	struct fsio_out out;
	int rc;

	if (zip_close(z->zip) < 0)
		return zip_failed(z, "pack", err);
	z->zip = NULL;
	rc = fsio_create(&out, z->path, err);
	if (rc < 0)
		return rc;
	rc = copy_packed(z, &out, err);
	if (rc == 0)
		return fsio_commit(&out, err);
	fsio_abort(&out);
	return rc;
}

int npz_commit(struct npz_out *z, struct err *err)
{
	int rc = commit(z, err);

	npz_abort(z);
	return rc;
}
