/* protea-prof flame: a page of a run, or of runs that are compared: one self-contained HTML file. Which runs, and
 * where to, is decided here. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "prof/base/buf.h"
#include "prof/base/log.h"
#include "prof/base/units.h"
#include "prof/cli/cmd.h"
#include "prof/cli/flame_page.h"
#include "prof/cli/flame_runs.h"
#include "prof/cli/flame_text.h"
#include "prof/cli/outfile.h"
#include "prof/cli/strip.h"
#include "prof/cli/text.h"

struct arguments {
	const char *store, *output, *kind;
	const char *strip; /* a folder that is left out of paths */
	int separate;
	struct flame_page page;
};

struct work {
	const struct flame_page *page;
	const struct profile *runs;
	size_t n;
};

static int write_page(FILE *out, void *ctx, struct err *err)
{
	const struct work *x = ctx;

	return flame_page_write(out, x->page, x->runs, x->n, err);
}

/* ---- where to ---- */

static int is_folder(const char *path)
{
	struct stat st;

	return path && stat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

/* `sign` and the first letters of the run's id: whoever wrote the store chose it. */
static void put_id(struct buf *path, const char *sign, const struct profile *p)
{
	char id[9];

	text_file_name(id, sizeof id, strtab_text(p->strings, p->run.id));
	buf_printf(path, "%s%s", sign, id);
}

/* -o, or NAME-ID.html (NAME-ID-vs-ID.html, NAME-ID-and-N-more.html) in the folder it names or in this one. NULL: no
 * memory. */
static const char *page_path(struct buf *path, const struct arguments *a, const struct work *x)
{
	const struct profile *p = &x->runs[0];
	const char *name = strtab_text(p->strings, p->run.name);
	char safe[61];

	if (a->output && !is_folder(a->output))
		return a->output;
	if (a->output)
		buf_printf(path, "%s/", a->output);
	if (!*name && !a->page.redact)
		name = strtab_text(p->strings, p->run.command);
	buf_puts(path, text_file_name(safe, sizeof safe, name) ? safe : "profile");
	put_id(path, "-", p);
	if (x->n == 2)
		put_id(path, "-vs-", &x->runs[1]);
	else if (x->n > 2)
		buf_printf(path, "-and-%zu-more", x->n - 1);
	buf_puts(path, ".html");
	return buf_failed(path) ? NULL : path->data;
}

/* Pages go to others: who writes one should know how large it is and that it has source code. */
static void say_written(const char *file, int has_text)
{
	char size[UNITS_TEXT], *shown;
	struct stat st;

	if (strcmp(file, "-") == 0)
		return;
	shown = text_valid(file, 1);
	if (stat(file, &st) == 0 && S_ISREG(st.st_mode))
		log_info("wrote %s: %s%s", shown ? shown : "the page",
			 units_bytes(size, (uint64_t)st.st_size),
			 has_text ? ", with source code (--no-source leaves it out)" : "");
	else
		log_info("wrote %s", shown ? shown : "the page");
	free(shown);
}

/* Whether the store may say which files of this machine are read. */
static int is_own(const struct flame_page *page, const char *store)
{
	int own = flame_text_is_own(store);
	char *shown;

	if (own || page->source_dir || page->no_source || page->redact)
		return own;
	shown = text_valid(store, 1);
	log_info("%s is another user's file: no source code without --source-dir",
		 shown ? shown : "the store");
	free(shown);
	return 0;
}

/* The runs are of `store` if there is one only: others have no source. */
static int write_runs(const struct arguments *a, const struct profile *runs, size_t n,
		      const char *store, struct err *err)
{
	struct flame_page page = a->page;
	struct work x = {&page, runs, n};
	struct buf path = BUF_INIT;
	const char *file = page_path(&path, a, &x);
	int rc, has_text = 0;

	page.has_text = &has_text;
	page.own = n == 1 && is_own(&a->page, store);
	flame_page_warn(&a->page, runs, n);
	if (!file)
		rc = err_nomem(err, "the name of a page");
	else if (strcmp(file, "-") == 0)
		rc = write_page(stdout, &x, err);
	else
		rc = outfile_write(file, write_page, &x, err);
	if (rc == 0)
		say_written(file, has_text);
	buf_release(&path);
	return rc;
}

/* ---- runs ---- */

/* Reads `n` of the runs and writes them as one page. */
static int read_and_write(const struct arguments *a, const struct flame_pick *picks, size_t n,
			  struct err *err)
{
	struct profile *runs = calloc(n, sizeof *runs);
	size_t i = 0;
	int rc = runs ? 0 : err_nomem(err, "the runs of a page");

	while (rc == 0 && i < n) {
		rc = cli_read_run(picks[i].store, picks[i].run, flame_page_parts(n), &runs[i], err);
		i += rc == 0;
		if (rc == 0 && a->strip)
			rc = strip_profile(&runs[i - 1], a->strip, err);
	}
	if (rc == 0)
		rc = write_runs(a, runs, n, store_path(picks[0].store), err);
	while (i-- > 0)
		profile_release(&runs[i]);
	free(runs);
	return rc;
}

static int write_pages(const struct arguments *a, const struct flame_picks *picks, struct err *err)
{
	size_t i;
	int rc = 0;

	if (!a->separate || picks->n == 1)
		return read_and_write(a, picks->items, picks->n, err);
	if (a->output && !is_folder(a->output))
		return err_set(
			err, ERR_ARG,
			"flame: -o %s is one file, and %zu runs are %zu pages; name a folder",
			a->output, picks->n, picks->n);
	for (i = 0; rc == 0 && i < picks->n; i++)
		rc = read_and_write(a, &picks->items[i], 1, err);
	return rc;
}

static int flame_runs(const struct arguments *a, int n, char **names)
{
	struct err err = ERR_INIT;
	struct flame_picks picks;
	int rc = flame_picks_make(&picks, a->store, n, names, &err);

	if (rc == 0)
		rc = write_pages(a, &picks, &err);
	flame_picks_release(&picks);
	return rc ? cli_fail(&err) : EXIT_OK;
}

/* ---- options ---- */

static const char about[] =
	"Writes a run (default: the last one) as one HTML page that needs no network and no other\n"
	"file: flame graph, time line, callers, table, tree, stages, memory and source. Two runs "
	"or\n"
	"more are compared in one page.\n"
	"\n"
	"RUN is an id prefix, a name, 'last', 'last~1', or k=v: all runs with that label, the "
	"oldest\n"
	"first. FILE:RUN is a run of another store, so that runs of two stores can be compared.";

static int check(struct arguments *a)
{
	a->page.kind = a->kind ? profile_kind_parse(a->kind) : -1;
	if (a->kind && a->page.kind < 0) {
		log_error("flame: --kind '%s' is no kind of sample; see protea-prof flame --help",
			  a->kind);
		return -1;
	}
	return 0;
}

int cmd_flame(int argc, char **argv)
{
	struct arguments a = {0};
	struct flame_page *page = &a.page;
	const struct opt opts[] = {
		{'o', "output", OPT_TEXT, &a.output, "FILE",
		 "page, or folder for it; - is stdout (default: ./NAME-RUNID.html)", 0},
		{0, "store", OPT_TEXT, &a.store, "FILE",
		 "store to read ($PROTEA_PROF_STORE, ./protea-prof.sqlite)", 0},
		{'k', "kind", OPT_TEXT, &a.kind, "KIND",
		 "shown first: cpu, wall, alloc, live, peak, leak, temporary, … (by the run)", 0},
		{0, "only", OPT_FLAG, &page->only_kind, NULL, "that kind and no other", 0},
		{0, "stage", OPT_TEXT, &page->stage, "NAME", "only this stage and inside it", 0},
		{0, "thread", OPT_TEXT, &page->thread, "NAME", "only this thread (name or tid)", 0},
		{0, "separate", OPT_FLAG, &a.separate, NULL, "a page for each run", 0},
		{0, "title", OPT_TEXT, &page->title, "TEXT", "instead of the run's name", 0},
		{0, "max-bytes", OPT_BYTES, &page->max_bytes, "SIZE",
		 "size of a page at most (2MB); what costs least is left out", 0},
		{0, "source-dir", OPT_TEXT, &page->source_dir, "DIR", "where sources are", 0},
		{0, "no-source", OPT_FLAG, &page->no_source, NULL, "no source code", 0},
		{0, "strip", OPT_TEXT, &a.strip, "FOLDER",
		 "leave this folder out of paths (source code then needs --source-dir)", 0},
		{0, "redact", OPT_FLAG, &page->redact, NULL,
		 "no source, host, job, labels, arguments, nor folders of files", 0},
		{0, NULL, OPT_FLAG, NULL, NULL, NULL, 0},
	};
	const struct usage usage = {"flame [RUN]… [options]", about, opts};
	int done, first = opts_parse(argc, argv, &usage, 1, &done);

	if (first < 0)
		return EXIT_USAGE;
	if (done)
		return EXIT_OK;
	if (check(&a))
		return EXIT_USAGE;
	return flame_runs(&a, argc - first, argv + first);
}
