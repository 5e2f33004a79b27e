/* Costs of lines and calls as stacks: see callgrind.h. A context is a function as it was reached by one path of calls, and the
 * share of the function's work that falls on that path; the costliest contexts are followed first. Costs are dealt out in
 * whole numbers, each once, whatever the shares say. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "prof/formats/callgrind_internal.h"
#include "prof/formats/intake.h"

#define CONTEXTS_MAX 100000u
#define DEPTH_MAX    2048u
#define SMALLEST     1e-6 /* of the whole: what costs less is not followed */
#define ANY_CALLER   "[any caller]"

struct context {
	uint32_t function, stack, depth; /* stack: of its caller */
	double share, cost;
};

struct line_state {
	uint64_t left;        /* not dealt out yet */
	uint64_t best_amount; /* dealt out at once to */
	uint32_t best;        /* this stack; 0 none */
};

struct tree {
	const struct callgrind *c;
	struct intake in;
	struct callgrind_line *lines; /* sorted by function; each line once */
	struct callgrind_call *calls; /* sorted by caller */
	size_t n_lines, n_calls;
	size_t *first_line, *first_call; /* by function, and one more */
	double *all, *into; /* by function: cost with all it called; of these, of known calls */
	uint32_t *reached;  /* by function: contexts */
	uint32_t *caller;   /* by function: stack of the caller in the first, largest of them */
	struct line_state *states; /* by line */
	uint32_t *threads;         /* by process: of the profile */
	struct context *heap;      /* the largest cost first */
	size_t n_heap, cap_heap;
};

/* ---- tables ---- */

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
static void merge_lines(struct tree *t)
{
	size_t n = 0;

	for (size_t i = 0; i < t->n_lines; i++)
		if (n && by_function(&t->lines[n - 1], &t->lines[i]) == 0)
			t->lines[n - 1].cost += t->lines[i].cost;
		else
			t->lines[n++] = t->lines[i];
	t->n_lines = n;
}

static void merge_calls(struct tree *t)
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
static int resolve(struct tree *t)
{
	const struct callgrind *c = t->c;
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

static int allocate(struct tree *t)
{
	const struct callgrind *c = t->c;
	size_t functions = c->n_functions + 1;

	t->lines = calloc(c->n_lines + 1, sizeof *t->lines);
	t->calls = calloc(c->n_calls + 1, sizeof *t->calls);
	t->states = calloc(c->n_lines + 1, sizeof *t->states);
	t->first_line = calloc(functions, sizeof *t->first_line);
	t->first_call = calloc(functions, sizeof *t->first_call);
	t->all = calloc(functions, sizeof *t->all);
	t->into = calloc(functions, sizeof *t->into);
	t->reached = calloc(functions, sizeof *t->reached);
	t->caller = calloc(functions, sizeof *t->caller);
	t->threads = calloc(c->n_processes + 1, sizeof *t->threads);
	return t->lines && t->calls && t->states && t->first_line && t->first_call && t->all &&
			       t->into && t->reached && t->caller && t->threads
		       ? 0
		       : ERR_NOMEM;
}

static int prepare(struct tree *t)
{
	const struct callgrind *c = t->c;
	int rc = allocate(t);

	if (rc)
		return rc;
	t->n_lines = c->n_lines;
	t->n_calls = c->n_calls;
	if (t->n_lines)
		memcpy(t->lines, c->lines, t->n_lines * sizeof *t->lines);
	if (t->n_calls)
		memcpy(t->calls, c->calls, t->n_calls * sizeof *t->calls);
	rc = resolve(t);
	if (rc)
		return rc;
	qsort(t->lines, t->n_lines, sizeof *t->lines, by_function);
	qsort(t->calls, t->n_calls, sizeof *t->calls, by_caller);
	merge_lines(t);
	merge_calls(t);
	for (size_t i = 0; i < t->n_lines; i++) {
		t->states[i].left = t->lines[i].cost;
		t->all[t->lines[i].function] += (double)t->lines[i].cost;
		t->first_line[t->lines[i].function + 1] = i + 1;
	}
	for (size_t i = 0; i < t->n_calls; i++) {
		t->all[t->calls[i].from] += (double)t->calls[i].cost;
		t->into[t->calls[i].to] += (double)t->calls[i].cost;
		t->first_call[t->calls[i].from + 1] = i + 1;
	}
	for (size_t i = 1; i <= c->n_functions; i++) {
		if (t->first_line[i] < t->first_line[i - 1])
			t->first_line[i] = t->first_line[i - 1];
		if (t->first_call[i] < t->first_call[i - 1])
			t->first_call[i] = t->first_call[i - 1];
	}
	return 0;
}

static void release(struct tree *t)
{
	free(t->lines);
	free(t->calls);
	free(t->states);
	free(t->first_line);
	free(t->first_call);
	free(t->all);
	free(t->into);
	free(t->reached);
	free(t->caller);
	free(t->threads);
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
	uint32_t process = t->c->functions[t->lines[i].function].process;

	t->states[i].left -= amount;
	return intake_add(&t->in, PROFILE_CPU, t->threads[process], stack, amount, value);
}

/* ---- contexts ---- */

static int deal_line(struct tree *t, const struct context *x, size_t i)
{
	const struct callgrind_line *l = &t->lines[i];
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

static int follow_call(struct tree *t, const struct context *x, const struct callgrind_call *call)
{
	struct context next = {
		.function = call->to,
		.depth = x->depth + 1,
		.cost = x->share * (double)call->cost,
	};
	int rc;

	if (next.cost < 1 || next.cost < SMALLEST * (double)t->c->total || t->all[call->to] <= 0 ||
	    next.depth > DEPTH_MAX)
		return 0;
	next.share = next.cost / t->all[call->to];
	if (next.share > 1)
		next.share = 1;
	rc = put_stack(t, x->stack, call->from, call->file, call->line, &next.stack);
	return rc ? rc : push(t, &next);
}

static int deal_context(struct tree *t, const struct context *x)
{
	uint32_t f = x->function;
	int rc = 0;

	if (!t->reached[f]++)
		t->caller[f] = x->stack;
	for (size_t i = t->first_line[f]; rc == 0 && i < t->first_line[f + 1]; i++)
		rc = deal_line(t, x, i);
	for (size_t i = t->first_call[f]; rc == 0 && i < t->first_call[f + 1]; i++)
		rc = follow_call(t, x, &t->calls[i]);
	return rc;
}

/* What is not called by anybody known begins a stack. */
static int push_roots(struct tree *t)
{
	int rc = 0;

	for (uint32_t f = 0; rc == 0 && f < t->c->n_functions; f++) {
		double own = t->all[f] - t->into[f];
		struct context x = {.function = f, .cost = own};

		if (own < 0.5 || own < SMALLEST * t->all[f])
			continue;
		x.share = own / t->all[f];
		rc = push(t, &x);
	}
	return rc;
}

/* What is left: roundings go where most of the function went; what no path explains is said to have any caller. */
static int deal_rest(struct tree *t, size_t i, uint32_t any)
{
	const struct callgrind_line *l = &t->lines[i];
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

	for (unsigned n = 0; rc == 0 && t->n_heap && n < CONTEXTS_MAX; n++) {
		struct context x = pop(t);

		rc = deal_context(t, &x);
	}
	if (rc == 0)
		rc = intake_named(&t->in, ANY_CALLER, strlen(ANY_CALLER), &any_frame);
	if (rc == 0)
		rc = intake_stack(&t->in, 0, any_frame, &any);
	for (size_t i = 0; rc == 0 && i < t->n_lines; i++)
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
