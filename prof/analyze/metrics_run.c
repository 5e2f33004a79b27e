/* What one profile gives to the table of values: the run's own facts, its totals, its stages by name. A stage inside
 * one of the same name is in that one's numbers already. */
#include <jansson.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "prof/analyze/metrics_internal.h"
#include "prof/analyze/stages.h"

/* ---- the run ---- */

static int in_list(const char *text, const char *const *list)
{
	for (; *list; list++)
		if (strcmp(text, *list) == 0)
			return 1;
	return 0;
}

/* Stacks that are incomplete are no missing samples; what is not known may have spoilt anything. */
static void count_losses(struct gate_run *r, const struct profile *p)
{
	static const char *const samples[] = {"ring_full", "late_tick", "record_dropped", NULL};
	static const char *const stacks[] = {"truncated", "no_unwind_info", "torn", NULL};
	uint32_t i;

	for (i = 0; i < p->n_losses; i++) {
		const char *reason = strtab_text(p->strings, p->losses[i].reason);
		uint64_t n = p->losses[i].count, *to = &r->loss.counts;

		if (in_list(reason, samples))
			to = &r->loss.samples;
		if (!in_list(reason, stacks))
			*to = *to + n < *to ? UINT64_MAX : *to + n;
		r->lost = r->lost + n < r->lost ? UINT64_MAX : r->lost + n;
	}
}

static double sum_kind(const struct profile *p, enum profile_kind kind, uint64_t *count)
{
	double sum = 0;
	size_t i;

	*count = 0;
	for (i = 0; i < p->n_samples; i++)
		if (p->samples[i].kind == (uint32_t)kind) {
			*count += p->samples[i].count;
			sum += (double)p->samples[i].value;
		}
	return sum;
}

/* Callgrind's: samples of CPU time stand for costs of the event that its mode names, and no times. */
static int has_costs(const struct profile *p)
{
	return strcmp(strtab_text(p->strings, p->run.engine), "callgrind") == 0;
}

static double cpu_of(const struct profile *p, struct gate_run *r)
{
	double sum = 0, sampled;
	uint64_t samples, walls;
	uint32_t i;

	for (i = 0; i < p->n_processes; i++)
		if (p->processes[i].cpu_ns > 0)
			sum += (double)p->processes[i].cpu_ns;
	sampled = sum_kind(p, PROFILE_CPU, &samples);
	sum_kind(p, PROFILE_WALL, &walls);
	r->samples = samples ? samples : walls;
	if (sum > 0)
		return sum;
	if (has_costs(p))
		return NAN;
	r->cpu_of_samples = sampled > 0;
	return sampled > 0 ? sampled : NAN;
}

/* Its recorder died: how it ended and how long it took is not known. Labels that have the word and cannot be read
 * (no memory) are taken for it. */
static int was_recovered(const char *labels)
{
	json_t *object;
	int is;

	if (!strstr(labels, "recovered"))
		return 0;
	object = json_loads(labels, 0, NULL);
	is = !object || json_object_get(object, "recovered") != NULL;
	json_decref(object);
	return is;
}

static void describe(struct gate_run *r, const struct profile *p)
{
	const struct profile_run *from = &p->run;
/* Borrowed until the table copies them. */
#define TEXT(field) ((char *)(uintptr_t)strtab_text(p->strings, from->field))
	*r = (struct gate_run){
		.id = TEXT(id),
		.name = TEXT(name),
		.command = TEXT(command),
		.label = TEXT(labels),
		.host = TEXT(host),
		.cpu_model = TEXT(cpu_model),
		.kernel = TEXT(kernel),
		.mode = TEXT(mode),
		.engine = TEXT(engine),
		.memory = TEXT(memory),
		.version = TEXT(version),
		.git_sha = TEXT(git_sha),
		.ncpu = from->ncpu,
		.rate_hz = from->rate_hz,
		.memory_rate_bytes = from->memory_rate_bytes,
		.started_at = from->started_at,
		.finished = from->finished && !was_recovered(strtab_text(p->strings, from->labels)),
		.failed = profile_has_failed(p),
		.exit_code = from->has_exit_code ? from->exit_code & 255 : 0,
		.signal = from->signal & 127,
	};
	if (r->started_at < 0)
		r->started_at = 0;
#undef TEXT
	count_losses(r, p);
}

/* ---- totals ---- */

struct adding {
	struct metric_table *t;
	int group;
	size_t at;
	const struct profile *p;
	enum metric_kind memory; /* what values of the tracker are */
	int tracked;             /* it ran */
	struct err *err;
};

static int put_total(struct adding *a, enum metric m, enum metric_kind kind, double value)
{
	return isfinite(value) ? metrics_put(a->t, a->group, a->at, NULL, 0, m, kind, value, a->err)
			       : 0;
}

