/* `protea-export bundle load`, `bundle create --from` and `bundle schema`: options in, summary out; the work is
 * pipeline/bundle/transfer and pg_ddl. */
#include "pipeline/cli/cmd_bundle.h"

#include <getopt.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "pipeline/bundle/pg_ddl.h"
#include "pipeline/bundle/transfer.h"
#include "pipeline/cli/cli.h"
#include "pipeline/core/cancel.h"
#include "pipeline/core/text.h"
#include "prof/base/log.h"
#include "prof/base/units.h"
#include "prof/postgres/pg.h"

#define URL_VARIABLE "PROTEA_DB_URL"

static const char load_help[] =
	"usage: protea-export bundle load BUNDLE [--to URL] [options]\n"
	"\n"
	"Copies a bundle into a PostgreSQL database, in one transaction.\n"
	"\n"
	"  --to URL          postgresql://user:password@host:port/database (default:\n"
	"                    PROTEA_DB_URL). A password is better kept in ~/.pgpass\n"
	"  --create          make the tables that are missing; a database that has none of\n"
	"                    them gets them in any case\n"
	"  --vectors TYPE    type of new embedding columns: halfvec, vector, real or bytea\n"
	"                    (default: halfvec, or vector for float32 values, where pgvector is\n"
	"                    installed, else bytea)\n"
	"  --no-constraints  new tables without uniqueness and foreign keys, for a bundle whose "
	"rows\n"
	"                    break them\n"
	"  --jobs            jobs, events and data sets too\n"
	"      --json        the summary as JSON\n"
	"  -q, --quiet       no talk and no summary\n"
	"  -h, --help        this text\n"
	"\n"
	"Tables that hold rows already are refused. docs/postgres.md tells more.\n";

static const char save_help[] =
	"usage: protea-export bundle create --from URL [options] OUT\n"
	"\n"
	"Copies PROTEA's tables of a PostgreSQL database into a bundle, all from one state of it.\n"
	"\n"
	"  --from URL        postgresql://user:password@host:port/database, or 'db' for what\n"
	"                    PROTEA_DB_URL says. A password is better kept in ~/.pgpass\n"
	"  --jobs            jobs, events and data sets too\n"
	"  -o, --out OUT     the bundle, instead of the last argument\n"
	"  -f, --force       replace OUT if it exists\n"
	"      --json        the summary as JSON\n"
	"  -q, --quiet       no talk and no summary\n"
	"  -h, --help        this text\n"
	"\n"
	"OUT appears when it is complete, never before.\n";

static const char schema_help[] =
	"usage: protea-export bundle schema [--vectors TYPE]\n"
	"\n"
	"Prints the SQL that makes PROTEA's tables in PostgreSQL, for psql. It may be run again: "
	"what\n"
	"exists is left as it is.\n"
	"\n"
	"  --vectors TYPE    type of embeddings: halfvec (default), vector, real or bytea\n"
	"  -h, --help        this text\n";

enum option_id {
	OPT_TO = 256,
	OPT_FROM,
	OPT_CREATE,
	OPT_VECTORS,
	OPT_NO_CONSTRAINTS,
	OPT_JOBS,
	OPT_JSON,
};

static const struct option load_options[] = {
	{"to", required_argument, NULL, OPT_TO},
	{"create", no_argument, NULL, OPT_CREATE},
	{"vectors", required_argument, NULL, OPT_VECTORS},
	{"no-constraints", no_argument, NULL, OPT_NO_CONSTRAINTS},
	{"jobs", no_argument, NULL, OPT_JOBS},
	{"json", no_argument, NULL, OPT_JSON},
	{"quiet", no_argument, NULL, 'q'},
	{"help", no_argument, NULL, 'h'},
	{NULL, 0, NULL, 0},
};

static const struct option save_options[] = {
	{"from", required_argument, NULL, OPT_FROM},
	{"jobs", no_argument, NULL, OPT_JOBS},
	{"json", no_argument, NULL, OPT_JSON},
	{"out", required_argument, NULL, 'o'},
	{"force", no_argument, NULL, 'f'},
	{"quiet", no_argument, NULL, 'q'},
	{"help", no_argument, NULL, 'h'},
	{NULL, 0, NULL, 0},
};

static const struct option schema_options[] = {
	{"vectors", required_argument, NULL, OPT_VECTORS},
	{"help", no_argument, NULL, 'h'},
	{NULL, 0, NULL, 0},
};

