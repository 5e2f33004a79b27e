/* The table of values: rows and runs that grow, and how values are written. What a profile holds is read in
 * metrics_run.c. */
#include "prof/analyze/metrics.h"

#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "prof/analyze/metrics_internal.h"
#include "prof/base/buf.h"
#include "prof/base/units.h"
#include "prof/base/utf8.h"

static const struct {
	const char *name, *title, *unit;
} metrics[METRICS] = {
	[METRIC_WALL] = {"wall", "wall time", "ns"},
	[METRIC_CPU] = {"cpu", "CPU time", "ns"},
	[METRIC_PEAK_HEAP] = {"peak_heap", "peak heap", "bytes"},
	[METRIC_PEAK_RSS] = {"peak_rss", "peak RSS", "bytes"},
	[METRIC_ALLOC_COUNT] = {"alloc_count", "allocations", ""},
	[METRIC_ALLOC_BYTES] = {"alloc_bytes", "allocated bytes", "bytes"},
	[METRIC_SQL] = {"sql", "SQL statements", ""},
	[METRIC_INSTRUCTIONS] = {"instructions", "instructions", ""},
};

const char *metric_name(enum metric m)
{
	return (unsigned)m < METRICS ? metrics[m].name : "?";
}

const char *metric_title(enum metric m)
{
	return (unsigned)m < METRICS ? metrics[m].title : "?";
}

const char *metric_unit(enum metric m)
{
	return (unsigned)m < METRICS ? metrics[m].unit : "";
}

int metric_parse(const char *name)
{
	int i;

	for (i = 0; name && i < METRICS; i++)
		if (strcmp(metrics[i].name, name) == 0)
			return i;
	return -1;
}

static const char *const kinds[METRIC_KINDS] = {"count", "time", "polled", "estimate"};

const char *metric_kind_name(enum metric_kind kind)
{
	return (unsigned)kind < METRIC_KINDS ? kinds[kind] : "?";
}

int metric_kind_parse(const char *name)
{
	int i;

	for (i = 0; name && i < METRIC_KINDS; i++)
		if (strcmp(kinds[i], name) == 0)
			return i;
	return -1;
}

int metric_is_time(enum metric m)
{
	return m == METRIC_WALL || m == METRIC_CPU;
}

char *metric_text(char out[METRIC_TEXT], enum metric m, double value)
{
	char text[UNITS_TEXT];
	const char *unit = metric_unit(m), *sign = value < 0 ? "-" : "";
	double size = fabs(value);

	if (!isfinite(value))
		snprintf(out, METRIC_TEXT, "-");
	else if (size >= 9e18)
		snprintf(out, METRIC_TEXT, "%.3g%s%s", value, *unit ? " " : "", unit);
	else if (metric_is_time(m))
		snprintf(out, METRIC_TEXT, "%s", units_ns(text, llround(value)));
	else if (strcmp(unit, "bytes") == 0)
		snprintf(out, METRIC_TEXT, "%s%s", sign,
			 units_bytes(text, (uint64_t)llround(size)));
	else if (size < 100 && size > floor(size)) /* a median between two counts */
		snprintf(out, METRIC_TEXT, "%.1f", value);
	else
		snprintf(out, METRIC_TEXT, "%s%s", sign,
			 units_count(text, (uint64_t)llround(size)));
	return out;
}

/* ---- runs ---- */

static struct gate_run *run_of(struct metric_table *t, int group, size_t at)
{
	return &(group == METRICS_BASE ? t->runs_a : t->runs_b)[at];
}

static size_t runs_of(const struct metric_table *t, int group)
{
	return group == METRICS_BASE ? t->n_a : t->n_b;
}

