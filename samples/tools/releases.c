/* releases: annotation releases (GAF 2.2) of increasing age from one list of annotations.
 *
 *   releases --release N=ONTOLOGY.obo… --annotations ASPECT=F.dat… --studied SHARE --out DIR F.fasta
 *
 * F.dat has lines "accession TAB term TAB term …", a term as often as it has evidence; ASPECT is F, P
 * or C. Writes DIR/goa-N.gaf.gz for each release, oldest first. What the source does not say is
 * derived from hashes of accession and term and is the same in every release:
 *   - the first release of an annotation: that of its protein, of its protein's aspect, and its own,
 *     whichever is last; most are the oldest. Nothing that appeared vanishes.
 *   - evidence: SHARE of the proteins are studied and have mostly experimental codes, the others have
 *     electronic and similarity codes only.
 *   - the qualifier, with a few NOT.
 * A release carries the terms only that its ontology has as living terms or alternative ids. */
#include <getopt.h>
#include <zlib.h>

#include "pipeline/bundle/fasta.h"
#include "pipeline/bundle/obo.h"
#include "pipeline/core/fsio.h"
#include "samples/tools/tool.h"

#define MAX_RELEASES 64
#define MAX_EVIDENCE 3 /* rows of one annotation with different codes */

static const char *const tool = "releases";

/* Shares that are there from the oldest release on. They make gains of all three kinds: of new
 * proteins, of new aspects, and of terms in a known aspect. */
#define OLD_PROTEINS    0.80
#define OLD_ASPECTS     0.90
#define OLD_ANNOTATIONS 0.95
#define EXPERIMENTAL    0.80 /* of a studied protein's rows */
#define NEGATED         0.01

enum purpose { PROTEIN = 21, ASPECT, ANNOTATION, STUDIED, EVIDENCE, CODE, QUALIFIER, NEGATION };

struct release {
	const char *number;
	struct dict terms; /* ids and alternative ids of living terms */
	gzFile out;
};

struct releases {
	struct release release[MAX_RELEASES];
	size_t n;
	const char *file[3]; /* of aspects F, P, C */
	double studied;
	const char *dir;
	struct dict proteins;
	uint32_t *taxon; /* of each protein */
	size_t taxon_cap;
};

static const char aspects[] = "FPC";

static size_t first_of(const struct releases *r, double unit, double old)
{
	size_t late;

	if (unit < old || r->n < 2)
		return 0;
	late = (size_t)((unit - old) / (1 - old) * (double)(r->n - 1));
	return 1 + (late < r->n - 1 ? late : r->n - 2);
}

static size_t first_release(const struct releases *r, const char *protein, char aspect,
			    const char *term)
{
	char one[2] = {aspect, '\0'};
	size_t a = first_of(r, tool_unit(protein, "", PROTEIN), OLD_PROTEINS);
	size_t b = first_of(r, tool_unit(protein, one, ASPECT), OLD_ASPECTS);
	size_t c = first_of(r, tool_unit(protein, term, ANNOTATION), OLD_ANNOTATIONS);

	a = a > b ? a : b;
	return a > c ? a : c;
}

static const char *evidence_of(const struct releases *r, const char *protein, const char *term,
			       uint64_t row)
{
	static const char *const experimental[] = {"IDA", "IDA", "IDA", "IMP", "IMP", "IPI",
						   "EXP", "IGI", "TAS", "IEP", "HDA", "IC"};
	static const char *const other[] = {"IEA", "IEA", "IEA", "ISS", "IBA"};
	double code = tool_unit(protein, term, CODE + 100 * row);

	if (tool_unit(protein, "", STUDIED) < r->studied &&
	    tool_unit(protein, term, EVIDENCE + 100 * row) < EXPERIMENTAL)
		return experimental[(size_t)(code * 12)];
	return other[(size_t)(code * 5)];
}

static const char *qualifier_of(const char *protein, const char *term, char aspect)
{
	double unit = tool_unit(protein, term, QUALIFIER);

	if (aspect == 'F')
		return unit < 0.02 ? "contributes_to" : "enables";
	if (aspect == 'P')
		return unit < 0.04 ? "acts_upstream_of" : "involved_in";
	return unit < 0.6 ? "located_in" : unit < 0.8 ? "part_of" : "is_active_in";
}

/* Writes one annotation, evidenced `times` times by the source, into all releases that have it. */
static void write_annotation(struct releases *r, uint32_t protein, char aspect, const char *term,
			     size_t times)
{
	const char *accession = dict_text(&r->proteins, protein);
	const char *code[MAX_EVIDENCE];
	const char *negated = tool_unit(accession, term, NEGATION) < NEGATED ? "NOT|" : "";
	size_t n = 0;

	for (size_t i = 0; i < times && i < MAX_EVIDENCE; i++) {
		size_t j = 0;

		code[n] = evidence_of(r, accession, term, i);
		while (j < n && strcmp(code[j], code[n]) != 0)
			j++;
		n += j == n;
	}
	for (size_t v = first_release(r, accession, aspect, term); v < r->n; v++) {
		struct release *to = &r->release[v];

		if (dict_find(&to->terms, term, strlen(term)) == DICT_NONE)
			continue;
		for (size_t i = 0; i < n; i++)
			if (gzprintf(to->out,
				     "UniProtKB\t%s\t%s\t%s%s\t%s\tDERIVED:hash\t%s\t\t%"
				     "c\t\t\tprotein"
				     "\ttaxon:%u\t20140122\tmetastudent\t\t\n",
				     accession, accession, negated,
				     qualifier_of(accession, term, aspect), term, code[i], aspect,
				     r->taxon[protein]) <= 0)
				tool_fail(tool, "cannot write a release");
	}
}