struct parsed {
	struct transfer_options opt;
	int json, quiet, help;
};

/* ---- options ---------------------------------------------------------------------------------- */

static int take_file(struct parsed *p, const char *name, struct err *err)
{
	if (p->opt.bundle)
		return err_set(err, ERR_ARG, "two bundles: '%s' and '%s'", p->opt.bundle, name);
	if (!*name)
		return err_set(err, ERR_ARG, "the bundle needs a name");
	p->opt.bundle = name;
	return 0;
}

static int take_vectors(struct parsed *p, const char *type, struct err *err)
{
	static const char *const types[] = {"halfvec", "vector", "real", "bytea"};

	for (size_t i = 0; i < sizeof types / sizeof types[0]; i++)
		if (strcmp(types[i], type) == 0)
			p->opt.vectors = types[i];
	if (p->opt.vectors)
		return 0;
	return err_set(err, ERR_ARG, "--vectors takes halfvec, vector, real or bytea, not '%.40s'",
		       type);
}

static int take_option(struct parsed *p, int id, struct err *err)
{
	switch (id) {
	case OPT_TO:
	case OPT_FROM:
		p->opt.url = optarg;
		return 0;
	case OPT_CREATE:
		p->opt.create_schema = 1;
		return 0;
	case OPT_VECTORS:
		return take_vectors(p, optarg, err);
	case OPT_NO_CONSTRAINTS:
		p->opt.no_constraints = 1;
		return 0;
	case OPT_JOBS:
		p->opt.jobs = 1;
		return 0;
	case OPT_JSON:
		p->json = 1;
		return 0;
	case 'o':
		return take_file(p, optarg, err);
	case 'f':
		p->opt.replace = 1;
		return 0;
	case 'q':
		p->quiet = 1;
		return 0;
	default:
		p->help = 1;
		return 0;
	}
}

/* What is no URL of a database is not repeated: it may be a password gone astray. */
static int settle_url(struct parsed *p, const char *option, struct err *err)
{
	if (!p->opt.url || strcmp(p->opt.url, "db") == 0) {
		p->opt.url = getenv(URL_VARIABLE);
		if (!p->opt.url || !*p->opt.url)
			return err_set(err, ERR_ARG,
				       "no database: give %s URL or set " URL_VARIABLE, option);
	}
	if (!pg_url_is(p->opt.url))
		return err_set(err, ERR_ARG, "%s takes the URL of a database: postgresql://…",
			       option);
	return 0;
}

static int parse(struct parsed *p, int argc, char **argv, const char *letters,
		 const struct option *options, struct err *err)
{
	int id, rc = 0;

	*p = (struct parsed){0};
	optind = 0; /* glibc: start anew, main() may have used getopt */
	opterr = 0;
	while (rc == 0 && (id = getopt_long(argc, argv, letters, options, NULL)) != -1) {
		if (id == '?')
			return err_set(err, ERR_ARG, "unknown option '%s'", argv[optind - 1]);
		if (id == ':')
			return err_set(err, ERR_ARG, "option '%s' needs a value", argv[optind - 1]);
		rc = take_option(p, id, err);
	}
	while (rc == 0 && !p->help && optind < argc)
		rc = take_file(p, argv[optind++], err);
	return rc;
}

/* ---- summary ---------------------------------------------------------------------------------- */

static int print_json(const struct parsed *p, const struct transfer_report *r, struct err *err)
{
	json_t *tables = json_object(), *all;
	char *text;

	for (size_t i = 0; tables && i < r->n_tables; i++)
		if (json_object_set_new(tables, r->table[i], json_integer((json_int_t)r->rows[i])) <
		    0) {
			json_decref(tables);
			tables = NULL;
		}
	all = tables ? json_pack("{s:s, s:s, s:b, s:o, s:I, s:o}", "bundle", p->opt.bundle,
				 "embedding_type", r->vectors, "schema_created", r->schema_created,
				 "tables", tables, "bytes", (json_int_t)r->bytes, "seconds",
				 json_rounded(r->seconds, 3))
		     : NULL;
	text = all ? json_pretty_ascii(all) : NULL;
	json_decref(all);
	if (!text)
		return err_nomem(err, "the output");
	puts(text);
	free(text);
	return cmd_bundle_flush(err);
}

static int print_text(const struct parsed *p, const struct transfer_report *r, int loaded,
		      struct err *err)
{
	char *shown = pg_url_public(p->opt.url);
	char text[UNITS_TEXT];

