/* Source of two files of the program that flame_export.h makes up, and what its lines cost, added up from the
 * samples of a profile. For flame_page.c. */
#ifndef TESTS_FLAME_LINES_H
#define TESTS_FLAME_LINES_H

#include "tests/unit/flame_rig.h"
#include "viewer/flame.h"

#define LINES_MAX 16

static const char lines_dot[] =
	"/* Sum of products of two vectors. Four sums at once, for the adder's latency. */\n"
	"static float dot_f32(const float *a, const float *b, size_t n)\n"
	"{\n"
	"\tfloat s0 = 0, s1 = 0, s2 = 0, s3 = 0;\n"
	"\tsize_t i;\n"
	"\n"
	"\tfor (i = 0; i + 4 <= n; i += 4) {\n"
	"\t\ts0 += a[i] * b[i];\n"
	"\t\ts1 += a[i + 1] * b[i + 1];\n"
	"\t\ts2 += a[i + 2] * b[i + 2];\n"
	"\t\ts3 += a[i + 3] * b[i + 3];\n"
	"\t}\n"
	"\tfor (; i < n; i++)\n"
	"\t\ts0 += a[i] * b[i];\n"
	"\treturn s0 + s1 + s2 + s3;\n"
	"}\n";

static const char lines_align_head[] =
	"/* Local alignments of pairs of proteins, and what is told of them. */\n"
	"#include \"align/align.h\"\n"
	"\n"
	"#include <parasail.h>\n";

static const char lines_align[] =
	"int align_pair(struct aligner *w, const struct pair *at, struct score *out)\n"
	"{\n"
	"\tconst struct protein *q = &w->proteins[at->query], *r = &w->proteins[at->ref];\n"
	"\tparasail_result_t *result;\n"
	"\n"
	"\t/* The same pair comes back for every aspect: µs instead of ms. */\n"
	"\tif (cache_find(w->cache, at->query, at->ref, out))\n"
	"\t\treturn 0;\n"
	"\tif (!parasail_profile_fits(w->profile, q->length))\n"
	"\t\tw->profile = profile_of(q);\n"
	"\tresult = parasail_sw_trace_striped_profile_avx2_256_16(\n"
	"\t\tw->profile, r->text, r->length, w->open, w->gap);\n"
	"\tif (!result)\n"
	"\t\treturn err_nomem(w->err, \"an alignment\");\n"
	"\tscore_of(result, q, r, out);\n"
	"\tparasail_result_free(result);\n"
	"\treturn cache_add(w->cache, at->query, at->ref, out);\n"
	"}\n";

static const struct flame_window lines_dot_windows[] = {{26, 16, lines_dot, sizeof lines_dot - 1}};
static const struct flame_window lines_align_windows[] = {
	{1, 4, lines_align_head, sizeof lines_align_head - 1},
	{84, 18, lines_align, sizeof lines_align - 1},
};

/* A line counts once for a sample, however often the function is on its stack. */
static void lines_add(struct flame_line lines[LINES_MAX], size_t *n, uint32_t line, int leaf,
		      size_t column, uint64_t value, uint64_t seen[LINES_MAX], uint64_t sample)
{
	size_t i, k;

	for (i = 0; i < *n && lines[i].line < line; i++) {
	}
	if (i == *n || lines[i].line != line) {
		for (k = (*n)++; k > i; k--) {
			lines[k] = lines[k - 1];
			seen[k] = seen[k - 1];
		}
		lines[i] = (struct flame_line){.line = line};
		seen[i] = 0;
	}
	if (leaf)
		lines[i].self[column] += value;
	if (seen[i] != sample)
		lines[i].total[column] += value;
	seen[i] = sample;
}

static size_t lines_of(const struct profile *p, const char *file, const enum profile_kind *columns,
		       size_t n_columns, struct flame_line lines[LINES_MAX])
{
	uint64_t seen[LINES_MAX] = {0};
	size_t n = 0, i, c;

	for (i = 0; i < p->n_samples; i++)
		for (c = 0; c < n_columns; c++) {
			const struct profile_sample *s = &p->samples[i];
			uint32_t at = s->stack;

			if (s->kind != (uint32_t)columns[c])
				continue;
			for (; at; at = p->stacks[at].parent) {
				const struct profile_frame *f = &p->frames[p->stacks[at].frame];

				if (strcmp(strtab_text(p->strings, f->file), file) == 0)
					lines_add(lines, &n, f->line, at == s->stack, c,
						  (uint64_t)s->value, seen, i + 1);
			}
		}
	return n;
}

/* Valid as long as the program runs; of one profile at a time. */
static const struct flame_source *lines_source(const struct profile *p)
{
	static struct flame_line dot[LINES_MAX], align[LINES_MAX];
	static struct flame_file files[2] = {
		{"knn/dot.c", dot, 0, lines_dot_windows, 1},
		{"align/align.c", align, 0, lines_align_windows, 2},
	};
	static struct flame_source source = {.files = files,
					     .n_files = 2,
					     .columns = {PROFILE_CPU, PROFILE_ALLOC, PROFILE_PEAK},
					     .n_columns = 3,
					     .left_out = 9};

	files[0].n_lines = lines_of(p, files[0].name, source.columns, source.n_columns, dot);
	files[1].n_lines = lines_of(p, files[1].name, source.columns, source.n_columns, align);
	return &source;
}

#endif
