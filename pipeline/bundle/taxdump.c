/* NCBI dump reader: see taxdump.h. */
#include "pipeline/bundle/taxdump.h"

#include <stdlib.h>
#include <string.h>

/* Cuts a record into its first `want` fields (0 … want-1) in place; returns how many there are. */
static size_t cut_fields(char *text, char **field, size_t want)
{
	size_t n = 0;
	char *bar;

	while (n < want) {
		field[n++] = text;
		bar = strstr(text, "\t|");
		if (!bar)
			break;
		*bar = '\0';
		text = bar + 2;
		if (*text == '\t')
			text++;
		else if (!*text)
			break; /* the record's end */
	}
	return n;
}

static int parse_taxon(const char *text, int64_t *taxon)
{
	size_t digits = strspn(text, "0123456789");

	if (digits == 0 || digits > 18 || text[digits])
		return -1;
	*taxon = strtoll(text, NULL, 10);
	return 0;
}

/* One record: `want` fields, the first `n_numbers` of them taxa. 1: cut, 0: blank line. */
static int cut_record(struct lines *in, char *text, char **field, size_t want, int64_t *number,
		      size_t n_numbers, struct err *err)
{
	size_t n, i;

	if (!*text)
		return 0;
	n = cut_fields(text, field, want);
	if (n < want)
		return lines_bad(in, err,
				 "%zu fields, at least %zu expected: is it an NCBI dump file?", n,
				 want);
	for (i = 0; i < n_numbers; i++) {
		if (parse_taxon(field[i], &number[i]) < 0)
			return lines_bad(in, err, "field %zu is no taxon number: '%.40s'", i + 1,
					 field[i]);
	}
	return 1;
}

int taxdump_read_nodes(struct lines *in, taxdump_node_fn *fn, void *ctx, struct err *err)
{
	int64_t number[2];
	char *field[3];
	char *text;
	size_t len;
	int rc;

	while ((rc = lines_next(in, &text, &len, err)) > 0) {
		rc = cut_record(in, text, field, 3, number, 2, err);
		if (rc > 0)
			rc = fn(ctx, number[0], number[1], field[2], err);
		if (rc < 0)
			return rc;
	}
	return rc;
}

int taxdump_read_names(struct lines *in, taxdump_name_fn *fn, void *ctx, struct err *err)
{
	int64_t taxon;
	char *field[4];
	char *text;
	size_t len;
	int rc;

	while ((rc = lines_next(in, &text, &len, err)) > 0) {
		rc = cut_record(in, text, field, 4, &taxon, 1, err);
		if (rc > 0)
			rc = fn(ctx, taxon, field[1], field[3], err);
		if (rc < 0)
			return rc;
	}
	return rc;
}

int taxdump_read_merged(struct lines *in, taxdump_merged_fn *fn, void *ctx, struct err *err)
{
	int64_t number[2];
	char *field[2];
	char *text;
	size_t len;
	int rc;

	while ((rc = lines_next(in, &text, &len, err)) > 0) {
		rc = cut_record(in, text, field, 2, number, 2, err);
		if (rc > 0)
			rc = fn(ctx, number[0], number[1], err);
		if (rc < 0)
			return rc;
	}
	return rc;
}
