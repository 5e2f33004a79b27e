/* From top's model to the rows of a tab: what has a cost in the span and passes the filter, in the chosen order; the
 * tree flattened as it is folded. */
#include <stdlib.h>
#include <string.h>

#include "prof/cli/top_grow.h"
#include "prof/cli/top_view.h"

/* Inside a call tree the path that costs most is open by itself, as long as it costs this part of everything. */
#define HOT_PART 0.05

struct build {
	struct top_view *v;
	const struct top_model *m;
};

static const char *text(const struct build *b, uint32_t string)
{
	return strtab_text(b->m->strings, string);
}

static int matches(const struct build *b, const char *name)
{
	return regexec(&b->v->pattern, name, 0, NULL, 0) == 0;
}

static int function_matches(const struct build *b, uint32_t function)
{
	const struct top_function *f = &b->m->functions[function];

	return matches(b, text(b, f->name)) || matches(b, text(b, f->module));
}

static struct top_row *add_row(struct build *b, uint32_t item, double self, double total)
{
	struct top_view *v = b->v;
	struct top_row *r;

	if (TOP_GROW(v->rows, v->n_rows, 1, v->cap_rows))
		return NULL;
	r = &v->rows[v->n_rows++];
	memset(r, 0, sizeof(*r));
	r->item = item;
	r->self = self;
	r->total = total;
	return r;
}

/* ---- order ---- */

static const char *name_of(const struct build *b, const struct top_row *r)
{
	const struct top_model *m = b->m;

	switch (b->v->tab) {
	case TOP_TAB_LINES:
		return text(b, m->functions[m->lines[r->item].function].name);
	case TOP_TAB_THREADS:
		return m->threads[r->item].name;
	case TOP_TAB_TREE:
		return text(b, m->functions[m->nodes[r->item].function].name);
	default:
		return text(b, m->functions[r->item].name);
	}
}

static int by_number(double x, double y)
{
	return x < y ? 1 : x > y ? -1 : 0;
}

/* Rows that are equal stay in the order of their numbers: nothing jumps without a reason. */
static int compare(const void *x, const void *y, void *ctx)
{
	const struct build *b = ctx;
	const struct top_row *r = x, *s = y;
	int order = 0;

	if (b->v->sort == TOP_BY_NAME)
		order = strcmp(name_of(b, r), name_of(b, s));
	else if (b->v->sort == TOP_BY_TOTAL || b->v->tab == TOP_TAB_TREE)
		order = by_number(r->total, s->total);
	if (!order && b->v->sort != TOP_BY_TOTAL && b->v->tab != TOP_TAB_TREE)
		order = by_number(r->self, s->self);
	if (!order)
		order = by_number(b->v->sort == TOP_BY_TOTAL ? r->self : r->total,
				  b->v->sort == TOP_BY_TOTAL ? s->self : s->total);
	return order ? order : r->item < s->item ? -1 : r->item > s->item;
}

static void sort_rows(struct build *b)
{
	if (b->v->n_rows > 1)
		qsort_r(b->v->rows, b->v->n_rows, sizeof(*b->v->rows), compare, b);
}

/* ---- tables ---- */

static int add_functions(struct build *b)
{
	uint32_t i;

	for (i = 0; i < b->m->n_functions; i++) {
		const struct top_cost *c = &b->m->functions[i].cost[b->v->kind];

		if (!(c->total[b->v->span] > 0) || (b->v->filtered && !function_matches(b, i)))
			continue;
		if (!add_row(b, i, c->self[b->v->span], c->total[b->v->span]))
			return ERR_NOMEM;
	}
	return 0;
}

static int add_lines(struct build *b)
{
	uint32_t i;

	for (i = 0; i < b->m->n_lines; i++) {
		const struct top_line *l = &b->m->lines[i];
		const struct top_cost *c = &l->cost[b->v->kind];

		if (!(c->total[b->v->span] > 0) ||
		    (b->v->filtered && !function_matches(b, l->function) &&
		     !matches(b, text(b, l->file))))
			continue;
		if (!add_row(b, i, c->self[b->v->span], c->total[b->v->span]))
			return ERR_NOMEM;
	}
	return 0;
}

static int add_threads(struct build *b)
{
	uint32_t i;

	for (i = 0; i < b->m->n_threads; i++) {
		const struct top_thread *t = &b->m->threads[i];

		if (b->v->filtered && !matches(b, t->name) && !matches(b, text(b, t->function)))
			continue;
		if (!add_row(b, i, (double)t->cpu_ns, (double)t->total_cpu_ns))
			return ERR_NOMEM;
	}
	return 0;
}

/* ---- the tree ---- */

struct visit { /* children of one node, sorted: rows of a scratch view */
	struct top_view view;
	uint32_t next, hottest;
	int hot; /* the node lies on the path that costs most */
};

static double node_total(const struct build *b, uint32_t node)
{
	return b->m->nodes[node].cost[b->v->kind].total[b->v->span];
}