static int put_memory(struct adding *a)
{
	uint64_t blocks, all;
	double peak = sum_kind(a->p, PROFILE_PEAK, &blocks);
	double bytes = sum_kind(a->p, PROFILE_ALLOC, &all);
	int rc = 0;

	if (!a->tracked && !all && !blocks)
		return 0;
	rc = put_total(a, METRIC_PEAK_HEAP, a->memory, peak);
	if (rc == 0)
		rc = put_total(a, METRIC_ALLOC_COUNT, a->memory, (double)all);
	return rc ? rc : put_total(a, METRIC_ALLOC_BYTES, a->memory, bytes);
}

static double peak_rss(const struct profile *p)
{
	int64_t most = 0;
	uint32_t i;

	for (i = 0; i < p->n_processes; i++)
		if (p->processes[i].max_rss_bytes > most)
			most = p->processes[i].max_rss_bytes;
	return most > 0 ? (double)most : NAN;
}

static double statements(const struct profile *p)
{
	double sum = 0;
	size_t i;

	for (i = 0; i < p->n_sql; i++)
		sum += (double)p->sql[i].calls;
	return p->n_sql ? sum : NAN;
}

/* The last value of the counter; of callgrind's costs, if they are instructions, all of them. */
static double instructions(const struct profile *p)
{
	double value = NAN, sum;
	uint64_t samples;
	int64_t at = INT64_MIN;
	size_t i;

	for (i = 0; i < p->n_counters; i++)
		if (p->counters[i].t_ns >= at &&
		    strcmp(strtab_text(p->strings, p->counters[i].name), "instructions") == 0) {
			value = p->counters[i].value;
			at = p->counters[i].t_ns;
		}
	if (isnan(value) && has_costs(p) &&
	    strcmp(strtab_text(p->strings, p->run.mode), "Ir") == 0 &&
	    (sum = sum_kind(p, PROFILE_CPU, &samples)) > 0)
		value = sum;
	return value;
}

static int put_totals(struct adding *a, double cpu_ns)
{
	const struct profile *p = a->p;
	double wall = p->run.duration_ns > 0 ? (double)p->run.duration_ns : NAN;
	int rc = put_total(a, METRIC_WALL, METRIC_KIND_TIME, wall);

	if (rc == 0)
		rc = put_total(a, METRIC_CPU, METRIC_KIND_TIME, cpu_ns);
	if (rc == 0)
		rc = put_memory(a);
	if (rc == 0)
		rc = put_total(a, METRIC_PEAK_RSS, METRIC_KIND_POLLED, peak_rss(p));
	if (rc == 0)
		rc = put_total(a, METRIC_SQL, METRIC_KIND_COUNT, statements(p));
	return rc ? rc : put_total(a, METRIC_INSTRUCTIONS, METRIC_KIND_COUNT, instructions(p));
}

/* ---- stages ---- */

struct stage_sum {
	double wall, cpu, alloc_count, alloc_bytes, sql;
	double peak_heap, peak_rss; /* NAN: none was measured */
	int open;                   /* one of them never ended */
	int unmeasured;             /* one of them has no allocations */
	uint32_t inside;            /* while going through the tree: how many are open */
};

struct stage_work {
	struct stage_sum *sums; /* by row of the list */
	uint32_t *row;          /* of each stage */
	uint32_t *child, *next; /* first child, next of the same parent */
	double *sql;            /* statements of a stage and all inside it */
};

static void work_release(struct stage_work *w)
{
	free(w->sums);
	free(w->row);
	free(w->child);
	free(w->next);
	free(w->sql);
}

static int work_make(struct stage_work *w, const struct profile *p, const struct stage_list *list)
{
	struct idmap names = IDMAP_INIT;
	size_t n = p->n_stages, r;
	int rc = 0;
	uint32_t i;

	w->sums = calloc(list->n + 1, sizeof(*w->sums));
	w->row = calloc(n + 1, sizeof(*w->row));
	w->child = malloc((n + 1) * sizeof(*w->child));
	w->next = malloc((n + 1) * sizeof(*w->next));
	w->sql = calloc(n + 1, sizeof(*w->sql));
	if (!w->sums || !w->row || !w->child || !w->next || !w->sql)
		rc = ERR_NOMEM;
	for (r = 0; rc == 0 && r < list->n; r++) {
		w->sums[r].peak_heap = w->sums[r].peak_rss = NAN;
		rc = idmap_set(&names, list->rows[r].name, (uint32_t)r);
	}
	for (i = 0; rc == 0 && i < p->n_stages; i++)
		w->row[i] = idmap_get(&names, p->stages[i].name);
	idmap_release(&names);
	return rc;
}

/* The tree's links, children in the order of their rows; place n is above all roots. */
static void link_stages(struct stage_work *w, const struct profile *p)
{
	uint32_t n = p->n_stages, i;
	size_t k;

	for (i = 0; i <= n; i++)
		w->child[i] = w->next[i] = PROFILE_NONE;
	for (i = n; i-- > 0;) {
		uint32_t parent = p->stages[i].parent < i ? p->stages[i].parent : n;

		w->next[i] = w->child[parent];
		w->child[parent] = i;
	}
	for (k = 0; k < p->n_sql; k++)
		if (p->sql[k].stage < n)
			w->sql[p->sql[k].stage] += (double)p->sql[k].calls;
	for (i = n; i-- > 0;)
		if (p->stages[i].parent < i)
			w->sql[p->stages[i].parent] += w->sql[i];
}

