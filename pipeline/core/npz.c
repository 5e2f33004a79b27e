/* Reading NPZ archives over libzip: members with a limit, float matrices, texts. Sizes stated by an
 * archive are never believed: memory grows with the bytes that really come. Writing is in
 * npz_write.c, pickles are in pickle.c. One struct npz belongs to one thread. */
#include "pipeline/core/npz.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zip.h>

#include "pipeline/core/npy_data.h"
#include "pipeline/core/pickle.h"

#define MEMBER_MAX 256
/* The published anc2vec archive unpacks to 36 MB; this leaves room for a million terms. */
#define MAX_UNPACKED ((size_t)1 << 30)
#define FIRST_BLOCK  ((size_t)64 << 10)

struct npz {
	zip_t *zip;
	char *name; /* owned: path, for messages */
};

/* A member that was read: "archive:member.npy" for messages, header, all bytes. */
struct member {
	char name[MEMBER_MAX + 512];
	struct npy_header h;
	unsigned char *bytes; /* owned */
	size_t n;
};

static int open_failed(struct npz *z, zip_error_t *e, struct err *err)
{
	int code = zip_error_code_zip(e);
	int rc = err_set(err, ERR_FORMAT,
			 "cannot open '%s' as an npz (ZIP) archive: %s; check that it is whole",
			 z->name, zip_error_strerror(e));

	if (code == ZIP_ER_NOENT)
		rc = err_set(err, ERR_NOTFOUND, "'%s' does not exist", z->name);
	else if (code == ZIP_ER_MEMORY)
		rc = err_nomem(err, "an npz archive");
	else if (code == ZIP_ER_OPEN || code == ZIP_ER_READ || code == ZIP_ER_SEEK)
		rc = err_set(err, ERR_IO, "cannot read '%s': %s", z->name, zip_error_strerror(e));
	zip_error_fini(e);
	return rc;
}

/* Opens `src`, which belongs to the archive afterwards. */
static int open_source(struct npz *z, zip_source_t *src, zip_error_t *e, struct err *err)
{
	if (src)
		z->zip = zip_open_from_source(src, ZIP_RDONLY, e);
	if (z->zip) {
		zip_error_fini(e);
		return 0;
	}
	zip_source_free(src);
	return open_failed(z, e, err);
}

static struct npz *new_npz(const char *name)
{
	struct npz *z = calloc(1, sizeof *z);

	if (z)
		z->name = strdup(name);
	if (z && !z->name) {
		free(z);
		z = NULL;
	}
	return z;
}

int npz_open(struct npz **out, const char *path, struct err *err)
{
	zip_error_t e;
	int rc;

	*out = NULL;
	struct npz *z = new_npz(path);

	if (!z)
		return err_nomem(err, "an npz archive");
	zip_error_init(&e);
	rc = open_source(z, zip_source_file_create(path, 0, -1, &e), &e, err);
	if (rc < 0)
		npz_close(z);
	else
		*out = z;
	return rc;
}

int npz_open_memory(struct npz **out, const char *name, const void *bytes, size_t n,
		    struct err *err)
{
	zip_error_t e;
	int rc;

	*out = NULL;
	struct npz *z = new_npz(name);

	if (!z)
		return err_nomem(err, "an npz archive");
	zip_error_init(&e);
	rc = open_source(z, zip_source_buffer_create(bytes, n, 0, &e), &e, err);
	if (rc < 0)
		npz_close(z);
	else
		*out = z;
	return rc;
}

void npz_close(struct npz *z)
{
	if (!z)
		return;
	if (z->zip)
		zip_discard(z->zip);
	free(z->name);
	free(z);
}

/* Index of "member.npy", or of plain "member" as other writers name it; -1: absent. */
static zip_int64_t locate(const struct npz *z, const char *member)
{
	char file[MEMBER_MAX];

	if ((size_t)snprintf(file, sizeof file, "%s.npy", member) >= sizeof file)
		return -1;
	zip_int64_t i = zip_name_locate(z->zip, file, 0);

	return i >= 0 ? i : zip_name_locate(z->zip, member, 0);
}

int npz_has(const struct npz *z, const char *member)
{
	return locate(z, member) >= 0;
}

