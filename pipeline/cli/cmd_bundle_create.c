/* `protea-export bundle create`: options in, summary out; the work is pipeline/bundle/create. */
#include "pipeline/cli/cmd_bundle.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "pipeline/bundle/create.h"
#include "pipeline/cli/cli.h"
#include "pipeline/core/cancel.h"
#include "prof/base/clock.h"
#include "prof/base/log.h"
#include "prof/base/units.h"

static const char help[] =
	"usage: protea-export bundle create [options] OUT\n"
	"\n"
	"Makes a bundle (one SQLite file) from the files a biologist has, or, with --from URL, "
	"from a\n"
	"PostgreSQL database ('--from URL --help' tells more).\n"
	"\n"
	"  --obo F[=UUID]         ontology, OBO 1.2 or 1.4; repeat for several snapshots. Its\n"
	"                         version is the header's data-version; its id is derived from\n"
	"                         that, or UUID\n"
	"  --fasta F              proteins; repeatable. UniProt headers or bare accessions; OX=\n"
	"                         gives the taxon, else OS= looked up in names.dmp\n"
	"  --gaf F[@VERSION[:OBO]] annotations, GAF 2.0 to 2.2; repeatable. VERSION is the "
	"release\n"
	"                         number (default: of the header, the file's name, or the "
	"header's\n"
	"                         date), OBO the ontology version they use (default: the last\n"
	"                         --obo). Files of one release are joined\n"
	"  --taxdump DIR          NCBI taxonomy: nodes.dmp, names.dmp, merged.dmp\n"
	"  --embeddings NAME=F.npy[:LIST]\n"
	"                         float16 or float32 rows; LIST names the accession of each row\n"
	"                         (default: F.txt, F.accessions.txt, F.accessions.npy beside it).\n"
	"                         NAME is esm2_150m, esm2_650m, esm2_3b, prot_t5, prostt5,\n"
	"                         ankh_base, ankh_large, esmc_600m, or any model's name\n"
	"  --config NAME=UUID     id of a model's configuration instead of the usual one\n"
	"  --evaluation OLD:NEW   pair of releases to evaluate; repeatable (default: every two\n"
	"                         consecutive releases)\n"
	"  --source NAME          source of the annotations (default: goa)\n"
	"  --keep-unknown         keep annotated proteins that are in no FASTA file\n"
	"  --note KEY=VALUE       remark kept in the bundle, e.g. what is derived; repeatable\n"
	"  --created-at STAMP     time written into the rows (default: now); with it, the same\n"
	"                         files give the same bytes\n"
	"  -o, --out OUT          the bundle, instead of the last argument\n"
	"  -f, --force            replace OUT if it exists\n"
	"  -q, --quiet            no talk and no summary\n"
	"  -h, --help             this text\n"
	"\n"
	"Text files may be gzipped. OUT appears when it is complete, never before.\n";

enum option_id {
	OPT_OBO = 256,
	OPT_FASTA,
	OPT_GAF,
	OPT_TAXDUMP,
	OPT_EMBEDDINGS,
	OPT_CONFIG,
	OPT_EVALUATION,
	OPT_SOURCE,
	OPT_KEEP_UNKNOWN,
	OPT_NOTE,
	OPT_CREATED_AT,
};

static const struct option options[] = {
	{"obo", required_argument, NULL, OPT_OBO},
	{"fasta", required_argument, NULL, OPT_FASTA},
	{"gaf", required_argument, NULL, OPT_GAF},
	{"taxdump", required_argument, NULL, OPT_TAXDUMP},
	{"embeddings", required_argument, NULL, OPT_EMBEDDINGS},
	{"config", required_argument, NULL, OPT_CONFIG},
	{"evaluation", required_argument, NULL, OPT_EVALUATION},
	{"source", required_argument, NULL, OPT_SOURCE},
	{"keep-unknown", no_argument, NULL, OPT_KEEP_UNKNOWN},
	{"note", required_argument, NULL, OPT_NOTE},
	{"created-at", required_argument, NULL, OPT_CREATED_AT},
	{"out", required_argument, NULL, 'o'},
	{"force", no_argument, NULL, 'f'},
	{"quiet", no_argument, NULL, 'q'},
	{"help", no_argument, NULL, 'h'},
	{NULL, 0, NULL, 0},
};

/* The lists that options fill; each has room for every argument of the command. */
struct parsed {
	struct create_options opt;
	struct create_obo *obo;
	const char **fasta;
	struct create_gaf *gaf;
	struct create_embeddings *embeddings;
	struct create_config *config;
	struct create_pair *evaluation;
	struct create_note *note;
	int quiet, help;
};

static void parsed_release(struct parsed *p)
{
	free(p->obo);
	free(p->fasta);
	free(p->gaf);
	free(p->embeddings);
	free(p->config);
	free(p->evaluation);
	free(p->note);
}

static int parsed_init(struct parsed *p, size_t n, struct err *err)
{
	*p = (struct parsed){
		.opt = {.source = "goa", .created_at_ns = clock_real_ns()},
		.obo = calloc(n, sizeof *p->obo),
		.fasta = calloc(n, sizeof *p->fasta),
		.gaf = calloc(n, sizeof *p->gaf),
		.embeddings = calloc(n, sizeof *p->embeddings),
		.config = calloc(n, sizeof *p->config),
		.evaluation = calloc(n, sizeof *p->evaluation),
		.note = calloc(n, sizeof *p->note),
	};
	if (!p->obo || !p->fasta || !p->gaf || !p->embeddings || !p->config || !p->evaluation ||
	    !p->note)
		return err_nomem(err, "the options");
	p->opt.obo = p->obo;
	p->opt.fasta = p->fasta;
	p->opt.gaf = p->gaf;
	p->opt.embeddings = p->embeddings;
	p->opt.config = p->config;
	p->opt.evaluation = p->evaluation;
	p->opt.note = p->note;
	return 0;
}

