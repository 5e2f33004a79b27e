/* Embedding files: see embeddings.h. */
#include "pipeline/bundle/embeddings.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "pipeline/core/cancel.h"
#include "pipeline/core/dict.h"
#include "pipeline/core/fsio.h"
#include "pipeline/core/half.h"
#include "pipeline/core/lines.h"
#include "pipeline/core/npy.h"
#include "prof/base/buf.h"

#if __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error "rows are handed out in memory order, which must be little-endian"
#endif

/* A list is read whole only as .npy: 2^31 bytes are 60 million accessions of width 9. */
#define LIST_MAX_BYTES ((size_t)1 << 31)

struct embeddings {
	char *path; /* owned */
	char *list; /* owned */
	struct npy_file *file;
	struct npy_header header;
	size_t dim;
	struct dict accession; /* by row */
	uint16_t *half;        /* owned: a row, or NULL */
	float *single;         /* owned: a row, or NULL */
};

/* ---- where the list is ----------------------------------------------------------------------- */

static int has_suffix(const char *text, const char *suffix)
{
	size_t n = strlen(text), m = strlen(suffix);

	return n > m && strcmp(text + n - m, suffix) == 0;
}

/* Path with its last `cut` bytes replaced; NULL: no memory. */
static char *replace_end(const char *path, size_t cut, const char *suffix)
{
	struct buf b = BUF_INIT;
	char *text;

	buf_put(&b, path, strlen(path) - cut);
	buf_puts(&b, suffix);
	text = buf_steal(&b, NULL);
	buf_release(&b);
	return text;
}

/* Finds the list beside the matrix. *out is malloc'ed. */
static int find_list(const char *path, char **out, struct err *err)
{
	static const struct {
		const char *end, *other;
	} pairs[] = {
		{".npy", ".txt"},
		{".npy", ".accessions.txt"},
		{".npy", ".accessions.npy"},
		{".npy", "_accessions.npy"},
		{"_embeddings.npy", "_accessions.npy"},
		{"_embeddings.npy", "_accessions.txt"},
	};
	size_t i;

	*out = NULL;
	for (i = 0; i < sizeof pairs / sizeof pairs[0]; i++) {
		if (!has_suffix(path, pairs[i].end))
			continue;
		*out = replace_end(path, strlen(pairs[i].end), pairs[i].other);
		if (!*out)
			return err_nomem(err, "a path");
		if (fsio_exists(*out))
			return 0;
		free(*out);
		*out = NULL;
	}
	return err_set(
		err, ERR_NOTFOUND,
		"%s: no list of accessions beside it (same name with .txt, .accessions.txt or "
		".accessions.npy); name one: NAME=%s:ACCESSIONS.txt",
		path, path);
}

static int locate_list(struct embeddings *e, const char *accessions, struct err *err)
{
	if (!accessions)
		return find_list(e->path, &e->list, err);
	e->list = strdup(accessions);
	if (!e->list)
		return err_nomem(err, "a path");
	if (!fsio_exists(accessions))
		return err_set(err, ERR_NOTFOUND, "%s: no such list of accessions", accessions);
	return 0;
}

/* ---- matrix ---------------------------------------------------------------------------------- */

/* npy_open() has checked that it is a matrix of floats and whole. */
static int check_header(struct embeddings *e, struct err *err)
{
	const struct npy_header *h = &e->header;

	if (h->shape[0] == 0 || h->shape[1] == 0)
		return err_set(err, ERR_FORMAT, "%s: the array is empty (%llu x %llu)", e->path,
			       (unsigned long long)h->shape[0], (unsigned long long)h->shape[1]);
	if (h->shape[0] >= UINT32_MAX || h->shape[1] > 65536)
		return err_set(err, ERR_LIMIT,
			       "%s: %llu rows of %llu values; at most 2^32-2 rows of 65,536",
			       e->path, (unsigned long long)h->shape[0],
			       (unsigned long long)h->shape[1]);
	e->dim = (size_t)h->shape[1];
	return 0;
}

static int open_matrix(struct embeddings *e, const char *path, struct err *err)
{
	int rc;

	e->path = strdup(path);
	if (!e->path)
		return err_nomem(err, "a path");
	rc = npy_open(&e->file, path, &e->header, err);
	return rc < 0 ? rc : check_header(e, err);
}

static int make_row(struct embeddings *e, struct err *err)
{
	if (e->header.type == NPY_F16)
		e->half = malloc(e->dim * sizeof *e->half);
	else
		e->single = malloc(e->dim * sizeof *e->single);
	return e->half || e->single ? 0 : err_nomem(err, "a row of embeddings");
}

/* ---- list ------------------------------------------------------------------------------------ */

/* Adds the accession of row `row`; `where` is the list's line or element. */
static int add_accession(struct embeddings *e, const char *text, size_t len, const char *what,
			 uint64_t where, struct err *err)
{
	uint32_t before = e->accession.count;
	uint32_t id;

	if (len == 0)
		return err_set(err, ERR_FORMAT, "%s: %s %llu is empty", e->list, what,
			       (unsigned long long)where);
	if (memchr(text, '\0', len)) /* a NumPy string may hold one */
		return err_set(err, ERR_FORMAT, "%s: %s %llu has a NUL byte in it", e->list, what,
			       (unsigned long long)where);
	id = dict_intern(&e->accession, text, len);
	if (id == DICT_NONE)
		return err_nomem(err, "a list of accessions");
	if (e->accession.count == before)
		return err_set(err, ERR_FORMAT,
			       "%s: %s %llu: '%.60s' appears again (first for row %u); one row per "
			       "protein",
			       e->list, what, (unsigned long long)where, text, id + 1);
	return 0;
}

