/* Reads NCBI's nodes.dmp and merged.dmp ("taxon \t|\t parent \t|\t ... \t|", one line each; format:
 * taxdump_readme.txt of NCBI). The whole file is read at once: a million lines parse in a fraction
 * of a second. Every line of nodes.dmp is a node, so node i stands on line i + 1. */
#include "pipeline/taxonomy/tax_tree.h"

#include <stdlib.h>
#include <string.h>

#include "pipeline/core/fsio.h"
#include "prof/base/buf.h"

/* Today's nodes.dmp is 0.2 GB. */
#define DUMP_MAX_BYTES ((size_t)4 << 30)

struct dump {
	const char *name; /* borrowed */
	const char *at, *end;
	size_t line; /* of the pair read last, from 1 */
};

static const char *skip_blanks(const char *p, const char *end)
{
	while (p < end && (*p == ' ' || *p == '\t'))
		p++;
	return p;
}

/* Reads one number and the '|' behind it; 0 or -1. */
static int read_field(const char **at, const char *end, int64_t *id)
{
	const char *p = skip_blanks(*at, end);

	if (tax_read_id(&p, end, id) != 0)
		return -1;
	p = skip_blanks(p, end);
	if (p == end || *p != '|')
		return -1;
	*at = p + 1;
	return 0;
}

/* The first two fields of the next line. 1: read, 0: end, negative: failure. */
static int dump_next(struct dump *d, int64_t *first, int64_t *second, struct err *err)
{
	const char *p = d->at, *stop;

	if (p == d->end)
		return 0;
	d->line++;
	stop = memchr(p, '\n', (size_t)(d->end - p));
	if (!stop) {
		/* A line is closed by '|'; without it and without a newline the file was cut. */
		stop = d->end;
		if (stop[-1] != '|')
			return err_set(
				err, ERR_FORMAT,
				"%s:%zu: the file ends in the middle of a line; get it again",
				d->name, d->line);
		d->at = d->end;
	} else {
		d->at = stop + 1;
	}
	if (read_field(&p, stop, first) != 0 || read_field(&p, stop, second) != 0)
		return err_set(err, ERR_FORMAT,
			       "%s:%zu: expected two positive numbers, each followed by '|'",
			       d->name, d->line);
	return 1;
}

/* Nodes with their parents still as taxa, in *parent_ids (owned by the caller). */
static int read_nodes(struct taxonomy *t, struct dump *d, int64_t **parent_ids, struct err *err)
{
	int64_t taxon = 0, parent = 0;
	size_t cap = 0;
	int rc;

	while ((rc = dump_next(d, &taxon, &parent, err)) == 1) {
		uint32_t old = tax_tree_find(t, taxon), node;

		if (old != IDMAP_NONE)
			return err_set(err, ERR_FORMAT,
				       "%s:%zu: taxon %lld stands on line %u already", d->name,
				       d->line, (long long)taxon, old + 1);
		node = tax_tree_add(t, taxon);
		if (node == IDMAP_NONE)
			return err_nomem(err, d->name);
		if (cap != t->cap) {
			int64_t *grown = realloc(*parent_ids, t->cap * sizeof *grown);

			if (!grown)
				return err_nomem(err, d->name);
			*parent_ids = grown;
			cap = t->cap;
		}
		(*parent_ids)[node] = parent;
		t->listed[node] = 1;
	}
	t->n_listed = t->count;
	return rc;
}

static int resolve_parents(struct taxonomy *t, const char *name, const int64_t *parent_ids,
			   struct err *err)
{
	uint32_t i;

	for (i = 0; i < t->count; i++) {
		t->parents[i] = tax_tree_find(t, parent_ids[i]);
		if (t->parents[i] == IDMAP_NONE)
			return err_set(err, ERR_FORMAT,
				       "%s:%u: parent %lld of taxon %lld is not in the file", name,
				       i + 1, (long long)parent_ids[i], (long long)t->ids[i]);
		if (t->parents[i] == i && t->ids[i] != TAX_ROOT)
			return err_set(err, ERR_FORMAT,
				       "%s:%u: taxon %lld is its own parent, which only the root "
				       "(1) may be",
				       name, i + 1, (long long)t->ids[i]);
	}
	return 0;
}