static int by_text(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static void read_annotations(struct releases *r, const char *path, char aspect)
{
	struct err err = ERR_INIT;
	struct lines *in;
	char *text, *field[4096];
	size_t len, n, to;
	int rc;

	if (lines_open(&in, path, LINES_MAX_BYTES, &err) < 0)
		tool_fail(tool, err.text);
	while ((rc = lines_next(in, &text, &len, &err)) > 0) {
		uint32_t protein;

		n = lines_split(text, '\t', field, 4096);
		protein = dict_find(&r->proteins, field[0], strlen(field[0]));
		if (protein == DICT_NONE)
			continue;
		qsort(field + 1, n - 1, sizeof *field, by_text);
		for (size_t i = 1; i < n; i = to) {
			for (to = i; to < n && strcmp(field[to], field[i]) == 0; to++)
				;
			if (obo_is_go_id(field[i]))
				write_annotation(r, protein, aspect, field[i], to - i);
		}
	}
	if (rc < 0)
		tool_fail(tool, err.text);
	lines_close(in);
}

static int add_record(void *ctx, const struct fasta_record *f, struct err *err)
{
	struct releases *r = ctx;
	uint32_t id = tool_intern(tool, &r->proteins, f->accession);

	(void)err;
	r->taxon = tool_grow(tool, r->taxon, &r->taxon_cap, id + 1, sizeof *r->taxon);
	r->taxon[id] = (uint32_t)strtoul(f->taxon, NULL, 10);
	return 0;
}

static int no_header(void *ctx, const struct obo_header *h, struct err *err)
{
	(void)ctx, (void)h, (void)err;
	return 0;
}

static int add_term(void *ctx, const struct obo_term *t, struct err *err)
{
	struct release *to = ctx;

	(void)err;
	if (t->is_obsolete)
		return 0;
	tool_intern(tool, &to->terms, t->id);
	for (size_t i = 0; i < t->n_alt_ids; i++)
		tool_intern(tool, &to->terms, t->alt_ids[i]);
	return 0;
}

static void open_release(struct releases *r, char *text)
{
	struct release *to = &r->release[r->n];
	char *equals = strchr(text, '=');
	struct err err = ERR_INIT;
	struct lines *in;

	if (!equals || r->n == MAX_RELEASES)
		tool_usage("releases: --release takes N=ONTOLOGY.obo, 64 times at most");
	*equals = '\0';
	to->number = text;
	if (lines_open(&in, equals + 1, LINES_MAX_BYTES, &err) < 0 ||
	    obo_read(in, &(struct obo_handler){no_header, add_term}, to, &err) < 0)
		tool_fail(tool, err.text);
	lines_close(in);
	r->n++;
}

static void create_files(struct releases *r)
{
	struct err err = ERR_INIT;

	if (fsio_mkdirs(r->dir, &err) < 0)
		tool_fail(tool, err.text);
	for (size_t v = 0; v < r->n; v++) {
		struct release *to = &r->release[v];
		struct buf path = BUF_INIT;

		buf_printf(&path, "%s/goa-%s.gaf.gz", r->dir, to->number);
		to->out = buf_failed(&path) ? NULL : gzopen(path.data, "wb6");
		if (!to->out)
			tool_fail(tool, "cannot create a release");
		gzbuffer(to->out, 1 << 18);
		gzprintf(to->out,
			 "!gaf-version: 2.2\n!release: %s\n!generated-by: protea-prof samples\n",
			 to->number);
		buf_release(&path);
	}
}

static void finish(struct releases *r)
{
	for (size_t v = 0; v < r->n; v++) {
		if (gzclose(r->release[v].out) != Z_OK)
			tool_fail(tool, "cannot write a release");
		dict_release(&r->release[v].terms);
	}
	dict_release(&r->proteins);
	free(r->taxon);
}

static void set_annotations(struct releases *r, char *text)
{
	const char *at = *text && text[1] == '=' ? strchr(aspects, *text) : NULL;

	if (!at)
		tool_usage("releases: --annotations takes F=FILE, P=FILE or C=FILE");
	r->file[at - aspects] = text + 2;
}

int main(int argc, char **argv)
{
	static const struct option options[] = {{"release", required_argument, NULL, 'r'},
						{"annotations", required_argument, NULL, 'a'},
						{"studied", required_argument, NULL, 's'},
						{"out", required_argument, NULL, 'o'},
						{0}};
	struct releases r = {.studied = 0.25};
	struct err err = ERR_INIT;
	struct lines *in;
	int c;

	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (c == 'r')
			open_release(&r, optarg);
		else if (c == 'a')
			set_annotations(&r, optarg);
		else if (c == 's')
			r.studied = strtod(optarg, NULL);
		else if (c == 'o')
			r.dir = optarg;
	}
	if (argc - optind != 1 || !r.n || !r.dir)
		tool_usage("releases --release N=F.obo... --annotations ASPECT=F.dat... "
			   "[--studied SHARE] --out DIR F.fasta");
	if (lines_open(&in, argv[optind], LINES_MAX_BYTES, &err) < 0 ||
	    fasta_read(in, add_record, &r, &err) < 0)
		tool_fail(tool, err.text);
	lines_close(in);
	create_files(&r);
	for (size_t a = 0; a < 3; a++)
		if (r.file[a])
			read_annotations(&r, r.file[a], aspects[a]);
	finish(&r);
	return 0;
}
