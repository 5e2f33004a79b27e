/* The embedding pool: see pool.h. Rows come by sequence; each sequence's row is written to the slots of
 * all proteins that share it, and empty slots are squeezed out at the end. */
#include "pipeline/pool/pool.h"

#include <endian.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "pipeline/core/digest.h"
#include "pipeline/core/half.h"
#include "pipeline/core/workers.h"
#include "pipeline/pool/pool_slots.h"
#include "pipeline/source/source.h"

#define IS_LITTLE (__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__)

struct by_sequence { /* proteins of one sequence are neighbours after sorting */
	int64_t sequence_id;
	uint32_t protein;
};

struct load {
	struct pool *pool;
	const struct proteins *proteins;
	const struct pool_options *options;
	struct by_sequence *users; /* owned, sorted */
	size_t n_users, at;        /* `at`: first user of the sequence at hand */
	unsigned char *filled; /* owned: per protein, 1 a row is in its slot, 2 it is not finite */
	uint16_t *best;        /* owned: chosen row of the sequence at hand */
	size_t best_dim;
	int64_t sequence_id, best_chunk;
	uint64_t n_rows; /* of the sequence at hand */
	struct pool_slots slots;
};

static int cmp_user(const void *a, const void *b)
{
	const struct by_sequence *x = a, *y = b;

	if (x->sequence_id != y->sequence_id)
		return x->sequence_id < y->sequence_id ? -1 : 1;
	return (x->protein > y->protein) - (x->protein < y->protein);
}

static uint16_t swap16(const unsigned char *p, int big)
{
	uint16_t v;

	memcpy(&v, p, 2);
	return big ? be16toh(v) : le16toh(v);
}

static float load_float(const unsigned char *p, int big)
{
	uint32_t bits;
	float f;

	memcpy(&bits, p, 4);
	bits = big ? be32toh(bits) : le32toh(bits);
	memcpy(&f, &bits, 4);
	return f;
}

static void to_half(const struct source_embedding *row, uint16_t *out)
{
	const unsigned char *p = row->values;
	int big = row->type == SOURCE_HALF_BE || row->type == SOURCE_FLOAT_BE;
	size_t i;

	if (row->type == (IS_LITTLE ? SOURCE_HALF_LE : SOURCE_HALF_BE)) {
		memcpy(out, p, row->dim * sizeof *out);
	} else if (row->type == SOURCE_HALF_LE || row->type == SOURCE_HALF_BE) {
		for (i = 0; i < row->dim; i++)
			out[i] = swap16(p + 2 * i, big);
	} else {
		for (i = 0; i < row->dim; i++)
			out[i] = half_from_float_by_text(load_float(p + 4 * i, big));
	}
}

/* Four values at a time: an exponent of all ones, plus one, is a carry into the place of the sign. */
static int all_finite(const uint16_t *v, size_t n)
{
	const uint64_t exponents = UINT64_C(0x7c007c007c007c00),
		       ones = UINT64_C(0x0400040004000400);
	const uint64_t signs = UINT64_C(0x8000800080008000);
	uint64_t bad = 0, four;
	size_t i;

	for (i = 0; i + 4 <= n; i += 4) {
		memcpy(&four, v + i, sizeof four);
		bad |= ((four & exponents) + ones) & signs;
	}
	for (; i < n; i++)
		bad |= !half_is_finite(v[i]);
	return !bad;
}

/* Are nearly all slots going to be written? */
static int are_dense(const struct load *l)
{
	return l->options->n_workers > 1 && l->options->expected >= l->proteins->n / 8 * 7u;
}

/* Slots for every protein: the upper bound. */
static int make_slots(struct load *l, size_t dim, struct err *err)
{
	struct pool *pool = l->pool;
	int rc;

	if (dim == 0 || dim > 1u << 20)
		return err_set(err, ERR_FORMAT,
			       "embedding configuration %s: dimension %zu is out of range",
			       pool->config_id, dim);
	pool->dim = dim;
	rc = pool_slots_map(&l->slots, (size_t)l->proteins->n * dim * sizeof *pool->values + 64,
			    err);
	if (rc)
		return rc;
	pool->mapping = l->slots.at;
	pool->values = pool->mapping;
	if (are_dense(l))
		pool_slots_make_pages(&l->slots);
	return 0;
}

