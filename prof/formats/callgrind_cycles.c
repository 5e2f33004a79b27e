/* Circles of calls: see callgrind_cycles.h. */
#include "prof/formats/callgrind_cycles.h"

#include <stdlib.h>

struct visit { /* of a function that is being looked at */
	uint32_t function;
	size_t next; /* call to look at */
};

struct search {
	const struct callgrind_call *calls;
	const size_t *first_call;
	uint32_t *of, *n;
	uint32_t *number, *lowest; /* by function; number 0: not seen */
	uint32_t *pending;         /* seen, and in no circle yet */
	struct visit *path;
	size_t n_pending, depth;
	uint32_t seen;
};

static void enter(struct search *s, uint32_t f)
{
	s->number[f] = s->lowest[f] = ++s->seen;
	s->pending[s->n_pending++] = f;
	s->path[s->depth++] = (struct visit){f, s->first_call[f]};
}

/* The innermost function is done: its circle is complete if it is the first of it. */
static void leave(struct search *s)
{
	uint32_t f = s->path[--s->depth].function, member;

	if (s->depth) {
		uint32_t caller = s->path[s->depth - 1].function;

		if (s->lowest[f] < s->lowest[caller])
			s->lowest[caller] = s->lowest[f];
	}
	if (s->lowest[f] != s->number[f])
		return;
	do {
		member = s->pending[--s->n_pending];
		s->of[member] = *s->n;
	} while (member != f);
	++*s->n;
}

static void search_from(struct search *s, uint32_t f)
{
	enter(s, f);
	while (s->depth) {
		struct visit *v = &s->path[s->depth - 1];
		uint32_t to;

		if (v->next == s->first_call[v->function + 1]) {
			leave(s);
			continue;
		}
		to = s->calls[v->next++].to;
		if (!s->number[to])
			enter(s, to);
		else if (s->of[to] == CALLGRIND_NONE && s->number[to] < s->lowest[v->function])
			s->lowest[v->function] = s->number[to];
	}
}

int callgrind_cycles(const struct callgrind_call *calls, const size_t *first_call,
		     size_t n_functions, uint32_t *of, uint32_t *n)
{
	struct search s = {.calls = calls, .first_call = first_call, .of = of, .n = n};
	int rc = 0;

	s.number = calloc(n_functions + 1, sizeof *s.number);
	s.lowest = calloc(n_functions + 1, sizeof *s.lowest);
	s.pending = calloc(n_functions + 1, sizeof *s.pending);
	s.path = calloc(n_functions + 1, sizeof *s.path);
	*n = 0;
	if (!s.number || !s.lowest || !s.pending || !s.path)
		rc = ERR_NOMEM;
	for (size_t f = 0; rc == 0 && f < n_functions; f++)
		of[f] = CALLGRIND_NONE;
	for (uint32_t f = 0; rc == 0 && f < n_functions; f++)
		if (!s.number[f])
			search_from(&s, f);
	free(s.number);
	free(s.lowest);
	free(s.pending);
	free(s.path);
	return rc;
}
