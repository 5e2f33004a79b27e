/* Embeddings (lengths, dimensions, values) and sequences (letters, digests): part of bundle_check(). */
#include "pipeline/bundle/check_parts.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "pipeline/bundle/rows.h"
#include "pipeline/bundle/schema.h"
#include "pipeline/core/dict.h"
#include "pipeline/core/digest.h"
#include "pipeline/core/half.h"

static const struct check_kind no_dim = {
	"no-dimension",
	"sequence_embedding has no column embedding_dim, so its bytes cannot be read",
	BUNDLE_ERROR};
static const struct check_kind bad_length = {
	"bad-embedding", "an embedding is not embedding_dim values of 2 or 4 bytes", BUNDLE_ERROR};
static const struct check_kind other_dim = {
	"other-dimension", "an embedding has another dimension than the first of its configuration",
	BUNDLE_ERROR};
static const struct check_kind mixed = {
	"mixed-precision", "a configuration has embeddings of 2 and of 4 bytes per value",
	BUNDLE_WARNING};
static const struct check_kind not_finite = {
	"not-finite",
	"an embedding has NaN, or what is infinite as float16: its protein is dropped",
	BUNDLE_WARNING};
static const struct check_kind zero = {"zero-vector",
				       "an embedding is all zeros: its distance to everything is 1",
				       BUNDLE_WARNING};

/* ---- embeddings ------------------------------------------------------------------------------- */

struct config {
	int64_t dim; /* of its first row; 0: none yet */
	size_t item; /* bytes of a value */
	int mixed;   /* told already */
};

struct configs {
	struct dict ids;
	struct config *list; /* owned */
	size_t cap;
};

static struct config *config_of(struct configs *all, const char *id, size_t len)
{
	uint32_t n = all->ids.count;
	uint32_t at = dict_intern(&all->ids, id, len);

	if (at == DICT_NONE)
		return NULL;
	if (at >= all->cap) {
		size_t cap = all->cap ? 2 * all->cap : 8;
		struct config *list = realloc(all->list, cap * sizeof *list);

		if (!list)
			return NULL;
		all->list = list;
		all->cap = cap;
	}
	if (at == n)
		all->list[at] = (struct config){0};
	return &all->list[at];
}

/* Whether all values are zero, and whether one cannot be used, of float16 or float32 bytes. */
static void look_at(const unsigned char *bytes, size_t n, size_t item, int *is_zero, int *is_bad)
{
	*is_zero = 1;
	*is_bad = 0;
	for (size_t i = 0; i < n; i++) {
		uint16_t half;

		if (item == 2) {
			memcpy(&half, bytes + 2 * i, 2);
		} else {
			float f;

			memcpy(&f, bytes + 4 * i, 4);
			half = half_from_float(f);
		}
		*is_zero &= (half & 0x7fff) == 0;
		*is_bad |= !half_is_finite(half);
	}
}

/* The row's own faults; 1: its values can be looked at. */
static int check_shape(struct bundle_checker *c, struct config *config, int64_t id, int64_t dim,
		       size_t len, size_t *item)
{
	int rc = 0;

	*item = 0;
	if (dim > 0 && (uint64_t)dim <= len && (len == (size_t)dim * 2 || len == (size_t)dim * 4))
		*item = len / (size_t)dim;
	if (!*item)
		return check_addf(c, &bad_length,
				  "sequence_embedding %lld: %zu bytes, embedding_dim %lld",
				  (long long)id, len, (long long)dim);
	if (!config->dim) {
		config->dim = dim;
		config->item = *item;
	}
	if (config->dim != dim)
		rc = check_addf(c, &other_dim, "sequence_embedding %lld: %lld instead of %lld",
				(long long)id, (long long)dim, (long long)config->dim);
	if (rc == 0 && config->item != *item && !config->mixed) {
		config->mixed = 1;
		rc = check_addf(c, &mixed, "sequence_embedding %lld: %zu instead of %zu bytes",
				(long long)id, *item, config->item);
	}
	return rc < 0 ? rc : 1;
}