static int place(struct load *l, struct err *err)
{
	struct pool *pool = l->pool;
	int finite = all_finite(l->best, l->best_dim);
	int rc;

	for (; l->at < l->n_users && l->users[l->at].sequence_id == l->sequence_id; l->at++) {
		uint32_t protein = l->users[l->at].protein;

		pool->duplicate_rows += l->n_rows - 1;
		if (!pool->values && (rc = make_slots(l, l->best_dim, err)) != 0)
			return rc;
		if (l->best_dim != pool->dim)
			return err_set(err, ERR_FORMAT,
				       "embedding configuration %s: protein '%s' has dimension "
				       "%zu, expected %zu",
				       pool->config_id,
				       dict_text(&l->proteins->accessions, protein), l->best_dim,
				       pool->dim);
		if (finite)
			memcpy(pool->values + (size_t)protein * pool->dim, l->best,
			       pool->dim * sizeof *l->best);
		l->filled[protein] = finite ? 1 : 2;
		if (l->options->progress)
			l->options->progress(l->options->progress_ctx, 1);
	}
	return 0;
}

/* Moves on to another sequence: places the chosen row of the last one, skips users without rows. */
static int next_sequence(struct load *l, int64_t sequence_id, struct err *err)
{
	if (l->n_rows) {
		int rc = place(l, err);

		if (rc)
			return rc;
	}
	while (l->at < l->n_users && l->users[l->at].sequence_id < sequence_id)
		l->at++;
	l->sequence_id = sequence_id;
	l->n_rows = 0;
	return 0;
}

static int take_row(void *ctx, const struct source_embedding *row, struct err *err)
{
	struct load *l = ctx;
	int rc;

	if (l->options->rows)
		pool_digest_row(l->options->rows, row);
	if (!l->n_rows || row->sequence_id != l->sequence_id) {
		rc = next_sequence(l, row->sequence_id, err);
		if (rc)
			return rc;
	}
	/* Rows come by id, so of equal chunks the first is the one to keep. */
	if (l->n_rows++ && row->chunk_index_s >= l->best_chunk)
		return 0;
	l->best_chunk = row->chunk_index_s;
	if (l->best_dim != row->dim || !l->best) {
		uint16_t *best = realloc(l->best, (row->dim + 1) * sizeof *best);

		if (!best)
			return err_nomem(err, "an embedding");
		l->best = best;
		l->best_dim = row->dim;
	}
	to_half(row, l->best);
	return 0;
}

static int prepare(struct load *l, struct err *err)
{
	const struct proteins *p = l->proteins;
	uint32_t i;

	l->users = malloc(((size_t)p->n + 1) * sizeof *l->users);
	l->filled = calloc((size_t)p->n + 1, 1);
	if (!l->users || !l->filled)
		return err_nomem(err, "the embedding pool");
	for (i = 0; i < p->n; i++)
		if (p->sequence_id[i] >= 0)
			l->users[l->n_users++] = (struct by_sequence){p->sequence_id[i], i};
	qsort(l->users, l->n_users, sizeof *l->users, cmp_user);
	return 0;
}

static int count_dropped(struct load *l, struct err *err)
{
	struct pool *pool = l->pool;
	uint32_t p;

	for (p = 0; p < l->proteins->n; p++)
		if (l->filled[p] == 2) {
			if (pool->dropped_non_finite < POOL_DROPPED_SHOWN)
				pool->dropped[pool->dropped_non_finite] = p;
			pool->dropped_non_finite++;
		}
	if (pool->dropped_non_finite && l->options->strict)
		return err_set(err, ERR_FORMAT,
			       "embedding configuration %s: %llu proteins have a value that is not "
			       "finite, the first "
			       "is '%s'; repair them or leave strict_embeddings off",
			       pool->config_id, (unsigned long long)pool->dropped_non_finite,
			       dict_text(&l->proteins->accessions, pool->dropped[0]));
	return 0;
}

/* Squeezes out empty slots; gives the tail back. */
static int squeeze(struct load *l, struct err *err)
{
	struct pool *pool = l->pool;
	size_t row_bytes = pool->dim * sizeof *pool->values, used, page = 4096;
	uint32_t p;

	pool->n_proteins = l->proteins->n;
	pool->protein = malloc(((size_t)pool->n_proteins + 1) * sizeof *pool->protein);
	pool->row_of = malloc(((size_t)pool->n_proteins + 1) * sizeof *pool->row_of);
	if (!pool->protein || !pool->row_of)
		return err_nomem(err, "the embedding pool");
	for (p = 0; p < pool->n_proteins; p++) {
		pool->row_of[p] = POOL_NONE;
		if (l->filled[p] != 1)
			continue;
		if (pool->n != p)
			memmove(pool->values + (size_t)pool->n * pool->dim,
				pool->values + (size_t)p * pool->dim, row_bytes);
		pool->protein[pool->n] = p;
		pool->row_of[p] = pool->n++;
	}
	used = ((size_t)pool->n * row_bytes + page) & ~(page - 1);
	if (used < l->slots.bytes)
		(void)madvise((char *)pool->values + used, l->slots.bytes - used, MADV_DONTNEED);
	return 0;
}

