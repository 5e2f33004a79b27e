/* obo_cut: the part of an ontology that a list of terms touches.
 *
 *   obo_cut --terms LIST ONTOLOGY.obo
 *
 * Prints the terms of LIST (alternative ids included) and all their ancestors through is_a and
 * part_of, with id, name, namespace, alternative ids and the edges among the terms kept; definitions,
 * synonyms and references are dropped. Order and data-version are those of the source. */
#include <getopt.h>

#include "pipeline/bundle/obo.h"
#include "samples/tools/tool.h"

static const char *const tool = "obo_cut";

struct cut {
	struct dict ids;  /* every id that is mentioned */
	uint32_t *parent; /* child, parent pairs of is_a and part_of */
	size_t n_parents, parent_cap;
	uint8_t *keep; /* by id */
	size_t keep_cap;
	struct dict wanted;
};

static void mark(struct cut *c, uint32_t id)
{
	size_t had = c->keep_cap;

	c->keep = tool_grow(tool, c->keep, &c->keep_cap, id + 1, 1);
	if (c->keep_cap > had)
		memset(c->keep + had, 0, c->keep_cap - had);
	c->keep[id] = 1;
}

static int is_marked(const struct cut *c, const char *id)
{
	uint32_t n = dict_find(&c->ids, id, strlen(id));

	return n != DICT_NONE && n < c->keep_cap && c->keep[n];
}

static int is_wanted(const struct cut *c, const char *id)
{
	return dict_find(&c->wanted, id, strlen(id)) != DICT_NONE;
}

static int add_term(void *ctx, const struct obo_term *t, struct err *err)
{
	struct cut *c = ctx;
	uint32_t id = tool_intern(tool, &c->ids, t->id);

	(void)err;
	if (is_wanted(c, t->id))
		mark(c, id);
	for (size_t i = 0; i < t->n_alt_ids; i++)
		if (is_wanted(c, t->alt_ids[i]))
			mark(c, id);
	for (size_t i = 0; i < t->n_edges; i++) {
		if (strcmp(t->edges[i].relation, "is_a") != 0 &&
		    strcmp(t->edges[i].relation, "part_of") != 0)
			continue;
		c->parent = tool_grow(tool, c->parent, &c->parent_cap, c->n_parents + 2,
				      sizeof *c->parent);
		c->parent[c->n_parents++] = id;
		c->parent[c->n_parents++] = tool_intern(tool, &c->ids, t->edges[i].target);
	}
	return 0;
}

/* Passes over all edges until nothing changes: ontologies are about fifteen levels deep. */
static void mark_ancestors(struct cut *c)
{
	int changed = 1;

	if (c->ids.count)
		mark(c, tool_intern(tool, &c->ids, "GO:0003674"));
	while (changed) {
		changed = 0;
		for (size_t i = 0; i < c->n_parents; i += 2) {
			uint32_t child = c->parent[i], parent = c->parent[i + 1];

			if (child >= c->keep_cap || !c->keep[child])
				continue;
			if (parent < c->keep_cap && c->keep[parent])
				continue;
			mark(c, parent);
			changed = 1;
		}
	}
}

static int no_header(void *ctx, const struct obo_header *h, struct err *err)
{
	(void)ctx, (void)h, (void)err;
	return 0;
}

static int print_header(void *ctx, const struct obo_header *h, struct err *err)
{
	(void)ctx, (void)err;
	printf("format-version: %s\ndata-version: %s\n", h->format_version, h->data_version);
	puts("remark: terms of the sample proteins with all their ancestors; definitions and "
	     "synonyms "
	     "dropped\nontology: go");
	return 0;
}

static int print_term(void *ctx, const struct obo_term *t, struct err *err)
{
	const struct cut *c = ctx;

	(void)err;
	if (!is_marked(c, t->id))
		return 0;
	printf("\n[Term]\nid: %s\nname: %s\n", t->id, t->name);
	if (t->aspect)
		printf("namespace: %s\n", t->aspect == 'P'   ? "biological_process"
					  : t->aspect == 'F' ? "molecular_function"
							     : "cellular_component");
	for (size_t i = 0; i < t->n_alt_ids; i++)
		if (is_wanted(c, t->alt_ids[i]))
			printf("alt_id: %s\n", t->alt_ids[i]);
	for (size_t i = 0; i < t->n_edges; i++) {
		const struct obo_edge *e = &t->edges[i];

		if (!is_marked(c, e->target))
			continue;
		if (strcmp(e->relation, "is_a") == 0)
			printf("is_a: %s\n", e->target);
		else
			printf("relationship: %s %s\n", e->relation, e->target);
	}
	if (t->is_obsolete)
		puts("is_obsolete: true");
	return 0;
}

static void read_obo(const char *path, const struct obo_handler *handler, struct cut *c)
{
	struct err err = ERR_INIT;
	struct lines *in;

	if (lines_open(&in, path, LINES_MAX_BYTES, &err) < 0 || obo_read(in, handler, c, &err) < 0)
		tool_fail(tool, err.text);
	lines_close(in);
}

int main(int argc, char **argv)
{
	static const struct option options[] = {{"terms", required_argument, NULL, 't'}, {0}};
	struct cut c = {0};
	int o;

	while ((o = getopt_long(argc, argv, "", options, NULL)) != -1)
		if (o == 't')
			tool_read_list(tool, &c.wanted, optarg);
	if (argc - optind != 1 || !c.wanted.count)
		tool_usage("obo_cut --terms LIST F.obo");
	read_obo(argv[optind], &(struct obo_handler){no_header, add_term}, &c);
	mark_ancestors(&c);
	read_obo(argv[optind], &(struct obo_handler){print_header, print_term}, &c);
	free(c.parent);
	free(c.keep);
	dict_release(&c.ids);
	dict_release(&c.wanted);
	return tool_done(tool);
}
