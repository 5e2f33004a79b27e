/* `protea-export bundle anc2vec`: term vectors derived from a bundle's ontology, or a published archive
 * with a pickled list of terms converted to one without. */
#include "pipeline/cli/cmd_bundle.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "pipeline/anc2vec/anc2vec.h"
#include "pipeline/bundle/anc2vec_make.h"
#include "pipeline/cli/cli.h"
#include "pipeline/core/cancel.h"
#include "pipeline/core/fsio.h"
#include "prof/base/log.h"

/* Dimension of the published archive (spec 2.3). */
#define DEFAULT_DIM 200

static const char help[] =
	"usage: protea-export bundle anc2vec BUNDLE --out F.npz [--dim N] [--seed N] [--snapshot "
	"V]\n"
	"       protea-export bundle anc2vec --convert IN.npz --out F.npz\n"
	"\n"
	"The first form derives a vector for every GO term from the ontology alone: a random\n"
	"projection of the set of its ancestors. It is a stand-in for trained vectors, the same "
	"on\n"
	"every machine. The second form rewrites a published archive (pickled list of terms, any\n"
	"float type, or TSV) as plain arrays.\n"
	"\n"
	"  -o, --out F.npz     the archive\n"
	"      --dim N         values per vector (default 200)\n"
	"      --seed N        another projection (default 0)\n"
	"      --snapshot V    ontology version, when the bundle has several (default: the "
	"newest)\n"
	"      --convert F     archive to convert\n"
	"  -f, --force         replace the archive if it exists\n"
	"  -q, --quiet         no summary\n"
	"  -h, --help          this text\n";

enum option_id {
	OPT_DIM = 256,
	OPT_SEED,
	OPT_SNAPSHOT,
	OPT_CONVERT,
};

static const struct option options[] = {
	{"out", required_argument, NULL, 'o'},
	{"dim", required_argument, NULL, OPT_DIM},
	{"seed", required_argument, NULL, OPT_SEED},
	{"snapshot", required_argument, NULL, OPT_SNAPSHOT},
	{"convert", required_argument, NULL, OPT_CONVERT},
	{"force", no_argument, NULL, 'f'},
	{"quiet", no_argument, NULL, 'q'},
	{"help", no_argument, NULL, 'h'},
	{NULL, 0, NULL, 0},
};

struct parsed {
	const char *bundle, *out, *snapshot, *convert;
	uint64_t dim, seed;
	int dim_given, seed_given;
	int force, quiet, help;
};

static int parse_number(const char *option, const char *text, uint64_t max, uint64_t *out,
			struct err *err)
{
	char *end;

	errno = 0;
	*out = strtoull(text, &end, 10);
	if (*text < '0' || *text > '9' || *end || errno || *out > max)
		return err_set(err, ERR_ARG, "%s takes a whole number up to %llu, not '%s'", option,
			       (unsigned long long)max, text);
	return 0;
}

static int take_option(struct parsed *p, int id, struct err *err)
{
	switch (id) {
	case 'o':
		p->out = optarg;
		return 0;
	case OPT_DIM:
		p->dim_given = 1;
		return parse_number("--dim", optarg, ANC2VEC_MAX_DIM, &p->dim, err);
	case OPT_SEED:
		p->seed_given = 1;
		return parse_number("--seed", optarg, UINT64_MAX, &p->seed, err);
	case OPT_SNAPSHOT:
		p->snapshot = optarg;
		return 0;
	case OPT_CONVERT:
		p->convert = optarg;
		return 0;
	case 'f':
		p->force = 1;
		return 0;
	case 'q':
		p->quiet = 1;
		return 0;
	default:
		p->help = 1;
		return 0;
	}
}

static int check(const struct parsed *p, struct err *err)
{
	if (p->help)
		return 0;
	if (!p->out || !*p->out)
		return err_set(err, ERR_ARG, "no output file: --out F.npz");
	if (!p->bundle && !p->convert)
		return err_set(err, ERR_ARG, "name a bundle, or an archive with --convert");
	if (p->convert && (p->bundle || p->snapshot || p->dim_given || p->seed_given))
		return err_set(err, ERR_ARG,
			       "--convert stands alone: it takes no bundle and no projection");
	if (!p->force && fsio_exists(p->out))
		return err_set(err, ERR_EXISTS,
			       "'%s' exists; choose another name or replace it with --force",
			       p->out);
	return 0;
}