static void add_peak(double *most, int64_t value)
{
	if (value >= 0 && !((double)value <= *most))
		*most = (double)value;
}

static void add_stage(struct stage_sum *s, const struct profile_stage *g, double sql)
{
	add_peak(&s->peak_heap, g->peak_heap_bytes);
	add_peak(&s->peak_rss, g->peak_rss_bytes);
	if (s->inside) /* the one around it has its numbers */
		return;
	if (g->wall_ns < 0)
		s->open = 1;
	if (g->alloc_count < 0 || g->alloc_bytes < 0)
		s->unmeasured = 1;
	s->wall += (double)g->wall_ns;
	s->cpu += (double)g->cpu_ns;
	s->alloc_count += (double)g->alloc_count;
	s->alloc_bytes += (double)g->alloc_bytes;
	s->sql += sql;
}

/* Through the tree, knowing which names are around. */
static void sum_stages(struct stage_work *w, const struct profile *p)
{
	uint32_t n = p->n_stages, at = w->child[n];

	while (at != PROFILE_NONE) {
		struct stage_sum *s = &w->sums[w->row[at]];

		add_stage(s, &p->stages[at], w->sql[at]);
		if (w->child[at] != PROFILE_NONE) {
			s->inside++;
			at = w->child[at];
			continue;
		}
		while (at != PROFILE_NONE && w->next[at] == PROFILE_NONE) {
			at = p->stages[at].parent < at ? p->stages[at].parent : PROFILE_NONE;
			if (at != PROFILE_NONE)
				w->sums[w->row[at]].inside--;
		}
		if (at != PROFILE_NONE)
			at = w->next[at];
	}
}

static int put_stage(struct adding *a, const struct stage_row *row, const struct stage_sum *s)
{
	const char *name = strtab_text(a->p->strings, row->name);
	const int whole = !s->open, tracked = whole && !s->unmeasured;
	const struct {
		enum metric m;
		enum metric_kind kind;
		double value;
	} values[] = {
		{METRIC_WALL, METRIC_KIND_TIME, whole ? s->wall : NAN},
		{METRIC_CPU, METRIC_KIND_TIME, whole ? s->cpu : NAN},
		{METRIC_PEAK_HEAP, a->memory, whole ? s->peak_heap : NAN},
		{METRIC_PEAK_RSS, METRIC_KIND_POLLED, whole ? s->peak_rss : NAN},
		/* Counted whole in sampled runs too. */
		{METRIC_ALLOC_COUNT, METRIC_KIND_COUNT, tracked ? s->alloc_count : NAN},
		{METRIC_ALLOC_BYTES, METRIC_KIND_COUNT, tracked ? s->alloc_bytes : NAN},
		{METRIC_SQL, METRIC_KIND_COUNT, a->p->n_sql ? s->sql : NAN},
	};
	size_t i;
	int rc = 0;

	for (i = 0; rc == 0 && i < sizeof(values) / sizeof(values[0]); i++)
		if (isfinite(values[i].value))
			rc = metrics_put(a->t, a->group, a->at, name, row->depth, values[i].m,
					 values[i].kind, values[i].value, a->err);
	return rc;
}

static int put_stages(struct adding *a)
{
	struct stage_work w = {0};
	struct stage_list list;
	size_t i;
	int rc = stage_list_make(&list, a->p, a->err);

	if (rc)
		return rc;
	rc = work_make(&w, a->p, &list);
	if (rc)
		err_nomem(a->err, "a table of values");
	if (rc == 0 && list.n) {
		link_stages(&w, a->p);
		sum_stages(&w, a->p);
	}
	for (i = 0; rc == 0 && i < list.n; i++)
		rc = put_stage(a, &list.rows[i], &w.sums[i]);
	work_release(&w);
	stage_list_release(&list);
	return rc;
}

int metrics_add_run(struct metric_table *t, int group, const struct profile *p, struct err *err)
{
	struct adding a = {.t = t, .group = group, .p = p, .err = err};
	const char *memory = strtab_text(p->strings, p->run.memory);
	struct gate_run run;
	double cpu_ns;
	int rc;

	describe(&run, p);
	cpu_ns = cpu_of(p, &run);
	a.at = group == METRICS_BASE ? t->n_a : t->n_b;
	a.memory = strcmp(memory, "full") == 0 ? METRIC_KIND_COUNT : METRIC_KIND_ESTIMATE;
	a.tracked = strcmp(memory, "full") == 0 || strcmp(memory, "sampled") == 0;
	rc = metrics_add_known(t, group, &run, err);
	if (rc)
		return rc;
	rc = put_totals(&a, cpu_ns);
	if (rc == 0)
		rc = put_stages(&a);
	if (rc == 0)
		rc = metrics_put_statements(t, group, a.at, p, err);
	if (rc)
		metrics_drop_last(t, group);
	return rc;
}