/* With a filter: which nodes match, or have one below them that does. */
static uint8_t *mark_matches(const struct build *b)
{
	const struct top_model *m = b->m;
	uint8_t *wanted = calloc(m->n_nodes, 1), *fits = calloc(m->n_functions, 1);
	uint32_t i;

	if (wanted && fits) {
		for (i = 0; i < m->n_functions; i++)
			fits[i] = (uint8_t)function_matches(b, i);
		for (i = m->n_nodes; i-- > 1;) {
			wanted[i] |= fits[m->nodes[i].function];
			wanted[m->nodes[i].parent] |= wanted[i];
		}
	} else {
		free(wanted);
		wanted = NULL;
	}
	free(fits);
	return wanted;
}

static int shown(const struct build *b, const uint8_t *wanted, uint32_t node)
{
	return node_total(b, node) > 0 && (!wanted || wanted[node]);
}

static int has_shown_child(const struct build *b, const uint8_t *wanted, uint32_t node)
{
	uint32_t child = b->m->nodes[node].child;

	while (child && !shown(b, wanted, child))
		child = b->m->nodes[child].next;
	return child != 0;
}

static int is_open(const struct build *b, uint32_t node, int hot, int filtered)
{
	switch (b->m->nodes[node].fold) {
	case TOP_FOLD_OPEN:
		return 1;
	case TOP_FOLD_CLOSED:
		return 0;
	default:
		return filtered || (hot && node_total(b, node) >= HOT_PART * node_total(b, 0));
	}
}

/* Sorted children of a node as rows of visit->view. */
static int list_children(const struct build *b, const uint8_t *wanted, uint32_t node,
			 struct visit *visit)
{
	struct build children = {&visit->view, b->m};
	uint32_t child;

	memset(visit, 0, sizeof(*visit));
	visit->view.tab = TOP_TAB_TREE;
	visit->view.sort = b->v->sort;
	for (child = b->m->nodes[node].child; child; child = b->m->nodes[child].next) {
		const struct top_cost *c = &b->m->nodes[child].cost[b->v->kind];

		if (shown(b, wanted, child) &&
		    !add_row(&children, child, c->self[b->v->span], c->total[b->v->span])) {
			free(visit->view.rows);
			return ERR_NOMEM;
		}
	}
	sort_rows(&children);
	for (child = 1; child < visit->view.n_rows; child++)
		if (visit->view.rows[child].total > visit->view.rows[visit->hottest].total)
			visit->hottest = child;
	return 0;
}

/* Depth first with a stack of our own: paths may be thousands deep. */
struct walk {
	struct build *b;
	const uint8_t *wanted;
	struct visit *stack;
	uint32_t depth, cap;
};

static int descend(struct walk *w, uint32_t node, int hot)
{
	struct visit *visit;

	if (TOP_GROW(w->stack, w->depth, 1, w->cap))
		return ERR_NOMEM;
	visit = &w->stack[w->depth];
	if (list_children(w->b, w->wanted, node, visit))
		return ERR_NOMEM;
	visit->hot = hot;
	w->depth++;
	return 0;
}

static int step(struct walk *w)
{
	struct visit *visit = &w->stack[w->depth - 1];
	const struct top_row *child;
	struct top_row *row;
	int hot;

	if (visit->next == visit->view.n_rows) {
		free(visit->view.rows);
		w->depth--;
		return 0;
	}
	hot = visit->hot && visit->next == visit->hottest;
	child = &visit->view.rows[visit->next++];
	row = add_row(w->b, child->item, child->self, child->total);
	if (!row)
		return ERR_NOMEM;
	row->depth = w->depth - 1;
	row->inner = has_shown_child(w->b, w->wanted, child->item);
	row->open = row->inner && is_open(w->b, child->item, hot, w->wanted != NULL);
	return row->open ? descend(w, child->item, hot) : 0;
}

static int add_nodes(struct build *b)
{
	struct walk w = {b, NULL, NULL, 0, 0};
	uint8_t *wanted = NULL;
	int rc;

	if (b->v->filtered) {
		wanted = mark_matches(b);
		if (!wanted)
			return ERR_NOMEM;
		w.wanted = wanted;
	}
	rc = descend(&w, 0, 1);
	while (!rc && w.depth)
		rc = step(&w);
	while (w.depth)
		free(w.stack[--w.depth].view.rows);
	free(w.stack);
	free(wanted);
	return rc;
}

int top_rows_build(struct top_view *v, const struct top_model *m)
{
	struct build b = {v, m};
	int rc;

	v->n_rows = 0;
	switch (v->tab) {
	case TOP_TAB_LINES:
		rc = add_lines(&b);
		break;
	case TOP_TAB_THREADS:
		rc = add_threads(&b);
		break;
	case TOP_TAB_TREE:
		rc = add_nodes(&b);
		break;
	default:
		rc = add_functions(&b);
	}
	if (!rc && v->tab != TOP_TAB_TREE)
		sort_rows(&b);
	return rc;
}
