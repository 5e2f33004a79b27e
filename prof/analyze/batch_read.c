/* Stages of runs as points: their items, how much memory their process had, how long they took. See batch.h. */
#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "prof/analyze/batch.h"

#define VALUE_MAX 1e18 /* what is beyond was not measured: a foreign hand in the file */

struct row { /* a stage that counts */
	double items, memory, shared, wall_ns, cpu_ns;
	uint32_t name, thread;
	int64_t start_ns;
};

struct reading {
	const struct profile *p;
	const char *param;
	enum batch_memory memory;
	size_t *shared; /* counters of that name, by time */
	size_t n_shared;
	struct row *rows;
	size_t n;
	double *scratch;
	uint32_t run;
};

static double or_nan(double v)
{
	return v >= 0 && v <= VALUE_MAX ? v : (double)NAN;
}

/* ---- a stage ---- */

static double items_of(const struct reading *r, const struct profile_stage *s)
{
	const char *text;
	double value = (double)NAN;
	json_t *params, *found;

	if (!r->param)
		return s->items;
	text = strtab_text(r->p->strings, s->params);
	params = strstr(text, r->param) ? json_loads(text, 0, NULL) : NULL;
	found = json_object_get(params, r->param);
	if (json_is_number(found))
		value = json_number_value(found);
	json_decref(params);
	return value;
}

/* Inside a stage of the same name it is counted there. */
static int is_inner(const struct profile *p, uint32_t i)
{
	uint32_t name = p->stages[i].name;

	while (p->stages[i].parent < i) {
		i = p->stages[i].parent;
		if (p->stages[i].name == name)
			return 1;
	}
	return 0;
}

/* The highest value from its beginning to its end, what it was at its beginning included. */
static double shared_of(const struct reading *r, const struct profile_stage *s)
{
	const struct profile_counter *c = r->p->counters;
	size_t lo = 0, hi = r->n_shared, i;
	int64_t end = s->start_ns + s->wall_ns;
	double most = (double)NAN;

	while (lo < hi) { /* the first that is later than its beginning */
		size_t middle = lo + (hi - lo) / 2;

		if (c[r->shared[middle]].t_ns > s->start_ns)
			hi = middle;
		else
			lo = middle + 1;
	}
	for (i = lo ? lo - 1 : 0; i < r->n_shared; i++) {
		if (c[r->shared[i]].t_ns > end && isfinite(most))
			break;
		most = fmax(most, c[r->shared[i]].value); /* of a number and NAN it is the number */
		if (c[r->shared[i]].t_ns > end)
			break;
	}
	return or_nan(most);
}

/* Did another process run at the same time? The counter is the sum of all. */
static int is_alone(const struct profile *p, const struct profile_stage *s)
{
	uint32_t own = s->thread < p->n_threads ? p->threads[s->thread].process : PROFILE_NONE, i;

	for (i = 0; i < p->n_processes; i++)
		if (i != own && p->processes[i].start_ns < s->start_ns + s->wall_ns &&
		    (p->processes[i].end_ns <= 0 || p->processes[i].end_ns > s->start_ns))
			return 0;
	return 1;
}

static uint32_t process_of(const struct profile *p, uint32_t thread)
{
	return thread < p->n_threads ? p->threads[thread].process : PROFILE_NONE;
}

/* ---- stages of a name ---- */

static struct batch_stage *stage_of(struct batch_data *d, const char *name, struct err *err)
{
	struct batch_stage *more;
	uint32_t id;

	if (!d->names)
		d->names = strtab_new();
	if (!d->names || strtab_intern_text(d->names, name, &id))
		goto fail;
	while (d->n <= id) {
		if ((d->n & (d->n - 1)) == 0) {
			more = realloc(d->stages, (d->n ? 2 * d->n : 1) * sizeof *more);
			if (!more)
				goto fail;
			d->stages = more;
		}
		d->stages[d->n] =
			(struct batch_stage){.name = strtab_text(d->names, (uint32_t)d->n)};
		d->n++;
	}
	return &d->stages[id];
fail:
	err_nomem(err, "the stages of batches");
	return NULL;
}

/* By name, process, begin. */
static int by_begin(const void *a, const void *b, void *ctx)
{
	const struct profile *p = ctx;
	const struct row *x = a, *y = b;
	uint32_t px = process_of(p, x->thread), py = process_of(p, y->thread);

	if (x->name != y->name)
		return x->name < y->name ? -1 : 1;
	if (px != py)
		return px < py ? -1 : 1;
	return x->start_ns < y->start_ns ? -1 : x->start_ns > y->start_ns;
}

static int by_items(const void *a, const void *b)
{
	const struct row *x = a, *y = b;

	return x->items < y->items ? -1 : x->items > y->items;
}

static int ascending(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return x < y ? -1 : x > y;
}

