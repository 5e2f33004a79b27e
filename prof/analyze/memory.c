/* One ranked list per kind of memory, joined row by row: see memory.h. */
#include "prof/analyze/memory.h"

#include <stdlib.h>
#include <string.h>

#include "prof/base/hash.h"

static const enum profile_kind kinds[MEMORY_KINDS] = {
	PROFILE_PEAK,      PROFILE_LIVE, PROFILE_LEAK, PROFILE_ALLOC,
	PROFILE_TEMPORARY, PROFILE_MMAP, PROFILE_COPY,
};

static const struct {
	const char *name;
	enum memory_kind kind;
} sorts[MEMORY_SORTS] = {
	[MEMORY_BY_PEAK] = {"peak", MEMORY_PEAK},
	[MEMORY_BY_LIVE] = {"live", MEMORY_LIVE},
	[MEMORY_BY_LEAK] = {"leak", MEMORY_LEAK},
	[MEMORY_BY_TOTAL] = {"total", MEMORY_ALLOC},
	[MEMORY_BY_TEMPORARY] = {"temporary", MEMORY_TEMPORARY},
	[MEMORY_BY_MMAP] = {"mmap", MEMORY_MMAP},
	[MEMORY_BY_COPY] = {"copy", MEMORY_COPY},
	[MEMORY_BY_COUNT] = {"count", MEMORY_ALLOC},
	[MEMORY_BY_LIFE] = {"life", MEMORY_ALLOC},
};

enum profile_kind memory_profile_kind(enum memory_kind kind)
{
	return kinds[kind];
}

const char *memory_sort_name(enum memory_sort sort)
{
	return sorts[sort].name;
}

enum memory_kind memory_sort_kind(enum memory_sort sort)
{
	return sorts[sort].kind;
}

int memory_sort_parse(const char *name)
{
	int i;

	for (i = 0; i < MEMORY_SORTS; i++)
		if (strcmp(sorts[i].name, name) == 0)
			return i;
	return -1;
}

double memory_mean_life_ns(const struct memory_row *row)
{
	uint64_t blocks = row->cell[MEMORY_ALLOC].self_count;

	return blocks && row->life_ns > 0 ? row->life_ns / (double)blocks : -1;
}

/* ---- joining ---- */

struct join {
	struct memory_list *list;
	size_t cap;
	struct idmap index;
	struct err *err;
};

static struct memory_row *row_of(struct join *j, const struct hot_row *h)
{
	uint64_t key = (uint64_t)h->label << 32 | h->detail;
	struct memory_list *l = j->list;
	uint32_t at;

	if (l->n == j->cap) {
		size_t cap = j->cap ? 2 * j->cap : 256;
		struct memory_row *rows = realloc(l->rows, cap * sizeof(*rows));

		if (!rows)
			return NULL;
		l->rows = rows;
		j->cap = cap;
	}
	at = l->n < UINT32_MAX - 1 ? idmap_intern(&j->index, key, (uint32_t)l->n) : IDMAP_NONE;
	if (at == IDMAP_NONE)
		return NULL;
	if (at == l->n) {
		memset(&l->rows[at], 0, sizeof(l->rows[at]));
		l->rows[at].label = h->label;
		l->rows[at].detail = h->detail;
		l->n++;
	}
	return &l->rows[at];
}

static int add_list(struct join *j, enum memory_kind kind, const struct hot_list *hot)
{
	struct memory_cell *all = &j->list->all[kind];
	size_t i;

	for (i = 0; i < hot->n; i++) {
		const struct hot_row *h = &hot->rows[i];
		struct memory_row *row = row_of(j, h);

		if (!row)
			return err_nomem(j->err, "the list of memory");
		row->cell[kind] = (struct memory_cell){
			h->self_count,  h->total_count,   h->self_value,
			h->total_value, h->self_variance, h->total_variance,
		};
		if (kind == MEMORY_ALLOC)
			row->life_ns = h->self_life_ns;
	}
	all->self_count = all->total_count = hot->count;
	all->self = all->total = hot->value;
	all->self_variance = all->total_variance = hot->variance;
	if (kind == MEMORY_ALLOC)
		j->list->life_ns = hot->life_ns;
	return 0;
}

/* ---- order ---- */

struct order {
	const struct strtab *strings;
	enum memory_sort sort;
};

static int compare_numbers(double x, double y)
{
	return x < y ? 1 : x > y ? -1 : 0;
}

static int compare_by(const struct memory_row *x, const struct memory_row *y, enum memory_sort sort)
{
	const struct memory_cell *a = &x->cell[sorts[sort].kind], *b = &y->cell[sorts[sort].kind];
	int c;

	if (sort == MEMORY_BY_LIFE)
		return compare_numbers(memory_mean_life_ns(x), memory_mean_life_ns(y));
	if (sort == MEMORY_BY_COUNT) {
		c = a->self_count < b->self_count ? 1 : a->self_count > b->self_count ? -1 : 0;
		return c                                 ? c
		       : a->total_count < b->total_count ? 1
							 : -(a->total_count > b->total_count);
	}
	if (a->self != b->self)
		return a->self < b->self ? 1 : -1;
	return a->total < b->total ? 1 : -(a->total > b->total);
}

static int compare_rows(const void *a, const void *b, void *ctx)
{
	const struct memory_row *x = a, *y = b;
	const struct order *o = ctx;
	int c = compare_by(x, y, o->sort);

	if (c == 0)
		c = compare_by(x, y, MEMORY_BY_TOTAL);
	if (c == 0)
		c = strcmp(strtab_text(o->strings, x->label), strtab_text(o->strings, y->label));
	return c ? c
		 : strcmp(strtab_text(o->strings, x->detail), strtab_text(o->strings, y->detail));
}

int memory_list_make(struct memory_list *list, struct profile *p, enum hot_by by,
		     const struct sample_filter *filter, enum memory_sort sort, struct err *err)
{
	struct join j = {.list = list, .err = err};
	struct order order = {p->strings, sort};
	struct sample_filter f = {0};
	int k, rc = 0;

	memset(list, 0, sizeof(*list));
	if (filter)
		f = *filter;
	for (k = 0; rc == 0 && k < MEMORY_KINDS; k++) {
		struct hot_list hot;

		f.kind = kinds[k];
		rc = hot_list_make(&hot, p, by, &f, err);
		if (rc)
			break;
		rc = add_list(&j, (enum memory_kind)k, &hot);
		hot_list_release(&hot);
	}
	idmap_release(&j.index);
	if (rc)
		memory_list_release(list);
	else if (list->n)
		qsort_r(list->rows, list->n, sizeof(list->rows[0]), compare_rows, &order);
	return rc;
}

void memory_list_release(struct memory_list *list)
{
	free(list->rows);
	memset(list, 0, sizeof(*list));
}
