/* Taxa of proteins (see create.h): organism names are looked up in names.dmp, taxa in nodes.dmp and
 * merged.dmp. The dump is scanned once for what the proteins need; nothing else of it is held. */
#include "pipeline/bundle/create_int.h"

#include <stdlib.h>
#include <string.h>

#include "pipeline/bundle/taxdump.h"
#include "pipeline/core/cancel.h"
#include "pipeline/core/fsio.h"
#include "pipeline/core/lines.h"

#define TAXON_NONE      0
#define TAXON_AMBIGUOUS -1
#define CANCEL_EVERY    4096 /* records between two looks at the signal flag */

/* Taxa that bear a name: as their scientific name, and as any other (synonym, common name, …). */
struct name_taxa {
	int64_t scientific, other;
};

struct lookup {
	struct create *c;
	struct dict names;      /* each organism, and each without its strain in brackets */
	struct name_taxa *taxa; /* owned, by id of names */
	struct idmap needed;    /* taxa of proteins -> 0 not seen, 1 seen */
	uint64_t n_records;
	uint64_t by_name, by_species, unknown_name, ambiguous, unknown_taxon;
};

/* ---- names ----------------------------------------------------------------------------------- */

/* "Escherichia coli (strain K12)" -> "Escherichia coli": UniProt writes strains and isolates in
 * trailing round brackets, NCBI does not. Returns the shorter length, 0 if there is no bracket. */
static size_t without_strain(const char *name, size_t len)
{
	size_t depth = 0, i = len;

	if (len == 0 || name[len - 1] != ')')
		return 0;
	while (i-- > 0) {
		if (name[i] == ')')
			depth++;
		else if (name[i] == '(' && --depth == 0)
			break;
	}
	if (depth > 0 || i == SIZE_MAX)
		return 0;
	while (i > 0 && name[i - 1] == ' ')
		i--;
	return i;
}

static int hold_names(struct lookup *l)
{
	const struct dict *organisms = &l->c->proteins.organism;
	const char *name;
	uint32_t i;
	size_t len;

	for (i = 0; i < organisms->count; i++) {
		name = dict_text(organisms, i);
		for (len = strlen(name); len > 0; len = without_strain(name, len)) {
			if (dict_intern(&l->names, name, len) == DICT_NONE)
				return err_nomem(l->c->err, "organism names");
		}
	}
	l->taxa = calloc((size_t)l->names.count + 1, sizeof *l->taxa);
	return l->taxa ? 0 : err_nomem(l->c->err, "organism names");
}

static void note_taxon(int64_t *slot, int64_t taxon)
{
	if (*slot == TAXON_NONE)
		*slot = taxon;
	else if (*slot != taxon)
		*slot = TAXON_AMBIGUOUS;
}

static int on_name(void *ctx, int64_t taxon, const char *name, const char *name_class,
		   struct err *err)
{
	struct lookup *l = ctx;
	uint32_t id = dict_find(&l->names, name, strlen(name));

	if (++l->n_records % CANCEL_EVERY == 0 && cancel_check(err) < 0)
		return ERR_CANCELLED;
	if (id == DICT_NONE)
		return 0;
	if (strcmp(name_class, "scientific name") == 0)
		note_taxon(&l->taxa[id].scientific, taxon);
	else
		note_taxon(&l->taxa[id].other, taxon);
	return 0;
}

/* Taxon of a name or of the species it belongs to; *shortened tells which. */
static int64_t find_taxon(const struct lookup *l, const char *name, int *shortened)
{
	const struct name_taxa *t;
	uint32_t id;
	size_t len;

	*shortened = 0;
	for (len = strlen(name); len > 0; len = without_strain(name, len), *shortened = 1) {
		id = dict_find(&l->names, name, len);
		t = &l->taxa[id];
		if (t->scientific != TAXON_NONE)
			return t->scientific;
		if (t->other != TAXON_NONE)
			return t->other;
	}
	return TAXON_NONE;
}

static void assign_taxon(struct lookup *l, struct protein *p)
{
	int shortened;
	int64_t taxon = find_taxon(l, dict_text(&l->c->proteins.organism, p->organism), &shortened);

	if (taxon == TAXON_NONE)
		l->unknown_name++;
	else if (taxon == TAXON_AMBIGUOUS)
		l->ambiguous++;
	else
		p->taxon = taxon;
	if (taxon > 0 && shortened)
		l->by_species++;
	else if (taxon > 0)
		l->by_name++;
}

/* ---- files ----------------------------------------------------------------------------------- */

/* Opens FOLDER/NAME; ERR_NOTFOUND without it. */
static int open_dump(struct lookup *l, const char *name, struct lines **in)
{
	char *path = fsio_join(l->c->opt->taxdump, name);
	int rc;

	if (!path)
		return err_nomem(l->c->err, "a path");
	create_say(l->c, "reading taxonomy %s", path);
	rc = lines_open(in, path, LINES_MAX_BYTES, l->c->err);
	free(path);
	return rc;
}

