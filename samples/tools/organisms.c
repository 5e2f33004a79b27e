/* organisms: FASTA with UniProt headers that name an organism and its taxon.
 *
 *   organisms --names names.dmp --headers UNIPROT.fasta… --stand-ins LIST [--only LIST] F.fasta
 *
 * The header of a protein found in UNIPROT.fasta is taken over and its OS= looked up in names.dmp
 * (as written, then without what stands in brackets) to add OX=. Others get one of the organisms of
 * LIST, chosen by a hash of all but the last two characters of the accession (neighbours in a block
 * of accessions mostly come from one genome), and their header says "taxon derived". */
#include <getopt.h>

#include "pipeline/bundle/fasta.h"
#include "pipeline/bundle/taxdump.h"
#include "samples/tools/tool.h"

static const char *const tool = "organisms";

struct organisms {
	struct dict wanted; /* names of organisms */
	int64_t *taxon;     /* of each; 0: unknown */
	struct dict known;  /* accessions with a header */
	char **header;      /* of each, without ">" */
	size_t header_cap;
	uint32_t *stand_in; /* ids in wanted */
	size_t n_stand_ins, stand_in_cap;
	struct dict only;
	int filtered;
};

/* OS= of a header, cut at the next "XX=" tag; "" if none. malloc'ed. */
static char *organism_of(const char *header)
{
	const char *at = strstr(header, " OS="), *end;
	char *name;

	if (!at)
		return tool_zeroed(tool, 1, 1);
	at += 4;
	for (end = at; *end; end++)
		if (end[0] == ' ' &&
		    (strncmp(end + 3, "=", 1) == 0 || strncmp(end, " Split=", 7) == 0))
			break;
	name = strndup(at, (size_t)(end - at));
	if (!name)
		tool_fail(tool, "no memory");
	return name;
}

static void without_brackets(char *name)
{
	char *at = strstr(name, " (");

	if (at)
		*at = '\0';
}

static void read_headers(struct organisms *o, const char *path)
{
	struct err err = ERR_INIT;
	struct lines *in;
	char *text, *name;
	size_t len;
	int rc;

	if (lines_open(&in, path, LINES_MAX_BYTES, &err) < 0)
		tool_fail(tool, err.text);
	while ((rc = lines_next(in, &text, &len, &err)) > 0) {
		char *bar = strchr(text, '|'), *end = bar ? strchr(bar + 1, '|') : NULL;
		uint32_t id;

		if (*text != '>' || !end)
			continue;
		id = dict_intern(&o->known, bar + 1, (size_t)(end - bar - 1));
		if (id == DICT_NONE)
			tool_fail(tool, "no memory");
		if (id + 1 < o->known.count)
			continue; /* seen before */
		o->header = tool_grow(tool, o->header, &o->header_cap, id + 1, sizeof *o->header);
		text[len - (len > 8 && strcmp(text + len - 8, "Split=0 ") == 0 ? 9 : 0)] = '\0';
		o->header[id] = strdup(text + 1);
		if (!o->header[id])
			tool_fail(tool, "no memory");
		name = organism_of(text);
		tool_intern(tool, &o->wanted, name);
		without_brackets(name);
		tool_intern(tool, &o->wanted, name);
		free(name);
	}
	if (rc < 0)
		tool_fail(tool, err.text);
	lines_close(in);
}

/* One organism a line; a name that stands n times is n times as likely. */
static void read_stand_ins(struct organisms *o, const char *path)
{
	struct err err = ERR_INIT;
	struct lines *in;
	char *text;
	size_t len;
	int rc;

	if (lines_open(&in, path, LINES_MAX_BYTES, &err) < 0)
		tool_fail(tool, err.text);
	while ((rc = lines_next(in, &text, &len, &err)) > 0) {
		if (!*text || *text == '#')
			continue;
		o->stand_in = tool_grow(tool, o->stand_in, &o->stand_in_cap, o->n_stand_ins + 1,
					sizeof *o->stand_in);
		o->stand_in[o->n_stand_ins++] = tool_intern(tool, &o->wanted, text);
	}
	if (rc < 0)
		tool_fail(tool, err.text);
	lines_close(in);
	if (!o->n_stand_ins)
		tool_fail(tool, "the list of organisms is empty");
}

static int add_name(void *ctx, int64_t taxon, const char *name, const char *name_class,
		    struct err *err)
{
	struct organisms *o = ctx;
	uint32_t id = dict_find(&o->wanted, name, strlen(name));