static int too_large(const struct member *m, size_t max_bytes, struct err *err)
{
	return err_set(err, ERR_LIMIT,
		       "'%s' unpacks to more than %zu bytes, the limit for such an array", m->name,
		       max_bytes);
}

static int read_failed(const struct member *m, zip_file_t *f, struct err *err)
{
	zip_error_t *e = zip_file_get_error(f);

	if (zip_error_code_zip(e) == ZIP_ER_MEMORY)
		return err_nomem(err, "unpacking an array");
	return err_set(err, ERR_FORMAT, "'%s' cannot be unpacked: %s; get the archive again",
		       m->name, zip_error_strerror(e));
}

/* Reads to the end, growing as bytes arrive; libzip checks the CRC at the end. */
static int read_stream(zip_file_t *f, size_t max_bytes, struct member *m, struct err *err)
{
	size_t cap = 0;

	for (;;) {
		if (m->n == cap) {
			size_t grown = cap ? cap * 2 : FIRST_BLOCK;
			unsigned char *bytes = realloc(m->bytes, grown);

			if (!bytes)
				return err_nomem(err, "an unpacked array");
			m->bytes = bytes;
			cap = grown;
		}
		zip_int64_t k = zip_fread(f, m->bytes + m->n, cap - m->n);

		if (k < 0)
			return read_failed(m, f, err);
		if (k == 0)
			return 0;
		m->n += (size_t)k;
		if (m->n > max_bytes)
			return too_large(m, max_bytes, err);
	}
}

static int unpack(struct npz *z, zip_uint64_t index, size_t max_bytes, struct member *m,
		  struct err *err)
{
	zip_stat_t st;

	if (zip_stat_index(z->zip, index, 0, &st) == 0 && st.valid & ZIP_STAT_SIZE &&
	    st.size > max_bytes)
		return too_large(m, max_bytes, err);
	zip_file_t *f = zip_fopen_index(z->zip, index, 0);

	if (!f)
		return err_set(err, ERR_FORMAT,
			       "'%s' cannot be unpacked: %s; get the archive again", m->name,
			       zip_strerror(z->zip));
	int rc = read_stream(f, max_bytes, m, err);

	zip_fclose(f);
	return rc;
}

/* Unpacks a member and parses its header; the data is there in full, except for pickles, whose length
 * only they know. On failure nothing is owned. */
static int read_member(struct npz *z, const char *member, size_t max_bytes, struct member *m,
		       struct err *err)
{
	zip_int64_t index = locate(z, member);
	int rc;

	m->bytes = NULL;
	m->n = 0;
	snprintf(m->name, sizeof m->name, "%.500s:%.200s", z->name, member);
	if (index < 0)
		return err_set(err, ERR_NOTFOUND, "'%s' has no array '%s'", z->name, member);
	rc = unpack(z, (zip_uint64_t)index, max_bytes, m, err);
	if (rc == 0)
		rc = npy_parse(m->bytes, m->n, m->name, &m->h, err);
	if (rc == 0 && m->h.n_items * m->h.item_size > m->n - m->h.data_offset)
		rc = err_set(
			err, ERR_FORMAT,
			"'%s' ends early: %zu bytes of data where its header promises %llu; get "
			"the archive again",
			m->name, m->n - m->h.data_offset,
			(unsigned long long)(m->h.n_items * m->h.item_size));
	if (rc < 0) {
		free(m->bytes);
		m->bytes = NULL;
	}
	return rc;
}

int npz_read(struct npz *z, const char *member, size_t max_bytes, struct npy_header *h,
	     unsigned char **bytes, const unsigned char **data, struct err *err)
{
	struct member m;
	int rc = read_member(z, member, max_bytes, &m, err);

	*bytes = NULL;
	*data = NULL;
	if (rc < 0)
		return rc;
	*h = m.h;
	*bytes = m.bytes;
	*data = m.bytes + m.h.data_offset;
	return 0;
}

/* Column-major to row-major. */
static int transpose(float **values, uint64_t rows, uint64_t cols, struct err *err)
{
	float *out = malloc(rows * cols * sizeof *out);

	if (!out)
		return err_nomem(err, "a matrix");
	for (size_t r = 0; r < rows; r++) {
		for (size_t c = 0; c < cols; c++)
			out[r * cols + c] = (*values)[c * rows + r];
	}
	free(*values);
	*values = out;
	return 0;
}

