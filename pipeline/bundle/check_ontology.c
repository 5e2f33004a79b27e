/* Cycles among is_a and part_of edges, which must have none: part of bundle_check(). All snapshots in
 * one graph, since term ids are unique across them. */
#include "pipeline/bundle/check_parts.h"

#include <stdlib.h>

#include "pipeline/bundle/cycles.h"
#include "pipeline/bundle/rows.h"
#include "prof/base/hash.h"

#define PATH_SHOWN 6 /* terms of a cycle in its example */

struct graph {
	struct idmap nodes;       /* go_term.id -> node */
	struct cycle_edge *edges; /* owned */
	size_t n_edges, cap;
	int64_t *ids; /* owned: go_term.id of each node */
	size_t cap_ids;
};

static void graph_release(struct graph *g)
{
	idmap_release(&g->nodes);
	free(g->edges);
	free(g->ids);
}

/* Room for one more of `size` bytes in a growing array. */
static int grow(void **array, size_t *cap, size_t n, size_t size)
{
	size_t fresh = *cap ? 2 * *cap : 1024;
	void *bytes;

	if (n < *cap)
		return 0;
	bytes = realloc(*array, fresh * size);
	if (!bytes)
		return ERR_NOMEM;
	*array = bytes;
	*cap = fresh;
	return 0;
}

static int intern(struct graph *g, int64_t id, uint32_t *node)
{
	size_t n = g->nodes.count;

	if (grow((void **)&g->ids, &g->cap_ids, n, sizeof *g->ids) < 0)
		return ERR_NOMEM;
	*node = idmap_intern(&g->nodes, (uint64_t)id, (uint32_t)n);
	if (*node == IDMAP_NONE)
		return ERR_NOMEM;
	g->ids[*node] = id;
	return 0;
}

static int add_edge(struct graph *g, int64_t child, int64_t parent, struct err *err)
{
	struct cycle_edge edge;

	if (grow((void **)&g->edges, &g->cap, g->n_edges, sizeof *g->edges) < 0 ||
	    intern(g, child, &edge.from) < 0 || intern(g, parent, &edge.to) < 0)
		return err_nomem(err, "the ontology");
	g->edges[g->n_edges++] = edge;
	return 0;
}

/* Rows of other types are told by check_values() and left out here. */
static int load_edges(struct bundle_checker *c, struct graph *g)
{
	struct bundle_rows r;

	bundle_rows_begin(&r, c->db, "go_term_relationship",
			  "SELECT id, child_go_term_id, parent_go_term_id"
			  " FROM go_term_relationship WHERE relation_type IN ('is_a', 'part_of')"
			  " AND typeof(child_go_term_id) = 'integer'"
			  " AND typeof(parent_go_term_id) = 'integer'",
			  c->err);
	while (bundle_rows_next(&r) > 0)
		r.failed = add_edge(g, sqlite3_column_int64(r.stmt, 1),
				    sqlite3_column_int64(r.stmt, 2), c->err);
	return bundle_rows_end(&r);
}

static int report_cycles(struct bundle_checker *c, const struct graph *g, uint64_t n,
			 const uint32_t *path, size_t len)
{
	static const struct check_kind kind = {
		"ontology-cycle", "is_a and part_of edges lead from a term back to itself",
		BUNDLE_ERROR};
	struct buf text = BUF_INIT;
	int rc = 0;

	buf_printf(&text, "%llu edges close a cycle; the first: go_term", (unsigned long long)n);
	for (size_t i = 0; i < len && i < PATH_SHOWN; i++)
		buf_printf(&text, " %lld >", (long long)g->ids[path[i]]);
	if (len)
		buf_printf(&text, " %s", len > PATH_SHOWN ? "…" : "");
	if (len && len <= PATH_SHOWN)
		buf_printf(&text, "%lld", (long long)g->ids[path[0]]);
	rc = buf_failed(&text) ? err_nomem(c->err, "the report")
			       : check_add(c, &kind, buf_str(&text));
	buf_release(&text);
	return rc;
}

int check_ontology(struct bundle_checker *c)
{
	struct graph g = {.nodes = IDMAP_INIT};
	uint32_t *path = NULL;
	uint64_t n = 0;
	size_t len = 0;
	int rc = load_edges(c, &g);

	if (rc == 0)
		rc = cycles_find((uint32_t)g.nodes.count, g.edges, g.n_edges, &n, &path, &len,
				 c->err);
	if (rc == 0 && n)
		rc = report_cycles(c, &g, n, path, len);
	free(path);
	graph_release(&g);
	return rc;
}