static int take_out(struct parsed *p, const char *name, struct err *err)
{
	if (p->opt.out)
		return err_set(err, ERR_ARG, "two output files: '%s' and '%s'", p->opt.out, name);
	if (!*name)
		return err_set(err, ERR_ARG, "the output file needs a name");
	p->opt.out = name;
	return 0;
}

static int take_stamp(struct parsed *p, const char *text, struct err *err)
{
	if (stamp_parse(text, &p->opt.created_at_ns) < 0)
		return err_set(err, ERR_ARG,
			       "--created-at takes a time such as 2024-01-31T12:00:00Z, not '%s'",
			       text);
	return 0;
}

static int take_option(struct parsed *p, int id, struct err *err)
{
	struct create_options *o = &p->opt;

	switch (id) {
	case OPT_OBO:
		return create_parse_obo(optarg, &p->obo[o->n_obo++], err);
	case OPT_FASTA:
		p->fasta[o->n_fasta++] = optarg;
		return 0;
	case OPT_GAF:
		return create_parse_gaf(optarg, &p->gaf[o->n_gaf++], err);
	case OPT_EMBEDDINGS:
		return create_parse_embeddings(optarg, &p->embeddings[o->n_embeddings++], err);
	case OPT_CONFIG:
		return create_parse_config(optarg, &p->config[o->n_config++], err);
	case OPT_EVALUATION:
		return create_parse_pair(optarg, &p->evaluation[o->n_evaluation++], err);
	case OPT_NOTE:
		return create_parse_note(optarg, &p->note[o->n_note++], err);
	case OPT_TAXDUMP:
		o->taxdump = optarg;
		return 0;
	case OPT_SOURCE:
		o->source = optarg;
		return 0;
	case OPT_KEEP_UNKNOWN:
		o->keep_unknown = 1;
		return 0;
	case OPT_CREATED_AT:
		return take_stamp(p, optarg, err);
	case 'o':
		return take_out(p, optarg, err);
	case 'f':
		o->replace = 1;
		return 0;
	case 'q':
		p->quiet = 1;
		return 0;
	default:
		p->help = 1;
		return 0;
	}
}

static int parse(struct parsed *p, int argc, char **argv, struct err *err)
{
	int id, rc = 0;

	optind = 0; /* glibc: start anew, main() may have used getopt */
	opterr = 0;
	while (rc == 0 && (id = getopt_long(argc, argv, ":o:fqh", options, NULL)) != -1) {
		if (id == '?')
			return err_set(err, ERR_ARG, "unknown option '%s'", argv[optind - 1]);
		if (id == ':')
			return err_set(err, ERR_ARG, "option '%s' needs a value", argv[optind - 1]);
		rc = take_option(p, id, err);
	}
	while (rc == 0 && optind < argc)
		rc = take_out(p, argv[optind++], err);
	if (rc == 0 && !p->help && !p->opt.out)
		rc = err_set(err, ERR_ARG, "no output file");
	return rc;
}

static void print_summary(const char *out, const struct create_report *r)
{
	const struct {
		const char *table;
		uint64_t rows;
	} tables[] = {
		{"ontology_snapshot", r->snapshots},
		{"go_term", r->terms},
		{"go_term_relationship", r->edges},
		{"sequence", r->sequences},
		{"protein", r->proteins},
		{"annotation_set", r->sets},
		{"protein_go_annotation", r->annotations},
		{"embedding_config", r->configs},
		{"sequence_embedding", r->embeddings},
		{"evaluation_set", r->evaluations},
	};
	char text[UNITS_TEXT];
	size_t i;

	printf("%s: %s\n\n", out, units_bytes(text, r->file_bytes));
	for (i = 0; i < sizeof tables / sizeof tables[0]; i++)
		printf("  %-24s %12s\n", tables[i].table, units_count(text, tables[i].rows));
	if (r->n_remarks)
		printf("\nskipped, changed or worth knowing:\n");
	for (i = 0; i < r->n_remarks; i++)
		printf("  %12s  %s\n", units_count(text, r->remark[i].count), r->remark[i].text);
	printf("\nnext: protea-export bundle check %s\n", out);
}

static void say(void *ctx, const char *text)
{
	(void)ctx;
	log_info("%s", text);
}

/* Prints the failure; 2 for what the user asked wrongly, else 1. */
static int fail(const struct err *err)
{
	log_error("bundle create: %s", err->text);
	if (err->code != ERR_ARG)
		return EXIT_FAILED;
	log_error("'protea-export bundle create --help' lists the options");
	return EXIT_USAGE;
}

int cmd_bundle_create(int argc, char **argv)
{
	struct create_report report = {0};
	struct err err = ERR_INIT;
	struct parsed p;
	int rc;

	if (cmd_bundle_is_from(argc, argv))
		return cmd_bundle_from(argc, argv);
	rc = parsed_init(&p, (size_t)argc + 1, &err);
	if (rc == 0)
		rc = parse(&p, argc, argv, &err);
	if (rc == 0 && p.help) {
		fputs(help, stdout);
	} else if (rc == 0) {
		if (p.quiet)
			log_init("protea-export", LOG_QUIET);
		p.opt.say = say;
		cancel_install();
		rc = bundle_create(&p.opt, &report, &err);
		if (rc == 0 && !p.quiet) {
			print_summary(p.opt.out, &report);
			rc = cmd_bundle_flush(&err);
		}
	}
	create_report_release(&report);
	parsed_release(&p);
	return rc == 0 ? EXIT_DONE : fail(&err);
}
