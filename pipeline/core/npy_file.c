/* Rows of a 2-D float NPY file, read with pread through one block of neighbouring rows, so that
 * walking in order costs few system calls and nothing depends on the file staying mapped. One
 * npy_file belongs to one thread. */
#include "pipeline/core/npy.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "pipeline/core/npy_data.h"

#define HEAD_BYTES  ((size_t)128 << 10) /* more than the longest header npy_parse accepts */
#define BLOCK_BYTES ((size_t)1 << 20)

struct npy_file {
	int fd;
	char *path; /* owned */
	struct npy_header h;
	size_t row_bytes;
	size_t block_rows;    /* rows that fit the block: at least 1 */
	unsigned char *block; /* owned */
	uint64_t first_row;   /* in the block */
	uint64_t n_rows;      /* in the block; 0: nothing read yet */
};

/* Reads exactly `n` bytes, or as many as there are; *got tells. */
static int read_at(struct npy_file *f, void *out, size_t n, uint64_t offset, size_t *got,
		   struct err *err)
{
	*got = 0;
	while (*got < n) {
		ssize_t k = pread(f->fd, (char *)out + *got, n - *got, (off_t)(offset + *got));

		if (k < 0 && errno == EINTR)
			continue;
		if (k < 0)
			return err_sys(err, ERR_IO, "cannot read '%s'", f->path);
		if (k == 0)
			break;
		*got += (size_t)k;
	}
	return 0;
}

static int truncated(struct npy_file *f, uint64_t have, struct err *err)
{
	return err_set(err, ERR_FORMAT,
		       "'%s' ends early: %llu bytes where its header promises %llu; copy or write "
		       "it again",
		       f->path, (unsigned long long)have,
		       (unsigned long long)(f->h.data_offset + f->h.n_items * f->h.item_size));
}

static int read_header(struct npy_file *f, struct err *err)
{
	unsigned char *head = malloc(HEAD_BYTES);
	size_t got = 0;
	int rc =
		head ? read_at(f, head, HEAD_BYTES, 0, &got, err) : err_nomem(err, "an npy header");

	if (rc == 0)
		rc = npy_parse(head, got, f->path, &f->h, err);
	free(head);
	return rc;
}

static int check_header(struct npy_file *f, struct err *err)
{
	const struct npy_header *h = &f->h;
	struct stat st;

	if (!npy_is_float(h->type))
		return err_set(err, ERR_UNSUPPORTED,
			       "'%s' holds no float16, float32 or float64 numbers", f->path);
	if (h->n_dims != 2)
		return err_set(err, ERR_FORMAT,
			       "'%s' has %zu dimensions; a matrix of 2 (rows, columns) is needed",
			       f->path, h->n_dims);
	if (h->fortran_order && h->shape[0] > 1 && h->shape[1] > 1)
		return err_set(err, ERR_UNSUPPORTED,
			       "'%s' is stored in Fortran order; save numpy.ascontiguousarray(a)",
			       f->path);
	if (fstat(f->fd, &st) < 0)
		return err_sys(err, ERR_IO, "cannot stat '%s'", f->path);
	if ((uint64_t)st.st_size < h->data_offset + h->n_items * h->item_size)
		return truncated(f, (uint64_t)st.st_size, err);
	return 0;
}

static int prepare_block(struct npy_file *f, struct err *err)
{
	/* n_items and the file size bound both factors; a matrix without rows has any width. */
	if (f->h.n_items == 0)
		return 0;
	f->row_bytes = (size_t)f->h.shape[1] * f->h.item_size;
	f->block_rows = f->row_bytes >= BLOCK_BYTES ? 1 : BLOCK_BYTES / f->row_bytes;
	if (f->block_rows > f->h.shape[0])
		f->block_rows = (size_t)f->h.shape[0];
	f->block = malloc(f->block_rows * f->row_bytes);
	return f->block ? 0 : err_nomem(err, "a block of npy rows");
}

static int open_file(struct npy_file *f, const char *path, struct err *err)
{
	f->path = strdup(path);
	if (!f->path)
		return err_nomem(err, "an npy path");
	f->fd = open(path, O_RDONLY | O_CLOEXEC);
	if (f->fd < 0)
		return err_sys(err, errno == ENOENT ? ERR_NOTFOUND : ERR_IO, "cannot open '%s'",
			       path);
	int rc = read_header(f, err);

	if (rc == 0)
		rc = check_header(f, err);
	return rc < 0 ? rc : prepare_block(f, err);
}

int npy_open(struct npy_file **out, const char *path, struct npy_header *h, struct err *err)
{
	struct npy_file *f = calloc(1, sizeof *f);
	int rc;

	*out = NULL;
	if (!f)
		return err_nomem(err, "an npy file");
	f->fd = -1;
	rc = open_file(f, path, err);
	if (rc < 0) {
		npy_close(f);
		return rc;
	}
	*h = f->h;
	*out = f;
	return 0;
}

void npy_close(struct npy_file *f)
{
	if (!f)
		return;
	if (f->fd >= 0)
		close(f->fd);
	free(f->block);
	free(f->path);
	free(f);
}

/* The row's bytes inside the block; NULL with err filled. */
static const unsigned char *find_row(struct npy_file *f, uint64_t row, int *rc, struct err *err)
{
	uint64_t left;
	size_t n, got;

	*rc = 0;
	if (row >= f->h.shape[0]) {
		*rc = err_set(err, ERR_ARG, "'%s' has no row %llu", f->path,
			      (unsigned long long)row);
		return NULL;
	}
	if (row < f->first_row || row - f->first_row >= f->n_rows) {
		left = f->h.shape[0] - row;
		/* neighbours are read ahead, twice as many each time; a jump reads one row */
		n = row == f->first_row + f->n_rows ? 2 * (size_t)f->n_rows : 1;
		n = n < 1 ? 1 : n < f->block_rows ? n : f->block_rows;
		n = left < n ? (size_t)left : n;
		f->n_rows = 0;
		*rc = read_at(f, f->block, n * f->row_bytes, f->h.data_offset + row * f->row_bytes,
			      &got, err);
		if (*rc == 0 && got < n * f->row_bytes)
			*rc = truncated(f, f->h.data_offset + row * f->row_bytes + got, err);
		if (*rc < 0)
			return NULL;
		f->first_row = row;
		f->n_rows = n;
	}
	return f->block + (size_t)(row - f->first_row) * f->row_bytes;
}

int npy_read_row_f32(struct npy_file *f, uint64_t row, float *out, struct err *err)
{
	int rc = 0;

	if (f->h.shape[1] == 0)
		return 0;
	const unsigned char *src = find_row(f, row, &rc, err);

	if (src)
		npy_floats(f->h.type, f->h.big_endian, src, (size_t)f->h.shape[1], out);
	return rc;
}

int npy_read_row_f16(struct npy_file *f, uint64_t row, uint16_t *out, struct err *err)
{
	int rc = 0;

	if (f->h.type != NPY_F16)
		return err_set(err, ERR_ARG, "'%s' does not hold float16", f->path);
	if (f->h.shape[1] == 0)
		return 0;
	const unsigned char *src = find_row(f, row, &rc, err);

	if (src)
		npy_halves(f->h.big_endian, src, (size_t)f->h.shape[1], out);
	return rc;
}
