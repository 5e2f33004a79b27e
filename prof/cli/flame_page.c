/* A page of runs: see flame_page.h. */
#include "prof/cli/flame_page.h"

#include <stdlib.h>
#include <string.h>

#include "prof/analyze/estimate.h"
#include "prof/analyze/filter.h"
#include "prof/analyze/library.h"
#include "prof/base/buf.h"
#include "prof/base/log.h"
#include "prof/base/units.h"
#include "prof/cli/cmd.h"
#include "prof/cli/flame_differ.h"
#include "prof/cli/flame_source.h"
#include "prof/cli/text.h"
#include "prof/store/read.h"
#include "viewer/flame.h"

struct shown { /* of a run */
	struct filter filter;
	struct flame_precision precisions[PROFILE_KINDS];
	char texts[PROFILE_KINDS][64];
};

unsigned flame_page_parts(size_t n)
{
	/* What happened when is shown of one run. */
	return n == 1 ? STORE_READ_SAMPLES | STORE_READ_TICKS | STORE_READ_COUNTERS
		      : STORE_READ_SAMPLES;
}

/* ---- which samples ---- */

static const char *filter_text(struct buf *text, const struct flame_page *page)
{
	if (page->stage)
		buf_printf(text, "stage %s and inside it", page->stage);
	if (page->thread)
		buf_printf(text, "%sthread %s", text->len ? ", " : "", page->thread);
	return text->len ? buf_str(text) : NULL;
}

static int take_none(void *ctx, const struct profile_sample *s)
{
	(void)ctx, (void)s;
	return 0;
}

/* Sums of each kind of bytes, and how sure they are. */
static size_t find_precisions(struct shown *x, const struct profile *p)
{
	double values[PROFILE_KINDS] = {0}, variances[PROFILE_KINDS] = {0};
	uint64_t seen[PROFILE_KINDS] = {0};
	size_t i, n = 0;
	int k;

	for (i = 0; i < p->n_samples; i++) {
		const struct profile_sample *s = &p->samples[i];

		if (profile_kind_is_time((enum profile_kind)s->kind) ||
		    !filter_passes_place(&x->filter, s))
			continue;
		values[s->kind] += (double)s->value;
		variances[s->kind] += estimate_variance(p, s);
		seen[s->kind]++;
	}
	for (k = 0; k < PROFILE_KINDS; k++) {
		struct flame_precision *o = &x->precisions[n];
		double rate = estimate_rate(p, (enum profile_kind)k);
		char every[UNITS_TEXT];

		if (!seen[k])
			continue;
		*o = (struct flame_precision){.kind = (enum profile_kind)k, .text = x->texts[n]};
		snprintf(x->texts[n], sizeof x->texts[n], "exact");
		if (rate > 0)
			snprintf(x->texts[n], sizeof x->texts[n], "estimated, one sample in %s",
				 units_bytes(every, (uint64_t)rate));
		if (values[k] > 0)
			estimate_interval(p, o->kind, values[k], variances[k], &o->lo, &o->hi);
		n++;
	}
	return n;
}

/* ERR_NOTFOUND: nothing of this run passes. */
static int show_run(struct flame_run *run, struct shown *x, const struct flame_page *page,
		    const struct profile *p, struct err *err)
{
	struct sample_filter want = {.stage = page->stage, .thread = page->thread};
	int rc = filter_init(&x->filter, p, &want, err);

	*run = (struct flame_run){.p = p, .library = library_is_frame};
	if (rc) {
		run->include = take_none;
		return rc;
	}
	if (page->stage || page->thread) {
		run->include = filter_include_place;
		run->ctx = &x->filter;
	}
	run->n_precisions = find_precisions(x, p);
	run->precisions = x->precisions;
	return 0;
}

static int show_runs(struct flame_run *runs, struct shown *shown, const struct flame_page *page,
		     const struct profile *profiles, size_t n, struct err *err)
{
	struct err first = ERR_INIT, other = ERR_INIT;
	size_t i, missing = 0;

	for (i = 0; i < n; i++) {
		struct err *told = missing ? &other : &first;
		int rc = show_run(&runs[i], &shown[i], page, &profiles[i], told);

		if (rc && rc != ERR_NOTFOUND) {
			*err = *told;
			return rc;
		}
		missing += rc != 0;
	}
	if (missing == n) {
		*err = first;
		return ERR_NOTFOUND;
	}
	if (missing) {
		char *text = text_valid(first.text, 1); /* it names what runs have */

		log_warn("%zu of the %zu runs: %s", missing, n, text ? text : "not all is there");
		free(text);
	}
	return 0;
}

