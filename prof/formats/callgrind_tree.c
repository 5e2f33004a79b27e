/* Costs of lines and calls as stacks: see callgrind.h. A context is a function as it was reached by one path of calls, and the
 * share of the work of its circle (callgrind_graph.h) that falls on that path; the costliest contexts are followed first. In a
 * circle each function stands once in a context, under the call that cost most: recursion is folded, as costs of calls count it
 * again at each level. Costs are dealt out in whole numbers, each once, whatever the shares say. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "prof/formats/callgrind_graph.h"
#include "prof/formats/callgrind_internal.h"
#include "prof/formats/intake.h"

#define PLACES_MAX 200000u /* functions in all contexts */
#define DEPTH_MAX  2048u
#define SMALLEST   5e-6 /* of the whole: what costs less is not followed */
#define ANY_CALLER "[any caller]"

struct context {
	uint32_t function, stack, depth; /* stack: of its caller */
	double share, cost;
};

struct place {
	uint32_t stack, depth; /* of the caller */
};

struct inner {
	double cost;
	uint32_t call; /* place in calls */
};

struct line_state {
	uint64_t left;        /* not dealt out yet */
	uint64_t best_amount; /* dealt out at once to */
	uint32_t best;        /* this stack; 0 none */
};

struct tree {
	const struct callgrind *c;
	struct callgrind_graph g;
	struct intake in;
	struct line_state *states; /* by line */
	uint32_t *threads;         /* by process: of the profile */
	struct context *heap;      /* the largest cost first */
	size_t n_heap, cap_heap;
	uint32_t *reached;    /* by function: contexts */
	uint32_t *caller;     /* by function: stack of the caller in the first, largest of them */
	uint32_t *seen_in;    /* by function: number of the context in which it has its place */
	struct place *places; /* by function: there */
	struct inner *inner;  /* calls within the circle to go on with, the costliest first */
	size_t n_inner, cap_inner;
	uint32_t n_contexts;
	unsigned n_places;
};

/* ---- tables ---- */

static int prepare(struct tree *t)
{
	size_t functions = t->c->n_functions + 1;
	int rc = callgrind_graph_make(&t->g, t->c);

	if (rc)
		return rc;
	t->states = calloc(t->g.n_lines + 1, sizeof *t->states);
	t->reached = calloc(functions, sizeof *t->reached);
	t->caller = calloc(functions, sizeof *t->caller);
	t->seen_in = calloc(functions, sizeof *t->seen_in);
	t->places = calloc(functions, sizeof *t->places);
	t->threads = calloc(t->c->n_processes + 1, sizeof *t->threads);
	if (!t->states || !t->reached || !t->caller || !t->seen_in || !t->places || !t->threads)
		return ERR_NOMEM;
	for (size_t i = 0; i < t->g.n_lines; i++)
		t->states[i].left = t->g.lines[i].cost;
	return 0;
}

static void release(struct tree *t)
{
	callgrind_graph_release(&t->g);
	free(t->states);
	free(t->reached);
	free(t->caller);
	free(t->seen_in);
	free(t->places);
	free(t->threads);
	free(t->inner);
	free(t->heap);
}

/* ---- the heap ---- */

/* Which one is larger; of equal ones the earlier function, so that the same file gives the same stacks. */
static int before(const struct context *a, const struct context *b)
{
	if (a->cost != b->cost)
		return a->cost > b->cost;
	return a->function != b->function ? a->function < b->function : a->stack < b->stack;
}

static void swap(struct context *a, struct context *b)
{
	struct context x = *a;

	*a = *b;
	*b = x;
}

static int push(struct tree *t, const struct context *x)
{
	size_t i = t->n_heap;

	if (i == t->cap_heap) {
		size_t cap = i ? 2 * i : 1024;
		struct context *grown = realloc(t->heap, cap * sizeof *grown);

		if (!grown)
			return ERR_NOMEM;
		t->heap = grown;
		t->cap_heap = cap;
	}
	t->heap[t->n_heap++] = *x;
	for (; i && before(&t->heap[i], &t->heap[(i - 1) / 2]); i = (i - 1) / 2)
		swap(&t->heap[i], &t->heap[(i - 1) / 2]);
	return 0;
}

