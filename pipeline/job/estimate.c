/* What a run will need: see preflight.h. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "pipeline/align/align.h"
#include "pipeline/features/candidates.h"
#include "pipeline/features/references.h"
#include "pipeline/job/groundtruth.h"
#include "pipeline/job/preflight.h"
#include "pipeline/job/pairs.h"
#include "pipeline/output/parquet.h"
#include "prof/base/buf.h"

/* Bytes of a finished row on disk: 21 on the medium sample, 48 on the tiny one, with all families. */
#define ROW_BYTES_ON_DISK 64
/* Heap per row of a Parquet row group: 8 bytes a column, dictionary indexes beside them. */
#define ROW_BYTES_IN_MEMORY 900

/* ---- memory -------------------------------------------------------------------------------------------- */

static uint64_t read_number(const char *path)
{
	FILE *f = fopen(path, "re");
	uint64_t v = 0;

	if (!f)
		return 0;
	if (fscanf(f, "%" SCNu64, &v) != 1)
		v = 0; /* "max": no limit */
	fclose(f);
	return v;
}

/* Pages of files that the kernel gives up before it fails an allocation; they count as used in a cgroup. */
static uint64_t cgroup_file_cache(void)
{
	FILE *f = fopen("/sys/fs/cgroup/memory.stat", "re");
	char name[64];
	uint64_t v, sum = 0;

	while (f && fscanf(f, "%63s %" SCNu64, name, &v) == 2)
		if (strcmp(name, "inactive_file") == 0 || strcmp(name, "active_file") == 0)
			sum += v;
	if (f)
		fclose(f);
	return sum;
}

uint64_t memory_available(void)
{
	FILE *f = fopen("/proc/meminfo", "re");
	char line[128];
	uint64_t kib = 0, bytes, limit, used, cache;

	while (f && fgets(line, sizeof line, f))
		if (sscanf(line, "MemAvailable: %" SCNu64, &kib) == 1)
			break;
	if (f)
		fclose(f);
	bytes = kib * 1024;
	limit = read_number("/sys/fs/cgroup/memory.max");
	used = read_number("/sys/fs/cgroup/memory.current");
	cache = cgroup_file_cache();
	used = used > cache ? used - cache : 0;
	if (limit && limit > used && limit - used < bytes)
		bytes = limit - used;
	return bytes;
}

/* Rows on their way: three row groups being filled, and each worker's window of blocks. A query has
 * about 15 candidates per neighbour and aspect; a block starts with room for 1,024 rows per category. */
static uint64_t rows_memory(uint64_t workers, uint64_t k)
{
	uint64_t groups = (uint64_t)CATEGORIES * PARQUET_ROW_GROUP_ROWS * ROW_BYTES_IN_MEMORY;
	uint64_t per_query = k * ASPECTS * 15 < 20000 ? k * ASPECTS * 15 : 20000;
	uint64_t block = SPLIT_BLOCK_QUERIES * per_query;

	if (block < (uint64_t)CATEGORIES * 1024)
		block = (uint64_t)CATEGORIES * 1024;
	return groups + workers * SPLIT_WINDOWS * SPLIT_WORKER_BLOCKS * block *
				(ROW_BYTES_IN_MEMORY + sizeof(struct candidate));
}

/* All pairs of releases are under way at once: references (of an aspect 8 bytes a protein, of an annotation
 * 4), ground truth (12 annotations of 8 bytes, a tenth of the proteins), neighbours and pairs. 15,000 queries in
 * a pair is generous; the aspects of a query have a third of their neighbours in common. */
static uint64_t pairs_memory(const struct payload *p, uint64_t rows, uint64_t k)
{
	uint64_t n = p->n_train_versions, queries = rows < 15000 ? rows : 15000;
	uint64_t refs = rows * (ASPECTS * 8 + 4 + 12 * 4 + 10);
	uint64_t pair = sizeof(struct knn_hit) + 3 * sizeof(uint32_t);

	return n * (refs + queries * k * ASPECTS * pair);
}

/* Values of the distinct text pairs of all pairs of releases, their texts (some 500 bytes, of at most a third
 * of the proteins), and of one pair what its features are made from. */
