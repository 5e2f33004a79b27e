/* Keeps top's model small: when there are too many functions, lines or nodes, the cold half of them is folded into
 * "[other]" and everything gets new numbers. Selves are kept there, so that sums stay what they were; totals of
 * folded functions are not (a sample may have counted for several of them). */
#include <stdlib.h>
#include <string.h>

#include "prof/base/err.h"
#include "prof/cli/top_model.h"

static double warmth(const struct top_cost cost[TOP_KINDS])
{
	double sum = 0;
	int k;

	for (k = 0; k < TOP_KINDS; k++)
		sum += cost[k].total[TOP_ALL] + cost[k].total[TOP_RECENT];
	return sum;
}

static int by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return x < y ? 1 : x > y ? -1 : 0;
}

struct limit { /* what is warmer stays, and so many that are as warm */
	double warmth;
	uint32_t ties;
};

/* For at most `keep` rows to stay. `values` is sorted. */
static struct limit limit_of(double *values, uint32_t n, uint32_t keep)
{
	struct limit l = {-1, 0};
	uint32_t i;

	if (n <= keep)
		return l;
	qsort(values, n, sizeof(*values), by_value);
	l.warmth = values[keep];
	for (i = keep; i-- > 0 && values[i] <= l.warmth;)
		l.ties++;
	return l;
}

static int stays(struct limit *l, const struct top_cost cost[TOP_KINDS])
{
	double w = warmth(cost);

	if (w < l->warmth || (w <= l->warmth && !l->ties))
		return 0;
	l->ties -= w <= l->warmth;
	return 1;
}

static void add_cost(struct top_cost to[TOP_KINDS], const struct top_cost from[TOP_KINDS],
		     int totals)
{
	int k, s;

	for (k = 0; k < TOP_KINDS; k++)
		for (s = 0; s < TOP_SPANS; s++) {
			to[k].self[s] += from[k].self[s];
			to[k].total[s] += totals ? from[k].total[s] : from[k].self[s];
		}
}

struct prune {
	struct top_model old;
	double *values;
	uint32_t *function_of, *node_of; /* new numbers of the old rows */
	struct limit functions, lines, nodes;
};

static int prepare(struct prune *p, struct top_model *m)
{
	const struct top_model *o = &p->old;
	uint32_t most = o->n_functions, i;

	most = o->n_lines > most ? o->n_lines : most;
	most = o->n_nodes > most ? o->n_nodes : most;
	p->values = malloc(most * sizeof(*p->values));
	p->function_of = malloc(o->n_functions * sizeof(*p->function_of));
	p->node_of = malloc(o->n_nodes * sizeof(*p->node_of));
	if (!p->values || !p->function_of || !p->node_of)
		return ERR_NOMEM;
	for (i = 0; i < o->n_functions; i++)
		p->values[i] = warmth(o->functions[i].cost);
	p->functions = limit_of(p->values, o->n_functions, m->max_functions / 2);
	for (i = 0; i < o->n_lines; i++)
		p->values[i] = warmth(o->lines[i].cost);
	p->lines = limit_of(p->values, o->n_lines, m->max_lines / 2);
	for (i = 0; i < o->n_nodes; i++)
		p->values[i] = warmth(o->nodes[i].cost);
	p->nodes = limit_of(p->values, o->n_nodes, m->max_nodes / 2);
	return 0;
}

static int prune_functions(struct prune *p, struct top_model *m)
{
	const struct top_model *o = &p->old;
	uint32_t i;

	for (i = 0; i < o->n_functions; i++) {
		const struct top_function *f = &o->functions[i];
		int keep = i == 0 || stays(&p->functions, f->cost);
		uint32_t row = keep ? top_model_function(m, f->name, f->module) : 0;

		if (row == TOP_NONE)
			return ERR_NOMEM;
		m->pruned += !keep;
		p->function_of[i] = row;
		add_cost(m->functions[row].cost, f->cost, keep);
	}
	return 0;
}

static int prune_lines(struct prune *p, struct top_model *m)
{
	const struct top_model *o = &p->old;
	uint32_t i;

	for (i = 0; i < o->n_lines; i++) {
		const struct top_line *l = &o->lines[i];
		uint32_t function = p->function_of[l->function], row = 0;
		int keep = i == 0 || (function && stays(&p->lines, l->cost));

		if (keep)
			row = top_model_place(m, function, l->file, l->line);
		if (row == TOP_NONE)
			return ERR_NOMEM;
		m->pruned += !keep;
		add_cost(m->lines[row].cost, l->cost, keep);
	}
	return 0;
}

/* A node whose parent was folded is part of that parent's total; a cold one becomes a leaf "[other]". */
static int prune_nodes(struct prune *p, struct top_model *m)
{
	const struct top_model *o = &p->old;
	uint32_t i;

	p->node_of[0] = 0;
	add_cost(m->nodes[0].cost, o->nodes[0].cost, 1);
	for (i = 1; i < o->n_nodes; i++) {
		const struct top_node *n = &o->nodes[i];
		uint32_t parent = p->node_of[n->parent], node;
		int keep = parent != TOP_NONE && stays(&p->nodes, n->cost), k, s;

		p->node_of[i] = TOP_NONE;
		m->pruned += !keep;
		if (parent == TOP_NONE)
			continue;
		node = top_tree_child(m, parent, keep ? p->function_of[n->function] : 0);
		if (node == TOP_NONE)
			return ERR_NOMEM;
		if (keep) {
			p->node_of[i] = node;
			m->nodes[node].fold = n->fold;
			add_cost(m->nodes[node].cost, n->cost, 1);
			continue;
		}
		for (k = 0; k < TOP_KINDS; k++)
			for (s = 0; s < TOP_SPANS; s++) {
				m->nodes[node].cost[k].self[s] += n->cost[k].total[s];
				m->nodes[node].cost[k].total[s] += n->cost[k].total[s];
			}
	}
	return 0;
}

int top_model_prune(struct top_model *m)
{
	struct prune p;
	int rc;

	if (m->n_functions <= m->max_functions && m->n_lines <= m->max_lines &&
	    m->n_nodes <= m->max_nodes)
		return 0;
	memset(&p, 0, sizeof(p));
	p.old = *m;
	m->functions = NULL;
	m->lines = NULL;
	m->nodes = NULL;
	m->cap_functions = m->cap_lines = m->cap_nodes = 0;
	m->n_functions = m->n_lines = m->n_nodes = 0;
	memset(&m->function_ids, 0, sizeof(m->function_ids));
	memset(&m->node_ids, 0, sizeof(m->node_ids));
	memset(&m->line_ids, 0, sizeof(m->line_ids));
	rc = prepare(&p, m);
	if (!rc)
		rc = top_model_first_rows(m);
	if (!rc)
		rc = prune_functions(&p, m);
	if (!rc)
		rc = prune_lines(&p, m);
	if (!rc)
		rc = prune_nodes(&p, m);
	m->generation++;
	free(p.values);
	free(p.function_of);
	free(p.node_of);
	p.old.threads = NULL; /* they are the new one's */
	top_model_release(&p.old);
	if (rc)
		top_model_release(m);
	return rc;
}
