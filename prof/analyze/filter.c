/* Selecting samples: names of stages and threads become tables of flags once, so that asking is cheap. */
#include "prof/analyze/filter.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "prof/base/buf.h"

/* "a, b, c" of at most a dozen distinct names, for messages. */
static void list_names(struct buf *text, const struct profile *p, int threads)
{
	uint32_t n = threads ? p->n_threads : p->n_stages, i, k, shown = 0;

	for (i = 0; i < n && shown < 12; i++) {
		uint32_t name = threads ? p->threads[i].name : p->stages[i].name;

		for (k = 0; k < i; k++)
			if ((threads ? p->threads[k].name : p->stages[k].name) == name)
				break;
		if (k == i)
			buf_printf(text, "%s%s", shown++ ? ", " : "",
				   strtab_text(p->strings, name));
	}
	if (i < n)
		buf_puts(text, ", …");
}

static int not_found(const struct profile *p, int threads, const char *name, struct err *err)
{
	struct buf text = BUF_INIT;

	list_names(&text, p, threads);
	err_set(err, ERR_NOTFOUND, "the run has no %s '%s'; it has: %s",
		threads ? "thread" : "stage", name, text.len ? buf_str(&text) : "none");
	buf_release(&text);
	return ERR_NOTFOUND;
}

static int select_stages(struct filter *f, const struct profile *p, const char *name,
			 struct err *err)
{
	uint32_t i;
	int found = 0;

	f->stages = calloc((size_t)p->n_stages + 1, 1);
	if (!f->stages)
		return err_nomem(err, "the stages of a filter");
	for (i = 0; i < p->n_stages; i++) {
		const struct profile_stage *s = &p->stages[i];
		int inside = s->parent < i && f->stages[s->parent];

		f->stages[i] = inside || strcmp(strtab_text(p->strings, s->name), name) == 0;
		found |= f->stages[i];
	}
	return found ? 0 : not_found(p, 0, name, err);
}

static int select_threads(struct filter *f, const struct profile *p, const char *name,
			  struct err *err)
{
	uint32_t i;
	int found = 0;

	f->threads = calloc((size_t)p->n_threads + 1, 1);
	if (!f->threads)
		return err_nomem(err, "the threads of a filter");
	for (i = 0; i < p->n_threads; i++) {
		char tid[24];

		snprintf(tid, sizeof(tid), "%" PRId64, p->threads[i].tid);
		f->threads[i] = strcmp(tid, name) == 0 ||
				strcmp(strtab_text(p->strings, p->threads[i].name), name) == 0;
		found |= f->threads[i];
	}
	return found ? 0 : not_found(p, 1, name, err);
}

int filter_init(struct filter *f, const struct profile *p, const struct sample_filter *want,
		struct err *err)
{
	int rc = 0;

	memset(f, 0, sizeof(*f));
	if (!want)
		return 0;
	f->kind = want->kind;
	if (want->stage)
		rc = select_stages(f, p, want->stage, err);
	if (rc == 0 && want->thread)
		rc = select_threads(f, p, want->thread, err);
	if (rc)
		filter_release(f);
	return rc;
}

void filter_release(struct filter *f)
{
	free(f->stages);
	free(f->threads);
	memset(f, 0, sizeof(*f));
}

int filter_passes_place(const struct filter *f, const struct profile_sample *s)
{
	if (f->stages && (s->stage == PROFILE_NONE || !f->stages[s->stage]))
		return 0;
	return !f->threads || f->threads[s->thread];
}

int filter_passes(const struct filter *f, const struct profile_sample *s)
{
	return s->kind == (uint32_t)f->kind && filter_passes_place(f, s);
}

int filter_include(void *ctx, const struct profile_sample *s)
{
	return filter_passes(ctx, s);
}

int filter_include_place(void *ctx, const struct profile_sample *s)
{
	return filter_passes_place(ctx, s);
}