static uint64_t values_memory(const struct payload *p, uint64_t rows, uint64_t k)
{
	uint64_t n = p->n_train_versions, queries = rows < 15000 ? rows : 15000;
	uint64_t job = sizeof(struct align_values) + sizeof(struct align_job) + 24;
	uint64_t most = queries * k * 2;

	return n * most * job + rows / 3 * 500 +
	       most * (sizeof(struct align_values) + sizeof(struct tax_pair));
}

/* One part of the neighbour search. */
static uint64_t search_memory(const struct context *c, const struct payload *p, uint64_t rows,
			      uint64_t dim, uint64_t k)
{
	struct knn_params params = {
		.metric = p->metric,
		.k = (size_t)k,
		.n_workers = (size_t)c->settings->workers,
		.query_chunk = (size_t)c->settings->query_chunk,
	};
	struct knn_target target[ASPECTS] = {{0}};
	uint64_t part = pairs_part_queries(rows, dim);
	int a;

	if (!rows || !dim)
		return 0; /* no such configuration, which others tell */
	for (a = 0; a < ASPECTS; a++) {
		target[a].n_queries = (size_t)(part < rows ? part : rows);
		target[a].n_refs = (size_t)rows;
	}
	return knn_many_memory(target, ASPECTS, (size_t)dim, &params);
}

int estimate_memory(struct estimate *x, struct context *c, const struct payload *p, struct err *err)
{
	uint64_t rows = 0, dim = 0, workers = (uint64_t)c->settings->workers;
	int rc = source_embedding_estimate(c->source, p->embedding_config_id, &rows, &dim, err);

	if (rc)
		return rc;
	if (c->has_proteins && c->proteins.n > rows)
		rows = c->proteins.n; /* proteins that share a sequence have a row each */
	x->pool_rows = rows;
	x->pool_dim = dim;
	x->k = (uint64_t)p->k < rows ? (uint64_t)p->k : rows;
	x->memory_pool = rows * dim * 2;
	/* Proteins with names and maps (about 160 bytes), annotation sets (about 12 rows of 6 bytes a protein,
	 * one of them being read in 12 bytes more), GO maps and vectors. */
	x->memory_maps =
		rows * (160 + 12 * 12 + (p->n_train_versions + p->n_test_versions) * (4 + 12 * 6)) +
		(UINT64_C(128) << 20);
	x->memory_knn =
		search_memory(c, p, rows, dim, x->k ? x->k : 1) + pairs_memory(p, rows, x->k);
	x->memory_align = p->compute_alignments ? workers * (ALIGN_DEFAULT_MEMORY + (8u << 20)) +
							  values_memory(p, rows, x->k)
						: 0;
	if (workers > rows / SPLIT_BLOCK_QUERIES + 1)
		workers = rows / SPLIT_BLOCK_QUERIES + 1; /* the others have nothing to do */
	x->memory_rows = rows_memory(workers, x->k);
	x->memory_bytes =
		x->memory_pool + x->memory_maps + x->memory_knn + x->memory_align + x->memory_rows;
	return 0;
}

/* ---- rows and pairs ------------------------------------------------------------------------------------- */

/* Queries as far as they can be known without reading embeddings: proteins that gained something and have
 * a sequence. */
static uint64_t count_queries(const struct context *c, const struct buckets *b,
			      uint64_t in_aspect[ASPECTS])
{
	unsigned char *seen = calloc((size_t)c->proteins.n + 1, 1);
	uint64_t n = 0;
	int cat, a;

	for (cat = 0; seen && cat < CATEGORIES; cat++) {
		const struct pairset *s = &b->gained[cat];
		size_t i;

		for (i = 0; i < s->n; i++) {
			uint32_t protein = PAIR_PROTEIN(s->key[i]);

			if (protein >= c->proteins.n || c->proteins.sequence_id[protein] < 0)
				continue;
			a = aspect_index(c->ontology.aspect_by_go[PAIR_GO(s->key[i])]);
			if (!seen[protein])
				n++;
			if (a >= 0 && !(seen[protein] >> (a + 1) & 1))
				in_aspect[a]++;
			seen[protein] |= (unsigned char)(1u | (a >= 0 ? 2u << a : 0));
		}
	}
	free(seen);
	return n;
}

