/* The call tree of top's model: a node per call path of functions, children found by hash and listed by links. */
#include <string.h>

#include "prof/cli/top_grow.h"
#include "prof/cli/top_model.h"

static uint32_t add_node(struct top_model *m, uint32_t parent, uint32_t function)
{
	struct top_node *n;

	if (TOP_GROW(m->nodes, m->n_nodes, 1, m->cap_nodes))
		return TOP_NONE;
	n = &m->nodes[m->n_nodes];
	memset(n, 0, sizeof(*n));
	n->parent = parent;
	n->function = function;
	return m->n_nodes++;
}

int top_tree_init(struct top_model *m)
{
	return add_node(m, 0, TOP_NONE) == TOP_NONE ? ERR_NOMEM : 0;
}

uint32_t top_tree_child(struct top_model *m, uint32_t parent, uint32_t function)
{
	uint64_t key = (uint64_t)parent << 32 | function;
	uint32_t node = idmap_get(&m->node_ids, key);

	if (node != IDMAP_NONE)
		return node;
	node = add_node(m, parent, function);
	if (node == TOP_NONE)
		return TOP_NONE;
	if (idmap_set(&m->node_ids, key, node)) {
		m->n_nodes--;
		return TOP_NONE;
	}
	m->nodes[node].next = m->nodes[parent].child;
	m->nodes[parent].child = node;
	return node;
}

void top_tree_sum(struct top_model *m)
{
	uint32_t i;
	int k;

	/* Children stand behind their parents: from the end on, each is complete when it is added. */
	for (k = 0; k < TOP_KINDS; k++)
		for (i = m->n_nodes; i-- > 0;) {
			struct top_cost *c = &m->nodes[i].cost[k];

			c->total[TOP_NOW] += c->self[TOP_NOW];
			if (i)
				m->nodes[m->nodes[i].parent].cost[k].total[TOP_NOW] +=
					c->total[TOP_NOW];
		}
}
