/* The anc2vec archive: opening by content, checks, look-ups. Readers of the two kinds of file are in
 * anc2vec_load.c, arithmetic in anc2vec_math.c, writing in anc2vec_write.c. Read-only after opening. */
#include "pipeline/anc2vec/anc2vec.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "pipeline/anc2vec/anc2vec_internal.h"

int anc2vec_add_id(struct anc2vec *a, const char *id, size_t len, struct err *err)
{
	if (len == 0)
		return err_set(err, ERR_FORMAT, "an empty go_id");
	if (memchr(id, '\0', len))
		return err_set(err, ERR_FORMAT, "a go_id with a NUL character in it");
	if (a->n_rows == UINT32_MAX)
		return err_set(err, ERR_LIMIT, "more terms than 32 bits count");
	uint32_t i = dict_intern(&a->ids, id, len);

	if (i == DICT_NONE)
		return err_nomem(err, "the go_ids of an anc2vec archive");
	if (i >= a->row_cap) {
		size_t cap = a->row_cap ? a->row_cap * 2 : 1024;
		uint32_t *row = realloc(a->row, cap * sizeof *row);

		if (!row)
			return err_nomem(err, "the go_ids of an anc2vec archive");
		a->row = row;
		a->row_cap = cap;
	}
	a->row[i] = a->n_rows++;
	return 0;
}

/* 1: the file starts as ZIP archives do, empty ones included. */
static int looks_like_zip(const char *path, struct err *err)
{
	char head[4] = "";
	FILE *f = fopen(path, "rbe");

	if (!f)
		return err_sys(err, errno == ENOENT ? ERR_NOTFOUND : ERR_IO,
			       "cannot open the anc2vec archive '%s'", path);
	size_t n = fread(head, 1, sizeof head, f);
	int rc = ferror(f) ? err_sys(err, ERR_IO, "cannot read the anc2vec archive '%s'", path)
			   : n == 4 && (memcmp(head, "PK\3\4", 4) == 0 ||
					memcmp(head, "PK\5\6", 4) == 0);

	fclose(f);
	return rc;
}

static int compare_ids(const void *x, const void *y, void *dict)
{
	return strcmp(dict_text(dict, *(const uint32_t *)x), dict_text(dict, *(const uint32_t *)y));
}

static int sort_ids(struct anc2vec *a, struct err *err)
{
	a->sorted = malloc(a->ids.count * sizeof *a->sorted);
	if (!a->sorted)
		return err_nomem(err, "the go_ids of an anc2vec archive");
	for (uint32_t i = 0; i < a->ids.count; i++)
		a->sorted[i] = i;
	qsort_r(a->sorted, a->ids.count, sizeof *a->sorted, compare_ids, &a->ids);
	return 0;
}

/* Every vector that can be asked for is finite; overwritten duplicates do not matter. */
static int check_finite(const struct anc2vec *a, const char *path, struct err *err)
{
	for (uint32_t i = 0; i < a->ids.count; i++) {
		const float *v = a->vectors + (size_t)a->row[i] * a->dim;

		for (size_t k = 0; k < a->dim; k++) {
			if (!isfinite(v[k]))
				return err_set(err, ERR_FORMAT,
					       "'%s': component %zu of term %s is NaN, infinite or "
					       "too large for float32; make the vectors again",
					       path, k, dict_text(&a->ids, i));
		}
	}
	return 0;
}

int anc2vec_finish(struct anc2vec *a, const char *name, struct err *err)
{
	if (a->ids.count == 0)
		return err_set(err, ERR_FORMAT, "'%s' holds no term vector", name);
	int rc = check_finite(a, name, err);

	return rc < 0 ? rc : sort_ids(a, err);
}

static int load_zip(struct anc2vec *a, const char *path, struct err *err)
{
	struct npz *z;
	int rc = npz_open(&z, path, err);

	if (rc < 0)
		return rc;
	rc = anc2vec_load_npz(a, z, path, err);
	npz_close(z);
	return rc;
}

static int load_text(struct anc2vec *a, const char *path, struct err *err)
{
	struct lines *l;
	int rc = lines_open(&l, path, LINES_MAX_BYTES, err);

	if (rc < 0)
		return rc;
	rc = anc2vec_load_tsv(a, l, err);
	lines_close(l);
	return rc;
}

static int load(struct anc2vec *a, const char *path, struct err *err)
{
	int rc = looks_like_zip(path, err);

	if (rc >= 0)
		rc = rc ? load_zip(a, path, err) : load_text(a, path, err);
	return rc < 0 ? rc : anc2vec_finish(a, path, err);
}

int anc2vec_open(struct anc2vec **out, const char *path, struct err *err)
{
	struct anc2vec *a = calloc(1, sizeof *a);

	*out = NULL;
	if (!a)
		return err_nomem(err, "an anc2vec archive");
	int rc = load(a, path, err);

	if (rc < 0)
		anc2vec_close(a);
	else
		*out = a;
	return rc;
}

void anc2vec_close(struct anc2vec *a)
{
	if (!a)
		return;
	dict_release(&a->ids);
	free(a->row);
	free(a->vectors);
	free(a->sorted);
	free(a->release);
	free(a);
}

size_t anc2vec_dim(const struct anc2vec *a)
{
	return a->dim;
}

size_t anc2vec_count(const struct anc2vec *a)
{
	return a->ids.count;
}

const char *anc2vec_release(const struct anc2vec *a)
{
	return a->release ? a->release : "";
}

const float *anc2vec_find(const struct anc2vec *a, const char *go_id)
{
	uint32_t i = dict_find(&a->ids, go_id, strlen(go_id));

	return i == DICT_NONE ? NULL : a->vectors + (size_t)a->row[i] * a->dim;
}

const char *anc2vec_term(const struct anc2vec *a, size_t i)
{
	return dict_text(&a->ids, a->sorted[i]);
}
