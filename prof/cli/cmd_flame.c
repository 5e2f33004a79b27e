/* protea-prof flame: runs as pages, one self-contained HTML file each. Which samples a page shows is decided
 * here; what it looks like is the viewer's. */
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "prof/analyze/estimate.h"
#include "prof/analyze/filter.h"
#include "prof/base/buf.h"
#include "prof/base/log.h"
#include "prof/base/units.h"
#include "prof/cli/cmd.h"
#include "prof/cli/outfile.h"
#include "prof/store/read.h"
#include "viewer/flame.h"

struct arguments {
	const char *store, *output, *kind, *title;
	struct sample_filter filter;
};

struct work {
	const struct arguments *a;
	struct profile *p;
};

static const char *filter_text(struct buf *text, const struct sample_filter *f)
{
	if (f->stage)
		buf_printf(text, "stage %s and inside it", f->stage);
	if (f->thread)
		buf_printf(text, "%sthread %s", text->len ? ", " : "", f->thread);
	return text->len ? buf_str(text) : NULL;
}

/* Sum of what the page shows, and how sure it is. */
static void set_precision(struct flame_precision *o, const struct profile *p,
			  const struct filter *f, char text[64])
{
	double rate = estimate_rate(p, o->kind), value = 0, variance = 0;
	char every[UNITS_TEXT];
	size_t i;

	if (profile_kind_is_time(o->kind))
		return;
	snprintf(text, 64, "exact");
	if (rate > 0)
		snprintf(text, 64, "estimated, one sample in %s",
			 units_bytes(every, (uint64_t)rate));
	o->text = text;
	for (i = 0; i < p->n_samples; i++)
		if (filter_passes(f, &p->samples[i])) {
			value += (double)p->samples[i].value;
			variance += estimate_variance(p, &p->samples[i]);
		}
	if (value > 0)
		estimate_interval(p, o->kind, value, variance, &o->lo, &o->hi);
}

static int write_page(FILE *out, void *ctx, struct err *err)
{
	struct work *x = ctx;
	const struct sample_filter *want = &x->a->filter;
	struct buf text = BUF_INIT;
	struct flame_precision sure = {.kind = want->kind};
	struct flame_run run = {.p = x->p, .include = filter_include};
	struct flame_options options = {.kind = want->kind,
					.title = x->a->title,
					.runs = &run,
					.n_runs = 1,
					.only_kind = 1,
					.filter_text = filter_text(&text, want)};
	char precision[64];
	struct filter f;
	int rc = filter_init(&f, x->p, want, err);

	if (rc == 0) {
		run.ctx = &f;
		set_precision(&sure, x->p, &f, precision);
		if (sure.text) {
			run.precisions = &sure;
			run.n_precisions = 1;
		}
		rc = flame_write(out, &options, err);
		filter_release(&f);
	}
	buf_release(&text);
	return rc;
}

/* Letters, digits and a few signs of a name; anything else (slashes, blanks, controls) as one dash within. */
static void put_safe(struct buf *path, const char *name)
{
	int dash = 0;
	size_t n = 0;

	for (; *name && n < 60; name++) {
		char c = *name;
		int fine = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
			   (c >= '0' && c <= '9') || c == '_' || (c == '.' && n > 0);

		if (fine) {
			if (dash)
				buf_putc(path, '-');
			buf_putc(path, c);
			n++;
		}
		dash = !fine && n > 0;
	}
	if (n == 0)
		buf_puts(path, "profile");
}

