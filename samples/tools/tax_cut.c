/* tax_cut: the part of an NCBI taxonomy dump that the proteins of a FASTA file touch.
 *
 *   tax_cut --taxdump DIR --out DIR PROTEINS.fasta
 *
 * Keeps the taxa of OX= and their lineages up to the root, the scientific names of these, and the
 * merged entries that lead to them. Records keep the dump's form; columns of nodes.dmp beyond the
 * rank are dropped. */
#include <getopt.h>

#include "pipeline/bundle/fasta.h"
#include "pipeline/bundle/taxdump.h"
#include "pipeline/core/fsio.h"
#include "samples/tools/tool.h"

static const char *const tool = "tax_cut";

struct cut {
	struct idmap parent; /* taxon -> parent; both fit 32 bits */
	struct idmap kept;
	struct buf out;
};

static int add_taxon(void *ctx, const struct fasta_record *r, struct err *err)
{
	struct cut *c = ctx;
	uint64_t taxon = strtoull(r->taxon, NULL, 10);

	if (!taxon || taxon >= UINT32_MAX)
		return 0;
	return idmap_set(&c->kept, taxon, 1) < 0 ? err_nomem(err, "taxa") : 0;
}

static int add_node(void *ctx, int64_t taxon, int64_t parent, const char *rank, struct err *err)
{
	struct cut *c = ctx;

	(void)rank;
	if (taxon <= 0 || parent <= 0 || parent >= UINT32_MAX)
		return 0;
	return idmap_set(&c->parent, (uint64_t)taxon, (uint32_t)parent) < 0 ? err_nomem(err, "taxa")
									    : 0;
}

static int is_kept(const struct cut *c, int64_t taxon)
{
	return idmap_get(&c->kept, (uint64_t)taxon) != IDMAP_NONE;
}

/* A taxon is kept if a kept one has it in its lineage: marks the lineage of each. */
static int keep_lineage(void *ctx, const struct fasta_record *r, struct err *err)
{
	struct cut *c = ctx;
	uint64_t taxon = strtoull(r->taxon, NULL, 10);

	for (int depth = 0; depth < 128; depth++) {
		uint32_t parent = idmap_get(&c->parent, taxon);

		if (parent == IDMAP_NONE || parent == taxon)
			break;
		if (idmap_set(&c->kept, parent, 1) < 0)
			return err_nomem(err, "taxa");
		taxon = parent;
	}
	return 0;
}

static int print_node(void *ctx, int64_t taxon, int64_t parent, const char *rank, struct err *err)
{
	struct cut *c = ctx;

	(void)err;
	if (is_kept(c, taxon))
		buf_printf(&c->out, "%lld\t|\t%lld\t|\t%s\t|\n", (long long)taxon,
			   (long long)parent, rank);
	return 0;
}

static int print_name(void *ctx, int64_t taxon, const char *name, const char *name_class,
		      struct err *err)
{
	struct cut *c = ctx;

	(void)err;
	if (is_kept(c, taxon) && strcmp(name_class, "scientific name") == 0)
		buf_printf(&c->out, "%lld\t|\t%s\t|\t\t|\t%s\t|\n", (long long)taxon, name,
			   name_class);
	return 0;
}

static int print_merged(void *ctx, int64_t old_taxon, int64_t new_taxon, struct err *err)
{
	struct cut *c = ctx;

	(void)err;
	if (is_kept(c, new_taxon))
		buf_printf(&c->out, "%lld\t|\t%lld\t|\n", (long long)old_taxon,
			   (long long)new_taxon);
	return 0;
}

static struct lines *open_in(const char *dir, const char *name)
{
	struct err err = ERR_INIT;
	char *path = dir ? fsio_join(dir, name) : strdup(name);
	struct lines *in;

	if (!path)
		tool_fail(tool, "no memory");
	if (lines_open(&in, path, LINES_MAX_BYTES, &err) < 0)
		tool_fail(tool, err.text);
	free(path);
	return in;
}

static void write_out(struct cut *c, const char *dir, const char *name)
{
	struct err err = ERR_INIT;
	char *path = fsio_join(dir, name);

	if (!path || buf_failed(&c->out))
		tool_fail(tool, "no memory");
	if (fsio_write_file(path, buf_str(&c->out), c->out.len, &err) < 0)
		tool_fail(tool, err.text);
	buf_clear(&c->out);
	free(path);
}

static void check(int rc, struct lines *in, const struct err *err)
{
	if (rc < 0)
		tool_fail(tool, err->text);
	lines_close(in);
}

int main(int argc, char **argv)
{
	static const struct option options[] = {{"taxdump", required_argument, NULL, 't'},
						{"out", required_argument, NULL, 'o'},
						{0}};
	struct cut c = {.out = BUF_INIT};
	struct err err = ERR_INIT;
	const char *dump = NULL, *out = NULL;
	struct lines *in;
	int o;

	while ((o = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (o == 't')
			dump = optarg;
		else if (o == 'o')
			out = optarg;
	}
	if (argc - optind != 1 || !dump || !out)
		tool_usage("tax_cut --taxdump DIR --out DIR F.fasta");
	if (fsio_mkdirs(out, &err) < 0)
		tool_fail(tool, err.text);
	in = open_in(dump, "nodes.dmp");
	check(taxdump_read_nodes(in, add_node, &c, &err), in, &err);
	in = open_in(NULL, argv[optind]);
	check(fasta_read(in, add_taxon, &c, &err), in, &err);
	in = open_in(NULL, argv[optind]);
	check(fasta_read(in, keep_lineage, &c, &err), in, &err);
	in = open_in(dump, "nodes.dmp");
	check(taxdump_read_nodes(in, print_node, &c, &err), in, &err);
	write_out(&c, out, "nodes.dmp");
	in = open_in(dump, "names.dmp");
	check(taxdump_read_names(in, print_name, &c, &err), in, &err);
	write_out(&c, out, "names.dmp");
	in = open_in(dump, "merged.dmp");
	check(taxdump_read_merged(in, print_merged, &c, &err), in, &err);
	write_out(&c, out, "merged.dmp");
	buf_release(&c.out);
	idmap_release(&c.parent);
	idmap_release(&c.kept);
	return 0;
}
