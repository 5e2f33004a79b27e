/* Counters over time, for payload.c. Of one that does not fit, the lowest and the highest point of each step
 * stay, so that no peak is lost. */
#include "viewer/payload_pack.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "prof/base/hash.h"

#define SERIES_MAX    200 /* more than anyone looks at; a program may name thousands */
#define POINTS_MIN    16
#define INT_EXACT_MAX 9007199254740992.0 /* of a double, as readers have them */

struct series {
	const struct profile *p;
	uint32_t *
		rank; /* owned; by string: place of the name among names; GRAPH_NONE: no counter's */
	uint32_t *names; /* owned; in order */
	size_t *points;  /* owned; places in the profile's counters: by name, then time */
	uint32_t n_names;
	size_t n;
};

/* What every run has comes first. */
static int standing(const char *name)
{
	return strcmp(name, "rss_bytes") == 0 ? 0 : strcmp(name, "heap_bytes") == 0 ? 1 : 2;
}

static int compare_names(const void *pa, const void *pb, void *ctx)
{
	const struct profile *p = ctx;
	const char *a = strtab_text(p->strings, *(const uint32_t *)pa);
	const char *b = strtab_text(p->strings, *(const uint32_t *)pb);
	int sa = standing(a), sb = standing(b);

	return sa != sb ? sa - sb : strcmp(a, b);
}

static int compare_points(const void *pa, const void *pb, void *ctx)
{
	const struct series *s = ctx;
	size_t a = *(const size_t *)pa, b = *(const size_t *)pb;
	const struct profile_counter *x = &s->p->counters[a], *y = &s->p->counters[b];

	if (x->name != y->name)
		return s->rank[x->name] < s->rank[y->name] ? -1 : 1;
	if (x->t_ns != y->t_ns)
		return x->t_ns < y->t_ns ? -1 : 1;
	return a < b ? -1 : 1;
}

static int series_init(struct series *s, const struct profile *p)
{
	size_t strings = strtab_count(p->strings), i;
	uint32_t k;

	*s = (struct series){.p = p};
	s->rank = malloc(strings * sizeof *s->rank);
	s->names = malloc(strings * sizeof *s->names);
	s->points = malloc((p->n_counters + 1) * sizeof *s->points);
	if (!s->rank || !s->names || !s->points)
		return ERR_NOMEM;
	memset(s->rank, 0xff, strings * sizeof *s->rank);
	for (i = 0; i < p->n_counters; i++) {
		const struct profile_counter *c = &p->counters[i];

		if (c->name >= strings || !isfinite(c->value))
			continue;
		if (s->rank[c->name] == GRAPH_NONE) {
			s->rank[c->name] = 0;
			s->names[s->n_names++] = c->name;
		}
		s->points[s->n++] = i;
	}
	qsort_r(s->names, s->n_names, sizeof *s->names, compare_names, (void *)(uintptr_t)p);
	for (k = 0; k < s->n_names; k++)
		s->rank[s->names[k]] = k;
	qsort_r(s->points, s->n, sizeof *s->points, compare_points, s);
	return 0;
}

static void series_release(struct series *s)
{
	free(s->rank);
	free(s->names);
	free(s->points);
}

/* ---- one of them ---- */

struct line {
	struct pack *w;
	const struct profile *p;
	const size_t *points; /* of it */
	size_t n;
	double distance; /* of points, about */
	int whole;       /* all values are whole numbers */
	uint64_t t;      /* of the point before */
	int64_t value;
	size_t put;
};

static double value_of(const struct line *l, size_t i)
{
	return l->p->counters[l->points[i]].value;
}

static void put_point(struct line *l, size_t i)
{
	const struct profile_counter *c = &l->p->counters[l->points[i]];
	int64_t at = (int64_t)((uint64_t)c->t_ns - (uint64_t)l->p->run.start_ns);
	uint64_t t = (uint64_t)pack_time(at > 0 ? at : 0, l->distance);

	if (t < l->t)
		t = l->t;
	pack_put(l->w, SERIES_T, t - l->t);
	l->t = t;
	l->put++;
	if (l->whole) {
		pack_zigzag(l->w, SERIES_INT, (int64_t)c->value - l->value);
		l->value = (int64_t)c->value;
	} else {
		pack_real(l->w, SERIES_REAL, c->value);
	}
}

/* The lowest and the highest of some, in their order. */
static void put_extremes(struct line *l, size_t from, size_t to)
{
	size_t low = from, high = from, i;

	for (i = from; i < to; i++) {
		if (value_of(l, i) < value_of(l, low))
			low = i;
		if (value_of(l, i) > value_of(l, high))
			high = i;
	}
	put_point(l, low < high ? low : high);
	if (low != high)
		put_point(l, low < high ? high : low);
}

static void put_line(struct line *l, size_t most)
{
	size_t steps = (most - 2) / 2, i;

	for (i = 0, l->whole = 1; i < l->n && l->whole; i++)
		l->whole = value_of(l, i) == floor(value_of(l, i)) &&
			   fabs(value_of(l, i)) <= INT_EXACT_MAX;
	if (l->n <= most) {
		for (i = 0; i < l->n; i++)
			put_point(l, i);
		return;
	}
	put_point(l, 0);
	for (i = 0; i < steps; i++)
		put_extremes(l, 1 + i * (l->n - 2) / steps, 1 + (i + 1) * (l->n - 2) / steps);
	put_point(l, l->n - 1);
}

static void put_series(struct pack *w, const struct series *s, size_t most)
{
	size_t from = 0, to;
	uint32_t k;

	buf_clear(&w->series);
	w->series_left_out = s->n_names > SERIES_MAX ? s->n_names - SERIES_MAX : 0;
	for (k = 0; k < s->n_names && k < SERIES_MAX; k++, from = to) {
		struct line l = {.w = w, .p = s->p, .points = s->points + from};

		for (to = from; to < s->n && s->p->counters[s->points[to]].name == s->names[k];)
			to++;
		l.n = to - from;
		l.distance = ((double)s->p->counters[s->points[to - 1]].t_ns -
			      (double)s->p->counters[s->points[from]].t_ns) /
			     (double)l.n;
		put_line(&l, most);
		buf_puts(&w->series, k ? ",[" : "[");
		payload_json_name(&w->series, w->options, strtab_text(s->p->strings, s->names[k]),
				  strtab_len(s->p->strings, s->names[k]));
		buf_printf(&w->series, ",%zu,\"%s\"]", l.put, l.whole ? "int" : "real");
	}
}

/* Half as many points of each, until they fit. */
void payload_series(struct pack *w, size_t room)
{
	const struct profile *p = w->options->runs[0].p;
	struct pack_mark mark;
	struct series s = {0};
	size_t most;

	if (w->g->n_runs > 1 || p->n_counters == 0)
		return;
	if (series_init(&s, p) != 0)
		w->failed = ERR_NOMEM;
	if (w->g->without & GRAPH_NO_TIME) {
		w->series_left_out = s.n_names;
		series_release(&s);
		return;
	}
	pack_mark(w, &mark);
	for (most = s.n > POINTS_MIN ? s.n : POINTS_MIN; pack_failed(w) == 0; most /= 2) {
		put_series(w, &s, most);
		if (pack_size(w, &mark) <= room || most / 2 < POINTS_MIN)
			break;
		pack_back(w, &mark);
	}
	series_release(&s);
}