static int is_folder(const char *path)
{
	struct stat st;

	return path && stat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

/* -o, or NAME-RUNID.html in the folder it names or in this one. NULL: no memory. */
static const char *page_path(struct buf *path, const struct arguments *a, const struct profile *p)
{
	const char *name = strtab_text(p->strings, p->run.name);

	if (a->output && !is_folder(a->output))
		return a->output;
	if (a->output)
		buf_printf(path, "%s/", a->output);
	put_safe(path, *name ? name : strtab_text(p->strings, p->run.command));
	buf_printf(path, "-%.8s.html", strtab_text(p->strings, p->run.id));
	return buf_failed(path) ? NULL : path->data;
}

static uint64_t count_of(const struct profile *p, enum profile_kind kind)
{
	uint64_t n = 0;
	size_t i;

	for (i = 0; i < p->n_samples; i++)
		if (p->samples[i].kind == (uint32_t)kind)
			n += p->samples[i].count;
	return n;
}

static int flame_run(const struct arguments *asked, struct store *s, const char *which,
		     struct err *err)
{
	struct arguments own = *asked, *a = &own;
	struct profile p;
	struct work x = {a, &p};
	struct buf path = BUF_INIT;
	const char *file;
	int64_t run;
	int rc = store_find_run(s, which, &run, err);

	if (rc == 0)
		rc = cli_read_run(s, run, STORE_READ_SAMPLES, &p, err);
	if (rc)
		return rc;
	cli_say_live(&p);
	if (!a->kind)
		a->filter.kind = (enum profile_kind)profile_kind_parse(cli_default_kind(&p));
	if (count_of(&p, a->filter.kind) == 0)
		log_warn("the run has no samples of kind %s", profile_kind_name(a->filter.kind));
	file = page_path(&path, a, &p);
	if (!file)
		rc = err_nomem(err, "the name of a page");
	else if (strcmp(file, "-") == 0)
		rc = write_page(stdout, &x, err);
	else
		rc = outfile_write(file, write_page, &x, err);
	if (rc == 0 && strcmp(file, "-") != 0)
		log_info("wrote %s", file);
	buf_release(&path);
	profile_release(&p);
	return rc;
}

static int flame_runs(const struct arguments *a, int n, char **runs)
{
	struct err err = ERR_INIT;
	struct store *s = NULL;
	int rc = cli_open_store(&s, cli_store_path(a->store), 0, &err), i;

	for (i = 0; rc == 0 && i < (n ? n : 1); i++)
		rc = flame_run(a, s, n ? runs[i] : NULL, &err);
	store_close(s);
	return rc ? cli_fail(&err) : EXIT_OK;
}

int cmd_flame(int argc, char **argv)
{
	struct arguments a = {0};
	const struct opt opts[] = {
		{'o', "output", OPT_TEXT, &a.output, "FILE",
		 "page, or folder for it; - is stdout (default: ./NAME-RUNID.html)", 0},
		{0, "store", OPT_TEXT, &a.store, "FILE",
		 "store to read ($PROTEA_PROF_STORE, ./protea-prof.sqlite)", 0},
		{'k', "kind", OPT_TEXT, &a.kind, "KIND",
		 "cpu, wall, alloc, live, peak, leak, temporary, mmap, copy (by the run)", 0},
		{0, "stage", OPT_TEXT, &a.filter.stage, "NAME", "only this stage and inside it", 0},
		{0, "thread", OPT_TEXT, &a.filter.thread, "NAME", "only this thread (name or tid)",
		 0},
		{0, "title", OPT_TEXT, &a.title, "TEXT", "instead of the run's name", 0},
		{0, NULL, OPT_FLAG, NULL, NULL, NULL, 0},
	};
	const struct usage usage = {
		"flame [RUN]… [options]",
		"Writes a flame graph of each run (default: the last one) as one "
		"HTML page that needs\nno network and no other file.",
		opts};
	int done, kind, n, first = opts_parse(argc, argv, &usage, 1, &done);

	if (first < 0)
		return EXIT_USAGE;
	if (done)
		return EXIT_OK;
	n = argc - first;
	kind = a.kind ? profile_kind_parse(a.kind) : PROFILE_CPU;
	if (kind < 0) {
		log_error("flame: --kind '%s' is no kind of sample; see protea-prof flame --help",
			  a.kind);
		return EXIT_USAGE;
	}
	if (n > 1 && a.output && !is_folder(a.output)) {
		log_error("flame: -o %s is one file, and %d runs are %d pages; name a folder",
			  a.output, n, n);
		return EXIT_USAGE;
	}
	a.filter.kind = (enum profile_kind)kind;
	return flame_runs(&a, n, argv + first);
}
