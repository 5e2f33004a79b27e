/* The embedding pool: see pool.h. Rows come by sequence; each sequence's row is written to the slots of
 * all proteins that share it, and empty slots are squeezed out at the end. Parts of the sequences may be read by
 * threads of their own, with the same result. */
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
#include "pipeline/source/source_readers.h"

#define WORKER_PARTS 4   /* of a thread */
#define PART_USERS   64  /* of a part at least */
#define TELL_ROWS    256 /* between two words of progress */

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
	size_t n_users;
	unsigned char *filled; /* owned: per protein, 1 a row is in its slot, 2 it is not finite */
	struct pool_slots slots;
	struct source_readers readers;
	struct part *parts; /* owned */
	size_t n_parts;
};

/* Rows of neighbouring sequences; one thread at a time. */
struct part {
	struct load *l;
	size_t from, end; /* users */
	size_t at;        /* first user of the sequence at hand */
	uint16_t *best;   /* owned: chosen row of the sequence at hand */
	size_t best_dim;
	int64_t sequence_id, best_chunk;
	uint64_t n_rows; /* of the sequence at hand */
	uint64_t duplicate_rows;
	uint64_t untold; /* rows, for progress */
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
static int map_slots(struct load *l, size_t dim, struct err *err)
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
	pool->mapped_bytes = l->slots.bytes;
	pool->values = pool->mapping;
	return 0;
}

static int make_slots(struct load *l, size_t dim, struct err *err)
{
	int rc = map_slots(l, dim, err);

	if (!rc && are_dense(l))
		pool_slots_make_pages(&l->slots);
	return rc;
}

static void tell(struct part *t)
{
	const struct pool_options *o = t->l->options;

	if (o->progress && t->untold)
		o->progress(o->progress_ctx, t->untold);
	t->untold = 0;
}

static int place(struct part *t, struct err *err)
{
	struct load *l = t->l;
	struct pool *pool = l->pool;
	int finite = all_finite(t->best, t->best_dim);
	int rc;

	for (; t->at < t->end && l->users[t->at].sequence_id == t->sequence_id; t->at++) {
		uint32_t protein = l->users[t->at].protein;

		t->duplicate_rows += t->n_rows - 1;
		if (!pool->values && (rc = make_slots(l, t->best_dim, err)) != 0)
			return rc;
		if (t->best_dim != pool->dim)
			return err_set(err, ERR_FORMAT,
				       "embedding configuration %s: protein '%s' has dimension "
				       "%zu, expected %zu",
				       pool->config_id,
				       dict_text(&l->proteins->accessions, protein), t->best_dim,
				       pool->dim);
		if (finite)
			memcpy(pool->values + (size_t)protein * pool->dim, t->best,
			       pool->dim * sizeof *t->best);
		l->filled[protein] = finite ? 1 : 2;
		if (++t->untold == TELL_ROWS)
			tell(t);
	}
	return 0;
}

/* Moves on to another sequence: places the chosen row of the last one, skips users without rows. */
static int next_sequence(struct part *t, int64_t sequence_id, struct err *err)
{
	if (t->n_rows) {
		int rc = place(t, err);

		if (rc)
			return rc;
	}
	while (t->at < t->end && t->l->users[t->at].sequence_id < sequence_id)
		t->at++;
	t->sequence_id = sequence_id;
	t->n_rows = 0;
	return 0;
}

