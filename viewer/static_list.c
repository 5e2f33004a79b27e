/* Sums by function: see static_list.h. */
#include "viewer/static_list.h"

#include <stdlib.h>
#include <string.h>

#include "prof/base/err.h"
#include "prof/model/outermost.h"

static const char *base_name(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

/* ---- which functions there are ---- */

static int add_row(struct static_list *l, uint64_t key, uint32_t name, uint32_t *row)
{
	*row = idmap_intern(&l->index, key, l->n_rows);
	if (*row == IDMAP_NONE)
		return ERR_NOMEM;
	if (*row < l->n_rows)
		return 0;
	if (l->n_rows == l->cap) {
		size_t cap = l->cap ? 2 * l->cap : 256;
		struct static_row *more = realloc(l->rows, cap * sizeof *more);

		if (!more)
			return ERR_NOMEM;
		l->rows = more;
		l->cap = cap;
	}
	l->rows[l->n_rows++] = (struct static_row){.name = name};
	return 0;
}

static int add_frame(struct static_list *l, const struct profile *p, const struct profile_frame *f,
		     uint32_t *row)
{
	uint32_t name, module = STRTAB_EMPTY;

	if (strtab_intern(l->names, strtab_text(p->strings, f->function),
			  strtab_len(p->strings, f->function), &name))
		return ERR_NOMEM;
	if (f->module != PROFILE_NONE &&
	    strtab_intern_text(l->names,
			       base_name(strtab_text(p->strings, p->modules[f->module].path)),
			       &module))
		return ERR_NOMEM;
	return add_row(l, (uint64_t)module << 32 | name, name, row);
}

static int add_side(struct static_list *l, size_t side)
{
	const struct profile *p = l->options->runs[side].p;
	uint32_t i;
	int rc = 0;

	l->label_of[side] = malloc(((size_t)p->n_frames + 1) * sizeof *l->label_of[side]);
	l->first[side] = malloc(p->n_stacks);
	if (!l->label_of[side] || !l->first[side])
		return ERR_NOMEM;
	for (i = 0; rc == 0 && i < p->n_frames; i++)
		rc = add_frame(l, p, &p->frames[i], &l->label_of[side][i]);
	return rc ? rc : outermost_find(p, l->label_of[side], l->n_rows, l->first[side]);
}

int static_list_init(struct static_list *l, const struct flame_options *o)
{
	size_t side, stacks = 1;
	int rc;

	memset(l, 0, sizeof *l);
	l->options = o;
	l->n_sides = o->n_runs < STATIC_SIDES ? o->n_runs : STATIC_SIDES;
	for (side = 0; side < l->n_sides; side++)
		if (o->runs[side].p->n_stacks > stacks)
			stacks = o->runs[side].p->n_stacks;
	l->names = strtab_new();
	l->sums = malloc(stacks * sizeof *l->sums);
	rc = l->names && l->sums ? 0 : ERR_NOMEM;
	for (side = 0; rc == 0 && side < l->n_sides; side++)
		rc = add_side(l, side);
	if (rc)
		static_list_release(l);
	return rc;
}

void static_list_release(struct static_list *l)
{
	size_t side;

	strtab_free(l->names);
	free(l->rows);
	free(l->sums);
	free(l->order);
	for (side = 0; side < STATIC_SIDES; side++) {
		free(l->label_of[side]);
		free(l->first[side]);
	}
	idmap_release(&l->index);
	memset(l, 0, sizeof *l);
}

/* ---- what they cost ---- */

static void grow(uint64_t *to, uint64_t by)
{
	if (__builtin_add_overflow(*to, by, to))
		*to = UINT64_MAX;
}

static void sum_stacks(struct static_list *l, size_t side, enum profile_kind kind)
{
	const struct flame_run *r = &l->options->runs[side];
	const struct profile *p = r->p;
	size_t i;

	memset(l->sums, 0, p->n_stacks * sizeof *l->sums);
	l->value[side] = l->count[side] = 0;
	for (i = 0; i < p->n_samples; i++) {
		const struct profile_sample *s = &p->samples[i];

		if (s->kind != (uint32_t)kind || (r->include && !r->include(r->ctx, s)))
			continue;
		grow(&l->sums[s->stack], s->value > 0 ? (uint64_t)s->value : 0);
		grow(&l->value[side], s->value > 0 ? (uint64_t)s->value : 0);
		grow(&l->count[side], s->count);
	}
}

static void sum_side(struct static_list *l, size_t side, enum profile_kind kind)
{
	const struct profile *p = l->options->runs[side].p;
	uint32_t i;

	sum_stacks(l, side, kind);
	for (i = 1; i < p->n_stacks; i++)
		if (l->sums[i])
			grow(&l->rows[l->label_of[side][p->stacks[i].frame]].self[side],
			     l->sums[i]);
	for (i = p->n_stacks; i-- > 1;) {
		if (!l->sums[i])
			continue;
		if (l->first[side][i])
			grow(&l->rows[l->label_of[side][p->stacks[i].frame]].total[side],
			     l->sums[i]);
		grow(&l->sums[p->stacks[i].parent], l->sums[i]);
	}
}

/* ---- order ---- */

static uint64_t larger(const uint64_t v[STATIC_SIDES])
{
	return v[0] > v[1] ? v[0] : v[1];
}

static int compare(uint64_t a, uint64_t b)
{
	return a < b ? 1 : a > b ? -1 : 0;
}

static int compare_rows(const void *pa, const void *pb, void *ctx)
{
	const struct static_list *l = ctx;
	uint32_t na = *(const uint32_t *)pa, nb = *(const uint32_t *)pb;
	const struct static_row *a = &l->rows[na], *b = &l->rows[nb];
	int c = compare(larger(a->self), larger(b->self));

	if (c == 0)
		c = compare(larger(a->total), larger(b->total));
	if (c == 0)
		c = strcmp(strtab_text(l->names, a->name), strtab_text(l->names, b->name));
	return c ? c : na < nb ? -1 : na > nb;
}

int static_list_sum(struct static_list *l, enum profile_kind kind)
{
	size_t side;
	uint32_t i;

	for (i = 0; i < l->n_rows; i++)
		l->rows[i] = (struct static_row){.name = l->rows[i].name};
	for (side = 0; side < l->n_sides; side++)
		sum_side(l, side, kind);
	free(l->order);
	l->n_order = 0;
	l->order = malloc(((size_t)l->n_rows + 1) * sizeof *l->order);
	if (!l->order)
		return ERR_NOMEM;
	for (i = 0; i < l->n_rows; i++)
		if (larger(l->rows[i].total))
			l->order[l->n_order++] = i;
	qsort_r(l->order, l->n_order, sizeof *l->order, compare_rows, l);
	return 0;
}
