/* What writers of foreign formats share: see export.h. */
#include "prof/formats/export.h"

#include <stdlib.h>
#include <string.h>

#include "prof/base/utf8.h"
#include "prof/formats/folded.h"
#include "prof/formats/pprof_write.h"
#include "prof/formats/speedscope_write.h"

const char *const export_format_names[EXPORT_FORMATS + 1] = {"folded", "speedscope", "pprof", NULL};

int export_write(FILE *out, const struct profile *p, enum export_format format,
		 const struct export_options *o, struct err *err)
{
	switch (format) {
	case EXPORT_SPEEDSCOPE:
		return speedscope_write(out, p, o, err);
	case EXPORT_PPROF:
		return pprof_write(out, p, o, err);
	default:
		return folded_write(out, p, o->kind, o->count ? FOLDED_COUNT : FOLDED_VALUE,
				    o->include, o->ctx, err);
	}
}

/* ---- samples ---- */

static int by_key(const void *a, const void *b)
{
	const struct export_row *x = a, *y = b;

	if (x->thread != y->thread)
		return x->thread < y->thread ? -1 : 1;
	if (x->stage != y->stage)
		return x->stage < y->stage ? -1 : 1;
	return (x->stack > y->stack) - (x->stack < y->stack);
}

static void add(struct export_row *to, const struct export_row *more)
{
	if (__builtin_add_overflow(to->count, more->count, &to->count))
		to->count = UINT64_MAX;
	if (__builtin_add_overflow(to->value, more->value, &to->value))
		to->value = INT64_MAX;
}

int export_rows(const struct profile *p, const struct export_options *o, struct export_row **rows,
		size_t *n, struct err *err)
{
	struct export_row *all = malloc((p->n_samples + 1) * sizeof(*all));
	size_t i, m = 0;

	*n = 0;
	*rows = all;
	if (!all)
		return err_nomem(err, "the samples");
	for (i = 0; i < p->n_samples; i++) {
		const struct profile_sample *s = &p->samples[i];
		uint32_t stage = s->stage < p->n_stages ? p->stages[s->stage].name : STRTAB_EMPTY;

		if (s->kind != (uint32_t)o->kind || (o->include && !o->include(o->ctx, s)))
			continue;
		all[m++] = (struct export_row){s->thread, stage, s->stack, s->count,
					       s->value < 0 ? 0 : s->value};
	}
	qsort(all, m, sizeof(*all), by_key);
	for (i = 0; i < m; i++)
		if (*n > 0 && by_key(&all[*n - 1], &all[i]) == 0)
			add(&all[*n - 1], &all[i]);
		else
			all[(*n)++] = all[i];
	return 0;
}

uint32_t export_path(const struct profile *p, uint32_t stack, uint32_t *path)
{
	uint32_t n = p->stacks[stack].depth, i = n, at;

	for (at = stack; at && i > 0; at = p->stacks[at].parent)
		path[--i] = p->stacks[at].frame;
	return n;
}

uint32_t export_deepest(const struct profile *p)
{
	uint32_t deepest = 0, i;

	for (i = 0; i < p->n_stacks; i++)
		deepest = p->stacks[i].depth > deepest ? p->stacks[i].depth : deepest;
	return deepest;
}

/* ---- text ---- */

int export_valid(struct buf *to, const char *text)
{
	const char *end = text + strlen(text);

	buf_put(to, "", 0);
	while (text < end) {
		size_t n = utf8_length(text, (size_t)(end - text));

		if (n)
			buf_put(to, text, n);
		else
			buf_puts(to, "\xef\xbf\xbd");
		text += n ? n : 1;
	}
	return buf_failed(to);
}
