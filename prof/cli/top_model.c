/* Costs of functions and lines, spans and threads: see top_model.h. The tree is in top_tree.c, what keeps it small
 * in top_prune.c. */
#include "prof/cli/top_model.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "prof/base/err.h"
#include "prof/cli/top_grow.h"

/* ---- functions and lines ---- */

uint32_t top_model_function(struct top_model *m, uint32_t name, uint32_t module)
{
	uint64_t key = (uint64_t)name << 32 | module;
	uint32_t row = idmap_get(&m->function_ids, key);

	if (row != IDMAP_NONE)
		return row;
	if (TOP_GROW(m->functions, m->n_functions, 1, m->cap_functions))
		return TOP_NONE;
	row = m->n_functions;
	if (idmap_set(&m->function_ids, key, row))
		return TOP_NONE;
	memset(&m->functions[row], 0, sizeof(*m->functions));
	m->functions[row].name = name;
	m->functions[row].module = module;
	m->n_functions++;
	return row;
}

struct line_key {
	const struct top_model *m;
	uint32_t function, file, line;
};

static int same_line(const void *ctx, uint32_t id)
{
	const struct line_key *k = ctx;
	const struct top_line *l = &k->m->lines[id];

	return l->function == k->function && l->file == k->file && l->line == k->line;
}

uint32_t top_model_place(struct top_model *m, uint32_t function, uint32_t file, uint32_t line)
{
	struct line_key key = {m, function, file, line};
	uint64_t hash =
		hash_u64(((uint64_t)function << 32 | file) ^ hash_u64((uint64_t)line + 0x9e37));
	uint32_t row = hashidx_find(&m->line_ids, hash, same_line, &key);

	if (row != HASHIDX_NONE)
		return row;
	if (TOP_GROW(m->lines, m->n_lines, 1, m->cap_lines))
		return TOP_NONE;
	row = m->n_lines;
	memset(&m->lines[row], 0, sizeof(*m->lines));
	m->lines[row].function = function;
	m->lines[row].file = file;
	m->lines[row].line = line;
	if (hashidx_add(&m->line_ids, hash, row))
		return TOP_NONE;
	m->n_lines++;
	return row;
}

/* ---- life ---- */

int top_model_first_rows(struct top_model *m)
{
	if (top_model_function(m, m->other, STRTAB_EMPTY) == TOP_NONE ||
	    top_model_place(m, 0, STRTAB_EMPTY, 0) == TOP_NONE)
		return ERR_NOMEM;
	return top_tree_init(m);
}

int top_model_init(struct top_model *m, struct strtab *strings)
{
	memset(m, 0, sizeof(*m));
	m->strings = strings;
	m->max_functions = TOP_FUNCTIONS_MAX;
	m->max_lines = TOP_LINES_MAX;
	m->max_nodes = TOP_NODES_MAX;
	if (strtab_intern_text(strings, "[other]", &m->other) || top_model_first_rows(m)) {
		top_model_release(m);
		return ERR_NOMEM;
	}
	return 0;
}

void top_model_release(struct top_model *m)
{
	free(m->functions);
	free(m->lines);
	free(m->nodes);
	free(m->threads);
	idmap_release(&m->function_ids);
	idmap_release(&m->node_ids);
	hashidx_release(&m->line_ids);
	memset(m, 0, sizeof(*m));
}

int top_model_reset(struct top_model *m)
{
	m->n_functions = m->n_lines = m->n_nodes = m->n_threads = 0;
	idmap_release(&m->function_ids);
	idmap_release(&m->node_ids);
	hashidx_release(&m->line_ids);
	memset(m->sum, 0, sizeof(m->sum));
	memset(m->samples, 0, sizeof(m->samples));
	m->interval_ns = m->span_ns = 0;
	m->generation++;
	return top_model_first_rows(m);
}

/* ---- an interval ---- */

static void forget_now(struct top_cost cost[TOP_KINDS])
{
	int k;

	for (k = 0; k < TOP_KINDS; k++)
		cost[k].self[TOP_NOW] = cost[k].total[TOP_NOW] = 0;
}

void top_model_begin(struct top_model *m)
{
	uint32_t i;
	int k;

	for (i = 0; i < m->n_functions; i++)
		forget_now(m->functions[i].cost);
	for (i = 0; i < m->n_lines; i++)
		forget_now(m->lines[i].cost);
	for (i = 0; i < m->n_nodes; i++)
		forget_now(m->nodes[i].cost);
	for (k = 0; k < TOP_KINDS; k++)
		m->sum[k][TOP_NOW] = m->samples[k][TOP_NOW] = 0;
	m->n_threads = 0;
}

int top_model_add(struct top_model *m, enum top_kind kind, const uint32_t *places, uint32_t n,
		  double value_ns, uint64_t count)
{
	uint32_t node = 0, i, serial = ++m->serial;

	for (i = 0; i < n; i++) {
		struct top_line *l = &m->lines[places[i]];
		struct top_function *f = &m->functions[l->function];

		if (l->stamp != serial)
			l->cost[kind].total[TOP_NOW] += value_ns;
		if (f->stamp != serial)
			f->cost[kind].total[TOP_NOW] += value_ns;
		l->stamp = f->stamp = serial;
		if (i == 0) {
			l->cost[kind].self[TOP_NOW] += value_ns;
			f->cost[kind].self[TOP_NOW] += value_ns;
		}
	}
	m->sum[kind][TOP_NOW] += value_ns;
	m->samples[kind][TOP_NOW] += (double)count;
	for (i = n; i-- > 0;) {
		node = top_tree_child(m, node, m->lines[places[i]].function);
		if (node == TOP_NONE)
			return ERR_NOMEM;
	}
	m->nodes[node].cost[kind].self[TOP_NOW] += value_ns;
	return 0;
}

struct top_thread *top_model_thread(struct top_model *m)
{
	if (TOP_GROW(m->threads, m->n_threads, 1, m->cap_threads))
		return NULL;
	memset(&m->threads[m->n_threads], 0, sizeof(*m->threads));
	return &m->threads[m->n_threads++];
}

/* Less than a ns is nothing: a row that was hot once must not stay for ever. */
static double decayed(double value, double keep)
{
	value *= keep;
	return value < 1 ? 0 : value;
}

static void pass_on(double span[TOP_SPANS], double keep)
{
	span[TOP_RECENT] = decayed(span[TOP_RECENT], keep) + span[TOP_NOW];
	span[TOP_ALL] += span[TOP_NOW];
}

static void pass_on_cost(struct top_cost cost[TOP_KINDS], double keep)
{
	int k;

	for (k = 0; k < TOP_KINDS; k++) {
		pass_on(cost[k].self, keep);
		pass_on(cost[k].total, keep);
	}
}

int top_model_close(struct top_model *m, int64_t interval_ns)
{
	double keep = exp2(-(double)interval_ns / (double)TOP_HALF_LIFE_NS);
	uint32_t i;
	int k;

	top_tree_sum(m);
	for (i = 0; i < m->n_functions; i++)
		pass_on_cost(m->functions[i].cost, keep);
	for (i = 0; i < m->n_lines; i++)
		pass_on_cost(m->lines[i].cost, keep);
	for (i = 0; i < m->n_nodes; i++)
		pass_on_cost(m->nodes[i].cost, keep);
	for (k = 0; k < TOP_KINDS; k++) {
		pass_on(m->sum[k], keep);
		pass_on(m->samples[k], keep);
	}
	m->interval_ns = interval_ns;
	m->span_ns += interval_ns;
	return top_model_prune(m);
}
