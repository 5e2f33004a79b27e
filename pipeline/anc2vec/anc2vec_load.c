/* Readers of the two kinds of anc2vec file: NumPy archives, and TSV lines of a go_id and D numbers
 * (plain or gzip). Nothing is believed: counts must agree, every number must be one. */
#include "pipeline/anc2vec/anc2vec_internal.h"

#include <stdlib.h>
#include <string.h>

/* A line of TSV holds at most this many numbers (the published vectors have 200). */
#define MAX_DIM 65536

/* ---- NumPy archive ---------------------------------------------------------------------------- */

static int take_id(void *ctx, uint64_t index, const char *text, size_t len, struct err *err)
{
	int rc = anc2vec_add_id(ctx, text, len, err);

	return rc < 0 ? err_prefix(err, "entry %llu of go_ids", (unsigned long long)index) : 0;
}

static int take_release(void *ctx, uint64_t index, const char *text, size_t len, struct err *err)
{
	struct anc2vec *a = ctx;

	if (index > 0) /* one release for all terms */
		return 0;
	a->release = strndup(text, len);
	return a->release ? 0 : err_nomem(err, "the release of an anc2vec archive");
}

/* Optional; anything that is no text says nothing. */
static int read_release(struct anc2vec *a, struct npz *z, struct err *err)
{
	struct err own = ERR_INIT;
	uint64_t n;
	int rc;

	if (!npz_has(z, "ontology_release"))
		return 0;
	rc = npz_read_texts(z, "ontology_release", take_release, a, &n, &own);
	if (rc == ERR_UNSUPPORTED)
		return 0;
	if (rc < 0 && err)
		*err = own;
	return rc;
}

int anc2vec_load_npz(struct anc2vec *a, struct npz *z, const char *name, struct err *err)
{
	uint64_t rows, cols, n;
	int rc = npz_read_texts(z, "go_ids", take_id, a, &n, err);

	if (rc == 0)
		rc = npz_read_floats(z, "embeddings", &a->vectors, &rows, &cols, err);
	if (rc == ERR_NOTFOUND)
		return err_prefix(err, "an anc2vec archive has the arrays go_ids and embeddings");
	if (rc < 0)
		return rc;
	if (rows != a->n_rows && !(a->n_rows == 0 && rows * cols == 0))
		return err_set(
			err, ERR_FORMAT,
			"'%s': %u go_ids but %llu rows of embeddings; make the archive again", name,
			a->n_rows, (unsigned long long)rows);
	if (cols == 0)
		return err_set(err, ERR_FORMAT, "'%s': the embeddings have dimension 0", name);
	a->dim = (size_t)cols;
	return read_release(a, z, err);
}

/* ---- TSV -------------------------------------------------------------------------------------- */

struct tsv {
	struct anc2vec *a;
	struct lines *lines;
	size_t cap; /* floats that fit a->vectors */
	struct err *err;
};

static int need_row(struct tsv *t)
{
	struct anc2vec *a = t->a;
	size_t used = (size_t)a->n_rows * a->dim;

	if (t->cap - used >= a->dim)
		return 0;
	size_t cap = t->cap ? t->cap * 2 : a->dim * 256;
	float *grown = realloc(a->vectors, cap * sizeof *grown);

	if (!grown)
		return err_nomem(t->err, "the vectors of an anc2vec archive");
	a->vectors = grown;
	t->cap = cap;
	return 0;
}

/* The number up to a tab or the end: read as a double, then narrowed, as a cast in NumPy does. */
static int read_number(struct tsv *t, const char **at, float *out)
{
	char *stop;
	double v = strtod(*at, &stop);

	if (stop == *at || (*stop != '\t' && *stop != '\0'))
		return lines_bad(t->lines, t->err,
				 "'%.30s' is not a number; expected go_id and "
				 "numbers separated by tabs",
				 *at);
	*out = (float)v;
	*at = *stop ? stop + 1 : stop;
	return 0;
}

static size_t count_tabs(const char *text)
{
	size_t n = 0;

	for (; (text = strchr(text, '\t')); text++)
		n++;
	return n;
}

/* Numbers of a line whose first field ends at `tab`. */
static int read_vector(struct tsv *t, const char *tab)
{
	struct anc2vec *a = t->a;
	size_t n = count_tabs(tab);
	int rc;

	if (a->dim == 0 && n > MAX_DIM)
		return lines_bad(t->lines, t->err, "more than %d numbers", MAX_DIM);
	if (a->dim == 0)
		a->dim = n;
	if (n != a->dim)
		return lines_bad(t->lines, t->err, "%zu numbers where the first line has %zu", n,
				 a->dim);
	rc = need_row(t);
	float *row = a->vectors + (size_t)a->n_rows * a->dim;
	const char *at = tab + 1;

	for (size_t i = 0; rc == 0 && i < n; i++)
		rc = read_number(t, &at, &row[i]);
	return rc;
}

/* Empty lines and comments ("#") carry nothing. */
static int read_line(struct tsv *t, char *text)
{
	char *tab = strchr(text, '\t');
	int rc;

	if (!*text || *text == '#')
		return 0;
	if (!tab)
		return lines_bad(t->lines, t->err,
				 "no tab; an anc2vec file is an .npz archive or TSV lines of go_id "
				 "and numbers");
	rc = read_vector(t, tab);
	if (rc < 0)
		return rc;
	rc = anc2vec_add_id(t->a, text, (size_t)(tab - text), t->err);
	if (rc == ERR_FORMAT)
		return lines_bad(t->lines, t->err, "the go_id is empty");
	return rc;
}

int anc2vec_load_tsv(struct anc2vec *a, struct lines *l, struct err *err)
{
	struct tsv t = {.a = a, .lines = l, .err = err};
	char *text;
	size_t len;
	int rc;

	while ((rc = lines_next(l, &text, &len, err)) > 0) {
		rc = read_line(&t, text);
		if (rc < 0)
			break;
	}
	return rc;
}
