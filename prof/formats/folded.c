/* Folded stacks, the text that flamegraph.pl, speedscope and many others read. */
#include "prof/formats/folded.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "prof/base/buf.h"

struct line {       /* text and sum of one call path */
	char *text; /* owned */
	uint64_t count;
	int64_t value;
};

static void put_name(struct buf *out, const char *name)
{
	for (; *name; name++) {
		unsigned char c = (unsigned char)*name;

		buf_putc(out, c == ';' ? ':' : c < 0x20 || c == 0x7f ? '?' : (char)c);
	}
}

static int path_text(const struct profile *p, uint32_t stack, uint32_t *path, struct buf *out)
{
	uint32_t at, n = 0;

	buf_clear(out);
	for (at = stack; at; at = p->stacks[at].parent)
		path[n++] = p->stacks[at].frame;
	while (n--) {
		put_name(out, strtab_text(p->strings, p->frames[path[n]].function));
		if (n)
			buf_putc(out, ';');
	}
	return buf_failed(out);
}

/* Sums of a hostile store stop at the limits of their types. */
static void add(struct line *to, uint64_t count, int64_t value)
{
	if (__builtin_add_overflow(to->count, count, &to->count))
		to->count = UINT64_MAX;
	if (__builtin_add_overflow(to->value, value, &to->value))
		to->value = value < 0 ? INT64_MIN : INT64_MAX;
}

static int compare_lines(const void *a, const void *b)
{
	return strcmp(((const struct line *)a)->text, ((const struct line *)b)->text);
}

static int write_lines(FILE *out, struct line *lines, size_t n, enum folded_unit unit,
		       struct err *err)
{
	size_t i, k;

	qsort(lines, n, sizeof(*lines), compare_lines);
	for (i = 0; i < n; i = k) {
		struct line sum = lines[i];

		for (k = i + 1; k < n && strcmp(sum.text, lines[k].text) == 0; k++)
			add(&sum, lines[k].count, lines[k].value);
		if (unit == FOLDED_COUNT ? !sum.count : !sum.value)
			continue;
		if (unit == FOLDED_COUNT)
			fprintf(out, "%s %" PRIu64 "\n", sum.text, sum.count);
		else
			fprintf(out, "%s %" PRId64 "\n", sum.text, sum.value);
		if (ferror(out))
			return err_sys(err, ERR_IO, "cannot write folded stacks");
	}
	return 0;
}

static void sum_stacks(const struct profile *p, enum profile_kind kind, struct line *sums,
		       int (*include)(void *, const struct profile_sample *), void *ctx)
{
	size_t i;

	for (i = 0; i < p->n_samples; i++) {
		const struct profile_sample *s = &p->samples[i];

		if (s->kind != (uint32_t)kind || (include && !include(ctx, s)))
			continue;
		add(&sums[s->stack], s->count, s->value);
	}
}

int folded_write(FILE *out, const struct profile *p, enum profile_kind kind, enum folded_unit unit,
		 int (*include)(void *ctx, const struct profile_sample *s), void *ctx,
		 struct err *err)
{
	struct line *lines = calloc((size_t)p->n_stacks + 1, sizeof(*lines));
	uint32_t *path, deepest = 0, i;
	struct buf text = BUF_INIT;
	size_t n = 0;
	int rc = 0;

	for (i = 0; i < p->n_stacks; i++)
		deepest = p->stacks[i].depth > deepest ? p->stacks[i].depth : deepest;
	path = malloc(((size_t)deepest + 1) * sizeof(*path));
	if (!lines || !path)
		rc = err_nomem(err, "folded stacks");
	else
		sum_stacks(p, kind, lines, include, ctx);
	for (i = 1; rc == 0 && i < p->n_stacks; i++) {
		struct line line = lines[i];

		if (!line.count && !line.value)
			continue;
		if (path_text(p, i, path, &text) == 0)
			line.text = strdup(buf_str(&text));
		if (!line.text)
			rc = err_nomem(err, "folded stacks");
		else
			lines[n++] = line; /* n < i: that sum was read already */
	}
	if (rc == 0)
		rc = write_lines(out, lines, n, unit, err);
	for (i = 0; i < n; i++)
		free(lines[i].text);
	buf_release(&text);
	free(lines);
	free(path);
	return rc;
}