	if (!shown)
		return err_nomem(err, "the output");
	printf("%s %s %s: %s in %.1f s, embeddings as %s%s\n\n", p->opt.bundle,
	       loaded ? "into" : "from", shown, units_bytes(text, r->bytes), r->seconds, r->vectors,
	       r->schema_created ? ", tables made" : "");
	free(shown);
	for (size_t i = 0; i < r->n_tables; i++)
		printf("  %-24s %12s\n", r->table[i], units_count(text, r->rows[i]));
	if (!loaded)
		printf("\nnext: protea-export bundle check %s\n", p->opt.bundle);
	return cmd_bundle_flush(err);
}

static void say(void *ctx, const char *text)
{
	(void)ctx;
	log_info("%s", text);
}

static int fail(const char *part, const struct err *err)
{
	log_error("bundle %s: %s", part, err->text);
	if (err->code != ERR_ARG)
		return EXIT_FAILED;
	log_error("'protea-export bundle %s --help' lists the options", part);
	return EXIT_USAGE;
}

static int move(struct parsed *p, int loaded, struct err *err)
{
	struct transfer_report report;
	int rc;

	if (p->quiet)
		log_init("protea-export", LOG_QUIET);
	p->opt.say = say;
	cancel_install();
	rc = loaded ? transfer_load(&p->opt, &report, err) : transfer_save(&p->opt, &report, err);
	if (rc == 0 && p->json)
		rc = print_json(p, &report, err);
	else if (rc == 0 && !p->quiet)
		rc = print_text(p, &report, loaded, err);
	return rc;
}

/* ---- parts ------------------------------------------------------------------------------------ */

int cmd_bundle_load(int argc, char **argv)
{
	struct err err = ERR_INIT;
	struct parsed p;
	int rc = parse(&p, argc, argv, ":qh", load_options, &err);

	if (rc == 0 && p.help) {
		fputs(load_help, stdout);
		return EXIT_DONE;
	}
	if (rc == 0 && !p.opt.bundle)
		rc = err_set(&err, ERR_ARG, "name a bundle");
	if (rc == 0)
		rc = settle_url(&p, "--to", &err);
	if (rc == 0)
		rc = move(&p, 1, &err);
	return rc == 0 ? EXIT_DONE : fail("load", &err);
}

int cmd_bundle_is_from(int argc, char **argv)
{
	for (int i = 1; i < argc && strcmp(argv[i], "--") != 0; i++)
		if (strcmp(argv[i], "--from") == 0 || strncmp(argv[i], "--from=", 7) == 0)
			return 1;
	return 0;
}

int cmd_bundle_from(int argc, char **argv)
{
	struct err err = ERR_INIT;
	struct parsed p;
	int rc = parse(&p, argc, argv, ":o:fqh", save_options, &err);

	if (rc == 0 && p.help) {
		fputs(save_help, stdout);
		return EXIT_DONE;
	}
	if (rc == 0 && !p.opt.bundle)
		rc = err_set(&err, ERR_ARG, "no output file");
	if (rc == 0)
		rc = settle_url(&p, "--from", &err);
	if (rc == 0)
		rc = move(&p, 0, &err);
	return rc == 0 ? EXIT_DONE : fail("create", &err);
}

int cmd_bundle_schema(int argc, char **argv)
{
	struct err err = ERR_INIT;
	struct buf script = BUF_INIT;
	struct parsed p;
	int rc = parse(&p, argc, argv, ":h", schema_options, &err);

	if (rc == 0 && p.help) {
		fputs(schema_help, stdout);
		return EXIT_DONE;
	}
	if (rc == 0 && p.opt.bundle)
		rc = err_set(&err, ERR_ARG, "'%s' is one word too many", p.opt.bundle);
	if (rc == 0) {
		buf_puts(&script, "-- PROTEA's tables for PostgreSQL; may be run again.\n\n");
		pg_ddl_tables(&script, !p.opt.vectors                       ? "halfvec"
				       : strcmp(p.opt.vectors, "real") == 0 ? "real[]"
									    : p.opt.vectors);
		pg_ddl_constraints(&script);
		pg_ddl_indexes(&script);
		pg_ddl_view(&script);
		rc = buf_failed(&script) ? err_nomem(&err, "the script") : 0;
	}
	if (rc == 0) {
		fputs(buf_str(&script), stdout);
		rc = cmd_bundle_flush(&err);
	}
	buf_release(&script);
	return rc == 0 ? EXIT_DONE : fail("schema", &err);
}
