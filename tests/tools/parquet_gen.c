/* Writes a Parquet file of known pseudo-random rows through pipeline/output, and the same values as
 * text, for readers that are not ours:
 *   parquet_gen PROFILE ROWS SEED BATCH FILE.parquet FILE.tsv|-
 * TSV: a header, \N for null, \t \n \r \\ escaped, doubles with 17 digits. With BATCH 0 each row group is
 * a file of its own and parquet_join makes the result. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "pipeline/output/parquet.h"
#include "prof/base/hash.h"

#define JOIN_BATCH      30000
#define ROWS_PER_QUERY  37
#define MANY_STRING_MAX 96

struct gen {
	enum schema_profile profile;
	enum schema_column columns[SCHEMA_COLUMNS];
	size_t n_columns;
	uint64_t seed;
	struct dict strings;
};

static uint64_t draw(const struct gen *g, size_t column, uint64_t row)
{
	return hash_u64(hash_u64(g->seed * SCHEMA_COLUMNS + column) + row);
}

static double unit(uint64_t bits)
{
	return (double)(bits >> 11) * 0x1p-53;
}

static double number(const struct gen *g, size_t c, uint64_t row)
{
	static const double special[] = {
		-0.0,   0.0,           1.0, -1.0,     0x1p-1074, 0x1.fffffffffffffp1023,
		-1e308, -1073741824.0, 0.1, 1.0 / 3.0};
	uint64_t r = draw(g, c, row);

	switch (c % 7) {
	case 0: /* nearly all distinct */
		return 2 * unit(r);
	case 1: /* small counts */
		return (double)(r % 10);
	case 2: /* constant per query */
		return unit(draw(g, c, row / ROWS_PER_QUERY)) - 0.5;
	case 3: /* nothing */
		return __builtin_nan("");
	case 4: /* half of it missing */
		return r & 1 ? __builtin_nan("") : 1e6 * unit(r);
	case 5:
		return special[r % (sizeof special / sizeof special[0])];
	default: /* long runs, missing in whole queries */
		return row / 500 % 3 ? (double)(row / 500) : __builtin_nan("");
	}
}

static uint32_t text(struct gen *g, enum schema_column c, uint64_t row)
{
	static const char *const odd[] = {"",
					  "NOT|enables",
					  "a\tb\nc\\d\"e'f",
					  "\xc3\xa9t\xc3\xa9",
					  "\xf0\x9f\xa7\xac \xe6\x97\xa5\xe6\x9c\xac",
					  "\r\n",
					  ",;|",
					  "\\N"};
	static const char *const category[] = {"nk", "lk", "pk"};
	uint64_t r = draw(g, c, row);
	char line[MANY_STRING_MAX];
	const char *t = line;

	switch (c) {
	case COL_PROTEIN_ACCESSION:
		snprintf(line, sizeof line, "P%05" PRIu64, row / ROWS_PER_QUERY);
		break;
	case COL_GO_TERM_ID:
		snprintf(line, sizeof line, "GO:%07" PRIu64, r % 40000);
		break;
	case COL_CATEGORY:
		t = category[row / 1000 % 3];
		break;
	case COL_QUALIFIER:
		t = odd[r % (sizeof odd / sizeof odd[0])];
		break;
	case COL_EVIDENCE_CODE: /* too many for a dictionary */
		snprintf(line, sizeof line, "%016" PRIx64 "-%060" PRIu64, r, row);
		break;
	case COL_TAXONOMIC_RELATION:
		if (r % 3 == 0)
			return ROWS_STRING_NULL;
		t = r & 64 ? "same" : "descendant";
		break;
	case COL_ASPECT: /* nothing */
		return ROWS_STRING_NULL;
	default:
		t = "v211-v220";
	}
	return dict_intern(&g->strings, t, strlen(t));
}

static int8_t small(const struct gen *g, enum schema_column c, uint64_t row)
{
	uint64_t r = draw(g, c, row);

	switch (c % 4) {
	case 0:
		return (int8_t)(r & 1);
	case 1:
		return (int8_t)((int)(r % 3) - 1);
	case 2:
		return r % 100 == 0 ? 0 : 1;
	default:
		return row / 300 % 2 ? -1 : 0;
	}
}

static void fill(struct gen *g, struct rows *rows, uint64_t first, size_t n)
{
	rows->count = n;
	for (size_t i = 0; i < n; i++) {
		for (size_t k = 0; k < g->n_columns; k++) {
			enum schema_column c = g->columns[k];

			if (rows->number[c])
				rows->number[c][i] = number(g, c, first + i);
			else if (rows->string[c])
				rows->string[c][i] = text(g, c, first + i);
			else
				rows->small[c][i] = small(g, c, first + i);
		}
	}
}

static void print_text(FILE *f, const char *t, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		switch (t[i]) {
		case '\t':
			fputs("\\t", f);
			break;
		case '\n':
			fputs("\\n", f);
			break;
		case '\r':
			fputs("\\r", f);
			break;
		case '\\':
			fputs("\\\\", f);
			break;
		default:
			fputc(t[i], f);
		}
	}
}

