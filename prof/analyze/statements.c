/* Statements of a run added up: see statements.h. */
#include "prof/analyze/statements.h"

#include <stdlib.h>
#include <string.h>

struct at { /* a row of the profile while they are put in order */
	const struct profile *p;
	size_t place;
};

static const char *text_of(const struct profile *p, uint32_t string)
{
	return strtab_text(p->strings, string);
}

static int is_query(const struct profile *p, uint32_t kind)
{
	return strcmp(text_of(p, kind), "query") == 0;
}

/* Statements that say nothing but where a transaction begins and ends, and settings, are meant to be repeated. */
static int is_control(const char *text)
{
	static const char *const words[] = {
		"begin", "start",      "commit",  "end",     "rollback", "abort",  "savepoint",
		"set",   "show",       "reset",   "discard", "listen",   "notify", "fetch",
		"close", "deallocate", "release", "copy",    "unlisten"};
	size_t n = strcspn(text, " ;");

	for (size_t i = 0; i < sizeof words / sizeof words[0]; i++)
		if (n == strlen(words[i]) && memcmp(text, words[i], n) == 0)
			return 1;
	return n == 0;
}

static uint64_t duplicates_of(uint64_t calls, uint64_t distinct, uint64_t unjudged)
{
	uint64_t known = distinct > UINT64_MAX - unjudged ? UINT64_MAX : distinct + unjudged;

	return distinct && calls > known ? calls - known : 0;
}

static int many_sets(uint64_t calls, uint64_t distinct, uint64_t rows)
{
	return calls >= STATEMENTS_MANY && distinct >= STATEMENTS_MANY / 2 &&
	       (double)rows <= (double)calls * STATEMENTS_ROWS;
}

static int may_be_a_fault(const struct profile *p, uint32_t kind, uint32_t text)
{
	return is_query(p, kind) && !is_control(text_of(p, text));
}

int statement_site_many_sets(const struct profile *p, const struct profile_sql *q)
{
	return may_be_a_fault(p, q->kind, q->text) &&
	       many_sets(q->calls, q->distinct_params, q->rows);
}

uint64_t statement_site_duplicates(const struct profile *p, const struct profile_sql *q)
{
	return may_be_a_fault(p, q->kind, q->text)
		       ? duplicates_of(q->calls, q->distinct_params, q->unjudged)
		       : 0;
}

static void add_ns(int64_t *sum, int64_t ns)
{
	if (__builtin_add_overflow(*sum, ns, sum))
		*sum = INT64_MAX;
}

/* ---- adding up ----------------------------------------------------------------------------------- */

static int by_statement(const void *a, const void *b)
{
	const struct at *x = a, *y = b;
	const struct profile_sql *s = &x->p->sql[x->place], *t = &y->p->sql[y->place];

	if (s->fingerprint != t->fingerprint)
		return strcmp(text_of(x->p, s->fingerprint), text_of(x->p, t->fingerprint));
	if (s->kind != t->kind)
		return strcmp(text_of(x->p, s->kind), text_of(x->p, t->kind));
	if (s->process != t->process)
		return s->process < t->process ? -1 : 1;
	if (s->total_ns != t->total_ns)
		return s->total_ns > t->total_ns ? -1 : 1;
	return x->place < y->place ? -1 : x->place > y->place;
}

static int is_within(const struct profile *p, uint32_t stage, const char *name)
{
	for (; stage < p->n_stages; stage = p->stages[stage].parent)
		if (strcmp(text_of(p, p->stages[stage].name), name) == 0)
			return 1;
	return 0;
}

static void add_site(struct statement_row *r, const struct profile_sql *q,
		     uint32_t times[SQL_BUCKETS], const struct profile *p)
{
	r->calls += q->calls;
	r->rows += q->rows;
	r->sent += q->sent;
	r->received += q->received;
	r->errors += q->errors;
	r->unfinished += q->unfinished;
	r->unjudged += q->unjudged;
	add_ns(&r->total_ns, q->total_ns);
	add_ns(&r->inside_ns, q->inside_ns);
	r->max_ns = q->max_ns > r->max_ns ? q->max_ns : r->max_ns;
	sql_times_add(times, text_of(p, q->times));
}

/* Different sets that the sites of one process were given: no more than each has seen, added up, and no more than
 * the statement has seen anywhere in it. */
static uint64_t distinct_of(const struct profile *p, const struct at *at, size_t n)
{
	uint64_t sum = 0, most = 0;

	for (size_t i = 0; i < n; i++) {
		const struct profile_sql *q = &p->sql[at[i].place];

		if (__builtin_add_overflow(sum, q->distinct_params, &sum))
			sum = UINT64_MAX;
		most = q->statement_distinct > most ? q->statement_distinct : most;
		most = q->distinct_params > most ? q->distinct_params : most;
	}
	return sum < most ? sum : most;
}