/* Node `start` has more than TAXONOMY_MAX_DEPTH nodes above it: a circle, or a tree too deep? */
static int bad_depth(const struct taxonomy *t, const char *name, uint32_t start, struct err *err)
{
	uint32_t slow = start, fast = start;

	do {
		slow = t->parents[slow];
		fast = t->parents[t->parents[fast]];
	} while (slow != fast);
	if (t->parents[slow] != slow)
		return err_set(err, ERR_FORMAT, "%s:%u: taxon %lld is among its own ancestors",
			       name, slow + 1, (long long)t->ids[slow]);
	return err_set(err, ERR_LIMIT, "%s:%u: taxon %lld lies deeper than %d levels", name,
		       start + 1, (long long)t->ids[start], TAXONOMY_MAX_DEPTH);
}

/* Fills depths; every node is walked over a constant number of times because a walk stops at the
 * first node whose depth is known. */
static int measure_depths(struct taxonomy *t, const char *name, struct err *err)
{
	uint32_t way[TAXONOMY_MAX_DEPTH];
	uint32_t i;

	for (i = 0; i < t->count; i++) {
		uint32_t node = i;
		size_t n = 0, above;

		while (t->depths[node] == 0 && t->parents[node] != node) {
			if (n == TAXONOMY_MAX_DEPTH)
				return bad_depth(t, name, i, err);
			way[n++] = node;
			node = t->parents[node];
		}
		if (t->depths[node] == 0)
			t->depths[node] = 1;
		above = t->depths[node];
		if (above + n > TAXONOMY_MAX_DEPTH)
			return bad_depth(t, name, i, err);
		while (n > 0)
			t->depths[way[--n]] = (uint16_t)++above;
	}
	return 0;
}

static int parse_merged(struct taxonomy *t, struct dump *d, struct err *err)
{
	struct tax_merges m = TAX_MERGES_INIT;
	int64_t old_id = 0, new_id = 0;
	size_t bad;
	int rc;

	while ((rc = dump_next(d, &old_id, &new_id, err)) == 1)
		if (tax_merges_add(&m, old_id, new_id) != 0) {
			rc = err_nomem(err, d->name);
			break;
		}
	if (rc == 0) {
		rc = tax_tree_merge(t, &m, &bad, err);
		if (rc == ERR_FORMAT)
			err_prefix(err, "%s:%zu", d->name, bad + 1);
	}
	tax_merges_release(&m);
	return rc;
}

int tax_parse_dump(struct taxonomy *t, const char *nodes_name, const char *nodes, size_t n_nodes,
		   const char *merged_name, const char *merged, size_t n_merged, struct err *err)
{
	struct dump d = {nodes_name, nodes, nodes + n_nodes, 0};
	struct dump dm = {merged_name, merged, merged ? merged + n_merged : NULL, 0};
	int64_t *parent_ids = NULL;
	int rc = read_nodes(t, &d, &parent_ids, err);

	if (rc == 0 && t->count == 0)
		rc = err_set(err, ERR_FORMAT, "%s: no taxon in it", nodes_name);
	if (rc == 0)
		rc = resolve_parents(t, nodes_name, parent_ids, err);
	free(parent_ids);
	if (rc == 0)
		rc = measure_depths(t, nodes_name, err);
	if (rc == 0 && merged)
		rc = parse_merged(t, &dm, err);
	return rc;
}

int tax_read_dump(struct taxonomy *t, const char *nodes_path, const char *merged_path,
		  struct err *err)
{
	struct buf nodes = BUF_INIT, merged = BUF_INIT;
	int rc = fsio_read_all(nodes_path, DUMP_MAX_BYTES, &nodes, err);

	if (rc == 0 && merged_path)
		rc = fsio_read_all(merged_path, DUMP_MAX_BYTES, &merged, err);
	if (rc == 0)
		rc = tax_parse_dump(t, nodes_path, buf_str(&nodes), nodes.len, merged_path,
				    merged_path ? buf_str(&merged) : NULL, merged.len, err);
	buf_release(&nodes);
	buf_release(&merged);
	return rc;
}