static double median(double *v, size_t n)
{
	if (!n)
		return (double)NAN;
	qsort(v, n, sizeof *v, ascending);
	return n % 2 ? v[n / 2] : v[n / 2 - 1] / 2 + v[n / 2] / 2;
}

/* Memory stays resident after it was freed: what comes after a larger batch says nothing of its own. */
static size_t without_after(struct reading *r, size_t from, size_t to, struct batch_stage *s)
{
	size_t i, kept = from;
	double most = 0;

	for (i = from; i < to; i++) {
		if (i > from &&
		    process_of(r->p, r->rows[i].thread) != process_of(r->p, r->rows[i - 1].thread))
			most = 0;
		if (r->rows[i].items < most) {
			s->after++;
			continue;
		}
		most = r->rows[i].items;
		r->rows[kept++] = r->rows[i];
	}
	return kept;
}

static int add_point(struct batch_stage *s, struct reading *r, size_t from, size_t to,
		     struct err *err)
{
	struct batch_point *more = realloc(s->points, (s->n + 1) * sizeof *more), p;
	size_t i, k = 0;

	if (!more)
		return err_nomem(err, "the points of a stage");
	s->points = more;
	p = (struct batch_point){.items = r->rows[from].items,
				 .memory = (double)NAN,
				 .shared = (double)NAN,
				 .run = r->run,
				 .n = (uint32_t)(to - from)};
	for (i = from; i < to; i++) {
		p.memory = fmax(p.memory, r->rows[i].memory);
		p.shared = fmax(p.shared, r->rows[i].shared);
		p.n_memory += isfinite(r->rows[i].memory) != 0;
		r->scratch[k++] = r->rows[i].wall_ns;
	}
	p.wall_ns = median(r->scratch, k);
	for (i = from, k = 0; i < to; i++)
		if (isfinite(r->rows[i].cpu_ns))
			r->scratch[k++] = r->rows[i].cpu_ns;
	p.cpu_ns = median(r->scratch, k);
	s->points[s->n++] = p;
	return 0;
}

static int add_points(struct batch_data *d, struct reading *r, struct err *err)
{
	size_t i, k, m, end;
	int rc = 0;

	qsort_r(r->rows, r->n, sizeof *r->rows, by_begin, (void *)(uintptr_t)r->p);
	for (i = 0; rc == 0 && i < r->n; i = k) {
		struct batch_stage *s =
			stage_of(d, strtab_text(r->p->strings, r->rows[i].name), err);

		if (!s)
			return ERR_NOMEM;
		for (k = i; k < r->n && r->rows[k].name == r->rows[i].name; k++)
			;
		end = r->memory == BATCH_RSS ? without_after(r, i, k, s) : k;
		qsort(r->rows + i, end - i, sizeof *r->rows, by_items);
		for (size_t at = i; rc == 0 && at < end; at = m) {
			for (m = at; m < end && !(r->rows[m].items > r->rows[at].items); m++)
				;
			rc = add_point(s, r, at, m, err);
		}
	}
	return rc;
}

/* ---- a run ---- */

static int take_stage(struct batch_data *d, struct reading *r, uint32_t i, struct err *err)
{
	const struct profile_stage *s = &r->p->stages[i];
	struct batch_stage *to = stage_of(d, strtab_text(r->p->strings, s->name), err);
	int64_t memory = r->memory == BATCH_RSS ? s->peak_rss_bytes : s->peak_heap_bytes;
	double items = items_of(r, s);

	if (!to)
		return ERR_NOMEM;
	if (s->wall_ns < 0 || s->wall_ns > INT64_MAX / 2 || s->start_ns < 0 ||
	    s->start_ns > INT64_MAX / 2 || is_inner(r->p, i))
		return 0;
	to->stages++;
	if (s->folded > 1) {
		to->folded += s->folded;
		return 0;
	}
	if (!(items > 0 && items <= BATCH_ITEMS_MAX)) {
		to->no_items++;
		return 0;
	}
	r->rows[r->n] = (struct row){.items = items,
				     .memory = or_nan((double)memory),
				     .shared = (double)NAN,
				     .wall_ns = (double)s->wall_ns,
				     .cpu_ns = or_nan((double)s->cpu_ns),
				     .name = s->name,
				     .thread = s->thread,
				     .start_ns = s->start_ns};
	to->no_memory += isnan(r->rows[r->n].memory) != 0;
	if (r->memory == BATCH_RSS && is_alone(r->p, s))
		r->rows[r->n].shared = shared_of(r, s);
	else if (r->memory == BATCH_RSS)
		to->processes++;
	r->n++;
	return 0;
}

