/* Lines and calls of a callgrind file in order: see callgrind_graph.h. */
#include "prof/formats/callgrind_graph.h"

#include <stdlib.h>
#include <string.h>

#include "prof/formats/callgrind_cycles.h"

static int by_function(const void *x, const void *y)
{
	const struct callgrind_line *a = x, *b = y;

	if (a->function != b->function)
		return a->function < b->function ? -1 : 1;
	if (a->file != b->file)
		return a->file < b->file ? -1 : 1;
	return (a->line > b->line) - (a->line < b->line);
}

static int by_caller(const void *x, const void *y)
{
	const struct callgrind_call *a = x, *b = y;

	if (a->from != b->from)
		return a->from < b->from ? -1 : 1;
	if (a->to != b->to)
		return a->to < b->to ? -1 : 1;
	if (a->file != b->file)
		return a->file < b->file ? -1 : 1;
	return (a->line > b->line) - (a->line < b->line);
}

/* Each line once. */
static void merge_lines(struct callgrind_graph *t)
{
	size_t n = 0;

	for (size_t i = 0; i < t->n_lines; i++)
		if (n && by_function(&t->lines[n - 1], &t->lines[i]) == 0)
			t->lines[n - 1].cost += t->lines[i].cost;
		else
			t->lines[n++] = t->lines[i];
	t->n_lines = n;
}

static void merge_calls(struct callgrind_graph *t)
{
	size_t n = 0;

	for (size_t i = 0; i < t->n_calls; i++)
		if (n && by_caller(&t->calls[n - 1], &t->calls[i]) == 0 &&
		    !__builtin_add_overflow(t->calls[n - 1].cost, t->calls[i].cost,
					    &t->calls[n - 1].cost))
			continue;
		else
			t->calls[n++] = t->calls[i];
	t->n_calls = n;
}

static uint64_t name_key(const struct callgrind_function *f)
{
	return (uint64_t)f->process << 32 | f->name;
}

/* A function that was only called is one that has a block of its own elsewhere, when only one has that name: files and
 * objects of what is called may be left out. */
static int resolve(struct callgrind_graph *t, const struct callgrind *c)
{
	struct idmap defined = IDMAP_INIT;
	int rc = 0;

	for (uint32_t i = 0; rc == 0 && i < c->n_functions; i++) {
		uint64_t key = name_key(&c->functions[i]);

		if (c->functions[i].defined)
			rc = idmap_set(&defined, key,
				       idmap_get(&defined, key) == IDMAP_NONE
					       ? i
					       : (uint32_t)c->n_functions);
	}
	for (size_t i = 0; rc == 0 && i < t->n_calls; i++) {
		const struct callgrind_function *f = &c->functions[t->calls[i].to];
		uint32_t id = f->defined ? IDMAP_NONE : idmap_get(&defined, name_key(f));

		if (id < c->n_functions)
			t->calls[i].to = id;
	}
	idmap_release(&defined);
	return rc;
}

static int allocate(struct callgrind_graph *t, const struct callgrind *c)
{
	size_t functions = c->n_functions + 1;

	t->lines = calloc(c->n_lines + 1, sizeof *t->lines);
	t->calls = calloc(c->n_calls + 1, sizeof *t->calls);
	t->first_line = calloc(functions, sizeof *t->first_line);
	t->first_call = calloc(functions, sizeof *t->first_call);
	t->circle = calloc(functions, sizeof *t->circle);
	t->work = calloc(functions, sizeof *t->work);
	t->into = calloc(functions, sizeof *t->into);
	return t->lines && t->calls && t->first_line && t->first_call && t->circle && t->work &&
			       t->into
		       ? 0
		       : ERR_NOMEM;
}

/* What goes into each circle, and what is done there and from there. */
static int add_up(struct callgrind_graph *t, const struct callgrind *c)
{
	int rc =
		callgrind_cycles(t->calls, t->first_call, c->n_functions, t->circle, &t->n_circles);

	for (size_t i = 0; rc == 0 && i < t->n_lines; i++)
		t->work[t->circle[t->lines[i].function]] += (double)t->lines[i].cost;
	for (size_t i = 0; rc == 0 && i < t->n_calls; i++) {
		uint32_t from = t->circle[t->calls[i].from], to = t->circle[t->calls[i].to];

		if (from == to)
			continue;
		t->work[from] += (double)t->calls[i].cost;
		t->into[to] += (double)t->calls[i].cost;
	}
	return rc;
}

static void number_rows(struct callgrind_graph *t, size_t n_functions)
{
	for (size_t i = 0; i < t->n_lines; i++)
		t->first_line[t->lines[i].function + 1] = i + 1;
	for (size_t i = 0; i < t->n_calls; i++)
		t->first_call[t->calls[i].from + 1] = i + 1;
	for (size_t i = 1; i <= n_functions; i++) {
		if (t->first_line[i] < t->first_line[i - 1])
			t->first_line[i] = t->first_line[i - 1];
		if (t->first_call[i] < t->first_call[i - 1])
			t->first_call[i] = t->first_call[i - 1];
	}
}

int callgrind_graph_make(struct callgrind_graph *t, const struct callgrind *c)
{
	int rc;

	memset(t, 0, sizeof *t);
	rc = allocate(t, c);
	if (rc)
		return rc;
	t->n_lines = c->n_lines;
	t->n_calls = c->n_calls;
	if (t->n_lines)
		memcpy(t->lines, c->lines, t->n_lines * sizeof *t->lines);
	if (t->n_calls)
		memcpy(t->calls, c->calls, t->n_calls * sizeof *t->calls);
	rc = resolve(t, c);
	if (rc)
		return rc;
	qsort(t->lines, t->n_lines, sizeof *t->lines, by_function);
	qsort(t->calls, t->n_calls, sizeof *t->calls, by_caller);
	merge_lines(t);
	merge_calls(t);
	number_rows(t, c->n_functions);
	return add_up(t, c);
}

void callgrind_graph_release(struct callgrind_graph *t)
{
	free(t->lines);
	free(t->calls);
	free(t->first_line);
	free(t->first_call);
	free(t->circle);
	free(t->work);
	free(t->into);
	memset(t, 0, sizeof *t);
}
