/* Packs a graph and all that goes with it until it fits: see payload.h and docs/viewer.md. */
#include "viewer/payload.h"

#include <stdlib.h>
#include <string.h>

#include "viewer/payload_pack.h"

/* What the parts that can be thinned may take of a page; the tree gets the rest. */
#define SOURCE_PART 8
#define TICKS_PART  4
#define SPANS_PART  8
#define SERIES_PART 16

#define NODES_MIN 2    /* the root and its "(other)" */
#define SMALL     8192 /* parts that are packed one by one seem that much larger than they are */

/* ---- tree ---- */

struct nodes {
	struct pack *w;
	uint32_t *label_of;       /* owned; by label: its number in the page */
	struct graph_site *first; /* owned; by label: where its first node spends most */
	uint32_t *depth;          /* owned; by node */
	uint32_t n_labels;
};

static struct graph_site site_of(const struct graph *g, uint32_t node)
{
	uint32_t site = g->nodes[node].site;

	return site == GRAPH_NONE ? (struct graph_site){STRTAB_EMPTY, 0} : g->sites[site];
}

static void put_label(struct nodes *x, uint32_t label, struct graph_site site)
{
	struct pack *w = x->w;
	const struct graph_label *l = &w->g->labels[label];

	x->label_of[label] = x->n_labels++;
	x->first[label] = site;
	pack_put(w, LABEL_FUNCTION, pack_string(w, l->function));
	pack_place(w, LABEL_MODULE,
		   l->module == GRAPH_NONE ? GRAPH_NONE : pack_string(w, l->module));
	pack_put(w, LABEL_FLAGS, l->flags);
	pack_put(w, LABEL_FILE, pack_string(w, site.file));
	pack_put(w, LABEL_LINE, site.line);
}

static void put_node(struct nodes *x, uint32_t node, uint32_t up)
{
	struct pack *w = x->w;
	const struct graph_node *n = &w->g->nodes[node];
	struct graph_site site = site_of(w->g, node), first;

	if (x->label_of[n->label] == GRAPH_NONE)
		put_label(x, n->label, site);
	first = x->first[n->label];
	pack_put(w, NODE_UP, up);
	pack_put(w, NODE_LABEL, x->label_of[n->label]);
	pack_place(w, NODE_FILE, site.file == first.file ? GRAPH_NONE : pack_string(w, site.file));
	pack_zigzag(w, NODE_LINE, (int64_t)site.line - first.line);
}

/* The root has no row; any other node tells how far above the node before it its parent is. */
static void put_nodes(struct pack *w)
{
	const struct graph *g = w->g;
	struct nodes x = {.w = w};
	uint32_t i;

	x.label_of = malloc((g->n_labels + (size_t)1) * sizeof *x.label_of);
	x.first = malloc((g->n_labels + (size_t)1) * sizeof *x.first);
	x.depth = malloc(g->n_nodes * sizeof *x.depth);
	if (x.label_of && x.first && x.depth) {
		memset(x.label_of, 0xff, (g->n_labels + (size_t)1) * sizeof *x.label_of);
		x.depth[0] = 0;
		for (i = 1; i < g->n_nodes; i++) {
			x.depth[i] = x.depth[g->nodes[i].parent] + 1;
			put_node(&x, i, x.depth[i - 1] + 1 - x.depth[i]);
		}
	} else {
		w->failed = ERR_NOMEM;
	}
	free(x.label_of);
	free(x.first);
	free(x.depth);
}

static void put_samples(struct pack *w)
{
	const struct graph *g = w->g;
	uint32_t group;
	size_t i = 0;

	for (group = 0; group < g->n_groups; group++) {
		const struct graph_group *at = &g->groups[group];
		size_t from = i;
		uint32_t last = 0;

		for (; i < g->n_samples && g->samples[i].group == group; i++) {
			const struct graph_sample *s = &g->samples[i];

			pack_put(w, SAMPLE_NODE, s->node - last);
			pack_put(w, SAMPLE_COUNT, s->count);
			pack_put(w, SAMPLE_VALUE, s->value);
			last = s->node;
		}
		if (g->n_runs > 1)
			pack_put(w, GROUP_RUN, at->run);
		pack_put(w, GROUP_KIND, at->kind);
		pack_place(w, GROUP_STAGE,
			   at->stage == GRAPH_NONE ? GRAPH_NONE : w->stage_of[at->stage]);
		pack_place(w, GROUP_THREAD, at->thread);
		pack_put(w, GROUP_SAMPLES, i - from);
	}
}

/* ---- all of it ---- */

/* What does not depend on which nodes stay. */
static void put_fixed(struct pack *w, size_t room)
{
	payload_spans(w, room / SPANS_PART);
	payload_stages(w);
	payload_threads(w);
	payload_series(w, room / SERIES_PART);
	payload_source(w, room / SOURCE_PART);
}

static void put_tree(struct pack *w, size_t room)
{
	put_nodes(w);
	put_samples(w);
	payload_ticks(w, room / TICKS_PART);
}

/* Folds nodes by what the page is too large by, of what they take of it. 0 when none is left. */
static int fold(struct pack *w, double over, double tree)
{
	uint32_t nodes = w->g->n_nodes, most = 0;
	struct err err;

	if (nodes <= NODES_MIN)
		return 0;
	if (over < tree)
		most = (uint32_t)((double)nodes * 0.99 * (1 - over / tree));
	if (graph_fold(w->g, most, &err) != 0)
		w->failed = ERR_NOMEM;
	return 1;
}

static int write_all(struct pack *w, struct buf *out)
{
	struct buf head = BUF_INIT;
	int rc;

	payload_head(w, &head);
	rc = pack_failed(w);
	if (rc == 0)
		rc = buf_failed(&head);
	if (rc == 0)
		rc = pack_deflate(w, &head, out);
	buf_release(&head);
	return rc;
}

/* How large all is, is only known when it is written; what is small is, what is large only if it may fit. */
static int write_fitting(struct pack *w, struct buf *out, size_t room)
{
	const size_t from = out->len;
	struct pack_mark fixed;
	size_t before, tree, all;
	int rc, more = 1;

	put_fixed(w, room);
	before = pack_size(w, NULL);
	pack_mark(w, &fixed);
	for (;;) {
		put_tree(w, room);
		tree = pack_size(w, &fixed);
		all = before + tree;
		rc = pack_failed(w);
		if (rc == 0 && (!more || all <= room + SMALL)) {
			rc = write_all(w, out);
			all = out->len - from;
		}
		if (rc != 0 || !more || (out->len > from && all <= room))
			return rc;
		more = fold(w, (double)all - (double)room, (double)tree);
		out->len = from;
		pack_back(w, &fixed);
	}
}

int payload_write(struct buf *out, struct graph *g, const struct flame_options *options,
		  size_t room, struct err *err)
{
	struct pack w;
	int rc = pack_init(&w, g, options);

	if (rc == 0)
		rc = write_fitting(&w, out, room);
	if (rc == 0 && options->has_text)
		*options->has_text = w.columns[WINDOW_TEXT].len > 0;
	pack_release(&w);
	if (rc == ERR_NOMEM)
		return err_nomem(err, "the data of a page");
	return rc == 0 ? 0 : err_set(err, rc, "the data of a page do not fit the limit");
}
