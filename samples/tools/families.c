/* families: chooses related proteins, so that a small cut still has neighbours.
 *
 *   families --count N [--length MIN-MAX] [--size MIN-MAX] [--prefer LIST] PROTEINS.fasta
 *
 * A family is the set of proteins that share the 7-mer of smallest hash (min-hash): two unrelated
 * proteins practically never do, close relatives often do. Families of MIN to MAX members are taken
 * in the order of a hash, those with a protein of LIST first, until N proteins are reached. Prints
 * the accessions, ascending. The same input gives the same answer everywhere. */
#include <getopt.h>

#include "pipeline/bundle/fasta.h"
#include "samples/tools/tool.h"

#define WORD 7 /* 20^7 words against 400 in a protein: chance meetings are rare */

static const char *const tool = "families";

struct protein {
	uint64_t family; /* smallest hash of its words */
	uint32_t name;
	int preferred;
};

struct family {
	size_t first, n; /* in the sorted proteins */
	uint64_t order;
	int preferred;
};

struct choice {
	struct dict names, prefer;
	struct protein *proteins;
	size_t n, cap;
	size_t count, min_length, max_length, min_size, max_size;
};

static int add_record(void *ctx, const struct fasta_record *r, struct err *err)
{
	struct choice *c = ctx;
	struct protein *p;
	uint64_t least = UINT64_MAX;

	(void)err;
	if (r->n_residues < c->min_length || r->n_residues > c->max_length || r->n_residues < WORD)
		return 0;
	for (size_t i = 0; i + WORD <= r->n_residues; i++) {
		uint64_t h = hash_bytes(r->residues + i, WORD, 7);

		if (h < least)
			least = h;
	}
	c->proteins = tool_grow(tool, c->proteins, &c->cap, c->n + 1, sizeof *c->proteins);
	p = &c->proteins[c->n++];
	p->family = least;
	p->name = tool_intern(tool, &c->names, r->accession);
	p->preferred = dict_find(&c->prefer, r->accession, strlen(r->accession)) != DICT_NONE;
	return 0;
}

static struct dict *sort_names;
static int by_family(const void *a, const void *b)
{
	const struct protein *x = a, *y = b;

	if (x->family != y->family)
		return x->family < y->family ? -1 : 1;
	return strcmp(dict_text(sort_names, x->name), dict_text(sort_names, y->name));
}

static int by_order(const void *a, const void *b)
{
	const struct family *x = a, *y = b;

	if (x->preferred != y->preferred)
		return y->preferred - x->preferred;
	return (x->order > y->order) - (x->order < y->order);
}

static int by_name(const void *a, const void *b)
{
	return strcmp(dict_text(sort_names, *(const uint32_t *)a),
		      dict_text(sort_names, *(const uint32_t *)b));
}

/* Families of allowed size, best first. */
static size_t list_families(const struct choice *c, struct family *families)
{
	size_t n = 0, to;

	for (size_t i = 0; i < c->n; i = to) {
		struct family f = {.first = i, .order = hash_u64(c->proteins[i].family)};

		for (to = i; to < c->n && c->proteins[to].family == c->proteins[i].family; to++)
			f.preferred |= c->proteins[to].preferred;
		f.n = to - i;
		if (f.n >= c->min_size && f.n <= c->max_size)
			families[n++] = f;
	}
	qsort(families, n, sizeof *families, by_order);
	return n;
}

static void print_choice(struct choice *c)
{
	struct family *families = tool_zeroed(tool, c->n, sizeof *families);
	uint32_t *chosen = tool_zeroed(tool, c->n, sizeof *chosen);
	size_t n_families, n = 0;

	sort_names = &c->names;
	qsort(c->proteins, c->n, sizeof *c->proteins, by_family);
	n_families = list_families(c, families);
	for (size_t f = 0; f < n_families && n < c->count; f++)
		for (size_t i = 0; i < families[f].n && n < c->count; i++)
			chosen[n++] = c->proteins[families[f].first + i].name;
	qsort(chosen, n, sizeof *chosen, by_name);
	for (size_t i = 0; i < n; i++)
		puts(dict_text(&c->names, chosen[i]));
	free(families);
	free(chosen);
}

static void read_range(const char *text, size_t *from, size_t *to)
{
	if (sscanf(text, "%zu-%zu", from, to) != 2)
		tool_usage("families: a range is MIN-MAX");
}

int main(int argc, char **argv)
{
	static const struct option options[] = {{"count", required_argument, NULL, 'n'},
						{"length", required_argument, NULL, 'l'},
						{"size", required_argument, NULL, 's'},
						{"prefer", required_argument, NULL, 'p'},
						{0}};
	struct choice c = {.max_length = SIZE_MAX, .min_size = 2, .max_size = SIZE_MAX};
	struct err err = ERR_INIT;
	struct lines *in;
	int o;

	while ((o = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (o == 'n')
			c.count = strtoul(optarg, NULL, 10);
		else if (o == 'l')
			read_range(optarg, &c.min_length, &c.max_length);
		else if (o == 's')
			read_range(optarg, &c.min_size, &c.max_size);
		else if (o == 'p')
			tool_read_list(tool, &c.prefer, optarg);
		else
			optind = argc;
	}
	if (argc - optind != 1 || !c.count)
		tool_usage("families --count N [--length MIN-MAX] [--size MIN-MAX] [--prefer LIST] "
			   "F.fasta");
	if (lines_open(&in, argv[optind], LINES_MAX_BYTES, &err) < 0 ||
	    fasta_read(in, add_record, &c, &err) < 0)
		tool_fail(tool, err.text);
	lines_close(in);
	print_choice(&c);
	free(c.proteins);
	dict_release(&c.names);
	dict_release(&c.prefer);
	return tool_done(tool);
}