static int read_text_list(struct embeddings *e, struct err *err)
{
	struct lines *in = NULL;
	char *text;
	size_t len;
	int rc = lines_open(&in, e->list, 4096, err);

	if (rc < 0)
		return rc;
	while ((rc = lines_next(in, &text, &len, err)) > 0) {
		len = strcspn(text, " \t");
		text[len] = '\0';
		if (len == 0 && e->accession.count == e->header.shape[0])
			continue; /* blank lines at the end */
		rc = add_accession(e, text, len, "line", lines_number(in), err);
		if (rc == 0)
			rc = cancel_check(err);
		if (rc < 0)
			break;
	}
	lines_close(in);
	return rc;
}

static int read_npy_texts(struct embeddings *e, const struct buf *bytes, struct err *err)
{
	struct buf text = BUF_INIT;
	struct npy_header h;
	uint64_t i;
	int rc = npy_parse(bytes->data, bytes->len, e->list, &h, err);

	if (rc == 0 && (h.n_dims != 1 || (h.type != NPY_UNICODE && h.type != NPY_BYTES)))
		rc = err_set(err, ERR_FORMAT,
			     "%s: not a one-dimensional array of strings (numpy type U or S)",
			     e->list);
	if (rc == 0 && bytes->len - h.data_offset < h.n_items * h.item_size)
		rc = err_set(err, ERR_FORMAT, "%s: truncated", e->list);
	for (i = 0; rc == 0 && i < h.n_items; i++) {
		buf_clear(&text);
		rc = npy_text(&h, bytes->data + h.data_offset, i, &text, err);
		if (rc == 0)
			rc = add_accession(e, buf_str(&text), text.len, "element", i, err);
	}
	buf_release(&text);
	return rc;
}

static int read_npy_list(struct embeddings *e, struct err *err)
{
	struct buf bytes = BUF_INIT;
	int rc = fsio_read_all(e->list, LIST_MAX_BYTES, &bytes, err);

	if (rc == 0)
		rc = read_npy_texts(e, &bytes, err);
	buf_release(&bytes);
	return rc;
}

static int read_list(struct embeddings *e, struct err *err)
{
	int rc = has_suffix(e->list, ".npy") ? read_npy_list(e, err) : read_text_list(e, err);

	if (rc < 0)
		return rc;
	if (e->accession.count != e->header.shape[0])
		return err_set(err, ERR_FORMAT, "%s names %u accessions, %s has %llu rows", e->list,
			       e->accession.count, e->path, (unsigned long long)e->header.shape[0]);
	return 0;
}

/* ---- public ---------------------------------------------------------------------------------- */

int embeddings_open(struct embeddings **out, const char *path, const char *accessions,
		    struct err *err)
{
	struct embeddings *e = calloc(1, sizeof *e);
	int rc;

	*out = NULL;
	if (!e)
		return err_nomem(err, "embeddings");
	rc = open_matrix(e, path, err);
	if (rc == 0)
		rc = locate_list(e, accessions, err);
	if (rc == 0)
		rc = make_row(e, err);
	if (rc == 0)
		rc = read_list(e, err);
	if (rc < 0) {
		embeddings_close(e);
		return rc;
	}
	*out = e;
	return 0;
}

int embeddings_check(const char *path, const char *accessions, struct err *err)
{
	struct embeddings *e = calloc(1, sizeof *e);
	int rc;

	if (!e)
		return err_nomem(err, "embeddings");
	rc = open_matrix(e, path, err);
	if (rc == 0)
		rc = locate_list(e, accessions, err);
	embeddings_close(e);
	return rc;
}

void embeddings_close(struct embeddings *e)
{
	if (!e)
		return;
	if (e->file)
		npy_close(e->file);
	dict_release(&e->accession);
	free(e->path);
	free(e->list);
	free(e->half);
	free(e->single);
	free(e);
}

size_t embeddings_count(const struct embeddings *e)
{
	return e->accession.count;
}

size_t embeddings_dim(const struct embeddings *e)
{
	return e->dim;
}

size_t embeddings_value_bytes(const struct embeddings *e)
{
	return e->half ? sizeof *e->half : sizeof *e->single;
}

const char *embeddings_list(const struct embeddings *e)
{
	return e->list;
}

const char *embeddings_accession(const struct embeddings *e, size_t row)
{
	return dict_text(&e->accession, (uint32_t)row);
}

int embeddings_row(struct embeddings *e, size_t row, const void **bytes, int *finite,
		   struct err *err)
{
	size_t i;
	int rc;

	*finite = 1;
	if (e->half) {
		rc = npy_read_row_f16(e->file, row, e->half, err);
		for (i = 0; rc == 0 && i < e->dim; i++)
			*finite &= half_is_finite(e->half[i]) != 0;
		*bytes = e->half;
		return rc;
	}
	rc = npy_read_row_f32(e->file, row, e->single, err);
	for (i = 0; rc == 0 && i < e->dim; i++)
		*finite &= isfinite(e->single[i]) != 0;
	*bytes = e->single;
	return rc;
}