static int read_names(struct lookup *l)
{
	struct proteins *p = &l->c->proteins;
	struct lines *in = NULL;
	uint32_t i;
	int rc;

	if (p->organism.count == 0)
		return 0;
	rc = hold_names(l);
	if (rc == 0)
		rc = open_dump(l, "names.dmp", &in);
	if (rc == 0)
		rc = taxdump_read_names(in, on_name, l, l->c->err);
	lines_close(in);
	for (i = 0; i < p->accession.count && rc == 0; i++) {
		if (p->row[i].taxon == 0 && p->row[i].organism != DICT_NONE)
			assign_taxon(l, &p->row[i]);
	}
	return rc;
}

static int see_taxon(struct lookup *l, int64_t taxon)
{
	if (++l->n_records % CANCEL_EVERY == 0 && cancel_check(l->c->err) < 0)
		return ERR_CANCELLED;
	if (idmap_get(&l->needed, (uint64_t)taxon) == IDMAP_NONE)
		return 0;
	return idmap_set(&l->needed, (uint64_t)taxon, 1) < 0 ? err_nomem(l->c->err, "the taxa") : 0;
}

static int on_node(void *ctx, int64_t taxon, int64_t parent, const char *rank, struct err *err)
{
	(void)parent;
	(void)rank;
	(void)err;
	return see_taxon(ctx, taxon);
}

static int on_merged(void *ctx, int64_t old_taxon, int64_t new_taxon, struct err *err)
{
	(void)new_taxon;
	(void)err;
	return see_taxon(ctx, old_taxon);
}

static int scan_taxa(struct lookup *l)
{
	struct lines *in = NULL;
	int rc = open_dump(l, "nodes.dmp", &in);

	if (rc == 0)
		rc = taxdump_read_nodes(in, on_node, l, l->c->err);
	lines_close(in);
	in = NULL;
	if (rc < 0)
		return rc;
	rc = open_dump(l, "merged.dmp", &in);
	if (rc == ERR_NOTFOUND)
		return 0; /* the dump of a young taxonomy, or a cut of one */
	if (rc == 0)
		rc = taxdump_read_merged(in, on_merged, l, l->c->err);
	lines_close(in);
	return rc;
}

/* Counts proteins whose taxon the dump does not know: they will have no lineage. */
static int check_taxa(struct lookup *l)
{
	const struct proteins *p = &l->c->proteins;
	uint32_t i;
	int rc;

	for (i = 0; i < p->accession.count; i++) {
		if (p->row[i].taxon && idmap_set(&l->needed, (uint64_t)p->row[i].taxon, 0) < 0)
			return err_nomem(l->c->err, "the taxa");
	}
	rc = scan_taxa(l);
	for (i = 0; i < p->accession.count && rc == 0; i++)
		l->unknown_taxon +=
			p->row[i].taxon && idmap_get(&l->needed, (uint64_t)p->row[i].taxon) == 0;
	return rc;
}

static int report_taxa(struct lookup *l)
{
	struct create *c = l->c;
	int rc = create_remark(c, l->by_name, "proteins got their taxon by organism name");

	if (rc == 0)
		rc = create_remark(
			c, l->by_species,
			"proteins got the taxon of their species: names.dmp does not have "
			"the strain in brackets");
	if (rc == 0)
		rc = create_remark(c, l->unknown_name,
				   "proteins with an organism that names.dmp does not have");
	if (rc == 0)
		rc = create_remark(c, l->ambiguous,
				   "proteins with an organism name that several taxa share");
	if (rc == 0)
		rc = create_remark(
			c, l->unknown_taxon,
			"proteins with a taxon that is neither in nodes.dmp nor merged.dmp");
	return rc;
}

/* Annotations name the taxon too: for proteins whose FASTA header does not. */
static int use_gaf_taxa(struct create *c)
{
	struct protein *p = c->proteins.row;
	struct protein *end = p + c->proteins.accession.count;
	uint64_t n = 0;

	for (; p < end; p++) {
		if (p->taxon == 0 && p->gaf_taxon != 0) {
			p->taxon = p->gaf_taxon;
			n++;
		}
	}
	return create_remark(c, n, "proteins got their taxon from a GAF file");
}

int create_resolve_taxa(struct create *c)
{
	struct lookup l = {.c = c};
	int rc;

	if (c->proteins.accession.count == 0)
		return 0;
	if (!c->opt->taxdump)
		return use_gaf_taxa(c);
	rc = read_names(&l);
	if (rc == 0)
		rc = use_gaf_taxa(c);
	if (rc == 0)
		rc = check_taxa(&l);
	if (rc == 0)
		rc = report_taxa(&l);
	dict_release(&l.names);
	idmap_release(&l.needed);
	free(l.taxa);
	return rc;
}