	(void)err;
	if (id != DICT_NONE && (!o->taxon[id] || strcmp(name_class, "scientific name") == 0))
		o->taxon[id] = taxon;
	return 0;
}

static void read_names(struct organisms *o, const char *path)
{
	struct err err = ERR_INIT;
	struct lines *in;

	o->taxon = tool_zeroed(tool, o->wanted.count, sizeof *o->taxon);
	if (lines_open(&in, path, LINES_MAX_BYTES, &err) < 0 ||
	    taxdump_read_names(in, add_name, o, &err) < 0)
		tool_fail(tool, err.text);
	lines_close(in);
	for (size_t i = 0; i < o->n_stand_ins; i++)
		if (!o->taxon[o->stand_in[i]])
			tool_fail(tool, dict_text(&o->wanted, o->stand_in[i]));
}

static int64_t taxon_of(const struct organisms *o, const char *name)
{
	uint32_t id = dict_find(&o->wanted, name, strlen(name));

	return id == DICT_NONE ? 0 : o->taxon[id];
}

/* Prints the real header with OX= after OS=; 0 if there is none or its organism is unknown. */
static int real_header(const struct organisms *o, const char *accession)
{
	uint32_t id = dict_find(&o->known, accession, strlen(accession));
	const char *at;
	char *name;
	int64_t taxon;

	if (id == DICT_NONE)
		return 0;
	name = organism_of(o->header[id]);
	at = strstr(o->header[id], " OS=");
	at = at ? at + 4 + strlen(name) : NULL;
	taxon = taxon_of(o, name);
	if (!taxon) {
		without_brackets(name);
		taxon = taxon_of(o, name);
	}
	free(name);
	if (!taxon || !at)
		return 0;
	printf(">%.*s OX=%lld%s\n", (int)(at - o->header[id]), o->header[id], (long long)taxon, at);
	return 1;
}

static void derived_header(const struct organisms *o, const char *accession)
{
	size_t len = strlen(accession);
	uint64_t h = hash_u64(hash_bytes(accession, len > 2 ? len - 2 : len, 11));
	uint32_t id = o->stand_in[h % o->n_stand_ins];

	printf(">sp|%s|%s Swiss-Prot protein (taxon derived) OS=%s OX=%lld\n", accession, accession,
	       dict_text(&o->wanted, id), (long long)o->taxon[id]);
}

static int print_record(void *ctx, const struct fasta_record *r, struct err *err)
{
	const struct organisms *o = ctx;

	(void)err;
	if (o->filtered && dict_find(&o->only, r->accession, strlen(r->accession)) == DICT_NONE)
		return 0;
	if (!real_header(o, r->accession))
		derived_header(o, r->accession);
	for (size_t i = 0; i < r->n_residues; i += 60)
		printf("%.60s\n", r->residues + i);
	return 0;
}

static void release(struct organisms *o)
{
	for (uint32_t i = 0; i < o->known.count; i++)
		free(o->header[i]);
	free(o->header);
	free(o->taxon);
	free(o->stand_in);
	dict_release(&o->wanted);
	dict_release(&o->known);
	dict_release(&o->only);
}

int main(int argc, char **argv)
{
	static const char usage[] =
		"organisms --names names.dmp --headers F.fasta --stand-ins LIST "
		"[--only LIST] F.fasta";
	static const struct option options[] = {{"names", required_argument, NULL, 'n'},
						{"headers", required_argument, NULL, 'h'},
						{"stand-ins", required_argument, NULL, 's'},
						{"only", required_argument, NULL, 'o'},
						{0}};
	struct organisms o = {0};
	struct err err = ERR_INIT;
	const char *names = NULL;
	struct lines *in;
	int c;

	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (c == 'n')
			names = optarg;
		else if (c == 'h')
			read_headers(&o, optarg);
		else if (c == 's')
			read_stand_ins(&o, optarg);
		else if (c == 'o') {
			tool_read_list(tool, &o.only, optarg);
			o.filtered = 1;
		} else
			tool_usage(usage);
	}
	if (argc - optind != 1 || !names || !o.n_stand_ins)
		tool_usage(usage);
	read_names(&o, names);
	if (lines_open(&in, argv[optind], LINES_MAX_BYTES, &err) < 0 ||
	    fasta_read(in, print_record, &o, &err) < 0)
		tool_fail(tool, err.text);
	lines_close(in);
	release(&o);
	return tool_done(tool);
}