static void print_cell(FILE *f, const struct gen *g, const struct rows *rows, enum schema_column c,
		       size_t i)
{
	if (rows->number[c]) {
		if (rows->number[c][i] == rows->number[c][i])
			fprintf(f, "%.17g", rows->number[c][i]);
		else
			fputs("\\N", f);
	} else if (rows->string[c]) {
		if (rows->string[c][i] == ROWS_STRING_NULL)
			fputs("\\N", f);
		else
			print_text(f, g->strings.text[rows->string[c][i]],
				   g->strings.len[rows->string[c][i]]);
	} else if (rows->small[c][i] == -1) {
		fputs("\\N", f);
	} else {
		fprintf(f, "%d", rows->small[c][i]);
	}
}

static void print_rows(FILE *f, const struct gen *g, const struct rows *rows)
{
	for (size_t i = 0; f && i < rows->count; i++) {
		for (size_t k = 0; k < g->n_columns; k++) {
			if (k)
				fputc('\t', f);
			print_cell(f, g, rows, g->columns[k], i);
		}
		fputc('\n', f);
	}
}

static int write_whole(struct gen *g, struct rows *rows, uint64_t n, const char *path, FILE *tsv,
		       struct err *err)
{
	struct parquet_writer *w;
	uint64_t written, bytes;
	int rc = parquet_create(&w, path, g->profile, err);

	if (rc < 0)
		return rc;
	for (uint64_t at = 0; at < n && !rc;) {
		size_t take = n - at < rows->cap ? (size_t)(n - at) : rows->cap;

		fill(g, rows, at, take);
		print_rows(tsv, g, rows);
		rc = parquet_append(w, rows, err);
		at += take;
	}
	if (rc < 0) {
		parquet_abort(w);
		return rc;
	}
	return parquet_close(w, &written, &bytes, err);
}

static int write_part(struct gen *g, struct rows *rows, const char *path, struct err *err)
{
	struct parquet_writer *w;
	uint64_t n, bytes;
	int rc = parquet_create(&w, path, g->profile, err);

	if (rc < 0)
		return rc;
	rc = parquet_append(w, rows, err);
	if (rc < 0) {
		parquet_abort(w);
		return rc;
	}
	return parquet_close(w, &n, &bytes, err);
}

static int write_joined(struct gen *g, struct rows *rows, uint64_t n, const char *path, FILE *tsv,
			struct err *err)
{
	size_t n_parts = (size_t)((n + JOIN_BATCH - 1) / JOIN_BATCH);
	char **parts = calloc(n_parts ? n_parts : 1, sizeof *parts);
	uint64_t written, bytes;
	int rc = parts ? 0 : err_nomem(err, "parts");

	for (size_t i = 0; i < n_parts && !rc; i++) {
		uint64_t at = (uint64_t)i * JOIN_BATCH;

		fill(g, rows, at, n - at < JOIN_BATCH ? (size_t)(n - at) : JOIN_BATCH);
		print_rows(tsv, g, rows);
		if (asprintf(&parts[i], "%s.part%zu", path, i) < 0)
			rc = err_nomem(err, "a name");
		else
			rc = write_part(g, rows, parts[i], err);
	}
	if (!rc)
		rc = parquet_join(path, (const char *const *)parts, n_parts, g->profile, &written,
				  &bytes, err);
	for (size_t i = 0; parts && i < n_parts; i++) {
		if (parts[i])
			unlink(parts[i]);
		free(parts[i]);
	}
	free(parts);
	return rc;
}

static int generate(struct gen *g, char **argv, struct err *err)
{
	uint64_t n = strtoull(argv[2], NULL, 10);
	size_t batch = (size_t)strtoull(argv[4], NULL, 10);
	FILE *tsv = strcmp(argv[6], "-") ? fopen(argv[6], "w") : NULL;
	struct rows rows;
	int rc = rows_init(&rows, g->profile, &g->strings, batch ? batch : JOIN_BATCH, err);

	for (size_t k = 0; tsv && k < g->n_columns; k++)
		fprintf(tsv, "%s%s", k ? "\t" : "", schema_column_name(g->columns[k]));
	if (tsv)
		fputc('\n', tsv);
	if (!rc)
		rc = batch ? write_whole(g, &rows, n, argv[5], tsv, err)
			   : write_joined(g, &rows, n, argv[5], tsv, err);
	rows_release(&rows);
	if (tsv && fclose(tsv) != 0 && !rc)
		rc = err_sys(err, ERR_IO, "cannot write %s", argv[6]);
	return rc;
}

int main(int argc, char **argv)
{
	struct gen g = {0};
	struct err err = ERR_INIT;
	int rc;

	if (argc != 7 || schema_profile_parse(argv[1], &g.profile) < 0) {
		fprintf(stderr,
			"usage: parquet_gen PROFILE ROWS SEED BATCH FILE.parquet FILE.tsv|-\n");
		return 2;
	}
	g.seed = strtoull(argv[3], NULL, 10);
	g.n_columns = schema_columns(g.profile, g.columns);
	rc = generate(&g, argv, &err);
	if (rc < 0)
		fprintf(stderr, "parquet_gen: %s\n", err.text);
	dict_release(&g.strings);
	return rc < 0;
}
