/* Alignment: time of a pair (both forms, values included) beside parasail doing the same with
 * traceback strings, as the original calls it (trace_striped_32) and at its fastest (trace_scan_16).
 * Rounds are interleaved and the medians of the wall clock and of the processor time are shown, since
 * machines drift and are shared. One thread, then two. Numbers, no verdict. Arguments: pairs (2,000);
 * FASTA (that of mmseqs2-examples; made-up texts without it), or PAIRS.tsv of a query, a tab and a
 * reference a line. */
#include <parasail.h>
#include <parasail/matrices/blosum62.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "pipeline/align/align.h"
#include "pipeline/align/align_strips.h"
#include "pipeline/core/lines.h"
#include "prof/base/buf.h"
#include "prof/base/clock.h"
#include "tests/unit/align_pairs.h"

#define ROUNDS 3

static const char default_fasta[] = "/usr/share/doc/mmseqs2/example-data/DB.fasta.gz";

struct set {
	struct text_pair *pairs;
	struct align_text *texts;
	struct align_job *jobs;
	struct align_values *values;
	size_t n;
	double cells;
	struct align_stats stats; /* of the last run of ours */
};

typedef parasail_result_t *trace_fn(const char *, int, const char *, int, int, int,
				    const parasail_matrix_t *);

/* ---- pairs ------------------------------------------------------------------------------------ */

struct reader {
	struct lines *lines;
	struct buf text;
	int started;
};

/* The next sequence in r->text; 0: no more. */
static int next_sequence(struct reader *r)
{
	struct err err = ERR_INIT;
	char *line;
	size_t len;

	buf_clear(&r->text);
	while (lines_next(r->lines, &line, &len, &err) == 1) {
		if (line[0] != '>') {
			buf_put(&r->text, line, len);
			continue;
		}
		if (r->started++ && r->text.len > 0)
			return 1;
	}
	return r->text.len > 0;
}

static struct align_text copy_text(const struct buf *b)
{
	char *bytes = malloc(b->len);

	if (!bytes)
		abort();
	memcpy(bytes, b->data, b->len);
	return (struct align_text){bytes, b->len};
}

/* Of a protein: a distant relative (30 % substituted, with gaps), or the next protein. */
static int read_pair(struct reader *r, size_t i, struct text_pair *p)
{
	uint64_t seed = i;
	struct align_text query, ref;

	if (!next_sequence(r))
		return 0;
	query = copy_text(&r->text);
	p->query = (char *)(uintptr_t)query.bytes;
	p->n = query.len;
	if (i % 2 == 0) {
		p->ref = malloc(3 * p->n + 16);
		if (!p->ref)
			abort();
		p->m = mutate(&seed, RESIDUES, 20, 30, p->query, p->n, p->ref);
		return 1;
	}
	if (!next_sequence(r)) {
		free(p->query);
		return 0;
	}
	ref = copy_text(&r->text);
	p->ref = (char *)(uintptr_t)ref.bytes;
	p->m = ref.len;
	return 1;
}

static void make_pairs(struct set *s, const char *fasta)
{
	struct reader r = {.text = BUF_INIT};
	struct err err = ERR_INIT;
	size_t i = 0;

	if (lines_open(&r.lines, fasta, LINES_MAX_BYTES, &err) == 0) {
		while (i < s->n && read_pair(&r, i, &s->pairs[i]))
			i++;
		lines_close(r.lines);
		buf_release(&r.text);
		s->n = i ? i : s->n;
	}
	if (i == 0)
		printf("no proteins (%s): made-up texts\n", err.text);
	for (; i < s->n; i++)
		s->pairs[i] = make_text_pair(PAIR_RELATED, i, 900);
}

/* 0: the file is no list of pairs. */
static size_t read_tsv(struct set *s, const char *path)
{
	FILE *f = strlen(path) > 4 && strcmp(path + strlen(path) - 4, ".tsv") == 0
			  ? fopen(path, "r")
			  : NULL;
	char *line = NULL, *tab;
	size_t cap = 0, n = 0;
	ssize_t len;

	while (f && n < s->n && (len = getline(&line, &cap, f)) > 0) {
		line[strcspn(line, "\r\n")] = '\0';
		tab = strchr(line, '\t');
		if (!tab || tab == line || !tab[1])
			continue;
		*tab = '\0';
		s->pairs[n] = (struct text_pair){.query = strdup(line), .n = strlen(line)};
		s->pairs[n].ref = strdup(tab + 1);
		s->pairs[n].m = strlen(tab + 1);
		if (!s->pairs[n].query || !s->pairs[n++].ref)
			abort();
	}
	free(line);
	if (f)
		fclose(f);
	return n;
}

static void make_set(struct set *s, size_t n, const char *fasta)
{
	size_t listed;

	*s = (struct set){.n = n, .pairs = calloc(n, sizeof *s->pairs)};
	s->texts = calloc(2 * n, sizeof *s->texts);
	s->jobs = calloc(n, sizeof *s->jobs);
	s->values = calloc(n, sizeof *s->values);
	if (!s->pairs || !s->texts || !s->jobs || !s->values)
		abort();
	listed = read_tsv(s, fasta);
	if (listed)
		s->n = listed;
	else
		make_pairs(s, fasta);
	for (size_t i = 0; i < s->n; i++) {
		s->texts[2 * i] = pair_query(&s->pairs[i]);
		s->texts[2 * i + 1] = pair_ref(&s->pairs[i]);
		s->jobs[i] = (struct align_job){(uint32_t)(2 * i), (uint32_t)(2 * i + 1)};
		s->cells += (double)s->pairs[i].n * (double)s->pairs[i].m;
	}
}

