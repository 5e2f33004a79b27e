/* What grows while a program runs: the automatic snapshots of each stack, tested for a trend: see leaks.h and
 * docs/memory.md. A stack that a snapshot does not have held nothing then. */
#include <stdlib.h>
#include <string.h>

#include "prof/analyze/estimate.h"
#include "prof/analyze/leaks.h"
#include "prof/analyze/trend.h"

/* Less is no leak worth a look, whatever its trend. */
#define GROWTH_BYTES_MIN 1024.0
/* Four samples' worth: 1.96 standard deviations of an estimate of that much. */
#define GROWTH_SAMPLES_MIN 4.0
/* The second half must grow at least that part as fast as the whole: caches that filled do not. */
#define GROWTH_LATE_MIN 0.25

struct point { /* a row of a snapshot */
	uint32_t stack, at;
	uint64_t count;
	double value;
};

struct series {
	double times[TREND_POINTS_MAX], values[TREND_POINTS_MAX]; /* s, bytes */
	size_t n;
	double *scratch; /* owned */
	double least;    /* bytes that a series must grow by */
};

/* ---- the snapshots ---- */

static int is_auto(const struct profile *p, const struct profile_snapshot *s)
{
	return strcmp(strtab_text(p->strings, s->name), "auto") == 0;
}

/* Which automatic snapshots are looked at: all of them, or every k-th. */
static size_t choose(const struct profile *p, struct series *x, const struct profile_snapshot **out)
{
	size_t i, n = 0, step, seen = 0;

	for (i = 0; i < p->n_snapshots; i++)
		n += (size_t)is_auto(p, &p->snapshots[i]);
	step = (n + TREND_POINTS_MAX - 1) / TREND_POINTS_MAX;
	for (i = 0; i < p->n_snapshots; i++) {
		const struct profile_snapshot *s = &p->snapshots[i];

		if (!is_auto(p, s) || seen++ % step != 0)
			continue;
		x->times[x->n] = ((double)s->t_ns - (double)p->run.start_ns) / 1e9;
		out[x->n++] = s;
	}
	return x->n;
}

static int compare_points(const void *a, const void *b)
{
	const struct point *x = a, *y = b;

	if (x->stack != y->stack)
		return x->stack < y->stack ? -1 : 1;
	return x->at < y->at ? -1 : x->at > y->at;
}

static struct point *gather(const struct profile *p, const struct profile_snapshot **snapshots,
			    size_t n, size_t *n_points)
{
	struct point *points = malloc((p->n_snapshot_rows + 1) * sizeof(*points));
	size_t i, k;

	*n_points = 0;
	for (i = 0; points && i < n; i++)
		for (k = 0; k < snapshots[i]->n; k++) {
			const struct profile_snapshot_row *r =
				&p->snapshot_rows[snapshots[i]->first + k];

			points[(*n_points)++] =
				(struct point){r->stack, (uint32_t)i, r->count, (double)r->value};
		}
	if (points && *n_points)
		qsort(points, *n_points, sizeof(*points), compare_points);
	return points;
}

/* ---- one stack ---- */

/* Fills the values of the stack at points[0] and returns how many points it has. */
static size_t fill(struct series *x, const struct point *points, size_t n)
{
	size_t i;

	memset(x->values, 0, x->n * sizeof(x->values[0]));
	for (i = 0; i < n && points[i].stack == points[0].stack; i++)
		x->values[points[i].at] += points[i].value;
	return i;
}

static int64_t whole(double bytes)
{
	return bytes >= 9e18 ? INT64_MAX : bytes <= -9e18 ? INT64_MIN : (int64_t)bytes;
}

static struct growth_row examine(struct series *x, const struct point *last)
{
	struct growth_row row = {.stack = last->stack, .rule = SUPPRESS_NONE};
	size_t half = x->n / 2;
	struct trend_kendall k;
	double span = x->times[x->n - 1] - x->times[0], late;