int pool_load(struct pool *pool, struct source *s, const char *config_id,
	      const struct proteins *proteins, const struct pool_options *options, struct err *err)
{
	struct load l = {.pool = pool, .proteins = proteins, .options = options};
	int rc;

	memset(pool, 0, sizeof *pool);
	memccpy(pool->config_id, config_id, '\0', UUID_TEXT - 1);
	rc = prepare(&l, err);
	if (!rc)
		rc = source_embeddings(s, config_id, take_row, &l, err);
	if (!rc)
		rc = next_sequence(&l, INT64_MAX, err);
	pool_slots_settle(&l.slots);
	if (!rc)
		rc = count_dropped(&l, err);
	if (!rc)
		rc = squeeze(&l, err);
	if (!rc && pool->n == 0)
		rc = err_set(err, ERR_NOTFOUND,
			     "embedding configuration %s has no usable embedding of any protein",
			     config_id);
	free(l.users);
	free(l.filled);
	free(l.best);
	pool->mapped_bytes = l.slots.bytes;
	if (rc)
		pool_release(pool);
	return rc;
}

void pool_drop_values(struct pool *pool)
{
	if (pool->mapping)
		munmap(pool->mapping, pool->mapped_bytes);
	pool->mapping = NULL;
	pool->values = NULL;
}

void pool_release(struct pool *pool)
{
	pool_drop_values(pool);
	free(pool->protein);
	free(pool->row_of);
	memset(pool, 0, sizeof *pool);
}

int pool_accessions_sha256(const struct pool *pool, const struct proteins *proteins, char out[65])
{
	struct sha256 *d = sha256_new();
	uint32_t i;
	int rc;

	if (!d)
		return ERR_NOMEM;
	for (i = 0; i < pool->n; i++) {
		const char *acc = dict_text(&proteins->accessions, pool->protein[i]);

		if (i)
			sha256_update(d, "", 1);
		sha256_update(d, acc, strlen(acc));
	}
	rc = sha256_finish(d, out);
	sha256_free(d);
	return rc;
}

/* ---- digest of the values ----------------------------------------------------------------------------- */

#define DIGEST_BYTES ((size_t)4 << 20)

struct digesting {
	const struct pool *pool;
	size_t bytes;
	char (*sha)[SHA256_HEX]; /* owned: one per block */
};

static int digest_block(void *ctx, size_t worker, size_t item, struct err *err)
{
	struct digesting *d = ctx;
	size_t from = item * DIGEST_BYTES;
	size_t n = d->bytes - from < DIGEST_BYTES ? d->bytes - from : DIGEST_BYTES;
	int rc = sha256_hex((const char *)d->pool->values + from, n, d->sha[item]);

	(void)worker;
	return rc ? err_set(err, rc, "cannot digest the pool") : 0;
}

int pool_values_sha256(const struct pool *pool, size_t n_workers, char out[65], struct err *err)
{
	struct digesting d = {pool, (size_t)pool->n * pool->dim * sizeof *pool->values, NULL};
	size_t blocks = (d.bytes + DIGEST_BYTES - 1) / DIGEST_BYTES;
	int rc;

	d.sha = calloc(blocks + 1, sizeof *d.sha);
	if (!d.sha)
		return err_nomem(err, "a digest");
	rc = workers_run(n_workers, blocks, digest_block, &d, err);
	if (!rc && sha256_hex(d.sha, blocks * sizeof *d.sha, out) != 0)
		rc = err_set(err, ERR_INTERNAL, "cannot digest the pool");
	free(d.sha);
	return rc;
}

int pool_digest(struct pool *pool, size_t n_workers, struct err *err)
{
	if (pool->values_sha256[0])
		return 0;
	return pool_values_sha256(pool, n_workers, pool->values_sha256, err);
}

void pool_digest_row(struct sha256 *d, const struct source_embedding *row)
{
	int half = row->type == SOURCE_HALF_LE || row->type == SOURCE_HALF_BE;
	char head[128];
	int n = snprintf(head, sizeof head, "%" PRId64 " %" PRId64 " %" PRId64 " %zu %d\n", row->id,
			 row->sequence_id, row->chunk_index_s, row->dim, (int)row->type);

	sha256_update(d, head, (size_t)n);
	sha256_update(d, row->values, row->dim * (half ? 2 : 4));
}