static int to_floats(const struct member *m, float **out, uint64_t *rows, uint64_t *cols,
		     struct err *err)
{
	const struct npy_header *h = &m->h;

	if (!npy_is_float(h->type))
		return err_set(err, ERR_UNSUPPORTED,
			       "'%s' holds no float16, float32 or float64 numbers; save it with "
			       ".astype('f4')",
			       m->name);
	if (h->n_dims > 2)
		return err_set(err, ERR_FORMAT,
			       "'%s' has %zu dimensions where at most 2 make sense", m->name,
			       h->n_dims);
	*cols = h->n_dims > 0 ? h->shape[h->n_dims - 1] : 1;
	*rows = h->n_dims > 1 ? h->shape[0] : 1;
	/* Bytes that were read bound n_items: 4 bytes each cannot overflow. */
	float *values = malloc(h->n_items ? h->n_items * sizeof *values : 1);

	if (!values)
		return err_nomem(err, "a matrix");
	npy_floats(h->type, h->big_endian, m->bytes + h->data_offset, (size_t)h->n_items, values);
	int rc = h->fortran_order && h->n_items && *rows > 1 && *cols > 1
			 ? transpose(&values, *rows, *cols, err)
			 : 0;

	if (rc < 0)
		free(values);
	else
		*out = values;
	return rc;
}

int npz_read_floats(struct npz *z, const char *member, float **out, uint64_t *rows, uint64_t *cols,
		    struct err *err)
{
	struct member m;
	int rc;

	*out = NULL;
	rc = read_member(z, member, MAX_UNPACKED, &m, err);
	if (rc < 0)
		return rc;
	rc = to_floats(&m, out, rows, cols, err);
	free(m.bytes);
	return rc;
}

/* Every element of a U or S array; `item_size` 0 would let a header promise texts without bytes. */
static int fixed_texts(const struct member *m, npz_text_fn *fn, void *ctx, struct err *err)
{
	const unsigned char *data = m->bytes + m->h.data_offset;
	struct buf text = BUF_INIT;
	int rc = 0;

	if (m->h.item_size == 0 && m->h.n_items > 0)
		return err_set(err, ERR_FORMAT, "'%s' holds texts of width 0; write it again",
			       m->name);
	for (uint64_t i = 0; rc >= 0 && i < m->h.n_items; i++) {
		buf_clear(&text);
		rc = npy_text(&m->h, data, i, &text, err);
		if (rc < 0)
			err_prefix(err, "'%s'", m->name);
		else
			rc = fn(ctx, i, buf_str(&text), text.len, err);
	}
	buf_release(&text);
	return rc < 0 ? rc : 0;
}

static int member_texts(const struct member *m, npz_text_fn *fn, void *ctx, struct err *err)
{
	const struct npy_header *h = &m->h;

	if (h->n_dims > 1)
		return err_set(err, ERR_FORMAT,
			       "'%s' has %zu dimensions where a list of texts has 1; save it with "
			       ".ravel()",
			       m->name, h->n_dims);
	if (h->type == NPY_UNICODE || h->type == NPY_BYTES)
		return fixed_texts(m, fn, ctx, err);
	if (h->type != NPY_OBJECT)
		return err_set(err, ERR_UNSUPPORTED,
			       "'%s' holds numbers where texts are expected; save it with "
			       ".astype('U')",
			       m->name);
	return pickle_texts(m->name, m->bytes + h->data_offset, m->n - h->data_offset, h->n_dims,
			    h->n_items, fn, ctx, err);
}

int npz_read_texts(struct npz *z, const char *member, npz_text_fn *fn, void *ctx, uint64_t *count,
		   struct err *err)
{
	struct member m;
	int rc = read_member(z, member, MAX_UNPACKED, &m, err);

	*count = 0;
	if (rc < 0)
		return rc;
	rc = member_texts(&m, fn, ctx, err);
	*count = m.h.n_items;
	free(m.bytes);
	return rc;
}