/* ---- which kind first ---- */

static uint64_t count_of(const struct profile *p, enum profile_kind kind)
{
	uint64_t n = 0;
	size_t i;

	for (i = 0; i < p->n_samples; i++)
		if (p->samples[i].kind == (uint32_t)kind)
			n += p->samples[i].count;
	return n;
}

/* That of the run's mode; the first one it has samples of if it has none of that. */
static enum profile_kind first_kind(const struct flame_page *page, const struct profile *p)
{
	int kind = page->kind >= 0 ? page->kind : profile_kind_parse(cli_default_kind(p)), k;

	if (page->kind >= 0 || count_of(p, (enum profile_kind)kind))
		return (enum profile_kind)kind;
	for (k = 0; k < PROFILE_KINDS; k++)
		if (count_of(p, (enum profile_kind)k))
			return (enum profile_kind)k;
	return (enum profile_kind)kind;
}

/* ---- the page ---- */

struct made { /* owned */
	struct flame_run *runs;
	struct shown *shown;
	struct flame_sources sources;
	struct buf text;
};

static void made_release(struct made *m, size_t n)
{
	size_t i;

	for (i = 0; m->shown && i < n; i++)
		filter_release(&m->shown[i].filter);
	free(m->runs);
	free(m->shown);
	flame_sources_release(&m->sources);
	buf_release(&m->text);
}

/* Lines are those of one run: two runs may be of two versions of a file. */
static int find_source(struct made *m, const struct flame_page *page, const struct profile *p,
		       size_t n, struct flame_options *o, struct err *err)
{
	struct sample_filter want = {.stage = page->stage, .thread = page->thread};
	struct flame_sources_options how = {.dir = page->source_dir,
					    .own = page->own,
					    .room = page->max_bytes ? page->max_bytes
								    : FLAME_BYTES_MAX,
					    .kind = o->kind,
					    .only_kind = page->only_kind};
	int rc;

	if (n > 1 || page->no_source || page->redact)
		return 0;
	rc = flame_sources_make(&m->sources, p, &want, &how, err);
	if (rc == 0 && m->sources.source.n_files)
		o->source = &m->sources.source;
	return rc;
}

int flame_page_write(FILE *out, const struct flame_page *page, const struct profile *runs, size_t n,
		     struct err *err)
{
	struct made m = {.runs = calloc(n, sizeof *m.runs),
			 .shown = calloc(n, sizeof *m.shown),
			 .text = BUF_INIT};
	struct flame_options o = {.runs = m.runs,
				  .n_runs = n,
				  .kind = first_kind(page, &runs[0]),
				  .only_kind = page->only_kind,
				  .title = page->title,
				  .up = page->up,
				  .up_text = page->up_text,
				  .filter_text = filter_text(&m.text, page),
				  .max_bytes = page->max_bytes,
				  .has_text = page->has_text,
				  .redact = page->redact};
	int rc = 0;

	if (!m.runs || !m.shown || buf_failed(&m.text))
		rc = err_nomem(err, "a page");
	if (rc == 0)
		rc = show_runs(m.runs, m.shown, page, runs, n, err);
	if (rc == 0)
		rc = find_source(&m, page, &runs[0], n, &o, err);
	if (rc == 0)
		rc = flame_write(out, &o, err);
	made_release(&m, n);
	return rc;
}

/* ---- what to know before reading it ---- */

static void warn_kind(const struct flame_page *page, const struct profile *p, size_t n)
{
	enum profile_kind kind = first_kind(page, p);

	if (count_of(p, kind) == 0)
		log_warn("%s has no samples of kind %s", n > 1 ? "the first run" : "the run",
			 profile_kind_name(kind));
}

void flame_page_warn(const struct flame_page *page, const struct profile *runs, size_t n)
{
	size_t i;

	for (i = 0; i < n; i++)
		cli_say_live(&runs[i]);
	warn_kind(page, &runs[0], n);
	if (n > 1)
		flame_differ_warn(runs, n);
}
