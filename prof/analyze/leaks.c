/* Leaks at the end: see leaks.h. */
#include "prof/analyze/leaks.h"

#include <stdlib.h>
#include <string.h>

#include "prof/analyze/estimate.h"
#include "prof/analyze/filter.h"

static void grow_value(int64_t *to, int64_t by)
{
	if (__builtin_add_overflow(*to, by, to))
		*to = by < 0 ? INT64_MIN : INT64_MAX;
}

static void grow_count(uint64_t *to, uint64_t by)
{
	if (__builtin_add_overflow(*to, by, to))
		*to = UINT64_MAX;
}

static int compare_rows(const void *a, const void *b)
{
	const struct leak_row *x = a, *y = b;
	int hidden = (x->rule != SUPPRESS_NONE) - (y->rule != SUPPRESS_NONE);

	if (hidden)
		return hidden;
	if (x->value != y->value)
		return x->value < y->value ? 1 : -1;
	if (x->count != y->count)
		return x->count < y->count ? 1 : -1;
	return x->stack < y->stack ? -1 : x->stack > y->stack;
}

static void sum_stacks(struct leak_row *sums, const struct profile *p, const struct filter *f)
{
	size_t i;

	for (i = 0; i < p->n_samples; i++) {
		const struct profile_sample *s = &p->samples[i];
		struct leak_row *sum = &sums[s->stack];

		if (!filter_passes(f, s))
			continue;
		grow_count(&sum->count, s->count);
		grow_value(&sum->value, s->value);
		sum->variance += estimate_variance(p, s);
	}
}

static void take_row(struct leak_list *list, struct leak_row row)
{
	if (row.rule == SUPPRESS_NONE) {
		list->n_shown++;
		grow_count(&list->count, row.count);
		grow_value(&list->value, row.value);
		list->variance += row.variance;
	} else {
		grow_count(&list->suppressed_count, row.count);
		grow_value(&list->suppressed_value, row.value);
	}
	list->rows[list->n++] = row;
}

int leak_list_make(struct leak_list *list, const struct profile *p,
		   const struct sample_filter *filter, const struct suppress *rules,
		   struct err *err)
{
	struct filter f;
	uint32_t i;
	int rc;

	memset(list, 0, sizeof(*list));
	rc = filter_init(&f, p, filter, err);
	if (rc)
		return rc;
	list->rows = calloc((size_t)p->n_stacks + 1, sizeof(*list->rows));
	if (!list->rows) {
		filter_release(&f);
		return err_nomem(err, "the list of leaks");
	}
	sum_stacks(list->rows, p, &f);
	filter_release(&f);
	for (i = 0; i < p->n_stacks;
	     i++) { /* list->n <= i: the sum is read before it is written over */
		struct leak_row row = list->rows[i];

		if (!row.count && !row.value)
			continue;
		row.stack = i;
		row.rule = rules ? suppress_find(rules, p, i) : SUPPRESS_NONE;
		take_row(list, row);
	}
	if (list->n)
		qsort(list->rows, list->n, sizeof(*list->rows), compare_rows);
	return 0;
}

void leak_list_release(struct leak_list *list)
{
	free(list->rows);
	memset(list, 0, sizeof(*list));
}