static int by_time(const void *a, const void *b, void *ctx)
{
	const struct profile_counter *c = ctx;
	size_t x = *(const size_t *)a, y = *(const size_t *)b;

	if (c[x].t_ns != c[y].t_ns)
		return c[x].t_ns < c[y].t_ns ? -1 : 1;
	return x < y ? -1 : x > y;
}

static void find_shared(struct reading *r)
{
	uint32_t name;
	size_t i;

	if (!strtab_find(r->p->strings, "rss_shared_bytes", 16, &name))
		return;
	for (i = 0; i < r->p->n_counters; i++)
		if (r->p->counters[i].name == name)
			r->shared[r->n_shared++] = i;
	qsort_r(r->shared, r->n_shared, sizeof *r->shared, by_time,
		(void *)(uintptr_t)r->p->counters);
}

static int has_losses(const struct profile *p)
{
	uint32_t i;

	for (i = 0; i < p->n_losses; i++) {
		const char *reason = strtab_text(p->strings, p->losses[i].reason);

		if (p->losses[i].count &&
		    (strcmp(reason, "table_full") == 0 || strcmp(reason, "disk_full") == 0))
			return 1;
	}
	return 0;
}

/* Host and CPU. */
static int note_machine(struct batch_data *d, const struct profile *p, struct err *err)
{
	const char *host = strtab_text(p->strings, p->run.host);
	const char *cpu = strtab_text(p->strings, p->run.cpu_model);
	char both[400];
	uint32_t id;

	snprintf(both, sizeof both, "%.150s\n%.150s", host, cpu);
	if (!d->machines)
		d->machines = strtab_new();
	if (!d->machines || strtab_intern_text(d->machines, both, &id))
		return err_nomem(err, "the machines of runs");
	return 0;
}

/* ---- a run that failed ---- */

/* Of each name the stage that began last, open or not: there it failed, or after it. */
static void find_last(const struct profile *p, uint32_t *last, size_t names)
{
	uint32_t i;

	for (i = 0; i < names; i++)
		last[i] = PROFILE_NONE;
	for (i = 0; i < p->n_stages; i++) {
		const struct profile_stage *s = &p->stages[i];

		if (s->name >= names || s->folded > 1 || is_inner(p, i))
			continue;
		if (last[s->name] == PROFILE_NONE ||
		    p->stages[last[s->name]].start_ns <= s->start_ns)
			last[s->name] = i;
	}
}

static int take_failed(struct batch_data *d, const struct reading *r, struct err *err)
{
	size_t names = strtab_count(r->p->strings), i;
	uint32_t *last = malloc((names + 1) * sizeof *last);
	int rc = last ? 0 : err_nomem(err, "the stages of a run");

	if (rc == 0)
		find_last(r->p, last, names);
	for (i = 0; rc == 0 && i < names; i++) {
		double items =
			last[i] == PROFILE_NONE ? (double)NAN : items_of(r, &r->p->stages[last[i]]);
		struct batch_stage *to;

		if (!(items > 0 && items <= BATCH_ITEMS_MAX))
			continue;
		to = stage_of(d, strtab_text(r->p->strings, (uint32_t)i), err);
		if (!to)
			rc = ERR_NOMEM;
		else if (!(to->failed_at > 0) || items < to->failed_at)
			to->failed_at = items;
	}
	free(last);
	d->failed++;
	return rc;
}

int batch_add_run(struct batch_data *d, const struct profile *p, const char *param,
		  enum batch_memory memory, struct err *err)
{
	size_t n = (size_t)p->n_stages + 1;
	struct reading r = {.p = p,
			    .param = param,
			    .memory = memory,
			    .shared = malloc((p->n_counters + 1) * sizeof *r.shared),
			    .rows = malloc(n * sizeof *r.rows),
			    .scratch = malloc(n * sizeof *r.scratch),
			    .run = d->runs};
	int rc = r.shared && r.rows && r.scratch ? 0 : err_nomem(err, "the stages of a run");
	int failed = profile_has_failed(p);
	uint32_t i;

	if (rc == 0 && failed)
		rc = take_failed(d, &r, err);
	if (rc == 0 && !failed) {
		find_shared(&r);
		d->unfinished += !p->run.finished;
		d->lossy += has_losses(p) != 0;
		d->runs++;
		rc = note_machine(d, p, err);
	}
	for (i = 0; rc == 0 && !failed && i < p->n_stages; i++)
		rc = take_stage(d, &r, i, err);
	if (rc == 0 && !failed)
		rc = add_points(d, &r, err);
	free(r.shared);
	free(r.rows);
	free(r.scratch);
	return rc;
}

void batch_data_release(struct batch_data *d)
{
	size_t i;

	for (i = 0; i < d->n; i++)
		free(d->stages[i].points);
	free(d->stages);
	strtab_free(d->names);
	strtab_free(d->machines);
	*d = (struct batch_data){.n = 0};
}