static void free_set(struct set *s)
{
	for (size_t i = 0; i < s->n; i++)
		free_text_pair(&s->pairs[i]);
	free(s->pairs);
	free(s->texts);
	free(s->jobs);
	free(s->values);
}

/* ---- runs ------------------------------------------------------------------------------------- */

/* Counting columns is part of what the original does with the strings. */
static size_t count_strings(const parasail_traceback_t *t)
{
	size_t sum = 0;

	for (size_t i = 0; t->query[i]; i++)
		sum += (size_t)(t->query[i] == t->ref[i]) + (size_t)(t->comp[i] == ':') +
		       (size_t)(t->query[i] == '-') + (size_t)(t->ref[i] == '-');
	return sum;
}

static size_t ask_library(const struct set *s, trace_fn *trace)
{
	size_t sum = 0;

	for (size_t i = 0; i < s->n; i++) {
		const struct text_pair *p = &s->pairs[i];
		parasail_result_t *r =
			trace(p->query, (int)p->n, p->ref, (int)p->m, 10, 1, &parasail_blosum62);
		parasail_traceback_t *t =
			parasail_result_get_traceback(r, p->query, (int)p->n, p->ref, (int)p->m,
						      &parasail_blosum62, '|', ':', '.');

		sum += count_strings(t);
		parasail_traceback_free(t);
		parasail_result_free(r);
	}
	return sum;
}

static void run_striped(struct set *s)
{
	ask_library(s, parasail_nw_trace_striped_32);
	ask_library(s, parasail_sw_trace_striped_32);
}

static void run_scan(struct set *s)
{
	ask_library(s, parasail_nw_trace_scan_16);
	ask_library(s, parasail_sw_trace_scan_16);
}

static void run_ours(struct set *s, size_t workers)
{
	struct align_options o = {.n_workers = workers, .stats = &s->stats};
	struct err err = ERR_INIT;

	memset(&s->stats, 0, sizeof s->stats);
	if (align_batch(s->texts, s->jobs, s->n, &o, s->values, NULL, &err) != 0) {
		fprintf(stderr, "%s\n", err.text);
		exit(1);
	}
}

static void run_fast(struct set *s)
{
	run_ours(s, 1);
}

static void run_fast_two(struct set *s)
{
	run_ours(s, 2);
}

static void run_portable(struct set *s)
{
	setenv("PROTEA_SIMD", "portable", 1);
	run_ours(s, 1);
	unsetenv("PROTEA_SIMD");
}

struct contender {
	const char *name;
	void (*run)(struct set *s);
	double ms[ROUNDS];
	double cpu[ROUNDS];
};

static double cpu_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

static int by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

int main(int argc, char **argv)
{
	struct contender all[] = {
		{.name = "parasail trace_striped_32", .run = run_striped},
		{.name = "parasail trace_scan_16", .run = run_scan},
		{.name = "scalar engine", .run = run_portable},
		{.name = "lanes, 1 thread", .run = run_fast},
		{.name = "lanes, 2 threads", .run = run_fast_two},
	};
	size_t n_all = sizeof all / sizeof all[0];
	const struct align_kernel *k = align_kernel_choose();
	struct set s;

	make_set(&s, argc > 1 ? strtoul(argv[1], NULL, 10) : 2000,
		 argc > 2 ? argv[2] : default_fasta);
	for (size_t round = 0; round < ROUNDS; round++)
		for (size_t i = 0; i < n_all; i++) {
			int64_t start = clock_mono_ns();
			double cpu = cpu_ms();

			all[i].run(&s);
			all[i].ms[round] = (double)(clock_mono_ns() - start) / 1e6 / (double)s.n;
			all[i].cpu[round] = (cpu_ms() - cpu) / (double)s.n;
		}
	printf("%zu pairs, %.0f k cells each, lanes: %s\n", s.n, s.cells / 1e3 / (double)s.n,
	       k ? k->name : "none");
	for (size_t i = 0; i < n_all; i++) {
		double ms, cpu;

		qsort(all[i].ms, ROUNDS, sizeof all[i].ms[0], by_value);
		qsort(all[i].cpu, ROUNDS, sizeof all[i].cpu[0], by_value);
		ms = all[i].ms[ROUNDS / 2];
		cpu = all[i].cpu[ROUNDS / 2];
		printf("%-26s %8.4f ms a pair, NW and SW %7.2f Gcells/s  x%.2f   processor %8.4f "
		       "ms "
		       "x%.2f\n",
		       all[i].name, ms, 2 * s.cells / (double)s.n / ms / 1e6,
		       all[0].ms[ROUNDS / 2] / ms, cpu, all[0].cpu[ROUNDS / 2] / cpu);
	}
	if (s.stats.lane_room)
		printf("lanes: %llu of %llu pairs, fill %.3f\n",
		       (unsigned long long)s.stats.lane_pairs, (unsigned long long)s.stats.pairs,
		       (double)s.stats.lane_cells / (double)s.stats.lane_room);
	free_set(&s);
	return 0;
}