/* Sites of one statement, process by process. */
static void add_statement(struct statement_row *r, const struct profile *p, const struct at *at,
			  size_t n)
{
	const struct profile_sql *first = &p->sql[at[0].place];
	uint32_t times[SQL_BUCKETS] = {0};
	size_t from = 0;

	r->fingerprint = first->fingerprint;
	r->kind = first->kind;
	r->text = first->text;
	r->n = n;
	for (size_t i = 0; i < n; i++) {
		const struct profile_sql *q = &p->sql[at[i].place];

		add_site(r, q, times, p);
		if (i + 1 < n && p->sql[at[i + 1].place].process == q->process)
			continue;
		r->distinct += distinct_of(p, at + from, i + 1 - from);
		from = i + 1;
	}
	r->p95_ns = (int64_t)sql_quantile_ns(times, (uint64_t)r->max_ns, 0.95);
	r->duplicates = duplicates_of(r->calls, r->distinct, r->unjudged);
	if (!may_be_a_fault(p, r->kind, r->text))
		return;
	r->many_sets = many_sets(r->calls, r->distinct, r->rows);
	r->repeated = r->duplicates >= STATEMENTS_MANY && r->duplicates >= r->calls - r->duplicates;
}

static int by_total(const void *a, const void *b)
{
	const struct statement_row *x = a, *y = b;

	if (x->total_ns != y->total_ns)
		return x->total_ns > y->total_ns ? -1 : 1;
	return x->first < y->first ? -1 : x->first > y->first;
}

static int site_by_total(const void *a, const void *b)
{
	const struct at *x = a, *y = b;
	int64_t s = x->p->sql[x->place].total_ns, t = y->p->sql[y->place].total_ns;

	if (s != t)
		return s > t ? -1 : 1;
	return x->place < y->place ? -1 : x->place > y->place;
}

static void make_rows(struct statement_list *l, const struct profile *p, struct at *at, size_t n)
{
	size_t end;

	for (size_t i = 0; i < n; i = end) {
		const struct profile_sql *q = &p->sql[at[i].place];
		struct statement_row *r = &l->rows[l->n++];

		for (end = i + 1; end < n; end++)
			if (p->sql[at[end].place].fingerprint != q->fingerprint ||
			    p->sql[at[end].place].kind != q->kind)
				break;
		add_statement(r, p, at + i, end - i);
		r->first = i;
		qsort(at + i, end - i, sizeof *at, site_by_total);
		l->calls += r->calls;
		add_ns(&l->total_ns, r->total_ns);
	}
	for (size_t i = 0; i < n; i++)
		l->sites[i] = at[i].place;
	qsort(l->rows, l->n, sizeof *l->rows, by_total);
}

/* ---- by stage ------------------------------------------------------------------------------------ */

static int stage_by_total(const void *a, const void *b)
{
	const struct statement_stage *x = a, *y = b;

	if (x->total_ns != y->total_ns)
		return x->total_ns > y->total_ns ? -1 : 1;
	return x->stage < y->stage ? -1 : x->stage > y->stage;
}

static void make_stages(struct statement_list *l, const struct profile *p, const struct at *at,
			size_t n)
{
	for (size_t i = 0; i < n; i++) {
		const struct profile_sql *q = &p->sql[at[i].place];
		uint32_t name = q->stage < p->n_stages ? p->stages[q->stage].name : STRTAB_EMPTY;
		size_t k = 0;

		while (k < l->n_stages && l->stages[k].stage != name)
			k++;
		if (k == l->n_stages)
			l->stages[l->n_stages++] = (struct statement_stage){.stage = name};
		l->stages[k].calls += q->calls;
		add_ns(&l->stages[k].total_ns, q->total_ns);
	}
	qsort(l->stages, l->n_stages, sizeof *l->stages, stage_by_total);
}

int statements_make(struct statement_list *l, const struct profile *p, const char *stage,
		    struct err *err)
{
	struct at *at = calloc(p->n_sql + 1, sizeof *at);
	size_t n = 0;

	*l = (struct statement_list){0};
	l->rows = calloc(p->n_sql + 1, sizeof *l->rows);
	l->sites = calloc(p->n_sql + 1, sizeof *l->sites);
	l->stages = calloc(p->n_sql + 1, sizeof *l->stages);
	if (!at || !l->rows || !l->sites || !l->stages) {
		free(at);
		statements_release(l);
		return err_nomem(err, "statements");
	}
	for (size_t i = 0; i < p->n_sql; i++)
		if (!stage || is_within(p, p->sql[i].stage, stage))
			at[n++] = (struct at){p, i};
	if (n)
		qsort(at, n, sizeof *at, by_statement);
	make_stages(l, p, at, n);
	make_rows(l, p, at, n);
	free(at);
	return 0;
}

void statements_release(struct statement_list *l)
{
	free(l->rows);
	free(l->sites);
	free(l->stages);
	*l = (struct statement_list){0};
}
