/* Neighbours of a pair in files: see kept_neighbors.h. A file is a header, then per aspect the counts and the
 * hits of its queries, then 64 digits over all that. Read by the machine that wrote it: native byte order, told
 * by the header's first number. */
#include "pipeline/job/kept_neighbors.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "pipeline/core/fsio.h"
#include "pipeline/core/version.h"

#define MAGIC UINT64_C(0x31304e4e4b545250)

struct header {
	uint64_t magic;
	char key[SHA256_HEX - 1];
	uint32_t from, to; /* queries */
	uint32_t k, stride;
};

static void put(struct sha256 *d, const void *bytes, size_t n)
{
	uint64_t size = n;

	sha256_update(d, &size, sizeof size);
	sha256_update(d, bytes, n);
}

static int make_key(struct kept_neighbors *kept, const struct split *s, const char *base)
{
	struct sha256 *d = sha256_new();
	int version = EXPORT_VALUE_VERSION, a, rc;

	if (!d)
		return ERR_NOMEM;
	put(d, &version, sizeof version);
	put(d, base, strlen(base));
	put(d, &s->payload->metric, sizeof s->payload->metric);
	put(d, &s->payload->distance_threshold, sizeof s->payload->distance_threshold);
	put(d, s->query_row, s->n_queries * sizeof *s->query_row);
	for (a = 0; a < ASPECTS; a++)
		put(d, s->refs->aspect[a].row, s->refs->aspect[a].n * sizeof(uint32_t));
	rc = sha256_finish(d, kept->key);
	sha256_free(d);
	return rc;
}

int kept_neighbors_open(struct kept_neighbors *kept, const struct split *s, const char *dir,
			const char *base, struct err *err)
{
	char name[UUID_TEXT + PLAN_LABEL_TEXT + 8];

	snprintf(name, sizeof name, "%s.%s.knn", s->payload->embedding_config_id,
		 s->plan->pairs[s->pair].label);
	*kept = (struct kept_neighbors){.prefix = fsio_join(dir, name)};
	if (!kept->prefix || make_key(kept, s, base) != 0) {
		kept_neighbors_close(kept);
		return err_nomem(err, "neighbours");
	}
	return 0;
}

void kept_neighbors_close(struct kept_neighbors *kept)
{
	free(kept->prefix);
	*kept = (struct kept_neighbors){0};
}

static char *path_of(const struct kept_neighbors *kept, uint32_t from)
{
	size_t size = strlen(kept->prefix) + 16;
	char *path = malloc(size);

	if (path)
		snprintf(path, size, "%s.%u", kept->prefix, from);
	return path;
}

/* ---- reading ------------------------------------------------------------------------------------------ */

static size_t body_size(const struct header *h)
{
	size_t n = h->to - h->from;

	return ASPECTS * n * (sizeof(uint32_t) + h->stride * sizeof(struct knn_hit));
}

/* Is the file whole and about these queries, with as many neighbours as are wanted? */
static int fits(const struct kept_neighbors *kept, const struct split *s, const struct buf *file,
		uint32_t from, struct header *h)
{
	char sha[SHA256_HEX];

	if (file->len < sizeof *h + SHA256_HEX - 1)
		return 0;
	memcpy(h, file->data, sizeof *h);
	return h->magic == MAGIC && memcmp(h->key, kept->key, sizeof h->key) == 0 &&
	       h->from == from && h->to > from && h->to <= s->n_queries &&
	       h->k >= s->own_neighbors.k && h->stride <= h->k &&
	       file->len == sizeof *h + body_size(h) + SHA256_HEX - 1 &&
	       sha256_hex(file->data, sizeof *h + body_size(h), sha) == 0 &&
	       memcmp(sha, file->data + sizeof *h + body_size(h), SHA256_HEX - 1) == 0;
}

/* The nearest `stride` of what the file has: a search at a larger K serves a smaller one. 0: the file names
 * references that are not there. */
static int take(struct split *s, const struct header *h, const char *at)
{
	struct neighbors *to = &s->own_neighbors;
	size_t n = h->to - h->from, q;
	uint32_t i;
	int a;

	for (a = 0; a < ASPECTS; a++) {
		const char *hits = at + n * sizeof(uint32_t);

		for (q = 0; q < n; q++) {
			struct knn_hit *hit = to->hit[a] + (h->from + q) * to->stride;
			uint32_t found;

			memcpy(&found, at + q * sizeof found, sizeof found);
			if (found > h->stride)
				found = h->stride;
			if (found > to->stride)
				found = to->stride;
			to->count[a][h->from + q] = found;
			memcpy(hit, hits + q * h->stride * sizeof *hit, found * sizeof *hit);
			for (i = 0; i < found; i++)
				if (hit[i].ref >= s->refs->aspect[a].n)
					return 0;
		}
		at = hits + n * h->stride * sizeof(struct knn_hit);
	}
	return 1;
}

int kept_neighbors_load(const struct kept_neighbors *kept, struct split *s, struct err *err)
{
	int more = 1;

	while (more && s->n_found < s->n_queries) {
		char *path = path_of(kept, s->n_found);
		struct buf file = BUF_INIT;
		struct header h;

		if (!path)
			return err_nomem(err, "neighbours");
		more = fsio_exists(path) && fsio_read_all(path, BUF_NO_LIMIT, &file, NULL) == 0 &&
		       fits(kept, s, &file, s->n_found, &h) && take(s, &h, file.data + sizeof h);
		if (more)
			s->n_found = h.to;
		buf_release(&file);
		free(path);
	}
	return 0;
}

/* ---- writing ------------------------------------------------------------------------------------------ */

static int put_out(struct fsio_out *out, struct sha256 *d, const void *bytes, size_t n,
		   struct err *err)
{
	sha256_update(d, bytes, n);
	return fsio_write(out, bytes, n, err);
}

int kept_neighbors_save(const struct kept_neighbors *kept, const struct split *s, uint32_t from,
			uint32_t to, struct err *err)
{
	const struct neighbors *n = s->neighbors;
	struct header h = {.magic = MAGIC, .from = from, .to = to, .k = n->k, .stride = n->stride};
	char *path = path_of(kept, from), sha[SHA256_HEX];
	struct sha256 *d = sha256_new();
	struct fsio_out out = {.fd = -1};
	int a, rc = path && d ? fsio_create(&out, path, err) : err_nomem(err, "neighbours");

	memcpy(h.key, kept->key, sizeof h.key);
	if (!rc)
		rc = put_out(&out, d, &h, sizeof h, err);
	for (a = 0; !rc && a < ASPECTS; a++) {
		rc = put_out(&out, d, n->count[a] + from, (to - from) * sizeof(uint32_t), err);
		if (!rc)
			rc = put_out(&out, d, n->hit[a] + (size_t)from * n->stride,
				     (size_t)(to - from) * n->stride * sizeof(struct knn_hit), err);
	}
	if (!rc && sha256_finish(d, sha) != 0)
		rc = err_set(err, ERR_INTERNAL, "cannot digest the neighbours");
	if (!rc)
		rc = fsio_write(&out, sha, SHA256_HEX - 1, err);
	if (!rc)
		rc = fsio_commit(&out, err);
	else
		fsio_abort(&out);
	sha256_free(d);
	free(path);
	return rc;
}