static void run_release(struct gate_run *r)
{
	char *texts[] = {r->id,        r->name,    r->command, r->label,  r->host,
			 r->cpu_model, r->kernel,  r->mode,    r->engine, r->memory,
			 r->version,   r->git_sha, r->source};
	size_t i;

	for (i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		free(texts[i]);
	memset(r, 0, sizeof(*r));
}

/* A copy as UTF-8: other bytes become U+FFFD. NULL is "". */
static char *copy_text(const char *text)
{
	struct buf b = BUF_INIT;
	size_t n = text ? strlen(text) : 0, at = 0, len;

	if (n == 0 || utf8_valid(text, n))
		return strdup(text ? text : "");
	for (; at < n; at += len ? len : 1) {
		len = utf8_length(text + at, n - at);
		buf_put(&b, len ? text + at : "\xef\xbf\xbd", len ? len : 3);
	}
	if (buf_failed(&b))
		buf_release(&b);
	return buf_steal(&b, NULL);
}

/* Texts of `from` as copies; NULL is "". */
static int run_copy(struct gate_run *to, const struct gate_run *from)
{
	int rc = 0;

	*to = *from;
#define COPY(field)                                                                                \
	do {                                                                                       \
		to->field = copy_text(from->field);                                                \
		if (!to->field)                                                                    \
			rc = ERR_NOMEM;                                                            \
	} while (0)
	COPY(id);
	COPY(name);
	COPY(command);
	COPY(label);
	COPY(host);
	COPY(cpu_model);
	COPY(kernel);
	COPY(mode);
	COPY(engine);
	COPY(memory);
	COPY(version);
	COPY(git_sha);
	COPY(source);
#undef COPY
	if (!isfinite(to->rate_hz) || to->rate_hz < 0)
		to->rate_hz = 0;
	if (rc)
		run_release(to);
	return rc;
}

/* Room for one more run in each row. */
static int widen_rows(struct metric_table *t, int group)
{
	size_t *room = group == METRICS_BASE ? &t->room_a : &t->room_b;
	size_t want = *room ? 2 * *room : 8, i, k;

	if (runs_of(t, group) < *room)
		return 0;
	for (i = 0; i < t->n; i++) {
		double **at = group == METRICS_BASE ? &t->rows[i].a : &t->rows[i].b;
		double *more = realloc(*at, want * sizeof(*more));

		if (!more)
			return ERR_NOMEM; /* rows that are wider than `room` says do no harm */
		for (k = *room; k < want; k++)
			more[k] = NAN;
		*at = more;
	}
	*room = want;
	return 0;
}

static int room_for_run(struct metric_table *t, int group)
{
	struct gate_run **runs = group == METRICS_BASE ? &t->runs_a : &t->runs_b;
	size_t *cap = group == METRICS_BASE ? &t->cap_a : &t->cap_b;
	size_t want = *cap ? 2 * *cap : 16;
	struct gate_run *more;

	if (runs_of(t, group) < *cap)
		return 0;
	more = realloc(*runs, want * sizeof(*more));
	if (!more)
		return ERR_NOMEM;
	*runs = more;
	*cap = want;
	return 0;
}

int metrics_add_known(struct metric_table *t, int group, const struct gate_run *run,
		      struct err *err)
{
	struct gate_run copy;
	size_t n = runs_of(t, group);

	if (n >= METRICS_RUNS_MAX)
		return err_set(err, ERR_LIMIT, "more than %d runs in one group", METRICS_RUNS_MAX);
	if (!t->names && !(t->names = strtab_new()))
		return err_nomem(err, "a table of values");
	if (room_for_run(t, group) || widen_rows(t, group) || run_copy(&copy, run))
		return err_nomem(err, "a table of values");
	*run_of(t, group, n) = copy;
	*(group == METRICS_BASE ? &t->n_a : &t->n_b) = n + 1;
	return 0;
}

void metrics_drop_last(struct metric_table *t, int group)
{
	size_t *n = group == METRICS_BASE ? &t->n_a : &t->n_b, i;

	--*n;
	run_release(run_of(t, group, *n));
	for (i = 0; i < t->n; i++)
		(group == METRICS_BASE ? t->rows[i].a : t->rows[i].b)[*n] = NAN;
}

int metrics_set_source(struct metric_table *t, int group, size_t at, const char *source,
		       struct err *err)
{
	struct gate_run *r;
	char *copy;

	if (at >= runs_of(t, group))
		return err_set(err, ERR_ARG, "no such run in the table of values");
	copy = strdup(source);
	if (!copy)
		return err_nomem(err, "a table of values");
	r = run_of(t, group, at);
	free(r->source);
	r->source = copy;
	return 0;
}

/* ---- rows ---- */

/* Stages are numbered from 1 in the order of their first appearance; 0 is the whole run. */
static uint64_t row_key(uint32_t stage, enum metric m)
{
	return (uint64_t)stage * METRICS + (uint64_t)m;
}

static const struct metric_row *find_row(const struct metric_table *t, const char *stage,
					 enum metric m)
{
	uint32_t id = 0, at;

	if (stage && (!t->names || !strtab_find(t->names, stage, strlen(stage), &id)))
		return NULL;
	at = idmap_get(&t->index, row_key(stage ? id + 1 : 0, m));
	return at == IDMAP_NONE ? NULL : &t->rows[at];
}

const struct metric_row *metrics_row(const struct metric_table *t, const char *stage, enum metric m)
{
	const struct metric_row *r;
	char *copy;

	if ((unsigned)m >= METRICS)
		return NULL;
	if (!stage || utf8_valid(stage, strlen(stage)))
		return find_row(t, stage, m);
	copy = copy_text(stage);
	r = copy ? find_row(t, copy, m) : NULL;
	free(copy);
	return r;
}

static double *values_new(size_t room)
{
	double *v = room ? malloc(room * sizeof(*v)) : NULL;
	size_t i;

	for (i = 0; v && i < room; i++)
		v[i] = NAN;
	return v;
}

static int row_add(struct metric_table *t, uint32_t number, enum metric m, struct err *err)
{
	struct metric_row row = {.stage = number ? strtab_text(t->names, number - 1) : NULL,
				 .metric = m,
				 .place = number};
	size_t cap = t->cap_rows ? 2 * t->cap_rows : 64;
	struct metric_row *more = t->rows;

	if (t->n >= METRICS_ROWS_MAX)
		return err_set(
			err, ERR_LIMIT,
			"more than %d rows, one for each stage and metric, are not compared: "
			"stages that differ by a number or an id want one name",
			METRICS_ROWS_MAX);
	if ((t->n + 1) * (t->room_a + t->room_b) > METRICS_VALUES_MAX)
		return err_set(err, ERR_LIMIT, "more than %zu values of stages and runs",
			       (size_t)METRICS_VALUES_MAX);
	if (t->n == t->cap_rows) {
		more = realloc(t->rows, cap * sizeof(*more));
		if (!more)
			return err_nomem(err, "a table of values");
		t->rows = more;
		t->cap_rows = cap;
	}
	row.a = values_new(t->room_a);
	row.b = values_new(t->room_b);
	if ((t->room_a && !row.a) || (t->room_b && !row.b) ||
	    idmap_set(&t->index, row_key(number, m), (uint32_t)t->n)) {
		free(row.a);
		free(row.b);
		return err_nomem(err, "a table of values");
	}
	t->rows[t->n++] = row;
	return 0;
}

static int row_for(struct metric_table *t, const char *stage, enum metric m,
		   struct metric_row **row, struct err *err)
{
	uint32_t number = 0, at;
	int rc = 0;

	if (stage && utf8_valid(stage, strlen(stage))) {
		rc = strtab_intern_text(t->names, stage, &number);
	} else if (stage) {
		char *copy = copy_text(stage);

		rc = copy ? strtab_intern_text(t->names, copy, &number) : ERR_NOMEM;
		free(copy);
	}
	if (rc)
		return err_nomem(err, "a table of values");
	number += stage != NULL;
	at = idmap_get(&t->index, row_key(number, m));
	if (at == IDMAP_NONE) {
		at = (uint32_t)t->n;
		rc = row_add(t, number, m, err);
	}
	if (rc == 0)
		*row = &t->rows[at];
	return rc;
}

static enum metric_kind weaker(enum metric_kind a, enum metric_kind b)
{
	return a > b ? a : b;
}

/* Does any run have a value there yet? */
static int row_empty(const struct metric_table *t, const struct metric_row *r)
{
	size_t i;

	for (i = 0; i < t->n_a; i++)
		if (!isnan(r->a[i]))
			return 0;
	for (i = 0; i < t->n_b; i++)
		if (!isnan(r->b[i]))
			return 0;
	return 1;
}

int metrics_put(struct metric_table *t, int group, size_t at, const char *stage, uint32_t depth,
		enum metric m, enum metric_kind kind, double value, struct err *err)
{
	struct metric_row *r = NULL;
	int rc;

	if ((unsigned)m >= METRICS || at >= runs_of(t, group))
		return err_set(err, ERR_ARG, "no such run or metric in the table of values");
	rc = row_for(t, stage, m, &r, err);
	if (rc)
		return rc;
	if (row_empty(t, r)) {
		r->kind = kind;
		r->depth = depth;
	}
	r->kind = weaker(r->kind, kind);
	/* What is infinite or less than nothing says no more than that something went wrong. */
	(group == METRICS_BASE ? r->a : r->b)[at] = isfinite(value) && value >= 0 ? value : NAN;
	return 0;
}

int metrics_set(struct metric_table *t, int group, size_t at, const char *stage, enum metric m,
		enum metric_kind kind, double value, struct err *err)
{
	const struct metric_row *any = NULL;
	int i;

	for (i = 0; stage && !any && i < METRICS; i++)
		any = metrics_row(t, stage, (enum metric)i);
	return metrics_put(t, group, at, stage, any ? any->depth : 0, m, kind, value, err);
}

static int compare_places(const void *a, const void *b, void *ctx)
{
	const struct metric_row *rows = ctx;
	const struct metric_row *x = &rows[*(const uint32_t *)a], *y = &rows[*(const uint32_t *)b];

	if (x->place != y->place)
		return x->place < y->place ? -1 : 1;
	return x->metric < y->metric ? -1 : x->metric > y->metric;
}

uint32_t *metrics_order(const struct metric_table *t)
{
	uint32_t *order = malloc((t->n + 1) * sizeof(*order)), i;

	for (i = 0; order && i < t->n; i++)
		order[i] = i;
	if (order && t->n)
		qsort_r(order, t->n, sizeof(*order), compare_places, t->rows);
	return order;
}

void metrics_release(struct metric_table *t)
{
	size_t i;

	for (i = 0; i < t->n_a; i++)
		run_release(&t->runs_a[i]);
	for (i = 0; i < t->n_b; i++)
		run_release(&t->runs_b[i]);
	for (i = 0; i < t->n; i++) {
		free(t->rows[i].a);
		free(t->rows[i].b);
	}
	free(t->runs_a);
	free(t->runs_b);
	free(t->rows);
	strtab_free(t->names);
	idmap_release(&t->index);
	memset(t, 0, sizeof(*t));
}
