/* `protea-export bundle`: which part is asked for, and the two that only look: info and check. */
#include "pipeline/cli/cmd_bundle.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "pipeline/bundle/check.h"
#include "pipeline/bundle/info.h"
#include "pipeline/cli/cli.h"
#include "pipeline/core/cancel.h"
#include "pipeline/core/text.h"
#include "prof/base/log.h"

static const char help[] =
	"usage: protea-export bundle create [options] OUT\n"
	"       protea-export bundle create --from URL OUT\n"
	"       protea-export bundle load BUNDLE --to URL\n"
	"       protea-export bundle schema\n"
	"       protea-export bundle info [--json] BUNDLE\n"
	"       protea-export bundle check [--json] [-q] BUNDLE\n"
	"       protea-export bundle anc2vec BUNDLE --out F.npz [options]\n"
	"\n"
	"A bundle is one SQLite file with all that an export needs.\n"
	"\n"
	"  create    make one from OBO, FASTA, GAF, taxonomy and NumPy files, or from a database\n"
	"  load      copy one into a PostgreSQL database\n"
	"  schema    print the SQL of PROTEA's tables\n"
	"  info      what is in it, how it was made, what is derived\n"
	"  check     try every rule that an export relies on; exit code 1 if one is broken\n"
	"  anc2vec   derive term vectors from its ontology, or convert a published archive\n"
	"\n"
	"      --json    the same as JSON\n"
	"  -q, --quiet   no talk; check: no text, the exit code tells\n"
	"  -h, --help    this text; 'create --help', 'load --help' and so on list their options\n";

static const struct option options[] = {
	{"json", no_argument, NULL, 'j'},
	{"quiet", no_argument, NULL, 'q'},
	{"help", no_argument, NULL, 'h'},
	{NULL, 0, NULL, 0},
};

struct parsed {
	const char *part; /* "info" or "check" */
	const char *bundle;
	int json, quiet, help;
};

static int parse(struct parsed *p, int argc, char **argv, struct err *err)
{
	int id;

	*p = (struct parsed){.part = argv[0]};
	optind = 0; /* glibc: start anew, main() may have used getopt */
	opterr = 0;
	while ((id = getopt_long(argc, argv, ":qh", options, NULL)) != -1) {
		if (id == 'j')
			p->json = 1;
		else if (id == 'q')
			p->quiet = 1;
		else if (id == 'h')
			p->help = 1;
		else
			return err_set(err, ERR_ARG, "unknown option '%s'", argv[optind - 1]);
	}
	if (p->help)
		return 0;
	if (optind + 1 != argc)
		return err_set(err, ERR_ARG, "%s",
			       optind < argc ? "one bundle at a time" : "name a bundle");
	p->bundle = argv[optind];
	return 0;
}

/* ---- output ----------------------------------------------------------------------------------- */

int cmd_bundle_flush(struct err *err)
{
	if (fflush(stdout) != 0 || ferror(stdout))
		return err_sys(err, ERR_IO, "cannot write to standard output");
	return 0;
}

static int print_json(const json_t *value, struct err *err)
{
	char *text = value ? json_pretty_ascii(value) : NULL;

	if (!text)
		return err_nomem(err, "the output");
	puts(text);
	free(text);
	return cmd_bundle_flush(err);
}

static int print_buf(struct buf *text, struct err *err)
{
	if (buf_failed(text))
		return err_nomem(err, "the output");
	fputs(buf_str(text), stdout);
	return cmd_bundle_flush(err);
}

/* ---- info ------------------------------------------------------------------------------------- */

static int show_info(const struct parsed *p, struct err *err)
{
	struct buf text = BUF_INIT;
	json_t *info = NULL;
	int rc = bundle_info(&info, p->bundle, err);

	if (rc == 0 && p->json) {
		rc = print_json(info, err);
	} else if (rc == 0) {
		bundle_info_text(info, &text);
		rc = print_buf(&text, err);
	}
	buf_release(&text);
	json_decref(info);
	return rc;
}

/* ---- check ------------------------------------------------------------------------------------ */

static void on_step(void *ctx, const char *step)
{
	(void)ctx;
	log_info("checking %s", step);
}

static int print_report(const struct parsed *p, const struct bundle_report *report, struct err *err)
{
	struct buf text = BUF_INIT;
	json_t *json = NULL;
	int rc = 0;

	if (p->json) {
		json = bundle_report_json(report);
		rc = print_json(json, err);
	} else if (!p->quiet) {
		bundle_report_text(report, &text);
		rc = print_buf(&text, err);
	}
	buf_release(&text);
	json_decref(json);
	return rc;
}

/* 1: the bundle has errors, 0: it has none. */
static int show_check(const struct parsed *p, struct err *err)
{
	struct bundle_report report = BUNDLE_REPORT_INIT;
	int rc = bundle_check(&report, p->bundle, on_step, NULL, err);

	if (rc == 0)
		rc = print_report(p, &report, err);
	if (rc == 0)
		rc = report.n_errors > 0;
	bundle_report_release(&report);
	return rc;
}

/* ---- parts ------------------------------------------------------------------------------------ */

static int look(int argc, char **argv)
{
	struct err err = ERR_INIT;
	struct parsed p;
	int rc = parse(&p, argc, argv, &err);

	if (rc == 0 && p.help) {
		fputs(help, stdout);
		return EXIT_DONE;
	}
	if (rc == 0) {
		if (p.quiet)
			log_init("protea-export", LOG_QUIET);
		cancel_install();
		rc = strcmp(p.part, "info") == 0 ? show_info(&p, &err) : show_check(&p, &err);
	}
	if (rc >= 0)
		return rc ? EXIT_FAILED : EXIT_DONE;
	log_error("bundle %s: %s", p.part, err.text);
	if (rc != ERR_ARG)
		return EXIT_FAILED;
	log_error("'protea-export bundle --help' tells more");
	return EXIT_USAGE;
}

static const struct part {
	const char *name;
	int (*run)(int argc, char **argv);
} parts[] = {
	{"create", cmd_bundle_create},
	{"info", look},
	{"check", look},
	{"anc2vec", cmd_bundle_anc2vec},
	{"load", cmd_bundle_load},
	{"schema", cmd_bundle_schema},
};

/* By name, or by a beginning that no other part has. */
static const struct part *find_part(const char *name)
{
	const struct part *hit = NULL;
	size_t i, len = strlen(name);

	for (i = 0; len && i < sizeof parts / sizeof parts[0]; i++) {
		if (strncmp(parts[i].name, name, len) != 0)
			continue;
		if (hit)
			return NULL;
		hit = &parts[i];
	}
	return hit;
}

int cmd_bundle(int argc, char **argv)
{
	const struct part *part;

	if (argc >= 2 && (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0 ||
			  strcmp(argv[1], "help") == 0)) {
		fputs(help, stdout);
		return EXIT_DONE;
	}
	if (argc < 2) {
		log_error(
			"bundle: what shall be done? create, load, schema, info, check or anc2vec");
		return EXIT_USAGE;
	}
	part = find_part(argv[1]);
	if (!part) {
		log_error("bundle: '%s' is none of create, load, schema, info, check and anc2vec",
			  argv[1]);
		return EXIT_USAGE;
	}
	argv[1] = (char *)part->name;
	return part->run(argc - 1, argv + 1);
}