static struct context pop(struct tree *t)
{
	struct context top = t->heap[0];
	size_t i = 0;

	t->heap[0] = t->heap[--t->n_heap];
	for (;;) {
		size_t child = 2 * i + 1;

		if (child + 1 < t->n_heap && before(&t->heap[child + 1], &t->heap[child]))
			child++;
		if (child >= t->n_heap || !before(&t->heap[child], &t->heap[i]))
			return top;
		swap(&t->heap[i], &t->heap[child]);
		i = child;
	}
}

/* ---- frames and samples ---- */

static int put_text(struct tree *t, uint32_t string, uint32_t *id)
{
	const char *text = strtab_text(t->c->strings, string);

	if (strcmp(text, "???") == 0)
		text = "";
	return intake_text(&t->in, text, strlen(text), id);
}

static int put_frame(struct tree *t, uint32_t function, uint32_t file, uint32_t line,
		     uint32_t *frame)
{
	const struct callgrind_function *f = &t->c->functions[function];
	struct profile_module module = {0};
	struct profile_frame row = {.module = PROFILE_NONE, .line = line};
	int rc = put_text(t, f->object, &module.path);

	if (rc == 0 && module.path != STRTAB_EMPTY)
		rc = intake_module(&t->in, &module, &row.module);
	if (rc == 0)
		rc = put_text(t, f->name, &row.function);
	if (rc == 0)
		rc = put_text(t, file, &row.file);
	if (rc == 0 && row.file == STRTAB_EMPTY)
		row.line = 0;
	return rc ? rc : intake_frame(&t->in, &row, frame);
}

static int put_stack(struct tree *t, uint32_t parent, uint32_t function, uint32_t file,
		     uint32_t line, uint32_t *stack)
{
	uint32_t frame;
	int rc = put_frame(t, function, file, line, &frame);

	return rc ? rc : intake_stack(&t->in, parent, frame, stack);
}

static int put_cost(struct tree *t, size_t i, uint32_t stack, uint64_t amount)
{
	double scaled = (double)amount * t->c->factor;
	int64_t value = t->c->factor == 1 ? (int64_t)amount : (int64_t)(scaled + 0.5);
	uint32_t process = t->c->functions[t->g.lines[i].function].process;

	t->states[i].left -= amount;
	return intake_add(&t->in, PROFILE_CPU, t->threads[process], stack, amount, value);
}

/* ---- contexts ---- */

static int deal_line(struct tree *t, const struct context *x, size_t i)
{
	const struct callgrind_line *l = &t->g.lines[i];
	struct line_state *s = &t->states[i];
	double part = floor(x->share * (double)l->cost + 0.5);
	uint64_t amount = part >= (double)s->left ? s->left : (uint64_t)part;
	uint32_t stack;
	int rc;

	if (!amount)
		return 0;
	rc = put_stack(t, x->stack, l->function, l->file, l->line, &stack);
	if (rc)
		return rc;
	if (amount > s->best_amount) {
		s->best_amount = amount;
		s->best = stack;
	}
	return put_cost(t, i, stack, amount);
}

static int is_small(const struct tree *t, double cost)
{
	return cost < 1 || cost < SMALLEST * (double)t->c->total;
}

/* Where `call` leads to: the stack of its caller. */
static int put_caller(struct tree *t, const struct callgrind_call *call, struct place *place)
{
	const struct place *from = &t->places[call->from];

	place->depth = from->depth + 1;
	return put_stack(t, from->stack, call->from, call->file, call->line, &place->stack);
}

/* A call that leaves the circle begins a context. */
static int follow_call(struct tree *t, const struct context *x, const struct callgrind_call *call)
{
	struct context next = {.function = call->to, .cost = x->share * (double)call->cost};
	double work = t->g.work[t->g.circle[call->to]];
	struct place place;
	int rc;

	if (is_small(t, next.cost) || work <= 0 || t->places[call->from].depth >= DEPTH_MAX)
		return 0;
	next.share = next.cost > work ? 1 : next.cost / work;
	rc = put_caller(t, call, &place);
	next.stack = place.stack;
	next.depth = place.depth;
	return rc ? rc : push(t, &next);
}

