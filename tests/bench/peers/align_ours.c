/* Our alignments beside parasail in C: align_ours PAIRS.tsv ROUNDS VALUES.f64
 * Each line of PAIRS.tsv is a query, a tab, a reference; all twelve values of every pair. Contenders take turns. Prints
 * one JSON line for each round of each, and one with the number of pairs whose values differ from ours; VALUES.f64
 * gets our values, 12 doubles a pair. Values of parasail are derived from its traceback strings. */
#include <parasail.h>
#include <parasail/matrices/blosum62.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "pipeline/align/align.h"
#include "prof/base/clock.h"

typedef parasail_result_t *trace_fn(const char *, int, const char *, int, int, int,
				    const parasail_matrix_t *);

struct set {
	struct align_text *texts; /* 2 for each pair */
	struct align_job *jobs;
	struct align_values *ours, *theirs;
	size_t n;
	double cells; /* of both methods */
};

static void die(const char *what)
{
	fprintf(stderr, "align_ours: %s\n", what);
	exit(1);
}

static void *grow(void *old, size_t n, size_t size)
{
	void *p = realloc(old, n * size);

	if (!p)
		die("out of memory");
	return p;
}

static struct align_text copy(const char *bytes, size_t len)
{
	char *p = grow(NULL, len + 1, 1);

	memcpy(p, bytes, len);
	p[len] = '\0';
	return (struct align_text){p, len};
}

static void add_pair(struct set *s, const char *line, size_t len)
{
	const char *tab = memchr(line, '\t', len);
	size_t n = tab ? (size_t)(tab - line) : 0, m = tab ? len - n - 1 : 0;

	if (n == 0 || m == 0)
		die("a line without two texts");
	s->texts = grow(s->texts, 2 * (s->n + 1), sizeof *s->texts);
	s->jobs = grow(s->jobs, s->n + 1, sizeof *s->jobs);
	s->texts[2 * s->n] = copy(line, n);
	s->texts[2 * s->n + 1] = copy(tab + 1, m);
	s->jobs[s->n] = (struct align_job){(uint32_t)(2 * s->n), (uint32_t)(2 * s->n + 1)};
	s->cells += 2.0 * (double)n * (double)m;
	s->n++;
}

static void read_pairs(struct set *s, const char *path)
{
	FILE *f = fopen(path, "r");
	char *line = NULL;
	size_t room = 0;
	ssize_t len;

	if (!f)
		die("cannot open the pairs");
	while ((len = getline(&line, &room, f)) > 0)
		add_pair(s, line, (size_t)len - (line[len - 1] == '\n'));
	free(line);
	fclose(f);
	if (s->n == 0)
		die("no pairs");
	s->ours = grow(NULL, s->n, sizeof *s->ours);
	s->theirs = grow(NULL, s->n, sizeof *s->theirs);
}

/* ---- contenders ------------------------------------------------------------------------------- */

static void run_ours(struct set *s, size_t workers)
{
	struct align_options o = {.n_workers = workers};
	struct err err = ERR_INIT;

	if (align_batch(s->texts, s->jobs, s->n, &o, s->ours, NULL, &err) != 0)
		die(err.text);
}

static void ours_1(struct set *s)
{
	run_ours(s, 1);
}

static void ours_2(struct set *s)
{
	run_ours(s, 2);
}

/* identity, similarity, score, gaps, length of one result. */
static void derive(parasail_result_t *r, struct align_text a, struct align_text b, double out[5])
{
	parasail_traceback_t *t = parasail_result_get_traceback(
		r, a.bytes, (int)a.len, b.bytes, (int)b.len, &parasail_blosum62, '|', ':', '.');
	size_t identical = 0, similar = 0, gaps = 0, n = 0;

	if (!t)
		die("parasail: no traceback");
	for (; t->query[n]; n++) {
		identical += t->query[n] == t->ref[n] && t->query[n] != '-';
		similar += t->comp[n] == '|' || t->comp[n] == ':';
		gaps += (size_t)(t->query[n] == '-') + (size_t)(t->ref[n] == '-');
	}
	out[0] = n ? (double)identical / (double)n : 0;
	out[1] = n ? (double)similar / (double)n : 0;
	out[2] = n ? (double)parasail_result_get_score(r) : ALIGN_EMPTY_SW_SCORE;
	out[3] = n ? (double)gaps / (double)n : 0;
	out[4] = (double)n;
	parasail_traceback_free(t);
}

static void ask(struct set *s, trace_fn *nw, trace_fn *sw)
{
	for (size_t i = 0; i < s->n; i++) {
		struct align_text a = s->texts[2 * i], b = s->texts[2 * i + 1];
		parasail_result_t *g =
			nw(a.bytes, (int)a.len, b.bytes, (int)b.len, 10, 1, &parasail_blosum62);
		parasail_result_t *l =
			sw(a.bytes, (int)a.len, b.bytes, (int)b.len, 10, 1, &parasail_blosum62);
		double x[5], y[5];

		if (!g || !l)
			die("parasail failed");
		derive(g, a, b, x);
		derive(l, a, b, y);
		s->theirs[i] =
			(struct align_values){x[0],          x[1], x[2], x[3], x[4], (double)a.len,
					      (double)b.len, y[0], y[1], y[2], y[3], y[4]};
		parasail_result_free(g);
		parasail_result_free(l);
	}
}

static void striped_32(struct set *s)
{
	ask(s, parasail_nw_trace_striped_32, parasail_sw_trace_striped_32);
}

static void scan_16(struct set *s)
{
	ask(s, parasail_nw_trace_scan_16, parasail_sw_trace_scan_16);
}

/* ---- times ------------------------------------------------------------------------------------ */

static size_t count_different(const struct set *s)
{
	size_t n = 0;

	for (size_t i = 0; i < s->n; i++)
		n += memcmp(&s->ours[i], &s->theirs[i], sizeof s->ours[i]) != 0;
	return n;
}

static double cpu_seconds(void)
{
	struct rusage u;

	getrusage(RUSAGE_SELF, &u);
	return (double)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) +
	       1e-6 * (double)(u.ru_utime.tv_usec + u.ru_stime.tv_usec);
}

static void measure(struct set *s, const char *name, void (*run)(struct set *), int theirs)
{
	int64_t start = clock_mono_ns(), took;
	double cpu = cpu_seconds();

	run(s);
	took = clock_mono_ns() - start;
	cpu = cpu_seconds() - cpu;
	printf("{\"name\": \"%s\", \"seconds\": %.4f, \"cpu\": %.4f, \"pairs\": %zu, \"gcells\": "
	       "%.3f",
	       name, (double)took / 1e9, cpu, s->n, s->cells / (double)took);
	if (theirs)
		printf(", \"different\": %zu", count_different(s));
	printf("}\n");
	fflush(stdout);
}

int main(int argc, char **argv)
{
	struct set s = {0};
	FILE *f;

	if (argc != 4)
		die("usage: align_ours PAIRS.tsv ROUNDS VALUES.f64");
	read_pairs(&s, argv[1]);
	for (unsigned long round = strtoul(argv[2], NULL, 10); round > 0; round--) {
		measure(&s, "ours, 1 thread", ours_1, 0);
		measure(&s, "parasail striped_32, C, 1 thread", striped_32, 1);
		measure(&s, "ours, 2 threads", ours_2, 0);
		measure(&s, "parasail scan_16, C, 1 thread", scan_16, 1);
	}
	f = fopen(argv[3], "wb");
	if (!f || fwrite(s.ours, sizeof *s.ours, s.n, f) != s.n || fclose(f) != 0)
		die("cannot write the values");
	return 0;
}
