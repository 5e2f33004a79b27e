/* SQL statements in the table of values: how often each was sent in each stage, a count that is exact, and how many of
 * its calls had parameters that had been there before. Their rows are named "STAGE: TEXT", after the rows of stages. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "prof/analyze/metrics_internal.h"
#include "prof/analyze/statements.h"

#define STATEMENTS_ROWS_MAX 2000 /* of a run: the most frequent, then by name */
#define TEXT_BYTES          120
#define NAME_BYTES          (TEXT_BYTES + 320)

struct sum {
	uint32_t stage, fingerprint, text, kind; /* strings */
	double calls, duplicates;
	const struct profile *p;
};

static const char *text_of(const struct profile *p, uint32_t string)
{
	return strtab_text(p->strings, string);
}

static int by_key(const void *a, const void *b)
{
	const struct sum *x = a, *y = b;
	int d = strcmp(text_of(x->p, x->stage), text_of(x->p, y->stage));

	if (d == 0)
		d = strcmp(text_of(x->p, x->fingerprint), text_of(x->p, y->fingerprint));
	return d ? d : strcmp(text_of(x->p, x->kind), text_of(x->p, y->kind));
}

static int by_calls(const void *a, const void *b)
{
	const struct sum *x = a, *y = b;

	if (x->calls != y->calls)
		return x->calls > y->calls ? -1 : 1;
	return by_key(a, b);
}

static size_t add_up(struct sum *sums, const struct profile *p)
{
	size_t n = 0;

	for (size_t i = 0; i < p->n_sql; i++) {
		const struct profile_sql *q = &p->sql[i];

		sums[i] = (struct sum){.stage = q->stage < p->n_stages ? p->stages[q->stage].name
								       : STRTAB_EMPTY,
				       .fingerprint = q->fingerprint,
				       .text = q->text,
				       .kind = q->kind,
				       .calls = (double)q->calls,
				       .duplicates = (double)statement_site_duplicates(p, q),
				       .p = p};
	}
	if (p->n_sql)
		qsort(sums, p->n_sql, sizeof *sums, by_key);
	for (size_t i = 0; i < p->n_sql; i++) {
		if (n && by_key(&sums[n - 1], &sums[i]) == 0) {
			sums[n - 1].calls += sums[i].calls;
			sums[n - 1].duplicates += sums[i].duplicates;
		} else {
			sums[n++] = sums[i];
		}
	}
	return n;
}

/* A long text is cut between characters, and told apart by its fingerprint. */
static void name_of(char out[NAME_BYTES], const struct sum *s, const char *what)
{
	const char *text = text_of(s->p, s->text), *kind = text_of(s->p, s->kind);
	const char *stage = s->stage == STRTAB_EMPTY ? "sql" : text_of(s->p, s->stage);
	int query = strcmp(kind, "query") == 0 || strcmp(kind, "connect") == 0;
	size_t n = strlen(text), cut = n;

	if (n > TEXT_BYTES)
		for (cut = TEXT_BYTES; cut > 0 && ((unsigned char)text[cut] & 0xc0) == 0x80;)
			cut--;
	snprintf(out, NAME_BYTES, "%.100s: %s%s%.*s%s%.8s%s%s", stage, query ? "" : kind,
		 query ? "" : " ", (int)cut, text, cut < n ? "... " : "",
		 cut < n ? text_of(s->p, s->fingerprint) : "", *what ? " " : "", what);
}

int metrics_put_statements(struct metric_table *t, int group, size_t at, const struct profile *p,
			   struct err *err)
{
	struct sum *sums = calloc(p->n_sql + 1, sizeof *sums);
	char name[NAME_BYTES];
	size_t n;
	int rc = 0;

	if (!sums)
		return err_nomem(err, "a table of values");
	n = add_up(sums, p);
	if (n)
		qsort(sums, n, sizeof *sums, by_calls);
	for (size_t i = 0; i < n && i < STATEMENTS_ROWS_MAX && rc == 0; i++) {
		name_of(name, &sums[i], "");
		rc = metrics_put(t, group, at, name, 0, METRIC_SQL, METRIC_KIND_COUNT,
				 sums[i].calls, err);
		if (rc || sums[i].duplicates <= 0)
			continue;
		name_of(name, &sums[i], "(duplicates)");
		rc = metrics_put(t, group, at, name, 0, METRIC_SQL, METRIC_KIND_COUNT,
				 sums[i].duplicates, err);
	}
	free(sums);
	return rc;
}
