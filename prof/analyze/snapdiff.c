/* Snapshots, one by one and side by side: see snapdiff.h. */
#include "prof/analyze/snapdiff.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "prof/base/buf.h"

uint32_t snapshot_number(const struct profile_snapshot *s)
{
	return (uint32_t)(s->id & UINT32_MAX);
}

/* ---- which ---- */

static int none_of(const struct profile *p, const char *which, struct err *err)
{
	struct buf text = BUF_INIT;
	size_t i, from = p->n_snapshots > 12 ? p->n_snapshots - 12 : 0;
	int rc = ERR_NOTFOUND;

	if (!p->n_snapshots)
		return err_set(err, rc,
			       "the run has no snapshots: they are taken where memory is followed, "
			       "from 250 ms on, and by protea-prof snapshot -p PID");
	if (from)
		buf_puts(&text, "…, ");
	for (i = from; i < p->n_snapshots; i++)
		buf_printf(&text, "%s%" PRIu32 " (%s)", i > from ? ", " : "",
			   snapshot_number(&p->snapshots[i]),
			   strtab_text(p->strings, p->snapshots[i].name));
	err_set(err, rc, "the run has no snapshot '%s'; it has: %s", which, buf_str(&text));
	buf_release(&text);
	return rc;
}

static int is_named(const struct profile *p, size_t place, const char *name)
{
	return strcmp(strtab_text(p->strings, p->snapshots[place].name), name) == 0;
}

int snapshot_find(const struct profile *p, const char *which, size_t *place, struct err *err)
{
	char *end = NULL;
	uint64_t id;
	size_t i;

	errno = 0;
	id = strtoull(which, &end, 10);
	for (i = p->n_snapshots; i-- > 0;) {
		const struct profile_snapshot *s = &p->snapshots[i];
		int last = strcmp(which, "last") == 0 && (!is_named(p, i, "end") || i == 0);

		if (last || is_named(p, i, which) ||
		    (end != which && !*end && !errno &&
		     (id == snapshot_number(s) || id == (uint64_t)s->id))) {
			*place = i;
			return 0;
		}
	}
	return none_of(p, which, err);
}

int snapshot_as_samples(struct profile *p, size_t place, struct err *err)
{
	const struct profile_snapshot *s = &p->snapshots[place];
	struct profile_sample *samples = calloc(s->n + 1, sizeof(*samples));
	size_t i;

	if (!samples)
		return err_nomem(err, "a snapshot");
	for (i = 0; i < s->n; i++) {
		const struct profile_snapshot_row *r = &p->snapshot_rows[s->first + i];

		samples[i] = (struct profile_sample){.kind = PROFILE_LIVE,
						     .stage = PROFILE_NONE,
						     .stack = r->stack,
						     .count = r->count,
						     .value = r->value};
	}
	free(p->samples);
	p->samples = samples;
	p->n_samples = p->n_threads ? s->n : 0; /* a sample has a thread: any will do */
	return 0;
}

/* ---- difference ---- */

const char *snapdiff_state_name(enum snapdiff_state state)
{
	static const char *const names[] = {"grown", "shrunk", "new", "gone", "same"};

	return names[state];
}

static void grow(int64_t *to, int64_t by)
{
	if (__builtin_add_overflow(*to, by, to))
		*to = by < 0 ? INT64_MIN : INT64_MAX;
}

static void take_rows(struct snapdiff_row *rows, const struct profile *p, size_t place, int after,
		      int64_t *sum)
{
	const struct profile_snapshot *s = &p->snapshots[place];
	size_t i;

	for (i = 0; i < s->n; i++) {
		const struct profile_snapshot_row *r = &p->snapshot_rows[s->first + i];
		struct snapdiff_row *row = &rows[r->stack];

		if (after)
			row->after_count += r->count;
		else
			row->before_count += r->count;
		grow(after ? &row->after : &row->before, r->value);
		grow(sum, r->value);
	}
}

static enum snapdiff_state state_of(const struct snapdiff_row *r)
{
	if (r->after == r->before && r->after_count == r->before_count)
		return SNAPDIFF_SAME;
	if (!r->before && !r->before_count)
		return SNAPDIFF_NEW;
	if (!r->after && !r->after_count)
		return SNAPDIFF_GONE;
	if (r->after != r->before)
		return r->after > r->before ? SNAPDIFF_GROWN : SNAPDIFF_SHRUNK;
	return r->after_count > r->before_count ? SNAPDIFF_GROWN : SNAPDIFF_SHRUNK;
}

static uint64_t size_of(int64_t change)
{
	return change < 0 ? 0 - (uint64_t)change : (uint64_t)change;
}

static int compare_rows(const void *a, const void *b)
{
	const struct snapdiff_row *x = a, *y = b;
	uint64_t xs = size_of(x->change), ys = size_of(y->change);

	if (xs != ys)
		return xs < ys ? 1 : -1;
	if (x->change != y->change)
		return x->change < y->change ? 1 : -1;
	return x->stack < y->stack ? -1 : x->stack > y->stack;
}

int snapdiff_make(struct snapdiff *d, const struct profile *p, size_t before, size_t after,
		  struct err *err)
{
	uint32_t i;

	memset(d, 0, sizeof(*d));
	d->rows = calloc((size_t)p->n_stacks + 1, sizeof(*d->rows));
	if (!d->rows)
		return err_nomem(err, "the difference of two snapshots");
	take_rows(d->rows, p, before, 0, &d->before);
	take_rows(d->rows, p, after, 1, &d->after);
	for (i = 0; i < p->n_stacks; i++) { /* d->n <= i: a row is read before it is written over */
		struct snapdiff_row row = d->rows[i];

		if (!row.before && !row.after && !row.before_count && !row.after_count)
			continue;
		row.stack = i;
		row.state = state_of(&row);
		if (__builtin_sub_overflow(row.after, row.before, &row.change))
			row.change = row.after < row.before ? INT64_MIN : INT64_MAX;
		if (row.state == SNAPDIFF_SAME)
			d->n_same++;
		else
			d->rows[d->n++] = row;
	}
	if (d->n)
		qsort(d->rows, d->n, sizeof(*d->rows), compare_rows);
	return 0;
}

void snapdiff_release(struct snapdiff *d)
{
	free(d->rows);
	memset(d, 0, sizeof(*d));
}