/* Distinct annotations of a reference and, with expansion, of their ancestors: the mean per reference. */
static void mean_terms(const struct context *c, const struct annset *set, int expand,
		       double mean[ASPECTS])
{
	uint64_t rows[ASPECTS] = {0}, refs[ASPECTS] = {0};
	const struct csr *anc = &c->ontology.snapshots[0].ancestors;
	uint32_t p, r;
	int a;

	for (p = 0; p < set->n_proteins; p++) {
		unsigned seen = 0;

		for (r = set->start[p]; r < set->start[p + 1]; r++) {
			a = aspect_index(c->ontology.term_aspect[set->term[r]]);
			if (a < 0 || (annset_kind(set, r)->flags & ANN_NEGATED))
				continue;
			rows[a] += 1 + (expand ? csr_len(anc, c->ontology.term_go[set->term[r]]) / 3
					       : 0);
			seen |= 1u << a;
		}
		for (a = 0; a < ASPECTS; a++)
			refs[a] += seen >> a & 1;
	}
	for (a = 0; a < ASPECTS; a++)
		mean[a] = refs[a] ? (double)rows[a] / (double)refs[a] : 0;
}

static int estimate_pair(struct estimate *x, struct context *c, const struct payload *p,
			 const struct plan *plan, size_t pair, struct events *e, struct err *err)
{
	struct buckets b = {0};
	uint64_t in_aspect[ASPECTS] = {0}, queries, rows = 0, pairs;
	double mean[ASPECTS];
	int computed, a, rc;

	rc = groundtruth_buckets(c, plan, pair, &b, &computed, e, err);
	if (!rc)
		rc = context_need_set(c, plan, plan->pairs[pair].old_version, e, err);
	if (rc) {
		buckets_release(&b);
		return rc;
	}
	queries = count_queries(c, &b, in_aspect);
	mean_terms(c, &c->sets[plan->pairs[pair].old_version], p->expand_votes_to_ancestors, mean);
	for (a = 0; a < ASPECTS; a++)
		rows += (uint64_t)((double)in_aspect[a] * (double)x->k * mean[a]);
	pairs = queries * x->k * ASPECTS;
	x->queries += queries;
	x->pairs += pairs;
	x->rows += rows;
	if (queries > x->largest_pair_queries)
		x->largest_pair_queries = queries;
	json_array_append_new(x->by_pair, json_pack("{s:s, s:s, s:I, s:I, s:I, s:I, s:I, s:I}",
						    "pair", plan->pairs[pair].label, "ground_truth",
						    computed ? "computed" : "materialised", "nk",
						    (json_int_t)b.gained[CAT_NK].n, "lk",
						    (json_int_t)b.gained[CAT_LK].n, "pk",
						    (json_int_t)b.gained[CAT_PK].n, "queries",
						    (json_int_t)queries, "pairs", (json_int_t)pairs,
						    "rows", (json_int_t)rows));
	buckets_release(&b);
	return 0;
}

int estimate_make(struct estimate *x, struct context *c, const struct payload *p,
		  const struct plan *plan, struct events *e, struct err *err)
{
	size_t i;
	int rc;

	*x = (struct estimate){.by_pair = json_array()};
	rc = context_load_maps(c, p, plan, e, err);
	if (!rc)
		rc = estimate_memory(x, c, p, err);
	x->proteins = c->proteins.n;
	for (i = 0; !rc && i < plan->n_pairs; i++) {
		rc = estimate_pair(x, c, p, plan, i, e, err);
		context_drop_set(c, plan->pairs[i].old_version);
	}
	x->disk_bytes = 2 * x->rows * ROW_BYTES_ON_DISK;
	if (rc)
		estimate_release(x);
	return rc;
}

void estimate_release(struct estimate *x)
{
	json_decref(x->by_pair);
	x->by_pair = NULL;
}
