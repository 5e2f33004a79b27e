/* protea-prof export: a run in a foreign format, on stdout or into a file that appears whole or not. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "prof/analyze/filter.h"
#include "prof/base/buf.h"
#include "prof/base/log.h"
#include "prof/cli/cmd.h"
#include "prof/cli/outfile.h"
#include "prof/cli/version.h"
#include "prof/formats/export.h"
#include "prof/store/read.h"

struct arguments {
	const char *store, *run, *format, *output, *kind;
	struct sample_filter filter;
	int count, format_number;
};

struct work {
	const struct arguments *a;
	struct profile *p;
};

static int write_format(FILE *out, void *ctx, struct err *err)
{
	struct work *x = ctx;
	char version[64];
	struct filter f;
	struct export_options o = {.kind = x->a->filter.kind,
				   .count = x->a->count,
				   .version = version,
				   .include = filter_include,
				   .ctx = &f};
	int rc = filter_init(&f, x->p, &x->a->filter, err);

	if (rc)
		return rc;
	snprintf(version, sizeof(version), "protea-prof %s", prof_version);
	rc = export_write(out, x->p, (enum export_format)x->a->format_number, &o, err);
	filter_release(&f);
	return rc;
}

/* Bytes on a terminal help nobody. */
static int for_a_terminal(const struct arguments *a)
{
	int to_stdout = !a->output || strcmp(a->output, "-") == 0;

	return !(a->format_number == EXPORT_PPROF && to_stdout && isatty(STDOUT_FILENO));
}

/* May the run be without samples of that kind though it was recorded? */
static int may_be_empty(const struct profile *p, enum profile_kind kind)
{
	const char *memory = strtab_text(p->strings, p->run.memory);
	int tracked = strcmp(memory, "sampled") == 0 || strcmp(memory, "full") == 0;

	return kind == (enum profile_kind)profile_kind_parse(cli_default_kind(p)) ||
	       (tracked && !profile_kind_is_time(kind));
}

static int check_kind(const struct profile *p, enum profile_kind wanted, struct err *err)
{
	int has[PROFILE_KINDS] = {0}, kind, rc = 0;
	struct buf kinds = BUF_INIT;
	size_t i;

	for (i = 0; i < p->n_samples; i++)
		if (p->samples[i].kind < PROFILE_KINDS)
			has[p->samples[i].kind] = 1;
	for (kind = 0; kind < PROFILE_KINDS; kind++)
		if (has[kind])
			buf_printf(&kinds, "%s%s", kinds.len ? ", " : "",
				   profile_kind_name((enum profile_kind)kind));
	if (!has[wanted] && !may_be_empty(p, wanted))
		rc = err_set(err, ERR_NOTFOUND, "the run has no samples of kind %s; it has: %s",
			     profile_kind_name(wanted), kinds.len ? buf_str(&kinds) : "none");
	buf_release(&kinds);
	return rc;
}

static int export_run(struct arguments *a)
{
	struct err err = ERR_INIT;
	struct store *s = NULL;
	struct profile p;
	int64_t run;
	struct work x = {a, &p};
	int rc = cli_open_store(&s, cli_store_path(a->store), 0, &err);

	if (rc == 0)
		rc = store_find_run(s, a->run, &run, &err);
	if (rc == 0)
		rc = cli_read_run(s, run, STORE_READ_SAMPLES, &p, &err);
	store_close(s);
	if (rc)
		return cli_fail(&err);
	cli_say_live(&p);
	if (!a->kind)
		a->filter.kind = (enum profile_kind)profile_kind_parse(cli_default_kind(&p));
	rc = check_kind(&p, a->filter.kind, &err);
	if (rc == 0)
		rc = a->output && strcmp(a->output, "-") != 0
			     ? outfile_write(a->output, write_format, &x, &err)
			     : write_format(stdout, &x, &err);
	profile_release(&p);
	return rc ? cli_fail(&err) : EXIT_OK;
}

int cmd_export(int argc, char **argv)
{
	struct arguments a = {.format = NULL};
	const struct opt opts[] = {
		{'f', "format", OPT_TEXT, &a.format, "F", "folded, speedscope, pprof (gzip-packed)",
		 0},
		{'o', "output", OPT_TEXT, &a.output, "FILE", "instead of stdout (-)", 0},
		{0, "store", OPT_TEXT, &a.store, "FILE",
		 "store to read ($PROTEA_PROF_STORE, ./protea-prof.sqlite)", 0},
		{'k', "kind", OPT_TEXT, &a.kind, "KIND",
		 "cpu, wall, alloc, live, peak, leak, temporary, mmap, copy, …", 0},
		{0, "stage", OPT_TEXT, &a.filter.stage, "NAME", "only this stage and inside it", 0},
		{0, "thread", OPT_TEXT, &a.filter.thread, "NAME", "only this thread (name or tid)",
		 0},
		{0, "count", OPT_FLAG, &a.count, NULL, "samples instead of ns or bytes", 0},
		{0, NULL, OPT_FLAG, NULL, NULL, NULL, 0},
	};
	const struct usage usage = {"export [RUN] --format F [options]",
				    "Writes a run in a foreign format. folded: 'main;f;g VALUE' "
				    "lines; speedscope: for\n"
				    "www.speedscope.app; pprof: for pprof and what reads its "
				    "files. docs/formats.md says\n"
				    "what of a run each keeps.",
				    opts};
	int done, kind = PROFILE_CPU, first = opts_parse(argc, argv, &usage, 1, &done);

	if (first < 0)
		return EXIT_USAGE;
	if (done)
		return EXIT_OK;
	if (a.kind)
		kind = profile_kind_parse(a.kind);
	if (first + 1 < argc) {
		log_error("export: one run at a time, not '%s'", argv[first + 1]);
		return EXIT_USAGE;
	}
	if (kind < 0) {
		log_error("export: --kind '%s' is no kind of sample; see protea-prof export --help",
			  a.kind);
		return EXIT_USAGE;
	}
	if (!a.format) {
		log_error("export: --format is missing: one of folded, speedscope, pprof");
		return EXIT_USAGE;
	}
	if (cli_choose("export", "format", a.format, export_format_names, &a.format_number))
		return EXIT_USAGE;
	if (!for_a_terminal(&a)) {
		log_error("export: pprof's format is no text: -o FILE, or a pipe, takes it");
		return EXIT_USAGE;
	}
	a.filter.kind = (enum profile_kind)kind;
	a.run = first < argc ? argv[first] : NULL;
	return export_run(&a);
}