	trend_kendall(&k, x->values, x->n);
	row.p = k.p;
	row.first = whole(x->values[0]);
	row.last = whole(x->values[x->n - 1]);
	row.last_count = last->at == x->n - 1 ? last->count : 0;
	row.bytes_per_s = trend_slope(x->times, x->values, x->n, x->scratch);
	late = trend_slope(x->times + half, x->values + half, x->n - half, x->scratch);
	/* What is too little to matter is not rejected as a hypothesis either. */
	if (row.bytes_per_s * span < x->least || late < GROWTH_LATE_MIN * row.bytes_per_s)
		row.bytes_per_s = 0;
	return row;
}

/* ---- all stacks ---- */

static int reject(struct growth_list *list)
{
	double *p = malloc((2 * list->n + 1) * sizeof(*p));
	size_t i, n = 0;

	if (!p)
		return ERR_NOMEM;
	for (i = 0; i < list->n; i++)
		p[i] = list->rows[i].p;
	if (trend_false_discovery(p, p + list->n, list->n)) {
		free(p);
		return ERR_NOMEM;
	}
	for (i = 0; i < list->n; i++) {
		list->rows[i].q = p[list->n + i];
		if (list->rows[i].q <= GROWTH_RATE_FALSE && list->rows[i].bytes_per_s > 0)
			list->rows[n++] = list->rows[i];
	}
	free(p);
	list->n = n;
	return 0;
}

static int compare_rows(const void *a, const void *b)
{
	const struct growth_row *x = a, *y = b;
	int hidden = (x->rule != SUPPRESS_NONE) - (y->rule != SUPPRESS_NONE);

	if (hidden)
		return hidden;
	if (x->bytes_per_s != y->bytes_per_s)
		return x->bytes_per_s < y->bytes_per_s ? 1 : -1;
	return x->stack < y->stack ? -1 : x->stack > y->stack;
}

static int examine_all(struct growth_list *list, const struct profile *p,
		       const struct suppress *rules, struct series *x,
		       const struct profile_snapshot **snapshots)
{
	size_t n, i, part;
	struct point *points = gather(p, snapshots, x->n, &n);
	int rc = points ? 0 : ERR_NOMEM;

	list->rows = malloc((n + 1) * sizeof(*list->rows));
	x->scratch = malloc(TREND_SCRATCH * sizeof(*x->scratch));
	if (!list->rows || !x->scratch)
		rc = ERR_NOMEM;
	for (i = 0; rc == 0 && i < n; i += part) {
		part = fill(x, points + i, n - i);
		list->rows[list->n++] = examine(x, points + i + part - 1);
	}
	list->stacks = list->n;
	if (rc == 0)
		rc = reject(list);
	for (i = 0; rc == 0 && i < list->n; i++) {
		if (rules)
			list->rows[i].rule = suppress_find(rules, p, list->rows[i].stack);
		list->n_shown += list->rows[i].rule == SUPPRESS_NONE;
	}
	if (rc == 0 && list->n)
		qsort(list->rows, list->n, sizeof(*list->rows), compare_rows);
	free(x->scratch);
	free(points);
	return rc;
}

int growth_list_make(struct growth_list *list, const struct profile *p,
		     const struct suppress *rules, struct err *err)
{
	const struct profile_snapshot *snapshots[TREND_POINTS_MAX];
	struct series *x = calloc(1, sizeof(*x));
	int rc = x ? 0 : ERR_NOMEM;

	memset(list, 0, sizeof(*list));
	if (rc == 0) {
		double rate = estimate_rate(p, PROFILE_LIVE);

		x->least = rate > 0 ? GROWTH_SAMPLES_MIN * rate : GROWTH_BYTES_MIN;
		list->points = choose(p, x, snapshots);
	}
	if (rc == 0 && list->points)
		list->span_ns = whole(1e9 * (x->times[x->n - 1] - x->times[0]));
	if (rc == 0 && list->points >= TREND_POINTS_MIN)
		rc = examine_all(list, p, rules, x, snapshots);
	free(x);
	if (rc) {
		growth_list_release(list);
		return err_nomem(err, "the list of what grows");
	}
	return 0;
}

void growth_list_release(struct growth_list *list)
{
	free(list->rows);
	memset(list, 0, sizeof(*list));
}