/* One that stays in it waits for its turn. */
static int keep_inner(struct tree *t, const struct context *x, size_t call)
{
	double cost = (double)t->g.calls[call].cost;
	size_t i = t->n_inner;

	if (is_small(t, x->share * cost) || t->places[t->g.calls[call].from].depth >= DEPTH_MAX ||
	    t->seen_in[t->g.calls[call].to] == t->n_contexts)
		return 0;
	if (i == t->cap_inner) {
		size_t cap = i ? 2 * i : 256;
		struct inner *grown = realloc(t->inner, cap * sizeof *grown);

		if (!grown)
			return ERR_NOMEM;
		t->inner = grown;
		t->cap_inner = cap;
	}
	for (t->n_inner++; i && t->inner[(i - 1) / 2].cost < cost; i = (i - 1) / 2)
		t->inner[i] = t->inner[(i - 1) / 2];
	t->inner[i] = (struct inner){cost, (uint32_t)call};
	return 0;
}

static const struct callgrind_call *next_inner(struct tree *t)
{
	const struct callgrind_call *call = &t->g.calls[t->inner[0].call];
	struct inner last = t->inner[--t->n_inner];
	size_t i = 0, child;

	for (; (child = 2 * i + 1) < t->n_inner; i = child) {
		if (child + 1 < t->n_inner && t->inner[child + 1].cost > t->inner[child].cost)
			child++;
		if (t->inner[child].cost <= last.cost)
			break;
		t->inner[i] = t->inner[child];
	}
	t->inner[i] = last;
	return call;
}

/* The function gets its place in the context, and its part of costs. */
static int put_place(struct tree *t, const struct context *x, uint32_t f, struct place place)
{
	int rc = 0;

	t->seen_in[f] = t->n_contexts;
	t->places[f] = place;
	t->n_places++;
	if (!t->reached[f]++)
		t->caller[f] = place.stack;
	for (size_t i = t->g.first_line[f]; rc == 0 && i < t->g.first_line[f + 1]; i++)
		rc = deal_line(t, &(struct context){.stack = place.stack, .share = x->share}, i);
	for (size_t i = t->g.first_call[f]; rc == 0 && i < t->g.first_call[f + 1]; i++)
		rc = t->g.circle[t->g.calls[i].to] == t->g.circle[f]
			     ? keep_inner(t, x, i)
			     : follow_call(t, x, &t->g.calls[i]);
	return rc;
}

static int deal_context(struct tree *t, const struct context *x)
{
	struct place place = {x->stack, x->depth};
	int rc;

	t->n_contexts++;
	t->n_inner = 0;
	rc = put_place(t, x, x->function, place);
	while (rc == 0 && t->n_inner) {
		const struct callgrind_call *call = next_inner(t);

		if (t->seen_in[call->to] == t->n_contexts)
			continue;
		rc = put_caller(t, call, &place);
		if (rc == 0)
			rc = put_place(t, x, call->to, place);
	}
	return rc;
}

/* What nobody known calls begins a stack; in a circle, the function whose own calls and lines cost most. */
static int push_roots(struct tree *t)
{
	struct context *roots = calloc(t->g.n_circles + 1, sizeof *roots);
	int rc = roots ? 0 : ERR_NOMEM;

	for (uint32_t f = 0; rc == 0 && f < t->c->n_functions; f++) {
		struct context *x = &roots[t->g.circle[f]];
		double cost = 0;

		for (size_t i = t->g.first_line[f]; i < t->g.first_line[f + 1]; i++)
			cost += (double)t->g.lines[i].cost;
		for (size_t i = t->g.first_call[f]; i < t->g.first_call[f + 1]; i++)
			cost += (double)t->g.calls[i].cost;
		if (cost > x->cost)
			*x = (struct context){.function = f, .cost = cost};
	}
	for (uint32_t i = 0; rc == 0 && i < t->g.n_circles; i++) {
		double own = t->g.work[i] - t->g.into[i];

		if (own < 0.5 || own < SMALLEST * t->g.work[i])
			continue;
		roots[i].cost = own;
		roots[i].share = own / t->g.work[i];
		rc = push(t, &roots[i]);
	}
	free(roots);
	return rc;
}