static int check_row(struct bundle_checker *c, struct configs *all, struct bundle_rows *r)
{
	int64_t id = sqlite3_column_int64(r->stmt, 0);
	const char *config_id = (const char *)sqlite3_column_text(r->stmt, 1);
	const unsigned char *bytes = sqlite3_column_blob(r->stmt, 3);
	size_t len = (size_t)sqlite3_column_bytes(r->stmt, 3);
	struct config *config;
	int is_zero, is_bad, rc;
	size_t item;

	if (sqlite3_column_type(r->stmt, 3) != SQLITE_BLOB || !config_id)
		return check_addf(c, &bad_length, "sequence_embedding %lld: not bytes",
				  (long long)id);
	config = config_of(all, config_id, strlen(config_id));
	if (!config || (!bytes && len))
		return err_nomem(c->err, "embeddings");
	rc = check_shape(c, config, id, sqlite3_column_int64(r->stmt, 2), len, &item);
	if (rc <= 0)
		return rc;
	look_at(bytes, len / item, item, &is_zero, &is_bad);
	if (is_bad)
		return check_addf(c, &not_finite, "sequence_embedding %lld", (long long)id);
	return is_zero ? check_addf(c, &zero, "sequence_embedding %lld", (long long)id) : 0;
}

int check_vectors(struct bundle_checker *c)
{
	struct configs all = {.list = NULL};
	struct bundle_rows r;
	int rc = bundle_schema_has_column(c->db, "sequence_embedding", "embedding_dim", c->err);

	if (rc <= 0)
		return rc < 0 ? rc : check_add(c, &no_dim, "sequence_embedding");
	bundle_rows_begin(&r, c->db, "sequence_embedding",
			  "SELECT id, embedding_config_id, embedding_dim, embedding"
			  " FROM sequence_embedding",
			  c->err);
	while (bundle_rows_next(&r) > 0)
		r.failed = check_row(c, &all, &r);
	rc = bundle_rows_end(&r);
	dict_release(&all.ids);
	free(all.list);
	return rc;
}

/* ---- sequences -------------------------------------------------------------------------------- */

static const struct check_kind bad_hash = {
	"bad-hash", "sequence_hash is not the MD5 of the sequence", BUNDLE_ERROR};
static const struct check_kind empty = {
	"empty-sequence", "a sequence is empty: its proteins get no alignments", BUNDLE_WARNING};
static const struct check_kind odd_letters = {
	"odd-letters",
	"a sequence has other bytes than letters, '*' and '-': they score as unknown",
	BUNDLE_WARNING};

static size_t plain_letters(const char *text, size_t len)
{
	size_t n = 0;

	while (n < len && ((text[n] >= 'A' && text[n] <= 'Z') ||
			   (text[n] >= 'a' && text[n] <= 'z') || text[n] == '*' || text[n] == '-'))
		n++;
	return n;
}

static int check_sequence(struct bundle_checker *c, struct bundle_rows *r)
{
	long long id = sqlite3_column_int64(r->stmt, 0);
	const char *text = (const char *)sqlite3_column_text(r->stmt, 1);
	size_t len = (size_t)sqlite3_column_bytes(r->stmt, 1);
	const char *hash = (const char *)sqlite3_column_text(r->stmt, 2);
	char hex[MD5_HEX];
	int rc = 0;

	if (!text)
		return 0; /* NULL: told by check_values() */
	if (len == 0)
		rc = check_addf(c, &empty, "sequence %lld", id);
	else if (plain_letters(text, len) < len)
		rc = check_addf(c, &odd_letters, "sequence %lld, position %zu", id,
				plain_letters(text, len) + 1);
	if (rc < 0 || !hash)
		return rc;
	rc = md5_hex(text, len, hex);
	if (rc < 0)
		return err_set(c->err, rc, "cannot make an MD5 digest");
	return strcmp(hash, hex) == 0
		       ? 0
		       : check_addf(c, &bad_hash, "sequence %lld: %.40s instead of %s", id, hash,
				    hex);
}

int check_sequences(struct bundle_checker *c)
{
	struct bundle_rows r;
	int has_hash = bundle_schema_has_column(c->db, "sequence", "sequence_hash", c->err);

	if (has_hash < 0)
		return has_hash;
	bundle_rows_begin(&r, c->db, "sequence",
			  has_hash ? "SELECT id, sequence, sequence_hash FROM sequence"
				   : "SELECT id, sequence, NULL FROM sequence",
			  c->err);
	while (bundle_rows_next(&r) > 0)
		r.failed = check_sequence(c, &r);
	return bundle_rows_end(&r);
}