static int take_row(void *ctx, const struct source_embedding *row, struct err *err)
{
	struct part *t = ctx;
	int rc;

	if (t->l->options->rows)
		pool_digest_row(t->l->options->rows, row);
	if (!t->n_rows || row->sequence_id != t->sequence_id) {
		rc = next_sequence(t, row->sequence_id, err);
		if (rc)
			return rc;
	}
	/* Rows come by id, so of equal chunks the first is the one to keep. */
	if (t->n_rows++ && row->chunk_index_s >= t->best_chunk)
		return 0;
	t->best_chunk = row->chunk_index_s;
	if (t->best_dim != row->dim || !t->best) {
		uint16_t *best = realloc(t->best, (row->dim + 1) * sizeof *best);

		if (!best)
			return err_nomem(err, "an embedding");
		t->best = best;
		t->best_dim = row->dim;
	}
	to_half(row, t->best);
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

/* ---- reading ------------------------------------------------------------------------------------------ */

static void drop_parts(struct load *l)
{
	size_t i;

	for (i = 0; l->parts && i < l->n_parts; i++)
		free(l->parts[i].best);
	free(l->parts);
	l->parts = NULL;
	l->n_parts = 0;
}

/* Cuts the users into `n` parts, between sequences. */
static int make_parts(struct load *l, size_t n, struct err *err)
{
	size_t i, from = 0;

	l->parts = calloc(n, sizeof *l->parts);
	if (!l->parts)
		return err_nomem(err, "the embedding pool");
	l->n_parts = n;
	for (i = 0; i < n; i++) {
		size_t end = i + 1 == n ? l->n_users : l->n_users / n * (i + 1);

		while (end > from && end < l->n_users &&
		       l->users[end].sequence_id == l->users[end - 1].sequence_id)
			end++;
		end = end < from ? from : end;
		l->parts[i] = (struct part){.l = l, .from = from, .end = end, .at = from};
		from = end;
	}
	return 0;
}

static int end_part(struct part *t, struct err *err)
{
	int rc = next_sequence(t, INT64_MAX, err);

	tell(t);
	return rc;
}

static int read_whole(struct load *l, struct source *s, struct err *err)
{
	int rc = make_parts(l, 1, err);

	if (!rc)
		rc = source_embeddings(s, l->pool->config_id, take_row, l->parts, err);
	if (!rc)
		rc = end_part(l->parts, err);
	pool_slots_settle(&l->slots);
	return rc;
}

/* Every row of the source is in some part, whether it has users or not. */
static int read_part(void *ctx, size_t worker, size_t item, struct err *err)
{
	struct load *l = ctx;
	struct part *t = &l->parts[item];
	int64_t first = item ? l->users[t->from].sequence_id : INT64_MIN;
	int64_t last = t->end < l->n_users ? l->users[t->end].sequence_id - 1 : INT64_MAX;
	int rc;

	if (t->from == t->end)
		return 0;
	if (are_dense(l))
		pool_slots_make(&l->slots, l->slots.bytes / l->n_parts * item,
				item + 1 == l->n_parts ? l->slots.bytes
						       : l->slots.bytes / l->n_parts * (item + 1));
	rc = source_embeddings_between(source_reader(&l->readers, worker), l->pool->config_id,
				       first, last, take_row, t, err);
	return rc ? rc : end_part(t, err);
}

static int read_parts(struct load *l, struct source *s, size_t n, struct err *err)
{
	int rc = make_parts(l, n, err);

	if (!rc)
		rc = map_slots(l, l->options->dim, err);
	if (!rc)
		rc = source_readers_open(&l->readers, s, l->options->n_workers, err);
	if (!rc)
		rc = workers_run(l->readers.n, l->n_parts, read_part, l, err);
	source_readers_close(&l->readers);
	return rc;
}

/* As if nothing had been read. */
static void start_again(struct load *l)
{
	drop_parts(l);
	pool_drop_values(l->pool);
	l->pool->dim = 0;
	l->slots = (struct pool_slots){0};
	memset(l->filled, 0, (size_t)l->proteins->n + 1);
}

static size_t count_parts(const struct load *l, const struct source *s)
{
	size_t n = l->options->n_workers * WORKER_PARTS;

	if (l->options->n_workers < 2 || l->options->rows || !l->options->dim ||
	    !source_has_embedding_parts(s))
		return 1;
	return n < l->n_users / PART_USERS ? n : l->n_users / PART_USERS;
}

/* What is wrong with a row is told by the pass that reads one after the other. */
static int read_rows(struct load *l, struct source *s, struct err *err)
{
	size_t n = count_parts(l, s);
	int rc;

	if (n > 1) {
		rc = read_parts(l, s, n, err);
		if (rc == 0 || rc == ERR_CANCELLED || rc == ERR_NOMEM)
			return rc;
		start_again(l);
	}
	return read_whole(l, s, err);
}

int pool_load(struct pool *pool, struct source *s, const char *config_id,
	      const struct proteins *proteins, const struct pool_options *options, struct err *err)
{
	struct load l = {.pool = pool, .proteins = proteins, .options = options};
	size_t i;
	int rc;

	memset(pool, 0, sizeof *pool);
	memccpy(pool->config_id, config_id, '\0', UUID_TEXT - 1);
	rc = prepare(&l, err);
	if (!rc)
		rc = read_rows(&l, s, err);
	for (i = 0; i < l.n_parts; i++)
		pool->duplicate_rows += l.parts[i].duplicate_rows;
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
	drop_parts(&l);
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
