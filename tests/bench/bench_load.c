/* Loading: what a run reads from its bundle before the first query, step by step: wall and CPU seconds,
 * memory that stays, peak so far. Arguments: a bundle, whose first model and releases of `goa` are
 * read, and threads. Without one, the medium sample if it has been made. Numbers, no verdict. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "pipeline/core/workers.h"
#include "pipeline/features/references.h"
#include "pipeline/ontology/annset.h"
#include "pipeline/ontology/buckets.h"
#include "pipeline/ontology/ontology.h"
#include "pipeline/pool/pool.h"
#include "pipeline/pool/pool_cache.h"
#include "pipeline/pool/proteins.h"
#include "pipeline/source/source.h"
#include "prof/base/clock.h"

#define MAX_SETS 32

struct meter {
	int64_t wall;
	double cpu;
};

static double cpu_s(void)
{
	struct rusage u;

	getrusage(RUSAGE_SELF, &u);
	return (double)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) +
	       (double)(u.ru_utime.tv_usec + u.ru_stime.tv_usec) / 1e6;
}

static double peak_mib(void)
{
	struct rusage u;

	getrusage(RUSAGE_SELF, &u);
	return (double)u.ru_maxrss / 1024;
}

static double resident_mib(void)
{
	FILE *f = fopen("/proc/self/statm", "re");
	long size = 0, resident = 0;

	if (f && fscanf(f, "%ld %ld", &size, &resident) != 2)
		resident = 0;
	if (f)
		fclose(f);
	return (double)resident * (double)sysconf(_SC_PAGESIZE) / (1024 * 1024);
}

static struct meter begin(void)
{
	return (struct meter){clock_mono_ns(), cpu_s()};
}

static void end(const struct meter *m, const char *what, double items)
{
	double wall = clock_elapsed_s(m->wall);

	printf("%-28s %8.3f s wall  %8.3f s CPU  %7.0f MiB now  %7.0f MiB peak  %9.3g items/s\n",
	       what, wall, cpu_s() - m->cpu, resident_mib(), peak_mib(),
	       wall > 0 ? items / wall : 0);
	fflush(stdout);
}

struct sets {
	size_t n;
	char id[MAX_SETS][UUID_TEXT], snapshot[MAX_SETS][UUID_TEXT];
};

static int take_set(void *ctx, const struct source_annotation_set *row, struct err *err)
{
	struct sets *s = ctx;

	(void)err;
	if (s->n < MAX_SETS) {
		snprintf(s->id[s->n], UUID_TEXT, "%s", row->id);
		snprintf(s->snapshot[s->n++], UUID_TEXT, "%s", row->snapshot_id);
	}
	return 0;
}

static int take_config(void *ctx, const struct source_config *row, struct err *err)
{
	char *id = ctx;

	(void)err;
	if (!*id)
		snprintf(id, UUID_TEXT, "%s", row->id);
	return 0;
}

struct world {
	struct source *source;
	size_t workers;
	struct sets sets;
	char config[UUID_TEXT];
	struct proteins proteins;
	struct ontology ontology;
	struct pool pool;
	struct dict strings;
	struct annset set[MAX_SETS];
};

static int load_maps(struct world *w, struct err *err)
{
	const char *native[MAX_SETS];
	struct meter m = begin();
	size_t i;
	int rc = proteins_load(&w->proteins, w->source, err);

	end(&m, "proteins", w->proteins.n);
	for (i = 0; i < w->sets.n; i++)
		native[i] = w->sets.snapshot[i];
	m = begin();
	if (!rc)
		rc = ontology_load(&w->ontology, w->source, native[0], native, w->sets.n, err);
	if (!rc)
		rc = ontology_finish(&w->ontology, err);
	end(&m, "ontology", w->ontology.n_terms);
	return rc;
}

static int load_pool(struct world *w, struct err *err)
{
	struct pool_options options = {.n_workers = w->workers};
	struct pool_cache_key key;
	uint64_t dim = 0;
	char sha[65];
	struct meter m = begin();
	int rc = source_embedding_estimate(w->source, w->config, &options.expected, &dim, err);

	options.dim = (size_t)dim;
	if (!rc)
		rc = pool_load(&w->pool, w->source, w->config, &w->proteins, &options, err);

	end(&m, "pool", w->pool.n);
	m = begin();
	if (!rc)
		rc = pool_cache_key(&key, w->source, w->config, &w->proteins, w->pool.n, err);
	end(&m, "pool cache key", w->pool.n);
	m = begin();
	if (!rc)
		rc = pool_values_sha256(&w->pool, workers_cpu_count(), sha, err);
	end(&m, "digest of the pool", w->pool.n);
	return rc;
}

static int load_sets(struct world *w, struct err *err)
{
	size_t i;
	int rc = 0;

	for (i = 0; !rc && i < w->sets.n; i++) {
		struct meter m = begin();

		rc = annset_load_with(&w->set[i], w->source, w->sets.id[i], &w->ontology,
				      ontology_snapshot_index(&w->ontology, w->sets.snapshot[i]),
				      w->workers, NULL, &w->proteins.accessions, &w->strings, err);
		end(&m, "annotation set", w->set[i].n_rows);
	}
	for (i = 1; !rc && i < w->sets.n; i++) {
		struct buckets b;
		struct references refs;
		struct meter m = begin();

		rc = buckets_compute_with(&b, &w->ontology, &w->set[i - 1], &w->set[i], w->workers,
					  err);
		end(&m, "ground truth of a pair", w->set[i].n_rows);
		if (!rc)
			printf("%zu NK, %zu LK, %zu PK, %zu known\n", b.gained[CAT_NK].n,
			       b.gained[CAT_LK].n, b.gained[CAT_PK].n, b.known.n);
		buckets_release(&b);
		m = begin();
		if (!rc)
			rc = references_build(&refs, &w->set[i - 1], &w->ontology, &w->pool, err);
		end(&m, "references of a pair", w->set[i - 1].n_rows);
		if (!rc)
			references_release(&refs);
	}
	return rc;
}

static int take_nothing(void *ctx, int64_t id, const char *text, size_t len, struct err *err)
{
	size_t *sum = ctx;

	(void)id;
	(void)text;
	(void)err;
	*sum += len;
	return 0;
}

static int cmp_i64(const void *a, const void *b)
{
	int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

	return (x > y) - (x < y);
}

static int read_sequences(struct world *w, struct err *err)
{
	int64_t *ids = malloc(((size_t)w->proteins.n + 1) * sizeof *ids);
	struct meter m = begin();
	size_t n = 0, at = 0, i, sum = 0;
	int rc;

	if (!ids)
		return err_nomem(err, "ids");
	for (i = 0; i < w->proteins.n; i++)
		if (w->proteins.sequence_id[i] >= 0)
			ids[n++] = w->proteins.sequence_id[i];
	qsort(ids, n, sizeof *ids, cmp_i64);
	for (i = 0; i < n; i++)
		if (!at || ids[i] != ids[at - 1])
			ids[at++] = ids[i];
	rc = source_sequences(w->source, ids, at, take_nothing, &sum, err);
	end(&m, "sequences", (double)at);
	free(ids);
	return rc;
}

static int bench(const char *path, size_t workers)
{
	struct world *w = calloc(1, sizeof *w);
	struct err err = ERR_INIT;
	struct meter m = begin();
	size_t i;
	int rc = w ? source_open(&w->source, path, SOURCE_READ, &err) : ERR_NOMEM;

	if (!rc)
		w->workers = workers;
	if (!rc)
		rc = source_annotation_sets(w->source, "goa", take_set, &w->sets, &err);
	if (!rc)
		rc = source_configs(w->source, take_config, w->config, &err);
	if (!rc)
		end(&m, "open", 1);
	if (!rc && w->sets.n == 0)
		rc = err_set(&err, ERR_NOTFOUND, "no release of goa");
	if (!rc)
		rc = load_maps(w, &err);
	if (!rc)
		rc = load_pool(w, &err);
	if (!rc)
		rc = load_sets(w, &err);
	if (!rc)
		rc = read_sequences(w, &err);
	if (rc)
		fprintf(stderr, "%s: %s\n", path, err.text);
	if (!w)
		return 1;
	for (i = 0; i < MAX_SETS; i++)
		annset_release(&w->set[i]);
	dict_release(&w->strings);
	pool_release(&w->pool);
	ontology_release(&w->ontology);
	proteins_release(&w->proteins);
	source_close(w->source);
	free(w);
	return rc != 0;
}

int main(int argc, char **argv)
{
	const char *o = getenv("O");
	char path[4096];

	snprintf(path, sizeof path, "%s/samples/medium/medium.bundle", o ? o : "build");
	if (argc > 1)
		snprintf(path, sizeof path, "%s", argv[1]);
	else if (access(path, R_OK) != 0) {
		printf("no medium sample in %s: make run PRESET=medium\n", path);
		return 0;
	}
	return bench(path, argc > 2 ? strtoul(argv[2], NULL, 10) : workers_cpu_count());
}