/* What is left: roundings go where most of the function went; what no path explains is said to have any caller. */
static int deal_rest(struct tree *t, size_t i, uint32_t any)
{
	const struct callgrind_line *l = &t->g.lines[i];
	const struct line_state *s = &t->states[i];
	int rounding = s->left <= t->reached[l->function] + l->cost / 1000;
	uint32_t stack = rounding ? s->best : 0, caller = any;
	int rc = 0;

	if (!s->left)
		return 0;
	if (rounding && t->reached[l->function])
		caller = t->caller[l->function];
	if (!stack)
		rc = put_stack(t, caller, l->function, l->file, l->line, &stack);
	return rc ? rc : put_cost(t, i, stack, s->left);
}

static int deal(struct tree *t)
{
	uint32_t any_frame, any;
	int rc = push_roots(t);

	while (rc == 0 && t->n_heap && t->n_places < PLACES_MAX) {
		struct context x = pop(t);

		rc = deal_context(t, &x);
	}
	if (rc == 0)
		rc = intake_named(&t->in, ANY_CALLER, strlen(ANY_CALLER), &any_frame);
	if (rc == 0)
		rc = intake_stack(&t->in, 0, any_frame, &any);
	for (size_t i = 0; rc == 0 && i < t->g.n_lines; i++)
		rc = deal_rest(t, i, any);
	return rc;
}

/* ---- the profile ---- */

/* Last component of the first word. */
static void base_name(const char *command, const char **name, size_t *n)
{
	size_t word = strcspn(command, " \t"), at = word;

	while (at && command[at - 1] != '/')
		at--;
	*name = command + at;
	*n = word - at;
}

static int put_processes(struct tree *t)
{
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < t->c->n_processes; i++) {
		const struct callgrind_process *from = &t->c->processes[i];
		int64_t pid = from->pid ? from->pid : (int64_t)i + 1;
		const char *name;
		uint32_t id, process;
		size_t n;

		base_name(strtab_text(t->c->strings, from->command), &name, &n);
		rc = intake_text(&t->in, name, n, &id);
		if (rc == 0)
			rc = intake_process(&t->in, pid, id, &process);
		if (rc == 0)
			rc = intake_thread(&t->in, process, pid, id, &t->threads[i]);
	}
	return rc;
}

static int put_run(struct tree *t)
{
	struct profile *p = t->in.p;
	struct callgrind_facts facts;
	const char *name;
	size_t n;
	int rc;

	callgrind_facts(t->c, &facts);
	base_name(facts.command, &name, &n);
	rc = intake_text(&t->in, facts.command, strlen(facts.command), &p->run.command);
	if (rc == 0)
		rc = intake_text(&t->in, name, n, &p->run.name);
	if (rc == 0)
		rc = intake_text(&t->in, CALLGRIND_ENGINE, strlen(CALLGRIND_ENGINE),
				 &p->run.engine);
	if (rc == 0)
		rc = intake_text(&t->in, facts.event, strlen(facts.event), &p->run.mode);
	p->run.finished = 1;
	if (rc || strcmp(facts.event, CALLGRIND_EVENT) != 0)
		return rc;
	p->counters = calloc(1, sizeof *p->counters);
	if (!p->counters)
		return ERR_NOMEM;
	p->n_counters = 1;
	p->counters[0].value = (double)facts.total;
	return intake_text(&t->in, "instructions", strlen("instructions"), &p->counters[0].name);
}

int callgrind_profile(const struct callgrind *c, struct profile *out, struct err *err)
{
	struct tree t = {.c = c};
	int rc = intake_begin(&t.in, out, err);

	if (rc)
		return rc;
	rc = prepare(&t);
	if (rc == 0)
		rc = put_processes(&t);
	if (rc == 0)
		rc = deal(&t);
	if (rc == 0)
		rc = intake_finish(&t.in);
	if (rc == 0)
		rc = put_run(&t);
	if (rc == ERR_NOMEM)
		err_nomem(err, "costs of functions");
	intake_end(&t.in);
	release(&t);
	if (rc)
		profile_release(out);
	return rc;
}