static int parse(struct parsed *p, int argc, char **argv, struct err *err)
{
	int id, rc = 0;

	*p = (struct parsed){.dim = DEFAULT_DIM};
	optind = 0; /* glibc: start anew, main() may have used getopt */
	opterr = 0;
	while (rc == 0 && (id = getopt_long(argc, argv, ":o:fqh", options, NULL)) != -1) {
		if (id == '?')
			return err_set(err, ERR_ARG, "unknown option '%s'", argv[optind - 1]);
		if (id == ':')
			return err_set(err, ERR_ARG, "option '%s' needs a value", argv[optind - 1]);
		rc = take_option(p, id, err);
	}
	for (; rc == 0 && optind < argc; optind++) {
		if (p->bundle)
			return err_set(err, ERR_ARG, "two bundles: '%s' and '%s'", p->bundle,
				       argv[optind]);
		p->bundle = argv[optind];
	}
	return rc < 0 ? rc : check(p, err);
}

static void print_summary(const struct parsed *p, size_t n, size_t dim, const char *release)
{
	if (!p->quiet)
		printf("%s: %zu terms, %zu values each, ontology release %s\n", p->out, n, dim,
		       *release ? release : "not stated");
}

static int derive(const struct parsed *p, struct err *err)
{
	struct anc2vec_vectors v = {0};
	int rc = anc2vec_make(&v, p->bundle, p->snapshot, (size_t)p->dim, p->seed, err);

	if (rc == 0)
		rc = anc2vec_write_npz(p->out, (const char *const *)v.go_id, v.vectors, v.n, v.dim,
				       v.version, err);
	if (rc == 0)
		print_summary(p, v.n, v.dim, v.version);
	anc2vec_vectors_release(&v);
	return rc;
}

static int write_converted(const struct parsed *p, const struct anc2vec *a, struct err *err)
{
	size_t n = anc2vec_count(a), dim = anc2vec_dim(a), i;
	const char **go_id = calloc(n + 1, sizeof *go_id);
	float *vectors = malloc((n * dim + 1) * sizeof *vectors);
	const float *row;
	int rc = 0;

	if (!go_id || !vectors)
		rc = err_nomem(err, "term vectors");
	for (i = 0; rc == 0 && i < n; i++) {
		go_id[i] = anc2vec_term(a, i);
		row = anc2vec_find(a, go_id[i]);
		if (row)
			memcpy(vectors + i * dim, row, dim * sizeof *vectors);
		else
			rc = err_set(err, ERR_INTERNAL, "'%s' lists %s but has no vector for it",
				     p->convert, go_id[i]);
	}
	if (rc == 0)
		rc = anc2vec_write_npz(p->out, go_id, vectors, n, dim, anc2vec_release(a), err);
	free(go_id);
	free(vectors);
	return rc;
}

static int convert(const struct parsed *p, struct err *err)
{
	struct anc2vec *a = NULL;
	int rc = anc2vec_open(&a, p->convert, err);

	if (rc < 0)
		return rc;
	rc = write_converted(p, a, err);
	if (rc == 0)
		print_summary(p, anc2vec_count(a), anc2vec_dim(a), anc2vec_release(a));
	anc2vec_close(a);
	return rc;
}

int cmd_bundle_anc2vec(int argc, char **argv)
{
	struct err err = ERR_INIT;
	struct parsed p;
	int rc = parse(&p, argc, argv, &err);

	if (rc == 0 && p.help) {
		fputs(help, stdout);
		return EXIT_DONE;
	}
	if (rc == 0) {
		cancel_install();
		rc = p.convert ? convert(&p, &err) : derive(&p, &err);
	}
	if (rc == 0)
		rc = cmd_bundle_flush(&err);
	if (rc == 0)
		return EXIT_DONE;
	log_error("bundle anc2vec: %s", err.text);
	if (rc != ERR_ARG)
		return EXIT_FAILED;
	log_error("'protea-export bundle anc2vec --help' lists the options");
	return EXIT_USAGE;
}
